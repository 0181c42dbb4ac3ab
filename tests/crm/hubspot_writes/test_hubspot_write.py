"""Writing to a portal that answers out of order, refuses batches for one record and loses answers."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from connector.crm.base import Action, Write, WriteResult, WriteStatus, no_progress
from connector.crm.hubspot.write import Writer
from connector.errors import BudgetExhausted, Misconfigured


@pytest.fixture
def writer(wire: Any, catalog: Any) -> Writer:
    return Writer(wire, catalog)


def outcomes(writer: Writer, *writes: Write) -> dict[str, WriteResult]:
    found = list(writer.write(writes, no_progress))
    assert sorted(each.ref for each in found) == sorted(each.ref for each in writes)
    return {each.ref: each for each in found}


def update(ref: str, record_id: str, **values: Any) -> Write:
    return Write(ref, "companies", Action.UPDATE, tuple(values.items()), id=record_id)


@pytest.mark.slow
def test_ten_thousand_changed_companies_cost_exactly_a_hundred_calls(writer: Writer, portal: Any) -> None:
    ids = [portal.add("companies", name=f"c{at}") for at in range(10_000)]
    found = outcomes(writer, *(update(f"w{at}", each, note=f"n{at}") for at, each in enumerate(ids)))
    assert {each.status for each in found.values()} == {WriteStatus.APPLIED}
    assert portal.calls_to("/batch/update") == 100
    assert all(portal.values("companies", each)["note"] == f"n{at}" for at, each in enumerate(ids))


@pytest.mark.parametrize("traces", [True, False])
def test_shuffled_answers_to_creates_find_their_writes(writer: Writer, portal: Any, traces: bool) -> None:
    portal.traces = traces
    writes = [Write(f"w{at}", "companies", Action.CREATE, (("name", f"n{at}"),)) for at in range(150)]
    writes.append(Write("more", "companies", Action.CREATE, (("name", "n7"), ("note", "another"))))
    found = outcomes(writer, *writes)
    assert {(each.status, each.created) for each in found.values()} == {(WriteStatus.APPLIED, True)}
    for at in range(150):
        assert portal.values("companies", found[f"w{at}"].id) == {"name": f"n{at}"}
    assert portal.values("companies", found["more"].id) == {"name": "n7", "note": "another"}


def test_values_arrive_in_hubspots_spelling(writer: Writer, portal: Any) -> None:
    one = portal.add("companies", note="old")
    moment = datetime(2026, 5, 6, 7, 8, 9, 120_000, tzinfo=UTC)
    values = {"score": Decimal("1E+3"), "due": date(2026, 5, 6), "day": moment, "note": None, "regions": "EMEA;APAC"}
    assert outcomes(writer, update("w", one, **values))["w"].status is WriteStatus.APPLIED
    assert portal.values("companies", one) == {
        "score": "1000",
        "due": "2026-05-06T00:00:00.000Z",
        "day": "2026-05-06",
        "note": "",
        "regions": "EMEA;APAC",
    }


def test_what_the_definitions_rule_out_is_refused_without_a_call(writer: Writer, portal: Any) -> None:
    one = portal.add("companies")
    found = outcomes(
        writer,
        update("good", one, name="x"),
        update("unknown", one, nmae="x"),
        update("frozen", one, hs_created_by="x"),
        update("option", one, tier="bronze"),
        update("options", one, regions="EMEA;MARS"),
        update("long", one, note="x" * 65_537),
        update("naive", one, due=datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None)),
        update("nobody", "", name="x"),
        Write("absent", "fund_requests", Action.CREATE, (("name", "x"),)),
        Write("keyless", "companies", Action.UPSERT, (("name", "x"),), key_field="key"),
    )
    assert {ref: (each.status.value, each.code, each.fields) for ref, each in found.items()} == {
        "good": ("applied", "", ()),
        "unknown": ("refused", "PROPERTY_DOESNT_EXIST", ("nmae",)),
        "frozen": ("refused", "READ_ONLY_VALUE", ("hs_created_by",)),
        "option": ("refused", "INVALID_OPTION", ("tier",)),
        "options": ("refused", "INVALID_OPTION", ("regions",)),
        "long": ("refused", "PROPERTY_VALUE_TOO_LONG", ("note",)),
        "naive": ("refused", "BAD_VALUE", ("due",)),
        "nobody": ("refused", "INVALID_OBJECT_ID", ()),
        "absent": ("refused", "OBJECT_NOT_FOUND", ()),
        "keyless": ("refused", "MISSING_ARGUMENT", ()),
    }
    assert portal.calls_to("/batch/") == 1
    assert outcomes(writer, update("fits", one, note="x" * 65_536))["fits"].status is WriteStatus.APPLIED


def test_a_rule_of_the_portal_refuses_its_records_and_no_others(writer: Writer, portal: Any, refused: Any) -> None:
    words = "Property note is required when tier is gold"
    detail = {
        "message": words,
        "code": "MISSING_CONDITIONAL_REQUIRED_PROPERTY",
        "context": {"propertyName": ["note"]},
    }
    why = refused(400, "VALIDATION_ERROR", words, errors=[detail])
    portal.rule = lambda _object, values: why if values.get("tier") == "gold" else None
    ids = [portal.add("companies") for _ in range(300)]
    bad = {3, 99, 100, 250}
    writes = [update(f"w{at}", each, tier="gold" if at in bad else "silver") for at, each in enumerate(ids)]
    found = outcomes(writer, *writes)
    for at in range(300):
        each = found[f"w{at}"]
        if at in bad:
            assert (each.status, each.code) == (WriteStatus.REFUSED, "MISSING_CONDITIONAL_REQUIRED_PROPERTY")
            assert (each.message, each.fields) == (words, ("note",))
        else:
            assert each.status is WriteStatus.APPLIED
            assert portal.values("companies", ids[at])["tier"] == "silver"
    assert portal.calls_to("/batch/update") <= 3 + len(bad) * 2 * math.ceil(math.log2(100))


def test_definitions_that_changed_meanwhile_are_read_again_before_looking_for_culprits(
    writer: Writer, portal: Any
) -> None:
    ids = [portal.add("companies") for _ in range(100)]
    outcomes(writer, update("first", ids[0], note="x"))
    del portal.properties["companies"]["note"]
    writes = [update(f"w{at}", each, **({"note": "x"} if at % 2 else {"name": "x"})) for at, each in enumerate(ids)]
    portal.calls.clear()
    found = outcomes(writer, *writes)
    assert {found[f"w{at}"].code for at in range(1, 100, 2)} == {"PROPERTY_DOESNT_EXIST"}
    assert {found[f"w{at}"].status for at in range(0, 100, 2)} == {WriteStatus.APPLIED}
    assert portal.calls_to("/batch/update") == 2


def test_an_option_that_was_added_meanwhile_is_not_refused(writer: Writer, portal: Any) -> None:
    one = portal.add("companies")
    assert outcomes(writer, update("w", one, tier="gold"))["w"].status is WriteStatus.APPLIED
    portal.properties["companies"]["tier"]["options"].append({"label": "New", "value": "new"})
    assert outcomes(writer, update("w", one, tier="new"))["w"].status is WriteStatus.APPLIED


def test_a_record_named_twice_takes_its_writes_in_order(writer: Writer, portal: Any) -> None:
    one, other = portal.add("companies"), portal.add("companies")
    writes = [update(f"w{at}", one, note=f"n{at}") for at in range(3)] + [update("o", other, note="o")]
    assert {each.status for each in outcomes(writer, *writes).values()} == {WriteStatus.APPLIED}
    assert (portal.values("companies", one)["note"], portal.calls_to("/batch/update")) == ("n2", 3)


@pytest.mark.parametrize(("times", "status"), [(3, "applied"), (4, "failed")])
def test_a_locked_record_is_tried_four_times_and_its_batch_written(
    writer: Writer, portal: Any, times: int, status: str
) -> None:
    ids = [portal.add("companies") for _ in range(3)]
    locked = {"category": "LOCKED", "message": "locked", "context": {"ids": [ids[1]]}}

    def lock(_method: str, path: str, made: Any) -> Any:
        if not path.endswith("/batch/update") or portal.calls_to("/batch/update") > times:
            return None
        left = [each for each in made["results"] if each["id"] != ids[1]]
        return made | {"results": left, "errors": [locked], "numErrors": 1}

    portal.after = lock
    found = outcomes(writer, *(update(each, each, note="x") for each in ids))
    assert [found[each].status.value for each in ids] == ["applied", status, "applied"]
    assert found[ids[1]].code == ("" if status == "applied" else "LOCKED")


def test_an_update_that_the_answer_leaves_out_is_failed_and_errors_without_names_are_settled(
    writer: Writer, portal: Any, invalid: Any
) -> None:
    ids = [portal.add("companies") for _ in range(4)]
    portal.after = lambda _m, path, made: made | {"results": made["results"][:0]} if "update" in path else None
    found = outcomes(writer, *(update(each, each, note="x") for each in ids))
    assert {(each.status.value, each.code) for each in found.values()} == {("failed", "ANSWER_INCOMPLETE")}
    bad = {ids[0], ids[3]}

    def nameless(_method: str, path: str, made: Any) -> Any:
        if "update" not in path:
            return None
        error = {"category": "VALIDATION_ERROR", "message": "no"}
        good = [each for each in made["results"] if each["id"] not in bad]
        errors = [error] * (len(made["results"]) - len(good))
        return made | {"results": good, "errors": errors}

    portal.after = nameless
    found = outcomes(writer, *(update(each, each, note="x") for each in ids))
    assert [found[each].status.value for each in ids] == ["refused", "applied", "applied", "refused"]


def test_records_that_are_gone_are_refused_and_the_others_written(writer: Writer, portal: Any) -> None:
    ids = [portal.add("companies") for _ in range(5)]
    portal.records["companies"][ids[1]]["archived"] = True
    found = outcomes(writer, *(update(f"w{at}", each, note="x") for at, each in enumerate([*ids, "999999"])))
    assert {ref: (each.status.value, each.code) for ref, each in found.items()} == {
        f"w{at}": ("refused", "OBJECT_NOT_FOUND") if at in (1, 5) else ("applied", "") for at in range(6)
    }


@pytest.mark.parametrize("traces", [True, False])
def test_a_duplicate_is_refused_and_the_rest_of_its_batch_made(writer: Writer, portal: Any, traces: bool) -> None:
    portal.traces = traces
    portal.add("companies", key="taken")
    writes = [
        Write(f"w{at}", "companies", Action.CREATE, (("key", "taken" if at == 4 else f"k{at}"),)) for at in range(9)
    ]
    found = outcomes(writer, *writes)
    assert (found["w4"].status, found["w4"].code) == (WriteStatus.REFUSED, "CONFLICT")
    assert [ref for ref, each in found.items() if each.status is not WriteStatus.APPLIED] == ["w4"]
    assert len(portal.records["companies"]) == 9


def test_an_upsert_makes_a_record_once(writer: Writer, portal: Any) -> None:
    write = Write("up", "companies", Action.UPSERT, (("name", "x"),), key_field="key", key="k1")
    first, second = outcomes(writer, write)["up"], outcomes(writer, write)["up"]
    assert (first.status, first.created, second.status, second.created) == ("applied", True, "applied", False)
    assert (first.id, len(portal.records["companies"])) == (second.id, 1)


def test_an_upsert_without_results_is_looked_up_not_assumed(writer: Writer, portal: Any) -> None:
    old = portal.add("companies", key="k1", name="old")
    portal.after = lambda _m, path, made: made | {"results": []} if path.endswith("/batch/upsert") else None
    writes = [
        Write(f"w{at}", "companies", Action.UPSERT, (("name", f"n{at}"),), key_field="key", key=f"k{at}")
        for at in range(3)
    ]
    found = outcomes(writer, *writes)
    assert {ref: (each.status, each.created) for ref, each in found.items()} == {
        "w0": ("applied", True),
        "w1": ("applied", False),
        "w2": ("applied", True),
    }
    assert found["w1"].id == old


def test_an_upsert_that_did_nothing_is_failed(writer: Writer, portal: Any) -> None:
    portal.add("companies", key="k1", name="old")
    nothing = {"status": "COMPLETE", "results": []}

    def silent(_object: str, _query: Any, _body: Any) -> tuple[int, Any]:
        return 200, nothing

    portal.upsert = silent
    portal.before = lambda _m, path, body: body["inputs"].clear() if path.endswith("/batch/upsert") else None
    writes = [
        Write(f"w{at}", "companies", Action.UPSERT, (("name", "new"),), key_field="key", key=f"k{at}")
        for at in range(2)
    ]
    found = outcomes(writer, *writes)
    assert {(each.status, each.code) for each in found.values()} == {("failed", "ANSWER_LOST")}


def test_a_creation_whose_answer_is_lost_is_found_by_its_key_and_never_doubled(
    writer: Writer, portal: Any, dropped: Any
) -> None:
    def lose(_method: str, path: str, _made: Any) -> None:
        if path.endswith("/batch/create"):
            raise dropped

    portal.after = lose
    keyed = Write("keyed", "tasks", Action.CREATE, (("key", "t1"), ("name", "call")))
    nameless = Write("nameless", "companies", Action.CREATE, (("name", "x"),))
    found = outcomes(writer, keyed, nameless)
    assert (found["keyed"].status, found["keyed"].created) == (WriteStatus.APPLIED, True)
    assert (found["nameless"].status, found["nameless"].code) == (WriteStatus.FAILED, "ANSWER_LOST")
    assert (len(portal.records["tasks"]), len(portal.records["companies"])) == (1, 1)


def test_a_creation_that_never_arrived_is_failed(writer: Writer, portal: Any, dropped: Any) -> None:
    def lose(_method: str, path: str, _body: Any) -> None:
        if path.endswith("/batch/create"):
            raise dropped

    portal.before = lose
    found = outcomes(writer, Write("w", "tasks", Action.CREATE, (("key", "t1"),)))["w"]
    assert (found.status, found.code, portal.records["tasks"]) == (WriteStatus.FAILED, "ANSWER_LOST", {})


def test_a_create_carries_its_links_and_an_upsert_makes_them_afterwards(writer: Writer, portal: Any) -> None:
    one, other, deal = portal.add("companies"), portal.add("companies"), portal.add("deals")
    links = (("assoc_companies", f"{one};{other}"), ("assoc_deals", deal))
    made = outcomes(
        writer,
        Write("new", "tasks", Action.CREATE, (("name", "x"), *links)),
        Write("up", "tasks", Action.UPSERT, (("name", "y"), *links), key_field="key", key="t"),
    )
    assert {each.status for each in made.values()} == {WriteStatus.APPLIED}
    assert portal.links == {
        ("tasks", each.id, target, to, "HUBSPOT_DEFINED", type_id)
        for each in made.values()
        for target, to, type_id in (("companies", one, 192), ("companies", other, 192), ("deals", deal, 216))
    }


def test_a_link_by_label_takes_the_portals_own_type(writer: Writer, portal: Any) -> None:
    label = {"category": "USER_DEFINED", "typeId": 77, "label": "Sourcing partner"}
    portal.labels["deals", "companies"].append(label)
    one = portal.add("companies")
    name = "assoc_companies__sourcing_partner"
    found = outcomes(
        writer,
        Write("new", "deals", Action.CREATE, (("name", "x"), (name, one))),
        Write("odd", "deals", Action.CREATE, (("name", "x"), ("assoc_companies__nobody", one))),
    )
    assert portal.links == {("deals", found["new"].id, "companies", one, "USER_DEFINED", 77)}
    assert (found["odd"].status, found["odd"].code) == (WriteStatus.REFUSED, "INVALID_ASSOCIATION_TYPE")


def test_a_link_that_cannot_be_made_is_told_for_its_own_record_only(writer: Writer, portal: Any) -> None:
    one = portal.add("companies")
    writes = [
        Write(f"w{at}", "tasks", Action.UPSERT, (("assoc_companies", to),), key_field="key", key=f"t{at}")
        for at, to in enumerate((one, "999999", one))
    ]
    found = outcomes(writer, *writes)
    assert {ref: each.status.value for ref, each in found.items()} == {
        "w0": "applied",
        "w1": "refused",
        "w2": "applied",
    }
    assert found["w1"].message.startswith("written, but not linked: ")


def test_deleting_tells_records_that_were_there_from_those_that_never_were(writer: Writer, portal: Any) -> None:
    one, gone = portal.add("companies"), portal.add("companies")
    portal.records["companies"][gone]["archived"] = True
    writes = [Write(each, "companies", Action.DELETE, id=each) for each in (one, gone, "999999")]
    found = outcomes(writer, *writes)
    assert [found[each].status.value for each in (one, gone, "999999")] == ["applied", "applied", "refused"]
    assert found["999999"].code == "OBJECT_NOT_FOUND"


def test_a_lookup_that_fails_too_leaves_the_writes_failed(
    writer: Writer, portal: Any, dropped: Any, refused: Any
) -> None:
    def lose(_method: str, path: str, _made: Any) -> None:
        if path.endswith("/batch/create"):
            raise dropped
        if path.endswith("/batch/read"):
            raise refused(400, "VALIDATION_ERROR", "no")

    portal.after = lose
    found = outcomes(writer, Write("w", "tasks", Action.CREATE, (("key", "t1"),)))["w"]
    assert (found.status, found.code) == (WriteStatus.FAILED, "ANSWER_LOST")


def test_a_portal_that_stays_out_of_order_fails_the_batch_and_no_more(
    writer: Writer, portal: Any, refused: Any
) -> None:
    one, other = portal.add("companies"), portal.add("deals")

    def broken(_method: str, path: str, _body: Any) -> None:
        if path == "/crm/objects/2026-03/companies/batch/update":
            raise refused(502, "", "bad gateway")

    portal.before = broken
    found = outcomes(
        writer, update("w", one, name="x"), Write("d", "deals", Action.UPDATE, (("name", "x"),), id=other)
    )
    assert (found["w"].status, found["w"].code) == (WriteStatus.FAILED, "UNAVAILABLE")
    assert found["d"].status is WriteStatus.APPLIED


def test_results_so_far_come_before_a_missing_scope_or_the_end_of_the_days_calls(
    writer: Writer, portal: Any, refused: Any
) -> None:
    ids = [portal.add("companies") for _ in range(250)]
    daily = refused(429, "RATE_LIMITS", "You have reached your daily limit.", policyName="DAILY")
    scopes = refused(403, "MISSING_SCOPES", "not granted")
    for error, kind in ((daily, BudgetExhausted), (scopes, Misconfigured)):
        portal.calls.clear()

        def stop(_method: str, _path: str, _body: Any, error: Any = error) -> None:
            if portal.calls_to("/batch/update") > 1:
                raise error

        portal.before = stop
        results = writer.write([update(f"w{at}", each, name="x") for at, each in enumerate(ids)], no_progress)
        assert {next(results).ref for _ in range(100)} == {f"w{at}" for at in range(100)}
        with pytest.raises(kind):
            next(results)


def test_progress_is_told(writer: Writer, portal: Any) -> None:
    ids = [portal.add("companies") for _ in range(3)]
    told: list[tuple[str, int, int | None]] = []
    writes = [update(each, each, name="x") for each in ids]
    list(writer.write(writes, lambda *each: told.append(each)))
    assert told == [("writing", at + 1, 3) for at in range(3)]
