"""Do campaigns carry what their partner's gate counted, and does the CRM that cannot carry it tell the same?"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import Portal, World

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("small worlds")]  # made once

DAY = ("--as-of", "2026-03-31")
FIELDS = "PMOM_PoP_Multiple__c, PMOM_Counts_Toward_Last_Three__c, PMOM_Lever_Conflict__c, PMOM_Campaign_Reason__c"


def told(world: World, partner: str) -> dict[str, dict[str, Any]]:
    """What `pmom explain` says of a partner's campaigns, by their ids."""
    return {each["id"]: each for each in world.pmom("explain", partner).said["campaigns"]}


def test_campaigns_carry_what_explain_tells_and_what_the_gate_counted(small: World) -> None:
    assert small.pmom("sync", *DAY).code == 0
    carried = {
        row["Id"]: row
        for row in small.rows(f"SELECT Id, Partner__c, {FIELDS} FROM Campaign WHERE PMOM_Policy_Version__c != null")
    }
    counted = [row for row in carried.values() if row["PMOM_Counts_Toward_Last_Three__c"]]
    assert counted
    assert any(row["PMOM_Lever_Conflict__c"] for row in carried.values())
    for partner in sorted({row["Partner__c"] for row in counted if row["Partner__c"]})[:3]:
        card = small.rows(f"SELECT PMOM_PoP_Campaigns_Met__c FROM Account WHERE Id = '{partner}'")[0]
        ours = [row for row in counted if row["Partner__c"] == partner]
        met = sum(1 for row in ours if Decimal(str(row["PMOM_PoP_Multiple__c"] or 0)) >= 3)
        assert card["PMOM_PoP_Campaigns_Met__c"] == f"{met} of {len(ours)}"
        for id_, each in told(small, partner).items():
            assert carried[id_]["PMOM_Campaign_Reason__c"] == "; ".join(each["reasons"])
            shown = carried[id_]["PMOM_PoP_Multiple__c"]
            assert (shown is None) is (each["multiple"] is None)


def test_a_portal_says_why_its_campaigns_carry_nothing_and_explains_the_same(
    small: World, small_portal: Portal
) -> None:
    for world in (small, small_portal):
        assert world.pmom("sync", *DAY).code == 0
    notes = [
        f["found"] for f in small_portal.pmom("check").said["findings"] if f["key"] == "write.uncarried.campaigns"
    ]
    assert notes == [
        "nothing is written for campaigns: HubSpot's public API has no call that adds a property to campaigns"
    ]
    assert small_portal.crm is not None
    names = small_portal.crm.ids()
    with_campaigns = small.rows("SELECT Partner__c FROM Campaign WHERE PMOM_PoP_Multiple__c != null LIMIT 40")
    compared = 0
    for partner in sorted({row["Partner__c"] for row in with_campaigns if row["Partner__c"]} & names.keys())[:4]:
        ours, theirs = told(small, partner), told(small_portal, names[partner])
        one = {each["name"]: (each["multiple"], each["counts_toward_last_three"]) for each in ours.values()}
        other = {each["name"]: (each["multiple"], each["counts_toward_last_three"]) for each in theirs.values()}
        compared += one == other and bool(one)
    assert compared
