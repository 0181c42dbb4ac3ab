"""What a person types, what it answers with, and with which exit code."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import World

pytestmark = pytest.mark.slow

DAY = ("--as-of", "2026-03-31")


def test_an_unknown_word_is_wrong_usage(tiny: World) -> None:
    assert tiny.pmom("nonsense").code == 2


def test_check_says_that_all_is_well(tiny: World) -> None:
    answer = tiny.pmom("check")
    assert answer.code == 0
    assert [f for f in answer.said["findings"] if f["level"] == "error"] == []


def test_check_of_a_mapping_to_a_missing_field_names_line_key_and_near_miss(tiny: World) -> None:
    before = tiny.config.read_text(encoding="utf-8")
    mapping = tiny.folder / "mine.toml"
    shipped = (tiny.folder / "mine.toml").resolve()
    from importlib.resources import files

    text = (files("mappings") / "salesforce.toml").read_text(encoding="utf-8")
    mapping.write_text(text.replace('stage = "StageName"', 'stage = "StagName"'), encoding="utf-8")
    tiny.config.write_text(before + '\n[mapping]\nsalesforce = "mine.toml"\n', encoding="utf-8")
    try:
        answer = tiny.pmom("check")
    finally:
        tiny.config.write_text(before, encoding="utf-8")
    wrong = [finding for finding in answer.said["findings"] if finding["level"] == "error"]
    assert answer.code == 3
    assert any(f"{shipped.name}:" in f["where"] and "StagName" in f["found"] for f in wrong)
    assert any("StageName" in f["fix"] for f in wrong)


def test_a_dry_install_makes_nothing_and_a_second_install_changes_nothing(tiny: World) -> None:
    dry = tiny.pmom("install", "--dry-run")
    assert dry.code == 0
    assert {step["status"] for step in dry.said["steps"]} == {"present"}
    assert {step["status"] for step in tiny.pmom("install").said["steps"]} == {"present"}


def test_the_steps_one_by_one(tiny: World) -> None:
    assert tiny.pmom("pull").said["rows"] > 0
    assert tiny.pmom("decide", *DAY).said["partners"] == len(tiny.cards())
    planned = tiny.pmom("plan")
    assert planned.said["tasks_created"] == 0
    assert planned.said["records_changed"] == len(tiny.cards())
    every = planned.said["records_changed"] + planned.said["others_changed"]  # deals, requests
    assert len(planned.said["changes"]) == every > len(tiny.cards())
    applied = tiny.pmom("apply")
    assert applied.code == 0
    assert applied.said["outcomes"] == {"applied": every}
    assert tiny.pmom("plan").said["changes"] == []
    again = tiny.pmom("apply")
    assert (again.code, again.said["outcomes"]) == (0, {})
    kinds = [run["kind"] for run in tiny.pmom("runs", "--limit", "4").said["runs"]]
    assert kinds == ["apply", "plan", "apply", "plan"]


def test_json_may_stand_anywhere_and_wrong_usage_is_json_too(tiny: World) -> None:
    assert tiny.pmom("runs", "--json").code == 0
    wrong = tiny.pmom("explain")
    assert (wrong.code, wrong.said["exit_code"]) == (2, 2)


def test_an_object_that_was_hidden_for_a_while_comes_back_whole(tiny: World) -> None:
    tiny.pmom("sync", *DAY)
    before = tiny.cards()
    tiny.control("access", {"object": "Quote", "readable": False})
    hidden = tiny.pmom("sync", *DAY)
    assert "quotes" in hidden.out
    tiny.control("access", {"object": "Quote", "readable": True})
    assert tiny.pmom("sync", *DAY).code in (0, 5)
    forced = tiny.pmom("plan").said
    if forced["changes"]:
        assert tiny.pmom("apply", "--force", forced["fingerprint"]).code == 0
    assert tiny.cards() == before


def test_a_refused_pull_leaves_the_mirror_as_it_was(tiny: World) -> None:
    from importlib.resources import files

    tiny.pmom("sync", *DAY)
    before = tiny.config.read_text(encoding="utf-8")
    text = (files("mappings") / "salesforce.toml").read_text(encoding="utf-8")
    (tiny.folder / "odd.toml").write_text(text.replace('name = "Name"', 'name = "Nmae"'), encoding="utf-8")
    tiny.config.write_text(before + '\n[mapping]\nsalesforce = "odd.toml"\n', encoding="utf-8")
    try:
        assert tiny.pmom("pull").code == 3
    finally:
        tiny.config.write_text(before, encoding="utf-8")
    assert tiny.pmom("decide", *DAY, "--everybody").said["gone"] == 0


def test_a_refused_record_is_told_with_the_orgs_words_and_the_rest_goes_through(tiny: World) -> None:
    tiny.pmom("sync", *DAY)
    partners = [tiny.story(name)["id"] for name in ("velocity_fail", "proof_fail")]
    tiny.control(
        "rules",
        {"object": "Account", "field": "Name", "op": "contains", "value": "Velocity Fail", "message": "Ask Finance."},
    )
    for partner in partners:
        tiny.edit("Account", partner, PMOM_Exclude_From_Scoring__c=True)
    try:
        report = tiny.pmom("sync", *DAY)
        assert report.code == 6
        # the other partner, the three fund requests of both, which are held now, and their six campaigns
        assert report.said["applied"]["outcomes"] == {"applied": 10, "refused": 1}
    finally:
        tiny.control("rules", None, method="DELETE")
    mended = tiny.pmom("sync", *DAY)
    assert mended.code == 0
    assert mended.said["applied"]["outcomes"] == {"applied": 1}
    for partner in partners:
        tiny.edit("Account", partner, PMOM_Exclude_From_Scoring__c=False)


def test_a_wrong_secret_is_one_message_without_the_secret(tiny: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PMOM_SALESFORCE__CLIENT_SECRET", "hush-hush")
    before = tiny.config.read_text(encoding="utf-8")
    tiny.config.write_text(before.replace('client_secret_file = "client_secret"\n', ""), encoding="utf-8")
    try:
        answer = tiny.pmom("pull")
    finally:
        tiny.config.write_text(before, encoding="utf-8")
    assert answer.code == 3
    assert "hush-hush" not in answer.out + answer.err
    assert json.loads(answer.out)["error"] == "Misconfigured"


def test_an_org_that_is_away_is_exit_code_four(tiny: World) -> None:
    before = tiny.config.read_text(encoding="utf-8")
    tiny.config.write_text(before.replace(tiny.org["url"], "https://127.0.0.1:1"), encoding="utf-8")
    try:
        answer = tiny.pmom("pull")
    finally:
        tiny.config.write_text(before, encoding="utf-8")
    assert answer.code == 4
    assert "nothing answers" in answer.said["message"]


def test_the_storm_ends_where_calm_ends(tiny: World) -> None:
    """Throttling, server errors, dropped and cut answers, expired tokens: the same rows, and every change once."""
    tiny.fresh_workspace()  # what earlier tests decided must not be carried on in one of the two only
    tiny.pmom("sync", *DAY)
    calm = tiny.cards()
    tiny.fresh_workspace()
    for partner in calm:
        tiny.edit("Account", partner["Id"], PMOM_Triage_Decision__c=None, PMOM_Why__c=None)
    tiny.faults(
        {"path": "/services/data/.*", "kind": "503", "every_n": 7},
        {"path": "/services/data/.*", "kind": "drop", "every_n": 11},
        {"path": "/services/data/.*/query.*", "kind": "truncate", "every_n": 9},
        {"path": "/services/data/.*", "kind": "expire_token", "every_n": 13},
        {"path": "/services/data/.*/composite.*", "kind": "lock_row", "times": 1},
    )
    try:
        codes = []
        for _ in range(4):
            codes.append(tiny.pmom("sync", *DAY).code)
            if codes[-1] == 0:
                break
    finally:
        tiny.faults()
    assert tiny.pmom("sync", *DAY).code == 0
    assert tiny.cards() == calm
    assert tiny.tasks() == []
