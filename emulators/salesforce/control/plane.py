"""How tests and demos steer the org: limits, access, rules and other people's edits."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from emulators.loopback.clock import stored
from emulators.loopback.plane import Plane
from emulators.salesforce.control import rules as control_rules
from emulators.salesforce.errors import ApiError, DmlError, not_found
from emulators.salesforce.oauth.login import Login
from emulators.salesforce.org import Org

_ID = re.compile(r"(?<=/)[0-9a-zA-Z]{15}(?:[0-9a-zA-Z]{3})?(?:-\d+)?(?=$|[/?])")


def pattern_of(path: str) -> str:
    """The path with ids and versions replaced, for counting."""
    return _ID.sub("{id}", re.sub(r"/v\d+\.\d", "/vXX", path))


class Control(Plane):
    """The control plane of an org."""

    def __init__(self, org: Org, login: Login, token: str) -> None:
        super().__init__(token, org.clock, org.faults)
        self.org, self.login = org, login
        self.add("GET", "state", lambda body: self.state())
        self.add("POST", "locks", self._lock)
        self.add("POST", "expire_tokens", lambda body: {"expired": self.login.revoke_all()})
        self.add("POST", "access", self._access)
        self.add("POST", "insert", self._insert)
        self.add("POST", "edit", self._edit)
        self.add("POST", "delete", self._delete)
        self.add("POST", "undelete", self._undelete)
        self.add("POST", "merge", self._merge)
        self.add("POST", "empty_recycle_bin", self._empty)
        control_rules.add_to(self, org)

    def refusal(self, bad: Exception) -> tuple[int, str] | None:
        """What the org's own rules refuse."""
        if isinstance(bad, DmlError):
            return 400, str(bad)
        return (bad.http, bad.message) if isinstance(bad, ApiError) else None

    def state(self) -> dict[str, Any]:
        """Clock, limits, faults and identity of the org."""
        org = self.org
        return {
            "org_id": org.org_id,
            "user_id": org.user_id,
            "now": stored(org.clock.now()),
            "frozen": org.clock.frozen,
            "daily_max": org.limits.daily_max,
            "used": org.limits.used(),
            "faults": org.faults.describe(),
            "objects": sorted(obj.name for obj in org.schema.objects.values()),
        }

    def _lock(self, body: Mapping[str, Any]) -> None:
        self.org.faults.add([{"kind": "lock_row", "ids": body["ids"], "times": body.get("times", 0)}])

    def _access(self, body: Mapping[str, Any]) -> None:
        obj = self.org.schema.object(str(body["object"]))
        name = str(body.get("field", ""))
        if obj is None or (name and obj.field(name) is None):
            raise not_found()
        readable = bool(body.get("readable", True))
        self.org.access.hide(
            obj.name, name, readable=readable, editable=readable and bool(body.get("editable", True))
        )

    def _insert(self, body: Mapping[str, Any]) -> dict[str, Any]:
        return {"id": self.org.insert(str(body["object"]), body["values"], self.org.system())}

    def _edit(self, body: Mapping[str, Any]) -> None:
        self.org.update(str(body["object"]), str(body["id"]), body["values"], self.org.system())

    def _delete(self, body: Mapping[str, Any]) -> None:
        drop = self.org.hard_delete if body.get("hard") else self.org.delete
        drop(str(body["object"]), str(body["id"]), self.org.system())

    def _undelete(self, body: Mapping[str, Any]) -> None:
        self.org.undelete(str(body["object"]), str(body["id"]), self.org.system())

    def _merge(self, body: Mapping[str, Any]) -> dict[str, Any]:
        losers, values = list(body["losers"]), body.get("values")
        done = self.org.merge(str(body["object"]), str(body["master"]), losers, self.org.system(), values)
        return {"id": done.id, "merged": list(done.merged), "related": list(done.related)}

    def _empty(self, body: Mapping[str, Any]) -> dict[str, Any]:
        outcomes = self.org.empty_recycle_bin(list(body["ids"]), self.org.system())
        return {"errors": [None if bad is None else str(bad) for bad in outcomes]}
