"""Large files of a portal: read by columns, told by line, formulas as for every other write, the same each time."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from emulators.hubspot import calculated, definitions, loading, remembered, values
from emulators.hubspot.portal import Portal
from emulators.hubspot.records import Record, encoded
from emulators.loopback.clock import Clock

NOW = datetime(2026, 3, 31, 9, tzinfo=UTC)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "_CHUNK", 3)


def opened(path: Path) -> Portal:
    return Portal.open(path, clock=Clock(NOW, frozen=True), seed=7)


def folder_of(path: Path, **files: str) -> Path:
    path.mkdir()
    for name, text in files.items():
        (path / f"{name}.csv").write_text(text, encoding="utf-8")
    return path


def contents(portal: Portal) -> list[str]:
    """All rows but the stamp by which what was read of definitions goes stale, which nobody is told."""
    return [line for line in portal.connection.iterdump() if "'definitions'" not in line]


DEALS = "hs_object_id,dealname,dealstage,amount,createdate\n"


@pytest.mark.parametrize("place", [2, 3, 6])
@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ("77,b,nowhere,1,", "dealstage: nowhere"),
        ("77,b", "2 values under 5 columns"),
        ("x,b,,,", "'x' is no record id"),
    ],
)
def test_a_misfit_is_told_by_its_line_wherever_it_stands(
    tmp_path: Path, place: int, row: str, complaint: str
) -> None:
    rows = [f'{number},"two\nlines",closedwon,5,2026-01-02T03:04:05Z' for number in range(10, 17)]
    rows[place] = row
    portal = opened(tmp_path / "portal.db")
    before = contents(portal)
    with pytest.raises(ValueError, match=rf"deals\.csv, line {2 + 2 * place}: {complaint}"):
        loading.load_folder(portal, folder_of(tmp_path / "files", deals=DEALS + "\n".join(rows) + "\n"))
    assert contents(portal) == before


@pytest.mark.parametrize("place", [1, 2, 3, 6])
def test_an_id_that_comes_twice_is_told_by_its_line(tmp_path: Path, place: int) -> None:
    ids = [str(number) for number in range(10, 17)]
    ids[place] = "10"
    text = "hs_object_id,name\n" + "".join(f"{number},a\n" for number in ids)
    with pytest.raises(ValueError, match=rf"line {2 + place}: the id 10 stands on an earlier line too"):
        loading.load_folder(opened(tmp_path / "portal.db"), folder_of(tmp_path / "files", companies=text))


def test_the_same_files_and_seed_make_the_same_portal_with_the_tables_of_before(tmp_path: Path) -> None:
    files = folder_of(
        tmp_path / "files",
        deals="dealname,dealstage,amount\n" + "".join(f"d {number},closedwon,{number}.5\n" for number in range(8)),
        history="object,id,property,value,timestamp,source_type\ndeals,10,amount,3,2026-01-02T03:04:05Z,\n",
    )
    first, second = opened(tmp_path / "first.db"), opened(tmp_path / "second.db")
    before = sorted(map(repr, first.connection.execute("SELECT type, name, sql FROM sqlite_master")))
    for portal in (first, second):
        loading.load_folder(portal, files)
    assert contents(first) == contents(second)
    assert sorted(map(repr, first.connection.execute("SELECT type, name, sql FROM sqlite_master"))) == before
    told = [first.connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("integrity_check", "journal_mode")]
    assert told == ["ok", "wal"]


FULL = {"dealstage": "closedwon", "lifecyclestage": "customer", "hs_task_status": "COMPLETED"}


@pytest.mark.parametrize(("spelled", "type_id"), [("deals", "0-3"), ("companies", "0-2"), ("tasks", "0-27")])
def test_formulas_touch_what_they_say_and_nothing_else(tmp_path: Path, spelled: str, type_id: str) -> None:
    portal = opened(tmp_path / "portal.db")
    full: dict[str, str] = {}
    for name, definition in definitions.of(portal, type_id).items():
        sample = {"number": "3.5", "datetime": "2026-04-02T03:04:05.000Z", "date": "2026-04-02", "bool": "true"}
        full[name] = FULL.get(name) or sample.get(definition.type, "x")
        if name.startswith(("hs_v2_cumulative", "hs_time_in")):
            full[name] = "5"
    made, changed = "2026-01-01T00:00:00.000Z", "2026-03-01T00:00:00.000Z"
    whole = Record(type_id, "1", dict(full), made, changed)
    calculated.refresh(portal, type_id, whole)
    part = {name: value for name, value in full.items() if calculated.touches(type_id, name)}
    alone = Record(type_id, "1", dict(part), made, changed)
    calculated.refresh(portal, type_id, alone)
    rest = {name: value for name, value in full.items() if name not in part}
    assert whole.properties == {**rest, **alone.properties}
    assert rest.keys().isdisjoint(alone.properties)


def test_a_loaded_record_holds_what_its_file_and_the_formulas_say(tmp_path: Path) -> None:
    portal = opened(tmp_path / "portal.db")
    text = (
        "hs_object_id,dealname,hs_is_closed,dealstage,amount,description,createdate,hs_lastmodifieddate,archived_at\n"
        '10,"a ""b"" \\ c",false,closedwon,7.50,,2026-01-01T00:00:00Z,2026-01-03T00:00:00Z,2026-02-01T00:00:00Z\n'
        "11,,,,,x,,,\n"
    )
    loading.load_folder(portal, folder_of(tmp_path / "files", deals=text))
    rows = portal.connection.execute("SELECT id, properties, created, modified, archived FROM record ORDER BY id")
    for (number, kept, created, modified, archived), wanted in zip(
        rows.fetchall(),
        (
            {"dealname": 'a "b" \\ c', "hs_is_closed": "false", "dealstage": "closedwon", "amount": "7.50"},
            {"description": "x"},
        ),
        strict=True,
    ):
        record = Record("0-3", str(number), {**wanted, "hs_object_source": "IMPORT"}, created, modified, archived)
        calculated.refresh(portal, "0-3", record)
        assert json.loads(kept) == record.properties
    found = portal.connection.execute("SELECT created, modified, archived FROM record ORDER BY id").fetchall()
    now = "2026-03-31T09:00:00.000Z"
    assert found == [
        ("2026-01-01T00:00:00.000Z", "2026-01-03T00:00:00.000Z", "2026-02-01T00:00:00.000Z"),
        (now, now, None),
    ]


@pytest.mark.parametrize(
    "text", ["plain", 'quo"te', "back\\slash", "line\nend", "\x7f\u2028", "größer \U0001f680", ""]
)
def test_properties_are_json(text: str) -> None:
    properties = {"name": text, "other": "x"}
    assert encoded(properties) == json.dumps(properties, ensure_ascii=False, separators=(",", ":"))


@pytest.mark.parametrize(
    "text", ["2026-03-31T09:00:00.000Z", "2026-03-31T09:00:00.120Z", "2026-03-31T09:00:00Z", "1774947600000",
             "2026-03-31", "2026-03-31T11:00:00+02:00"],
)  # fmt: skip
def test_instants_are_read_alike_the_first_and_the_second_time(text: str) -> None:
    quick = remembered.quickly(remembered.instant)
    at = values.instant(text)
    assert at is not None
    assert quick(text) == quick(text) == values.kept_instant(at)


@pytest.mark.parametrize("text", ["2026-02-30T09:00:00.000Z", "2026-03-31T24:00:00.000Z", "2026-03-31T09:00:00", "x"])
def test_what_is_no_instant_is_refused(text: str) -> None:
    quick = remembered.quickly(remembered.instant)
    quick("2026-03-31T09:00:00.000Z")
    with pytest.raises(ValueError, match="is no instant"):
        quick(text)
