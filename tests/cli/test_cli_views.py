"""Is what people need to know there, in the order in which they need it, and in a narrow terminal too?"""

from __future__ import annotations

import io
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from rich.console import Console, RenderableType

from connector.cli.findings import check_tables, goals_told
from connector.cli.plan_view import limit_told
from connector.cli.runs_view import runs_table
from connector.cli.steps import going, installed, question, steps_table
from connector.config.check import CheckReport, Coverage, Finding, Level
from connector.core.records import Kind
from connector.crm.base import FieldSpec, InstallStep, StepStatus
from connector.store.store import RunRow


def shown(thing: RenderableType, width: int = 80) -> list[str]:
    file = io.StringIO()
    Console(file=file, width=width).print(thing)
    return [line.rstrip() for line in file.getvalue().splitlines()]


FILE = "/somewhere/far/away/mine.toml"
WAITING = Finding(Level.NOTE, f"{FILE}:9", "partners[0].columns.persona", "is absent", "Needs: pmom install hubspot.")
FINDINGS = (
    WAITING,
    Finding(Level.NOTE, f"{FILE}:12", "a", "does not offer", "Harmless: those lines have no effect."),
    Finding(Level.NOTE, f"{FILE}:14", "b", "the field x.y is absent", "It is optional."),
    Finding(Level.WARNING, f"{FILE}:20", "c", 'companies.type does not offer "PARTNR"', 'Did you mean "PARTNER"?'),
    Finding(Level.ERROR, f"{FILE}:31", "d", "the field deals.stagge is absent", "Did you mean stage?"),
    Finding(Level.ERROR, f"{FILE}:44", "e", "the object quotes is absent", ""),
    WAITING,
)


def checked(*findings: Finding, everything: bool = False, width: int = 60) -> list[str]:
    covered = (Coverage("partners", ("company type",), 11, 20, ("persona", "footprint_regions")),)
    report = CheckReport(FILE, findings, covered, 15)
    tables = check_tables(report, "portal 1", "ours@1", "hubspot", goals=[], everything=everything)
    return shown(tables, width)


def test_errors_come_first_and_the_end_says_how_many_and_where() -> None:
    lines = checked(*FINDINGS)
    heads = [line for line in lines if line.startswith(("error", "warning", "note"))]
    assert heads == [
        "error  line 31, d",
        "error  line 44, e",
        "warning  line 20, c",
        "note  line 14, b",
    ]
    assert " ".join(lines[-2:]) == f"2 errors to mend before a pull in lines 31, 44 of {FILE}."


def test_the_file_is_named_above_and_not_in_each_row() -> None:
    assert sum(FILE in line for line in checked(*FINDINGS, width=120)) == 3  # the head, the title and the verdict


def test_what_waits_for_an_install_and_what_is_harmless_is_one_sentence_unless_all_is_asked_for() -> None:
    folded = " ".join(checked(*FINDINGS))
    assert "2 fields wait for `pmom install hubspot`." in folded
    assert "Values that the CRM does not offer stand in 1 value table: harmless." in folded
    whole = checked(*FINDINGS, everything=True)
    assert sum(line.startswith("note") for line in whole) == 4


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_word_of_a_finding_is_broken(width: int) -> None:
    name = "companies.assoc_companies__influencing_partner"
    lines = checked(
        Finding(Level.WARNING, f"{FILE}:1", "k", f"the field {name} is absent or hidden", "F."), width=width
    )
    assert any(name in line for line in lines)


def test_a_vertical_that_nobody_has_is_told_with_the_nearest() -> None:
    assert goals_told(True, date(2026, 8, 1), [("Q3", "Helthcare", "Healthcare"), ("Q3", "Space", "")]) == [
        'Goal Q3: no partner and no option of the CRM has the vertical "Helthcare". Did you mean Healthcare?',
        'Goal Q3: no partner and no option of the CRM has the vertical "Space". Check its spelling.',
    ]


def test_a_day_without_a_goal_in_force_is_told() -> None:
    assert goals_told(False, date(2026, 8, 1), []) == [
        "No goal is in force on 2026-08-01: market fit will be unknown for everybody."
    ]


WHY = "the portal refused it, because its edition has no labels of its own: Professional or Enterprise has them"


def test_the_same_long_detail_of_many_steps_is_said_once() -> None:
    steps = [InstallStep(f"label {name}", StepStatus.SKIPPED, WHY) for name in "abc"]
    lines = shown(steps_table([*steps, InstallStep("tasks.pmom_task_key", StepStatus.CREATED, "string, text")]), 200)
    assert [line for line in lines if WHY in line] == [f"3 skipped, such as label a: {WHY}."]
    assert lines[-3].split() == ["tasks.pmom_task_key", "created", "string,", "text"]


def test_an_install_ends_with_what_was_made_and_what_to_type_next() -> None:
    made = [
        InstallStep("a", StepStatus.CREATED),
        InstallStep("b", StepStatus.CREATED),
        InstallStep("c", StepStatus.SKIPPED),
    ]
    assert shown(installed(made, dry_run=False))[-1] == "2 created; 1 skipped. Next: pmom pull"
    dry = [InstallStep("a", StepStatus.WOULD_CREATE)]
    assert shown(installed(dry, dry_run=True))[-1] == "1 would create. Next: pmom install, without --dry-run."
    again = [InstallStep("a", StepStatus.PRESENT)]
    assert shown(installed(again, dry_run=False))[-1] == "Nothing to make; 1 present. Next: pmom pull"
    clash = [InstallStep("a", StepStatus.CLASH)]
    assert "1 clash: mend" in shown(installed(clash, dry_run=False))[-1]


def test_before_an_uninstall_it_is_counted_what_goes_and_what_people_typed() -> None:
    specs = [
        FieldSpec("companies", "Why", "Why", Kind.TEXT, "h"),
        FieldSpec("companies", "Partner_Persona", "Persona", Kind.TEXT, "h", human=True),
        FieldSpec("tasks", "Task_Key", "Key", Kind.TEXT, "h"),
    ]
    steps = [
        InstallStep("companies.pmom_why", StepStatus.WOULD_REMOVE),
        InstallStep("companies.pmom_partner_persona", StepStatus.WOULD_REMOVE),
        InstallStep("tasks.pmom_task_key", StepStatus.KEPT),
        InstallStep("property group pmom of companies", StepStatus.WOULD_REMOVE),
    ]
    found = going(steps, specs, ["pmom_why", "pmom_partner_persona", "pmom_task_key"])
    assert found == (3, 2, 1)
    assert question(*found) == (
        "This takes 2 fields away with the values in them, also what people typed into 1 of them "
        "and 1 other part of the install. Go on?"
    )


BEGAN = datetime(2026, 3, 31, 9, 0, tzinfo=UTC)


def run(number: int, kind: str, state: str, **summary: Any) -> RunRow:
    return RunRow(number, kind, state, BEGAN, BEGAN + timedelta(seconds=2), summary)


def test_runs_say_in_figures_what_they_came_to() -> None:
    sync = {
        "pulled": {"rows": 9, "changed": 1, "rejected": 0},
        "decided": {"partners": 3, "changed": 1, "gone": 0},
        "planned": {"records_changed": 1, "fingerprint": "f"},
        "applied": {"outcomes": {"applied": 1, "refused": 2}},
    }
    rows = [
        run(4, "sync", "done", **sync),
        run(3, "plan", "done", records_changed=0, tasks_created=0, fingerprint="abc"),
        run(2, "pull", "failed", error="hubspot: nothing answers\nand a second line"),
        run(1, "apply", "stopped", error="KeyboardInterrupt"),
        run(0, "apply", "stopped", error="the plan is abc, not bar"),
    ]
    lines = shown(runs_table(rows), 120)[2:]
    assert [line.partition("2.0 s  ")[2] for line in lines] == [
        "1 changed row; 3 partners decided, 1 changed; 1 applied, 2 refused",
        "nothing to write",
        "hubspot: nothing answers",
        "",
        "the plan is abc, not bar",
    ]


def test_before_the_first_run_it_is_said_how_to_make_one() -> None:
    assert shown(runs_table([])) == ["No run yet. The first one: pmom pull"]


def test_a_forced_plan_is_not_told_to_be_forced_again() -> None:
    refusal = "30 of 88 decisions would change, more than x (25 %) allows. Look at the plan; say --force abc"
    assert limit_told(refusal, forced=True).plain == (
        "A safety limit stood against it (30 of 88 decisions would change, more than x (25 %) allows); forced by you."
    )
    assert limit_told(refusal, forced=False).plain == f"Stopped by a safety limit: {refusal}"
