"""Who may see and change which field: custom ones only through permission sets, standard ones unless hidden."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from emulators.salesforce.schema import FieldType, ObjectType

if TYPE_CHECKING:
    from emulators.salesforce.org import Org

Allows = Callable[[ObjectType, FieldType], bool]
_GRANTS = """
SELECT lower(f.f_field), max(f.f_permissionsread), max(f.f_permissionsedit)
FROM o_fieldpermissions f JOIN o_permissionsetassignment a ON a.f_permissionsetid = f.f_parentid
WHERE a.f_assigneeid = ? GROUP BY 1
"""
PERMISSION_OBJECTS = frozenset(
    [
        "permissionset",
        "permissionsetassignment",
        "fieldpermissions",
        "objectpermissions",
        "profile",
        "user",
        "userrole",
        "group",
        "groupmember",
    ]
)


class Access:
    """Answers reads and edits; forgets what it knows whenever permissions or the schema change."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self._lock = threading.Lock()
        self._generation = 0
        self._known: dict[str, tuple[Allows, Allows]] = {}
        self._hidden: dict[tuple[str, str], tuple[bool, bool]] | None = None
        self.changed_at = org.clock.now().replace(microsecond=0)  # of the describes' Last-Modified

    def forget(self) -> None:
        """Permissions or fields have changed."""
        self.changed_at = self._org.clock.now().replace(microsecond=0)
        with self._lock:
            self._generation += 1
            self._known.clear()
            self._hidden = None
        self._org.permissions.forget()
        self._org.sharing.forget()

    def readable(self, user_id: str) -> Allows:
        """Whether the user may read a field."""
        return self._rules(user_id)[0]

    def editable(self, user_id: str) -> Allows:
        """Whether the user may write a field (besides its being createable or updateable at all)."""
        return self._rules(user_id)[1]

    def hidden_object(self, name: str) -> bool:
        """Whether the object as a whole is hidden from everybody, or from the user for whom this thread acts."""
        obj = self._org.schema.object(name)
        if obj is not None and not self._org.permissions.of(self._org.acting_user).on(obj).read:
            return True
        return self.withheld(name)

    def withheld(self, name: str) -> bool:
        """Whether the object as a whole is hidden from everybody."""
        return not self._hidden_fields().get((name.lower(), ""), (True, True))[0]

    def hide(self, object_name: str, field_name: str, *, readable: bool, editable: bool) -> None:
        """Override the access to a field, or with an empty field name to the whole object."""
        with self._org.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO e_hidden VALUES (?, ?, ?, ?)",
                (object_name.lower(), field_name.lower(), readable, editable),
            )
            self._org.rights_changed()

    def _hidden_fields(self) -> dict[tuple[str, str], tuple[bool, bool]]:
        hidden = self._hidden
        if hidden is None:
            rows = self._org.connection().execute("SELECT object, field, readable, editable FROM e_hidden")
            generation = self._generation
            hidden = {(row[0], row[1]): (bool(row[2]), bool(row[3])) for row in rows}
            if generation == self._generation:
                self._hidden = hidden
        return hidden

    def _rules(self, user_id: str) -> tuple[Allows, Allows]:
        known = self._known.get(user_id)
        if known is None:
            generation = self._generation
            known = self._make(user_id)
            with self._lock:
                if generation == self._generation:
                    self._known[user_id] = known
        return known

    def _make(self, user_id: str) -> tuple[Allows, Allows]:
        grants = {row[0]: (bool(row[1]), bool(row[2])) for row in self._org.connection().execute(_GRANTS, (user_id,))}
        hidden = self._hidden_fields()

        def rights(obj: ObjectType, field: FieldType) -> tuple[bool, bool]:
            name = (obj.name.lower(), field.name.lower())
            if name in hidden:
                return hidden[name]
            if field.always_visible or (field.custom and not field.nillable and field.type != "boolean"):
                return True, True
            found = [grants[key] for key in _spellings(*name) if key in grants]
            return any(read for read, _ in found), any(edit for _, edit in found)

        return (lambda obj, field: rights(obj, field)[0]), (lambda obj, field: rights(obj, field)[1])


def _spellings(obj: str, field: str) -> tuple[str, ...]:
    """Fields of Activity are granted under its name or under Task's or Event's."""
    if obj in ("task", "event"):
        return (f"{obj}.{field}", f"activity.{field}")
    return (f"{obj}.{field}",)
