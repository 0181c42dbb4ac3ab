"""What is decided about which partners now, and what changed against the last time?

Decides those partners about whom something new arrived, and everybody when the day or the policy is another one:
windows move at midnight. A decision is appended to the history only when what it says differs from the last.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from connector.core.cards import field_named
from connector.core.decide import decide as decide_one
from connector.core.decisions import Decision, Previous
from connector.core.ownership import UNCHECKED, People, User
from connector.core.scorecard import scorecard
from connector.errors import Refused, Stale
from connector.mirror.affected import among
from connector.store.store import DecisionRow
from connector.sync.batch import uncollected
from connector.sync.context import Context
from connector.sync.credit import CreditRun, News, settle
from connector.sync.streams import take_up, to_credit, to_decide, to_plan

DECIDED_BY = "decided by"
"""The state that names the latest run that decided: plans made before it are stale."""


@dataclass(slots=True)
class Decided:
    """What a run of decisions came to."""

    as_of: date
    partners: int = 0
    changed: list[str] = field(default_factory=list)  # partner ids
    first: int = 0
    gone: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    everybody: bool = True
    credits: int = 0  # opportunities with credit on them, of those looked at
    recredited: int = 0  # new versions of an opportunity's credit
    stale: int = 0  # partners that keep their earlier decision because the sources are too old


def decide(
    ctx: Context,
    run_id: int,
    *,
    as_of: date | None = None,
    everybody: bool = False,
    let_go: bool = False,
    marked: bool = False,
) -> Decided:
    """Decide partners and keep the decisions; the mirror must have been pulled.

    With `marked` only partners about whom something new arrived are decided, also when the day is another one: the
    others are left to the next run without it.

    Refused before anything is kept when more partners are gone than the policy's limits allow and `let_go` is false:
    a condition of the mapping that no longer holds for them looks like that.
    """
    pulled(ctx)
    take_up(ctx.mirror)
    day = as_of or ctx.today()
    stamp = json.dumps({"as_of": day.isoformat(), "policy": ctx.policy.version})
    decided = ctx.store.state("decided")
    other_policy = decided is not None and json.loads(decided)["policy"] != ctx.policy.version
    due = decided is None or other_policy or (decided != stamp and not marked)
    dirty = None if everybody or due else to_decide(ctx.mirror).read()
    result = Decided(day, everybody=dirty is None)
    chosen = None if dirty is None else sorted(dirty)
    if not let_go:
        _check_gone(ctx, _left(ctx, chosen))
    with uncollected():
        settled = _settle(ctx, run_id, day, everybody=chosen is None, other_policy=other_policy)
        result.credits, result.recredited = settled.opportunities, settled.changed
        if chosen is not None:
            chosen = sorted({*chosen, *settled.partners})
        if chosen is None or chosen:
            _decide_some(ctx, run_id, day, chosen, result)
    if result.everybody:
        ctx.store.set_state("decided", stamp)
    ctx.store.set_state(DECIDED_BY, str(run_id))
    to_decide(ctx.mirror).replace(set())
    to_credit(ctx.mirror).replace(set())
    return result


def pulled(ctx: Context) -> None:
    """Stale when the mirror was never filled."""
    if "partners" not in ctx.mirror.sources():
        raise Stale("nothing was pulled yet: run `pmom pull`")


def _settle(ctx: Context, run_id: int, day: date, *, everybody: bool, other_policy: bool) -> CreditRun:
    """Settle the credit of opportunities about which something new arrived, or of all of them."""
    marks = to_credit(ctx.mirror).read()
    news = News(other_policy, None if marks is None else frozenset(marks))
    if not everybody and marks is not None and not marks:
        return CreditRun()
    chosen = None if everybody or marks is None else sorted(marks)
    return settle(ctx, run_id, day, moment(ctx, day), chosen, news)


def _left(ctx: Context, chosen: list[str] | None) -> int:
    """How many of the partners decided before are no partners any more."""
    before = ctx.store.latest_decisions(chosen) if chosen is None or chosen else {}
    among_them = "" if chosen is None else f" WHERE {among('id', chosen)}"
    now = set(ctx.mirror.query(f"SELECT id FROM partners{among_them}").column("id").to_pylist()) if before else set()
    if before and not now and chosen is None:
        raise Stale(f"the mirror holds no partner, and {len(before)} were decided before: run `pmom pull`")
    return len(set(before) - now)


def moment(ctx: Context, day: date) -> datetime:
    """The moment as of which a day's facts are looked at: now when the day is today, else the day's last instant."""
    now = ctx.clock()
    if ctx.today(now) == day:
        return now
    return datetime.combine(day, time.max, ZoneInfo(ctx.policy.timezone)).astimezone(UTC)


def people(ctx: Context) -> People:
    """Our own people, where the CRM shows them."""
    state = ctx.mirror.sources().get("users")
    if state is None or not state.available:
        return UNCHECKED
    rows = ctx.mirror.query("SELECT id, is_active, manager_id FROM users ORDER BY id").to_pylist()
    return People(User(row["id"], bool(row["is_active"]), row["manager_id"]) for row in rows)


def _decide_some(ctx: Context, run_id: int, day: date, chosen: list[str] | None, result: Decided) -> None:
    from connector.facts.gather import compute  # the relations' library takes most of a second to import

    before = ctx.store.latest_decisions(chosen)
    staff = people(ctx)
    changed: list[DecisionRow] = []
    restated: list[DecisionRow] = []
    seen: set[str] = set()
    total = ctx.mirror.count("partners") if chosen is None else len(chosen)
    for facts in compute(ctx.mirror, ctx.policy, moment(ctx, day), chosen):
        seen.add(facts.partner_id)
        earlier = before.get(facts.partner_id)
        previous = Previous.from_json(earlier.previous) if earlier else None
        decision = decide_one(facts, ctx.policy, day, previous, people=staff)
        body = decision.to_json()
        carried = decision.carried().to_json()
        row = DecisionRow(facts.partner_id, _digest(decision, carried), body, carried)
        result.outcomes[decision.outcome.value] += 1
        result.stale += decision.stale
        if earlier is None or earlier.digest != row.digest:
            changed.append(row)
        elif earlier.body != body:
            restated.append(row)
        ctx.progress("partners decided", len(seen), total)
    gone = sorted(set(before) - seen)
    to_plan(ctx.mirror).add(None if chosen is None else seen)
    ctx.store.record_decisions(run_id, day, changed, restated, gone=gone)
    result.partners, result.gone = len(seen), len(gone)
    result.changed = [row.partner_id for row in changed]
    result.first = sum(1 for row in changed if row.partner_id not in before)


def _check_gone(ctx: Context, gone: int) -> None:
    """Refused when so many are gone at once that it is more likely a mistake."""
    limits, known = ctx.policy.limits, len(ctx.store.latest_decisions()) if gone else 0
    if gone >= limits.min_changed_partners and gone > limits.max_changed_share * known:
        share = f"{limits.max_changed_share * 100:.0f} %"
        raise Refused(
            f"{gone} of {known} partners are no longer partners by the mapping's conditions, more than "
            f"limits.max_changed_share ({share}) allows. Look at [[partners]] in {ctx.fieldmap.path} with "
            "`pmom check`; if they are to go, say --let-go"
        )


def _digest(decision: Decision, carried: str) -> str:
    """Equal for decisions that say the same: what is shown, and what the next run must remember."""
    shown = [(name, str(value)) for name, value in scorecard(decision) if not field_named(name).volatile]
    said = json.dumps([shown, carried], ensure_ascii=False)
    return hashlib.sha256(said.encode()).hexdigest()
