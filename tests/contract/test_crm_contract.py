"""What every CRM must do when it is read, told once and asked of each."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from connector.core.records import Kind
from connector.crm.base import Filter, Op, ReadRequest, arrow_type
from connector.errors import Misconfigured

every_version = pytest.mark.parametrize("bench", ["memory", "salesforce", "hubspot", "hubspot v3"], indirect=True)


def request(bench: Any, *words: str, **bounds: Any) -> ReadRequest:
    return ReadRequest(bench.company, bench.fields(*words), **({"since": bench.start} | bounds))


def _texts(row: tuple[Any, ...]) -> list[str]:
    return [str(value) for value in row]


def read(bench: Any, *words: str, **bounds: Any) -> list[tuple[Any, ...]]:
    """The rows' values of these fields, in order."""
    pages = bench.crm.read(request(bench, *words, **bounds))
    return sorted((tuple(row.values())[:-2] for page in pages for row in page.rows.to_pylist()), key=_texts)


def names(bench: Any, **bounds: Any) -> list[str]:
    return [name for (name,) in read(bench, "name", **bounds)]


def marks(bench: Any, **bounds: Any) -> dict[str, tuple[bool, str | None]]:
    """Deleted and merged into what, by id; no id twice."""
    rows = [row for page in bench.crm.read(request(bench, "id", **bounds)) for row in page.rows.to_pylist()]
    found = {row[bench.field("id")]: (row["pmom_deleted"], row["pmom_merged_into"]) for row in rows}
    assert len(found) == len(rows)
    return found


def seconds(bench: Any, number: float) -> datetime:
    found: datetime = bench.start + timedelta(seconds=number)
    return found


def test_the_identity_is_stable_and_the_clock_is_the_crms_own(bench: Any) -> None:
    assert bench.crm.identity() == bench.crm.identity()
    before = bench.crm.now()
    assert abs(before - bench.start) < timedelta(seconds=5)
    bench.advance(3600)
    bench.crm.fetch(bench.company, [bench.words["unknown"]], bench.fields("id"))  # the next answer tells the time
    assert timedelta(seconds=3590) < bench.crm.now() - before < timedelta(seconds=3610)


@every_version
def test_an_absent_object_has_no_schema_and_an_absent_field_is_not_in_it(bench: Any) -> None:
    assert bench.crm.schema(bench.object("absent")) is None
    schema = bench.crm.schema(bench.company.swapcase())
    told = (schema.name, schema.cursor, schema.deletes, schema.merges)
    assert told == (bench.company, bench.field("cursor"), True, True)
    assert schema.field(bench.field("absent")) is None
    revenue = schema.field(bench.field("revenue").swapcase())
    assert (revenue.name, revenue.kind) == (bench.field("revenue"), Kind.MONEY)
    decision = schema.field(bench.field("decision"))
    assert (decision.options, decision.restricted) == (("invest", "hold", "stop"), True)
    assert not schema.field(bench.field("fixed")).updateable


def test_reading_what_is_not_there_names_it(bench: Any) -> None:
    absent = bench.object("absent")
    with pytest.raises(Misconfigured, match=absent):
        list(bench.crm.read(ReadRequest(absent, bench.fields("id"))))
    with pytest.raises(Misconfigured, match=rf"{bench.company}\.{bench.field('absent')}"):
        list(bench.crm.read(request(bench, "id", "absent")))
    with pytest.raises(Misconfigured, match=rf"{bench.company}\.{bench.field('absent')}"):
        list(bench.crm.read(request(bench, "id", where=(Filter(bench.field("absent"), Op.FILLED),))))


@every_version
def test_values_come_back_typed_and_exact_and_empty_is_null(bench: Any) -> None:
    moment = datetime(2030, 1, 1, 1, 2, 3, tzinfo=UTC)
    bench.make(name='O\'Neill "GmbH" 🙂', revenue=1234567, employees=7)
    bench.make(name="NA", score=12.5, decided=moment, day=date(2030, 1, 31))
    words = ("name", "revenue", "employees", "website", "score", "decided", "day")
    assert read(bench, *words) == [
        ("NA", None, None, None, Decimal("12.5"), moment, date(2030, 1, 31)),
        ('O\'Neill "GmbH" 🙂', Decimal(1234567), 7, None, None, None, None),
    ]
    kinds = (Kind.TEXT, Kind.MONEY, Kind(bench.words["number"]), Kind.TEXT, Kind.NUMBER, Kind.INSTANT, Kind.DATE)
    (page,) = bench.crm.read(request(bench, *words))
    assert page.rows.schema.names == [*bench.fields(*words), "pmom_deleted", "pmom_merged_into"]
    assert page.rows.schema.types[:-2] == [arrow_type(kind) for kind in kinds]


@every_version
def test_since_is_inclusive_and_until_is_exclusive(bench: Any) -> None:
    for second in range(3):
        bench.make(name=f"at {second}")
        bench.advance(1)
    first, second_, third = (seconds(bench, at) for at in range(3))
    assert names(bench, since=first, until=third) == ["at 0", "at 1"]
    assert names(bench, since=second_, until=third) == ["at 1"]
    assert names(bench, since=second_, until=second_) == []


def test_only_what_changed_is_read_again(bench: Any) -> None:
    one, _two = (bench.make(name=name) for name in ("one", "two"))
    bench.advance(60)
    cursor = bench.crm.now()
    bench.edit(bench.company, one, **dict(bench.values(name="one anew")))
    assert names(bench, since=cursor - timedelta(seconds=5)) == ["one anew"]
    assert names(bench) == ["one anew", "two"]


def test_records_of_one_instant_all_come_and_none_twice(bench: Any) -> None:
    ids = {bench.make(name=f"same {at}") for at in range(7)}
    found = [each for (each,) in read(bench, "id")]
    assert (len(found), set(found)) == (7, ids)


@every_version
def test_a_read_goes_on_behind_any_of_its_pages(bench: Any) -> None:
    made = bench.fill(bench.words["many"])
    crm, asked = bench.paged(), request(bench, "id")
    pages = list(crm.read(asked))
    ids = [page.rows.column(0).to_pylist() for page in pages]
    assert len(pages) >= 3
    assert Counter(each for page in ids for each in page) == Counter(made)
    for at, page in enumerate(pages):
        assert (page.resume is None) == (at == len(pages) - 1)
        if page.resume is not None:
            again = bench.paged().read(request(bench, "id", resume=page.resume))
            rest = [each for page in ids[at + 1 :] for each in page]
            assert [each for more in again for each in more.rows.column(0).to_pylist()] == rest


def test_a_read_of_everything_and_one_of_changes_tell_the_same(bench: Any) -> None:
    kept, gone = bench.make(name="kept"), bench.make(name="gone")
    bench.delete(bench.company, gone)
    here = (Filter(bench.field("created"), Op.GE, bench.start),)
    assert marks(bench) == marks(bench, since=None, where=here) == {kept: (False, None), gone: (True, None)}


def test_conditions_all_hold_together(bench: Any) -> None:
    for name, size in (("a", 1), ("b", 2), ("c", None), ("it's", 3)):
        bench.make(name=name, **({} if size is None else {"employees": size}))
    name, size = bench.fields("name", "employees")
    cases: tuple[tuple[tuple[Filter, ...], list[str]], ...] = (
        ((Filter(name, Op.EQ, "IT'S"),), ["it's"]),
        ((Filter(name, Op.NE, "a"),), ["b", "c", "it's"]),
        ((Filter(name, Op.IN, ("a", "b", "zz")),), ["a", "b"]),
        ((Filter(name, Op.IN, ()),), []),
        ((Filter(size, Op.GE, 2),), ["b", "it's"]),
        ((Filter(size, Op.LT, 2),), ["a"]),
        ((Filter(size, Op.EMPTY),), ["c"]),
        ((Filter(size, Op.FILLED), Filter(name, Op.NE, "a")), ["b", "it's"]),
    )
    for where, expected in cases:
        assert names(bench, where=where) == expected, where


@every_version
def test_deleted_and_merged_records_arrive_marked_and_only_when_asked_for(bench: Any) -> None:
    kept, dropped, merged = (bench.make(name=name) for name in ("kept", "dropped", "merged"))
    bench.advance(10)
    bench.delete(bench.company, dropped)
    assert bench.merge(bench.company, kept, merged) == kept
    assert marks(bench) == {kept: (False, None), dropped: (True, None), merged: (True, kept)}
    assert marks(bench, deleted=False) == {kept: (False, None)}
    later = marks(bench, since=seconds(bench, 5))
    assert {each: into for each, (gone, into) in later.items() if gone} == {dropped: None, merged: kept}


def test_a_purged_record_is_missing_where_ids_are_compared(bench: Any) -> None:
    one, two = bench.make(name="stays"), bench.make(name="is purged")
    bench.advance(60)
    bench.purge(bench.company, two)
    here = (Filter(bench.field("created"), Op.GE, bench.start),)
    assert marks(bench, since=None, where=here, deleted=False) == {one: (False, None)}
    assert bench.crm.fetch(bench.company, [one, two], bench.fields("id")).column(0).to_pylist() == [one]


@every_version
def test_fetch_and_find_leave_out_what_is_missing_or_deleted(bench: Any) -> None:
    keys = [f"{bench.start:%Y%m%d}/{name}" for name in "abcx"]
    one, two, gone = (bench.make(name=f"find {key[-1]}", key=key) for key in keys[:3])
    bench.delete(bench.company, gone)
    crm, company = bench.crm, bench.company
    found = crm.fetch(company, [one, two, gone, bench.words["unknown"]], bench.fields("id", "name"))
    assert dict(zip(*(column.to_pylist() for column in found.columns), strict=True)) == {one: "find a", two: "find b"}
    found = crm.find(company, bench.field("key"), keys[1:], bench.fields("id", "key"))
    assert [tuple(row.values()) for row in found.to_pylist()] == [(two, keys[1])]
    for empty in (
        crm.fetch(company, [], bench.fields("id", "revenue")),
        crm.find(company, bench.field("key"), [], bench.fields("id", "revenue")),
    ):
        assert (empty.num_rows, empty.schema.types) == (0, [arrow_type(Kind.ID), arrow_type(Kind.MONEY)])


def test_progress_and_usage_are_told(bench: Any) -> None:
    bench.fill(4)
    told: list[tuple[str, int, int | None]] = []
    list(bench.crm.read(request(bench, "id"), lambda *each: told.append(each)))
    assert told[-1] == (bench.company, 4, 4)
    assert bench.crm.usage().calls > 0


@every_version
def test_records_read_by_name_say_what_a_read_of_changes_says_and_cost_the_calls_of_a_fetch(bench: Any) -> None:
    kept, gone, survivor, loser = (bench.make(name=name) for name in ("kept", "gone", "survivor", "loser"))
    other = bench.make(name="other")
    bench.delete(bench.company, gone)
    survivor = bench.merge(bench.company, survivor, loser)
    asked = (kept, gone, survivor, loser, bench.words["unknown"])
    by_name = {"where": (Filter(bench.field("id"), Op.IN, asked),), "since": None, "deleted": True}
    bench.crm.fetch(bench.company, [kept], bench.fields("id"))  # signed in, and the schema known
    before = bench.crm.usage().calls
    said = marks(bench, **by_name)
    assert bench.crm.usage().calls - before == (1 if bench.vendor != "memory" else 2)  # whose pages hold few rows
    assert other not in said
    assert (said[kept], said[survivor], said[loser]) == ((False, None), (False, None), (True, survivor))
    assert said.get(gone, (True, None)) == (True, None)
    assert "kept" in names(bench, **by_name)
