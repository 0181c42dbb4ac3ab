"""What a user may do with an object: the rights of their profile and permission sets, rows of ObjectPermissions.

The vendor's pages: ObjectPermissions; PermissionSet (a profile owns one, `IsOwnedByProfile`); Object Permissions.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from emulators.salesforce.errors import ApiError, DmlError
from emulators.salesforce.schema import ObjectType

if TYPE_CHECKING:
    from emulators.salesforce.org import Actor, Org

# Objects that permission sets speak of; custom ones join them.
GRANTED = frozenset(
    [
        "account",
        "contact",
        "lead",
        "opportunity",
        "campaign",
        "quote",
        "product2",
        "pricebook2",
        "case",
        "contract",
        "order",
        "asset",
        "partnermarketingbudget",
        "partnerfundallocation",
        "partnerfundrequest",
        "partnerfundclaim",
        "channelprogram",
        "channelprogramlevel",
        "channelprogrammember",
    ]
)
# Objects that are as accessible as the record they belong to: child -> (parent, its look-up).
BELONGS = {
    "partner": ("account", "accountfromid"),
    "accountpartner": ("account", "accountfromid"),
    "accounthistory": ("account", "accountid"),
    "accountshare": ("account", "accountid"),
    "contacthistory": ("contact", "contactid"),
    "contactshare": ("contact", "contactid"),
    "leadhistory": ("lead", "leadid"),
    "leadshare": ("lead", "leadid"),
    "opportunitypartner": ("opportunity", "opportunityid"),
    "opportunitylineitem": ("opportunity", "opportunityid"),
    "opportunitycontactrole": ("opportunity", "opportunityid"),
    "opportunityhistory": ("opportunity", "opportunityid"),
    "opportunityfieldhistory": ("opportunity", "opportunityid"),
    "opportunityteammember": ("opportunity", "opportunityid"),
    "opportunityshare": ("opportunity", "opportunityid"),
    "campaignmember": ("campaign", "campaignid"),
    "campaignmemberstatus": ("campaign", "campaignid"),
    "campaignshare": ("campaign", "campaignid"),
    "campaigninfluence": ("opportunity", "opportunityid"),
    "quotelineitem": ("quote", "quoteid"),
    "pricebookentry": ("pricebook2", "pricebook2id"),
}
SETUP = frozenset(
    [
        "permissionset",
        "permissionsetassignment",
        "fieldpermissions",
        "objectpermissions",
        "user",
        "userrole",
        "group",
        "groupmember",
        "recordtype",
        "currencytype",
        "datedconversionrate",
        "organization",
        "profile",
        "duplicaterule",
        "matchingrule",
        "matchingruleitem",
    ]
)
_SETS = """
SELECT s.f_id, max(s.f_permissionsviewalldata), max(s.f_permissionsmodifyalldata) FROM o_permissionset s
WHERE s.f_profileid = :profile AND s.f_isownedbyprofile = 1
   OR s.f_id IN (SELECT a.f_permissionsetid FROM o_permissionsetassignment a WHERE a.f_assigneeid = :user)
GROUP BY s.f_id
"""
_COLUMNS = ("create", "read", "edit", "delete", "viewallrecords", "modifyallrecords")


@dataclass(frozen=True, slots=True)
class Rights:
    """What a user may do with the records of one object, sharing aside."""

    create: bool = False
    read: bool = False
    edit: bool = False
    delete: bool = False
    view_all: bool = False
    modify_all: bool = False


ALL = Rights(create=True, read=True, edit=True, delete=True, view_all=True, modify_all=True)
_SETUP_RIGHTS = Rights(read=True, view_all=True)


@dataclass(frozen=True, slots=True)
class UserRights:
    """The rights of one user by object; `unrestricted` users have them all."""

    unrestricted: bool = True
    view_all_data: bool = True
    granted: dict[str, Rights] = field(default_factory=dict)

    def on(self, obj: ObjectType) -> Rights:
        """The user's rights on an object; setup is read by all and written by administrators."""
        if self.unrestricted:
            return ALL
        name = obj.name.lower()
        if name in SETUP:
            return _SETUP_RIGHTS
        if name in BELONGS:
            return self._through(BELONGS[name][0])
        if name in GRANTED or obj.custom:
            return self._widened(self.granted.get(name, Rights()))
        return ALL

    def _through(self, parent: str) -> Rights:
        mine = self._widened(self.granted.get(parent, Rights()))
        return Rights(mine.edit, mine.read, mine.edit, mine.edit, mine.view_all, mine.modify_all)

    def _widened(self, mine: Rights) -> Rights:
        if not self.view_all_data:
            return mine
        return Rights(mine.create, True, mine.edit, mine.delete, True, mine.modify_all)


EVERYTHING = UserRights()


class Permissions:
    """Answers what users may do; forgets whenever profiles, permission sets, users or roles change."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self._lock = threading.Lock()
        self._known: dict[str, UserRights] = {}
        self._generation = 0

    def forget(self) -> None:
        """Something that rights depend on has changed."""
        with self._lock:
            self._generation += 1
            self._known.clear()

    def of(self, user_id: str) -> UserRights:
        """The rights of that user.

        Unrestricted are the org's own integration user, system administrators (Modify All Data), nobody in
        particular (empty id), and users whose profile has no permission set of its own to say otherwise.
        """
        if not user_id or user_id == self._org.user_id:
            return EVERYTHING
        found = self._known.get(user_id)
        if found is None:
            generation = self._generation
            found = self._make(user_id)
            with self._lock:
                if generation == self._generation:
                    self._known[user_id] = found
        return found

    def _make(self, user_id: str) -> UserRights:
        connection = self._org.connection()
        row = connection.execute("SELECT f_profileid FROM o_user WHERE f_id = ?", (user_id,)).fetchone()
        profile = row[0] if row else None
        owned = "SELECT 1 FROM o_permissionset WHERE f_profileid = ? AND f_isownedbyprofile = 1"
        if profile is None or connection.execute(owned, (profile,)).fetchone() is None:
            return EVERYTHING
        sets = connection.execute(_SETS, {"profile": profile, "user": user_id}).fetchall()
        if any(row[2] for row in sets):
            return EVERYTHING
        columns = ", ".join(f"max(f_permissions{name})" for name in _COLUMNS)
        marks = ", ".join("?" * len(sets))
        rows = connection.execute(
            f"SELECT lower(f_sobjecttype), {columns} FROM o_objectpermissions "
            f"WHERE f_parentid IN ({marks}) GROUP BY 1",
            tuple(row[0] for row in sets),
        )
        granted = {row[0]: Rights(*(bool(value) for value in tuple(row)[1:])) for row in rows}
        return UserRights(unrestricted=False, view_all_data=any(row[1] for row in sets), granted=granted)


def refuse_create(org: Org, obj: ObjectType, actor: Actor) -> None:
    """CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY without the right to create."""
    if not actor.system and not org.permissions.of(actor.user_id).on(obj).create:
        raise DmlError("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", f"entity type cannot be inserted: {obj.label}")


def refuse_edit(org: Org, obj: ObjectType, actor: Actor) -> None:
    """CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY without the right to edit."""
    if not actor.system and not org.permissions.of(actor.user_id).on(obj).edit:
        raise DmlError("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", f"entity type cannot be updated: {obj.label}")


def refuse_delete(org: Org, obj: ObjectType, actor: Actor) -> None:
    """INSUFFICIENT_ACCESS_OR_READONLY without the right to delete."""
    if not actor.system and not org.permissions.of(actor.user_id).on(obj).delete:
        raise no_access()


def refuse_setup(org: Org, user_id: str) -> None:
    """INSUFFICIENT_ACCESS for who may not change the org itself: the Metadata API asks for it, reading or writing.

    Page "Metadata API": "Modify Metadata Through Metadata API Functions" or "Modify All Data".
    """
    if not org.permissions.of(user_id).unrestricted:
        text = "use of the Metadata API requires a user with the ModifyAllData or ModifyMetadata permissions"
        raise ApiError("INSUFFICIENT_ACCESS", text, http=403)


def no_access() -> DmlError:
    """The refusal of a record, or an object, that the user may read but not change."""
    return DmlError("INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id", http=403)


# What a right needs besides itself, as the vendor's page says.
NEEDS = (
    ("Create", "Read"), ("Edit", "Read"), ("Delete", "Edit"), ("ViewAllRecords", "Read"),
    ("ModifyAllRecords", "ViewAllRecords"), ("ModifyAllRecords", "Delete"),
)  # fmt: skip


def check_row(row: Mapping[str, object]) -> None:
    """Refuse a row of ObjectPermissions whose rights lack what they depend on."""
    for right, needed in NEEDS:
        if row.get(f"Permissions{right}") and not row.get(f"Permissions{needed}"):
            name = row.get("SobjectType")
            text = f"Permission {right}<{name}> depends on permission(s): {needed}<{name}>"
            raise DmlError("FIELD_INTEGRITY_EXCEPTION", text, [f"Permissions{right}"])
