"""What an install made in the org and what of it can go: fields first, then who may see them.

The integration's own permission set goes last, in a deploy of its own: without it the fields could no longer be
seen, and a run that was cut off could not be finished.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from connector.crm.base import FieldSpec, InstallStep, LabelSpec, StepStatus
from connector.crm.salesforce import soql
from connector.crm.salesforce.deploy import Deployer, failures, why
from connector.crm.salesforce.describe import Describer, Description
from connector.crm.salesforce.http import Wire
from connector.crm.salesforce.install import unnamed
from connector.crm.salesforce.package import (
    DESCRIBED,
    INTEGRATION,
    SET_LABELS,
    api_name,
    member,
    metadata_type,
    removal,
)
from connector.crm.salesforce.read import Reader
from connector.errors import GiveUp

REMOVABLE = StepStatus.WOULD_REMOVE


class Uninstaller:
    """Uninstalls over one wire. `user` tells the connecting user's id."""

    def __init__(self, wire: Wire, describer: Describer, reader: Reader, user: Callable[[], str]) -> None:
        self._wire, self._describer, self._reader, self._user = wire, describer, reader, user
        self._deployer = Deployer(wire)

    def uninstall(
        self, specs: Sequence[FieldSpec], labels: Sequence[LabelSpec], *, dry_run: bool
    ) -> tuple[InstallStep, ...]:
        """What was found and, unless `dry_run`, taken away; running it again finishes what was cut off."""
        for name in dict.fromkeys(spec.object for spec in specs):
            self._describer.get(name, fresh=True)
        fields = {member(spec): (spec, _look(spec, self._describer.get(spec.object))) for spec in specs}
        steps = {key: step for key, (_, step) in fields.items()} | self._sets()
        if not dry_run:
            wanted = [spec for spec, step in fields.values() if step.status is REMOVABLE]
            steps |= self._remove(steps, wanted, _others(steps))
            steps |= self._remove_last(steps)
            for name in dict.fromkeys(spec.object for spec in specs):
                self._describer.get(name, fresh=True)
        return (*steps.values(), *unnamed(labels))

    def _sets(self) -> dict[str, InstallStep]:
        names = ", ".join(soql.text(name) for name in SET_LABELS)
        rows = self._reader.rows(f"SELECT Id, Name, Label FROM PermissionSet WHERE Name IN ({names})")
        held = {str(row["Name"]): str(row["Label"]) for row in rows}
        query = "SELECT AssigneeId, PermissionSet.Name FROM PermissionSetAssignment"
        user = self._user()[:15]
        people: Counter[str] = Counter()
        for row in self._reader.rows(f"{query} WHERE PermissionSet.Name IN ({names})"):
            name = str((row.get("PermissionSet") or {}).get("Name"))
            people[name] += not (name == INTEGRATION and str(row["AssigneeId"])[:15] == user)
        return {name: _look_at_set(name, held.get(name), people[name]) for name in SET_LABELS}

    def _remove(
        self, steps: dict[str, InstallStep], fields: Sequence[FieldSpec], sets: Sequence[str]
    ) -> dict[str, InstallStep]:
        """What the org refuses is left out and kept; the rest goes in one deploy."""
        done: dict[str, InstallStep] = {}
        wanted = {member(spec): spec for spec in fields}
        left = list(sets)
        while wanted or left:
            result = self._deployer.run(removal(list(wanted.values()), left, self._wire.version))
            if result["status"] == "Succeeded":
                gone = [*wanted, *left]
                return done | {key: replace(steps[key], status=StepStatus.REMOVED) for key in gone}
            refused = {str(each.get("fullName")): str(each.get("problem")) for each in failures(result)}
            known = refused.keys() & {*wanted, *left}
            if not known:
                raise GiveUp(f"deploy {result['id']} ended as {result['status']}, nothing was changed: {why(result)}")
            done |= {key: replace(steps[key], status=StepStatus.KEPT, detail=refused[key]) for key in known}
            wanted = {key: spec for key, spec in wanted.items() if key not in known}
            left = [each for each in left if each not in known]
        return done

    def _remove_last(self, steps: dict[str, InstallStep]) -> dict[str, InstallStep]:
        step = steps[INTEGRATION]
        if step.status is not REMOVABLE:
            return {}
        if any(each.status is StepStatus.KEPT and key not in SET_LABELS for key, each in steps.items()):
            kept = "fields stay; without it they could not be seen"
            return {INTEGRATION: replace(step, status=StepStatus.KEPT, detail=kept)}
        name = soql.text(INTEGRATION)
        query = f"SELECT Id FROM PermissionSetAssignment WHERE PermissionSet.Name = {name}"
        for row in self._reader.rows(query):
            self._wire.raw("DELETE", f"sobjects/PermissionSetAssignment/{row['Id']}", kind="write")
        return self._remove(steps, [], [INTEGRATION])


def _others(steps: dict[str, InstallStep]) -> list[str]:
    return [name for name in SET_LABELS if name != INTEGRATION and steps[name].status is REMOVABLE]


def _look(spec: FieldSpec, described: Description | None) -> InstallStep:
    name = f"{spec.object}.{api_name(spec)}"
    field = described.schema.field(api_name(spec)) if described else None
    if described is None or field is None:
        return InstallStep(name, StepStatus.SKIPPED, "is not there, or hidden from this user")
    fits = described.types[field.name] in DESCRIBED[metadata_type(spec)]
    if not fits or described.help.get(field.name, "") != spec.help[:510]:
        return InstallStep(name, StepStatus.KEPT, "somebody else made it, or described it anew")
    return InstallStep(name, REMOVABLE)


def _look_at_set(name: str, label: str | None, people: int) -> InstallStep:
    step = f"permission set {name}"
    if label is None:
        return InstallStep(step, StepStatus.SKIPPED, "is not there")
    if label != SET_LABELS[name]:
        return InstallStep(step, StepStatus.KEPT, f"is labelled {label!r}: somebody else's")
    if people == 1:
        return InstallStep(step, StepStatus.KEPT, "assigned to another user; take it from that one first")
    if people:
        return InstallStep(step, StepStatus.KEPT, f"assigned to {people} other users; take it from them first")
    return InstallStep(step, REMOVABLE)
