"""How would everybody be decided under another policy? Nothing of the answer is kept, here or in the CRM."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from connector.core.backtest import Backtest, compared
from connector.core.decide import decide
from connector.core.decisions import Decision, Previous
from connector.core.ownership import People
from connector.core.policy import Policy
from connector.sync.batch import uncollected
from connector.sync.context import Context
from connector.sync.decide import moment, people, pulled


def backtest(ctx: Context, other: Policy, as_of: date | None = None) -> Backtest:
    """Decide every partner of the mirror under `other` and under the policy in force, and compare.

    Both start from what the store remembers of each partner, so dead bands hold as they would at the next run.
    Stale when nothing was pulled yet.
    """
    pulled(ctx)
    day = as_of or ctx.today()
    held = {id_: Previous.from_json(row.previous) for id_, row in ctx.store.latest_decisions().items()}
    staff = people(ctx)
    with uncollected():
        # the policy in force comes last: what the mirror keeps of a computation is then of it
        there = {each.partner_id: each for each in decided(ctx, other, day, held, staff)}
        found = [(now, there[now.partner_id]) for now in decided(ctx, ctx.policy, day, held, staff)]
    moved = (compared(now, then) for now, then in found)
    return Backtest(
        as_of=day,
        policy=ctx.policy.version,
        other=other.version,
        currency=ctx.policy.corporate_currency,
        partners=len(found),
        moved=tuple(each for each in moved if each is not None),
        stale=sum(now.stale for now, _ in found),
    )


def decided(
    ctx: Context,
    policy: Policy,
    day: date,
    held: dict[str, Previous],
    staff: People,
    *,
    what: str = "partners decided",
) -> Iterator[Decision]:
    """Everybody's decision on that day under that policy, by id; `held`: what to remember of each partner."""
    from connector.facts.gather import compute  # the relations' library takes most of a second to import

    total = ctx.mirror.counts()["partners"]
    for number, facts in enumerate(compute(ctx.mirror, policy, moment(ctx, day)), 1):
        yield decide(facts, policy, day, held.get(facts.partner_id), people=staff)
        ctx.progress(what, number, total)
