"""Which records a user may read, edit or own up to: org-wide defaults, owners, roles, share rows and rules.

A question is answered as one SQL condition over the records of an object, or None when every record is allowed: so
administrators, and orgs whose defaults are public, pay nothing. The vendor's pages: Record-Level Security;
Organization-Wide Sharing Defaults; AccountShare and its like; UserRole; GroupMember.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from emulators.salesforce.rights.permissions import BELONGS
from emulators.salesforce.schema import ObjectType

if TYPE_CHECKING:
    from emulators.salesforce.org import Org

DEFAULTS = ("Private", "Read", "ReadWrite", "ReadWriteTransfer", "FullAccess", "ControlledByParent")
READ, EDIT, FULL = "read", "edit", "full"
_OPEN = {
    READ: ("Read", "ReadWrite", "ReadWriteTransfer", "FullAccess"),
    EDIT: ("ReadWrite", "ReadWriteTransfer", "FullAccess"),
    FULL: ("FullAccess",),
}
_LEVELS = {READ: "('Read', 'Edit', 'All')", EDIT: "('Edit', 'All')", FULL: "('All')"}
_PARENTS = {"contact": "accountid", "opportunity": "accountid"}  # what ControlledByParent follows
_IMPLIED = ("opportunity", "contact")  # whoever sees one of these may read its account


@dataclass(frozen=True, slots=True)
class Circle:
    """Whose records are a user's own or their subordinates', and as whom records are shared with the user."""

    owners: frozenset[str]
    principals: frozenset[str]


class Sharing:
    """Answers which records users may read, edit and delete; forgets whenever users, roles or groups change."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self._lock = threading.Lock()
        self._generation = 0
        self._circles: dict[str, Circle] = {}
        self._kept: dict[str, Any] | None = None

    def forget(self) -> None:
        """Something that sharing depends on has changed."""
        with self._lock:
            self._generation += 1
            self._circles.clear()
            self._kept = None

    def set_default(self, obj: ObjectType, default: str) -> None:
        """The org-wide default of an object; ValueError for one that it cannot have."""
        if default not in DEFAULTS or (obj.field("OwnerId") is None and default != "ControlledByParent"):
            raise ValueError(f"the default of {obj.name} must be one of {', '.join(DEFAULTS)}; got {default}")
        if default == "ControlledByParent" and obj.name.lower() not in _PARENTS:
            raise ValueError(f"{obj.name} is not controlled by a parent")
        kept = self._state()
        self._keep({**kept, "defaults": {**kept["defaults"], obj.name.lower(): default}})

    def add_rule(self, obj: ObjectType, body: Mapping[str, Any]) -> None:
        """A sharing rule `{from, to, access}`: what those users, roles or groups own is shared with others."""
        if body["access"] not in ("Read", "Edit"):
            raise ValueError(f"access must be Read or Edit; got {body['access']}")
        rule = {"from": str(body["from"]), "to": str(body["to"]), "access": body["access"]}
        kept = self._state()
        rules = [*kept["rules"].get(obj.name.lower(), ()), rule]
        self._keep({**kept, "rules": {**kept["rules"], obj.name.lower(): rules}})

    def describe(self) -> dict[str, Any]:
        """Defaults and rules in force."""
        return self._state()

    def clear(self) -> None:
        """Every object is public again and no rule is left."""
        self._keep({"defaults": {}, "rules": {}})

    def condition(self, obj: ObjectType, user_id: str, access: str, alias: str = "t") -> str | None:
        """The SQL condition for records of `alias` that the user may `access`, or None for all of them."""
        rights = self._org.permissions.of(user_id)
        mine = rights.on(obj)
        if rights.unrestricted or mine.modify_all or (access == READ and mine.view_all):
            return None
        if not mine.read:
            return "0"
        name = obj.name.lower()
        if name in BELONGS:
            return self._by_parent(obj, *BELONGS[name], user_id, READ if access == READ else EDIT, alias)
        if obj.field("OwnerId") is None:
            return None
        default = self._state()["defaults"].get(name, "ReadWrite")
        if default in _OPEN[access]:
            return None
        if default == "ControlledByParent":
            held = self._by_parent(obj, "account", _PARENTS[name], user_id, READ if access == READ else EDIT, alias)
            alone = f"{alias}.f_{_PARENTS[name]} IS NULL AND ({self._owned(name, user_id, access, alias)})"
            return None if held is None else f"({held} OR {alone})"
        return f"({self._owned(name, user_id, access, alias)})"

    def allows(self, obj: ObjectType, user_id: str, access: str, record_id: str) -> bool:
        """Whether the user may access that record."""
        condition = self.condition(obj, user_id, access)
        if condition is None:
            return True
        sql = f"SELECT 1 FROM o_{obj.name.lower()} AS t WHERE t.f_id = ? AND {condition}"
        return self._org.connection().execute(sql, (record_id,)).fetchone() is not None

    def _by_parent(
        self, obj: ObjectType, parent: str, link: str, user_id: str, access: str, alias: str
    ) -> str | None:
        target = self._org.schema.object(parent)
        if target is None or obj.field(link) is None:
            return None
        inner = f"{alias}p"
        condition = self.condition(target, user_id, access, inner)
        if condition is None:
            return None
        allowed = f"{alias}.f_{link} IN (SELECT {inner}.f_id FROM o_{parent} AS {inner} WHERE {condition})"
        return (
            allowed
            if parent != "account" or obj.name.lower() in _PARENTS
            else f"({alias}.f_{link} IS NULL OR {allowed})"
        )

    def _owned(self, name: str, user_id: str, access: str, alias: str) -> str:
        """Own, subordinates', shared by row, by rule, by the account's row, by team, and implied by children."""
        circle = self._circle(user_id)
        terms = [f"{alias}.f_ownerid IN {_listed(circle.owners | self._by_rules(name, circle, access))}"]
        shared = f"f_userorgroupid IN {_listed(circle.principals)} AND f_isdeleted = 0"
        if self._org.schema.object(f"{name}share") is not None:
            level = f"f_{name}accesslevel IN {_LEVELS[access]}"
            terms.append(f"{alias}.f_id IN (SELECT f_{name}id FROM o_{name}share WHERE {shared} AND {level})")
        account_share = self._org.schema.object("AccountShare")
        if name in _PARENTS and account_share is not None:
            level = f"f_{name}accesslevel IN {_LEVELS[access]}"
            terms.append(
                f"{alias}.f_accountid IN (SELECT f_accountid FROM o_accountshare WHERE {shared} AND {level})"
            )
        if name == "opportunity" and self._org.schema.object("OpportunityTeamMember") is not None:
            team = "SELECT f_opportunityid FROM o_opportunityteammember WHERE f_isdeleted = 0"
            level = f"f_opportunityaccesslevel IN {_LEVELS[access]}"
            terms.append(f"{alias}.f_id IN ({team} AND f_userid IN {_listed(frozenset({user_id}))} AND {level})")
        if name == "account" and access == READ:
            for child in _IMPLIED:
                own = f"f_ownerid IN {_listed(circle.owners)} AND f_isdeleted = 0"
                terms.append(f"{alias}.f_id IN (SELECT f_accountid FROM o_{child} WHERE {own})")
        return " OR ".join(terms)

    def _by_rules(self, name: str, circle: Circle, access: str) -> frozenset[str]:
        """Whose records sharing rules open to the user."""
        found: set[str] = set()
        for rule in self._state()["rules"].get(name, ()):
            enough = access == READ or (access == EDIT and rule["access"] == "Edit")
            if enough and rule["to"] in circle.principals:
                found |= members(self._org, rule["from"])
        return frozenset(found)

    def _circle(self, user_id: str) -> Circle:
        found = self._circles.get(user_id)
        if found is None:
            generation = self._generation
            found = _circle(self._org, user_id)
            with self._lock:
                if generation == self._generation:
                    self._circles[user_id] = found
        return found

    def _state(self) -> dict[str, Any]:
        kept = self._kept
        if kept is None:
            kept = self._org.state("sharing") or {"defaults": {}, "rules": {}}
            self._kept = kept
        return kept

    def _keep(self, kept: dict[str, Any]) -> None:
        with self._org.transaction():
            self._org.put_state("sharing", kept)
            self._org.rights_changed()


def members(org: Org, principal: str) -> set[str]:
    """The users (and queues) that an id of a user, role or group stands for."""
    connection = org.connection()
    if principal.startswith("00E"):
        rows = connection.execute("SELECT f_id FROM o_user WHERE f_userroleid = ?", (principal,))
        return {row[0] for row in rows}
    if not principal.startswith("00G"):
        return {principal}
    group = connection.execute("SELECT f_type, f_relatedid FROM o_group WHERE f_id = ?", (principal,)).fetchone()
    if group is None:
        return set()
    if group[0] == "Organization":
        return {row[0] for row in connection.execute("SELECT f_id FROM o_user WHERE f_isactive = 1")}
    if group[0] in ("Role", "RoleAndSubordinates", "RoleAndSubordinatesInternal"):
        roles = {group[1]} if group[0] == "Role" else {group[1], *_below(org, str(group[1]))}
        return {user for role in roles for user in members(org, str(role))}
    rows = connection.execute("SELECT f_userorgroupid FROM o_groupmember WHERE f_groupid = ?", (principal,))
    return {principal} | {user for row in rows.fetchall() if row[0] != principal for user in members(org, row[0])}


def _circle(org: Org, user_id: str) -> Circle:
    connection = org.connection()
    row = connection.execute("SELECT f_userroleid FROM o_user WHERE f_id = ?", (user_id,)).fetchone()
    role = row[0] if row else None
    below = {user for under in _below(org, role) for user in members(org, under)} if role else set()
    groups = [row[0] for row in connection.execute("SELECT f_id FROM o_group")]
    mine = {group for group in groups if user_id in members(org, group)}
    queues = {group for group in mine if group in _queues(org)}
    principals = frozenset({user_id, *mine, *([role] if role else [])})
    return Circle(frozenset({user_id} | below | queues), principals)


def _queues(org: Org) -> set[str]:
    return {row[0] for row in org.connection().execute("SELECT f_id FROM o_group WHERE f_type = 'Queue'")}


def _below(org: Org, role: str) -> set[str]:
    """The roles beneath a role."""
    sql = (
        "WITH RECURSIVE under(id) AS (SELECT f_id FROM o_userrole WHERE f_parentroleid = ? "
        "UNION SELECT r.f_id FROM o_userrole AS r JOIN under ON r.f_parentroleid = under.id) SELECT id FROM under"
    )
    return {row[0] for row in org.connection().execute(sql, (role,))} - {role}


def _listed(ids: frozenset[str]) -> str:
    """Ids of the org's own tables as an SQL list; a quoted JSON document where there are many."""
    if len(ids) <= 20:
        return "(" + ", ".join(_quoted(one) for one in sorted(ids)) + ")"
    return f"(SELECT value FROM json_each({_quoted(json.dumps(sorted(ids)))}))"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
