"""What is proposed for the fund requests that wait, and on which records does it stand?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from connector.core.decisions import Decision
from connector.core.fund_card import FUND_REQUESTS, fund_card
from connector.core.funding import FundingDecision, decide_requests
from connector.core.plan import DesiredRecord, marked
from connector.mapping import keepable
from connector.sync.cards import present
from connector.sync.context import Context
from connector.sync.decide import moment

_HEAD = marked(FUND_REQUESTS, "")


@dataclass(frozen=True, slots=True)
class Asked:
    """The requests looked at, with the decisions on their partners."""

    decided: tuple[FundingDecision, ...]
    partners: Mapping[str, Decision]

    @property
    def marks(self) -> set[str]:
        """The requests, as plans name records."""
        return {marked(FUND_REQUESTS, each.request.id) for each in self.decided}


def asked(ctx: Context, decisions: Iterable[Decision], chosen: list[str] | None, day: date) -> Asked:
    """The decisions on waiting requests of the partners decided about, or of all when `chosen` is None.

    `chosen` are marks: requests among them bring their partners along, whatever else is planned of those.
    """
    partners = {decision.partner_id: decision for decision in decisions}
    if chosen is not None:
        partners |= _of_requests(
            ctx, [mark.removeprefix(_HEAD) for mark in chosen if mark.startswith(_HEAD)], partners
        )
        if not partners:
            return Asked((), {})
    state = ctx.mirror.sources().get(FUND_REQUESTS)
    if state is None or not state.available:
        return Asked((), {})
    from connector.facts.funds import waiting  # the relations' library takes most of a second to import

    found = waiting(ctx.mirror, ctx.policy, moment(ctx, day), None if chosen is None else sorted(partners))
    decided = [
        each
        for partner, requests in sorted(found.requests.items())
        for each in decide_requests(
            requests,
            partners.get(partner),
            found.history(partner),
            ctx.policy,
            pilots_granted=found.pilots[partner],
        )
    ]
    return Asked(tuple(sorted(decided, key=lambda each: each.request.id)), partners)


def _of_requests(ctx: Context, ids: list[str], known: Mapping[str, Decision]) -> dict[str, Decision]:
    """The decisions on the partners behind these requests that are not known yet."""
    owners = sorted(ctx.mirror.affected_partners(FUND_REQUESTS, ids) - set(known)) if ids else []
    rows = ctx.store.latest_decisions(owners) if owners else {}
    return {id_: Decision.from_json(row.body) for id_, row in rows.items()}


def fund_records(ctx: Context, found: Asked) -> list[DesiredRecord]:
    """The cards of the requests that are records of their own; none where the CRM keeps requests elsewhere."""
    if not found.decided or FUND_REQUESTS not in present(ctx.crm, ctx.fieldmap):
        return []
    carried = _carried(ctx)
    records = []
    for each in found.decided:
        if each.request.id in carried:
            card = fund_card(each, ctx.policy.version)
            values = tuple((name, keepable(name, value, FUND_REQUESTS)) for name, value in card)
            records.append(DesiredRecord(each.request.id, values, "", each.decision.value, FUND_REQUESTS))
    return records


def _carried(ctx: Context) -> set[str]:
    """Requests whose row is a record of the object that carries the card."""
    target = ctx.fieldmap.write.object_of(FUND_REQUESTS).lower()
    names = [source.name for source in ctx.fieldmap.of(FUND_REQUESTS) if source.object.lower() == target]
    marks = ", ".join("?" for _ in names)
    if not names:
        return set()
    rows = ctx.mirror.query(f"SELECT id FROM fund_requests WHERE _source IN ({marks})", names)
    return {str(id_) for id_ in rows.column("id").to_pylist()}
