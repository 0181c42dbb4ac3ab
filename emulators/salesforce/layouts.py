"""What an object's page layouts, list views and actions are: one layout of all fields, no list views, no actions.

Source: "sObject Layouts", "sObject CompactLayouts", "sObject ApprovalLayouts", "List Views", "sObject Quick Actions"
of the REST API guide, and DescribeLayoutResult of the SOAP API guide.
"""

from __future__ import annotations

import zlib
from typing import Any

from emulators.salesforce.describe import MASTER_RECORD_TYPE, field_body
from emulators.salesforce.errors import not_found
from emulators.salesforce.ids import make_id, to18
from emulators.salesforce.org import Org
from emulators.salesforce.router import Request, Response, Router, json_response
from emulators.salesforce.schema import FieldType, ObjectType

_COLUMNS = 2
_HIDDEN = frozenset({"id", "isdeleted", "systemmodstamp", "masterrecordid"})


def routes(router: Router) -> None:
    """describe/layouts, describe/compactLayouts, describe/approvalLayouts, listviews, quickActions."""
    base = "/services/data/{version}/sobjects/{object}"
    router.add("GET", f"{base}/describe/layouts", layouts)
    router.add("GET", f"{base}/describe/layouts/{{record_type}}", layout)
    router.add("GET", f"{base}/describe/compactLayouts", compact_layouts)
    router.add("GET", f"{base}/describe/approvalLayouts", approval_layouts)
    router.add("GET", f"{base}/listviews", list_views)
    router.add("GET", f"{base}/quickActions", quick_actions)
    router.add("GET", "/services/data/{version}/quickActions", global_actions)


def layouts(request: Request, org: Org) -> Response:
    """The one layout, and that the master record type has it."""
    obj = org.object(request.params["object"])
    url = f"/services/data/v{request.version}/sobjects/{obj.name}/describe/layouts/{MASTER_RECORD_TYPE}"
    mapping = {
        "active": True,
        "available": True,
        "defaultRecordTypeMapping": True,
        "developerName": "Master",
        "layoutId": _layout_id(org, obj),
        "master": True,
        "name": "Master",
        "picklistsForRecordType": [],
        "recordTypeId": MASTER_RECORD_TYPE,
        "urls": {"layout": url},
    }
    body = {"layouts": [_layout(org, request, obj)], "recordTypeMappings": [mapping]}
    return json_response({**body, "recordTypeSelectorRequired": [False]})


def layout(request: Request, org: Org) -> Response:
    """The layout of a record type; there is none but the master's."""
    obj = org.object(request.params["object"])
    if to18(request.params["record_type"]) != MASTER_RECORD_TYPE:
        raise not_found()
    return json_response(_layout(org, request, obj))


def compact_layouts(request: Request, org: Org) -> Response:
    """The system's own: the name alone."""
    obj = org.object(request.params["object"])
    sees = org.visible(request.user)
    named = [field for field in obj.fields.values() if field.name_field and sees(obj, field)]
    only = {
        "actions": [],
        "fieldItems": [_item(org, request, obj, field) for field in named],
        "id": None,
        "imageItems": [],
        "label": "System Default",
        "name": "SYSTEM",
        "objectType": obj.name,
    }
    primary = f"/services/data/v{request.version}/sobjects/{obj.name}/describe/compactLayouts/primary"
    mapping = {
        "available": True,
        "compactLayoutId": None,
        "compactLayoutName": "SYSTEM",
        "recordTypeId": MASTER_RECORD_TYPE,
        "recordTypeName": "Master",
        "urls": {"compactLayout": primary},
    }
    body = {"compactLayouts": [only], "defaultCompactLayoutId": None, "recordTypeCompactLayoutMappings": [mapping]}
    return json_response({**body, "urls": {"primary": primary}})


def approval_layouts(request: Request, org: Org) -> Response:
    """No approval processes, no layouts for them."""
    org.object(request.params["object"])
    return json_response({"approvalLayouts": []})


def list_views(request: Request, org: Org) -> Response:
    """No list views."""
    obj = org.object(request.params["object"])
    return json_response({"done": True, "listviews": [], "nextRecordsUrl": None, "size": 0, "sobjectType": obj.name})


def quick_actions(request: Request, org: Org) -> Response:
    """No actions."""
    org.object(request.params["object"])
    return json_response([])


def global_actions(request: Request, org: Org) -> Response:
    """No actions of no object either."""
    return json_response([])


def _layout_id(org: Org, obj: ObjectType) -> str:
    return make_id("00h", org.pod, zlib.crc32(obj.name.lower().encode()))


def _layout(org: Org, request: Request, obj: ObjectType) -> dict[str, Any]:
    sees = org.visible(request.user)
    shown = [field for field in obj.fields.values() if field.name.lower() not in _HIDDEN and sees(obj, field)]
    items = [_item(org, request, obj, field) for field in shown]
    sections = [_section(org, obj, items)] if items else []
    nothing = ("feedView", "highlightsPanelLayoutSection", "relatedContent")
    return {
        "buttonLayoutSection": {"detailButtons": []},
        "detailLayoutSections": sections,
        "editLayoutSections": sections,
        **dict.fromkeys(nothing),
        "id": _layout_id(org, obj),
        "multirowEditLayoutSections": [],
        "offlineLinks": [],
        "quickActionList": {"quickActionListItems": []},
        "relatedLists": [],
        "saveOptions": [],
    }


def _section(org: Org, obj: ObjectType, items: list[dict[str, Any]]) -> dict[str, Any]:
    rows = [items[start : start + _COLUMNS] for start in range(0, len(items), _COLUMNS)]
    layout_id = _layout_id(org, obj)
    return {
        "collapsed": False,
        "columns": _COLUMNS,
        "heading": f"{obj.label} Information",
        "layoutRows": [{"layoutItems": row, "numItems": len(row)} for row in rows],
        "layoutSectionId": make_id("01B", org.pod, zlib.crc32(obj.name.lower().encode())),
        "parentLayoutId": layout_id,
        "rows": len(rows),
        "tabOrder": "LeftToRight",
        "useCollapsibleSection": False,
        "useHeading": True,
    }


def _item(org: Org, request: Request, obj: ObjectType, field: FieldType) -> dict[str, Any]:
    details = field_body(obj, field, org.access.editable(request.user)(obj, field))
    component = {"details": details, "displayLines": 1, "tabOrder": 1, "type": "Field", "value": field.name}
    return {
        "editableForNew": details["createable"],
        "editableForUpdate": details["updateable"],
        "label": field.label,
        "layoutComponents": [component],
        "placeholder": False,
        "required": not field.nillable and details["createable"],
    }
