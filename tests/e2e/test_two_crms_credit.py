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

Told = tuple[tuple[str, str, str, int, int | None, int], ...]


def credited(world: World, twins: dict[str, str]) -> dict[str, Told]:
    """Each opportunity's parts without the ids of the evidence, under the names of the first CRM."""
    store = Store.open(world.folder / "workspace" / "store.sqlite", world.vendor.name)
    found: dict[str, Told] = {}
    for deal, row in store.credits().latest().items():
        parts = Parts.from_json(row.body).parts
        told = (
            (twins.get(p.partner_id, p.partner_id), p.role, p.reason, p.points, p.agreed, p.pieces) for p in parts
        )
        found[twins.get(deal, deal)] = tuple(sorted(told, key=repr))
    store.close()
    return {deal: parts for deal, parts in found.items() if parts}


def test_the_same_deals_are_credited_alike_in_both_crms(small: World, small_portal: Portal) -> None:
    for world in (small, small_portal):
        assert world.pmom("sync", *DAY).code == 0
    assert small_portal.crm is not None
    twins = {theirs: ours for ours, theirs in small_portal.crm.ids().items()}
    ours, theirs = credited(small, {}), credited(small_portal, twins)
    assert len(ours) > 10
    assert {role for parts in ours.values() for _, role, *_ in parts} >= {"sourced", "influenced"}
    assert theirs == ours


def test_the_deals_of_a_portal_add_up_to_its_partners(small_portal: Portal) -> None:
    assert small_portal.pmom("sync", *DAY).code == 0
    rows = small_portal.listed(
        "deals", "hs_object_id", "hs_is_closed", "pmom_sourcing_partner", "pmom_sourced_amount"
    )
    sums: dict[str, Decimal] = {}
    for row in rows:
        if row["hs_is_closed"] == "false" and row["pmom_sourcing_partner"]:
            sums.setdefault(row["pmom_sourcing_partner"], Decimal(0))
            sums[row["pmom_sourcing_partner"]] += Decimal(row["pmom_sourced_amount"])
    cards = small_portal.written()
    assert sums
    assert sums == {partner: Decimal(cards[partner]["sourced_open_pipeline"]) for partner in sums}
