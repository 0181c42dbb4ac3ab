"""Tasks are made once, when they are due, and belong to whoever took them up."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import Office


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
