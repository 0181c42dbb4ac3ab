"""Installing into and uninstalling from a portal: what is found, made, kept, and what a crash leaves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from connector.core.records import Kind
from connector.crm.base import FieldSpec, InstallStep, LabelSpec, MemoryLedger, StepStatus
from connector.crm.hubspot.install import Installer
from connector.errors import Misconfigured

SPECS = (
    FieldSpec("companies", "Why", "Why", Kind.TEXT, "Reasons.", long=True, length=1_000),
    FieldSpec("companies", "Tier", "Tier", Kind.TEXT, "How good.", options=("a", "b")),
    FieldSpec("companies", "Motions", "Motions", Kind.TEXT, "What may be done.", options=("x", "y"), multiple=True),
    FieldSpec("companies", "Checked", "Checked", Kind.BOOL, "By a person.", human=True),
    FieldSpec("companies", "Rate", "Rate", Kind.NUMBER, "In percent.", precision=5, scale=1),
    FieldSpec("companies", "Since", "Since", Kind.DATE, "Since when."),
    FieldSpec("companies", "Scored_At", "Scored at", Kind.INSTANT, "When."),
    FieldSpec("companies", "Owner", "Owner", Kind.ID, "Who.", references="owners"),
    FieldSpec("tasks", "Task_Key", "Task key", Kind.TEXT, "Finds it again.", length=255, unique_key=True),
    FieldSpec("fund_requests", "Lane", "Lane", Kind.TEXT, "Lane."),
)
LABELS = (
    LabelSpec("deals", "companies", "Sourcing partner", "Sourced deal"),
    LabelSpec("fund_requests", "companies", "Payee"),
)
COMPANIES, TASKS = "property group pmom of companies", "property group pmom of tasks"
NAMES = [f"{spec.object}.pmom_{spec.name.lower()}" for spec in SPECS]
LABEL = "label 'Sourcing partner' from deals to companies"
PAYEE = "label 'Payee' from fund_requests to companies"
MADE = [COMPANIES, TASKS, *NAMES[:-1], LABEL]


@pytest.fixture
def ledger() -> MemoryLedger:
    return MemoryLedger()


@pytest.fixture
def installer(wire: Any, catalog: Any, ledger: MemoryLedger) -> Installer:
    return Installer(wire, catalog, ledger)


def statuses(steps: tuple[InstallStep, ...]) -> dict[str, StepStatus]:
    assert len({step.name for step in steps}) == len(steps)
    return {step.name: step.status for step in steps}


def details(steps: tuple[InstallStep, ...], name: str) -> tuple[StepStatus, str]:
    found = next(step for step in steps if step.name == name)
    return found.status, found.detail


def writing(portal: Any) -> list[str]:
    return [path for path in portal.calls if not path.startswith("GET") and not path.endswith("/batch/read")]


def test_an_install_is_announced_made_and_then_found(installer: Installer, portal: Any) -> None:
    absent = dict.fromkeys([NAMES[-1], PAYEE], StepStatus.SKIPPED)
    would = installer.install(SPECS, LABELS, dry_run=True)
    assert statuses(would) == dict.fromkeys(MADE, StepStatus.WOULD_CREATE) | absent
    assert writing(portal) == []
    did = installer.install(SPECS, LABELS, dry_run=False)
    assert statuses(did) == dict.fromkeys(MADE, StepStatus.CREATED) | absent
    assert portal.calls["POST /crm/properties/2026-03/companies/batch/create"] == 1
    portal.calls.clear()
    again = installer.install(SPECS, LABELS, dry_run=False)
    assert statuses(again) == dict.fromkeys(MADE, StepStatus.PRESENT) | absent
    assert writing(portal) == []


def test_the_properties_are_what_hubspot_needs_for_each_kind(installer: Installer, portal: Any) -> None:
    installer.install(SPECS, (), dry_run=False)
    made = portal.properties["companies"] | portal.properties["tasks"]
    shapes = {name: (each["type"], each["fieldType"]) for name, each in made.items() if name.startswith("pmom_")}
    assert shapes == {
        "pmom_why": ("string", "textarea"),
        "pmom_tier": ("enumeration", "select"),
        "pmom_motions": ("enumeration", "checkbox"),
        "pmom_checked": ("bool", "booleancheckbox"),
        "pmom_rate": ("number", "number"),
        "pmom_since": ("date", "date"),
        "pmom_scored_at": ("datetime", "date"),
        "pmom_owner": ("enumeration", "select"),
        "pmom_task_key": ("string", "text"),
    }
    assert made["pmom_task_key"] == {
        "name": "pmom_task_key",
        "label": "Task key",
        "type": "string",
        "fieldType": "text",
        "groupName": "pmom",
        "description": "Finds it again. [pmom]",
        "formField": False,
        "hidden": False,
        "hasUniqueValue": True,
    }
    assert [each["value"] for each in made["pmom_checked"]["options"]] == ["true", "false"]
    assert (made["pmom_owner"]["referencedObjectType"], made["pmom_owner"]["externalOptions"]) == ("OWNER", True)
    assert portal.groups["companies"]["pmom"] == "Partner marketing"


def test_a_foreign_property_of_our_name_stops_the_install_and_nothing_is_made(
    installer: Installer, portal: Any
) -> None:
    portal.properties["companies"]["pmom_rate"] = {
        "name": "pmom_rate",
        "type": "string",
        "fieldType": "text",
        "groupName": "g",
    }
    for dry_run in (True, False):
        steps = installer.install(SPECS, LABELS, dry_run=dry_run)
        status, detail = details(steps, "companies.pmom_rate")
        assert status is StepStatus.CLASH
        assert "is string, text; number, number is needed" in detail
        assert statuses(steps)["companies.pmom_tier"] is StepStatus.WOULD_CREATE
    assert writing(portal) == []


def test_an_archived_property_of_our_name_comes_back_or_stops_the_install(installer: Installer, portal: Any) -> None:
    tier, rate = SPECS[1], SPECS[4]
    installer.install([tier, rate], (), dry_run=False)
    installer.uninstall([tier, rate], (), dry_run=False)
    assert set(portal.archived_properties["companies"]) == {"pmom_tier", "pmom_rate"}
    wider = replace(tier, options=("a", "b", "c"))
    status, detail = details(installer.install([wider], (), dry_run=True), "companies.pmom_tier")
    assert (status, "brings back the archived one" in detail) == (StepStatus.WOULD_CREATE, True)
    installer.install([wider], (), dry_run=False)
    assert [e["value"] for e in portal.properties["companies"]["pmom_tier"]["options"]] == ["a", "b", "c"]
    text = replace(rate, kind=Kind.TEXT)
    status, detail = details(installer.install([text], (), dry_run=False), "companies.pmom_rate")
    assert (status, "archived property of that name is number, number" in detail) == (StepStatus.CLASH, True)


def test_options_are_added_and_those_of_people_stay(installer: Installer, portal: Any) -> None:
    tier = SPECS[1]
    installer.install([tier], (), dry_run=False)
    held = portal.properties["companies"]["pmom_tier"]
    held["options"].append({"label": "Ours", "value": "theirs", "displayOrder": 2, "hidden": True})
    assert statuses(installer.install([tier], (), dry_run=False))["companies.pmom_tier"] is StepStatus.PRESENT
    wider = replace(tier, options=("c", "a", "b"))
    assert details(installer.install([wider], (), dry_run=True), "companies.pmom_tier") == (
        StepStatus.WOULD_CHANGE,
        "lacks the values c",
    )
    assert statuses(installer.install([wider], (), dry_run=False))["companies.pmom_tier"] is StepStatus.CHANGED
    assert [(each["value"], each["hidden"]) for each in held["options"]] == [
        ("a", False),
        ("b", False),
        ("theirs", True),
        ("c", False),
    ]


def test_a_property_that_somebody_else_made_is_used_as_it_is(installer: Installer, portal: Any) -> None:
    portal.properties["companies"]["pmom_since"] = {
        "name": "pmom_since",
        "label": "Partner since",
        "description": "Ours.",
        "type": "date",
        "fieldType": "date",
        "groupName": "g",
    }
    steps = installer.install([SPECS[5]], (), dry_run=False)
    assert details(steps, "companies.pmom_since") == (StepStatus.PRESENT, "made by somebody else, used as it is")
    assert portal.properties["companies"]["pmom_since"]["label"] == "Partner since"


@pytest.mark.parametrize(("held", "fits"), [(999, True), (1_000, False)])
def test_an_object_takes_a_thousand_custom_properties(
    installer: Installer, portal: Any, held: int, fits: bool
) -> None:
    for at in range(held):
        portal.properties["companies"][f"own_{at}"] = {"name": f"own_{at}", "type": "string", "fieldType": "text"}
    if fits:
        assert statuses(installer.install([SPECS[0]], (), dry_run=False))["companies.pmom_why"] is StepStatus.CREATED
        return
    with pytest.raises(Misconfigured, match="1000 custom properties; 1 more do not fit below 1,000"):
        installer.install([SPECS[0]], (), dry_run=False)
    assert writing(portal) == []


@pytest.mark.parametrize(("held", "fits"), [(9, True), (10, False)])
def test_an_object_takes_ten_unique_properties(installer: Installer, portal: Any, held: int, fits: bool) -> None:
    for at in range(held):
        portal.properties["tasks"][f"own_{at}"] = {"name": f"own_{at}", "hasUniqueValue": True}
    if fits:
        assert statuses(installer.install([SPECS[8]], (), dry_run=False))["tasks.pmom_task_key"] is StepStatus.CREATED
        return
    with pytest.raises(Misconfigured, match="10 custom properties with unique values"):
        installer.install([SPECS[8]], (), dry_run=False)
    assert writing(portal) == []


def test_a_key_that_the_portal_refuses_is_told_with_what_to_do_and_the_rest_is_made(
    installer: Installer, portal: Any, refused: Any
) -> None:
    why = refused(400, "VALIDATION_ERROR", "unique properties are not supported on TASK")
    portal.rule = lambda _object, values: why if "hasUniqueValue" in values else None
    note = FieldSpec("tasks", "Note", "Note", Kind.TEXT, "Note.")
    steps = installer.install([SPECS[8], note], (), dry_run=False)
    status, detail = details(steps, "tasks.pmom_task_key")
    assert status is StepStatus.CLASH
    assert "unique properties are not supported on TASK" in detail
    assert "with unique values by hand" in detail
    assert statuses(steps)["tasks.pmom_note"] is StepStatus.CREATED


def test_a_property_that_appears_meanwhile_is_compared(installer: Installer, portal: Any) -> None:
    def meanwhile(_method: str, path: str, _body: Any) -> None:
        if path.endswith("companies/batch/create"):
            for name, type_ in (("pmom_rate", "number"), ("pmom_why", "number")):
                portal.properties["companies"].setdefault(
                    name, {"name": name, "type": type_, "fieldType": "number", "groupName": "g"}
                )

    portal.before = meanwhile
    steps = statuses(installer.install([SPECS[0], SPECS[4], SPECS[5]], (), dry_run=False))
    assert steps["companies.pmom_rate"] is StepStatus.PRESENT
    assert steps["companies.pmom_why"] is StepStatus.CLASH
    assert steps["companies.pmom_since"] is StepStatus.CREATED


@pytest.mark.parametrize(("status", "category"), [(400, "VALIDATION_ERROR"), (403, "MISSING_SCOPES")])
def test_a_portal_without_labels_is_told_and_the_properties_are_made(
    installer: Installer, portal: Any, refused: Any, status: int, category: str
) -> None:
    def starter(method: str, path: str, _body: Any) -> None:
        if method == "POST" and path.endswith("/labels"):
            raise refused(status, category, "Your portal may not define labels")

    portal.before = starter
    steps = installer.install(SPECS, LABELS, dry_run=False)
    found, detail = details(steps, LABEL)
    assert (found, "Professional or Enterprise" in detail) == (StepStatus.SKIPPED, True)
    assert statuses(steps)["companies.pmom_tier"] is StepStatus.CREATED
    portal.before = lambda _method, _path, _body: None
    assert statuses(installer.install(SPECS, LABELS, dry_run=False))[LABEL] is StepStatus.CREATED


def test_a_scope_that_is_missing_for_labels_is_named(installer: Installer, portal: Any, refused: Any) -> None:
    def scopeless(method: str, path: str, _body: Any) -> None:
        if method == "POST" and path.endswith("/labels"):
            context = {"requiredGranularScopes": ["crm.objects.deals.write"]}
            raise refused(403, "MISSING_SCOPES", "not granted", errors=[{"message": "x", "context": context}])

    portal.before = scopeless
    with pytest.raises(Misconfigured, match=r"crm\.objects\.deals\.write"):
        installer.install(SPECS, LABELS, dry_run=False)


def test_an_uninstall_takes_away_what_was_made_and_nothing_else(installer: Installer, portal: Any) -> None:
    before = {name: dict(each) for name, each in portal.properties.items()}
    installer.install(SPECS, LABELS, dry_run=False)
    portal.calls.clear()
    absent = dict.fromkeys([NAMES[-1], PAYEE], StepStatus.SKIPPED)
    would = installer.uninstall(SPECS, LABELS, dry_run=True)
    assert statuses(would) == dict.fromkeys(MADE, StepStatus.WOULD_REMOVE) | absent
    assert writing(portal) == []
    did = installer.uninstall(SPECS, LABELS, dry_run=False)
    assert statuses(did) == dict.fromkeys(MADE, StepStatus.REMOVED) | absent
    assert portal.properties == before
    assert (portal.groups["companies"], portal.groups["tasks"]) == ({"g": "G"}, {"g": "G"})
    assert [each["label"] for each in portal.labels["deals", "companies"]] == [None]
    again = installer.uninstall(SPECS, LABELS, dry_run=False)
    assert set(statuses(again).values()) == {StepStatus.SKIPPED}


def test_what_is_foreign_or_in_use_is_kept_with_the_reason(installer: Installer, portal: Any) -> None:
    foreign = {"name": "pmom_since", "type": "date", "fieldType": "date", "groupName": "pmom", "description": "Own."}
    portal.properties["companies"]["pmom_since"] = dict(foreign)
    portal.labels["deals", "companies"].append({"category": "USER_DEFINED", "typeId": 5, "label": "Payee"})
    installer.install(SPECS, (*LABELS, LabelSpec("deals", "companies", "Payee")), dry_run=False)
    portal.properties["companies"]["pmom_tier"]["in_use"] = True
    portal.properties["companies"]["pmom_rate"]["groupName"] = "g"
    label = portal.labels["deals", "companies"][-1]["typeId"]
    portal.links.add(("deals", portal.add("deals"), "companies", portal.add("companies"), "USER_DEFINED", label))
    steps = installer.uninstall(SPECS, (*LABELS, LabelSpec("deals", "companies", "Payee")), dry_run=False)
    kept = {step.name: step.detail for step in steps if step.status is StepStatus.KEPT}
    assert kept == {
        "companies.pmom_tier": "in use by a list",
        "companies.pmom_rate": "somebody else made it, or moved or described it anew",
        "companies.pmom_since": "somebody else made it, or moved or described it anew",
        COMPANIES: "still holds pmom_since, pmom_tier",
        LABEL: "in use, for example on deals 1000",
        "label 'Payee' from deals to companies": "this installation did not make it",
    }
    assert portal.properties["companies"]["pmom_since"] == foreign


def test_a_label_in_use_is_found_behind_many_records(installer: Installer, portal: Any) -> None:
    installer.install((), LABELS, dry_run=False)
    deals = [portal.add("deals") for _ in range(1_150)]
    label = portal.labels["deals", "companies"][-1]["typeId"]
    portal.links.add(("deals", deals[-1], "companies", "5", "USER_DEFINED", label))
    steps = installer.uninstall((), LABELS, dry_run=True)
    assert details(steps, LABEL) == (StepStatus.KEPT, f"in use, for example on deals {deals[-1]}")
    assert portal.calls_to("deals/companies/batch/read") == 2


@pytest.mark.parametrize("dies_at", range(1, 7))
def test_a_crash_between_any_two_calls_is_mended_by_running_again(
    wire: Any, catalog: Any, portal: Any, ledger: MemoryLedger, dies_at: int, dropped: Any
) -> None:
    installer = Installer(wire, catalog, ledger)
    written = 0

    def die(method: str, path: str, made: Any) -> None:
        nonlocal written
        if method != "GET" and not path.endswith("/batch/read"):
            written += 1
            if written == dies_at:
                raise dropped  # done, and not told

    def run(step: Any) -> None:
        try:
            step(SPECS, LABELS, dry_run=False)
        except Exception:
            return

    portal.after = die
    run(installer.install)
    run(installer.install)
    assert set(statuses(installer.install(SPECS, LABELS, dry_run=False)).values()) == {
        StepStatus.PRESENT,
        StepStatus.SKIPPED,
    }
    written = 0
    run(installer.uninstall)
    run(installer.uninstall)
    assert set(statuses(installer.uninstall(SPECS, LABELS, dry_run=False)).values()) == {StepStatus.SKIPPED}
    assert [name for each in portal.properties.values() for name in each if name.startswith("pmom_")] == []
    assert len(portal.labels["deals", "companies"]) == 1
