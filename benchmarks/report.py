"""What the figures say: tables of ratios, and every target with met or not met."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks import pull, writes
from benchmarks.pull import Row

VERSIONS = (
    "simple-salesforce",
    "hubspot-api-client",
    "dlt",
    "duckdb",
    "pyarrow",
    "ibis-framework",
    "requests",
    "orjson",
    "pandas",
    "numpy",
    "psutil",
)
FLAT = 1.25
"""Memory counts as flat when the largest pull takes at most so many times the memory of the one before it."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table with what stands above and below it."""

    title: str
    command: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Target:
    """A promise, what was found, and whether it holds."""

    promise: str
    found: str
    met: bool


def machine() -> tuple[str, ...]:
    """The class of machine and the version of everything that was measured; no name of the machine."""
    megabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    kind = f"{os.cpu_count()} cores ({platform.machine()}), {megabytes:.0f} GB of memory, {platform.system()}"
    return kind, f"Python {platform.python_version()}", *(f"{name} {_version(name)}" for name in VERSIONS)


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def times(ratio: float) -> str:
    """A ratio as it is shown."""
    return f"{ratio:.2f}x" if ratio < 10 else f"{ratio:.0f}x"


PULL_COLUMNS = (
    "contender", "wall / ours", "CPU / ours", "rows/s", "wall s", "spread s", "CPU s", "peak MB", "API calls",
    "rounds", "server CPU s",
)  # fmt: skip


def pull_lines(found: Sequence[Row], ours: Row) -> tuple[tuple[str, ...], ...]:
    """A line for each contender of a pull."""
    return tuple(
        (
            row.name,
            times(row.wall_s / ours.wall_s),
            times(row.cpu_s / ours.cpu_s),
            f"{row.rows_per_s:,.0f}",
            f"{row.wall_s:.2f}",
            f"{row.spread[0]:.2f}-{row.spread[1]:.2f}",
            f"{row.cpu_s:.2f}",
            f"{row.peak_mb:,.0f}",
            f"{row.calls:,}",
            f"{row.rounds}",
            f"{row.server_cpu_s:.2f}",
        )
        for row in found
    )


def pull_table(found: Sequence[Row], command: str) -> tuple[Table, list[Target]]:
    """The pull beside its peers. Ratios: everybody's wall time in units of ours."""
    by_name = {row.name: row for row in found}
    ours = by_name[pull.OURS]
    notes = (
        f"{ours.rows:,} Opportunities x 20 fields. Wall and CPU of the work alone, without imports, for everybody.",
        "`query_all` and `bulk2 + csv` store and type nothing: easier tasks, kept because people do just that.",
        "`pmom` also describes the object, asks for the number of rows, checks every page's header and count, fills "
        "three tables (opportunities and two kinds of partner links) instead of one, and can go on after a crash.",
    )
    bound, stored, dlt = (by_name[name] for name in (pull.BOUND, pull.STORED, pull.DLT))
    unstored = by_name[pull.UNSTORED]
    over, twice, many = ours.wall_s / bound.wall_s, stored.wall_s / ours.wall_s, dlt.wall_s / ours.wall_s
    plain = unstored.wall_s / ours.wall_s
    targets = [
        Target("Salesforce: a pull takes at most 1.5 times the lower bound's wall time", times(over), over <= 1.5),
        Target(
            "Salesforce: at least 2 times the rows/s of simple-salesforce bulk2 + csv, stored in DuckDB as well",
            f"{times(twice)} (and {times(plain)} of bulk2 + csv that stores and types nothing)",
            twice >= 2,
        ),
        Target(
            "Salesforce: at least 15 times the rows/s of dlt with parquet files",
            f"{times(many)} (the lower bound itself: {times(dlt.wall_s / bound.wall_s)})",
            many >= 15,
        ),
    ]
    return Table("Salesforce: pull", command, PULL_COLUMNS, pull_lines(found, ours), notes), targets


def growth_table(found: Sequence[Row], command: str, crm: str) -> tuple[Table, list[Target]]:
    """Memory over rows."""
    lines = tuple(
        (f"{row.rows:,}", f"{row.peak_mb:,.0f}", f"{row.wall_s:.2f}", f"{row.rows_per_s:,.0f}", f"{row.calls}")
        for row in found
    )
    ratio = found[-1].peak_mb / found[-2].peak_mb
    grown = found[-1].rows / found[-2].rows
    target = Target(
        f"{crm}: memory is flat: {grown:.0f} times the rows take at most {FLAT} times the memory",
        " and ".join(f"{row.peak_mb:,.0f} MB for {row.rows:,} rows" for row in found[-2:]),
        ratio <= FLAT,
    )
    columns = ("rows", "peak MB", "wall s", "rows/s", "API calls")
    notes = ("Below some 200,000 rows buffers are not yet full, so the two larger sizes are compared.",)
    return Table(f"{crm}: memory of our pull", command, columns, lines, notes), [target]


def write_table(found: Sequence[tuple[Row, int]], command: str) -> tuple[Table, list[Target]]:
    """The write-back beside simple-salesforce."""
    by_name = {row.name: (row, calls) for row, calls in found}
    lines = []
    for row, calls in found:
        scale = writes.PARTNERS / row.rows if row.name == writes.EACH else 1.0
        about = "about " if scale != 1 else ""
        lines.append(
            (
                row.name,
                f"{about}{calls * scale:,.0f}",
                f"{about}{row.wall_s * scale:.2f}",
                f"{about}{row.cpu_s * scale:.2f}",
                f"{row.peak_mb:,.0f}",
                f"{row.calls}",
                f"{row.rounds}",
            )
        )
    job, collections = by_name[writes.JOB][1], by_name[writes.COLLECTIONS][1]
    targets = [
        Target(
            "Salesforce: 10,000 changed partners cost at most one ingest job of 7 calls", f"{job} calls", job <= 7
        ),
        Target("Salesforce: or at most 50 collection calls", f"{collections} calls", collections <= 50),
    ]
    columns = ("contender", "calls of the write", "wall s", "CPU s", "peak MB", "all calls of the run", "rounds")
    notes = (
        "Everybody ends knowing what became of each record. A process signs in and describes the object once.",
        "One call a record was made for 200 partners; its calls and seconds are multiplied by 50. On loopback: a "
        "real org answers in some 150 ms, which is 25 minutes for 10,000 calls one after another.",
    )
    title = "Salesforce: write-back of 10,000 changed partners x 5 fields"
    return Table(title, command, columns, tuple(lines), notes), targets


def decide_table(found: dict[str, Any], command: str) -> tuple[Table, list[Target]]:
    """Facts and decisions, of everybody and after one changed opportunity."""
    counts = found["counts"]
    alone = found["facts"]
    lines = (
        ("facts and decisions of everybody", f"{found['everybody_s']:.2f} s", f"{found['peak_mb']:,.0f} MB"),
        ("the same in CPU seconds", f"{found['everybody_cpu_s']:.2f} s", ""),
        ("the facts alone, their SQL compiled", f"{alone['full_s']:.2f} s", f"{alone['peak_mb']:,.0f} MB"),
        ("compiling the facts' SQL, once a process", f"{alone['compile_s']:.2f} s", ""),
        ("one changed opportunity, median", f"{found['one_deal_ms']:.0f} ms", ""),
        ("one changed opportunity, 95th percentile", f"{found['one_deal_p95_ms']:.0f} ms", ""),
        *((f"of which {part}", f"{took:.0f} ms", "") for part, took in found["one_deal_parts_ms"].items()),
    )
    size = ", ".join(f"{counts[name]:,} {name}" for name in ("partners", "opportunities", "meetings"))
    targets = [
        Target(
            "facts and decisions of everybody in under 8 s", f"{found['everybody_s']:.2f} s", found["everybody_s"] < 8
        ),
        Target("in under 1,500 MB", f"{found['peak_mb']:,.0f} MB", found["peak_mb"] < 1500),
        Target(
            "one changed opportunity is decided anew in under 150 ms",
            f"{found['one_deal_ms']:.0f} ms (median)",
            found["one_deal_ms"] < 150,
        ),
    ]
    notes = (
        f"{size} (a meeting is a touch); {found['rounds']} fresh processes over one mirror file, medians.",
        "One changed opportunity: stored in the mirror, its partners found, their facts computed, decided and put on "
        "score cards, in a process that has decided before.",
    )
    return Table("Facts and decisions", command, ("what", "time", "peak memory"), lines, notes), targets
