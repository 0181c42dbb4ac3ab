"""What an object looks like to a user: the describe bodies, in the shape recorded from real orgs."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

from emulators.salesforce.org import Org
from emulators.salesforce.router import Request, Response, Router, json_response
from emulators.salesforce.schema import FieldType, ObjectType
from emulators.salesforce.search.resources import searchable
from emulators.salesforce.soql import run
from emulators.salesforce.soql.operands import groupable
from emulators.salesforce.viewpoint import context

MASTER_RECORD_TYPE = "012000000000000AAA"
ASSOCIATES_SINCE = 50
UNTRIGGERED = frozenset({"Partner", "OpportunityPartner", "AccountPartner", "DatedConversionRate", "CurrencyType"})
"""Objects whose records are written and on which neither triggers nor flows can run."""
_SOAP = {
    "id": "tns:ID",
    "reference": "tns:ID",
    "boolean": "xsd:boolean",
    "int": "xsd:int",
    "double": "xsd:double",
    "currency": "xsd:double",
    "percent": "xsd:double",
    "date": "xsd:date",
    "datetime": "xsd:dateTime",
    "address": "urn:address",
    "anyType": "xsd:anyType",
    "base64": "xsd:base64Binary",
}


def routes(router: Router) -> None:
    """sobjects, sobjects/X, sobjects/X/describe."""
    base = "/services/data/{version}/sobjects"
    router.add("GET", base, all_objects)
    router.add("GET", f"{base}/{{object}}", basic)
    router.add("GET", f"{base}/{{object}}/describe", full)


def all_objects(request: Request, org: Org) -> Response:
    """The global describe."""
    shown = [obj for obj in org.schema.objects.values() if not org.access.hidden_object(obj.name)]
    items = [head(obj, request.version) for obj in sorted(shown, key=lambda obj: obj.name.lower())]
    return json_response({"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": items})


def basic(request: Request, org: Org) -> Response:
    """The object's head and the records last touched."""
    obj = org.object(request.params["object"])
    name = next((field.name for field in obj.fields.values() if field.name_field), None)
    order = " ORDER BY SystemModstamp DESC" if "systemmodstamp" in obj.fields else ""
    soql = f"SELECT Id{', ' + name if name else ''} FROM {obj.name}{order} LIMIT 5"
    recent = list(run(org.connection(), soql, context(org, request.user, request.version)).records)
    return json_response({"objectDescribe": head(obj, request.version), "recentItems": recent})


def full(request: Request, org: Org) -> Response:
    """The full describe; 304 when nothing has changed since If-Modified-Since."""
    obj = org.object(request.params["object"])
    changed = org.access.changed_at
    headers = {"Last-Modified": format_datetime(changed, usegmt=True), "ETag": f'"{_etag(obj, changed)}"'}
    since = _http_date(request.headers.get("if-modified-since", ""))
    if since is not None and changed <= since:
        return Response(304, b"", headers)
    body = describe(org, obj, request.user, request.version)
    body["urls"] |= _pages(request.base_url, obj)
    return json_response(body, headers=headers)


def describe(org: Org, obj: ObjectType, user: str, version: str) -> dict[str, Any]:
    """The body of a full describe: fields that the user may not read are not in it."""
    sees, edits = org.access.readable(user), org.access.editable(user)
    url = f"/services/data/v{version}/sobjects/{obj.name}"
    return {
        "actionOverrides": [],
        **head(obj, version),
        "childRelationships": _children(org, obj),
        "compactLayoutable": obj.createable,
        "fields": [
            {**field_body(obj, field, edits(obj, field)), **_newer(version)}
            for field in obj.fields.values()
            if sees(obj, field)
        ],
        **_subtypes(version),
        "listviewable": None,
        "lookupLayoutable": None,
        "namedLayoutInfos": [],
        "networkScopeFieldName": None,
        "recordTypeInfos": record_types(org, obj, url),
        "searchLayoutable": obj.createable,
        "sobjectDescribeOption": "FULL",
        "supportedScopes": _scopes(obj),
        "urls": _urls(url),
    }


def _pages(base: str, obj: ObjectType) -> dict[str, str]:
    """Where people see, edit and make such a record."""
    if not obj.createable:
        return {}
    new, one = f"{base}/{obj.key_prefix}/e", f"{base}/{{ID}}"
    return {"uiDetailTemplate": one, "uiEditTemplate": f"{one}/e", "uiNewRecord": new}


def _scopes(obj: ObjectType) -> list[dict[str, str]]:
    """Whose records a query may ask for."""
    many = obj.label_plural.lower()
    found = [{"label": f"All {many}", "name": "everything"}]
    if obj.field("OwnerId") is not None:
        found.append({"label": f"My {many}", "name": "mine"})
    if obj.name in ("Account", "Contact", "Lead", "Opportunity"):
        found.append({"label": f"My team's {many}", "name": "team"})
    return found


def _urls(url: str) -> dict[str, str]:
    names = ("compactLayouts", "approvalLayouts", "layouts")
    urls = {name: f"{url}/describe/{name}" for name in names}
    urls |= {name: f"{url}/{name}" for name in ("listviews", "quickActions", "describe")}
    return {**urls, "rowTemplate": f"{url}/{{ID}}", "sobject": url}


def record_types(org: Org, obj: ObjectType, url: str) -> list[dict[str, Any]]:
    """The object's record types; the Master, which every object has, comes last and is the default without others."""
    rows: list[Any] = []
    if obj.field("RecordTypeId") is not None:
        named = "SELECT f_id, f_name, f_developername, f_isactive FROM o_recordtype"
        sql = f"{named} WHERE f_sobjecttype = ? ORDER BY f_name"
        rows = org.connection().execute(sql, (obj.name,)).fetchall()
    first = next((row[0] for row in rows if row[3]), None)
    found = [_record_type(url, row[0], row[1], row[2], bool(row[3]), default=row[0] == first) for row in rows]
    master = _record_type(url, MASTER_RECORD_TYPE, "Master", "Master", active=True, default=first is None)
    return [*found, master]


def _record_type(
    url: str, record_id: str, name: str, developer_name: str, active: bool, *, default: bool
) -> dict[str, Any]:
    return {
        "active": active,
        "available": active,
        "defaultRecordTypeMapping": default,
        "developerName": developer_name,
        "master": record_id == MASTER_RECORD_TYPE,
        "name": name,
        "recordTypeId": record_id,
        "urls": {"layout": f"{url}/describe/layouts/{record_id}"},
    }


def head(obj: ObjectType, version: str) -> dict[str, Any]:
    """What the global describe and the others tell of an object."""
    url = f"/services/data/v{version}/sobjects/{obj.name}"
    return {
        "activateable": False,
        **_associates(version),
        "createable": obj.createable,
        "custom": obj.custom,
        "customSetting": False,
        "deletable": obj.deletable,
        "deprecatedAndHidden": False,
        "feedEnabled": obj.mergeable,
        "keyPrefix": obj.key_prefix,
        "label": obj.label,
        "labelPlural": obj.label_plural,
        "layoutable": obj.createable,
        "mergeable": obj.mergeable,
        "mruEnabled": obj.mergeable,
        "name": obj.name,
        "queryable": obj.queryable,
        "replicateable": obj.replicateable,
        "retrieveable": obj.queryable,
        "searchable": searchable(obj),
        "triggerable": obj.createable and obj.name not in UNTRIGGERED,
        "undeletable": obj.deletable and "isdeleted" in obj.fields,
        "updateable": obj.updateable,
        "urls": {"rowTemplate": f"{url}/{{ID}}", "describe": f"{url}/describe", "sobject": url},
    }


def _associates(version: str) -> dict[str, Any]:
    """What the heads of version 50 and later have besides."""
    if float(version) < ASSOCIATES_SINCE:
        return {}
    nothing = dict.fromkeys(("associateEntityType", "associateParentEntity"))
    return {**nothing, "deepCloneable": False, "hasSubtypes": False, "isInterface": False, "isSubtype": False}


def _newer(version: str) -> dict[str, Any]:
    """What the fields of version 50 and later have besides."""
    later = float(version) >= ASSOCIATES_SINCE
    return {"aiPredictionField": False, "formulaTreatNullNumberAsZero": False} if later else {}


def _subtypes(version: str) -> dict[str, Any]:
    found: dict[str, Any] = {"hasSubtypes": False, "isSubtype": False}
    if float(version) >= ASSOCIATES_SINCE:
        names = ("defaultImplementation", "extendedBy", "extendsInterfaces", "implementedBy", "implementsInterfaces")
        found |= dict.fromkeys(names)
    return found


def _children(org: Org, obj: ObjectType) -> list[dict[str, Any]]:
    return [
        {
            "cascadeDelete": field.cascade_delete,
            "childSObject": child.name,
            "deprecatedAndHidden": False,
            "field": field.name,
            "junctionIdListNames": [],
            "junctionReferenceTo": [],
            "relationshipName": field.child_relationship,
            "restrictedDelete": False,
        }
        for child in sorted(org.schema.objects.values(), key=lambda one: one.name.lower())
        for field in child.fields.values()
        if obj.name in field.reference_to
    ]


def field_body(obj: ObjectType, field: FieldType, editable: bool) -> dict[str, Any]:
    """One field of a describe."""
    text = field.type not in ("int", "double", "currency", "percent", "date", "datetime", "boolean", "address")
    several = len(field.reference_to) > 1
    return {
        "aggregatable": groupable(field) or field.type in ("currency", "double", "percent", "datetime"),
        "autoNumber": False,
        "byteLength": field.length if field.type in ("id", "reference") else field.length * 3 if text else 0,
        "calculated": field.calculated,
        "calculatedFormula": field.formula,
        "cascadeDelete": field.cascade_delete,
        "caseSensitive": field.case_sensitive,
        "compoundFieldName": _compound(obj, field),
        "controllerName": None,
        "createable": field.createable and editable and not field.calculated,
        "custom": field.custom,
        "defaultValue": False if field.type == "boolean" else _default(field),
        "defaultValueFormula": None,
        "defaultedOnCreate": field.default_on_create or field.type == "boolean",
        "dependentPicklist": False,
        "deprecatedAndHidden": False,
        "digits": 8 if field.type == "int" else 0,
        "displayLocationInDecimal": False,
        "encrypted": field.type == "encryptedstring",
        "externalId": field.external_id,
        "extraTypeInfo": _extra(obj, field),
        "filterable": field.filterable,
        "filteredLookupInfo": None,
        "groupable": groupable(field),
        "highScaleNumber": False,
        "htmlFormatted": False,
        "idLookup": field.id_lookup or field.external_id,
        "inlineHelpText": field.help,
        "label": field.label,
        "length": field.length,
        "mask": None,
        "maskType": None,
        "name": field.name,
        "nameField": field.name_field,
        "namePointing": several,
        "nillable": field.nillable,
        "permissionable": field.nillable and field.type not in ("id", "boolean") and field.createable,
        "picklistValues": [
            {
                "active": option.active,
                "defaultValue": option.default,
                "label": option.label,
                "validFor": None,
                "value": option.value,
            }
            for option in field.picklist
        ],
        "polymorphicForeignKey": several,
        "precision": field.precision,
        "queryByDistance": False,
        "referenceTargetField": None,
        "referenceTo": list(field.reference_to),
        "relationshipName": field.relationship_name,
        "relationshipOrder": None,
        "restrictedDelete": False,
        "restrictedPicklist": field.restricted_picklist,
        "scale": field.scale,
        "searchPrefilterable": field.type == "reference",
        "soapType": _SOAP.get(field.type, "xsd:string"),
        "sortable": field.sortable,
        "type": field.type,
        "unique": field.unique,
        "updateable": field.updateable and editable and not field.calculated,
        "writeRequiresMasterRead": False,
    }


_PARTS = re.compile(
    r"(\w*?)(Street|City|StateCode|State|PostalCode|CountryCode|Country|Latitude|Longitude|GeocodeAccuracy)\Z"
)
_PERSON = frozenset({"FirstName", "LastName", "Salutation", "MiddleName", "Suffix"})


def _compound(obj: ObjectType, field: FieldType) -> str | None:
    """The address or name that the field is a part of."""
    found = _PARTS.match(field.name)
    address = obj.field(f"{found[1]}Address") if found and not field.custom else None
    if address is not None and address.type == "address":
        return address.name
    person = field.name in _PERSON and obj.field("LastName") is not None and obj.field("Name") is not None
    return "Name" if person or (obj.name, field.name) == ("Account", "Name") else None


def _extra(obj: ObjectType, field: FieldType) -> str | None:
    """What clients' forms make of the field, as recorded."""
    if field.name == "PhotoUrl":
        return "imageurl"
    if (obj.name, field.name) == ("Account", "Name"):
        return "switchablepersonname"
    if obj.name in ("Contact", "Lead") and (field.name == "Name" or field.name in _PERSON):
        return "personname"
    return "plaintextarea" if field.type == "textarea" else None


def _default(field: FieldType) -> str | None:
    """The picklist's default entry."""
    return next((each.value for each in field.picklist if each.default), None)


def _etag(obj: ObjectType, changed: datetime) -> str:
    return hashlib.sha256(f"{obj.name}/{changed.isoformat()}".encode()).hexdigest()[:8]


def _http_date(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text).astimezone(UTC) if text else None
    except ValueError:
        return None
