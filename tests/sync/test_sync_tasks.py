"""Tasks are made once, when they are due, and belong to whoever took them up."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from connector.core.codec import to_json
from connector.core.plan import diff
from connector.core.tasks import DesiredTask
from connector.crm.base import WriteResult, WriteStatus
from connector.sync import plan as planning
from connector.sync.plan import Planned
from connector.sync.streams import TASKS, to_plan

if TYPE_CHECKING:
    from conftest import Office

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)


def test_the_first_run_makes_no_task(office: Office) -> None:
    for number in range(30):
        office.quoting(f"Partner {number}", won=0, of=10)
    office.sync()
    assert office.tasks() == []


def test_a_task_that_hangs_on_no_record_is_made_once(office: Office) -> None:
    """The admin's tasks about missing things have no partner; they must be found again all the same."""
    for number in range(5):
        office.partner(f"Nobody said {number}")
    for _ in range(4):
        office.sync()
        office.crm.advance(timedelta(days=1))
    keys = [task["PMOM_Task_Key__c"] for task in office.tasks()]
    assert len(keys) == len(set(keys)) > 0
    assert office.sync().planned.plan.summary.tasks_created == 0


def test_a_task_that_somebody_has_begun_is_left_alone_when_its_condition_is_over(office: Office) -> None:
    """Its status is no longer the one that we wrote, whoever the CRM says wrote last."""
    partners = [office.partner(f"Nobody said {number}") for number in range(5)]
    for _ in range(4):
        office.sync()
        office.crm.advance(timedelta(days=1))
    assert office.tasks() != []
    made = [record for record in office.crm.records["Task"].values() if record.values.get("PMOM_Task_Key__c")]
    for record in made:
        office.edit("Task", str(record.values["Id"]), Status="In Progress")
    for partner in partners:
        office.edit("Account", partner, PMOM_Partner_Persona__c="VAR")
    for _ in range(3):
        report = office.sync()
        assert report.planned.plan.summary.tasks_closed == 0
        office.crm.advance(timedelta(days=1))
    assert {record.values["Status"] for record in made} == {"In Progress"}


def test_a_task_changed_between_plan_and_apply_is_a_conflict_and_stays_open(office: Office) -> None:
    partners = [office.partner(f"Nobody said {number}") for number in range(5)]
    for _ in range(4):
        office.sync()
        office.crm.advance(timedelta(days=1))
    for partner in partners:
        office.edit("Account", partner, PMOM_Partner_Persona__c="VAR")
    office.pull()
    office.decide()
    planned = office.plan()
    assert planned.plan.summary.tasks_closed > 0
    made = [record for record in office.crm.records["Task"].values() if record.values.get("PMOM_Task_Key__c")]
    for record in made:
        office.edit("Task", str(record.values["Id"]), Subject="I am on it, do not close")
    outcomes = [each for each in office.apply(planned).outcomes if each.change.key.startswith("close:")]
    assert {each.status for each in outcomes} == {"conflict"}
    assert "Completed" not in {record.values["Status"] for record in made}


@pytest.mark.parametrize("left", [frozenset(), frozenset({TASKS})], ids=["of everybody", "of some"])
def test_a_task_of_some_partners_does_not_end_the_wait_of_others_tasks(office: Office, left: frozenset[str]) -> None:
    """A process was killed before the tasks of its plan were made; then a hint leads to another partner's task."""
    partner = office.partner("One")
    office.sync()
    words = ("subject", "body", NOON.date(), "reason")
    task = DesiredTask("memory:1:T11", "T11", partner, (partner,), "usr-pam", *words)
    made = diff((), (), create=(task,))
    kept = office.ctx.store.save_plan(office.next_run(), made.fingerprint, to_json(made), NOON)
    to_plan(office.ctx.mirror).replace({TASKS})
    applied = office.apply(Planned(kept, made, None, everybody=not left, left=left))
    assert applied.counts == {"applied": 1}
    assert to_plan(office.ctx.mirror).read() == set(left)


def planned_with_a_task(
    office: Office, monkeypatch: pytest.MonkeyPatch, partner: str, *, everybody: bool, key: str = "memory:1:T11"
) -> None:
    """A plan of the office that makes one task; its process is killed before anything is written."""
    words = ("subject", "body", NOON.date(), "reason")
    task = DesiredTask(key, "T11", partner, (partner,), "usr-pam", *words)
    with monkeypatch.context() as patch:
        real = planning.plan_tasks
        patch.setattr(planning, "plan_tasks", lambda *a, **k: replace(real(*a, **k), create=(task,)))
        planning.plan(office.ctx, office.next_run(), everybody=everybody, tasks=everybody)


def test_applying_a_killed_plan_of_some_by_hand_leaves_the_tasks_of_an_earlier_plan_marked(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sync's worker was killed before it made its task, then that of a hint's plan; then a person applies."""
    one, two = office.partner("One"), office.partner("Two")
    office.sync()
    planned_with_a_task(office, monkeypatch, one, everybody=True, key="memory:1:T11")
    to_plan(office.ctx.mirror).add({two})
    planned_with_a_task(office, monkeypatch, two, everybody=False, key="memory:2:T11")
    for _ in range(2):
        assert office.apply(planning.waiting(office.ctx)).complete
        assert to_plan(office.ctx.mirror).read() == {TASKS}
    assert [task["PMOM_Task_Key__c"] for task in office.tasks()] == ["memory:2:T11"]


def test_applying_a_plan_of_everybody_by_hand_ends_the_wait_of_its_tasks(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    partner = office.partner("One")
    office.sync()
    planned_with_a_task(office, monkeypatch, partner, everybody=True)
    assert office.apply(planning.waiting(office.ctx)).complete
    assert to_plan(office.ctx.mirror).read() == set()


def test_a_plan_whose_process_was_killed_before_its_marks_were_kept_loses_no_refused_task(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    partner = office.partner("One")
    office.sync()
    planned_with_a_task(office, monkeypatch, partner, everybody=True)
    to_plan(office.ctx.mirror).replace({partner})  # as they were before that plan
    with monkeypatch.context() as patch:
        refused = WriteStatus.REFUSED
        patch.setattr(
            type(office.crm),
            "write",
            lambda crm, writes, progress=None: [WriteResult(each.ref, refused, None, "NO", "no") for each in writes],
        )
        assert office.apply(planning.waiting(office.ctx)).counts == {"refused": 1}
    assert to_plan(office.ctx.mirror).read() == {partner, TASKS}


def test_tasks_stay_marked_where_nobody_knows_what_the_plan_left_aside(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plan was kept by an earlier version."""
    partner = office.partner("One")
    office.sync()
    planned_with_a_task(office, monkeypatch, partner, everybody=True)
    office.ctx.store.set_state("plan_left", "{}")
    assert office.apply(planning.waiting(office.ctx)).complete
    assert to_plan(office.ctx.mirror).read() == {TASKS}
