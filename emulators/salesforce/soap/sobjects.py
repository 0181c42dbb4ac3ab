"""What a client sends as an sObject: its type, its id and its values as text, with look-ups by foreign key."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from emulators.salesforce.schema import ObjectType
from emulators.salesforce.soap.calls import SoapCall
from emulators.salesforce.soap.faults import SoapFault, unknown_field
from emulators.salesforce.xml_text import Node

_ZONED_DAY = re.compile(r"(\d{4}-\d\d-\d\d)(Z|[+-]\d\d:\d\d)\Z")


@dataclass(frozen=True, slots=True)
class Given:
    """One record as sent. Elements that are empty or nil say nothing; fieldsToNull empties."""

    obj: ObjectType
    id: str
    values: dict[str, Any]


def given(call: SoapCall, node: Node) -> Given:
    """The record of an element; faults INVALID_TYPE and INVALID_FIELD refuse the whole call."""
    obj = call.object(_type_of(call, node))
    values: dict[str, Any] = {}
    record_id = ""
    for child in node.children:
        text = child.text.strip()
        if child.tag == "fieldsToNull":
            values[text] = None
        elif child.tag.lower() == "id":
            record_id = record_id or ("" if child.nil else text)
        elif child.tag != "type" and not child.nil and (child.children or text):
            values[child.tag] = _reference(child) if child.children else _plain(child)
    for name in values:
        _demand(call, obj, name)
    return Given(obj, record_id, values)


def _type_of(call: SoapCall, node: Node) -> str:
    """The partner WSDL's records say it in an element, the enterprise WSDL's by their type."""
    found = node.get("type") or (node.type if node.type.lower() != "sobject" else "")
    if not found:
        raise SoapFault("INVALID_TYPE", "Must send a concrete entity type.")
    return found


def _plain(node: Node) -> str:
    """The text; a day may carry a zone in XML Schema, which the vendor cuts off."""
    zoned = _ZONED_DAY.match(node.text.strip())
    return zoned[1] if zoned else node.text


def _reference(node: Node) -> dict[str, Any]:
    """`<Account><type>Account</type><Key__c>1</Key__c></Account>`: a look-up by foreign key."""
    found: dict[str, Any] = {child.tag: child.text.strip() for child in node.children if not child.nil}
    kind = found.pop("type", "") or (node.type if node.type.lower() != "sobject" else "")
    return {"attributes": {"type": kind}, **found} if kind else found


def _demand(call: SoapCall, obj: ObjectType, name: str) -> None:
    field = obj.field(name)
    by_key = any((each.relationship_name or "").lower() == name.lower() for each in obj.fields.values())
    if field is None and not by_key:
        raise unknown_field(obj.name, name)
    if field is not None and not call.org.visible(call.user)(obj, field):
        raise unknown_field(obj.name, name)
