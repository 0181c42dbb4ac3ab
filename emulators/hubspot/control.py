"""How tests and demos steer the portal: limits, lag, tokens, scopes, hidden objects and other people's edits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from emulators.hubspot import (
    associations,
    changes,
    definitions,
    jobs,
    later,
    merge,
    search_index,
    validations,
    writing,
)
from emulators.hubspot.definitions import ObjectType
from emulators.hubspot.errors import HubError
from emulators.hubspot.limits import Limits
from emulators.hubspot.links_file import kinds_of
from emulators.hubspot.portal import Portal
from emulators.hubspot.router import Router
from emulators.hubspot.tokens import Tokens
from emulators.loopback.clock import stored
from emulators.loopback.plane import Plane

Body = Mapping[str, Any]
_SOMEBODY = "52000099"  # a user who is not the application's


class Control(Plane):
    """The control plane of a portal."""

    def __init__(self, portal: Portal, tokens: Tokens, limits: Limits, router: Router, token: str) -> None:
        super().__init__(token, portal.clock, portal.faults)
        self.portal, self.tokens, self.limits, self.router = portal, tokens, limits, router
        self.add("GET", "state", lambda body: self.state())
        self.add("POST", "limits", self._limits)
        self.add("POST", "lag", self._lag)
        self.add("POST", "jobs", lambda body: portal.put_state(jobs.SECONDS, float(body["seconds"])))
        self.add("POST", "bumps", lambda body: portal.put_state("bumps", bool(body["enabled"])))
        self.add("POST", "expire_tokens", lambda body: {"expired": tokens.expire()})
        self.add("POST", "revoke", lambda body: {"revoked": tokens.revoke(str(body["token"]))})
        self.add("POST", "scopes", self._scopes)
        self.add("POST", "retire", lambda body: self._retire(list(body["versions"])))
        self.add("POST", "hide", self._hide)
        self.add("POST", "locks", self._locks)
        self.add("POST", "rules", self._rule)
        self.add("DELETE", "rules", lambda body: self._forget_rules())
        for name in ("insert", "edit", "delete", "restore", "purge", "merge", "associate"):
            self.add("POST", name, getattr(self, f"_{name}"))

    def refusal(self, bad: Exception) -> tuple[int, str] | None:
        """What the portal's own rules refuse."""
        return (400 if bad.status < 400 else bad.status, str(bad)) if isinstance(bad, HubError) else None

    def state(self) -> dict[str, Any]:
        """Identity, clock, limits, faults and objects of the portal."""
        portal = self.portal
        later.settle(portal)
        jobs.settle(portal)
        return {
            "portal_id": portal.settings.portal_id,
            "app_id": portal.settings.app_id,
            "user_id": portal.settings.user_id,
            "tier": str(portal.settings.tier),
            "now": stored(portal.now()),
            "frozen": portal.clock.frozen,
            "limits": self.limits.describe(),
            "lag": list(search_index.lag(portal)),
            "scopes": list(self.tokens.granted()),
            "retired": sorted(self.router.retired),
            "faults": portal.faults.describe(),
            "objects": [each.name for each in definitions.object_types(portal)],
        }

    def _limits(self, body: Body) -> dict[str, Any]:
        """Any of burst, oauth_burst, daily, search, window, second, enabled, used."""
        self.limits.set(dict(body))
        return self.limits.describe()

    def _lag(self, body: Body) -> None:
        """`{"seconds": n}` or `{"least": n, "most": n}`; 0: the index is never late."""
        least = float(body.get("least", body.get("seconds", 0)))
        self.portal.put_state(search_index.LAG, [least, float(body.get("most", least))])

    def _scopes(self, body: Body) -> dict[str, Any]:
        """`{"take": [...]}`, `{"give": [...]}` or `{"set": [...]}`."""
        kept = list(body["set"]) if "set" in body else list(self.tokens.granted())
        kept = [each for each in kept if each not in body.get("take", ())] + list(body.get("give", ()))
        self.portal.put_state("scopes", list(dict.fromkeys(kept)))
        return {"scopes": list(self.tokens.granted())}

    def _retire(self, versions: list[str]) -> None:
        self.router.retired = set(versions)

    def _hide(self, body: Body) -> dict[str, Any]:
        """`{"object": name, "hidden": bool}`."""
        kept = set(self.portal.state("hidden") or ())
        change = kept.add if body.get("hidden", True) else kept.discard
        change(self._object(body).type_id)
        self.portal.put_state("hidden", sorted(kept))
        return {"hidden": sorted(kept)}

    def _locks(self, body: Body) -> None:
        self.portal.faults.add([{"kind": "lock_row", "ids": body["ids"], "times": body.get("times", 0)}])

    def _rule(self, body: Body) -> None:
        """`{"object", "rule", "property", ...}`: a validation rule as validations.put takes it."""
        rule = {name: value for name, value in body.items() if name != "object"}
        validations.put(self.portal, self._object(body).type_id, rule)

    def _forget_rules(self) -> None:
        with self.portal.transaction() as connection:
            connection.execute("DELETE FROM validation")

    def _insert(self, body: Body) -> dict[str, Any]:
        """`{"object", "properties", "id"?, "user_id"?}` -> `{"id"}`."""
        new = writing.New(dict(body["properties"]), (), str(body.get("id", "")))
        made = writing.create(self.portal, self._object(body), [new], self._somebody(body))
        return {"id": made[0][0].id}

    def _edit(self, body: Body) -> None:
        """`{"object", "id", "properties", "user_id"?}`; read-only properties may be set."""
        changes = [(str(body["id"]), dict(body["properties"]))]
        _, missing = writing.update(self.portal, self._object(body), changes, self._somebody(body))
        if missing:
            raise ValueError(f"no live record {missing[0]}")

    def _delete(self, body: Body) -> dict[str, Any]:
        with changes.by(self._somebody(body)):
            return {"deleted": writing.archive(self.portal, self._object(body), self._ids(body))}

    def _restore(self, body: Body) -> dict[str, Any]:
        with changes.by(self._somebody(body)):
            return {"restored": writing.restore(self.portal, self._object(body), self._ids(body))}

    def _purge(self, body: Body) -> None:
        with self.portal.transaction() as connection:
            later.remove(self.portal, connection, self._object(body).type_id, self._ids(body))

    def _merge(self, body: Body) -> dict[str, Any]:
        """`{"object", "primary", "loser", "new_id"?}` -> `{"id"}`, the survivor's; new_id: is it a new one."""
        if "new_id" in body:
            self.portal.put_state(merge.NEW_ID, bool(body["new_id"]))
        pair = str(body["primary"]), str(body["loser"])
        return {"id": merge.merge(self.portal, self._object(body), *pair, self._somebody(body)).id}

    def _associate(self, body: Body) -> None:
        """`{"object", "id", "to_object", "to_id", "label"?, "remove"?}`; the label is its text, none: unlabelled."""
        to = self._object({"object": body["to_object"]})
        ends = (self._object(body).type_id, str(body["id"]), to.type_id, str(body["to_id"]))
        label = str(body.get("label", ""))
        kinds = [(each.category, each.type_id) for each in kinds_of(self.portal, ends[0], ends[2], label)]
        with changes.by(self._somebody(body)):
            if not body.get("remove"):
                associations.add(self.portal, *ends, kinds)
            elif label:
                associations.take_labels(self.portal, *ends, kinds[1:])
            else:
                associations.remove(self.portal, *ends)

    def _object(self, body: Body) -> ObjectType:
        found = definitions.object_type(self.portal, str(body["object"]))
        if found is None:
            raise ValueError(f"no object {body['object']!r}")
        return found

    def _ids(self, body: Body) -> list[str]:
        return [str(each) for each in body["ids"]] if "ids" in body else [str(body["id"])]

    def _somebody(self, body: Body) -> writing.Actor:
        return writing.Actor.person(str(body.get("user_id", _SOMEBODY)))
