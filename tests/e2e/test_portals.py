"""Does the shipped mapping fit portals with and without what is sold separately, and is it said what is missing?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from connector.cli import stage
from connector.cli.stage import HUBSPOT

if TYPE_CHECKING:
    from conftest import Portal

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("portals")]

DAY = ("--as-of", "2026-03-31")


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory, portal_class: type[Portal]) -> Iterator[Portal]:
    """A Starter portal: no labels, custom objects or campaigns. Its records are those of the world all the same."""
    found = portal_class(tmp_path_factory.mktemp("bare"), HUBSPOT, "tiny")
    stage.make_world(found.world, crm="hubspot", size="tiny", without="custom_objects,labels,campaigns")
    found.program, found.crm = stage.spawn(HUBSPOT, found.folder, found.world, "--tier", "starter")
    found.crm.settings()
    yield found
    found.stop()


def levels(portal: Portal) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {"error": [], "warning": [], "note": []}
    for each in portal.pmom("check").said["findings"]:
        found[each["level"]].append(f"{each['found']}. {each['fix']}")
    return found


def test_a_portal_with_everything_has_nothing_to_mend(tiny_portal: Portal) -> None:
    found = levels(tiny_portal)
    assert (found["error"], found["warning"]) == ([], [])


def test_a_portal_of_the_smallest_edition_has_nothing_to_mend_either(bare: Portal) -> None:
    found = levels(bare)
    assert (found["error"], found["warning"]) == ([], [])
    assert [note for note in found["note"] if "fund_requests" in note and "Enterprise" in note]
    assert [note for note in found["note"] if "campaigns" in note and "Professional" in note]


def test_an_install_there_says_what_it_could_not_make_and_makes_the_rest(bare: Portal) -> None:
    steps = {step["name"]: step for step in bare.pmom("install").said["steps"]}
    assert steps["companies.pmom_triage_decision"]["status"] in ("created", "present")
    labels = [step for name, step in steps.items() if name.startswith("label")]
    assert {step["status"] for step in labels} == {"skipped"}
    assert all(step["detail"] for step in labels)


def test_what_cannot_be_known_there_is_insufficient_evidence_and_never_zero(bare: Portal) -> None:
    bare.pmom("install")
    said = bare.pmom("sync", *DAY).said
    assert said["applied"]["outcomes"] == {"applied": said["decided"]["partners"]}
    assert {card["gate_pop"] for card in bare.written().values()} == {"Insufficient Evidence"}


def test_a_missing_scope_is_named_beside_the_object(bare: Portal) -> None:
    scopes = [f"crm.{kind}.quotes.{verb}" for kind in ("objects", "schemas") for verb in ("read", "write")]
    bare.control("scopes", {"take": scopes})
    try:
        found = levels(bare)
    finally:
        bare.control("scopes", {"give": scopes})
    assert found["error"] == []
    assert [note for note in found["note"] if "quotes" in note and "crm.objects.quotes.read" in note]
