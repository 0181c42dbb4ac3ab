"""How is a quarter frozen, signed and, when records of it come late, restated; never edited?

A quarter is closed some weekdays after its end, so that people can write down what happened. The first audit after
that is kept as version 1. An audit taken again is kept as another version only when it says something else: a
revision before somebody signed, a restatement afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, time
from hashlib import sha256
from zoneinfo import ZoneInfo

from connector.core.audit_sums import AuditHead, LineChange, changes, digest
from connector.core.codec import from_json, to_json
from connector.core.conditions import PARTNER_TYPES
from connector.core.decisions import Decision, Previous
from connector.core.lever_audit import AuditLine, AuditStatus, Seen, audited, persona_set
from connector.core.policy import Policy
from connector.core.quarters import Quarter, earlier, last_ended, quarter_of
from connector.errors import Misconfigured, Misused, Refused, Stale
from connector.store.audits import RESTATEMENT, REVISION, SNAPSHOT, AuditBook, AuditVersion, LineRow, SignOff
from connector.sync.audit_cards import signature, standing_of
from connector.sync.audit_money import in_effect
from connector.sync.backtest import decided
from connector.sync.batch import uncollected
from connector.sync.context import Context
from connector.sync.decide import people
from connector.sync.plan import existing_tasks, task_state
from connector.sync.streams import to_plan


@dataclass(frozen=True, slots=True)
class Audited:
    """One quarter's audit. `version` is None while the quarter is open: then nothing was kept."""

    quarter: Quarter
    head: AuditHead
    lines: tuple[AuditLine, ...]
    version: AuditVersion | None
    signed: SignOff | None  # the latest signature, of this version or of an earlier one
    standing: dict[str, AuditStatus]
    new: bool = False  # kept just now
    restated: tuple[LineChange, ...] = ()  # against the version before
    last_quarter: str = ""  # what `since` compares with: "FY26-Q3 v1"; empty where nothing was kept of it
    since: tuple[LineChange, ...] = ()

    @property
    def open_until(self) -> date | None:
        """The day on which the quarter closes; None once it was frozen."""
        return None if self.version is not None else self.head.closes_on


def audit(ctx: Context, run_id: int, quarter: Quarter, *, again: bool = False) -> Audited:
    """The quarter's audit: the kept one, a first one when the quarter is closed, else a look at how it stands.

    With `again` a kept quarter is computed anew; what differs is kept as another version. Misconfigured when the
    quarter has not begun, Refused when the kept audit is not as it was kept, Stale when it is to be kept and nothing
    was read since it ended.
    """
    book, today = ctx.store.audits(), ctx.today()
    if quarter.start > today:
        raise Misused("--quarter", f"{quarter} begins on {quarter.start}", "Name a quarter that has begun.")
    kept = book.versions(quarter.label)
    if kept and not again:
        return _shown(ctx, quarter)
    head, lines = _computed(ctx, quarter, min(quarter.last_day, today))
    if today < head.closes_on:
        return _open(ctx, quarter, head, lines)
    _check_read(ctx, quarter)
    new = _keep(ctx, run_id, quarter, head, lines)
    return replace(_shown(ctx, quarter), new=new)


def _check_read(ctx: Context, quarter: Quarter) -> None:
    """Stale when nothing was read since the quarter ended: what would be frozen is not the quarter."""
    end = datetime.combine(quarter.end, time.min, ZoneInfo(ctx.policy.timezone))
    read = [state.read_until for state in ctx.mirror.sources().values() if state.read_until is not None]
    if not read or max(read) < end:
        last = f"{max(read):%Y-%m-%d %H:%M} UTC" if read else "never"
        raise Stale(
            f"the records were last read {last}, by the CRM's clock, and {quarter} ended on {quarter.last_day}: run "
            "`pmom pull`, or name with --as-of or --quarter a day or quarter that the CRM has reached"
        )


def close_quarter(ctx: Context, run_id: int) -> Audited | None:
    """Freeze the last quarter once it is closed; None when that is not due, or nothing was decided in it."""
    today, book = ctx.today(), ctx.store.audits()
    quarter = last_ended(today, ctx.policy.fiscal_year_start_month)
    first = book.first_day()
    if first is None or first >= quarter.end or today < quarter.closes_on(ctx.policy.audit.grace_business_days):
        return None
    return None if book.versions(quarter.label) else audit(ctx, run_id, quarter)


def sign(ctx: Context, quarter: Quarter, by: str, note: str) -> Audited:
    """Somebody stands for the latest version of a quarter; drift in it is accepted from then on.

    Misconfigured when nothing was kept of the quarter or nobody is named, Refused when it is signed already.
    """
    book = ctx.store.audits()
    kept = book.versions(quarter.label)
    if not kept:
        fix = f"Run `pmom audit --quarter {quarter}` once the quarter is closed."
        raise Misconfigured("--sign-off", f"nothing was kept of {quarter}", fix)
    if not by.strip() or not note.strip():
        said = "it is not said by whom and on which grounds"
        raise Misused("--sign-off", said, "Give --by and --note.")
    latest = kept[-1]
    _verified(book, latest)
    signed = signature(book, quarter.label)
    if signed is not None and signed.version == latest.version:
        raise Refused(f"{quarter} v{latest.version} was signed by {signed.by} on {signed.at:%Y-%m-%d}")
    book.sign(SignOff(quarter.label, latest.version, latest.digest, by.strip(), note.strip(), ctx.clock()))
    _to_be_planned(ctx, book, latest)
    return _shown(ctx, quarter)


def _shown(ctx: Context, quarter: Quarter) -> Audited:
    """The latest kept version, checked, beside the one before and the quarter before."""
    book = ctx.store.audits()
    versions = book.versions(quarter.label)
    lines, signed = _verified(book, versions[-1]), signature(book, quarter.label)
    before = _verified(book, versions[-2]) if len(versions) > 1 else ()
    name, last = _quarter_before(ctx, book, quarter)
    return Audited(
        quarter=quarter,
        head=AuditHead.from_json(versions[-1].head),
        lines=lines,
        version=versions[-1],
        signed=signed,
        standing=standing_of(book, versions[-1]),
        restated=changes(before, lines) if before else (),
        last_quarter=name,
        since=changes(last, lines) if name else (),
    )


def _open(ctx: Context, quarter: Quarter, head: AuditHead, lines: tuple[AuditLine, ...]) -> Audited:
    name, last = _quarter_before(ctx, ctx.store.audits(), quarter)
    return Audited(
        quarter=quarter,
        head=head,
        lines=lines,
        version=None,
        signed=None,
        standing={line.partner_id: line.status for line in lines},
        last_quarter=name,
        since=changes(last, lines) if name else (),
    )


def _quarter_before(ctx: Context, book: AuditBook, quarter: Quarter) -> tuple[str, tuple[AuditLine, ...]]:
    past = earlier(quarter, ctx.policy.fiscal_year_start_month)
    kept = book.versions(past.label)
    return (f"{past} v{kept[-1].version}", _verified(book, kept[-1])) if kept else ("", ())


def _verified(book: AuditBook, version: AuditVersion) -> tuple[AuditLine, ...]:
    """The lines of a kept version; Refused when they are not those that were kept."""
    bodies = [row.body for row in book.lines(version.quarter, version.version)]
    if digest(version.head, bodies) != version.digest:
        raise Refused(
            f"the store's {version.quarter} v{version.version} is not as it was kept: its fingerprint is another. "
            "Restore the store from a backup"
        )
    return tuple(AuditLine.from_json(body) for body in bodies)


def _keep(ctx: Context, run_id: int, quarter: Quarter, head: AuditHead, lines: tuple[AuditLine, ...]) -> bool:
    """Keep the audit as another version unless the latest one says the same."""
    book = ctx.store.audits()
    kept = book.versions(quarter.label)
    rows = [_row(line) for line in lines]
    mark = digest(head.to_json(), [row.body for row in rows])
    if kept and _same(book, kept[-1], head, rows):
        return False
    kind = SNAPSHOT if not kept else RESTATEMENT if signature(book, quarter.label) else REVISION
    made = AuditVersion(quarter.label, len(kept) + 1, kind, ctx.clock(), mark, head.to_json())
    book.record(run_id, made, rows)
    _to_be_planned(ctx, book, made)
    return True


def _same(book: AuditBook, latest: AuditVersion, head: AuditHead, rows: list[LineRow]) -> bool:
    before = AuditHead.from_json(latest.head)
    marks = {(partner, mark) for partner, _, mark in book.marks(latest.quarter, latest.version)}
    return before.policy_version == head.policy_version and marks == {(row.partner_id, row.digest) for row in rows}


def _row(line: AuditLine) -> LineRow:
    """A line as it is kept; its digest is of what it tells."""
    mark = sha256(line.told.to_json().encode()).hexdigest()
    return LineRow(line.partner_id, line.status.value, mark, line.to_json())


def _to_be_planned(ctx: Context, book: AuditBook, version: AuditVersion) -> None:
    """The partners' records show how they stand."""
    to_plan(ctx.mirror).add({partner for partner, _, _ in book.marks(version.quarter, version.version)})


def _computed(ctx: Context, quarter: Quarter, day: date) -> tuple[AuditHead, tuple[AuditLine, ...]]:
    """Every partner's line on that day, from the records as the mirror holds them now."""
    if "partners" not in ctx.mirror.sources():
        raise Misconfigured("audit", "nothing was pulled yet", "Run `pmom pull`.")
    past = _Past.of(ctx, quarter)
    held = {id_: each.carried() for id_, each in _history(ctx, day).items()}
    staff = people(ctx)
    with uncollected():
        old = _under_the_earlier_policy(ctx, past, day, held)
        found = list(decided(ctx, ctx.policy, day, held, staff, what="partners audited"))
    live, attended = in_effect(ctx, found, quarter), _attended(ctx)
    lines = tuple(
        audited(
            Seen(
                decision=decision,
                live=live[decision.partner_id],
                earlier=past.decisions(decision.partner_id),
                redecided=old.get(decision.partner_id),
                persona_since=past.persona_since(decision),
                attended=decision.partner_id in attended,
            ),
            ctx.policy,
            quarter,
        )
        for decision in sorted(found, key=lambda each: each.partner_id)
    )
    return _head(ctx, quarter, day, len(lines), past.name), lines


def _head(ctx: Context, quarter: Quarter, day: date, partners: int, compared_with: str) -> AuditHead:
    return AuditHead(
        quarter=quarter.label,
        start=quarter.start,
        end=quarter.end,
        as_of=day,
        closes_on=quarter.closes_on(ctx.policy.audit.grace_business_days),
        policy_version=ctx.policy.version,
        policy=to_json(ctx.policy),
        currency=ctx.policy.corporate_currency,
        partners=partners,
        compared_with=compared_with,
    )


def _history(ctx: Context, day: date) -> dict[str, Decision]:
    return {id_: Decision.from_json(body) for id_, body in ctx.store.audits().decisions_until(day).items()}


def _under_the_earlier_policy(ctx: Context, past: _Past, day: date, held: dict[str, Previous]) -> dict[str, Decision]:
    """Everybody's decision by the policy of the last kept audit, when that is another one than today's."""
    if past.policy is None or past.policy.version == ctx.policy.version:
        return {}
    return {each.partner_id: each for each in decided(ctx, past.policy, day, held, people(ctx))}


def _attended(ctx: Context) -> set[str]:
    """Partners of whom somebody has touched or completed a task about their lever."""
    state = task_state(ctx)
    taken = {task.key for task in existing_tasks(ctx) if task.touched}
    episodes = state.episodes if state else ()
    return {each.subject for each in episodes if each.type in PARTNER_TYPES and each.task_key in taken}


@dataclass(frozen=True, slots=True)
class _Past:
    """What is known of the quarters before: the kept audits, and decisions where none was kept."""

    name: str
    start_month: int
    now: Quarter
    lines: dict[str, AuditLine]  # of the quarter before
    ends: tuple[dict[str, Decision], ...]  # decisions at the quarters' ends, newest first
    policy: Policy | None
    confirmed: str  # the quarter before, when its audit was signed
    first: dict[str, tuple[str, date]]  # persona and day of the first decision

    @staticmethod
    def of(ctx: Context, quarter: Quarter) -> _Past:
        """Read it from the store."""
        book, month = ctx.store.audits(), ctx.policy.fiscal_year_start_month
        past = earlier(quarter, month)
        kept = book.versions(past.label)
        lines = {line.partner_id: line for line in _verified(book, kept[-1])} if kept else {}
        ends = tuple(
            _at_the_end(ctx, book, earlier(quarter, month, back))
            for back in range(1, max(ctx.policy.audit.stuck_quarters, 2))
        )
        head = AuditHead.from_json(kept[-1].head) if kept else None
        first = {id_: Decision.from_json(body) for id_, body in book.first_decisions().items()}
        return _Past(
            name=f"{past} v{kept[-1].version}" if kept else f"{past} decisions" if any(ends[0]) else "",
            start_month=month,
            now=quarter,
            lines=lines,
            ends=ends,
            policy=from_json(Policy, head.policy) if head else None,
            confirmed=past.label if signature(book, past.label) else "",
            first={id_: (each.accountability.persona, each.as_of) for id_, each in first.items()},
        )

    def decisions(self, partner_id: str) -> tuple[Decision, ...]:
        """The partner's decisions at the quarters' ends, newest first, as far as there is no gap."""
        found: list[Decision] = []
        for end in self.ends:
            if partner_id not in end:
                break
            found.append(end[partner_id])
        return tuple(found)

    def persona_since(self, decision: Decision) -> str:
        """Since which quarter the persona stands or was confirmed."""
        first = self.first.get(decision.partner_id)
        of = quarter_of(first[1], self.start_month).label if first else ""
        persona, before = decision.accountability.persona, self.lines.get(decision.partner_id)
        return persona_set(persona, before, first, self.confirmed, self.now, of)


def _at_the_end(ctx: Context, book: AuditBook, quarter: Quarter) -> dict[str, Decision]:
    """Decisions at a quarter's end: as audited, else as the history has them."""
    kept = book.versions(quarter.label)
    if kept:
        return {line.partner_id: line.decision for line in _verified(book, kept[-1])}
    return _history(ctx, quarter.last_day)
