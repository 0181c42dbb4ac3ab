"""Our property group, properties and labels in the portal: which are there, making them, taking ours away again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from connector.crm.base import FieldSpec, InstallStep, JobLedger, LabelSpec, StepStatus
from connector.crm.hubspot.blame import blame_of
from connector.crm.hubspot.catalog import Catalog
from connector.crm.hubspot.faults import NotFound, Refusal
from connector.crm.hubspot.install_labels import Labels
from connector.crm.hubspot.install_properties import (
    GROUP,
    GROUP_LABEL,
    Definition,
    Looked,
    check_limits,
    definition,
    differs,
    field_name,
    looked,
    ours,
    step_name,
)
from connector.crm.hubspot.wire import Wire

__all__ = ["Installer", "field_name"]

BATCH = 100  # properties of one call
LOOKS = 5  # how often a new definition is looked for: it shows after some hundred milliseconds
PAUSE = 0.5  # seconds between two looks


@dataclass(frozen=True, slots=True)
class Surface:
    """What one object of the portal has: `api` is its name in paths; definitions by name."""

    name: str
    api: str
    alive: dict[str, Definition]
    archived: dict[str, Definition]
    groups: dict[str, str]  # name -> label


class Installer:
    """Installs over one wire; nothing is made while any property clashes."""

    def __init__(self, wire: Wire, catalog: Catalog, ledger: JobLedger) -> None:
        self._wire, self._catalog = wire, catalog
        self._labels = Labels(wire, catalog, ledger)

    def field_name(self, spec: FieldSpec) -> str:
        """The property's name."""
        return field_name(spec)

    # ---- install

    def install(
        self, specs: Sequence[FieldSpec], labels: Sequence[LabelSpec], *, dry_run: bool
    ) -> tuple[InstallStep, ...]:
        """What was found and, unless `dry_run`, done; running it again changes nothing.

        Misconfigured before anything is made when an object cannot take so many properties more.
        """
        self._catalog.forget()
        steps: list[InstallStep] = []
        plans: list[tuple[Surface, list[Looked]]] = []
        for name, wanted in _by_object(specs).items():
            surface = self._surface(name, wanted)
            if surface is None:
                steps += _absent(name, wanted)
                continue
            found = [looked(each, *_held(surface, each)) for each in wanted]
            new = [each.spec for each in found if each.step.status is StepStatus.WOULD_CREATE]
            check_limits(name, list(surface.alive.values()), new)
            plans.append((surface, found))
        clash = any(each.step.status is StepStatus.CLASH for _, found in plans for each in found)
        for surface, found in plans:
            steps += (
                [_announced(surface), *(each.step for each in found)]
                if dry_run or clash
                else self._make(surface, found)
            )
        if not dry_run:
            self._until_readable(plans)
            self._catalog.forget()
        return (*steps, *self._labels.install(labels, dry_run=dry_run or clash))

    def _until_readable(self, plans: Sequence[tuple[Surface, Sequence[Looked]]]) -> None:
        """A portal shows new properties a moment after they were made: who installs and pulls must not miss them."""
        for surface, found in plans:
            made = {field_name(each.spec) for each in found if each.step.status is StepStatus.WOULD_CREATE}
            for _ in range(LOOKS):
                if not made or made <= self._definitions(surface.api).keys():
                    break
                self._wire.sleep(PAUSE)

    def _surface(self, name: str, specs: Sequence[FieldSpec]) -> Surface | None:
        kind = self._catalog.kind_of(name)
        if kind is None:
            return None
        api = self._wire.client.crm.properties
        alive = self._definitions(kind.api)
        lacking = any(field_name(each) not in alive for each in specs)
        archived = self._definitions(kind.api, archived=True) if lacking else {}
        groups = api.groups_api.get_all(kind.api).json()["results"]
        return Surface(name, kind.api, alive, archived, {each["name"]: each.get("label", "") for each in groups})

    def _definitions(self, api_name: str, *, archived: bool = False) -> dict[str, Definition]:
        answer = self._wire.client.crm.properties.core_api.get_all(api_name, archived=archived).json()
        return {str(each["name"]): each for each in answer["results"]}

    def _make(self, surface: Surface, found: Sequence[Looked]) -> Iterator[InstallStep]:
        yield self._group(surface)
        missing = [each for each in found if each.step.status is StepStatus.WOULD_CREATE]
        made: dict[str, InstallStep] = {}
        for start in range(0, len(missing), BATCH):
            part = missing[start : start + BATCH]
            made |= {
                field_name(each.spec): step for each, step in zip(part, self._create(surface, part), strict=True)
            }
        for each in found:
            if each.change is not None:
                yield self._update(surface, each)
            else:
                yield made.get(field_name(each.spec), each.step)

    def _group(self, surface: Surface) -> InstallStep:
        step = _announced(surface)
        if step.status is StepStatus.PRESENT:
            return step
        body = {"name": GROUP, "label": GROUP_LABEL, "displayOrder": -1}
        try:
            self._wire.client.crm.properties.groups_api.create(surface.api, body)
        except Refusal as error:
            if error.status != 409:
                raise
            return replace(step, status=StepStatus.PRESENT)
        return replace(step, status=StepStatus.CREATED)

    def _create(self, surface: Surface, part: Sequence[Looked]) -> list[InstallStep]:
        """One step a property, as the portal has it afterwards."""
        api = self._wire.client.crm.properties.batch_api
        said: dict[str, str] = {}
        try:
            answer = api.create(surface.api, {"inputs": [definition(each.spec) for each in part]}).json() or {}
        except Refusal as error:
            if len(part) > 1:  # one definition that the portal refuses keeps it from taking the others
                return [step for each in part for step in self._create(surface, [each])]
            answer, said = {}, {field_name(part[0].spec): error.message}
        for item in answer.get("errors") or ():
            words, everything = blame_of(item).message, str(item)
            said |= {field_name(each.spec): words for each in part if field_name(each.spec) in everything}
        held = {str(each["name"]): each for each in answer.get("results") or ()}
        held |= self._again(surface, [each for each in part if field_name(each.spec) not in held], said)
        return [self._made(surface, each, held.get(field_name(each.spec)), said) for each in part]

    def _again(self, surface: Surface, lost: Sequence[Looked], said: dict[str, str]) -> dict[str, Definition]:
        """Definitions that the answer left out; a new one takes a moment to show."""
        names = {field_name(each.spec) for each in lost}
        for look in range(LOOKS if names - said.keys() else min(1, len(names))):
            if look:
                self._wire.sleep(0.3)
            held = self._definitions(surface.api)
            if names <= held.keys() | said.keys():
                return {name: held[name] for name in names if name in held}
        return {}

    def _made(self, surface: Surface, each: Looked, held: Definition | None, said: dict[str, str]) -> InstallStep:
        name = step_name(each.spec)
        if held is None:
            return _not_made(
                each.spec, said.get(field_name(each.spec), "the portal does not show it after making it")
            )
        strange = differs(each.spec, held)
        if strange:
            return InstallStep(name, StepStatus.CLASH, f"a property of that name {strange}. Rename or archive it")
        now = looked(each.spec, held, None)
        if now.change is not None:  # an archived one came back as it was
            self._update(surface, now)
        if field_name(each.spec) in said:
            return InstallStep(name, StepStatus.PRESENT, "came while this ran")
        return InstallStep(name, StepStatus.CREATED, each.step.detail)

    def _update(self, surface: Surface, each: Looked) -> InstallStep:
        api = self._wire.client.crm.properties.core_api
        try:
            api.update(surface.api, field_name(each.spec), dict(each.change or {}))
        except Refusal as error:
            detail = f"{each.step.detail}, and HubSpot refuses the change: {error.message}"
            return InstallStep(each.step.name, StepStatus.CLASH, detail)
        return replace(each.step, status=StepStatus.CHANGED)

    # ---- uninstall

    def uninstall(
        self, specs: Sequence[FieldSpec], labels: Sequence[LabelSpec], *, dry_run: bool
    ) -> tuple[InstallStep, ...]:
        """Archives the properties that an install made (HubSpot keeps them for 90 days), then labels and groups."""
        self._catalog.forget()
        steps: list[InstallStep] = []
        for name, wanted in _by_object(specs).items():
            kind = self._catalog.kind_of(name)
            if kind is None:
                steps += _absent(name, wanted)
                continue
            alive = self._definitions(kind.api)
            done = [self._take_away(kind.api, each, alive.get(field_name(each)), dry_run) for each in wanted]
            gone = {
                field_name(spec)
                for spec, step in zip(wanted, done, strict=True)
                if step.status in (StepStatus.REMOVED, StepStatus.WOULD_REMOVE)
            }
            left = [key for key, held in alive.items() if held.get("groupName") == GROUP and key not in gone]
            steps += [*done, self._take_group(name, kind.api, left, dry_run)]
        steps += self._labels.uninstall(labels, dry_run=dry_run)
        if not dry_run:
            self._catalog.forget()
        return tuple(steps)

    def _take_away(self, api_name: str, spec: FieldSpec, held: Definition | None, dry_run: bool) -> InstallStep:
        name = step_name(spec)
        if held is None:
            return InstallStep(name, StepStatus.SKIPPED, "is not there")
        if not ours(held):
            return InstallStep(name, StepStatus.KEPT, "somebody else made it, or moved or described it anew")
        if dry_run:
            return InstallStep(name, StepStatus.WOULD_REMOVE)
        try:
            self._wire.client.crm.properties.core_api.archive(api_name, field_name(spec))
        except NotFound:
            pass
        except Refusal as error:
            return InstallStep(name, StepStatus.KEPT, error.message)
        return InstallStep(name, StepStatus.REMOVED, "archived; HubSpot keeps it for 90 days")

    def _take_group(self, object_name: str, api_name: str, left: Sequence[str], dry_run: bool) -> InstallStep:
        name, api = _group_name(object_name), self._wire.client.crm.properties.groups_api
        groups = {each["name"]: each.get("label", "") for each in api.get_all(api_name).json()["results"]}
        if GROUP not in groups:
            return InstallStep(name, StepStatus.SKIPPED, "is not there")
        if left:
            return InstallStep(name, StepStatus.KEPT, f"still holds {', '.join(sorted(left)[:5])}")
        if groups[GROUP] != GROUP_LABEL:
            return InstallStep(name, StepStatus.KEPT, f"is called {groups[GROUP]!r}: somebody else's")
        if dry_run:
            return InstallStep(name, StepStatus.WOULD_REMOVE)
        try:
            api.archive(api_name, GROUP)
        except NotFound:
            pass
        except Refusal as error:
            return InstallStep(name, StepStatus.KEPT, error.message)
        return InstallStep(name, StepStatus.REMOVED)


def _by_object(specs: Sequence[FieldSpec]) -> dict[str, list[FieldSpec]]:
    found: dict[str, list[FieldSpec]] = defaultdict(list)
    for spec in specs:
        found[spec.object].append(spec)
    return found


def _absent(name: str, specs: Sequence[FieldSpec]) -> list[InstallStep]:
    why = f"the portal has no {name} that this token sees; its properties are left out"
    return [InstallStep(step_name(each), StepStatus.SKIPPED, why) for each in specs]


def _held(surface: Surface, spec: FieldSpec) -> tuple[Definition | None, Definition | None]:
    name = field_name(spec)
    return surface.alive.get(name), surface.archived.get(name)


def _group_name(object_name: str) -> str:
    return f"property group {GROUP} of {object_name}"


def _announced(surface: Surface) -> InstallStep:
    status = StepStatus.PRESENT if GROUP in surface.groups else StepStatus.WOULD_CREATE
    return InstallStep(_group_name(surface.name), status)


def _not_made(spec: FieldSpec, words: str) -> InstallStep:
    detail = f"HubSpot refused it: {words}"
    if spec.unique_key:
        detail += (
            f". Without it the records of {spec.object} cannot be found again by their key: make a text property "
            f"{field_name(spec)} with unique values by hand, or ask for the portal to allow it, then install again"
        )
    return InstallStep(step_name(spec), StepStatus.CLASH, detail)
