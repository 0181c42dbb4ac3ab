"""How could a budget be split over partners and motions? A proposal from observed returns; nothing is written.

"Moving beyond "Gold Partner, here is $50k" to a capital allocation model." Gates decide who may get money for what,
the policy's caps how much, and the returns of past campaigns where the next increment is expected to bring most.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING

from connector.core.decisions import DEMAND_GEN, FUNDED_MOTIONS, Decision, Outcome
from connector.core.policy import Policy
from connector.errors import Misused, Stale
from connector.sync.context import Context
from connector.sync.decide import moment

if TYPE_CHECKING:
    from connector.facts.funds import Spent
    from connector.measure.allocation import Cap, Ints, Returns

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
    board = _board(decisions, campaigns, countries, policy, motions or FUNDED_MOTIONS, step)
    found = _proposed(board, budget, as_of)
    return replace(
        found,
        less=_moved(found, _proposed(board, budget * (1 - _MOVE), as_of)),
        more=_moved(found, _proposed(board, budget * (1 + _MOVE), as_of)),
    )


@dataclass(frozen=True, slots=True)
class _Board:
    """Everything that does not depend on the budget. `lines` are (partner, motion) in a fixed order."""

    policy: Policy
    step: Decimal
    motions: tuple[str, ...]
    decisions: dict[str, Decision]
    countries: dict[str, str]
    lines: tuple[tuple[str, str], ...]
    candidates: frozenset[int]  # lines that may get money
    known: frozenset[int]  # of those, the ones with campaigns of their own
    explorers: frozenset[int]  # of those, the ones of partners with few campaigns
    returns: Returns | None  # None: there is no counted campaign at all
    counted: Counter[str]  # campaigns by partner
    campaigns: int
    ignored: int

    @property
    def diminishing(self) -> float:
        """From one increment of this size to the next."""
        rules = self.policy.allocation
        share: float = float(rules.diminishing) ** float(self.step / rules.increment)
        return share


def _board(
    decisions: Iterable[Decision],
    campaigns: Iterable[Spent],
    countries: dict[str, str],
    policy: Policy,
    motions: tuple[str, ...],
    step: Decimal,
) -> _Board:
    every = sorted(campaigns, key=lambda each: each.campaign_id)
    most = policy.track_record.max_missing_amounts
    used = [each for each in every if each.spend > 0 and each.unknown <= most * each.opportunities]
    known = {decision.partner_id: decision for decision in sorted(decisions, key=lambda d: d.partner_id)}
    open_lines = {(id_, motion) for id_, d in known.items() for motion in _open_motions(d) if motion in motions}
    tried = Counter((each.partner_id, each.motion) for each in used)
    lines = tuple(sorted(open_lines | set(tried)))
    place = {line: at for at, line in enumerate(lines)}
    counted = Counter(each.partner_id for each in used)
    few = policy.allocation.exploration_campaigns
    candidates = frozenset(place[line] for line in open_lines)
    return _Board(
        policy=policy,
        step=step,
        motions=motions,
        decisions=known,
        countries=countries,
        lines=lines,
        candidates=candidates,
        known=frozenset(at for at in candidates if tried[lines[at]]),
        explorers=frozenset(at for at in candidates if counted[lines[at][0]] < few),
        returns=_returns(used, lines, place, policy) if used else None,
        counted=counted,
        campaigns=len(used),
        ignored=len(every) - len(used),
    )


def _open_motions(decision: Decision) -> tuple[str, ...]:
    return () if decision.excluded or decision.stale else decision.allowed_motions


def _returns(
    used: list[Spent], lines: tuple[tuple[str, str], ...], place: dict[tuple[str, str], int], policy: Policy
) -> Returns:
    import numpy as np

    from connector.measure.allocation import shrunk_returns

    names = {motion: at for at, motion in enumerate(sorted({motion for _, motion in lines}))}
    return shrunk_returns(
        np.array([float(each.spend) for each in used]),
        np.array([float(each.pipeline) for each in used]),
        np.array([place[each.partner_id, each.motion] for each in used]),
        np.array([names[motion] for _, motion in lines]),
        smoothing=float(policy.allocation.smoothing),
        interval=float(policy.allocation.interval),
    )


def _proposed(board: _Board, budget: Decimal, as_of: date) -> Proposal:
    from connector.measure.allocation import laminar

    if board.returns is None:
        return _nothing(board, budget, as_of)
    caps = _caps(board, budget)
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


def _nothing(board: _Board, budget: Decimal, as_of: date) -> Proposal:
    """What is said when no campaign was ever counted."""
    none = Decimal(0)
    return Proposal(
        as_of, board.policy.version, board.policy.corporate_currency, budget, board.step, board.motions, (),
        _left_out(board, set()), none, none, none, none, none, none, 0, board.ignored, True, (),
    )  # fmt: skip


def _units(amount: Decimal, step: Decimal) -> int:
    return int((amount / step).to_integral_value(ROUND_FLOOR))


def _caps(board: _Board, budget: Decimal) -> list[Cap]:
    """The budget first, then every other cap in whole increments."""
    import numpy as np

    from connector.measure.allocation import Cap

    rules, step = board.policy.allocation, board.step

    def cap(name: str, members: Iterable[int], amount: Decimal) -> Cap:
        return Cap(name, np.array(sorted(members), dtype=np.int64), _units(amount, step))

    by_partner: dict[str, list[int]] = {}
    for at in board.candidates:
        by_partner.setdefault(board.lines[at][0], []).append(at)
    found = [cap("budget", range(len(board.lines)), budget)]
    for region, share in rules.region_caps:
        inside = _inside(region, board.policy)
        members = [
            at for id_, ats in by_partner.items() if board.countries.get(id_, "").casefold() in inside for at in ats
        ]
        found.append(cap(f"{region} [allocation.region_caps]", members, share * budget))
    for motion, share in rules.motion_caps:
        members = [at for at in board.candidates if board.lines[at][1] == motion]
        found.append(cap(f"{motion} [allocation.motion_caps]", members, share * budget))
    for id_ in sorted(by_partner):
        name = f"{board.decisions[id_].name or id_} [allocation.partner_cap]"
        found.append(cap(name, by_partner[id_], rules.partner_cap * budget))
    for at in sorted(board.candidates):
        id_, motion = board.lines[at]
        if motion == DEMAND_GEN and board.decisions[id_].outcome is Outcome.PILOT:
            name = f"{board.decisions[id_].name or id_} [triage.pilot_cap]"
            found.append(cap(name, [at], board.policy.triage.pilot_cap))
    return found


def _inside(region: str, policy: Policy) -> set[str]:
    """The region and every code in it, at any depth, folded."""
    taxonomy = {name.casefold(): codes for name, codes in policy.market_fit.regions}
    found: set[str] = set()
    queue = [region.casefold()]
    while queue:
        code = queue.pop()
        if code not in found:
            found.add(code)
            queue.extend(inner.casefold() for inner in taxonomy.get(code, ()))
    return found


def _filled(board: _Board, budget: Decimal, caps: list[Cap]) -> tuple[Ints, Ints]:
    """Increments by line: of the exploration's share, and of the rest."""
    import numpy as np

    from connector.measure.allocation import Cap, split

    assert board.returns is not None
    rules, first = board.policy.allocation, board.returns.expected
    every = np.arange(len(board.lines))
    share = Cap("exploration", every, _units(rules.exploration * budget, board.step))
    mine: dict[str, list[int]] = {}
    for at in sorted(board.explorers):
        mine.setdefault(board.lines[at][0], []).append(at)
    once = [Cap(id_, np.array(ats), 1) for id_, ats in mine.items()]
    explored = split(
        first, board.diminishing, 0.0, [*caps, share, *once], blocked=~np.isin(every, sorted(board.explorers))
    )
    return explored, _rest(board, caps, explored)


def _rest(board: _Board, caps: list[Cap], explored: Ints) -> Ints:
    import numpy as np

    from connector.measure.allocation import split

    assert board.returns is not None
    blocked = ~np.isin(np.arange(len(board.lines)), sorted(board.known))
    hurdle = float(board.policy.allocation.hurdle)
    return split(board.returns.expected, board.diminishing, hurdle, caps, taken=explored, blocked=blocked)


def _marginal(board: _Board, caps: list[Cap], explored: Ints, main: Ints) -> Decimal:
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


def _interval(board: _Board, taken: Ints) -> tuple[Decimal, Decimal]:
    from connector.measure.allocation import expected, total_interval

    assert board.returns is not None
    pipeline = expected(board.returns.expected, board.diminishing, taken, float(board.step))
    low, high = total_interval(pipeline, board.returns.log_variance, float(board.policy.allocation.interval))
    return _money(low), _money(high)


def _line(board: _Board, at: int, units: int, exploring: bool) -> Line:
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


def _left_out(board: _Board, funded: set[str]) -> tuple[LeftOut, ...]:
    """Every partner without money, by id, with the first reason that holds."""
    return tuple(
        LeftOut(id_, decision.name or id_, *_why(board, id_, decision))
        for id_, decision in board.decisions.items()
        if id_ not in funded
    )


def _why(board: _Board, id_: str, decision: Decision) -> tuple[str, str]:
    hurdle = board.policy.allocation.hurdle
    if decision.excluded:
        return "EXCLUDED", "a person took the partner out of scoring"
    if decision.stale:
        return "STALE_SOURCE", "the sources are too old to decide by [stale_after_hours]"
    mine = _lines_of(board, id_)
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


def _lines_of(board: _Board, id_: str) -> list[int]:
    at = bisect_left(board.lines, (id_, ""))
    found = []
    while at < len(board.lines) and board.lines[at][0] == id_:
        if at in board.candidates:
            found.append(at)
        at += 1
    return found


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
