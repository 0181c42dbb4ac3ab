"""How could a budget be split over partners and motions? A proposal from observed returns; nothing is written.

"Moving beyond "Gold Partner, here is $50k" to a capital allocation model." Gates decide who may get money for what,
the policy's caps how much, and the returns of past campaigns where the next increment is expected to bring most.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING

from connector.core.decisions import FUNDED_MOTIONS, Decision
from connector.core.policy import Policy
from connector.errors import Misused, Stale
from connector.sync.allocation_board import Board, caps_of, laid_out, lines_of, units_of
from connector.sync.context import Context
from connector.sync.decide import moment

if TYPE_CHECKING:
    from connector.facts.funds import Spent
    from connector.measure.allocation import Cap, Ints

_MOVE = Decimal("0.10")  # by how much the budget is moved to see what changes
_MOST_UNITS = 100_000


@dataclass(frozen=True, slots=True)
class Line:
    """What one partner would get for one motion; money in the corporate currency, ratios are pipeline to spend."""

    partner_id: str
    name: str
    motion: str
    amount: Decimal
    pipeline: Decimal  # expected of the amount
    low: Decimal  # of the interval of the pipeline
    high: Decimal
    ratio: Decimal  # expected of the first increment
    next_ratio: Decimal  # expected of one increment more
    campaigns: int  # counted campaigns of this partner and motion
    observed: Decimal | None  # their pooled ratio
    exploring: bool  # the amount holds an increment of the exploration's share


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A partner that gets nothing, and why."""

    partner_id: str
    name: str
    code: str
    said: str


@dataclass(frozen=True, slots=True)
class Moved:
    """What another budget would change."""

    budget: Decimal
    spent: Decimal
    pipeline: Decimal
    changes: tuple[tuple[str, str, Decimal], ...]  # (partner, motion, amount more or less)


@dataclass(frozen=True, slots=True)
class Proposal:
    """A split of a budget. `marginal` is the pipeline that the next unit of money would bring."""

    as_of: date
    policy_version: str
    currency: str
    budget: Decimal
    increment: Decimal
    motions: tuple[str, ...]
    lines: tuple[Line, ...]
    left_out: tuple[LeftOut, ...]
    spent: Decimal
    explored: Decimal
    pipeline: Decimal
    low: Decimal
    high: Decimal
    marginal: Decimal
    campaigns: int  # counted in the model
    ignored: int  # campaigns with too many unknown amounts
    exact: bool  # the caps are nested, so no better split of whole increments exists
    limits: tuple[str, ...]  # caps that are used up
    less: Moved | None = None
    more: Moved | None = None


def propose(
    ctx: Context, budget: Decimal, *, motions: tuple[str, ...] = (), increment: Decimal | None = None
) -> Proposal:
    """A split of the budget by the latest decisions and every counted campaign; Stale when nothing was decided."""
    rows = ctx.store.latest_decisions()
    decisions = [Decision.from_json(row.body) for row in rows.values()]
    if not decisions:
        raise Stale("nothing was decided yet: run `pmom pull` and `pmom decide`")
    from connector.facts import taxonomy
    from connector.facts.funds import spent  # the relations' library takes most of a second to import

    day = max(decision.as_of for decision in decisions)
    campaigns = spent(ctx.mirror, ctx.policy, moment(ctx, day))
    places = ctx.mirror.query("SELECT id, country FROM partners").to_pylist()
    countries = {row["id"]: taxonomy.region(row["country"] or "", ctx.policy.market_fit) or "" for row in places}
    return proposal(
        decisions, campaigns, countries, ctx.policy, budget, motions=motions, increment=increment, as_of=day
    )


def proposal(
    decisions: Iterable[Decision],
    campaigns: Iterable[Spent],
    countries: dict[str, str],
    policy: Policy,
    budget: Decimal,
    *,
    as_of: date,
    motions: tuple[str, ...] = (),
    increment: Decimal | None = None,
) -> Proposal:
    """The same from values alone; `countries`: partner id -> code. Whatever the order of the arguments."""
    step = policy.allocation.increment if increment is None else increment
    if step <= 0 or budget < step or budget > step * _MOST_UNITS:
        fix = f"Give a budget of 1 to {_MOST_UNITS:,} increments, or another --increment."
        raise Misused("--budget", f"a budget of {budget:,} cannot be split by {step:,}", fix)
    board = laid_out(decisions, campaigns, countries, policy, motions or FUNDED_MOTIONS, step)
    found = _proposed(board, budget, as_of)
    return replace(
        found,
        less=_moved(found, _proposed(board, budget * (1 - _MOVE), as_of)),
        more=_moved(found, _proposed(board, budget * (1 + _MOVE), as_of)),
    )


def _proposed(board: Board, budget: Decimal, as_of: date) -> Proposal:
    from connector.measure.allocation import laminar

    if board.returns is None:
        return _nothing(board, budget, as_of)
    caps = caps_of(board, budget)
    explored, main = _filled(board, budget, caps)
    taken = explored + main
    lines = tuple(_line(board, at, int(taken[at]), bool(explored[at])) for at in range(len(taken)) if taken[at])
    low, high = _interval(board, taken)
    return Proposal(
        as_of=as_of,
        policy_version=board.policy.version,
        currency=board.policy.corporate_currency,
        budget=budget,
        increment=board.step,
        motions=board.motions,
        lines=tuple(sorted(lines, key=lambda line: (-line.amount, -line.pipeline, line.partner_id, line.motion))),
        left_out=_left_out(board, {line.partner_id for line in lines}),
        spent=board.step * int(taken.sum()),
        explored=board.step * int(explored.sum()),
        pipeline=sum((line.pipeline for line in lines), Decimal(0)),
        low=low,
        high=high,
        marginal=_marginal(board, caps, explored, main),
        campaigns=board.campaigns,
        ignored=board.ignored,
        exact=laminar(caps, len(board.lines)),
        limits=tuple(cap.name for cap in caps[1:] if cap.units <= int(taken[cap.members].sum()) and len(cap.members)),
    )


def _nothing(board: Board, budget: Decimal, as_of: date) -> Proposal:
    """What is said when no campaign was ever counted."""
    none = Decimal(0)
    return Proposal(
        as_of, board.policy.version, board.policy.corporate_currency, budget, board.step, board.motions, (),
        _left_out(board, set()), none, none, none, none, none, none, 0, board.ignored, True, (),
    )  # fmt: skip


def _filled(board: Board, budget: Decimal, caps: list[Cap]) -> tuple[Ints, Ints]:
    """Increments by line: of the exploration's share, and of the rest."""
    import numpy as np

    from connector.measure.allocation import Cap, split

    assert board.returns is not None
    rules, first = board.policy.allocation, board.returns.expected
    every = np.arange(len(board.lines))
    share = Cap("exploration", every, units_of(rules.exploration * budget, board.step))
    mine: dict[str, list[int]] = {}
    for at in sorted(board.explorers):
        mine.setdefault(board.lines[at][0], []).append(at)
    once = [Cap(id_, np.array(ats), 1) for id_, ats in mine.items()]
    explored = split(
        first, board.diminishing, 0.0, [*caps, share, *once], blocked=~np.isin(every, sorted(board.explorers))
    )
    return explored, _rest(board, caps, explored)


def _rest(board: Board, caps: list[Cap], explored: Ints) -> Ints:
    import numpy as np

    from connector.measure.allocation import split

    assert board.returns is not None
    blocked = ~np.isin(np.arange(len(board.lines)), sorted(board.known))
    hurdle = float(board.policy.allocation.hurdle)
    return split(board.returns.expected, board.diminishing, hurdle, caps, taken=explored, blocked=blocked)


def _marginal(board: Board, caps: list[Cap], explored: Ints, main: Ints) -> Decimal:
    """Pipeline per unit of money of one increment more, all other caps as they are."""
    from connector.measure.allocation import expected

    assert board.returns is not None
    wider = [replace(caps[0], units=caps[0].units + 1), *caps[1:]]
    after = _rest(board, wider, explored)
    step = float(board.step)
    first = board.returns.expected
    gain = expected(first, board.diminishing, explored + after, step) - expected(
        first, board.diminishing, explored + main, step
    )
    return _ratio(float(gain.sum()) / step)


def _interval(board: Board, taken: Ints) -> tuple[Decimal, Decimal]:
    from connector.measure.allocation import expected, total_interval

    assert board.returns is not None
    pipeline = expected(board.returns.expected, board.diminishing, taken, float(board.step))
    low, high = total_interval(pipeline, board.returns.log_variance, float(board.policy.allocation.interval))
    return _money(low), _money(high)


def _line(board: Board, at: int, units: int, exploring: bool) -> Line:
    returns, step = board.returns, float(board.step)
    assert returns is not None
    id_, motion = board.lines[at]
    worth = step * sum(board.diminishing**nth for nth in range(units))
    first, own = float(returns.expected[at]), float(returns.own[at])
    decision = board.decisions[id_]
    return Line(
        partner_id=id_,
        name=decision.name or id_,
        motion=motion,
        amount=board.step * units,
        pipeline=_money(first * worth),
        low=_money(float(returns.low[at]) * worth),
        high=_money(float(returns.high[at]) * worth),
        ratio=_ratio(first),
        next_ratio=_ratio(first * board.diminishing**units),
        campaigns=int(returns.campaigns[at]),
        observed=_ratio(own) if int(returns.campaigns[at]) else None,
        exploring=exploring,
    )


def _left_out(board: Board, funded: set[str]) -> tuple[LeftOut, ...]:
    """Every partner without money, by id, with the first reason that holds."""
    return tuple(
        LeftOut(id_, decision.name or id_, *_why(board, id_, decision))
        for id_, decision in board.decisions.items()
        if id_ not in funded
    )


def _why(board: Board, id_: str, decision: Decision) -> tuple[str, str]:
    hurdle = board.policy.allocation.hurdle
    if decision.excluded:
        return "EXCLUDED", "a person took the partner out of scoring"
    if decision.stale:
        return "STALE_SOURCE", "the sources are too old to decide by [stale_after_hours]"
    mine = lines_of(board, id_)
    if not mine:
        reasons = ", ".join(decision.reasons)
        wanted = ", ".join(board.motions)
        return "MOTION_CLOSED", f"{decision.outcome}: none of {wanted} is open ({reasons})"
    if board.returns is None:
        return "NO_CAMPAIGNS", "no campaign of any partner was counted yet"
    tried = [at for at in mine if at in board.known]
    n = board.counted[id_]
    if not tried:
        few = board.policy.allocation.exploration_campaigns
        if n < few:
            return (
                "EXPLORATION_FULL",
                f"{n} counted campaigns, and the share for such partners is used up [allocation.exploration]",
            )
        untried = ", ".join(board.lines[at][1] for at in mine)
        return "MOTION_UNTRIED", f"{decision.outcome}: {n} counted campaigns, none of what is open ({untried})"
    best = max(float(board.returns.expected[at]) for at in tried)
    counted = sum(int(board.returns.campaigns[at]) for at in tried)
    if best < float(hurdle):
        return "BELOW_HURDLE", f"{best:.1f}:1 expected over {counted} campaigns, {hurdle}:1 asked [allocation.hurdle]"
    return "BUDGET_OR_CAPS", f"{best:.1f}:1 expected over {counted} campaigns; others bring more, or a cap is full"


def _moved(base: Proposal, other: Proposal) -> Moved:
    """What the other budget changes, the largest changes first."""
    before = {(line.partner_id, line.motion): line for line in base.lines}
    after = {(line.partner_id, line.motion): line for line in other.lines}
    none = Decimal(0)
    changes = []
    for key in sorted({*before, *after}):
        was, now = before.get(key), after.get(key)
        by = (now.amount if now else none) - (was.amount if was else none)
        if by:
            changes.append(((was or now).name, key[1], by))  # type: ignore[union-attr]
    ordered = sorted(changes, key=lambda change: (-abs(change[2]), change[0], change[1]))
    return Moved(other.budget, other.spent, other.pipeline, tuple(ordered))


def _money(amount: float) -> Decimal:
    return Decimal(amount).quantize(Decimal("0.01"), ROUND_HALF_EVEN)


def _ratio(value: float) -> Decimal:
    return Decimal(value).quantize(Decimal("0.01"), ROUND_HALF_EVEN)
