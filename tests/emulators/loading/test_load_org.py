"""Large Data Loader files: read by columns, told by line, indexed afterwards, the same each time."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from emulators.loopback.clock import Clock
from emulators.salesforce import catalog
from emulators.salesforce.errors import DmlError
from emulators.salesforce.loading import csvload
from emulators.salesforce.loading.columns import converter
from emulators.salesforce.loading.csvload import BadFile, load_folder
from emulators.salesforce.org import Org
from emulators.salesforce.schema import FieldType
from emulators.salesforce.values import to_stored

NOW = datetime(2026, 3, 31, 9, tzinfo=UTC)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csvload, "CHUNK", 3)
    monkeypatch.setattr(csvload, "_LARGE", 0)


def opened(path: Path) -> Org:
    return Org.open(path, catalog.load(), Clock(NOW, frozen=True), seed=7)


def folder_of(path: Path, rows: list[str], header: str = "Name,IsPartner,CreatedDate") -> Path:
    path.mkdir()
    (path / "Account.csv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def contents(org: Org) -> list[str]:
    return list(org.connection().iterdump())


def tables(org: Org) -> list[tuple[str, str, str]]:
    rows = org.connection().execute("SELECT type, name, sql FROM sqlite_master")
    return sorted((row[0], row[1], row[2] or "") for row in rows)


@pytest.mark.parametrize("place", [2, 3, 6])
@pytest.mark.parametrize(
    ("row", "complaint"),
    [("b,maybe,", "column IsPartner: .*maybe"), ("b,true", "2 cells, the header has 3"), ('"b"c,true,', "expected")],
)
def test_a_misfit_is_told_by_its_line_wherever_it_stands(
    tmp_path: Path, place: int, row: str, complaint: str
) -> None:
    rows = ['"two\nlines",true,2026-01-02T03:04:05.000Z'] * 7
    rows[place] = row
    org = opened(tmp_path / "org.db")
    line = 2 + 2 * place
    with pytest.raises(BadFile, match=rf"Account\.csv, line {line}.*{complaint}"):
        load_folder(org, folder_of(tmp_path / "csv", rows))
    assert org.connection().execute("SELECT count(*) FROM o_account").fetchone()[0] == 0


def test_the_first_of_two_misfits_is_told(tmp_path: Path) -> None:
    org = opened(tmp_path / "org.db")
    rows = ["a,true,", "b,true,2026-02-30T00:00:00.000Z", "c,maybe,"]
    with pytest.raises(BadFile, match="line 3, column CreatedDate"):
        load_folder(org, folder_of(tmp_path / "csv", rows))


def test_tables_and_indexes_are_those_of_before(tmp_path: Path) -> None:
    org = opened(tmp_path / "org.db")
    before = tables(org)
    load_folder(org, folder_of(tmp_path / "csv", ["a,true,"] * 10))
    assert tables(org) == before
    connection = org.connection()
    told = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("integrity_check", "journal_mode")]
    assert told == ["ok", "wal"]
    assert connection.execute("PRAGMA synchronous").fetchone()[0] == 1


def test_a_refused_load_leaves_tables_indexes_and_rows_as_they_were(tmp_path: Path) -> None:
    org = opened(tmp_path / "org.db")
    before = contents(org)
    with pytest.raises(BadFile):
        load_folder(org, folder_of(tmp_path / "csv", ["a,true,"] * 5 + ["a,maybe,"]))
    assert contents(org) == before


def test_a_file_that_somebody_else_has_open_is_loaded_too(tmp_path: Path) -> None:
    org = opened(tmp_path / "org.db")
    other = sqlite3.connect(tmp_path / "org.db")
    other.execute("SELECT count(*) FROM o_account").fetchone()
    load_folder(org, folder_of(tmp_path / "csv", ["a,true,"] * 5))
    assert other.execute("SELECT count(*) FROM o_account").fetchone()[0] == 5
    other.close()


def test_the_same_file_and_seed_make_the_same_org(tmp_path: Path) -> None:
    files = folder_of(tmp_path / "csv", [f"a {number},true," for number in range(8)])
    first, second = opened(tmp_path / "first.db"), opened(tmp_path / "second.db")
    load_folder(first, files)
    load_folder(second, files)
    assert contents(first) == contents(second)


def test_what_a_file_leaves_out_is_filled_in(tmp_path: Path) -> None:
    (tmp_path / "csv").mkdir()
    rows = ("a,Closed Won,100,2026-05-01,", "b,Nonsense,,,", "c,Prospecting,10,,50")
    text = "\n".join(("Name,StageName,Amount,CloseDate,Probability", *rows)) + "\n"
    (tmp_path / "csv" / "Opportunity.csv").write_text(text, encoding="utf-8")
    org = opened(tmp_path / "org.db")
    load_folder(org, tmp_path / "csv")
    names = "f_name, f_isclosed, f_iswon, f_probability, f_expectedrevenue, f_fiscal, f_createddate, f_systemmodstamp"
    rows = org.connection().execute(f"SELECT {names} FROM o_opportunity ORDER BY f_name").fetchall()
    at = "2026-03-31T09:00:00.000Z"
    assert [tuple(row) for row in rows] == [
        ("a", 1, 1, 100.0, 100.0, "2026 2", at, at),
        ("b", 0, 0, 0.0, None, None, at, at),
        ("c", 0, 0, 50.0, 5.0, None, at, at),
    ]


CELLS = ("", "0", "-0.00", "1.005", "12345678901234567890", "1e3", "٣", " 7 ", "true", "2026-02-29", "2024-02-29",
         "2024-02-29T23:59:59.999Z", "2024-02-30T00:00:00.000Z", "2024-02-29T24:00:00.000Z", "2024-02-29T01:02:03Z",
         "0018G00000000a1QAA", "0018G00000000a1", "0018g00000000A1QAA", "0018G00000000a1QAB", "x;y",
         "ß" * 18)  # fmt: skip


@pytest.mark.parametrize("kind", ["boolean", "int", "currency", "percent", "date", "datetime", "reference", "id"])
@pytest.mark.parametrize("scale", [0, 2])
def test_a_column_holds_what_the_api_would_keep(kind: str, scale: int) -> None:
    field = FieldType("F", "F", kind, length=18, precision=18, scale=scale)
    convert = converter(field)
    wanted = [told(lambda cell=cell: to_stored(field, cell) if cell else None) for cell in CELLS]
    for _ in range(2):  # the second time, they are remembered
        assert [told(lambda cell=cell: convert((cell,))[0]) for cell in CELLS] == wanted


def told(act: Callable[[], object]) -> str:
    try:
        return repr(act())
    except DmlError as bad:
        return bad.message
