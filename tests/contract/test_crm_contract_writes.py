"""What every CRM must do when it is written to and installed into, told once and asked of each."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from connector.crm.base import Action, StepStatus, Write, WriteResult, WriteStatus

APPLIED, REFUSED = WriteStatus.APPLIED, WriteStatus.REFUSED
every_version = pytest.mark.parametrize("bench", ["memory", "salesforce", "hubspot", "hubspot v3"], indirect=True)


def outcomes(bench: Any, *writes: Write) -> dict[str, WriteResult]:
    found = list(bench.crm.write(writes))
    assert sorted(each.ref for each in found) == sorted(each.ref for each in writes)
    return {each.ref: each for each in found}


def one(bench: Any, write: Write) -> WriteResult:
    return outcomes(bench, write)[write.ref]


def held(bench: Any, record_id: str | None, *words: str) -> tuple[Any, ...]:
    (row,) = bench.crm.fetch(bench.company, [str(record_id)], bench.fields(*words)).to_pylist()
    return tuple(row.values())


@every_version
def test_creating_changing_clearing_and_deleting(bench: Any) -> None:
    made = one(bench, bench.creation("new", name="made", website="x.example"))
    assert (made.status, made.created) == (APPLIED, True)
    changed = one(bench, bench.update("set", made.id, website=None, score=Decimal("12.345"), decision="hold"))
    assert changed == WriteResult("set", APPLIED, made.id)
    website, score, decision = held(bench, made.id, "website", "score", "decision")
    assert (website, decision, abs(score - Decimal("12.345")) <= Decimal("0.005")) == (None, "hold", True)
    assert one(bench, bench.deletion("off", made.id)).status is APPLIED
    assert one(bench, bench.deletion("off", made.id)).status is APPLIED
    late = one(bench, bench.update("late", made.id, name="x"))
    assert (late.status, late.code) == (REFUSED, bench.code("gone"))


def test_what_never_was_cannot_be_changed_or_deleted(bench: Any) -> None:
    unknown = bench.words["unknown"]
    found = outcomes(bench, bench.update("set", unknown, name="x"), bench.deletion("off", unknown))
    assert {each.status for each in found.values()} == {REFUSED}


@every_version
def test_an_upsert_makes_a_record_once(bench: Any) -> None:
    key = f"up {bench.start:%Y%m%d}"
    first = one(bench, bench.upsert("up", key, name="by key"))
    second = one(bench, bench.upsert("up", key, name="by key anew"))
    assert (first.status, first.created, second.status, second.created) == (APPLIED, True, APPLIED, False)
    assert first.id == second.id
    found = bench.crm.find(bench.company, bench.field("key"), [key], bench.fields("id", "name")).to_pylist()
    assert [tuple(row.values()) for row in found] == [(first.id, "by key anew")]


@every_version
def test_each_record_of_a_batch_has_its_own_outcome(bench: Any) -> None:
    good, other = (bench.make(name=name) for name in ("good", "other"))
    taken = f"taken {bench.start:%Y%m%d}"
    bench.make(name="holder", key=taken)
    word, field = bench.words["incomplete"]
    lacking = Write("lack", bench.object(word), Action.CREATE, ((bench.field(field), "not enough"),))
    found = outcomes(
        bench,
        bench.update("good", good, note="fits"),
        bench.update("long", other, note="x" * (bench.words["note"] + 1)),
        bench.update("pick", other, decision="perhaps"),
        lacking,
        bench.creation("twin", name="twin", key=taken),
        bench.update("note", good, fixed="me"),
        bench.creation("new", name="new"),
    )
    assert {ref: (each.status, each.code) for ref, each in found.items()} == {
        "good": (APPLIED, ""),
        "long": (REFUSED, bench.code("long")),
        "pick": (REFUSED, bench.code("option")),
        "lack": (REFUSED, bench.code("incomplete")),
        "twin": (REFUSED, bench.code("twin")),
        "note": (REFUSED, bench.code("fixed")),
        "new": (APPLIED, ""),
    }
    assert found["pick"].fields == bench.fields("decision")
    assert (held(bench, good, "note"), held(bench, other, "note", "decision")) == (("fits",), (None, None))
    assert bench.crm.find(bench.company, bench.field("key"), [taken], bench.fields("name")).num_rows == 1


def test_the_results_of_many_records_belong_to_their_own(bench: Any) -> None:
    ids = bench.fill(120, "many")
    kept = bench.crm.fetch(bench.company, ids, bench.fields("id", "name"))
    by_id = dict(zip(*(column.to_pylist() for column in kept.columns), strict=True))
    assert [by_id[each] for each in ids] == [f"many {at}" for at in range(120)]
    found = outcomes(bench, *(bench.update(f"u{each}", each, note=f"n{at}") for at, each in enumerate(ids)))
    told = {ref: (each.status, each.id) for ref, each in found.items()}
    assert told == {f"u{each}": (APPLIED, each) for each in ids}
    assert (held(bench, ids[0], "note"), held(bench, ids[-1], "note")) == (("n0",), ("n119",))


@every_version
def test_a_record_named_twice_takes_its_writes_in_order(bench: Any) -> None:
    record = bench.make(name="twice")
    found = outcomes(bench, *(bench.update(f"w{at}", record, note=f"n{at}") for at in range(3)))
    assert {each.status for each in found.values()} == {APPLIED}
    assert held(bench, record, "note") == ("n2",)


def test_a_write_to_an_object_or_field_that_is_not_there_is_refused(bench: Any) -> None:
    record = bench.make(name="here")
    strange = Write("x", bench.object("absent"), Action.CREATE, bench.values(name="x"))
    found = outcomes(bench, strange, bench.update("y", record, absent="y"), bench.update("z", record, note="z"))
    assert {ref: each.status for ref, each in found.items()} == {"x": REFUSED, "y": REFUSED, "z": APPLIED}


@every_version
def test_a_date_written_is_the_date_read(bench: Any) -> None:
    record = bench.make(name="dated")
    for moment in (datetime(2030, 5, 6, 7, 8, 9, tzinfo=UTC), datetime(2029, 12, 31, 23, 59, 59, tzinfo=UTC)):
        assert one(bench, bench.update("w", record, decided=moment, day=moment.date())).status is APPLIED
        assert held(bench, record, "decided", "day") == (moment, moment.date())
    assert one(bench, bench.update("w", record, decided=None, day=None)).status is APPLIED
    assert held(bench, record, "decided", "day") == (None, None)
    assert one(bench, bench.update("w", record, day=date(2028, 2, 29))).status is APPLIED
    assert held(bench, record, "day") == (date(2028, 2, 29),)


def test_text_is_kept_as_it_is(bench: Any) -> None:
    texts = ["a, b;c", 'say "so"', "Zoë & Ünal", "#N/A", "null", "0012", "<b>x</b>"]
    records = [bench.make(name=f"text {at}") for at in range(len(texts))]
    found = outcomes(bench, *(bench.update(each, each, note=text) for each, text in zip(records, texts, strict=True)))
    assert {each.status for each in found.values()} == {APPLIED}
    assert [held(bench, each, "note")[0] for each in records] == texts


def test_a_second_install_finds_everything_present(bench: Any) -> None:
    assert {step.status for step in bench.crm.install(bench.specs, dry_run=False)} == {StepStatus.PRESENT}
    announced = bench.crm.install(bench.specs, dry_run=True)
    assert {step.status for step in announced} == {StepStatus.PRESENT}


@pytest.mark.slow
def test_what_is_installed_is_announced_found_and_taken_away(fresh: Any) -> None:
    crm, specs = fresh.crm, fresh.specs
    fields = [f"{each.object}.{crm.field_name(each)}" for each in specs]

    def statuses(steps: Any) -> set[StepStatus]:
        return {step.status for step in steps if step.name in fields}

    def there() -> set[bool]:
        return {crm.schema(each.object).field(crm.field_name(each)) is not None for each in specs}

    assert statuses(crm.install(specs, dry_run=True)) == {StepStatus.WOULD_CREATE}
    assert there() == {False}
    assert statuses(crm.install(specs, dry_run=False)) == {StepStatus.CREATED}
    assert there() == {True}
    assert statuses(crm.install(specs, dry_run=False)) == {StepStatus.PRESENT}
    assert statuses(crm.uninstall(specs, dry_run=True)) == {StepStatus.WOULD_REMOVE}
    assert there() == {True}
    assert statuses(crm.uninstall(specs, dry_run=False)) == {StepStatus.REMOVED}
    assert there() == {False}
    assert statuses(crm.uninstall(specs, dry_run=False)) == {StepStatus.SKIPPED}
    assert statuses(crm.install(specs, dry_run=False)) == {StepStatus.CREATED}


def test_a_field_of_another_kind_stops_the_install(bench: Any) -> None:
    other = tuple(replace(each, kind=bench.specs[0].kind) if each.name == "Note" else each for each in bench.specs)
    steps = bench.crm.install(other, dry_run=False)
    clashing = f"{bench.company}.{bench.field('note')}"
    assert [step.name for step in steps if step.status is StepStatus.CLASH] == [clashing]


def test_fields_of_an_object_that_is_not_there_are_skipped(bench: Any) -> None:
    absent = replace(bench.specs[0], object=bench.object("absent"))
    steps = {step.name: step.status for step in bench.crm.install([*bench.specs, absent], dry_run=True)}
    assert steps[f"{bench.object('absent')}.{bench.field('score')}"] is StepStatus.SKIPPED
    assert steps[f"{bench.company}.{bench.field('score')}"] is StepStatus.PRESENT
