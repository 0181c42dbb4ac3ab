"""Data Loader files become an org as they are, and a misfit is named by file, line and column."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from emulators.salesforce.catalog import load
from emulators.salesforce.loading.csvload import BadFile, load_folder
from emulators.salesforce.org import Org
from emulators.world import generate


@pytest.fixture
def org(tmp_path: Path) -> Org:
    return Org.open(tmp_path / "org.db", load())


def write(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.csv").write_bytes(text.encode())
    return folder


def test_ids_audit_fields_and_odd_text_are_kept(org: Org, tmp_path: Path) -> None:
    folder = write(
        tmp_path / "csv", "Account",
        '"Id","Name","IsPartner","AnnualRevenue","CreatedDate","SystemModstamp","MasterRecordId"\r\n'
        '"0018G00000000a1QAA","  two\nlines, ""quoted"" ","TRUE","12.50","2020-01-02T03:04:05.000+0000",'
        '"2021-01-01T00:00:00.123Z",""\r\n',
    )  # fmt: skip
    assert load_folder(org, folder) == {"Account": 1}
    kept = org.get("Account", "0018G00000000a1QAA")
    assert kept is not None
    wanted = ("Name", "IsPartner", "AnnualRevenue", "CreatedDate", "SystemModstamp", "MasterRecordId")
    assert [kept[name] for name in wanted] == [
        '  two\nlines, "quoted" ', 1, 13.0, "2020-01-02T03:04:05.000Z", "2021-01-01T00:00:00.123Z", None,
    ]  # fmt: skip


def test_a_fifteen_character_id_is_kept_in_its_long_form(org: Org, tmp_path: Path) -> None:
    load_folder(org, write(tmp_path / "csv", "Account", "Id,Name\n0018G00000000a1,x\n"))
    assert org.get("Account", "0018G00000000a1QAA") is not None


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("Account", "Id,Nmae\n", r"Account\.csv, line 1, column Nmae: Account has no such field"),
        ("Acount", "Id\n", r"Acount\.csv: this org has no object Acount"),
        ("Account", "Id,Id\n", r"line 1, column Id: given twice"),
        ("Account", "Id,BillingAddress\n", r"column BillingAddress: the org computes this field"),
        ("Account", "", r"line 1: no header"),
        ("Account", "Id,Name\n0018G00000000a1QAA\n", r"Account\.csv, line 2: 1 cells, the header has 2"),
        ("Account", "Name,IsPartner\na,true\nb,maybe\n", r"Account\.csv, line 3, column IsPartner: .*maybe"),
        ("Opportunity", "Name,CloseDate\na,2026-02-29\n", r"Opportunity\.csv, line 2, column CloseDate"),
        ("Account", "Id,Name\n0018G00000000a1QAB,x\n", r"line 2, column Id"),
        ("Account", 'Name\n"a"b\n', r"Account\.csv, line 2"),
    ],
)
def test_a_misfit_is_named(org: Org, tmp_path: Path, name: str, text: str, complaint: str) -> None:
    with pytest.raises(BadFile, match=complaint):
        load_folder(org, write(tmp_path / "csv", name, text))


def test_a_bad_row_leaves_nothing_behind(org: Org, tmp_path: Path) -> None:
    folder = write(tmp_path / "csv", "Account", "Id,Name\n0018G00000000a1QAA,x\n")
    write(folder, "Contact", "LastName,AccountId\ny,nonsense\n")
    with pytest.raises(BadFile):
        load_folder(org, folder)
    assert org.get("Account", "0018G00000000a1QAA") is None


def test_a_file_of_stages_replaces_those_of_the_new_org(org: Org, tmp_path: Path) -> None:
    load_folder(org, write(tmp_path / "csv", "OpportunityStage", "MasterLabel,ApiName,IsWon\nDone,Done,true\n"))
    names = [row[0] for row in org.connection().execute("SELECT f_apiname FROM o_opportunitystage")]
    assert names == ["Done"]


def test_a_world_loads_with_its_custom_fields_and_objects(org: Org, tmp_path: Path) -> None:
    folder = generate(1, "tiny", date(2026, 3, 31), tmp_path / "world")
    counts = load_folder(org, folder)
    assert counts["Opportunity"] > 500
    event = org.connection().execute("SELECT count(*) FROM o_event WHERE f_meeting_outcome__c = 'Held'").fetchone()
    assert event[0] > 100
    registration = org.schema.object("Deal_Registration__c")
    assert registration is not None
    assert org.visible(org.user_id)(registration, registration.fields["partner__c"])


def test_a_loaded_org_can_be_opened_again(org: Org, tmp_path: Path) -> None:
    load_folder(org, generate(1, "tiny", date(2026, 3, 31), tmp_path / "world"))
    again = Org.open(tmp_path / "org.db", load())
    opportunity = again.schema.object("Opportunity")
    assert opportunity is not None
    assert opportunity.field("Partner__c") is not None
    assert again.connection().execute("SELECT count(*) FROM o_opportunity").fetchone()[0] > 500


def test_a_world_loads_into_an_org_without_some_features(tmp_path: Path) -> None:
    bare = Org.open(tmp_path / "bare.db", load(without=("prm", "quotes", "multicurrency")))
    counts = load_folder(bare, generate(1, "tiny", date(2026, 3, 31), tmp_path / "world"))
    assert counts["Opportunity"] > 500
    assert not {"Quote", "PartnerFundClaim", "DatedConversionRate"} & set(counts)


def test_deleted_rows_of_a_file_are_told_as_deletions(org: Org, tmp_path: Path) -> None:
    text = "Id,Name,IsDeleted,SystemModstamp\n0018G00000000a1QAA,x,true,2026-01-02T03:04:05.000Z\n"
    load_folder(org, write(tmp_path / "csv", "Account", text))
    row = org.connection().execute("SELECT object, id, at, hard FROM e_deleted").fetchone()
    assert tuple(row) == ("Account", "0018G00000000a1QAA", "2026-01-02T03:04:05.000Z", 0)
