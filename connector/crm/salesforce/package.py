"""The metadata package that an install deploys: our custom fields and who may see and edit them; never a layout."""

from __future__ import annotations

import io
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Sequence
from xml.sax.saxutils import escape

from connector.core.records import Kind
from connector.crm.base import FieldSpec
from connector.errors import Misconfigured

PREFIX = "PMOM_"
INTEGRATION, VIEWER, EDITOR = "PMOM_Integration", "PMOM_Viewer", "PMOM_Editor"
SET_LABELS = {INTEGRATION: "PMOM Integration", VIEWER: "PMOM Viewer", EDITOR: "PMOM Editor"}
NAMESPACE = "http://soap.sforce.com/2006/04/metadata"
ACTIVITIES = frozenset({"Task", "Event"})
LONG_TEXT = 32_768  # the usual length of a long text area

DESCRIBED = {
    "Text": ("string",),
    "LongTextArea": ("textarea",),
    "Picklist": ("picklist",),
    "MultiselectPicklist": ("multipicklist",),
    "Currency": ("currency",),
    "Number": ("double", "int"),
    "Checkbox": ("boolean",),
    "Date": ("date",),
    "DateTime": ("datetime",),
    "Lookup": ("reference",),
}
"""Metadata field type -> the types that a describe gives it."""


def api_name(spec: FieldSpec) -> str:
    """The field's name in the org, e.g. PMOM_Triage_Decision__c."""
    return f"{PREFIX}{spec.name}__c"


def metadata_type(spec: FieldSpec) -> str:
    """The metadata type of the field; Misconfigured when a spec asks for what the org cannot have."""
    if spec.options:
        return "MultiselectPicklist" if spec.multiple else "Picklist"
    if spec.kind is Kind.TEXT:
        return "LongTextArea" if spec.long else "Text"
    if spec.kind is Kind.ID:
        return "Lookup" if spec.references else "Text"
    return {
        Kind.BOOL: "Checkbox",
        Kind.INTEGER: "Number",
        Kind.MONEY: "Currency",
        Kind.NUMBER: "Number",
        Kind.DATE: "Date",
        Kind.INSTANT: "DateTime",
    }[spec.kind]


def package(specs: Sequence[FieldSpec], version: str, *, granted: Sequence[FieldSpec]) -> bytes:
    """The zip to deploy: the fields of `specs`, and permission sets over all of `granted`."""
    sets = permission_sets(granted)
    holders: dict[str, list[FieldSpec]] = defaultdict(list)
    for spec in specs:
        # Custom fields of tasks and events are those of Activity, whose two faces share them.
        holders["Activity" if spec.object in ACTIVITIES else spec.object].append(spec)
    files = {f"objects/{name}.object": _object(each) for name, each in holders.items()}
    files |= {f"permissionsets/{name}.permissionset": text for name, text in sets.items()}
    files["package.xml"] = _manifest([member(spec) for spec in specs], list(sets), version)
    return _zipped(files)


def removal(fields: Sequence[FieldSpec], sets: Sequence[str], version: str) -> bytes:
    """The zip whose deploy takes away exactly these fields and permission sets."""
    listed = _types("CustomField", [member(spec) for spec in fields]) + _types("PermissionSet", sets)
    return _zipped(
        {"package.xml": _manifest([], [], version), "destructiveChanges.xml": _document("Package", listed)}
    )


def member(spec: FieldSpec) -> str:
    """The field's name in a manifest; custom fields of tasks and events are those of Activity."""
    return f"{'Activity' if spec.object in ACTIVITIES else spec.object}.{api_name(spec)}"


def _zipped(files: dict[str, str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            # A fixed date: the same specs give the same bytes.
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), files[name])
    return out.getvalue()


def permission_sets(specs: Sequence[FieldSpec]) -> dict[str, str]:
    """Name -> XML: the integration edits what it computes, viewers read, editors fill in what people decide."""
    ordered = sorted(specs, key=lambda spec: (spec.object, spec.name))
    sets = {
        INTEGRATION: _permission_set(
            SET_LABELS[INTEGRATION],
            "For the integration user: reads and writes the fields of the partner operating model.",
            [(spec, not spec.human) for spec in ordered],
        ),
        VIEWER: _permission_set(
            SET_LABELS[VIEWER],
            "For partner managers: reads the fields of the partner operating model.",
            [(spec, False) for spec in ordered],
        ),
    }
    if any(spec.human for spec in ordered):
        sets[EDITOR] = _permission_set(
            SET_LABELS[EDITOR],
            "For those who decide: also fills in the fields that people own.",
            [(spec, spec.human) for spec in ordered],
        )
    return sets


def _tag(name: str, value: str | int | bool) -> str:
    text = str(value).lower() if isinstance(value, bool) else escape(str(value))
    return f"<{name}>{text}</{name}>"


def _permission_set(label: str, description: str, grants: Iterable[tuple[FieldSpec, bool]]) -> str:
    rows = "".join(
        "<fieldPermissions>"
        + _tag("editable", editable)
        + _tag("field", f"{spec.object}.{api_name(spec)}")
        + _tag("readable", True)
        + "</fieldPermissions>"
        for spec, editable in grants
    )
    head = _tag("description", description) + rows + _tag("hasActivationRequired", False) + _tag("label", label)
    return _document("PermissionSet", head)


def _document(kind: str, inner: str) -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{kind} xmlns="{NAMESPACE}">{inner}</{kind}>\n'


def _manifest(fields: Sequence[str], sets: Sequence[str], version: str) -> str:
    inner = _types("CustomField", fields) + _types("PermissionSet", sets) + _tag("version", version)
    return _document("Package", inner)


def _types(name: str, members: Sequence[str]) -> str:
    listed = "".join(_tag("members", each) for each in sorted(members))
    return f"<types>{listed}{_tag('name', name)}</types>" if members else ""


def _object(specs: Sequence[FieldSpec]) -> str:
    fields = (f"<fields>{_field(spec)}</fields>" for spec in sorted(specs, key=lambda spec: spec.name))
    return _document("CustomObject", "".join(fields))


def _field(spec: FieldSpec) -> str:
    kind = metadata_type(spec)
    parts = [_tag("fullName", api_name(spec)), _tag("label", spec.label), _tag("description", spec.help)]
    parts.append(_tag("inlineHelpText", spec.help[:510]))
    parts.append(_tag("type", kind))
    parts += _shape(spec, kind)
    if spec.unique_key:
        if kind not in ("Text", "Number"):
            raise Misconfigured(f"field {spec.name}", f"a {kind} cannot be a key", "Make it a text or a number")
        parts += [_tag("externalId", True), _tag("unique", True)]
    if kind not in ("Checkbox", "LongTextArea", "MultiselectPicklist"):
        parts.append(_tag("required", False))
    return "".join(parts)


def _shape(spec: FieldSpec, kind: str) -> list[str]:
    if kind == "Text":
        case = [_tag("caseSensitive", True)] if spec.unique_key else []
        return [_tag("length", spec.length or (18 if spec.kind is Kind.ID else 255)), *case]
    if kind == "LongTextArea":
        return [_tag("length", spec.length or LONG_TEXT), _tag("visibleLines", 5)]
    if kind in ("Currency", "Number"):
        scale = spec.scale if spec.scale is not None else (0 if spec.kind is Kind.INTEGER else 2)
        return [_tag("precision", spec.precision or 18), _tag("scale", scale)]
    if kind == "Checkbox":
        return [_tag("defaultValue", False)]
    if kind == "Lookup":
        relation = f"{PREFIX}{spec.name}"
        return [
            _tag("deleteConstraint", "SetNull"),
            _tag("referenceTo", spec.references or ""),
            _tag("relationshipName", relation),
        ]
    if kind in ("Picklist", "MultiselectPicklist"):
        return [*([_tag("visibleLines", 4)] if spec.multiple else []), _value_set(spec)]
    return []


def _value_set(spec: FieldSpec) -> str:
    values = "".join(
        "<value>" + _tag("fullName", each) + _tag("default", False) + _tag("label", each) + "</value>"
        for each in spec.options
    )
    definition = f"<valueSetDefinition>{_tag('sorted', False)}{values}</valueSetDefinition>"
    return f"<valueSet>{_tag('restricted', True)}{definition}</valueSet>"
