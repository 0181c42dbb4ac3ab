"""Our custom fields in the org: which are there, which would be made, and making them in one deploy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from connector.crm.base import FieldSpec, InstallStep, LabelSpec, StepStatus
from connector.crm.salesforce import soql
from connector.crm.salesforce.deploy import Deployer, why
from connector.crm.salesforce.describe import Describer, Description
from connector.crm.salesforce.faults import Refusal
from connector.crm.salesforce.http import Wire
from connector.crm.salesforce.package import (
    DESCRIBED,
    EDITOR,
    INTEGRATION,
    VIEWER,
    api_name,
    metadata_type,
    package,
    permission_sets,
)
from connector.crm.salesforce.read import Reader
from connector.errors import GiveUp, Misconfigured

MADE = (StepStatus.WOULD_CREATE, StepStatus.WOULD_CHANGE)


@dataclass(frozen=True, slots=True)
class Looked:
    """One spec and what the describe says about it."""

    spec: FieldSpec
    step: InstallStep

    @property
    def name(self) -> str:
        """Object and field, as people write it."""
        return f"{self.spec.object}.{api_name(self.spec)}"


class Installer:
    """Installs over one wire; nothing is deployed while any field clashes."""

    def __init__(self, wire: Wire, describer: Describer, reader: Reader) -> None:
        self._wire, self._describer, self._reader = wire, describer, reader
        self._deployer = Deployer(wire)

    def install(
        self, specs: Sequence[FieldSpec], labels: Sequence[LabelSpec] = (), *, dry_run: bool
    ) -> tuple[InstallStep, ...]:
        """What was found and, unless `dry_run`, done; running it again changes nothing. Links have no names here."""
        for name in dict.fromkeys(spec.object for spec in specs):
            self._describer.get(name, fresh=True)
        looked = [_look(spec, self._describer.get(spec.object)) for spec in specs]
        steps = tuple(each.step for each in looked)
        clash = any(step.status is StepStatus.CLASH for step in steps)
        present = [each.spec for each in looked if each.step.status is not StepStatus.SKIPPED]
        wanted = [each for each in looked if each.step.status in MADE]
        assigned = bool(present) and self._assigned()
        if dry_run or clash or not present:
            return (
                *steps,
                *self._announced(assigned, clash or not present),
                *_for_people(present, wanted, made=False),
                *unnamed(labels),
            )
        if wanted or not assigned:
            self._deploy(package([each.spec for each in wanted], self._wire.version, granted=present))
        access = self._assign()
        self._verify(present)
        done = (_done(each) for each in looked)
        return (*done, access, *_for_people(present, wanted, made=True), *unnamed(labels))

    def _announced(self, assigned: bool, stopped: bool) -> tuple[InstallStep, ...]:
        if stopped:
            return ()
        status = StepStatus.PRESENT if assigned else StepStatus.WOULD_CREATE
        return (InstallStep(f"permission set {INTEGRATION}", status, "for the connecting user"),)

    def _deploy(self, archive: bytes) -> None:
        result = self._deployer.run(archive)
        if result["status"] != "Succeeded":
            raise GiveUp(f"deploy {result['id']} ended as {result['status']}, nothing was changed: {why(result)}")

    def user(self) -> str:
        """The connecting user's id."""
        token = self._wire.tokens.token()
        if token.user:
            return token.user
        return str(self._wire.raw("GET", "/services/oauth2/userinfo", kind="identity").json()["user_id"])

    def _assigned(self) -> bool:
        user, name = soql.text(self.user()), soql.text(INTEGRATION)
        query = f"SELECT Id FROM PermissionSetAssignment WHERE AssigneeId = {user} AND PermissionSet.Name = {name}"
        return bool(self._reader.rows(query))

    def _assign(self) -> InstallStep:
        step = f"permission set {INTEGRATION}"
        if self._assigned():
            return InstallStep(step, StepStatus.PRESENT, "for the connecting user")
        sets = self._reader.rows(f"SELECT Id FROM PermissionSet WHERE Name = {soql.text(INTEGRATION)}")
        if not sets:
            raise GiveUp(f"{step} is not there after the deploy; look at Setup, Deployment Status")
        body = {"AssigneeId": self.user(), "PermissionSetId": sets[0]["Id"]}
        try:
            # An assignment is unique, so a second sending is refused rather than doubled.
            self._wire.json("POST", "sobjects/PermissionSetAssignment", kind="write", payload=body, idempotent=True)
        except Refusal as error:
            if error.code != "DUPLICATE_VALUE":
                fix = f"Assign {INTEGRATION} to the integration user in Setup"
                raise Misconfigured(step, f"{error.code}: {error.message}", fix) from error
        return InstallStep(step, StepStatus.CREATED, "for the connecting user")

    def _verify(self, specs: Sequence[FieldSpec]) -> None:
        lost = []
        for name in dict.fromkeys(spec.object for spec in specs):
            described = self._describer.get(name, fresh=True)
            for spec in specs:
                if spec.object == name and not _usable(spec, described):
                    lost.append(f"{name}.{api_name(spec)}")
        if lost:
            fix = f"Check that {INTEGRATION} is assigned to the connecting user and that it may edit the objects"
            raise Misconfigured("salesforce install", f"not writable after the deploy: {', '.join(lost)}", fix)


def unnamed(labels: Sequence[LabelSpec]) -> tuple[InstallStep, ...]:
    """What becomes of names of links."""
    why_not = "an org has no names for links; a field or a role holds what they say"
    return tuple(InstallStep(f"label {each.label!r}", StepStatus.SKIPPED, why_not) for each in labels)


_AUDIENCE = {
    VIEWER: "assign it to those who read the scores",
    EDITOR: "assign it to those who set personas, footprints and overrides",
}


def _for_people(present: Sequence[FieldSpec], wanted: Sequence[object], *, made: bool) -> tuple[InstallStep, ...]:
    """The permission sets that come along for people; an administrator assigns them."""
    new = StepStatus.CREATED if made else StepStatus.WOULD_CREATE
    sets = permission_sets(present) if present else {}
    return tuple(
        InstallStep(f"permission set {name}", new if wanted else StepStatus.PRESENT, audience)
        for name, audience in _AUDIENCE.items()
        if name in sets
    )


def _look(spec: FieldSpec, described: Description | None) -> Looked:
    name = f"{spec.object}.{api_name(spec)}"
    if described is None:
        found = f"the org has no {spec.object} that this user sees; its fields are left out"
        return Looked(spec, InstallStep(name, StepStatus.SKIPPED, found))
    field = described.schema.field(api_name(spec))
    if field is None:
        return Looked(spec, InstallStep(name, StepStatus.WOULD_CREATE, metadata_type(spec)))
    found = described.types[field.name]
    if found not in DESCRIBED[metadata_type(spec)]:
        detail = f"exists as {found}; {metadata_type(spec)} is needed. Rename or remove it, then install again"
        return Looked(spec, InstallStep(name, StepStatus.CLASH, detail))
    lacks = _lacks(spec, described)
    status = StepStatus.WOULD_CHANGE if lacks else StepStatus.PRESENT
    return Looked(spec, InstallStep(name, status, lacks))


def _usable(spec: FieldSpec, described: Description | None) -> bool:
    field = described.schema.field(api_name(spec)) if described else None
    return field is not None and (spec.human or field.updateable)


def _lacks(spec: FieldSpec, described: Description) -> str:
    """What an existing field of the right type still lacks, in words; empty when nothing."""
    field = described.schema.field(api_name(spec))
    assert field is not None
    missing = [each for each in spec.options if each not in field.options]
    if missing:
        return f"lacks the values {', '.join(missing)}"
    if spec.length and field.length and field.length < spec.length:
        return f"is {field.length} long; {spec.length} are needed"
    if spec.unique_key and not field.unique_key:
        return "is not an external id"
    if described.help.get(field.name, "") != spec.help[:510]:
        return "has another help text"
    return ""


def _done(looked: Looked) -> InstallStep:
    made = {StepStatus.WOULD_CREATE: StepStatus.CREATED, StepStatus.WOULD_CHANGE: StepStatus.CHANGED}
    return InstallStep(looked.name, made.get(looked.step.status, looked.step.status), looked.step.detail)
