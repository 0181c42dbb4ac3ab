"""Are the same deals credited alike in both CRMs, and does a report over the deals add up to the partners' fields?"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from connector import wiring
from connector.core.credit import Parts
from connector.facts.bookings import bookings
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
    dated = {each["id"] for each in stories(small).values() if each["scenario"] == "credit_referred"}
    assert len(ours) > len(dated)
    assert theirs == {deal: partner for deal, partner in ours.items() if deal not in dated}


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


def stories(world: World) -> dict[str, dict[str, Any]]:
    about = json.loads((world.world / "scenarios.json").read_text(encoding="utf-8"))
    return {each["id"]: each for each in about["opportunities"]}


def amount(value: object) -> str:
    return f"{Decimal(str(value)):.2f}" if value not in (None, "") else ""


FIELDS = ("Partner_Credit_Type", "Sourcing_Partner", "Sourced_Amount", "Influenced_Amount")


def expected(story: dict[str, Any]) -> tuple[str, ...]:
    credit = story["credit"]
    shares = sum((Decimal(share) for _, share in credit["influenced"]), Decimal(0))
    if not credit["type"]:
        return ("", "", "", "")
    return credit["type"], credit["source"], amount(credit["sourced"] or 0), amount(shares)


def test_every_story_of_an_opportunity_is_credited_as_expected_and_the_org_says_so(small: World) -> None:
    assert small.pmom("sync", *DAY).code == 0
    names = ", ".join(f"PMOM_{name}__c" for name in FIELDS)
    ids = "', '".join(stories(small))
    rows = {row.pop("Id"): row for row in small.rows(f"SELECT Id, {names} FROM Opportunity WHERE Id IN ('{ids}')")}
    found = {
        story["scenario"]: tuple(
            amount(value) if name.endswith("Amount") else value or ""
            for name, value in zip(FIELDS, rows[id_].values(), strict=True)
        )
        for id_, story in stories(small).items()
    }
    assert found == {story["scenario"]: expected(story) for story in stories(small).values()}
    assert len(found) == 16


def test_every_story_is_credited_in_a_portal_as_far_as_its_records_tell(small_portal: Portal) -> None:
    assert small_portal.pmom("sync", *DAY).code == 0
    names = [f"pmom_{name.lower()}" for name in FIELDS]
    rows = {row["hs_object_id"]: row for row in small_portal.listed("deals", "hs_object_id", *names)}
    found = {
        story["scenario"]: tuple(
            amount(rows[id_][name]) if name.endswith("amount") else rows[id_][name] or "" for name in names
        )
        for id_, story in stories(small_portal).items()
    }
    assert found == {story["scenario"]: expected(story) for story in stories(small_portal).values()}
    differ = {each["scenario"] for each in stories(small_portal).values() if "hubspot" in each}
    assert differ == {"credit_strong", "credit_referred"}


def test_sourced_influenced_and_direct_add_up_to_what_was_won(small: World) -> None:
    assert small.pmom("sync", *DAY).code == 0
    total = small.rows(
        "SELECT SUM(PMOM_Sourced_Amount__c) sourced, SUM(PMOM_Influenced_Amount__c) influenced FROM Opportunity "
        "WHERE IsWon = true AND CloseDate >= 2025-03-31 AND CloseDate <= 2026-03-31"
    )
    with wiring.opened(small.config) as ctx:
        found = bookings(ctx.mirror, ctx.policy, datetime(2026, 3, 31, 12, tzinfo=UTC))
        days = [found.since, found.until]
        won = ctx.mirror.query(
            "SELECT count(*) AS n FROM opportunities WHERE is_won AND close_date BETWEEN ? AND ?", days
        )
    parts = dict(found.parts)
    assert (found.since, found.until) == (date(2025, 3, 31), date(2026, 3, 31))
    assert sum(part.amount for part in parts.values()) == found.whole.amount
    assert found.whole.count == won.column("n")[0].as_py()
    assert parts["sourced"].amount == Decimal(str(total[0]["sourced"]))
    assert found.shares == Decimal(str(total[0]["influenced"]))
    assert all(part.count for part in parts.values())


def test_grouped_by_partner_the_orgs_own_report_says_what_stands_on_the_partners(small: World) -> None:
    """Identity: a native report over the written opportunity fields equals the partners' fields."""
    assert small.pmom("sync", *DAY).code == 0
    grouped = small.rows(
        "SELECT PMOM_Sourcing_Partner__c partner, SUM(PMOM_Sourced_Amount__c) total FROM Opportunity "
        "WHERE IsWon = true AND CloseDate >= 2025-03-31 AND CloseDate <= 2026-03-31 "
        "AND PMOM_Sourcing_Partner__c != null GROUP BY PMOM_Sourcing_Partner__c"
    )
    cards = small.rows("SELECT Id, PMOM_Sourced_Won_TTM__c FROM Account WHERE PMOM_Sourced_Won_TTM__c != null")
    report = {row["partner"]: Decimal(str(row["total"])) for row in grouped}
    held = {row["Id"]: Decimal(str(row["PMOM_Sourced_Won_TTM__c"])) for row in cards}
    assert {partner: report.get(partner, Decimal(0)) for partner in held} == held
    assert set(report) <= set(held)
    assert len(report) == 8


CLAIMS = {"salesforce": ("PartnerFundClaim", "Evidence_Status__c"), "hubspot": ("fund_claims", "evidence_status")}
FLAGGED = {
    "salesforce": {"Evidence_Status__c": "Flagged for Review", "Status": "Draft"},
    "hubspot": {"evidence_status": "flagged", "claim_status": "submitted"},
}
KEYS = ("pmom_task_key", "hs_task_status")
DONE = {"salesforce": "Completed", "hubspot": "COMPLETED"}


def statuses(world: World) -> dict[str, str]:
    """Type of our tasks about claims and credit -> status."""
    key, status = ("PMOM_Task_Key__c", "Status") if world.vendor.name == "salesforce" else KEYS
    found = {str(row[key]).split(":")[-2]: str(row[status]) for row in world.tasks()}
    return {kind: state for kind, state in found.items() if kind in ("T6", "T7")}


@pytest.mark.parametrize("crm", ["salesforce", "hubspot"])
def test_a_dispute_and_a_flagged_claim_make_one_task_each_and_close_it_again(
    request: pytest.FixtureRequest, crm: str
) -> None:
    world: World = request.getfixturevalue("small" if crm == "salesforce" else "small_portal")
    assert world.pmom("sync", *DAY).code == 0
    assert statuses(world) == {}
    deal = next(id_ for id_, each in stories(world).items() if each["scenario"] == "credit_in_time")
    with wiring.opened(world.config) as ctx:
        sql = (
            "SELECT c.id FROM fund_claims c JOIN partners p ON p.id = c.partner_id WHERE c.status = 'paid' ORDER BY 1"
        )
        claim = str(ctx.mirror.query(sql).column("id")[0].as_py())
    world.edit(world.vendor.deals, deal, **{world.vendor.dispute: "Open"})
    world.edit(CLAIMS[crm][0], claim, **FLAGGED[crm])
    for day in ("2026-04-01", "2026-04-02", "2026-04-03"):
        world.settle()
        assert world.pmom("sync", "--as-of", day).code == 0
    assert set(statuses(world)) == {"T6", "T7"}
    world.edit(world.vendor.deals, deal, **{world.vendor.dispute: "" if crm == "hubspot" else None})
    world.edit(CLAIMS[crm][0], claim, **{CLAIMS[crm][1]: "Complete" if crm == "salesforce" else "complete"})
    world.settle()
    assert world.pmom("sync", "--as-of", "2026-04-04").code == 0
    assert statuses(world) == {"T6": DONE[crm], "T7": DONE[crm]}
