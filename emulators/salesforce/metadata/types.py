"""Which metadata the org has: the types, and the components of each with their file properties."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from emulators.salesforce.metadata import rules as validations
from emulators.salesforce.metadata import sets
from emulators.salesforce.metadata.plan import component_id
from emulators.salesforce.org import Org

ACTIVITY = "Activity"  # which is no object of its own, but whose custom fields tasks and events have
NEVER = "1970-01-01T00:00:00.000Z"  # of components that came with the org
_PREFIXES = {"CustomObject": "01I", "CustomField": "00N", "ValidationRule": "03d"}


def described() -> dict[str, Any]:
    """The describeMetadataResult: the types that are emulated."""
    objects = {
        "childXmlNames": ["CustomField", "ValidationRule"], "directoryName": "objects", "inFolder": False,
        "metaFile": False, "suffix": "object", "xmlName": "CustomObject",
    }  # fmt: skip
    permissions = {
        "directoryName": "permissionsets", "inFolder": False, "metaFile": False, "suffix": "permissionset",
        "xmlName": "PermissionSet",
    }  # fmt: skip
    return {
        "metadataObjects": [objects, permissions],
        "organizationNamespace": "",
        "partialSaveAllowed": True,
        "testRequired": False,
    }


def _owner(name: str) -> str:
    """Custom fields of tasks and events are those of Activity."""
    return ACTIVITY if name in ("Task", "Event") else name


def names(org: Org, kind: str) -> Iterator[str]:
    """The full names of all components of a type; of objects the standard ones too."""
    objects = sorted(org.schema.objects.values(), key=lambda obj: obj.name)
    if kind == "CustomObject":
        yield from (obj.name for obj in objects if not org.access.hidden_object(obj.name))
        yield ACTIVITY
    elif kind == "CustomField":
        found = (
            f"{_owner(obj.name)}.{field.name}" for obj in objects for field in obj.fields.values() if field.custom
        )
        yield from dict.fromkeys(found)
    elif kind == "ValidationRule":
        yield from (f"{obj.name}.{rule['name']}" for obj in objects for rule in validations.of(org, obj.name))
    elif kind == "PermissionSet":
        sql = "SELECT f_name FROM o_permissionset WHERE f_iscustom = 1 ORDER BY f_name"
        yield from (str(row[0]) for row in org.connection().execute(sql))


def properties(org: Org, kind: str, name: str, folder: str = "") -> dict[str, Any]:
    """The FileProperties of a component, whose file lies in that folder of a zip."""
    owner = name.partition(".")[0]
    directory = "permissionsets" if kind == "PermissionSet" else "objects"
    suffix = "permissionset" if kind == "PermissionSet" else "object"
    standard = kind == "CustomObject" and not name.lower().endswith("__c")
    founded = org.connection().execute("SELECT f_createddate FROM o_organization").fetchone()
    at = NEVER if standard or not founded else str(founded[0])
    user = org.get("User", org.user_id) or {}
    by = {"ById": org.user_id, "ByName": user.get("Name"), "Date": at}
    body: dict[str, Any] = {f"created{key}": value for key, value in by.items()}
    body |= {"fileName": f"{folder}{directory}/{owner}.{suffix}", "fullName": name, "id": _id(org, kind, name)}
    body |= {f"lastModified{key}": value for key, value in by.items()}
    return body | ({} if standard else {"manageableState": "unmanaged"}) | {"type": kind}


def _id(org: Org, kind: str, name: str) -> str:
    if kind == "PermissionSet":
        return sets.find(org, name) or ""
    standard = kind == "CustomObject" and not name.lower().endswith("__c")
    return "" if standard else component_id(org, _PREFIXES[kind], name)
