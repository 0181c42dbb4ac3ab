"""The world in HubSpot's form: the same bytes for a seed, every record's counterpart, ids that keep their order."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from emulators.hubspot import catalog
from emulators.world import generate
from emulators.world.calendar import TIME_ZONE
from emulators.world.hubspot import translate
from emulators.world.hubspot_ids import hubspot_id, user_id, user_record
from emulators.world.hubspot_money import inverse
from emulators.world.hubspot_names import COLUMNS, LABELS, PRIMARY, PROPERTIES, SCHEMAS, STAGES
from emulators.world.ids import PREFIXES, Numbers
from emulators.world.program import main

AS_OF = date(2026, 3, 31)
RECORDS = {
    "Opportunity": "deals",
    "Quote": "quotes",
    "Task": "tasks",
    "Campaign": "campaigns",
    "Deal_Registration__c": "deal_registrations",
    "Partner_Service_Revenue__c": "partner_service_revenue",
    "PartnerMarketingBudget": "marketing_budgets",
    "PartnerFundAllocation": "fund_allocations",
    "PartnerFundRequest": "fund_requests",
    "PartnerFundClaim": "fund_claims",
    "OpportunityHistory": "history",
    "DatedConversionRate": "currencies",
}


def rows(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@dataclass(frozen=True, slots=True)
class Both:
    """One world in both forms."""

    salesforce: Path
    hubspot: Path

    def told(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.hubspot / "scenarios.json").read_text(encoding="utf-8"))
        return found

    def story(self, scenario: str) -> dict[str, Any]:
        return next(story for story in self.told()["partners"] if story["scenario"] == scenario)


@pytest.fixture(scope="module")
def make_both(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Both]:
    def make(size: str) -> Both:
        folder = tmp_path_factory.mktemp(size)
        source = generate(7, size, AS_OF, folder / "salesforce")
        return Both(source, translate(source, folder / "hubspot"))

    return make


@pytest.fixture(scope="module")
def small(make_both: Callable[[str], Both]) -> Both:
    return make_both("small")


@pytest.fixture(scope="module")
def tiny(make_both: Callable[[str], Both]) -> Both:
    return make_both("tiny")


@pytest.fixture(params=["tiny", "small"])
def both(request: pytest.FixtureRequest) -> Both:
    world: Both = request.getfixturevalue(request.param)
    return world


def test_the_same_seed_gives_the_same_bytes_alone_and_beside_the_salesforce_form(tmp_path: Path) -> None:
    options = ["--size", "tiny", "--seed", "3", "--as-of", "2026-03-31"]
    assert main([str(tmp_path / "one"), "--crm", "hubspot", *options]) == 0
    assert main([str(tmp_path / "two"), "--crm", "both", *options]) == 0
    assert main([str(tmp_path / "three"), *options]) == 0
    assert everything(tmp_path / "one") == everything(tmp_path / "two" / "hubspot")
    assert everything(tmp_path / "three") == everything(tmp_path / "two" / "salesforce")
    assert main([str(tmp_path / "two"), "--crm", "both", *options]) == 2


def test_every_record_has_its_counterpart(both: Both) -> None:
    assert {name: len(rows(both.hubspot, made)) for name, made in RECORDS.items()} == {
        name: len(rows(both.salesforce, name)) for name in RECORDS
    }
    accounts = rows(both.salesforce, "Account")
    assert len(rows(both.hubspot, "companies")) == sum(not row["MasterRecordId"] for row in accounts)
    events = rows(both.salesforce, "Event")
    assert len(rows(both.hubspot, "meetings")) == sum(row["IsChild"] == "false" for row in events)
    staff = [row for row in rows(both.salesforce, "User") if row["UserType"] == "Standard"]
    assert len(rows(both.hubspot, "owners")) == len(rows(both.hubspot, "users")) == len(staff)
    assert both.told()["rows"] == {name: len(rows(both.hubspot, name)) for name in COLUMNS}


def test_every_portal_user_is_on_a_contact_of_his_company_with_his_last_visit(both: Both) -> None:
    users = [row for row in rows(both.salesforce, "User") if row["AccountId"]]
    wanted = Counter((hubspot_id(row["AccountId"]), row["IsActive"], row["LastLoginDate"]) for row in users)
    found = Counter(
        (row["associatedcompanyid"], row["partner_portal_active"], row["partner_portal_last_login"])
        for row in rows(both.hubspot, "contacts")
        if row["partner_portal_active"]
    )
    assert found == wanted


def test_two_portal_users_of_one_contact_are_two_contacts_with_two_addresses(small: Both) -> None:
    partner = small.story("awareness_one_of_two")["id"]
    visits = [row for row in rows(small.hubspot, "contacts") if row["associatedcompanyid"] == partner]
    assert sorted(row["partner_portal_last_login"][:10] for row in visits) == ["2025-02-24", "2026-03-30"]
    emails = [row["email"] for row in rows(small.hubspot, "contacts")]
    assert len(set(emails)) == len(emails)


def test_ids_are_twelve_digits_or_guids_unique_and_ascending(both: Both) -> None:
    every: list[str] = []
    for name in COLUMNS:
        column = {"owners": "id", "campaigns": "id"}.get(name, "hs_object_id")
        if column in COLUMNS[name]:
            ids = [row[column] for row in rows(both.hubspot, name)]
            assert ids == sorted(ids), name
            every += ids
            assert all(len(id_) == 36 if name == "campaigns" else len(id_) == 12 and id_.isdigit() for id_ in ids)
    assert len(set(every)) == len(every)
    assert all(row["id"] != row["user_id"] for row in rows(both.hubspot, "owners"))


def test_counterparts_sort_as_the_ids_that_they_stand_for_whatever_the_object() -> None:
    numbers = (1, 9, 10, 36, 37, 61, 62, 3_843, 3_844, 999_999, 5_000_000)
    translated = ("Account", "Contact", "User", "Opportunity", "Task", "Event", "Quote", "Campaign",
                  "PartnerFundAllocation", "PartnerFundClaim", "PartnerFundRequest", "PartnerMarketingBudget",
                  "Deal_Registration__c")  # fmt: skip
    ids = sorted(Numbers(PREFIXES[name], first=number)() for name in translated for number in numbers)
    counterparts = [hubspot_id(id_) for id_ in ids]
    assert counterparts == sorted(counterparts)
    assert len(set(counterparts)) == len(ids)


def test_an_empty_id_stays_empty_and_an_object_without_counterpart_is_refused() -> None:
    assert hubspot_id("") == ""
    with pytest.raises(KeyError):
        hubspot_id(Numbers(PREFIXES["CampaignMember"])())
    owner = Numbers(PREFIXES["User"])()
    assert len({hubspot_id(owner), user_id(owner), user_record(owner)}) == 3


def test_every_association_and_every_step_of_history_leads_to_a_record(both: Both) -> None:
    known = {
        (name, row["hs_object_id"])
        for name in COLUMNS
        if "hs_object_id" in COLUMNS[name]
        for row in rows(both.hubspot, name)
    }
    links = rows(both.hubspot, "associations")
    assert {(row["from_object"], row["from_id"]) for row in links} <= known
    assert {(row["to_object"], row["to_id"]) for row in links} <= known
    assert {row["label"] for row in links} <= {"", PRIMARY, *(label["label"] for label in LABELS)}
    assert len({tuple(row.values()) for row in links}) == len(links)
    assert {(row["object"], row["id"]) for row in rows(both.hubspot, "history")} <= known


def test_every_id_in_a_property_leads_to_a_record(both: Both) -> None:
    def ids(name: str, column: str = "hs_object_id") -> set[str]:
        return {row[column] for row in rows(both.hubspot, name)}

    targets = {
        "hubspot_owner_id": ids("owners", "id"), "partner_marketing_lead": ids("owners", "id"),
        "manager_owner_id": ids("owners", "id"), "hs_owner": ids("owners", "id"),
        "partner_company_id": ids("companies"), "associatedcompanyid": ids("companies"),
        "customer_company_id": ids("companies"), "hs_parent_company_id": ids("companies"),
        "primary_campaign": ids("campaigns", "id"), "campaign_id": ids("campaigns", "id"), "deal_id": ids("deals"),
        "allocation_id": ids("fund_allocations"), "budget_id": ids("marketing_budgets"),
        "request_id": ids("fund_requests"),
    }  # fmt: skip
    for name, columns in COLUMNS.items():
        for column in set(columns) & targets.keys():
            assert ids(name, column) - {""} <= targets[column], (name, column)


def test_every_property_is_hubspots_own_or_declared(both: Both) -> None:
    declared = PROPERTIES | {schema["name"]: schema["properties"] for schema in SCHEMAS}
    custom = {name: {each["name"] for each in properties} for name, properties in declared.items()}
    standard = {each.name: catalog.properties(each.name) for each in catalog.OBJECTS if each.name in COLUMNS}
    everywhere = {each.name: each for each in catalog.common("any", "Any")}
    kept_apart = {"owners", "campaign_items", "currencies", "associations", "history"}
    for name in COLUMNS.keys() - kept_apart:
        known = standard.get(name, everywhere)
        beside = {"archived_at", "id", "created_at", "updated_at"}
        assert set(COLUMNS[name]) - beside - custom.get(name, set()) <= known.keys(), name
        assert not custom.get(name, set()) & known.keys(), name
        for column in set(COLUMNS[name]) & known.keys():
            if known[column].options and known[column].type == "enumeration":
                found = {row[column] for row in rows(both.hubspot, name)}
                assert found <= {"", *(option.value for option in known[column].options)}, (name, column)
    groups = {name: {group.name for group in catalog.groups(name)} for name in PROPERTIES}
    assert {name: {each["groupName"] for each in PROPERTIES[name]} - groups[name] for name in PROPERTIES} == {
        name: set() for name in PROPERTIES
    }


def test_every_option_that_appears_is_declared(both: Both) -> None:
    declared = PROPERTIES | {schema["name"]: schema["properties"] for schema in SCHEMAS}
    for name, properties in declared.items():
        for each in properties:
            if "options" in each:
                values = {row[each["name"]] for row in rows(both.hubspot, name)}
                assert values <= {"", *(option["value"] for option in each["options"])}, (name, each["name"])
            assert each["name"] in COLUMNS[name]


def test_a_deal_keeps_its_money_stage_customer_and_the_partners_with_a_role(small: Both) -> None:
    names = {id_: label for id_, label, _, _ in STAGES}
    found = {
        row["hs_object_id"]: (row["amount"], row["deal_currency_code"], names[row["dealstage"]], row["createdate"])
        for row in rows(small.hubspot, "deals")
    }
    deals = rows(small.salesforce, "Opportunity")
    assert found == {
        hubspot_id(row["Id"]): (row["Amount"], row["CurrencyIsoCode"], row["StageName"], row["CreatedDate"])
        for row in deals
    }
    links = {
        (row["from_id"], row["to_id"], row["label"])
        for row in rows(small.hubspot, "associations")
        if row["from_object"] == "deals"
    }
    roles = {
        "VAR/Reseller": "Reseller partner",
        "Consultant": "Influencing partner",
        "Broker": "Referral partner",
    }
    assert links == {(hubspot_id(row["Id"]), hubspot_id(row["AccountId"]), PRIMARY) for row in deals} | {
        (hubspot_id(row["OpportunityId"]), hubspot_id(row["AccountToId"]), roles[row["Role"]])
        for row in rows(small.salesforce, "OpportunityPartner")
    }


def test_a_deal_closes_on_its_day_in_the_portals_time_zone_if_not_in_utc(small: Both) -> None:
    days = {hubspot_id(row["Id"]): row["CloseDate"] for row in rows(small.salesforce, "Opportunity")}
    closes = {row["hs_object_id"]: row for row in rows(small.hubspot, "deals")}
    for id_, row in closes.items():
        at = datetime.fromisoformat(row["closedate"].replace("Z", "+00:00"))
        assert at.astimezone(ZoneInfo(TIME_ZONE)).date().isoformat() == days[id_]
    late = [row["dealname"] for id_, row in closes.items() if row["closedate"][:10] != days[id_]]
    assert late == ["Closed at 23:30"]


def test_the_last_step_of_a_deals_history_is_its_stage_and_no_two_share_a_moment(small: Both) -> None:
    history: dict[str, list[tuple[str, str]]] = {}
    for row in rows(small.hubspot, "history"):
        history.setdefault(row["id"], []).append((row["timestamp"], row["value"]))
    for row in rows(small.hubspot, "deals"):
        moments = [at for at, _ in history[row["hs_object_id"]]]
        assert moments == sorted(set(moments))
        assert history[row["hs_object_id"]][-1][1] == row["dealstage"]


def test_rates_are_exact_in_both_directions_with_six_decimals(both: Both) -> None:
    kept = {(row["IsoCode"], row["StartDate"]): row for row in rows(both.salesforce, "DatedConversionRate")}
    found = rows(both.hubspot, "currencies")
    assert {row["currency"] for row in found} == {"EUR", "GBP", "JPY"}
    for row in found:
        rate = Decimal(row["conversion_rate"])
        assert rate * Decimal(kept[row["currency"], row["effective_at"][:10]]["ConversionRate"]) == 1
        assert rate == round(rate, 6)


def test_a_rate_that_has_no_exact_inverse_is_rounded_to_six_decimals() -> None:
    assert (inverse("0.9"), inverse("160"), inverse("0.5")) == ("1.111111", "0.00625", "2")


def test_a_merged_company_is_gone_and_named_by_the_survivor_whom_the_merge_touched(both: Both) -> None:
    story = both.story("merged")
    companies = {row["hs_object_id"]: row for row in rows(both.hubspot, "companies")}
    survivor = companies[story["id"]]
    assert survivor["hs_merged_object_ids"] == story["detail"]["merged_from"]
    assert story["detail"]["merged_from"] not in companies
    assert survivor["hs_lastmodifieddate"][:10] == "2026-03-19"
    merged = [row["hs_merged_object_ids"] for row in rows(both.hubspot, "contacts") if row["hs_merged_object_ids"]]
    assert len(merged) == 1


def test_hostile_names_arrive_as_they_are(small: Both) -> None:
    names = {row["name"] for row in rows(small.hubspot, "companies")}
    assert {"First line\nSecond line", "=cmd|' /C calc'!A0", "NA", "Q", "🚀 Rocket 👩‍👩‍👧 Partners"} <= names
    assert names == {row["Name"].strip() for row in rows(small.salesforce, "Account") if not row["MasterRecordId"]}
    assert {"a\r\nb", "#N/A", "NULL", "tab\there"} <= {row["dealname"] for row in rows(small.hubspot, "deals")}


def test_many_deals_share_one_modified_date(small: Both) -> None:
    told = small.told()["equal_stamps"]
    stamps = Counter(row["hs_lastmodifieddate"] for row in rows(small.hubspot, "deals"))
    assert (told["object"], stamps[told["hs_lastmodifieddate"]]) == ("deals", told["count"])


def test_the_stories_are_the_same_but_for_the_ids(both: Both) -> None:
    told = both.told()
    ids = told["ids"]
    kept = json.loads((both.salesforce / "scenarios.json").read_text(encoding="utf-8"))
    assert [ids[story["id"]] for story in kept["partners"]] == [story["id"] for story in told["partners"]]
    assert {name: ids[id_] for name, id_ in kept["users"].items()} == told["users"]
    same = ("scenario", "why", "persona", "gates", "decision", "symptom", "lever", "motion", "owner_role")
    assert [[story[name] for name in same] for story in kept["partners"]] == [
        [story[name] for name in same] for story in told["partners"]
    ]
    assert "8G0000" not in json.dumps(told | {"ids": ""})


def test_what_people_own_waits_for_the_installation(small: Both) -> None:
    owned = rows(small.hubspot / "after_install", "companies")
    personas = {row["hs_object_id"]: row["pmom_partner_persona"] for row in owned}
    assert personas[small.story("persona_two_roles")["id"]] == "VAR;GSI"
    assert personas[small.story("persona_unmapped")["id"]] == ""
    assert len(owned) == len(rows(small.salesforce / "after_install", "Account"))
    assert all(column == "hs_object_id" or column.startswith("pmom_") for column in owned[0])
    assert not any(column.startswith("pmom_") for columns in COLUMNS.values() for column in columns)
