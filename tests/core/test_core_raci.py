"""Does everything that must be done have exactly one role that answers for it, and a person behind the role?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.config.policy import linted, load
from connector.core.decide import decide
from connector.core.decisions import Owner, Step
from connector.core.facts import PartnerFacts
from connector.core.ownership import UNCHECKED, People, User
from connector.core.policy import Policy
from connector.core.policy_raci import STRATEGIC, TRANSACTIONAL, Activity
from connector.core.raci import MADE, class_of, lint, row_of, rows_for, task_owner
from connector.core.records import PERSONAS
from connector.errors import Misconfigured

SHIPPED = load("default")


def changed(policy: Policy, at: int, **values: Any) -> Policy:
    """The policy with one row of the matrix changed."""
    rows = policy.raci.activities
    return with_rows(policy, (*rows[:at], replace(rows[at], **values), *rows[at + 1 :]))


def with_rows(policy: Policy, rows: tuple[Activity, ...]) -> Policy:
    return replace(policy, raci=replace(policy.raci, activities=rows))


def said(policy: Policy) -> list[tuple[str, str]]:
    return [(each.level, each.found) for each in lint(policy)]


@pytest.mark.parametrize("name", ["default", "literal"])
def test_both_shipped_matrices_hold_together(name: str) -> None:
    assert lint(load(name)) == ()


@pytest.mark.parametrize("task", MADE)
@pytest.mark.parametrize("persona", PERSONAS)
@pytest.mark.parametrize("flagged", [False, True])
def test_every_task_of_every_persona_belongs_to_exactly_one_activity_with_one_accountable_role(
    task: str, persona: str, flagged: bool
) -> None:
    rows = rows_for(persona, class_of(persona, SHIPPED, strategic=flagged), SHIPPED)
    theirs = [row for row in rows if task in row.tasks]
    assert len(theirs) == 1
    assert theirs[0].accountable
    assert theirs[0].responsible


@pytest.mark.parametrize(
    ("activity", "kind", "accountable", "responsible"),
    [
        ("Through-partner automation engine", TRANSACTIONAL, "PMM", ("PMM",)),
        ("Relationship and joint plan", TRANSACTIONAL, "PMM", ("PMM",)),
        ("Relationship and joint plan", STRATEGIC, "PAM", ("PAM",)),
        ("Bespoke ABM plays", STRATEGIC, "PAM", ("PMM",)),
        ("Proof-of-performance review", TRANSACTIONAL, "PMM", ("system",)),
        ("Proof-of-performance review", STRATEGIC, "PMM", ("system",)),
        ("Technical sales shadowing", TRANSACTIONAL, "PAM", ("enablement",)),
        ("Quarterly audit of the levers", STRATEGIC, "head of partner marketing", ("sales ops",)),
    ],
)
def test_the_essay_s_rows(activity: str, kind: str, accountable: str, responsible: tuple[str, ...]) -> None:
    row = next(row for row in rows_for("", kind, SHIPPED) if row.activity == activity)
    assert (row.accountable, row.responsible) == (accountable, responsible)


def test_what_the_essay_has_for_one_class_only_is_nobody_s_in_the_other() -> None:
    names = {kind: {row.activity for row in rows_for("", kind, SHIPPED)} for kind in (TRANSACTIONAL, STRATEGIC)}
    assert names[TRANSACTIONAL] - names[STRATEGIC] == {"Through-partner automation engine"}
    assert names[STRATEGIC] - names[TRANSACTIONAL] == {"Bespoke ABM plays"}


def test_an_activity_for_which_nobody_is_accountable_is_an_error() -> None:
    assert said(changed(SHIPPED, 0, accountable="")) == [
        ("error", "nobody is accountable for Through-partner automation engine for transactional partners")
    ]


def test_two_roles_in_one_cell_are_an_error() -> None:
    assert said(changed(SHIPPED, 0, accountable="PMM, PAM")) == [
        ("error", "several roles are accountable for Through-partner automation engine for transactional partners "
         "(PMM, PAM)"),
    ]  # fmt: skip


def test_a_second_row_for_the_same_partners_is_an_error() -> None:
    rows = (*SHIPPED.raci.activities, replace(SHIPPED.raci.activities[0], accountable="PAM", tasks=()))
    (found,) = [each for each in lint(with_rows(SHIPPED, rows)) if each.level == "error"]
    assert found.key == ("raci", "activities", len(rows) - 1, "activity")
    assert found.found.endswith("PMM and PAM would both be accountable")


def test_an_answer_without_anybody_who_does_it_is_an_error_and_leaves_its_tasks_to_nobody() -> None:
    found = said(changed(SHIPPED, 0, responsible=()))
    assert found[0][1].startswith("nobody is responsible for Through-partner automation engine")
    assert ("error", "T1 belongs to no activity with somebody responsible, for VAR (transactional), "
            "MSP (transactional), Distributor (transactional), Agency (transactional), ISV (transactional), "
            "Referral (transactional), Other (transactional)") in found  # fmt: skip


def test_a_task_that_no_activity_has_is_a_dead_zone() -> None:
    at = next(i for i, row in enumerate(SHIPPED.raci.activities) if "T9" in row.tasks)
    assert said(changed(SHIPPED, at, tasks=())) == [
        ("error", "T9 belongs to no activity with somebody responsible, for all partners")
    ]


def test_a_task_that_two_activities_claim_is_an_error() -> None:
    found = said(changed(SHIPPED, 0, tasks=("T1", "T3")))
    assert found[0][0] == "error"
    assert found[0][1].startswith(
        "T3 belongs to Through-partner automation engine and to Relationship and joint plan"
    )


def test_a_persona_whose_class_has_no_row_is_a_dead_zone() -> None:
    rows = tuple(row for row in SHIPPED.raci.activities if row.applies == STRATEGIC)
    found = [text for level, text in said(with_rows(SHIPPED, rows)) if level == "error"]
    assert "no activity applies to VAR partners (transactional)" in found


@pytest.mark.parametrize(("most", "warned"), [(3, False), (2, True)])
def test_a_role_that_does_what_it_answers_for_too_often_is_told(most: int, warned: bool) -> None:
    """Sales ops: credit and records, two; PAM: relationship and registrations; PMM: engine and relationship."""
    rows = SHIPPED.raci.activities
    third = Activity(
        activity="Portal", applies="all", accountable="sales ops", responsible=("sales ops",), consulted=(),
        informed=(), tasks=(), worked_by="accountable",
    )  # fmt: skip
    policy = with_rows(SHIPPED, (*rows, third))
    found = lint(replace(policy, raci=replace(policy.raci, max_both=most)))
    assert [each.level for each in found] == ["warning"] * (2 if warned else 0)


def test_a_role_that_owns_tasks_and_that_nobody_knows_is_told() -> None:
    at = next(i for i, row in enumerate(SHIPPED.raci.activities) if "T10" in row.tasks)
    assert said(changed(SHIPPED, at, accountable="the wizard")) == [
        ("warning", "nobody says who the wizard is, and T10 would be theirs")
    ]


def test_a_matrix_that_says_another_role_than_the_ownership_is_told() -> None:
    found = said(changed(SHIPPED, 0, accountable="PAM"))
    assert [level for level, _ in found] == ["warning"] * 4
    assert found[0][1] == "VAR: PAM answers for Through-partner automation engine, PMM by [ownership]"


def test_a_persona_s_own_row_replaces_its_class_s() -> None:
    own = replace(SHIPPED.raci.activities[0], applies="MSP", accountable="PAM", responsible=("PAM",))
    policy = with_rows(SHIPPED, (own, *SHIPPED.raci.activities))
    assert [each for each in lint(policy) if each.level == "error"] == []
    found = {persona: row_of("T1", persona, TRANSACTIONAL, policy) for persona in ("MSP", "VAR")}
    assert {persona: row.accountable for persona, row in found.items() if row} == {"MSP": "PAM", "VAR": "PMM"}


@given(st.permutations(SHIPPED.raci.activities))
def test_the_order_of_the_rows_changes_nobody_s_task(rows: list[Activity]) -> None:
    policy = with_rows(SHIPPED, tuple(rows))
    for task in MADE:
        for persona in PERSONAS:
            kind = class_of(persona, policy)
            assert row_of(task, persona, kind, policy) == row_of(task, persona, kind, SHIPPED)


def decided(build: Any, people: People = UNCHECKED, policy: Policy = SHIPPED, **changes: Any) -> Any:
    facts: PartnerFacts = build.good(**changes)
    return decide(facts, policy, build.as_of, people=people)


@pytest.mark.parametrize(
    ("persona", "task", "owner", "role"),
    [
        ("VAR", "T1", "u2", "PMM"),
        ("GSI", "T1", "u1", "PAM"),
        ("VAR", "T2", "u1", "PAM"),
        ("GSI", "T2", "u1", "PAM"),
        ("VAR", "T3", "u2", "PMM"),
        ("SI", "T3", "u1", "PAM"),
        ("MSP", "T4", "u2", "PMM"),
        ("Alliance", "T4", "u1", "PAM"),
    ],
)
def test_a_task_is_the_accountable_role_s(build: Any, persona: str, task: str, owner: str, role: str) -> None:
    found = task_owner(task, decided(build, personas=(persona,)), SHIPPED, UNCHECKED)
    assert (found.owner, found.role) == (Owner(owner, Step.UNCHECKED), role)


def test_var_and_gsi_without_a_primary_one_is_strategic_and_the_account_manager_s(build: Any) -> None:
    decision = decided(build, personas=("VAR", "GSI"))
    assert (decision.accountability.persona, decision.accountability.role) == ("GSI", "PAM")
    found = task_owner("T1", decision, SHIPPED, UNCHECKED)
    assert (found.owner.id, found.role, found.activity) == ("u1", "PAM", "Relationship and joint plan")


STAFF = (User("u1", True), User("u2", False, "u8"), User("u8", True), User("u9", True))


@pytest.mark.parametrize(
    ("changes", "staff", "owner"),
    [
        ({}, STAFF, Owner("u8", Step.MANAGER)),
        ({"marketer_id": "u9"}, STAFF, Owner("u9", Step.MAPPED)),
        ({"marketer_id": None}, STAFF, Owner("q1", Step.FALLBACK)),
        ({"marketer_id": "gone"}, STAFF, Owner("q1", Step.FALLBACK)),
    ],
)
def test_the_step_that_found_the_owner_is_told(build: Any, changes: Any, staff: Any, owner: Owner) -> None:
    policy = build.policy(SHIPPED, "ownership", fallback_queue="q1")
    people = People(staff)
    found = task_owner("T1", decided(build, people, policy, **changes), policy, people)
    assert found.owner == owner
    assert found.step == f"PMM {owner.step}"
    assert found.words.startswith("Owner: PMM, accountable for Through-partner automation engine [raci.activities]: ")


def test_a_responsible_role_stands_in_for_an_accountable_one_whom_nobody_knows(build: Any) -> None:
    people = People(STAFF)
    named = replace(SHIPPED, raci=replace(SHIPPED.raci, people=(("enablement", "u9"),)))
    found = task_owner("T2", decided(build, people, owner_id=None), named, people)
    assert (found.owner, found.role, found.as_what) == (Owner("u9", Step.MAPPED), "enablement", "responsible")


def test_nobody_at_all_is_told(build: Any) -> None:
    found = task_owner("T9", None, SHIPPED, UNCHECKED)
    assert (found.owner.id, found.step) == (None, "head of partner marketing nobody")
    assert "nobody: no person is named and there is no fallback queue" in found.words


def test_an_override_is_its_author_s_and_the_motion_s_owner_stands_in(build: Any) -> None:
    policy = build.policy(SHIPPED, "velocity")
    override = build.override()
    mine = decided(build, policy=policy, override=override)
    orphan = decided(build, policy=policy, override=replace(override, by=None))
    found = [task_owner("T11", each, policy, UNCHECKED) for each in (mine, orphan)]
    assert [(each.owner.id, each.role) for each in found] == [("u7", "author"), ("u2", "PMM")]


def complaint(tmp_path: Path, text: str) -> str:
    path = tmp_path / "x.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(Misconfigured) as caught:
        load(path)
    return str(caught.value).replace(f"{tmp_path}/", "")


ROW = '[[raci.activities]]\nactivity = "All of it"\napplies = "all"\naccountable = "PMM"\nresponsible = ["PMM"]\n'
EVERY = f"tasks = {[*MADE]}\n".replace("'", '"')


def test_a_matrix_of_one_s_own_is_checked_when_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "good.toml").write_text(f'extends = "default"\n{ROW}{EVERY}', encoding="utf-8")
    policy, found = linted(tmp_path / "good.toml")
    assert [row.activity for row in policy.raci.activities] == ["All of it"]
    assert {each.level for each in found} == {
        "warning"
    }  # SI, GSI and Alliance are the account manager's by [ownership]
    assert {each.where for each in found} == {f"{tmp_path}/good.toml:5"}


def test_each_error_of_a_matrix_stands_with_its_line(tmp_path: Path) -> None:
    second = ROW.replace('"PMM"\nresp', '""\nresp').replace("All of it", "The rest")
    assert complaint(tmp_path, f'extends = "default"\n\n{ROW}{EVERY}\n{second}') == (
        "x.toml:13: raci.activities[1].accountable: nobody is accountable for The rest for all partners. "
        "Name exactly one role."
    )


def test_an_unknown_class_is_told_with_its_line(tmp_path: Path) -> None:
    text = f'extends = "default"\n{ROW}{EVERY}'.replace('"all"', '"everybody"')
    assert 'x.toml:4: raci.activities[0].applies: "everybody" is no class of partners' in complaint(tmp_path, text)
