"""Every scenario of the generated world is decided as an ideal reader of the operating model would decide it.

The expectations were written beside the world, by somebody who never saw the rules' code; None is no opinion.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from connector.core.decisions import Decision
from connector.core.multiplier import multipliers
from connector.core.verdicts import Gate
from connector.store.store import Store

if TYPE_CHECKING:
    from conftest import World

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("small worlds")]  # made once

GATES = {"velocity": Gate.VELOCITY, "market_fit": Gate.MARKET_FIT, "proof_of_performance": Gate.TRACK_RECORD}


def told(decision: Decision) -> dict[str, Any]:
    gates = {name: decision.gate(gate) for name, gate in GATES.items()}
    return {
        **{name: gate.shown.value if gate else None for name, gate in gates.items()},
        "decision": decision.outcome.value,
        "symptom": decision.symptom.value,
        "lever": decision.lever.value,
        "motion": decision.accountability.motion,
        "owner_role": decision.accountability.role,
    }


def test_every_scenario_is_decided_as_expected_and_the_org_says_the_same(small: World) -> None:
    assert small.pmom("sync", "--as-of", "2026-03-31").code == 0
    store = Store.open(small.folder / "workspace" / "store.sqlite", "salesforce")
    decisions = {key: Decision.from_json(row.body) for key, row in store.latest_decisions().items()}
    store.close()
    about = json.loads((small.world / "scenarios.json").read_text(encoding="utf-8"))
    wrong = {}
    for story in about["partners"]:
        expected = story["gates"] | {
            name: story[name] for name in ("decision", "symptom", "lever", "motion", "owner_role")
        }
        found = told(decisions[story["id"]])
        differ = {
            name: (want, found[name]) for name, want in expected.items() if want is not None and want != found[name]
        }
        if differ:
            wrong[story["scenario"]] = differ
    assert wrong == {}
    assert set(decisions) == {story["id"] for story in about["partners"]}
    written = {row["Id"]: row["PMOM_Triage_Decision__c"] for row in small.cards()}
    assert {key: written[key] for key in decisions} == {key: d.outcome.value for key, d in decisions.items()}


def test_every_story_of_services_has_the_multiplier_that_it_tells(small: World) -> None:
    assert small.pmom("sync", "--as-of", "2026-03-31").code == 0
    store = Store.open(small.folder / "workspace" / "store.sqlite", "salesforce")
    lines = multipliers(Decision.from_json(row.body) for row in store.latest_decisions().values())
    store.close()
    found = {
        line.partner_id: {
            "value": None if line.value is None else str(line.value),
            "coverage": "" if line.coverage is None else str(line.coverage),
            "source": line.provenance,
            "code": line.code,
        }
        for line in lines
        if line.provenance
    }
    about = json.loads((small.world / "scenarios.json").read_text(encoding="utf-8"))
    stories = {story["id"]: story["detail"] for story in about["partners"]}
    assert found == {id_: detail["multiplier"] for id_, detail in stories.items() if "multiplier" in detail}
    assert len(found) == 8


def test_a_second_sync_writes_nothing(small: World) -> None:
    small.pmom("sync", "--as-of", "2026-03-31")
    again = small.pmom("sync", "--as-of", "2026-03-31")
    assert again.said["applied"] is None
    assert again.said["planned"]["records_changed"] == 0
    assert small.tasks() == []


def test_one_changed_deal_costs_the_same_calls_whatever_the_org_holds(small: World) -> None:
    small.pmom("sync", "--as-of", "2026-03-31")
    partner = small.story("velocity_fail")["id"]
    deal = small.rows(
        f"SELECT Id FROM Opportunity WHERE Partner__c = '{partner}' AND IsWon = false ORDER BY Id LIMIT 1"
    )
    small.edit("Opportunity", deal[0]["Id"], StageName="Closed Won")
    stamps = {row["Id"]: row["SystemModstamp"] for row in small.rows("SELECT Id, SystemModstamp FROM Account")}
    report = small.pmom("sync", "--as-of", "2026-03-31").said
    moved = [
        row["Id"]
        for row in small.rows("SELECT Id, SystemModstamp FROM Account")
        if row["SystemModstamp"] != stamps[row["Id"]]
    ]
    assert moved == [partner]
    assert report["decided"]["partners"] == 1
    assert report["pulled"]["calls"] <= 42  # a description and a query for each of 19 objects, the version, the token
    assert report["applied"] == {"plan": report["applied"]["plan"], "outcomes": {"applied": 1}, "calls": 2}


def test_explain_gives_the_reason_the_evidence_and_what_would_clear_the_gate(small: World) -> None:
    small.pmom("sync", "--as-of", "2026-03-31")
    partner = small.story("velocity_below_20")["id"]
    story = "\n".join(small.pmom("explain", partner).said["story"])
    assert "[velocity.floor]" in story
    assert "To clear:" in story
    assert "Evidence: 006" in story
