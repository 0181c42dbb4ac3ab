"""How tests and demos set an org's rules: validation and duplicate rules, sharing, permissions, limits, history."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from emulators.loopback.plane import Plane
from emulators.salesforce import duplicates, history, rules, storage
from emulators.salesforce.org import Org

Body = Mapping[str, Any]


def add_to(plane: Plane, org: Org) -> None:
    """Let the control plane answer for rules."""
    acts = RuleActs(org)
    plane.add("GET", "rules", lambda body: {"rules": org.rulebook.listed("e_rule")})
    plane.add("POST", "rules", acts.rule)
    plane.add("DELETE", "rules", lambda body: org.rulebook.clear("e_rule"))
    plane.add("GET", "duplicate_rules", lambda body: {"rules": org.rulebook.listed("e_duplicate_rule")})
    plane.add("POST", "duplicate_rules", acts.duplicate_rule)
    plane.add("DELETE", "duplicate_rules", lambda body: duplicates.clear(org))
    plane.add("GET", "sharing", lambda body: org.sharing.describe())
    plane.add("POST", "sharing", acts.sharing)
    plane.add("DELETE", "sharing", lambda body: org.sharing.clear())
    plane.add("POST", "limits", acts.limits)
    plane.add("POST", "tracking", acts.tracking)


class RuleActs:
    """What the control plane's calls about rules do."""

    def __init__(self, org: Org) -> None:
        self.org = org

    def rule(self, body: Body) -> dict[str, Any]:
        """A new validation rule, or `{id, active}` for one that is there."""
        if "id" in body:
            self.org.rulebook.switch("e_rule", int(body["id"]), bool(body["active"]))
            return {"id": int(body["id"])}
        return {"id": rules.add(self.org, self.org.object(str(body["object"])), body)}

    def duplicate_rule(self, body: Body) -> dict[str, Any]:
        """A new duplicate rule, or `{id, active}` for one that is there."""
        if "id" in body:
            self.org.rulebook.switch("e_duplicate_rule", int(body["id"]), bool(body["active"]))
            return {"id": int(body["id"])}
        return {"id": duplicates.add(self.org, self.org.object(str(body["object"])), body)}

    def sharing(self, body: Body) -> dict[str, Any]:
        """`{object, default}` and `{object, from, to, access}`, one or both."""
        obj = self.org.object(str(body["object"]))
        if "default" in body:
            self.org.sharing.set_default(obj, str(body["default"]))
        if "from" in body:
            self.org.sharing.add_rule(obj, body)
        return self.org.sharing.describe()

    def limits(self, body: Body) -> dict[str, Any]:
        """Any of daily_max, used, concurrent_max, long_seconds, long_running, query_rows, storage_mb."""
        known = {"daily_max", "used", "concurrent_max", "long_seconds", "long_running", "query_rows", "storage_mb"}
        if set(body) - known:
            raise ValueError(f"limits are {', '.join(sorted(known))}; got {', '.join(sorted(body))}")
        limits = self.org.limits
        limits.daily_max = int(body.get("daily_max", limits.daily_max))
        limits.concurrent_max = int(body.get("concurrent_max", limits.concurrent_max))
        limits.long_seconds = float(body.get("long_seconds", limits.long_seconds))
        limits.pretended = int(body.get("long_running", limits.pretended))
        limits.query_rows = int(body.get("query_rows", limits.query_rows))
        if "used" in body:
            limits.set_used(int(body["used"]))
        if "storage_mb" in body:
            limits.limit_storage(int(body["storage_mb"]), self._stored_kb())
        return {"used": limits.used(), "storage_kb": self._stored_kb()}

    def tracking(self, body: Body) -> dict[str, Any]:
        """`{object, fields}`: the fields whose changes the org keeps a history of."""
        names = history.track(self.org, self.org.object(str(body["object"])), list(body["fields"]))
        return {"fields": names}

    def _stored_kb(self) -> int:
        return storage.stored_kb(self.org.connection(), self.org.schema)
