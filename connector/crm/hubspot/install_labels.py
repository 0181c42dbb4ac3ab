"""The names of links in the portal: which are there, making them, and taking away those that an install made."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from connector.crm.base import InstallStep, JobLedger, LabelSpec, StepStatus
from connector.crm.hubspot.catalog import Catalog
from connector.crm.hubspot.faults import MissingScopes, NotFound, Refusal
from connector.crm.hubspot.install_properties import PREFIX
from connector.crm.hubspot.kinds import Label, slug
from connector.crm.hubspot.wire import Wire

EDITION = "Labels need a Professional or Enterprise subscription"
WOULD_TRY = f"would be tried: only a try tells whether this portal takes it. {EDITION}"
PAGE = 100  # records of one page
READ = 1_000  # records whose associations one call tells


class Labels:
    """Installs labels over one wire. The ledger knows which of them this installation made."""

    def __init__(self, wire: Wire, catalog: Catalog, ledger: JobLedger) -> None:
        self._wire, self._catalog, self._ledger = wire, catalog, ledger

    def install(self, specs: Sequence[LabelSpec], *, dry_run: bool) -> tuple[InstallStep, ...]:
        """One step a label; a portal that has no labels of its own is told, not failed."""
        return tuple(self._install(spec, dry_run) for spec in specs)

    def _install(self, spec: LabelSpec, dry_run: bool) -> InstallStep:
        name, lacking = step_name(spec), self._lacking(spec)
        if lacking:
            return InstallStep(name, StepStatus.SKIPPED, f"the portal has no {lacking} that this token sees")
        found = self._live(spec)
        if found is not None:
            self._remember(spec, dry_run)
            return InstallStep(name, StepStatus.PRESENT)
        if dry_run:
            return InstallStep(name, StepStatus.WOULD_CREATE, WOULD_TRY)
        # Kept first: when the answer is lost, the label that is found next time is ours all the same.
        self._ledger.put(_key(spec), json.dumps({"types": []}))
        try:
            self._create(spec)
        except MissingScopes as error:
            self._ledger.drop(_key(spec))
            if error.scopes:
                raise
            # Where no scope is named, none would help: the portal's edition has no labels.
            return InstallStep(name, StepStatus.SKIPPED, f"{error.found}. {EDITION}")
        except Refusal as error:
            self._ledger.drop(_key(spec))
            return _not_made(name, error)
        self._catalog.forget()
        self._remember(spec, dry_run)
        return InstallStep(name, StepStatus.CREATED)

    def _create(self, spec: LabelSpec) -> None:
        body = {"label": spec.label, "name": PREFIX + slug(spec.label)}
        if spec.inverse:
            body["inverseLabel"] = spec.inverse
        api = self._wire.client.crm.associations.v4.schema.definitions_api
        api.create(self._api(spec.from_object), self._api(spec.to_object), body)

    def uninstall(self, specs: Sequence[LabelSpec], *, dry_run: bool) -> tuple[InstallStep, ...]:
        """Removes the labels that this installation made and that no link uses; keeps all others with the reason."""
        return tuple(self._uninstall(spec, dry_run) for spec in specs)

    def _uninstall(self, spec: LabelSpec, dry_run: bool) -> InstallStep:
        name = step_name(spec)
        found = None if self._lacking(spec) else self._live(spec)
        if found is None:
            if not dry_run:
                self._ledger.drop(_key(spec))
            return InstallStep(name, StepStatus.SKIPPED, "is not there")
        kept = self._ledger.get(_key(spec))
        made = json.loads(kept)["types"] if kept else None
        if made is None or (made and found.type_id not in made):
            return InstallStep(name, StepStatus.KEPT, "this installation did not make it")
        user = self._first_use(spec, found)
        if user is not None:
            return InstallStep(name, StepStatus.KEPT, f"in use, for example on {spec.from_object} {user}")
        if dry_run:
            return InstallStep(name, StepStatus.WOULD_REMOVE)
        return self._remove(spec, name, found)

    def _remove(self, spec: LabelSpec, name: str, found: Label) -> InstallStep:
        api = self._wire.client.crm.associations.v4.schema.definitions_api
        try:
            api.remove(self._api(spec.from_object), self._api(spec.to_object), found.type_id)
        except NotFound:
            pass
        except Refusal as error:
            return InstallStep(name, StepStatus.KEPT, error.message)
        self._ledger.drop(_key(spec))
        self._catalog.forget()
        return InstallStep(name, StepStatus.REMOVED)

    def _lacking(self, spec: LabelSpec) -> str:
        names = (spec.from_object, spec.to_object)
        return next((each for each in names if self._catalog.kind_of(each) is None), "")

    def _api(self, object_name: str) -> str:
        kind = self._catalog.kind_of(object_name)
        assert kind is not None
        return kind.api

    def _live(self, spec: LabelSpec) -> Label | None:
        known = self._catalog.labels(spec.from_object, spec.to_object)
        wanted = spec.label.casefold()
        return next((each for each in known if (each.label or "").casefold() == wanted), None)

    def _remember(self, spec: LabelSpec, dry_run: bool) -> None:
        """The type ids of a label that we began to make and now see."""
        kept, found = self._ledger.get(_key(spec)), self._live(spec)
        if dry_run or kept is None or found is None or json.loads(kept)["types"]:
            return
        self._ledger.put(_key(spec), json.dumps({"types": [found.type_id]}))

    def _first_use(self, spec: LabelSpec, label: Label) -> str | None:
        """The first record with such a link; HubSpot keeps no count, so the records are gone through."""
        api = self._wire.client.crm.associations.v4.batch_api
        one, other = self._api(spec.from_object), self._api(spec.to_object)
        for ids in self._ids(one):
            body = {"inputs": [{"id": each} for each in ids]}
            try:
                found = (api.get_page(one, other, body).json() or {}).get("results") or ()
            except NotFound:  # none of them has any link
                continue
            for each in found:
                if any(_is(kind, label) for to in each.get("to") or () for kind in to.get("associationTypes") or ()):
                    return str((each.get("from") or {}).get("id"))
        return None

    def _ids(self, api_name: str) -> Iterator[list[str]]:
        """All record ids, `READ` at a time."""
        api, after, waiting = self._wire.client.crm.objects.basic_api, None, list[str]()
        while True:
            more: dict[str, str] = {} if after is None else {"after": after}
            page = api.get_page(api_name, limit=PAGE, properties=["hs_object_id"], **more).json() or {}
            waiting += [str(each["id"]) for each in page.get("results") or ()]
            after = ((page.get("paging") or {}).get("next") or {}).get("after")
            if waiting and (after is None or len(waiting) >= READ):
                yield waiting[:READ]
                waiting = waiting[READ:]
            if after is None:
                return


def step_name(spec: LabelSpec) -> str:
    """The label as people find it in the portal's settings."""
    return f"label {spec.label!r} from {spec.from_object} to {spec.to_object}"


def _key(spec: LabelSpec) -> str:
    return f"hubspot label {spec.from_object} {spec.to_object} {slug(spec.label)}"


def _is(kind: Any, label: Label) -> bool:
    return kind.get("category") == label.category and str(kind.get("typeId")) == str(label.type_id)


def _not_made(name: str, error: Refusal) -> InstallStep:
    if error.status == 409:
        return InstallStep(name, StepStatus.CLASH, f"{error.message}. Rename the other label, then install again")
    return InstallStep(name, StepStatus.SKIPPED, f"HubSpot refused it: {error.message}. {EDITION}")
