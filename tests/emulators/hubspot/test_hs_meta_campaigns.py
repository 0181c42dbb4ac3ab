"""Marketing campaigns with their budgets, currencies, and what the account says of itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from emulators.hubspot import account, campaigns, currencies
from emulators.hubspot.errors import HubError
from emulators.hubspot.portal import Settings, Tier

BASE = "/marketing/campaigns/2026-03"
RATES = "/settings/currencies/2026-03"


def make(hub: Any, name: str, **more: str) -> str:
    status, body = hub.call("POST", BASE, {"properties": {"hs_name": name, **more}})
    assert status == 201
    return str(body["id"])


@pytest.mark.parametrize("base", [BASE, "/marketing/v3/campaigns"])
def test_a_campaign_lives(hub: Any, base: str) -> None:
    sent = {"hs_name": "Spring", "hs_start_date": "2026-03-01", "hs_notes": ""}
    status, body = hub.call("POST", base, {"properties": sent})
    assert status == 201
    one = f"{base}/{body['id']}"
    assert hub.call("GET", one)[1]["properties"] == {}
    asked = {"properties": "hs_name,hs_start_date,hs_notes,nothing"}
    assert hub.call("GET", one, params=asked) == (
        200,
        {
            "id": body["id"],
            "properties": {"hs_name": "Spring", "hs_start_date": "2026-03-01"},
            "businessUnits": [],
            "createdAt": "2026-03-31T09:00:00.000Z",
            "updatedAt": "2026-03-31T09:00:00.000Z",
        },
    )
    assert hub.call("PATCH", one, {"properties": {"hs_start_date": "1 March"}})[0] == 400
    assert hub.call("PATCH", one, {"properties": {"hs_budget_items_sum_amount": "1"}})[0] == 400
    assert hub.call("PATCH", one, {"properties": {"hs_goal": "Leads"}})[1]["properties"]["hs_goal"] == "Leads"
    assert hub.call("DELETE", one) == (204, None)
    assert hub.call("GET", one)[0] == 404


def test_campaigns_come_in_pages_and_are_found_by_name(hub: Any) -> None:
    for name in ("Spring fair", "Autumn fair", "Webinar"):
        make(hub, name)
    first = hub.call("GET", BASE, params={"limit": 2, "properties": "hs_name", "sort": "hs_name"})[1]
    assert (first["total"], [each["properties"]["hs_name"] for each in first["results"]]) == (
        3,
        ["Autumn fair", "Spring fair"],
    )
    after = first["paging"]["next"]["after"]
    second = hub.call("GET", BASE, params={"limit": 2, "after": after, "properties": "hs_name", "sort": "hs_name"})[1]
    assert ([each["properties"]["hs_name"] for each in second["results"]], "paging" in second) == (["Webinar"], False)
    assert hub.call("GET", BASE, params={"name": "FAIR"})[1]["total"] == 2


def test_a_batch_reads_50_campaigns_and_not_51(hub: Any) -> None:
    ids = [make(hub, f"C{number}") for number in range(3)]
    body = hub.call("POST", f"{BASE}/batch/read", {"inputs": [{"id": each} for each in ids]})[1]
    assert {each["id"] for each in body["results"]} == set(ids)
    inputs = [{"id": ids[0]}] * 51
    assert hub.call("POST", f"{BASE}/batch/read", {"inputs": inputs})[0] == 400
    assert hub.call("POST", f"{BASE}/batch/read", {"inputs": inputs[1:]})[0] == 200
    status, body = hub.call("POST", f"{BASE}/batch/read", {"inputs": [{"id": ids[0]}, {"id": "nobody"}]})
    assert (status, body["numErrors"], len(body["results"])) == (207, 1, 1)


def test_budget_and_spend_are_summed(hub: Any) -> None:
    one = f"{BASE}/{make(hub, 'Spring', hs_currency_code='USD')}"
    assert hub.call("GET", f"{one}/budget/totals")[1] == {"currencyCode": "USD", "budgetItems": [], "spendItems": []}
    status, item = hub.call("POST", f"{one}/budget", {"name": "Booth", "amount": 1000, "order": 0})
    assert status == 201
    assert item == {
        "id": item["id"],
        "name": "Booth",
        "amount": 1000,
        "order": 0,
        "description": "",
        "createdAt": 1774947600000,
        "updatedAt": 1774947600000,
    }
    spend = hub.call("POST", f"{one}/spend", {"name": "Rent", "amount": 400.5, "order": 0, "description": "paid"})[1]
    totals = hub.call("GET", f"{one}/budget/totals")[1]
    assert (totals["budgetItems"], totals["spendItems"]) == ([item], [spend])
    assert (totals["budgetTotal"], totals["spendTotal"], totals["remainingBudget"]) == (1000.0, 400.5, 599.5)
    sums = hub.call("GET", one, params={"properties": "hs_budget_items_sum_amount,hs_spend_items_sum_amount"})[1]
    assert sums["properties"] == {"hs_budget_items_sum_amount": "1000", "hs_spend_items_sum_amount": "400.5"}
    assert hub.call("PUT", f"{one}/spend/{spend['id']}", {"amount": 500})[1]["amount"] == 500
    assert hub.call("GET", f"{one}/spend/{spend['id']}")[1]["amount"] == 500
    assert hub.call("DELETE", f"{one}/spend/{spend['id']}") == (204, None)
    assert hub.call("GET", f"{one}/spend/{spend['id']}")[0] == 404


@pytest.mark.parametrize(
    "sent", [{"name": "x"}, {"amount": 1}, {"name": "x", "amount": -1}, {"name": "x", "amount": "1"}]
)
def test_items_need_a_name_and_an_amount(hub: Any, sent: dict[str, Any]) -> None:
    assert hub.call("POST", f"{BASE}/{make(hub, 'C')}/budget", sent)[0] == 400


def test_metrics_and_revenue_are_what_the_portal_was_told(hub: Any) -> None:
    made = make(hub, "C")
    hub.portal.put_state("campaign_metrics", {made: {"sessions": 7}})
    assert hub.call("GET", f"{BASE}/{made}/reports/metrics")[1] == {
        "sessions": 7,
        "newContactsFirstTouch": 0,
        "newContactsLastTouch": 0,
        "influencedContacts": 0,
    }
    revenue = f"{BASE}/{made}/reports/revenue"
    assert hub.call("GET", revenue)[1] == {
        "currencyCode": "USD",
        "contactsNumber": 0,
        "dealsNumber": 0,
        "dealAmount": 0,
        "revenueAmount": 0,
    }
    assert hub.call("GET", revenue, params={"attributionModel": "GUESS"})[0] == 400


def test_a_starter_portal_has_no_campaigns(start: Any) -> None:
    hub = start(settings=Settings(tier=Tier.STARTER))
    status, body = hub.call("GET", BASE)
    assert (status, body["category"]) == (403, "MISSING_SCOPES")


def test_campaigns_and_items_are_loaded_from_sheets(hub: Any, tmp_path: Path) -> None:
    guid = "7d9a1c1e-0000-4000-8000-000000000001"
    sheet, items = tmp_path / "campaigns.csv", tmp_path / "campaign_items.csv"
    sheet.write_text(f"id,created_at,hs_name,hs_goal\n{guid},2026-01-01T00:00:00Z,Spring,\n", encoding="utf-8")
    items.write_text(f"campaign_id,kind,name,amount\n{guid},budget,All,100\n{guid},spend,Some,40\n", encoding="utf-8")
    assert (campaigns.load(hub.portal, sheet), campaigns.load_items(hub.portal, items)) == (1, 2)
    found = hub.call("GET", f"{BASE}/{guid}", params={"properties": "hs_name,hs_goal,hs_spend_items_sum_amount"})[1]
    assert found["properties"] == {"hs_name": "Spring", "hs_spend_items_sum_amount": "40"}
    assert found["createdAt"] == "2026-01-01T00:00:00.000Z"


def test_rates_are_kept_by_day_and_the_current_ones_told(hub: Any) -> None:
    for worth, day in (("1.1", "2026-01-01"), ("1.2", "2026-03-01"), ("1.3", "2026-12-01")):
        currencies.put(hub.portal, "EUR", worth, day)
    body = hub.call("GET", f"{RATES}/exchange-rates/current")[1]
    assert body == {
        "results": [
            {
                "id": "2",
                "fromCurrencyCode": "EUR",
                "toCurrencyCode": "USD",
                "conversionRate": 1.2,
                "effectiveAt": "2026-03-01T00:00:00.000Z",
                "visibleInUI": True,
                "createdAt": "2026-03-31T09:00:00.000Z",
                "updatedAt": "2026-03-31T09:00:00.000Z",
            }
        ]
    }
    first = hub.call("GET", f"{RATES}/exchange-rates", params={"limit": 2})[1]
    assert ([each["id"] for each in first["results"]], first["paging"]["next"]["after"]) == (["1", "2"], "2")
    rest = hub.call("GET", "/settings/v3/currencies/exchange-rates", params={"limit": 2, "after": "2"})[1]
    assert ([each["id"] for each in rest["results"]], "paging" in rest) == (["3"], False)
    assert hub.call("GET", f"{RATES}/company-currency")[1] == {"currencyCode": "USD", "currencyName": "US Dollar"}
    assert {"code": "EUR", "name": "Euro"} in hub.call("GET", f"{RATES}/codes")[1]["results"]


@pytest.mark.parametrize(("worth", "taken"), [("0.000001", True), ("0.0000001", False), ("0", False), ("-1", False)])
def test_a_rate_has_at_most_six_decimals_and_is_positive(hub: Any, worth: str, taken: bool) -> None:
    if taken:
        assert currencies.put(hub.portal, "JPY", worth, "2026-01-01")["conversionRate"] == 0.000001
    else:
        with pytest.raises(HubError):
            currencies.put(hub.portal, "JPY", worth, "2026-01-01")


def test_the_account_says_who_it_is(hub: Any) -> None:
    currencies.put(hub.portal, "EUR", "1.1", "2026-01-01")
    for version in ("v3", "2026-03"):
        assert hub.call("GET", f"/account-info/{version}/details") == (
            200,
            {
                "portalId": 48000001,
                "accountType": "STANDARD",
                "timeZone": "America/New_York",
                "companyCurrency": "USD",
                "additionalCurrencies": ["EUR"],
                "utcOffset": "-04:00",
                "utcOffsetMilliseconds": -14400000,
                "uiDomain": "app.hubspot.com",
                "dataHostingLocation": "na1",
            },
        )


def test_the_account_says_how_many_calls_were_made(hub: Any) -> None:
    account.count_by(hub.portal, lambda: (12, 1_000_000))
    body = hub.call("GET", "/account-info/2026-03/api-usage/daily/private-apps")[1]
    assert body["results"] == [
        {
            "name": "private-apps-api-calls-daily",
            "usageLimit": 1_000_000,
            "currentUsage": 12,
            "collectedAt": "2026-03-31T09:00:00.000Z",
            "fetchStatus": "SUCCESS",
            "resetsAt": "2026-04-01T04:00:00.000Z",
        }
    ]


def test_records_are_counted_against_their_limit(hub: Any) -> None:
    hub.make("companies", name="A")
    body = hub.call("GET", "/crm/limits/2026-03/records")[1]
    found = next(each for each in body["hubspotDefinedObjectTypes"] if each["objectTypeId"] == "0-2")
    assert (found["usage"], found["limit"]) == (1, 15_000_000)
