"""Which writes can HubSpot only refuse, told without a call, and what do the others carry?

One bad value makes HubSpot refuse a whole batch, so what the portal's own definitions already rule out is refused
here, with the codes that the portal gives.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from connector.crm.base import Action, Field, Write, WriteResult, WriteStatus
from connector.crm.hubspot.catalog import Catalog
from connector.crm.hubspot.encode import wire_text
from connector.crm.hubspot.kinds import TEXT_LENGTH, property_field
from connector.crm.hubspot.links import Link, is_link, links

UNKNOWN, READ_ONLY, BAD_OPTION, TOO_LONG = (
    "PROPERTY_DOESNT_EXIST",
    "READ_ONLY_VALUE",
    "INVALID_OPTION",
    "PROPERTY_VALUE_TOO_LONG",
)
BY_DEFINITION = frozenset({UNKNOWN, READ_ONLY, BAD_OPTION})
"""Codes of refusals that fresh definitions would have foretold."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A write as it goes out: `api` is the object as paths name it, `trace` its name within the call."""

    write: Write
    api: str
    trace: str
    values: Mapping[str, str]
    links: tuple[Link, ...] = ()


@dataclass(frozen=True, slots=True)
class Known:
    """What the portal says about one object: its name in paths, fields and HubSpot's own types by name."""

    api: str
    fields: Mapping[str, Field]
    types: Mapping[str, str]


class Vetter:
    """Vets against one portal's definitions, which are looked up once for each object."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._known: dict[str, Known | None] = {}

    def forget(self) -> None:
        """Look the definitions up anew."""
        self._known.clear()

    def vetted(self, write: Write, trace: str) -> Ready | WriteResult:
        """The write ready to go out, or its refusal."""
        known = self._of(write.object)
        if known is None:
            return refused(write, "OBJECT_NOT_FOUND", self._catalog.why_absent(write.object))
        lacking = _unnamed(write)
        if lacking:
            return refused(write, *lacking)
        if write.action is Action.DELETE:
            return Ready(write, known.api, trace, {})
        values: dict[str, str] = {}
        found: list[Link] = []
        for name, value in write.values:
            if is_link(name):
                try:
                    found += links(self._catalog, write.object, name, value)
                except ValueError as error:
                    return refused(write, "INVALID_ASSOCIATION_TYPE", str(error), name)
                continue
            try:
                values[name] = wire_text(value, known.types.get(name, ""))
            except ValueError as error:
                return refused(write, "BAD_VALUE", str(error), name)
            problem = _problem(known.fields.get(name), name, values[name])
            if problem is not None:
                return refused(write, *problem, name)
        return Ready(write, known.api, trace, values, tuple(found))

    def _of(self, name: str) -> Known | None:
        if name not in self._known:
            self._known[name] = self._ask(name)
        return self._known[name]

    def _ask(self, name: str) -> Known | None:
        kind, properties = self._catalog.kind_of(name), self._catalog.properties(name)
        if kind is None or properties is None:
            return None
        fields = {key: property_field(each) for key, each in properties.items()}
        return Known(kind.api, fields, {key: str(each.get("type")) for key, each in properties.items()})


def refused(write: Write, code: str, message: str, *fields: str) -> WriteResult:
    """The refusal of one write."""
    return WriteResult(write.ref, WriteStatus.REFUSED, write.id, code=code, message=message, fields=fields)


def _unnamed(write: Write) -> tuple[str, str] | None:
    if write.action in (Action.UPDATE, Action.DELETE) and not (write.id or "").isdigit():
        return "INVALID_OBJECT_ID", f"{write.id!r} is no record id"
    if write.action is Action.UPSERT and not (write.key_field and write.key):
        return "MISSING_ARGUMENT", "no key"
    return None


def _problem(field: Field | None, name: str, text: str) -> tuple[str, str] | None:
    if field is None:
        return UNKNOWN, f'Property "{name}" does not exist'
    if not field.updateable:
        return READ_ONLY, f'"{name}" is a read only property; its value cannot be set'
    if len(text) > TEXT_LENGTH:
        return TOO_LONG, f'"{name}" has {len(text)} characters; {TEXT_LENGTH} are allowed'
    if text and field.restricted:
        parts = [each for each in text.split(";") if each] if field.multiple else [text]
        strange = [each for each in parts if each not in field.options]
        if strange:
            return BAD_OPTION, f"{strange[0]} was not one of the allowed options: [{', '.join(field.options)}]"
    return None
