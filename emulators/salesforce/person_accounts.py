"""What person accounts do, in orgs that have them: an account that is a person, with a contact made along.

An account is a person's when its record type is of that kind, or when it is made with a LastName and no Name. Its
name is composed; its contact shares first and last name and the Person fields, is written through the account only,
and goes when the account goes. The vendor's pages: Person Accounts (Object Reference); help article 005305352.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulators.salesforce import storage
from emulators.salesforce.errors import DmlError
from emulators.salesforce.loading import filling as loading
from emulators.salesforce.rights.permissions import no_access
from emulators.salesforce.schema import ObjectType, Schema

if TYPE_CHECKING:
    from emulators.salesforce.dml import Change
    from emulators.salesforce.org import Org

_NAMES = ("Salutation", "FirstName", "LastName")
_SHARED = ("Phone", "Fax", "OwnerId", "Description")  # the account's own, shown by the contact too


def had(schema: Schema) -> bool:
    """Whether the org has person accounts."""
    account = schema.object("Account")
    return account is not None and account.field("IsPersonAccount") is not None


def before(change: Change) -> None:
    """Whether the account is a person, what may then be set, and its composed name."""
    if not had(change.org.schema):
        return
    row = change.row
    row["IsPersonAccount"] = person = int(_is_person(change))
    if change.old is not None and bool(change.old.get("IsPersonAccount")) != bool(person):
        text = "the record type of an account cannot be changed between business and person"
        raise DmlError("INVALID_PERSON_ACCOUNT_OPERATION", text, ["RecordTypeId"])
    _refuse_fields(change, person=bool(person))
    if not person:
        return
    if row.get("RecordTypeId") is None:
        row["RecordTypeId"] = _person_type(change.org)
    if row.get("LastName") is None:
        raise DmlError("REQUIRED_FIELD_MISSING", "Required fields are missing: [LastName]", ["LastName"])
    row["Name"] = " ".join(str(row[part]) for part in ("FirstName", "LastName") if row.get(part))
    if change.old is None:
        row["PersonContactId"] = change.org.new_id("Contact")


def after(change: Change) -> None:
    """The person's contact becomes what the account says."""
    if not change.row.get("IsPersonAccount"):
        return
    org, row = change.org, change.row
    contact = org.schema.objects["contact"]
    known = next(storage.rows(org.connection(), contact, "f_id = ?", row["PersonContactId"]), {})
    by = {"CreatedDate": row["LastModifiedDate"], "CreatedById": change.actor.user_id}
    stamps = {name: row[name] for name in ("LastModifiedDate", "LastModifiedById", "SystemModstamp")}
    shared = {
        field.name: row.get(field.name if field.name in (*_NAMES, *_SHARED) else f"Person{field.name}")
        for field in contact.fields.values()
        if field.name in (*_NAMES, *_SHARED) or f"person{field.name}".lower() in change.obj.fields
        if storage.has_column(field) and field.name != "ContactId"
    }
    fixed = {"Id": row["PersonContactId"], "AccountId": row["Id"], "IsPersonAccount": 1, "Name": row["Name"]}
    loading.load_raw(org, contact, [{**by, **known, **shared, **stamps, **fixed}])


def refuse_contact(change: Change) -> None:
    """A person's contact is written through its account."""
    if change.old is not None and change.old.get("IsPersonAccount") and not change.actor.system:
        raise no_access()


def refuse_removal(obj: ObjectType, row: dict[str, Any]) -> None:
    """A person's contact does not go by itself."""
    if obj.name == "Contact" and row.get("IsPersonAccount"):
        text = "the contact of a person account cannot be deleted; delete the account"
        raise DmlError("INVALID_PERSON_ACCOUNT_OPERATION", text)


def _is_person(change: Change) -> bool:
    record_type = change.row.get("RecordTypeId")
    if record_type is not None:
        obj = change.org.schema.objects["recordtype"]
        row = next(storage.rows(change.org.connection(), obj, "f_id = ?", record_type), None)
        return bool(row and row.get("IsPersonType"))
    return change.old is None and "LastName" in change.given and "Name" not in change.given


def _refuse_fields(change: Change, *, person: bool) -> None:
    """A person has no name of its own; a business has no first or last name and no Person fields."""
    if change.actor.system:
        return
    wrong = [
        name
        for name in sorted(change.given)
        if (person and name in ("Name", "ParentId"))
        or (not person and (name in _NAMES or name.startswith("Person")) and change.row.get(name) not in (None, 0))
    ]
    if wrong:
        text = f"Account: bad field names on insert/update call: {', '.join(wrong)}"
        raise DmlError("INVALID_FIELD_FOR_INSERT_UPDATE", text, wrong)


def _person_type(org: Org) -> str | None:
    sql = "SELECT f_id FROM o_recordtype WHERE f_sobjecttype = 'Account' AND f_ispersontype = 1 AND f_isactive = 1"
    row = org.connection().execute(f"{sql} ORDER BY f_id").fetchone()
    return str(row[0]) if row else None
