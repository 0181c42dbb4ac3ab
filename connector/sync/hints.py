"""Somebody says that a few records may have changed: what do they say now, and what follows from it at once?

A message is only a hint. The records are read again (connector/sync/named.py), stored as a pull stores them, and the
partners about whom something new was said are decided, planned and written. Cursors are not moved: the scheduled sync
stays the source of truth, and what a hint did is harmless to do again.

The echo of a write of ours comes to nothing here: the record, read again, differs in nothing but its stamp and what
the mirror was told when it was written. An edit by somebody else at the same second differs, and is followed.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from connector.errors import PmomError
from connector.hooks.hint import Hint
from connector.sync.apply import Applied, apply
from connector.sync.context import Context
from connector.sync.decide import Decided, decide
from connector.sync.known import Known, forget_known, known
from connector.sync.named import forget_absent, take_named
from connector.sync.plan import Planned, plan
from connector.sync.pull import pull
from connector.sync.rows import Pulled
from connector.sync.streams import TASKS, Stream, take_up, to_credit, to_decide, to_plan
from connector.sync.tenant import claim

MOST_NAMED = 2_000
"""Above so many records a pull of what changed is made instead.

By name a portal gives 100 records a call and 50 with their stages, so that 2,000 deals cost about 65 calls, as
many as looking through all its objects for changes; an org gives 2,000 by one.
"""


@dataclass(slots=True)
class HintsReport:
    """What a bundle of hints came to."""

    hints: int = 0
    fetched: int = 0  # records read again, also those that hinted ones led to
    different: int = 0  # of them said something new, were gone, or held in our fields what we had not written
    echoes: int = 0  # of them said nothing new
    unmapped: int = 0  # records of objects that the mapping does not read
    waits: str = ""  # why nothing was read: the first sync has not ended
    pulled: Pulled = field(default_factory=Pulled)
    by_name: bool = True  # False: so many that what changed was pulled instead
    decided: Decided | None = None
    planned: Planned | None = None
    applied: Applied | None = None
    refused: str = ""  # the safety limit that stands against the plan; a person must look at it
    calls: int = 0
    seconds: dict[str, float] = field(default_factory=dict)  # wall time by step

    @property
    def partners(self) -> int:
        """How many partners were decided."""
        return self.decided.partners if self.decided else 0

    @property
    def outcomes(self) -> dict[str, int]:
        """How many changes had which outcome."""
        return self.applied.counts if self.applied else {}


def sync_hints(ctx: Context, run_id: int, hints: Sequence[Hint]) -> HintsReport:
    """Read the hinted records again and do what follows from them; the partner's fields are right when this returns.

    Before the first full pull has ended nothing is read and `waits` says so: that pull, and the one of changes after
    it, bring the same news. A CRM error is raised after what was read is stored; what is left to decide, plan or
    write stays marked for the next run.
    """
    report, before = HintsReport(len(hints)), ctx.crm.usage().calls
    with _timed(report, "read"):
        claim(ctx)
        _read(ctx, run_id, hints, report)
    if not report.waits:
        _follow(ctx, run_id, report)
    report.calls = ctx.crm.usage().calls - before
    return report


def hints_summary(report: HintsReport) -> dict[str, Any]:
    """The figures of a bundle of hints."""
    names = (
        "hints",
        "fetched",
        "different",
        "echoes",
        "unmapped",
        "waits",
        "refused",
        "calls",
        "partners",
        "outcomes",
    )
    seconds = {name: round(value, 3) for name, value in report.seconds.items()}
    return {name: getattr(report, name) for name in names} | {"seconds": seconds}


def _read(ctx: Context, run_id: int, hints: Sequence[Hint], report: HintsReport) -> None:
    try:
        there = known(ctx)
        report.waits = _waits(ctx, there)
        if report.waits:
            return
        take_up(ctx.mirror)
        named: dict[str, set[str]] = {}
        for hint in hints:
            named.setdefault(hint.object, set()).add(hint.record_id)
        if sum(map(len, named.values())) > MOST_NAMED:
            report.by_name = False
            report.pulled = pull(ctx, str(run_id))
            report.fetched, report.different = sum(o.rows for o in report.pulled.objects), report.pulled.changed
            forget_absent(ctx)
            return
        _by_name(ctx, run_id, there, named, report)
    except PmomError:
        forget_known(ctx)  # the CRM may have lost what it was thought to have
        raise


def _by_name(ctx: Context, run_id: int, there: Known, named: Mapping[str, set[str]], report: HintsReport) -> None:
    told = take_named(ctx, there, named, ctx.clock(), str(run_id), report.pulled)
    report.fetched, report.different = len(told.asked), len(told.asked & told.different)
    report.echoes = report.fetched - report.different
    report.unmapped = len(told.unmapped)


def _waits(ctx: Context, there: Known) -> str:
    """Why the mirror cannot take single records yet."""
    places = Stream.known(ctx.mirror)
    unread = sorted(r.object for r in there.reads if places.get(r.key, Stream()).full_at is None)
    if not unread:
        return ""
    return f"{unread[0]} was never read in full: the first sync brings these changes as well"


def _follow(ctx: Context, run_id: int, report: HintsReport) -> None:
    """Decide, plan and write what is marked."""
    if to_decide(ctx.mirror).read() != set() or to_credit(ctx.mirror).read() != set():
        with _timed(report, "decide"):
            report.decided = decide(ctx, run_id, marked=True)
    marks = to_plan(ctx.mirror).read()
    if marks is None or marks - {TASKS}:
        with _timed(report, "plan"):
            report.planned = plan(ctx, run_id, everybody=False, tasks=False)
        report.refused = report.planned.refusal or ""
        if not report.planned.plan.empty and not report.refused:
            with _timed(report, "write"):
                report.applied = apply(ctx, run_id, report.planned)


@contextmanager
def _timed(report: HintsReport, name: str) -> Iterator[None]:
    """Note the seconds of the block."""
    since = time.perf_counter()
    yield
    report.seconds[name] = time.perf_counter() - since
