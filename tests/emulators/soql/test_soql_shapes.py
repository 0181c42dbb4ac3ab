"""What answers look like: nested parents, child blocks, groups, pages, CSV cells; whole values compared."""

from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import Callable
from typing import Any

import pytest

from emulators.salesforce.ids import make_id
from emulators.salesforce.soql import Context, ResultColumn, SoqlError, prepare, rows_for_bulk, run

Ask = Callable[[str], list[dict[str, Any]]]
ACME, BRAVO, CAFE = (make_id("001", "000", n) for n in (1, 2, 3))


def attributes(kind: str, record_id: str, of: str | None = None) -> dict[str, str]:
    return {"type": kind, "url": f"/services/data/v67.0/sobjects/{of or kind}/{record_id}"}


GROUP = {"type": "AggregateResult"}


def test_fields_come_in_the_order_asked_and_the_spelling_of_the_schema(ask: Ask) -> None:
    (record,) = ask("SELECT NAME, annualrevenue, ispartner, numberofemployees, id FROM account WHERE name = 'acme'")
    assert list(record.items()) == [
        ("attributes", attributes("Account", ACME)),
        ("Name", "Acme"),
        ("AnnualRevenue", 139000000.0),
        ("IsPartner", True),
        ("NumberOfEmployees", 50),
        ("Id", ACME),
    ]
    assert isinstance(record["AnnualRevenue"], float)
    assert isinstance(record["NumberOfEmployees"], int)


def test_a_datetime_has_an_offset_and_a_date_has_none(ask: Ask) -> None:
    (record,) = ask("SELECT CloseDate, CreatedDate FROM Opportunity WHERE Name = 'Big'")
    assert (record["CloseDate"], record["CreatedDate"]) == ("2026-03-11", "2026-03-01T07:59:59.000+0000")


def test_the_record_url_carries_the_version_asked(connection: sqlite3.Connection, context: Context) -> None:
    older = dataclasses.replace(context, version="59.0")
    (record,) = run(connection, "SELECT Name FROM Account WHERE Name = 'acme'", older).records
    assert record["attributes"]["url"] == f"/services/data/v59.0/sobjects/Account/{ACME}"


def test_parents_are_nested_once_and_absent_parents_are_null(ask: Ask) -> None:
    rows = ask("SELECT Parent.Name, Name, Parent.Parent.Name, Parent.Id FROM Account WHERE Id != null ORDER BY Name")
    top = {"attributes": attributes("Account", ACME), "Name": "Acme"}
    assert [{k: v for k, v in row.items() if k != "attributes"} for row in rows[:3]] == [
        {"Parent": None, "Name": "Acme"},
        {"Parent": {**top, "Parent": None, "Id": ACME}, "Name": "bravo"},
        {
            "Parent": {
                "attributes": attributes("Account", BRAVO),
                "Name": "bravo",
                "Parent": {"attributes": attributes("Account", ACME), "Name": "Acme"},
                "Id": BRAVO,
            },
            "Name": "Café Zoë",
        },
    ]
    assert list(rows[1]) == ["attributes", "Parent", "Name"]


def test_a_look_up_to_several_types_answers_as_name(ask: Ask) -> None:
    rows = ask("SELECT Owner.Name, Owner.Type, What.Name FROM Task ORDER BY Subject LIMIT 3")
    user, queue = make_id("005", "000", 1), make_id("00G", "000", 1)
    mia = {"attributes": attributes("Name", user, "User"), "Name": "Mia", "Type": "User"}
    assert [(row["Owner"], row["What"] and row["What"]["Name"]) for row in rows] == [
        (mia, "Acme"),
        (mia, None),
        ({"attributes": attributes("Name", queue, "Group"), "Name": "Partner Queue", "Type": "Group"}, "Big"),
    ]
    assert rows[2]["What"]["attributes"] == attributes("Name", make_id("006", "000", 1), "Opportunity")


def test_typeof_takes_other_fields_for_each_type(ask: Ask) -> None:
    rows = ask("SELECT TYPEOF What WHEN Opportunity THEN Amount, StageName ELSE Name END FROM Task ORDER BY Subject")
    assert [row["What"] for row in rows] == [
        {"attributes": attributes("Name", ACME, "Account"), "Name": "Acme"},
        None,
        {
            "attributes": attributes("Opportunity", make_id("006", "000", 1)),
            "Amount": 900.0,
            "StageName": "Closed Won",
        },
        {"attributes": attributes("Name", BRAVO, "Account"), "Name": "bravo"},
    ]


def test_children_are_blocks_and_no_children_are_null(ask: Ask) -> None:
    rows = ask("SELECT Name, (SELECT Name, Account.Name FROM contacts ORDER BY Name DESC) FROM Account LIMIT 2")
    ann, bob = make_id("003", "000", 1), make_id("003", "000", 2)
    acme = {"attributes": attributes("Account", ACME), "Name": "Acme"}
    assert rows[0]["Contacts"] == {
        "totalSize": 2,
        "done": True,
        "records": [
            {"attributes": attributes("Contact", bob), "Name": "Bob", "Account": acme},
            {"attributes": attributes("Contact", ann), "Name": "Ann", "Account": acme},
        ],
    }
    assert rows[1]["Contacts"] is None


def test_a_limit_on_children_counts_for_each_parent(ask: Ask) -> None:
    rows = ask("SELECT Name, (SELECT Name FROM Opportunities ORDER BY Amount DESC NULLS LAST LIMIT 1) FROM Account")
    found = [[child["Name"] for child in (row["Opportunities"] or {"records": []})["records"]] for row in rows]
    assert found == [["Big"], ["Lost"], ["Open"], []]


def test_children_of_children_are_found(ask: Ask) -> None:
    (row,) = ask(
        "SELECT Id, (SELECT Name, (SELECT Name FROM Opportunities) FROM ChildAccounts WHERE Name = 'bravo') "
        "FROM Account WHERE Name = 'acme'"
    )
    (bravo,) = row["ChildAccounts"]["records"]
    assert [one["Name"] for one in bravo["Opportunities"]["records"]] == ["Lost"]


def test_deleted_rows_appear_only_when_all_rows_are_asked_also_as_children(
    connection: sqlite3.Connection, context: Context
) -> None:
    soql = "SELECT Name, IsDeleted, (SELECT Name FROM Contacts) FROM Account ORDER BY Name"
    everything = dataclasses.replace(context, all_rows=True)
    usual, deleted = list(run(connection, soql, context).records), list(run(connection, soql, everything).records)
    assert [row["Name"] for row in usual] == ["Acme", "bravo", "Café Zoë", "Delta 50% off_"]
    assert [row["Name"] for row in deleted if row["IsDeleted"]] == ["Gone"]
    assert usual[1]["Contacts"] is None
    assert [one["Name"] for one in deleted[1]["Contacts"]["records"]] == ["Cid"]


def test_a_deleted_flag_in_the_filter_does_not_open_the_recycle_bin(ask: Ask) -> None:
    assert ask("SELECT Id FROM Account WHERE IsDeleted = true") == []


def test_compound_addresses_are_objects_or_null(ask: Ask) -> None:
    rows = ask("SELECT BillingAddress FROM Account ORDER BY Name LIMIT 2")
    assert [row["BillingAddress"] for row in rows] == [{"city": "Oslo", "country": "Norway"}, None]


def test_formulas_are_computed_on_read(ask: Ask) -> None:
    rows = ask("SELECT AccountIndustry__c, Age__c FROM Opportunity WHERE Name IN ('Big', 'Bare') ORDER BY Name")
    assert [(row["AccountIndustry__c"], row["Age__c"]) for row in rows] == [(None, 55.0), ("Energy", 10.0)]


def test_renderings_take_the_fields_name_or_an_alias(ask: Ask) -> None:
    (row,) = ask(
        "SELECT StageName, toLabel(StageName) stage, FORMAT(Amount), FORMAT(CreatedDate), "
        "FORMAT(convertCurrency(Amount)) own, convertCurrency(Amount) raw FROM Opportunity WHERE Name = 'Bare'"
    )
    assert row["StageName"] == "Negotiation"
    assert row["stage"] == "NEGOTIATION"
    assert (row["Amount"], row["CreatedDate"]) == ("50.50", "1/14/2026, 4:00 PM")
    assert (row["own"], row["raw"]) == ("101.00", 101.0)


def test_fields_all_lists_what_the_user_may_see(ask: Ask) -> None:
    (row,) = ask("SELECT FIELDS(ALL) FROM Contact WHERE Name = 'Bob' LIMIT 200")
    names = ["Id", "IsDeleted", "SystemModstamp", "CreatedDate", "Name", "Email", "AccountId", "ReportsToId"]
    assert list(row) == ["attributes", *names]


def test_fields_custom_and_standard_share_the_fields(ask: Ask) -> None:
    standard = ask("SELECT FIELDS(STANDARD) FROM Account")[0]
    custom = ask("SELECT FIELDS(CUSTOM) FROM Account LIMIT 1")[0]
    assert list(custom) == ["attributes", "Ext__c", "Tier__c"]
    assert not set(standard) & {"Ext__c", "Tier__c"}


# groups and totals


def test_count_has_a_total_and_no_records(connection: sqlite3.Connection, context: Context) -> None:
    result = run(connection, "SELECT COUNT() FROM Account WHERE Industry = 'energy'", context)
    assert (result.total, result.is_count, list(result.records)) == (2, True, [])


@pytest.mark.parametrize(("limit", "total"), [("LIMIT 3", 3), ("LIMIT 9", 4), ("LIMIT 3 OFFSET 2", 2)])
def test_count_stops_at_the_limit(connection: sqlite3.Connection, context: Context, limit: str, total: int) -> None:
    assert run(connection, f"SELECT COUNT() FROM Account {limit}", context).total == total


def test_totals_are_one_row_with_implied_keys(ask: Ask) -> None:
    rows = ask(
        "SELECT COUNT(Id), COUNT(Industry) n, COUNT_DISTINCT(Industry), SUM(NumberOfEmployees), AVG(AnnualRevenue), "
        "MIN(Name), MAX(SystemModstamp) FROM Account"
    )
    assert rows == [
        {
            "attributes": GROUP,
            "expr0": 4,
            "n": 3,
            "expr1": 2,
            "expr2": 55,
            "expr3": (139000000.0 + 100.0 + 0.5) / 3,
            "expr4": "Acme",
            "expr5": "2026-01-03T00:00:00.000+0000",
        }
    ]


def test_a_total_over_nothing_is_null(ask: Ask) -> None:
    assert ask("SELECT SUM(Amount) s, COUNT(Id) n FROM Opportunity WHERE Name = 'x'") == [
        {"attributes": GROUP, "s": None, "n": 0}
    ]


def test_amounts_of_several_currencies_are_summed_in_the_corporate_one(ask: Ask) -> None:
    rows = ask(
        "SELECT CurrencyIsoCode c, SUM(Amount) s FROM Opportunity GROUP BY CurrencyIsoCode ORDER BY SUM(Amount)"
    )
    assert [(row["c"], row["s"]) for row in rows] == [("USD", 400.0), ("EUR", 1901.0)]


def test_groups_ignore_case_and_keep_null(ask: Ask) -> None:
    rows = ask("SELECT Industry, COUNT(Id) FROM Account GROUP BY Industry ORDER BY Industry")
    assert [(str(row["Industry"]).lower(), row["expr0"]) for row in rows] == [
        ("none", 1),
        ("energy", 2),
        ("retail", 1),
    ]


def test_groups_by_a_parents_field_take_the_fields_name(ask: Ask) -> None:
    rows = ask(
        "SELECT Account.Name, COUNT(Id) deals FROM Opportunity WHERE IsWon = true OR AccountId = null "
        "GROUP BY Account.Name ORDER BY Account.Name NULLS LAST"
    )
    assert rows == [
        {"attributes": GROUP, "Name": "Acme", "deals": 2},
        {"attributes": GROUP, "Name": None, "deals": 1},
    ]


def test_having_filters_groups(ask: Ask) -> None:
    rows = ask(
        "SELECT StageName FROM Opportunity GROUP BY StageName HAVING COUNT(Id) > 1 OR (MAX(CloseDate) = NEXT_MONTH "
        "AND StageName LIKE 'p%') ORDER BY StageName"
    )
    assert [row["StageName"] for row in rows] == ["Prospecting", "Closed Won"]


def test_date_functions_group(ask: Ask) -> None:
    rows = ask(
        "SELECT CALENDAR_YEAR(CloseDate) y, COUNT(Id) n FROM Opportunity WHERE CloseDate != null "
        "GROUP BY CALENDAR_YEAR(CloseDate) ORDER BY CALENDAR_YEAR(CloseDate) DESC"
    )
    assert [(row["y"], row["n"]) for row in rows] == [(2026, 3), (2025, 1)]


def test_rollup_adds_subtotals_that_grouping_marks(ask: Ask) -> None:
    rows = ask(
        "SELECT StageName, IsWon, GROUPING(IsWon) g, COUNT(Id) n FROM Opportunity WHERE IsWon = true "
        "GROUP BY ROLLUP(StageName, IsWon)"
    )
    assert [(row["StageName"], row["IsWon"], row["g"], row["n"]) for row in rows] == [
        ("Closed Won", True, 0, 2),
        ("Closed Won", None, 1, 2),
        (None, None, 1, 2),
    ]


def test_cube_adds_every_combination(ask: Ask) -> None:
    rows = ask(
        "SELECT StageName, IsWon, COUNT(Id) n FROM Opportunity WHERE IsWon = true GROUP BY CUBE(StageName, IsWon)"
    )
    assert [(row["StageName"], row["IsWon"]) for row in rows] == [
        ("Closed Won", True),
        ("Closed Won", None),
        (None, True),
        (None, None),
    ]


@pytest.mark.parametrize(("groups", "accepted"), [(2000, True), (2001, False)])
def test_an_answer_holds_at_most_2000_groups(
    connection: sqlite3.Connection, context: Context, groups: int, accepted: bool
) -> None:
    rows = [(make_id("003", "001", n), f"n{n}") for n in range(groups)]
    connection.execute("DELETE FROM o_contact")
    connection.executemany("INSERT INTO o_contact (f_id, f_name) VALUES (?, ?)", rows)
    soql = "SELECT Name, COUNT(Id) FROM Contact GROUP BY Name"
    if accepted:
        assert run(connection, soql, context).total == 2000
        return
    with pytest.raises(SoqlError) as refused:
        run(connection, soql, context)
    assert refused.value.code == "EXCEEDED_ID_LIMIT"


# pages


def test_pages_keep_their_rows_while_the_table_changes(connection: sqlite3.Connection, context: Context) -> None:
    prepared = prepare(connection, "SELECT Name FROM Account ORDER BY Name DESC", context)
    connection.execute("UPDATE o_account SET f_name = 'Zulu' WHERE f_id = ?", (ACME,))
    connection.execute("INSERT INTO o_account (f_id, f_name) VALUES (?, 'Mike')", (make_id("001", "000", 9),))
    pages = [[row["Name"] for row in prepared.page(start, 2)] for start in (0, 2, 4)]
    assert prepared.total == 4
    assert pages == [["Delta 50% off_", "Café Zoë"], ["bravo", "Zulu"], []]


def test_another_connection_may_read_the_next_page(connection: sqlite3.Connection, context: Context) -> None:
    prepared = prepare(connection, "SELECT Name FROM Account WHERE Name LIKE 'a%' ORDER BY Name", context)
    other = sqlite3.connect(":memory:")
    connection.backup(other)
    assert [row["Name"] for row in prepared.page(0, 10, other)] == ["Acme"]
    other.close()


def test_records_can_be_indexed_and_sliced(connection: sqlite3.Connection, context: Context) -> None:
    records = run(connection, "SELECT Name FROM Account ORDER BY Name", context).records
    assert len(records) == 4
    assert records[0]["Name"] == "Acme"
    assert records[-1]["Name"] == "Delta 50% off_"
    assert [row["Name"] for row in records[1:3]] == ["bravo", "Café Zoë"]
    assert [row["Name"] for row in records[::2]] == ["Acme", "Café Zoë"]


def test_columns_tell_parents_children_and_aggregates(connection: sqlite3.Connection, context: Context) -> None:
    soql = "SELECT Id, Owner.Name, Owner.Email, (SELECT Name FROM Contacts) FROM Account"
    columns = run(connection, soql, context).columns

    def outline(column: ResultColumn) -> tuple[str, bool, list[Any]]:
        return column.name, column.aggregate, [outline(one) for one in column.joins]

    assert [outline(column) for column in columns] == [
        ("Id", False, []),
        ("Owner", False, [("Name", False, []), ("Email", False, [])]),
        ("Contacts", False, [("Name", False, [])]),
    ]
    totals = run(connection, "SELECT Industry, MAX(Name) top FROM Account GROUP BY Industry", context).columns
    assert [outline(column) for column in totals] == [("Industry", False, []), ("top", True, [])]


# Bulk API 2.0


def test_bulk_rows_are_text_with_empty_nulls(connection: sqlite3.Connection, context: Context) -> None:
    header, rows = rows_for_bulk(
        connection,
        "SELECT id, name, Owner.name, AnnualRevenue, NumberOfEmployees, IsPartner, Tier__c, SystemModstamp "
        "FROM Account ORDER BY Name LIMIT 3",
        context,
    )
    assert header == [
        *("Id", "Name", "Owner.Name", "AnnualRevenue", "NumberOfEmployees", "IsPartner", "Tier__c"),
        "SystemModstamp",
    ]
    assert list(rows) == [
        [ACME, "Acme", "Mia", "1.39E8", "50", "true", "gold;silver", "2026-01-01T00:00:00.000Z"],
        [BRAVO, "bravo", "Noa", "100.0", "5", "false", "gold", "2026-01-02T00:00:00.000Z"],
        [CAFE, "Café Zoë", "Mia", "", "", "true", "", "2026-01-02T00:00:00.000Z"],
    ]


@pytest.mark.parametrize(
    ("stored", "text"),
    [
        *((0.0, "0.0"), (100.0, "100.0"), (-2.5, "-2.5"), (0.1, "0.1"), (1234567.89, "1234567.89")),
        *((9999999.0, "9999999.0"), (10000000.0, "1.0E7"), (123456789.12, "1.2345678912E8"), (0.00025, "2.5E-4")),
    ],
)
def test_bulk_writes_numbers_as_the_vendors_servers_do(
    connection: sqlite3.Connection, context: Context, stored: float, text: str
) -> None:
    connection.execute("UPDATE o_account SET f_annualrevenue = ?", (stored,))
    _, rows = rows_for_bulk(connection, "SELECT AnnualRevenue FROM Account LIMIT 1", context)
    assert list(rows) == [[text]]


# speed


def plan_of(connection: sqlite3.Connection, context: Context, soql: str) -> str:
    plan = prepare(connection, soql, context).plan
    assert plan is not None
    return "\n".join(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {plan.ids_sql}", plan.values))


def test_the_incremental_read_walks_an_index_without_sorting(
    connection: sqlite3.Connection, context: Context
) -> None:
    steps = plan_of(
        connection,
        context,
        "SELECT Id, Name, Owner.Name FROM Account WHERE SystemModstamp >= 2026-01-02T00:00:00Z "
        "AND SystemModstamp < 2026-02-01T00:00:00Z ORDER BY SystemModstamp, Id",
    )
    assert "USING INDEX i_account_systemmodstamp (f_systemmodstamp>? AND f_systemmodstamp<?)" in steps
    assert "TEMP B-TREE FOR ORDER BY" not in steps


@pytest.mark.parametrize(
    ("where", "index"),
    [
        ("Id = '001000000000001'", "(f_id=?)"),
        ("Id IN ('001000000000001', '001000000000002')", "(f_id=?)"),
        ("Ext__c = 'aB1'", "i_account_ext__c (f_ext__c=?)"),
        ("ParentId = '001000000000001'", "i_account_parentid (f_parentid=?)"),
    ],
)
def test_keys_are_looked_up_not_scanned(
    connection: sqlite3.Connection, context: Context, where: str, index: str
) -> None:
    assert index in plan_of(connection, context, f"SELECT Id FROM Account WHERE {where}")
