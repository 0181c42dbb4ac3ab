"""What every CRM must do, told once and asked of each."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from connector.core.records import Kind
from connector.crm.base import (
    Action,
    Filter,
    Op,
    ReadRequest,
    StepStatus,
    Write,
    WriteResult,
    WriteStatus,
    arrow_type,
)
from connector.errors import Misconfigured

NAMES = ("Name", "AnnualRevenue", "NumberOfEmployees", "Website", "PMOM_Score__c", "PMOM_Decided__c")


def read(bench: Any, fields: tuple[str, ...] = ("Id", "Name"), **bounds: Any) -> list[dict[str, Any]]:
    request = ReadRequest("Account", fields, **({"since": bench.start} | bounds))
    return [row for page in bench.crm.read(request) for row in page.rows.to_pylist()]


def outcomes(bench: Any, *writes: Write) -> dict[str, WriteResult]:
    found = list(bench.crm.write(writes))
    assert sorted(each.ref for each in found) == sorted(each.ref for each in writes)
    return {each.ref: each for each in found}


def test_the_identity_is_stable_and_the_clock_is_the_crms_own(bench: Any) -> None:
    assert bench.crm.identity() == bench.crm.identity()
    before = bench.crm.now()
    assert abs(before - bench.start) < timedelta(seconds=5)
    bench.advance(3600)
    assert timedelta(seconds=3590) < bench.crm.now() - before < timedelta(seconds=3610)


def test_an_absent_object_has_no_schema_and_an_absent_field_is_not_in_it(bench: Any) -> None:
    assert bench.crm.schema("NoSuchThing__c") is None
    schema = bench.crm.schema("account")
    assert (schema.name, schema.cursor, schema.deletes, schema.merges) == ("Account", "SystemModstamp", True, True)
    assert schema.field("NoSuchField__c") is None
    assert schema.field("annualrevenue").kind is Kind.MONEY
    decision = schema.field("PMOM_Decision__c")
    assert (decision.options, decision.restricted) == (("invest", "hold", "stop"), True)


def test_reading_what_is_not_there_names_it(bench: Any) -> None:
    with pytest.raises(Misconfigured, match="NoSuchThing__c"):
        list(bench.crm.read(ReadRequest("NoSuchThing__c", ("Id",))))
    with pytest.raises(Misconfigured, match=r"Account\.NoSuchField__c"):
        list(bench.crm.read(ReadRequest("Account", ("Id", "NoSuchField__c"))))


def test_values_come_back_typed_and_exact_and_empty_is_null(bench: Any) -> None:
    moment = datetime(2030, 1, 1, 1, 2, 3, tzinfo=UTC)
    bench.add("Account", Name='O\'Neill "GmbH" 🙂', AnnualRevenue=1234567, NumberOfEmployees=7)
    bench.add("Account", Name="NA", PMOM_Score__c=12.5, PMOM_Decided__c=moment)
    pages = list(bench.crm.read(ReadRequest("Account", NAMES, since=bench.start)))
    rows = sorted((row for page in pages for row in page.rows.to_pylist()), key=lambda row: row["Name"])
    plain = {"pmom_deleted": False, "pmom_merged_into": None}
    assert rows == [
        dict(zip(NAMES, ("NA", None, None, None, Decimal("12.5"), moment), strict=True)) | plain,
        dict(zip(NAMES, ('O\'Neill "GmbH" 🙂', Decimal(1234567), 7, None, None, None), strict=True)) | plain,
    ]
    kinds = (Kind.TEXT, Kind.MONEY, Kind.INTEGER, Kind.TEXT, Kind.NUMBER, Kind.INSTANT)
    assert pages[0].rows.schema.types[:6] == [arrow_type(kind) for kind in kinds]


def test_since_is_inclusive_and_until_is_exclusive(bench: Any) -> None:
    names = []
    for second in range(3):
        names.append(f"at {second}")
        bench.add("Account", Name=names[-1])
        bench.advance(1)
    first, second, third = (bench.start + timedelta(seconds=at) for at in range(3))
    assert [row["Name"] for row in read(bench, since=first, until=third)] == ["at 0", "at 1"]
    assert [row["Name"] for row in read(bench, since=second, until=second + timedelta(seconds=1))] == ["at 1"]
    assert read(bench, since=second, until=second) == []


def test_records_of_one_instant_all_come_and_none_twice(bench: Any) -> None:
    ids = {bench.add("Account", Name=f"same {at}") for at in range(7)}
    found = [row["Id"] for row in read(bench)]
    assert (len(found), set(found)) == (7, ids)


def test_a_read_goes_on_behind_any_of_its_pages(bench: Any) -> None:
    for at in range(8):
        bench.add("Account", Name=f"page {at}")
    request = ReadRequest("Account", ("Id",), since=bench.start)
    pages = list(bench.crm.read(request))
    ids = [[row["Id"] for row in page.rows.to_pylist()] for page in pages]
    for at, page in enumerate(pages):
        assert (page.resume is None) == (at == len(pages) - 1)
        if page.resume is not None:
            again = bench.crm.read(ReadRequest("Account", ("Id",), since=bench.start, resume=page.resume))
            assert [row["Id"] for rest in again for row in rest.rows.to_pylist()] == [
                each for rest in ids[at + 1 :] for each in rest
            ]


def test_conditions_all_hold_together(bench: Any) -> None:
    for name, size in (("a", 1), ("b", 2), ("c", None), ("it's", 3)):
        bench.add("Account", Name=name, NumberOfEmployees=size)
    size = "NumberOfEmployees"
    cases: tuple[tuple[tuple[Filter, ...], list[str]], ...] = (
        ((Filter("Name", Op.EQ, "IT'S"),), ["it's"]),
        ((Filter("Name", Op.NE, "a"),), ["b", "c", "it's"]),
        ((Filter("Name", Op.IN, ("a", "b", "zz")),), ["a", "b"]),
        ((Filter("Name", Op.IN, ()),), []),
        ((Filter(size, Op.GE, 2),), ["b", "it's"]),
        ((Filter(size, Op.LT, 2),), ["a"]),
        ((Filter(size, Op.EMPTY),), ["c"]),
        ((Filter(size, Op.FILLED), Filter("Name", Op.NE, "a")), ["b", "it's"]),
    )
    for where, names in cases:
        assert sorted(row["Name"] for row in read(bench, where=where)) == names, where


def test_deleted_and_merged_records_arrive_marked_and_only_when_asked_for(bench: Any) -> None:
    kept, dropped, merged = (bench.add("Account", Name=name) for name in ("kept", "dropped", "merged"))
    bench.advance(10)
    bench.delete("Account", dropped)
    bench.merge("Account", kept, merged)
    rows = {row["Id"]: (row["pmom_deleted"], row["pmom_merged_into"]) for row in read(bench)}
    assert rows == {kept: (False, None), dropped: (True, None), merged: (True, kept)}
    assert [row["Id"] for row in read(bench, deleted=False)] == [kept]
    later = read(bench, since=bench.start + timedelta(seconds=5))
    assert {row["Id"] for row in later if row["pmom_deleted"]} == {dropped, merged}


def test_fetch_and_find_leave_out_what_is_missing_or_deleted(bench: Any) -> None:
    one, two, gone = (
        bench.add("Account", Name=f"find {name}", PMOM_Key__c=f"{bench.start}/{name}") for name in "abc"
    )
    bench.delete("Account", gone)
    crm = bench.crm
    names = crm.fetch("Account", [one, two, gone, one[:-4] + "zzAA"], ("Id", "Name"))
    assert sorted(names.column("Name").to_pylist()) == ["find a", "find b"]
    found = crm.find("Account", "PMOM_Key__c", [f"{bench.start}/{name}" for name in "bcx"], ("Id", "PMOM_Key__c"))
    assert found.to_pylist() == [{"Id": two, "PMOM_Key__c": f"{bench.start}/b"}]
    empty = crm.fetch("Account", [], ("Id", "AnnualRevenue"))
    assert (empty.num_rows, empty.schema.types) == (0, [arrow_type(Kind.ID), arrow_type(Kind.MONEY)])


def test_creating_changing_clearing_and_deleting(bench: Any) -> None:
    made = outcomes(bench, Write("new", "Account", Action.CREATE, (("Name", "made"), ("Website", "x.example"))))[
        "new"
    ]
    assert (made.status, made.created) == (WriteStatus.APPLIED, True)
    values = (("Website", None), ("PMOM_Score__c", Decimal("12.345")), ("PMOM_Decision__c", "hold"))
    changed = outcomes(bench, Write("set", "Account", Action.UPDATE, values, id=made.id))["set"]
    assert changed == WriteResult("set", WriteStatus.APPLIED, made.id)
    row = bench.crm.fetch("Account", [made.id], ("Website", "PMOM_Score__c", "PMOM_Decision__c")).to_pylist()
    assert row[0]["Website"] is None
    assert abs(row[0]["PMOM_Score__c"] - Decimal("12.345")) <= Decimal("0.005")
    assert row[0]["PMOM_Decision__c"] == "hold"
    assert outcomes(bench, Write("off", "Account", Action.DELETE, id=made.id))["off"].status is WriteStatus.APPLIED
    assert outcomes(bench, Write("off", "Account", Action.DELETE, id=made.id))["off"].status is WriteStatus.APPLIED
    late = outcomes(bench, Write("late", "Account", Action.UPDATE, (("Name", "x"),), id=made.id))["late"]
    assert (late.status, late.code) == (WriteStatus.REFUSED, "ENTITY_IS_DELETED")


def test_an_upsert_makes_a_record_once(bench: Any) -> None:
    key = f"up {bench.start.isoformat()}"
    write = Write("up", "Account", Action.UPSERT, (("Name", "by key"),), key_field="PMOM_Key__c", key=key)
    first, second = outcomes(bench, write)["up"], outcomes(bench, write)["up"]
    assert (first.status, first.created, second.status, second.created) == ("applied", True, "applied", False)
    assert first.id == second.id
    assert bench.crm.find("Account", "PMOM_Key__c", [key], ("Id",)).num_rows == 1


def test_each_record_of_a_batch_has_its_own_outcome(bench: Any) -> None:
    good, long = (bench.add("Account", Name=name) for name in ("good", "long"))
    taken = f"taken {bench.start.isoformat()}"
    bench.add("Account", Name="holder", PMOM_Key__c=taken)
    found = outcomes(
        bench,
        Write("good", "Account", Action.UPDATE, (("PMOM_Note__c", "fits"),), id=good),
        Write("long", "Account", Action.UPDATE, (("PMOM_Note__c", "x" * 21),), id=long),
        Write("pick", "Account", Action.UPDATE, (("PMOM_Decision__c", "perhaps"),), id=long),
        Write("lack", "Account", Action.CREATE, (("Website", "x.example"),)),
        Write("twin", "Account", Action.CREATE, (("Name", "twin"), ("PMOM_Key__c", taken))),
        Write("note", "Account", Action.UPDATE, (("PMOM_Reviewer__c", "me"),), id=good),
    )
    assert {ref: (each.status, each.code) for ref, each in found.items()} == {
        "good": ("applied", ""),
        "long": ("refused", "STRING_TOO_LONG"),
        "pick": ("refused", "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        "lack": ("refused", "REQUIRED_FIELD_MISSING"),
        "twin": ("refused", "DUPLICATE_VALUE"),
        "note": ("refused", "INVALID_FIELD_FOR_INSERT_UPDATE"),
    }


def test_a_record_named_twice_takes_its_writes_in_order(bench: Any) -> None:
    one = bench.add("Account", Name="twice")
    writes = [Write(f"w{at}", "Account", Action.UPDATE, (("PMOM_Note__c", f"n{at}"),), id=one) for at in range(3)]
    assert {each.status for each in outcomes(bench, *writes).values()} == {WriteStatus.APPLIED}
    assert bench.crm.fetch("Account", [one], ("PMOM_Note__c",)).to_pylist() == [{"PMOM_Note__c": "n2"}]


def test_a_write_to_an_object_that_is_not_there_is_refused(bench: Any) -> None:
    found = outcomes(bench, Write("x", "NoSuchThing__c", Action.CREATE, (("Name", "x"),)))["x"]
    assert found.status is WriteStatus.REFUSED


def test_a_second_install_finds_everything_present(bench: Any, specs: Any) -> None:
    steps = bench.crm.install(specs, dry_run=False)
    assert {step.status for step in steps} == {StepStatus.PRESENT}
    assert bench.crm.field_name(specs[0]) == "PMOM_Score__c"


def test_a_date_written_is_the_date_read(bench: Any) -> None:
    moment = datetime(2030, 5, 6, 7, 8, 9, tzinfo=UTC)
    one = bench.add("Account", Name="dated")
    outcomes(bench, Write("w", "Account", Action.UPDATE, (("PMOM_Decided__c", moment),), id=one))
    assert bench.crm.fetch("Account", [one], ("PMOM_Decided__c",)).to_pylist() == [{"PMOM_Decided__c": moment}]


def test_progress_and_usage_are_told(bench: Any) -> None:
    for at in range(4):
        bench.add("Account", Name=f"progress {at}")
    told: list[tuple[str, int, int | None]] = []
    list(bench.crm.read(ReadRequest("Account", ("Id",), since=bench.start), lambda *each: told.append(each)))
    assert told[-1] == ("Account", 4, 4)
    assert bench.crm.usage().calls > 0
