"""A generated world: the same bytes for the same seed, ids that hold, and records that show what the stories say."""

from __future__ import annotations

import csv
import json
from collections import Counter
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from emulators.salesforce.catalog import load
from emulators.salesforce.ids import checksum
from emulators.world import generate
from emulators.world.calendar import TIME_ZONE
from emulators.world.fields import FIELDS
from emulators.world.ids import PREFIXES
from emulators.world.program import main
from emulators.world.sheets import COLUMNS

AS_OF = date(2026, 3, 31)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generate(7, "small", AS_OF, tmp_path_factory.mktemp("world"))


def rows(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def stories(folder: Path) -> dict[str, dict[str, Any]]:
    told = json.loads((folder / "scenarios.json").read_text(encoding="utf-8"))
    return {story["scenario"]: story for story in told["partners"]}


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(tmp_path: Path) -> None:
    one = everything(generate(1, "small", AS_OF, tmp_path / "one"))
    again = everything(generate(1, "small", AS_OF, tmp_path / "again"))
    other = everything(generate(2, "small", AS_OF, tmp_path / "other"))
    assert one == again
    assert (
        one["Opportunity.csv"] != other["Opportunity.csv"]
        or one["Account.csv"] != other["Account.csv"]
        or (one["scenarios.json"] != other["scenarios.json"])
    )


def test_an_unknown_size_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="tiny, small, medium, wide, large"):
        generate(1, "huge", AS_OF, tmp_path)


def test_every_column_is_a_field_of_the_org_and_every_prefix_its_objects(world: Path) -> None:
    schema = load()
    declared = {name: {field["name"] for field in entry["fields"]} for name, entry in FIELDS.items()}
    strange = {}
    for name, columns in COLUMNS.items():
        obj = schema.object(name)
        if obj is None:
            assert FIELDS[name]["prefix"] == PREFIXES[name]
            continue
        assert obj.key_prefix == PREFIXES[name], name
        own = declared.get(name, set()) | (declared["Activity"] if name in ("Task", "Event") else set())
        strange[name] = [column for column in columns if obj.field(column) is None and column not in own]
    assert {name: found for name, found in strange.items() if found} == {}


def test_ids_have_eighteen_characters_right_checksums_and_name_one_record(world: Path) -> None:
    for name in COLUMNS:
        ids = [row["Id"] for row in rows(world, name)]
        assert len(set(ids)) == len(ids), name
        assert all(len(id_) == 18 and checksum(id_[:15]) == id_[15:] for id_ in ids), name
        assert {id_[:3] for id_ in ids} <= {PREFIXES[name]}


def test_every_reference_leads_to_a_record(world: Path) -> None:
    known = {row["Id"] for name in COLUMNS for row in rows(world, name)}
    for name in COLUMNS:
        for column in COLUMNS[name]:
            if (column.endswith("Id") and column not in ("Id", "Calendar_Id__c")) or column == "Partner__c":
                named = {row[column] for row in rows(world, name)} - {"", *known}
                assert named == set(), (name, column)


def local_day(instant: str) -> date:
    return datetime.fromisoformat(instant.replace("Z", "+00:00")).astimezone(ZoneInfo(TIME_ZONE)).date()


def test_the_partners_quotes_are_as_their_story_counts_them(world: Path) -> None:
    first: dict[str, date] = {}
    for quote in rows(world, "Quote"):
        if quote["Status"] != "Draft":
            day = local_day(quote["CreatedDate"])
            first[quote["OpportunityId"]] = min(first.get(quote["OpportunityId"], day), day)
    start, end = AS_OF - timedelta(days=365), AS_OF - timedelta(days=90)
    cohort = [deal for deal in rows(world, "Opportunity") if start <= first.get(deal["Id"], date.min) <= end]
    told = {key: story for key, story in stories(world).items() if "velocity" in story["detail"]}
    found = {}
    for key, story in told.items():
        won = [deal["IsWon"] == "true" for deal in cohort if deal["Partner__c"] == story["id"]]
        found[key] = {"counted": len(won), "won": sum(won)}
    assert found == {key: story["detail"]["velocity"] for key, story in told.items()}


def test_the_benchmark_is_the_median_of_direct_small_business_platform_deals(world: Path) -> None:
    segments = {row["Id"]: row["Segment__c"] for row in rows(world, "Account")}
    partnered = {row["OpportunityId"] for row in rows(world, "OpportunityPartner")}
    amounts = [
        Decimal(deal["Amount"])
        for deal in rows(world, "Opportunity")
        if deal["IsWon"] == "true" and not deal["Partner__c"] and deal["Id"] not in partnered
        and segments[deal["AccountId"]] == "SMB" and deal["Product_Family__c"] == "Platform"
    ]  # fmt: skip
    assert len(amounts) >= 20
    assert median(amounts) == Decimal(10000)


def test_pooled_pipeline_over_spend_is_as_told(world: Path) -> None:
    story = stories(world)["proof_pooled"]
    mine = {row["Id"] for row in rows(world, "Campaign") if row["Partner__c"] == story["id"]}
    pipeline = sum(Decimal(d["Amount"]) for d in rows(world, "Opportunity") if d["CampaignId"] in mine)
    requests = {row["Id"] for row in rows(world, "PartnerFundRequest") if row["CampaignId"] in mine}
    spend = sum(Decimal(c["Amount"]) for c in rows(world, "PartnerFundClaim") if c["RequestId"] in requests)
    assert (pipeline, spend) == (Decimal(160000), Decimal(40000))


def test_a_merged_account_is_deleted_and_names_the_survivor(world: Path) -> None:
    story = stories(world)["merged"]
    loser = next(row for row in rows(world, "Account") if row["Id"] == story["detail"]["merged_from"])
    assert (loser["IsDeleted"], loser["MasterRecordId"]) == ("true", story["id"])
    assert not any(d["Partner__c"] == loser["Id"] for d in rows(world, "Opportunity"))


def test_many_deals_share_one_stamp(world: Path) -> None:
    told = json.loads((world / "scenarios.json").read_text(encoding="utf-8"))["equal_stamps"]
    stamps = Counter(row["SystemModstamp"] for row in rows(world, "Opportunity"))
    assert stamps[told["SystemModstamp"]] == told["count"] == 250


def test_hostile_names_survive_a_csv_reader_but_not_splitlines(world: Path) -> None:
    text = (world / "Account.csv").read_text(encoding="utf-8")
    accounts = rows(world, "Account")
    assert {"First line\nSecond line", "=cmd|' /C calc'!A0", "NA", "Q"} <= {row["Name"] for row in accounts}
    assert len(text.splitlines()) - 1 > len(accounts)


def test_the_fields_that_people_own_wait_for_the_installation(world: Path) -> None:
    owned = rows(world / "after_install", "Account")
    told = stories(world)
    personas = {row["Id"]: row["PMOM_Partner_Persona__c"] for row in owned}
    assert not any("PMOM_" in column for columns in COLUMNS.values() for column in columns)
    assert personas[told["persona_two_roles"]["id"]] == "VAR;GSI"
    assert personas[told["persona_unmapped"]["id"]] == ""
    expires = {row["Id"]: row["PMOM_Override_Expires__c"] for row in owned}
    assert expires[told["override_last_day"]["id"]] == "2026-03-31"
    assert expires[told["override_expired"]["id"]] == "2026-03-30"


def test_the_smallest_world_has_every_decision_and_every_lever(tmp_path: Path) -> None:
    told = stories(generate(1, "tiny", AS_OF, tmp_path)).values()
    assert {story["decision"] for story in told} >= {
        "Fund Demand Gen", "Fund Enablement Instead", "Defer – Market Fit", "Rework – Proof of Performance",
        "Pilot Only",
    }  # fmt: skip
    assert {story["lever"] for story in told} >= {
        "Sustain", "Stop Campaigns + Technical Shadowing", "With-Partner Thought Leadership", "Re-recruit", "Onboard",
    }  # fmt: skip
    assert {story["owner_role"] for story in told} >= {"PAM", "PMM", None}


def test_the_command_writes_a_world_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [str(tmp_path / "world"), "--size", "tiny", "--seed", "3", "--as-of", "2026-03-31"]
    assert main(arguments) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["size"], told["seed"], told["as_of"]) == ("tiny", 3, "2026-03-31")
    assert main(arguments) == 2
    assert "name an empty folder" in capsys.readouterr().err
