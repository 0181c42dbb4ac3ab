"""What should stand on the campaigns of the partners that were decided about?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from connector.core.campaign_card import (
    CAMPAIGNS,
    NO_CARD,
    CampaignFacts,
    CampaignStanding,
    campaign_card,
    standing,
)
from connector.core.decisions import Decision
from connector.core.plan import DesiredRecord, marked, unmarked
from connector.mapping import keepable
from connector.sync.cards import present
from connector.sync.context import Context
from connector.sync.decide import moment


@dataclass(frozen=True, slots=True)
class CampaignCards:
    """The campaigns looked at: how each stands, and those that are no partner's any more."""

    standings: tuple[CampaignStanding, ...] = ()
    left: tuple[str, ...] = ()

    @property
    def marks(self) -> set[str]:
        """The campaigns, as plans name records."""
        ids = (*(each.campaign.campaign_id for each in self.standings), *self.left)
        return {marked(CAMPAIGNS, id_) for id_ in ids}


def campaign_cards(ctx: Context, decisions: Iterable[Decision], chosen: list[str] | None, day: date) -> CampaignCards:
    """The campaigns of the partners decided about, or of all when `chosen` is None.

    `chosen` are marks: campaigns among them bring their partners along. A partner whose sources are too old keeps
    its cards as they are.
    """
    state = ctx.mirror.sources().get(CAMPAIGNS)
    if state is None or not state.available or CAMPAIGNS not in present(ctx.crm, ctx.fieldmap):
        return CampaignCards()
    partners = {decision.partner_id: decision for decision in decisions}
    named = {id_ for mark in chosen or () if (id_ := unmarked(mark, CAMPAIGNS))}
    owners = ctx.mirror.affected_partners(CAMPAIGNS, sorted(named)) - set(partners) if named else set[str]()
    rows = ctx.store.latest_decisions(sorted(owners)) if owners else {}
    partners |= {id_: Decision.from_json(row.body) for id_, row in rows.items()}
    found = _campaigns(ctx, None if chosen is None else sorted({*partners, *owners}), day)
    carried = named if chosen is not None else _carried(ctx)
    left = carried - {each.campaign_id for each in found}
    return CampaignCards(_standings(ctx, found, partners), tuple(sorted(left)))


def campaign_standings(ctx: Context, decision: Decision) -> tuple[CampaignStanding, ...]:
    """How one partner's campaigns stand under its decision; none where campaigns cannot be read."""
    state = ctx.mirror.sources().get(CAMPAIGNS)
    if state is None or not state.available:
        return ()
    found = _campaigns(ctx, [decision.partner_id], decision.as_of)
    return _standings(ctx, found, {decision.partner_id: decision})


def _campaigns(ctx: Context, wanted: list[str] | None, day: date) -> tuple[CampaignFacts, ...]:
    if wanted == []:
        return ()
    from connector.facts.funds import campaigns  # the relations' library takes most of a second to import

    return campaigns(ctx.mirror, ctx.policy, moment(ctx, day), wanted)


def _standings(
    ctx: Context, found: Iterable[CampaignFacts], partners: Mapping[str, Decision]
) -> tuple[CampaignStanding, ...]:
    decided = ((each, partners.get(each.partner_id)) for each in found)
    return tuple(standing(each, held, ctx.policy) for each, held in decided if held is not None and not held.stale)


def _carried(ctx: Context) -> set[str]:
    """Campaigns whose fields of ours were looked at."""
    return {str(row["id"]) for row in ctx.mirror.existing((), CAMPAIGNS).to_pylist()}


def campaign_records(ctx: Context, found: CampaignCards) -> list[DesiredRecord]:
    """The cards of these campaigns."""
    records = []
    for each in found.standings:
        card = campaign_card(each, ctx.policy)
        values = tuple((name, keepable(name, value, CAMPAIGNS)) for name, value in card)
        records.append(DesiredRecord(each.campaign.campaign_id, values, "", each.reasons[0], CAMPAIGNS))
    return records + [DesiredRecord(id_, NO_CARD, "", "no partner", CAMPAIGNS) for id_ in found.left]
