"""What is proposed for the fund requests that wait, and on which records does it stand?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from connector.core.claims import claim_conditions
from connector.core.conditions import (
    Condition,
    EndingRegistration,
    registration_conditions,
    request_conditions,
)
from connector.core.contested import contested_conditions
from connector.core.decisions import Decision
from connector.core.fund_card import FUND_REQUESTS, fund_card
from connector.core.funding import FundingDecision, decide_requests
from connector.core.plan import DesiredRecord, marked
from connector.mapping import keepable
from connector.sync.cards import present
from connector.sync.contested import contested, open_claims
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
        return Asked((), partners)
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


def conditions(ctx: Context, found: Asked, day: date, *, everybody: bool) -> list[Condition]:
    """What calls for a task: these partners' requests, claims and registrations; of everybody, credit too."""
    ending = _ending(ctx, None if everybody else sorted(found.partners), day)
    return [
        *request_conditions(found.decided, found.partners),
        *registration_conditions(ending, found.partners, ctx.policy, day),
        *claim_conditions(open_claims(ctx), found.partners, ctx.policy),
        *(contested_conditions(contested(ctx), ctx.policy, day) if everybody else ()),
    ]


_ENDING = """
WITH company AS (SELECT id, survivor FROM aliases WHERE family = 'company')
SELECT r.id, coalesce(c.survivor, r.partner_id) AS partner_id, coalesce(o.name, o.id) AS deal,
    r.expires_on, r.submitted_at
FROM registrations r JOIN opportunities o ON o.id = r.opportunity_id LEFT JOIN company c ON c.id = r.partner_id
WHERE r.status = 'approved' AND NOT coalesce(o.is_closed, false)
    AND (r.expires_on IS NULL OR r.expires_on BETWEEN ? AND ?)
ORDER BY r.id
"""


def _ending(ctx: Context, partners: list[str] | None, day: date) -> list[EndingRegistration]:
    """Approved registrations of open deals; one without an end of its own holds for the policy's window."""
    zone, window = ZoneInfo(ctx.policy.timezone), timedelta(days=ctx.policy.attribution.window_days)
    wanted = None if partners is None else set(partners)
    found = []
    last = day + timedelta(days=ctx.policy.tasks.registration_notice_days)
    for row in ctx.mirror.query(_ENDING, [day, last]).to_pylist():
        ends, sent = row["expires_on"], row["submitted_at"]
        if ends is None and sent is not None:
            ends = sent.astimezone(zone).date() + window
        if ends is not None and (wanted is None or row["partner_id"] in wanted):
            found.append(EndingRegistration(row["id"], row["partner_id"], row["deal"], ends))
    return found
