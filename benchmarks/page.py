"""What was measured part by part, kept as data, and the page that is written from it: RESULTS.md says nothing else.

Each part has a file of its own in `results/`, so that one may be measured anew and the others stay as they are.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from benchmarks.parts import PARTS
from benchmarks.report import Table, Target

QUIET = 0.5
"""Running processes a core, above which wall times say more about the neighbours than about us."""

_LOADED = "their wall times and targets are not to be relied on; compare CPU seconds and calls, and measure again."


@dataclass(frozen=True, slots=True)
class Measured:
    """One part: when, how long it took (seconds; None: nobody looked), the load before it, and what was found."""

    part: str
    day: str
    seconds: float | None
    load: float
    cores: int
    machine: tuple[str, ...]
    tables: tuple[Table, ...] = ()
    targets: tuple[Target, ...] = ()

    def plus(self, table: Table, targets: Sequence[Target]) -> Measured:
        """With one more table and its targets."""
        return replace(self, tables=(*self.tables, table), targets=(*self.targets, *targets))


def keep(measured: Measured, folder: Path) -> None:
    """Put a part's figures into its file, instead of those of before."""
    folder.mkdir(exist_ok=True)
    text = json.dumps(asdict(measured), indent=1, ensure_ascii=False)
    (folder / f"{measured.part}.json").write_text(text + "\n", encoding="utf-8")


def kept(folder: Path) -> tuple[Measured, ...]:
    """Every part that was ever measured, in the page's order."""
    paths = (folder / f"{part.name}.json" for part in PARTS)
    return tuple(_read(path.read_text(encoding="utf-8")) for path in paths if path.is_file())


def _read(text: str) -> Measured:
    found = json.loads(text)
    tables = tuple(
        Table(
            each["title"],
            each["command"],
            tuple(each["columns"]),
            tuple(map(tuple, each["rows"])),
            tuple(each["notes"]),
        )
        for each in found.pop("tables")
    )
    targets = tuple(Target(**each) for each in found.pop("targets"))
    return Measured(**{**found, "machine": tuple(found["machine"])}, tables=tables, targets=targets)


def markdown(parts: Sequence[Measured]) -> str:
    """The page; what is met and what is not comes first."""
    lines = [
        "# Results",
        "",
        "Written by `python -m benchmarks`; what is measured, and how: [README](README.md).",
        "",
    ]
    targets = [_line(target) for part in parts for target in part.targets]
    lines += ["## Targets", "", *_grid(("target", "found", ""), targets), ""]
    noisy = [part for part in parts if part.load > QUIET * part.cores]
    if noisy:
        told = ", ".join(f"{part.part} (load {part.load:.1f})" for part in noisy)
        lines += [f"**The machine was not quiet** before {told}: {_LOADED}", ""]
    for table in (table for part in parts for table in part.tables):
        lines += [f"## {table.title}", "", f"`{table.command}`", "", *_grid(table.columns, table.rows), ""]
        lines += [*(f"- {note}" for note in table.notes), ""]
    lines += ["## Parts", "", *_grid(("part", "measured on", "took", "load before"), times(parts)), ""]
    lines += ["## Machine and versions", ""]
    machines = list(dict.fromkeys(part.machine for part in parts))
    for machine in machines:
        who = ", ".join(part.part for part in parts if part.machine == machine)
        lines += [f"Of {who}:", ""] if len(machines) > 1 else []
        lines += [*(f"- {line}" for line in machine), ""]
    return "\n".join(lines)


def times(parts: Iterable[Measured]) -> list[tuple[str, ...]]:
    """A line a part: when it was measured, how long that took, how busy the machine was before."""
    return [(part.part, part.day, took(part.seconds), f"{part.load:.1f}") for part in parts]


def took(seconds: float | None) -> str:
    """`12 s`, `4 min 10 s`."""
    if seconds is None:
        return "not noted"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _line(target: Target) -> tuple[str, str, str]:
    return target.promise, target.found, "met" if target.met else "**not met**"


def _grid(columns: Sequence[str], lines: Iterable[Sequence[str]]) -> list[str]:
    rule = "| " + " | ".join("---" if at == 0 else "---:" for at in range(len(columns))) + " |"
    return [f"| {' | '.join(columns)} |", rule, *(f"| {' | '.join(line)} |" for line in lines)]
