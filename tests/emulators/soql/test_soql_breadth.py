"""The rarer parts of SOQL over the standard schema: distances, subtotals, typed fields, dated rates, versions."""

from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from emulators.salesforce import storage
from emulators.salesforce.catalog import load
from emulators.salesforce.ids import make_id
from emulators.salesforce.schema import PicklistValue, Schema
from emulators.salesforce.soql import Context, SoqlError, prepare, run

Ask = Callable[[str], list[dict[str, Any]]]
MIA, NOA = make_id("005", "000", 1), make_id("005", "000", 2)
OSLO, BERGEN, NOWHERE = (make_id("001", "000", n) for n in (1, 2, 3))
DEAL, OTHER = make_id("006", "000", 1), make_id("006", "000", 2)
ROWS: dict[str, list[dict[str, Any]]] = {
    "User": [
        {"Id": MIA, "Name": "Mia", "DefaultCurrencyIsoCode": "NOK"},
        {"Id": NOA, "Name": "Noa", "DefaultCurrencyIsoCode": "USD"},
    ],
    "Account": [
        {"Id": OSLO, "Name": "Oslo", "Industry": "Energy", "Type": "Prospect", "OwnerId": MIA}
        | {"BillingLatitude": 59.9139, "BillingLongitude": 10.7522},
        {"Id": BERGEN, "Name": "Bergen", "Industry": "Energy", "Type": None, "OwnerId": NOA, "ParentId": OSLO}
        | {"BillingLatitude": 60.3913, "BillingLongitude": 5.3221},
        {"Id": NOWHERE, "Name": "Nowhere", "Industry": None, "Type": "Prospect", "OwnerId": NOA},
    ],
    "Opportunity": [
        {"Id": DEAL, "Name": "Deal", "Amount": 100.0, "CurrencyIsoCode": "EUR", "CloseDate": "2026-02-01"}
        | {"AccountId": BERGEN, "OwnerId": NOA, "StageName": "Closed Won"},
        {"Id": OTHER, "Name": "Other", "Amount": 100.0, "CurrencyIsoCode": "EUR", "CloseDate": "2026-01-01"},
    ],
    "OpportunityTeamMember": [{"Id": make_id("00q", "000", 1), "OpportunityId": DEAL, "UserId": MIA}],
    "Task": [
        {"Id": make_id("00T", "000", 1), "Subject": "Call", "WhatId": DEAL, "OwnerId": MIA},
        {"Id": make_id("00T", "000", 2), "Subject": "Visit", "WhatId": OSLO, "OwnerId": MIA},
        {"Id": make_id("00T", "000", 3), "Subject": "Loose", "WhatId": None, "OwnerId": MIA},
    ],
    "RecordType": [{"Id": make_id("012", "000", 1), "Name": "Partner", "SobjectType": "Account"}],
    "CurrencyType": [
        {"Id": make_id("01L", "000", 1), "IsoCode": "USD", "ConversionRate": 1.0},
        {"Id": make_id("01L", "000", 2), "IsoCode": "EUR", "ConversionRate": 0.5},
        {"Id": make_id("01L", "000", 3), "IsoCode": "NOK", "ConversionRate": 10.0},
    ],
    "DatedConversionRate": [
        {"Id": make_id("04w", "000", 1), "IsoCode": "EUR", "ConversionRate": 0.8}
        | {"StartDate": "2026-01-01", "NextStartDate": "2026-02-01"},
        {"Id": make_id("04w", "000", 2), "IsoCode": "EUR", "ConversionRate": 0.4}
        | {"StartDate": "2026-02-01", "NextStartDate": "9999-12-31"},
    ],
}


@pytest.fixture(scope="module")
def org() -> Iterator[tuple[sqlite3.Connection, Context]]:
    schema = load()
    connection = sqlite3.connect(":memory:")
    for obj in schema.objects.values():
        storage.create_object(connection, obj)
        for row in ROWS.get(obj.name, []):
            names = ", ".join(storage.column(name) for name in row)
            marks = ", ".join("?" * len(row))
            connection.execute(f"INSERT INTO {storage.table(obj)} ({names}) VALUES ({marks})", tuple(row.values()))
    yield connection, Context(schema, lambda *_: True, datetime(2026, 3, 11, tzinfo=UTC), ZoneInfo("UTC"), MIA)
    connection.close()


@pytest.fixture
def ask(org: tuple[sqlite3.Connection, Context]) -> Ask:
    connection, context = org

    def bare(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {key: bare(one) for key, one in value.items() if key != "attributes"}

    return lambda soql: [bare(record) for record in run(connection, soql, context).records]


def names(ask: Ask, rest: str, entity: str = "Account", field: str = "Name") -> list[str]:
    return [row[field] for row in ask(f"SELECT {field} FROM {entity} {rest}")]


HERE = "DISTANCE(BillingAddress, GEOLOCATION(59.9139, 10.7522), '{}')"


def test_distances_filter_and_sort_and_places_without_coordinates_are_null(ask: Ask) -> None:
    km, mi = HERE.format("km"), HERE.format("mi")
    assert names(ask, f"WHERE {km} < 306") == ["Oslo", "Bergen"]
    assert names(ask, f"WHERE {km} < 304") == ["Oslo"]
    assert names(ask, f"WHERE {mi} > 100") == ["Bergen"]
    assert names(ask, f"ORDER BY {km} DESC NULLS LAST") == ["Bergen", "Oslo", "Nowhere"]
    rows = ask(f"SELECT Name, {km}, {mi} far FROM Account ORDER BY {km} NULLS FIRST")
    assert [
        (row["Name"], row["expr0"] and round(row["expr0"]), row["far"] and round(row["far"])) for row in rows
    ] == [
        ("Nowhere", None, None),
        ("Oslo", 0, 0),
        ("Bergen", 305, 190),
    ]


def test_a_parents_place_has_a_distance(ask: Ask) -> None:
    there = "DISTANCE(Parent.BillingAddress, GEOLOCATION(60.3913, 5.3221), 'km')"
    assert [round(row["d"]) for row in ask(f"SELECT {there} d FROM Account WHERE ParentId != null")] == [305]


def test_a_subtotal_is_kept_or_dropped_by_having_as_the_null_it_shows(ask: Ask) -> None:
    grouped = "SELECT Industry, COUNT(Id) n FROM Account GROUP BY ROLLUP(Industry)"
    everything = [{"Industry": None, "n": 1}, {"Industry": "Energy", "n": 2}, {"Industry": None, "n": 3}]
    assert ask(f"{grouped} ORDER BY COUNT(Id)") == everything
    assert ask(f"{grouped} HAVING Industry != null") == everything[1:2]
    assert ask(f"{grouped} HAVING GROUPING(Industry) = 1") == everything[2:]
    assert ask(f"{grouped} HAVING GROUPING(Industry) = 0 ORDER BY COUNT(Id)") == everything[:2]
    assert ask(f"{grouped} HAVING Industry = null AND COUNT(Id) > 1") == everything[2:]


def test_a_key_may_be_shown_by_its_label(org: tuple[sqlite3.Connection, Context]) -> None:
    connection, context = org
    account = context.schema.objects["account"]
    labels = (PicklistValue("Energy", "Power and light"),)
    industry = dataclasses.replace(account.fields["industry"], picklist=labels)
    renamed = dataclasses.replace(account, fields={**account.fields, "industry": industry})
    schema = Schema({**context.schema.objects, "account": renamed})
    soql = "SELECT Industry, toLabel(Industry) shown FROM Account GROUP BY Industry ORDER BY Industry"
    rows = run(connection, soql, dataclasses.replace(context, schema=schema)).records
    assert [(row["Industry"], row["shown"]) for row in rows] == [(None, None), ("Energy", "Power and light")]


def test_typed_fields_may_lie_behind_relationships_and_be_addresses(ask: Ask) -> None:
    rows = ask(
        "SELECT TYPEOF What WHEN Opportunity THEN Name, Account.Parent.Name, Account.Name "
        "WHEN Account THEN BillingAddress, Owner.Name ELSE Name END FROM Task ORDER BY Subject"
    )
    place = rows[2]["What"]["BillingAddress"]
    assert rows[:2] == [
        {"What": {"Name": "Deal", "Account": {"Parent": {"Name": "Oslo"}, "Name": "Bergen"}}},
        {"What": None},
    ]
    assert (place["latitude"], place["city"], rows[2]["What"]["Owner"]) == (59.9139, None, {"Name": "Mia"})


def test_amounts_convert_at_the_rate_of_the_day_the_deal_closes(ask: Ask) -> None:
    rows = ask("SELECT Name, convertCurrency(Amount) FROM Opportunity ORDER BY Name")
    assert rows == [{"Name": "Deal", "Amount": 100 / 0.4 * 10}, {"Name": "Other", "Amount": 100 / 0.8 * 10}]


def test_a_scope_of_the_team_shows_what_the_user_works_on(ask: Ask) -> None:
    assert names(ask, "USING SCOPE team", "Opportunity") == ["Deal"]
    assert names(ask, "USING SCOPE mine ORDER BY Name") == ["Oslo"]


def test_the_name_of_a_record_type_has_a_label(ask: Ask) -> None:
    assert ask("SELECT toLabel(Name) FROM RecordType") == [{"Name": "Partner"}]
    assert ask("SELECT toLabel(RecordType.Name) FROM Account LIMIT 1") == [{"RecordType": None}]


def test_a_pair_of_escapes_is_one_character_and_half_a_pair_is_none(ask: Ask) -> None:
    assert names(ask, "WHERE Name = '\\uD83D\\uDE00' OR Name = '\\uD83D' OR Name = 'Oslo'") == ["Oslo"]


def test_thousands_of_conditions_are_no_trouble(ask: Ask) -> None:
    either = " OR ".join(f"Name = 'n{number}'" for number in range(3000))
    assert names(ask, f"WHERE {either} OR Name = 'Oslo'") == ["Oslo"]


def test_conditions_nested_beyond_what_is_computable_are_too_complicated(ask: Ask) -> None:
    nested = "Name = 'x'"
    for level in range(2000):
        nested = f"({nested} {'OR' if level % 2 else 'AND'} Name != 'y')"
    with pytest.raises(SoqlError, match="QUERY_TOO_COMPLICATED"):
        names(ask, f"WHERE {nested}")


@pytest.mark.parametrize(
    ("soql", "since", "says"),
    [
        ("SELECT FIELDS(STANDARD) FROM Account", 51, "unexpected token: '('"),
        (
            "SELECT Id, (SELECT Id, (SELECT Id FROM OpportunityLineItems) FROM Opportunities) FROM Account",
            58,
            "more than 1 level away from the root entity object.",
        ),
    ],
)
def test_newer_clauses_are_unknown_to_older_versions(
    org: tuple[sqlite3.Connection, Context], soql: str, since: int, says: str
) -> None:
    connection, context = org
    assert prepare(connection, soql, dataclasses.replace(context, version=f"{since}.0")).entity.name == "Account"
    with pytest.raises(SoqlError, match="MALFORMED_QUERY") as refused:
        prepare(connection, soql, dataclasses.replace(context, version=f"{since - 1}.0"))
    assert says in refused.value.message
