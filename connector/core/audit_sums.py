"""What does a whole audit come to: by decision and motion, by drift, by portfolio, and against another one?"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from connector.core.backtest import Money, money_of
from connector.core.codec import from_json, to_json
from connector.core.facts import LiveItem
from connector.core.lever_audit import AuditLine, AuditStatus, Drift


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditHead:
    """What an audit is about. `policy` is the whole policy's JSON, so that a later audit can decide by it again."""

    quarter: str
    start: date
    end: date  # first day that no longer belongs to it
    as_of: date
    closes_on: date  # from then on it is frozen
    policy_version: str
    policy: str
    currency: str
    partners: int
    compared_with: str = ""  # the quarter before, and what was known of it: "FY26-Q3 v1" or "FY26-Q3 decisions"

    def to_json(self) -> str:
        """Canonical JSON."""
        return to_json(self)

    @staticmethod
    def from_json(text: str) -> AuditHead:
        """The value that `to_json` made."""
        return from_json(AuditHead, text)


def digest(head: str, lines: Iterable[str]) -> str:
    """A fingerprint of a kept audit: of its head and of its lines in the order of the partners' ids."""
    found = hashlib.sha256(head.encode())
    for line in lines:
        found.update(hashlib.sha256(line.encode()).digest())
    return found.hexdigest()


@dataclass(frozen=True, slots=True)
class Share:
    """Partners under one heading, their live money, and that part of it that some drift is about."""

    heading: str
    motion: str
    partners: int
    live: Money
    at_risk: Money


def by_decision(lines: Sequence[AuditLine]) -> tuple[Share, ...]:
    """One row a decision and motion; an item is in exactly one, so the rows add up to the whole."""
    groups: dict[tuple[str, str], list[tuple[AuditLine, LiveItem]]] = defaultdict(list)
    for line in lines:
        for item in line.live:
            groups[line.decision.outcome.value, item.motion].append((line, item))
    return tuple(
        Share(
            outcome,
            motion,
            len({line.partner_id for line, _ in held}),
            money_of(item for _, item in held),
            money_of(item for line, item in held if item in line.at_risk),
        )
        for (outcome, motion), held in sorted(groups.items())
    )


def by_drift(lines: Sequence[AuditLine]) -> tuple[Share, ...]:
    """One row a class of drift; a partner or an item may be in several, so the rows do not add up."""
    rows = []
    for drift in Drift:
        held = [line for line in lines if line.of(drift)]
        touched = [_touched(line, drift) for line in held]
        items = [item for part in touched for item in part]
        rows.append(Share(drift.value, drift.name, len(held), money_of(items), money_of(items)))
    return tuple(rows)


def _touched(line: AuditLine, drift: Drift) -> tuple[LiveItem, ...]:
    ids = {id_ for each in line.of(drift) for id_ in each.items}
    return tuple(item for item in line.live if f"{item.kind}/{item.id}" in ids)


def whole(lines: Sequence[AuditLine]) -> tuple[Money, Money]:
    """All live money, and that which some drift is about, each item once."""
    live = money_of(item for line in lines for item in line.live)
    return live, money_of(item for line in lines for item in line.at_risk)


def portfolios(lines: Sequence[AuditLine]) -> tuple[tuple[str, tuple[AuditLine, ...]], ...]:
    """Lines with drift by account manager ("" where there is none), by id; within one, most money at risk first."""
    groups: dict[str, list[AuditLine]] = defaultdict(list)
    for line in lines:
        if line.found:
            groups[line.decision.accountability.account_manager.id or ""].append(line)
    return tuple((who, tuple(sorted(held, key=_weight))) for who, held in sorted(groups.items()))


def _weight(line: AuditLine) -> tuple[object, ...]:
    return (-money_of(line.at_risk).amount, tuple(each.drift.value for each in line.found), line.partner_id)


@dataclass(frozen=True, slots=True)
class LineChange:
    """What differs about one partner between two audits; empty statuses where it was not there."""

    partner_id: str
    name: str
    before: str
    after: str
    appeared: tuple[str, ...]  # drift that is new, as "D1 VELOCITY_FAILS"
    gone: tuple[str, ...]
    stayed: tuple[str, ...]
    said: tuple[str, ...]  # what else differs: "decision: A -> B", "at risk: 1 -> 2", "figures"

    @property
    def matters(self) -> bool:
        """Whether status, drift, decision, lever or money differ, not only a count."""
        return self.before != self.after or bool(self.appeared or self.gone) or self.said not in ((), ("figures",))


def changes(before: Iterable[AuditLine], after: Iterable[AuditLine]) -> tuple[LineChange, ...]:
    """Every partner whose line is not the same, by id."""
    first = {line.partner_id: line for line in before}
    second = {line.partner_id: line for line in after}
    found = (_change(first.get(id_), second.get(id_)) for id_ in sorted({*first, *second}))
    return tuple(each for each in found if each is not None)


def _change(was: AuditLine | None, now: AuditLine | None) -> LineChange | None:
    either = now or was
    if either is None or (was is not None and now is not None and was.told == now.told):
        return None
    old, new = _codes(was), _codes(now)
    return LineChange(
        partner_id=either.partner_id,
        name=either.decision.name,
        before=was.status.value if was else "",
        after=now.status.value if now else "",
        appeared=tuple(sorted(new - old)),
        gone=tuple(sorted(old - new)),
        stayed=tuple(sorted(old & new)),
        said=_said(was, now),
    )


def _codes(line: AuditLine | None) -> set[str]:
    return {f"{each.drift} {each.code}" for each in line.found} if line else set()


def _said(was: AuditLine | None, now: AuditLine | None) -> tuple[str, ...]:
    if was is None or now is None:
        return ()
    pairs = (
        ("decision", was.decision.outcome.value, now.decision.outcome.value),
        ("lever", was.decision.lever.value, now.decision.lever.value),
        ("persona", was.decision.accountability.persona, now.decision.accountability.persona),
        ("live", _amount(was.live), _amount(now.live)),
        ("at risk", _amount(was.at_risk), _amount(now.at_risk)),
    )
    return tuple(f"{name}: {old or '-'} -> {new or '-'}" for name, old, new in pairs if old != new) or ("figures",)


def _amount(items: Iterable[LiveItem]) -> str:
    found = money_of(items)
    return f"{found.amount:,.2f}" + (f" and {found.unknown} unknown" if found.unknown else "")


def standing(lines: Iterable[tuple[str, str, str]], signed: Mapping[str, str] | None) -> dict[str, AuditStatus]:
    """Partner -> how it stands. `lines`: (partner, status, digest); `signed`: partner -> digest of its signed line.

    Drift is accepted once a line was signed for, and drift again where a later version says something else.
    """
    found = {}
    for partner, status, mark in lines:
        kept = AuditStatus(status)
        accepted = kept is AuditStatus.DRIFT and signed is not None and signed.get(partner) == mark
        found[partner] = AuditStatus.ACCEPTED if accepted else kept
    return found
