"""What the figures of the emulators say, and whether they keep what is promised of them."""

from __future__ import annotations

from benchmarks.emulators import Found, Load, Pages
from benchmarks.report import Table, Target, times

START_S, LOAD_S, PEAK_MB = 1.0, 60.0, 1500.0
_LOADS = ("emulator", "records", "seconds", "CPU s", "records/s", "peak MB", "bound s", "bound CPU s", "CPU / bound")
_PAGES = ("page", "records a page", "records/s", "static bytes, records/s")


def tables(found: Found, command: str) -> tuple[tuple[Table, list[Target]], ...]:
    """Starts, loads and pages, each with its targets."""
    return _starts(found, command), _loads(found.loads, command), _pages(found.pages, command)


def _starts(found: Found, command: str) -> tuple[Table, list[Target]]:
    lines = tuple((name, f"{fresh:.2f}", f"{again:.2f}") for name, (fresh, again) in found.starts.items())
    notes = ("From the start of the process until its ready line, medians; plain HTTP, nothing loaded.",)
    targets = [
        Target(f"{name} answers in under 1 s after its start", f"{max(both):.2f} s", max(both) < START_S)
        for name, both in found.starts.items()
    ]
    return Table(
        "Emulators: start", command, ("emulator", "new file, s", "file that is there, s"), lines, notes
    ), targets


def _loads(loads: tuple[Load, ...], command: str) -> tuple[Table, list[Target]]:
    lines = tuple(
        (
            each.name, f"{each.records:,}", f"{each.seconds:.1f}", f"{each.cpu_s:.1f}",
            f"{each.records / each.seconds:,.0f}", f"{each.peak_mb:,.0f}", f"{each.bound_s:.1f}",
            f"{each.bound_cpu_s:.1f}", times(each.cpu_s / each.bound_cpu_s),
        )
        for each in loads
    )  # fmt: skip
    notes = (
        "Until the ready line: every cell checked, all or nothing, indexed and ready for queries. A portal's folder "
        "also holds a link for each deal and an earlier value for every other; they are not counted as records.",
        "Bound: csv and sqlite3's executemany put the same texts into tables without types, keys or indexes.",
    )
    targets: list[Target] = []
    for each in loads:
        text = f"{each.name} takes in {each.records:,} records in under 60 s"
        targets.append(Target(text, f"{each.seconds:.1f} s", each.seconds < LOAD_S))
        targets.append(Target("in under 1,500 MB", f"{each.peak_mb:,.0f} MB", each.peak_mb < PEAK_MB))
    return Table("Emulators: loading CSV folders", command, _LOADS, lines, notes), targets


def _pages(pages: tuple[Pages, ...], command: str) -> tuple[Table, list[Target]]:
    lines = tuple(
        (each.name, f"{each.per_page:,}", f"{each.rows_per_s:,.0f}", f"{each.bound_rows_per_s:,.0f}")
        for each in pages
    )
    notes = (
        "One connection, one call after another, as Python's requests reads them, unzipped and unparsed.",
        "Beside: a server of static bytes sends the very same page to the same reader.",
        "A real org or portal needs some 100 ms a call: 20,000 records/s of 2,000, 1,000 of 100.",
    )
    slow = min(pages, key=lambda each: each.rows_per_s)
    target = Target(
        "every page is served at 10,000 records/s at least", f"{slow.rows_per_s:,.0f} ({slow.name})",
        slow.rows_per_s >= 10_000,
    )  # fmt: skip
    return Table("Emulators: pages", command, _PAGES, lines, notes), [target]
