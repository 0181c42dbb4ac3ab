"""describeGlobal, describeSObject and describeSObjects: REST's describes in the WSDL's order."""

from __future__ import annotations

import json
from typing import Any

from emulators.salesforce import describe
from emulators.salesforce.soap.calls import SoapCall
from emulators.salesforce.soap.faults import SoapFault
from emulators.salesforce.xml_text import element

_MOST = 100  # objects of one describeSObjects
_PAGES = {"uiDetailTemplate": "urlDetail", "uiEditTemplate": "urlEdit", "uiNewRecord": "urlNew"}
_REST_ONLY = frozenset(
    {"urls", "isSubtype", "hasSubtypes", "listviewable", "lookupLayoutable", "sobjectDescribeOption"}
)


def everything(call: SoapCall) -> str:
    """All objects that the caller may see."""
    body = json.loads(describe.all_objects(call.as_rest("sobjects"), call.org).body)
    objects = [_ordered(each) for each in body.pop("sobjects")]
    return element("result", {**body, "sobjects": objects})


def one(call: SoapCall) -> str:
    """One object with its fields."""
    return _described(call, call.text("sObjectType"))


def several(call: SoapCall) -> str:
    """Up to 100 objects with their fields, in the order asked for."""
    nodes = call.nodes("sObjectType", _MOST)
    if not nodes:
        raise SoapFault("MISSING_ARGUMENT", "sObjectType not specified")
    return "".join(_described(call, node.text.strip()) for node in nodes)


def _described(call: SoapCall, name: str) -> str:
    request = call.as_rest("describe", {"object": call.object(name).name})
    body = json.loads(describe.full(request, call.org).body)
    pages = {_PAGES[key]: value for key, value in body.get("urls", {}).items() if key in _PAGES}
    return element("result", _ordered(body | pages))


def _ordered(value: Any) -> Any:
    """Keys in alphabetical order, as the WSDL has them; without what only REST tells."""
    if isinstance(value, list):
        return [_ordered(each) for each in value]
    if isinstance(value, dict):
        return {key: _ordered(value[key]) for key in sorted(value) if key not in _REST_ONLY}
    return value
