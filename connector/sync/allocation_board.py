"""Which partners and motions may get money, what did their campaigns bring, and which caps hold together?"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING

from connector.core.decisions import DEMAND_GEN, Decision, Outcome
from connector.core.policy import Policy

if TYPE_CHECKING:
    from connector.facts.funds import Spent
    from connector.measure.allocation import Cap, Returns


@dataclass(frozen=True, slots=True)
class Board:
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


def laid_out(
    decisions: Iterable[Decision],
    campaigns: Iterable[Spent],
    countries: dict[str, str],
    policy: Policy,
    motions: tuple[str, ...],
    step: Decimal,
) -> Board:
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
    return Board(
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


def units_of(amount: Decimal, step: Decimal) -> int:
    return int((amount / step).to_integral_value(ROUND_FLOOR))


def caps_of(board: Board, budget: Decimal) -> list[Cap]:
    """The budget first, then every other cap in whole increments."""
    import numpy as np

    from connector.measure.allocation import Cap

    rules, step = board.policy.allocation, board.step

    def cap(name: str, members: Iterable[int], amount: Decimal) -> Cap:
        return Cap(name, np.array(sorted(members), dtype=np.int64), units_of(amount, step))

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


def lines_of(board: Board, id_: str) -> list[int]:
    at = bisect_left(board.lines, (id_, ""))
    found = []
    while at < len(board.lines) and board.lines[at][0] == id_:
        if at in board.candidates:
            found.append(at)
        at += 1
    return found
