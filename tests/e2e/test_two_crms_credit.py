"""Are the same deals credited alike in both CRMs, and does a report over the deals add up to the partners' fields?"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from connector.core.credit import Parts
from connector.store.store import Store

if TYPE_CHECKING:
    from conftest import Portal, World

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("small worlds")]  # made once

DAY = ("--as-of", "2026-03-31")


def sourced(world: World, twins: dict[str, str]) -> dict[str, str]:
    """Opportunity -> who sourced it, under the ids of the first CRM."""
    store = Store.open(world.folder / "workspace" / "store.sqlite", world.vendor.name)
    rows = store.credits().latest()
    store.close()
    return {
        twins.get(deal, deal): twins.get(part.partner_id, part.partner_id)
        for deal, row in rows.items()
        for part in Parts.from_json(row.body).parts
        if part.role == "sourced"
    }


def test_the_same_registrations_source_the_same_deals_in_both_crms(small: World, small_portal: Portal) -> None:
    """Influence differs: a portal dates no association and knows three kinds of tasks (docs/attribution.md)."""
    for world in (small, small_portal):
        assert world.pmom("sync", *DAY).code == 0
    assert small_portal.crm is not None
    twins = {theirs: ours for ours, theirs in small_portal.crm.ids().items()}
    ours, theirs = sourced(small, {}), sourced(small_portal, twins)
    assert ours
    assert theirs == ours


def test_the_deals_of_a_portal_add_up_to_its_partners(small_portal: Portal) -> None:
    assert small_portal.pmom("sync", *DAY).code == 0
    names = ("hs_object_id", "hs_is_closed_won", "closedate", "pmom_sourcing_partner", "pmom_sourced_amount")
    sums: dict[str, Decimal] = {}
    for row in small_portal.listed("deals", *names):
        whose = row["pmom_sourcing_partner"]
        if whose and row["hs_is_closed_won"] == "true" and "2025-04-01" <= row["closedate"][:10] <= "2026-03-31":
            sums[whose] = sums.get(whose, Decimal(0)) + Decimal(row["pmom_sourced_amount"])
    cards = small_portal.listed("companies", "hs_object_id", "pmom_sourced_won_ttm")
    fields = {row["hs_object_id"]: row["pmom_sourced_won_ttm"] for row in cards}
    scored = {partner: total for partner, total in sums.items() if fields[partner]}
    assert scored  # an excluded partner has empty fields
    assert scored == {partner: Decimal(fields[partner]) for partner in scored}
