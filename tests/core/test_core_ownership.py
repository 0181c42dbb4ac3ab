"""Is exactly one role accountable, and is its person found?"""

from __future__ import annotations

from typing import Any

import pytest

from connector.core.decisions import Owner, Step
from connector.core.ownership import People, User, accountability, resolve
from connector.core.records import PERSONAS


@pytest.mark.parametrize(
    ("persona", "flagged", "motion", "role", "user"),
    [
        ("VAR", False, "Through-Partner", "PMM", "u2"),
        ("VAR", True, "Through-Partner", "PMM", "u2"),
        ("MSP", False, "Through-Partner", "PMM", "u2"),
        ("Distributor", False, "Through-Partner", "PMM", "u2"),
        ("Referral", False, "Through-Partner", "PMM", "u2"),
        ("GSI", False, "With-Partner", "PAM", "u1"),
        ("Alliance", False, "With-Partner", "PAM", "u1"),
        ("SI", False, "With-Partner", "PAM", "u1"),
        ("Agency", False, "Through-Partner", "PMM", "u2"),
        ("Agency", True, "With-Partner", "PAM", "u1"),
        ("ISV", True, "With-Partner", "PAM", "u1"),
        ("Other", False, "Through-Partner", "PMM", "u2"),
    ],
)
def test_the_persona_decides_motion_and_owner(
    build: Any, default: Any, persona: str, flagged: bool, motion: str, role: str, user: str
) -> None:
    held = accountability(build.partner(personas=(persona,), strategic=flagged), default.ownership)
    assert (held.persona, held.motion, held.role, held.owner.id) == (persona, motion, role, user)


@pytest.mark.parametrize("personas", [("VAR", "GSI"), ("GSI", "VAR"), ("VAR", "Agency", "GSI")])
def test_of_two_personas_the_strategic_one_counts(build: Any, default: Any, personas: tuple[str, ...]) -> None:
    held = accountability(build.partner(personas=personas), default.ownership)
    assert (held.persona, held.role, held.strategic) == ("GSI", "PAM", True)


def test_of_two_alike_the_first_counts(build: Any, default: Any) -> None:
    assert accountability(build.partner(personas=("MSP", "VAR")), default.ownership).persona == "MSP"


@pytest.mark.parametrize("personas", [(), ("Wizard",)])
def test_an_unmapped_persona_has_no_owner(build: Any, default: Any, personas: tuple[str, ...]) -> None:
    held = accountability(build.partner(personas=personas), default.ownership)
    assert (held.motion, held.role, held.owner) == ("Unmapped", "", Owner(None, Step.NOBODY))


def test_every_known_persona_has_exactly_one_accountable_role(build: Any, default: Any) -> None:
    for persona in PERSONAS:
        assert accountability(build.partner(personas=(persona,)), default.ownership).role in ("PMM", "PAM")


STAFF = People(
    (
        User("here", True),
        User("left", False, "boss"),
        User("boss", False, "head"),
        User("head", True),
        User("circle1", False, "circle2"),
        User("circle2", False, "circle1"),
        User("alone", False),
    )
)


@pytest.mark.parametrize(
    ("candidate", "owner"),
    [
        ("here", Owner("here", Step.MAPPED)),
        ("left", Owner("head", Step.MANAGER)),
        ("circle1", Owner("queue", Step.FALLBACK)),
        ("alone", Owner("queue", Step.FALLBACK)),
        ("unknown", Owner("queue", Step.FALLBACK)),
        (None, Owner("queue", Step.FALLBACK)),
    ],
)
def test_mapped_user_then_manager_then_queue(candidate: str | None, owner: Owner) -> None:
    assert resolve(candidate, STAFF, "queue") == owner


def test_without_a_queue_nobody_owns_it() -> None:
    assert resolve("alone", STAFF, "") == Owner(None, Step.NOBODY)


def test_without_a_list_of_users_the_record_s_user_stands() -> None:
    assert resolve("u1", People(None), "queue") == Owner("u1", Step.UNCHECKED)
    assert resolve(None, People(None), "queue") == Owner("queue", Step.FALLBACK)


def test_a_queue_is_no_user() -> None:
    assert Owner("queue", Step.FALLBACK).user_id is None
    assert Owner("here", Step.MAPPED).user_id == "here"
