"""Which questions are measured, each apart from the others, and by what? A part is imported only when it is run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.report import Table, Target

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Asked:
    """How large and how often to measure, what the command was, and whom to tell what goes on."""

    rows: int
    rounds: int
    quick: bool
    command: str
    say: Say

    @property
    def sizes(self) -> tuple[int, ...]:
        """Numbers of rows over which memory must not grow."""
        return (self.rows // 4, self.rows) if self.quick else (self.rows // 4, self.rows, self.rows * 4)

    @property
    def few(self) -> int:
        """Rounds of what takes long."""
        return 1 if self.quick else min(self.rounds, 3)


Found = Iterator[tuple["Table", Sequence["Target"]]]


@dataclass(frozen=True, slots=True)
class Part:
    """One question that can be measured by itself."""

    name: str
    question: str
    run: Callable[[Asked], Found]


def _pull(asked: Asked) -> Found:
    from benchmarks import pull, report

    found = pull.compare(asked.rows, asked.rounds, asked.say, slow=not asked.quick)
    yield report.pull_table(found, asked.command)
    yield report.growth_table(pull.growth(pull.SALESFORCE, asked.sizes, asked.say), asked.command, "Salesforce")


def _writes(asked: Asked) -> Found:
    from benchmarks import report, writes

    yield report.write_table(writes.compare(writes.PARTNERS, asked.rounds, asked.say), asked.command)


def _hubspot(asked: Asked) -> Found:
    from benchmarks import hubspot, hubspot_report, incremental, pull, report

    yield hubspot_report.pull_table(hubspot.compare(asked.rows, asked.rounds, asked.say), asked.command)
    yield report.growth_table(pull.growth(hubspot.COURSE, asked.sizes, asked.say), asked.command, "HubSpot")
    updates = hubspot.updates(hubspot.COMPANIES, asked.rounds, asked.say)
    yield hubspot_report.update_table(updates, asked.command)
    asked.say("one changed deal")
    yield hubspot_report.incremental_table(incremental.run("tiny" if asked.quick else "small"), asked.command)


def _decide(asked: Asked) -> Found:
    from benchmarks import decide, report

    asked.say("making a mirror")
    yield report.decide_table(decide.run(0.01 if asked.quick else 1.0, asked.few), asked.command)


def _attribution(asked: Asked) -> Found:
    from benchmarks import attribution

    if not attribution.installed():
        yield attribution.not_compared(asked.command)
        return
    paths = 20_000 if asked.quick else attribution.PATHS
    yield attribution.table(attribution.compare(paths, min(asked.rounds, 3), asked.say), asked.command)


def _emulators(asked: Asked) -> Found:
    from benchmarks import emulators, emulators_report

    records, seconds = (20_000, 0.3) if asked.quick else (emulators.RECORDS, 2.0)
    yield from emulators_report.tables(emulators.run(records, asked.rounds, asked.say, seconds), asked.command)


def _webhooks(asked: Asked) -> Found:
    from benchmarks import webhooks

    rate, seconds = (50, 2.0) if asked.quick else (webhooks.RATE, webhooks.SECONDS)
    yield webhooks.table(webhooks.run(asked.say, rate=rate, seconds=seconds), asked.command)


PARTS = (
    Part("pull", "Opportunities into the mirror, beside other clients; does memory grow?", _pull),
    Part("writes", "10,000 changed partners written back: calls and seconds", _writes),
    Part("hubspot", "deals into the mirror, companies written back, one changed deal", _hubspot),
    Part("decide", "facts and decisions of everybody, and of one changed opportunity", _decide),
    Part("attribution", "touch models beside the field's library", _attribution),
    Part("emulators", "start, load and pages of the emulated CRMs", _emulators),
    Part("webhooks", "how long a webhook's sender waits at 200 posts a second", _webhooks),
)
"""In the order of the page."""


def chosen(names: str | None) -> tuple[Part, ...]:
    """The parts of those names with commas between, in the page's order; all without names; ValueError for others."""
    if not names:
        return PARTS
    wanted = {name.strip() for name in names.split(",") if name.strip()}
    unknown = sorted(wanted - {part.name for part in PARTS})
    if unknown or not wanted:
        raise ValueError(f"{', '.join(unknown) or names} is no part; there are {', '.join(p.name for p in PARTS)}")
    return tuple(part for part in PARTS if part.name in wanted)
