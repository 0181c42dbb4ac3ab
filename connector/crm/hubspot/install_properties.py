"""What is a custom field of ours in HubSpot, and does a property that is there already serve as one?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connector.core.records import Kind
from connector.crm.base import FieldSpec, InstallStep, StepStatus
from connector.errors import Misconfigured

PREFIX = "pmom_"
GROUP, GROUP_LABEL = "pmom", "Partner marketing"
MARK = "[pmom]"
"""Ends the description of every property that an install made: uninstall takes away nothing without it."""

PEOPLE = frozenset({"owners", "users"})
MOST_PROPERTIES = 1_000  # custom properties of one object
MOST_UNIQUE = 10  # custom properties of one object with unique values

Definition = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Looked:
    """One spec and what the portal has under its name; `change` is what an update would send."""

    spec: FieldSpec
    step: InstallStep
    change: Definition | None = None


def field_name(spec: FieldSpec) -> str:
    """The property's name, e.g. pmom_triage_decision."""
    return PREFIX + spec.name.lower()


def step_name(spec: FieldSpec) -> str:
    """Object and property, as people write it."""
    return f"{spec.object}.{field_name(spec)}"


def definition(spec: FieldSpec) -> dict[str, Any]:
    """What a create sends. Misconfigured when a spec asks for what HubSpot cannot have."""
    type_, field_type = shape(spec)
    made: dict[str, Any] = {
        "name": field_name(spec),
        "label": spec.label,
        "type": type_,
        "fieldType": field_type,
        "groupName": GROUP,
        "description": description(spec),
        "formField": False,
        "hidden": False,
    }
    if spec.options or spec.kind is Kind.BOOL:
        made["options"] = _options(spec)
    if _person(spec):
        made |= {"externalOptions": True, "referencedObjectType": "OWNER"}
    if spec.unique_key:
        if type_ not in ("string", "number"):
            raise Misconfigured(step_name(spec), f"a {type_} cannot be a key", "Make it a text or a number")
        made["hasUniqueValue"] = True
    return made


def shape(spec: FieldSpec) -> tuple[str, str]:
    """HubSpot's `type` and `fieldType`."""
    if spec.options:
        return "enumeration", "checkbox" if spec.multiple else "select"
    if spec.kind is Kind.TEXT:
        return "string", "textarea" if spec.long else "text"
    if spec.kind is Kind.ID:
        return ("enumeration", "select") if _person(spec) else ("string", "text")
    return {
        Kind.BOOL: ("bool", "booleancheckbox"),
        Kind.INTEGER: ("number", "number"),
        Kind.MONEY: ("number", "number"),
        Kind.NUMBER: ("number", "number"),
        Kind.DATE: ("date", "date"),
        Kind.INSTANT: ("datetime", "date"),
    }[spec.kind]


def description(spec: FieldSpec) -> str:
    """The help text with the mark that says who made the property."""
    return f"{spec.help} {MARK}"


def ours(held: Definition) -> bool:
    """Whether an install made the property: in our group, with our mark."""
    return held.get("groupName") == GROUP and MARK in str(held.get("description") or "")


def looked(spec: FieldSpec, held: Definition | None, archived: Definition | None) -> Looked:
    """What stands under the spec's name, alive or archived, and what is to be done."""
    name = step_name(spec)
    if held is not None:
        return _standing(spec, held)
    type_, field_type = shape(spec)
    what = f"{type_}, {field_type}"
    if archived is None:
        return Looked(spec, InstallStep(name, StepStatus.WOULD_CREATE, what))
    strange = differs(spec, archived)
    if strange:
        detail = (
            f"an archived property of that name {strange}, and HubSpot would bring it back. "
            "Wait until it is gone for good, 90 days after it was archived, or restore and remake it by hand"
        )
        return Looked(spec, InstallStep(name, StepStatus.CLASH, detail))
    return Looked(spec, InstallStep(name, StepStatus.WOULD_CREATE, f"{what}; brings back the archived one"))


def _standing(spec: FieldSpec, held: Definition) -> Looked:
    name, strange = step_name(spec), differs(spec, held)
    if strange:
        detail = f"a property of that name {strange}. Rename or archive it, then install again"
        return Looked(spec, InstallStep(name, StepStatus.CLASH, detail))
    change, why = _change(spec, held)
    if not change:
        made = "" if ours(held) else "made by somebody else, used as it is"
        return Looked(spec, InstallStep(name, StepStatus.PRESENT, made))
    return Looked(spec, InstallStep(name, StepStatus.WOULD_CHANGE, why), change)


def differs(spec: FieldSpec, held: Definition) -> str:
    """Why the property cannot serve, in words; empty when it can."""
    wanted, found = shape(spec), (held.get("type"), held.get("fieldType"))
    if found != wanted:
        return f"is {found[0]}, {found[1]}; {wanted[0]}, {wanted[1]} is needed"
    if _person(spec) and held.get("referencedObjectType") != "OWNER":
        return "does not lead to owners"
    if spec.unique_key and not held.get("hasUniqueValue"):
        return "does not demand unique values, which cannot be changed later"
    if held.get("calculated"):
        return "is calculated by HubSpot"
    return ""


def _change(spec: FieldSpec, held: Definition) -> tuple[dict[str, Any], str]:
    """What an update would send, and why. Only our own property's words change; options are only ever added."""
    change: dict[str, Any] = {}
    why: list[str] = []
    live = [dict(each) for each in held.get("options") or ()]
    known = {str(each.get("value")) for each in live}
    missing = [each for each in _options(spec) if each["value"] not in known]
    if missing:
        # An update replaces the whole list, so people's own options travel along.
        start = len(live)
        change["options"] = live + [each | {"displayOrder": start + at} for at, each in enumerate(missing)]
        why.append(f"lacks the values {', '.join(str(each['value']) for each in missing)}")
    if ours(held) and held.get("description") != description(spec):
        change["description"] = description(spec)
        why.append("has another help text")
    if ours(held) and held.get("label") != spec.label:
        change["label"] = spec.label
        why.append(f"is labelled {held.get('label')!r}")
    return change, "; ".join(why)


def check_limits(object_name: str, held: Sequence[Definition], wanted: Sequence[FieldSpec]) -> None:
    """Misconfigured when the object cannot take so many properties more."""
    custom = [each for each in held if not each.get("hubspotDefined")]
    fix = "Archive some that nobody uses, then install again"
    if len(custom) + len(wanted) > MOST_PROPERTIES:
        found = f"{len(custom)} custom properties; {len(wanted)} more do not fit below {MOST_PROPERTIES:,}"
        raise Misconfigured(f"hubspot {object_name}", found, fix)
    unique = sum(bool(each.get("hasUniqueValue")) for each in custom)
    keys = sum(spec.unique_key for spec in wanted)
    if keys and unique + keys > MOST_UNIQUE:
        found = f"{unique} custom properties with unique values; {keys} more do not fit below {MOST_UNIQUE}"
        raise Misconfigured(f"hubspot {object_name}", found, fix)


def _person(spec: FieldSpec) -> bool:
    return spec.kind is Kind.ID and spec.references in PEOPLE


def _options(spec: FieldSpec) -> list[dict[str, Any]]:
    answers = [("Yes", "true"), ("No", "false")]
    pairs = answers if spec.kind is Kind.BOOL else [(each, each) for each in spec.options]
    return [
        {"label": label, "value": value, "displayOrder": at, "hidden": False}
        for at, (label, value) in enumerate(pairs)
    ]
