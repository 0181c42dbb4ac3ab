"""What HubSpot fills into a new record by itself, as recorded from creates by API."""

from __future__ import annotations

from emulators.hubspot.definitions import ObjectType
from emulators.hubspot.portal import Portal
from emulators.hubspot.records import Record

_FIXED = {
    "companies": {"lifecyclestage": "lead", "hs_pipeline": "companies-lifecycle-pipeline"},
    "contacts": {
        "lifecyclestage": "lead",
        "hs_pipeline": "contacts-lifecycle-pipeline",
        "hs_is_contact": "true",
        "hs_is_unworked": "true",
    },
    "tasks": {
        "hs_task_priority": "NONE",
        "hs_task_status": "NOT_STARTED",
        "hs_task_for_object_type": "OWNER",
        "hs_task_family": "SALES",
    },
}


def new_values(portal: Portal, obj: ObjectType, record: Record, source: str, source_id: str, user_id: str) -> None:
    """Fill in what was not given: where the record comes from and the defaults of its object."""
    values = record.properties
    usual = dict(_FIXED.get(obj.name, {}))
    usual |= {
        "hs_object_source": source,
        "hs_object_source_id": source_id,
        "hs_object_source_label": source,
        "hs_created_by_user_id": user_id,
        "hs_updated_by_user_id": user_id,
    }
    if obj.name == "companies" and values.get("domain"):
        usual["website"] = values["domain"]
    if obj.name == "contacts":
        usual["hs_all_contact_vids"] = record.id
        if "@" in values.get("email", ""):
            usual["hs_email_domain"] = values["email"].rpartition("@")[2]
    for name, value in usual.items():
        values.setdefault(name, value)
