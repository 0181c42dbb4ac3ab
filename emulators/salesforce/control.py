"""How tests and demos steer the emulator: clock, faults, limits, other people's edits, and what was called."""

from __future__ import annotations

import hmac
import re
import threading
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from emulators.loopback.clock import parse_instant, stored
from emulators.salesforce import rules
from emulators.salesforce.errors import ApiError, DmlError, not_found
from emulators.salesforce.oauth import Login
from emulators.salesforce.org import Org
from emulators.salesforce.router import Request, Response, Router, json_response

PREFIX = "/__emulator__"
TOKEN_HEADER = "x-emulator-token"  # noqa: S105  (the header's name)
_KEPT_CALLS = 5000
_ID = re.compile(r"(?<=/)[0-9a-zA-Z]{15}(?:[0-9a-zA-Z]{3})?(?:-\d+)?(?=$|[/?])")


@dataclass(frozen=True, slots=True)
class Call:
    """One call as it was answered."""

    method: str
    path: str
    pattern: str
    query: str
    status: int
    fault: str
    at: str
    seconds: float


class Calls:
    """The calls since the last reset."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._recent: deque[Call] = deque(maxlen=_KEPT_CALLS)
        self._counts: Counter[str] = Counter()

    def add(self, call: Call) -> None:
        """Remember a call."""
        with self._lock:
            self._recent.append(call)
            self._counts[f"{call.method} {call.pattern}"] += 1

    def reset(self) -> None:
        """Forget all."""
        with self._lock:
            self._recent.clear()
            self._counts.clear()

    def describe(self) -> dict[str, Any]:
        """Totals by kind and the latest calls, oldest first."""
        with self._lock:
            counts = dict(self._counts.most_common())
            return {"total": sum(counts.values()), "by_kind": counts, "calls": [asdict(c) for c in self._recent]}


def pattern_of(path: str) -> str:
    """The path with ids and versions replaced, for counting."""
    return _ID.sub("{id}", re.sub(r"/v\d+\.\d", "/vXX", path))


class Control:
    """The control plane. Its answers are not the vendor's; its calls are neither counted nor limited."""

    def __init__(self, org: Org, login: Login, token: str) -> None:
        self.org, self.login, self.token = org, login, token
        self.calls = Calls()
        self.router = Router()
        self._register()

    def answer(self, request: Request) -> Response:
        """Dispatch one call under /__emulator__/; the token is demanded for each."""
        given = request.headers.get(TOKEN_HEADER, "")
        if not hmac.compare_digest(given.encode(), self.token.encode()):
            return json_response({"error": f"the {TOKEN_HEADER} header does not hold the control token"}, 403)
        try:
            route, request.params = self.router.find(request.method, request.path)
            return route.handler(request, self.org)
        except DmlError as bad:
            return json_response({"error": str(bad)}, 400)
        except ApiError as bad:
            return json_response({"error": bad.message}, bad.http)
        except (KeyError, TypeError, ValueError, re.error) as bad:
            return json_response({"error": f"{type(bad).__name__}: {bad}"}, 400)

    def _register(self) -> None:
        self._add("GET", "state", lambda body: self.state())
        self._add("GET", "calls", lambda body: self.calls.describe())
        self._add("POST", "reset_calls", lambda body: self.calls.reset())
        self._add("POST", "faults", lambda body: self._faults(body))
        self._add("DELETE", "faults", lambda body: self._faults([]))
        self._add("POST", "locks", self._lock)
        self._add("POST", "clock", self._clock)
        self._add("POST", "limits", self._limits)
        self._add("POST", "expire_tokens", lambda body: {"expired": self.login.revoke_all()})
        self._add("POST", "access", self._access)
        self._add("POST", "rules", self._rule)
        self._add("DELETE", "rules", lambda body: self._forget_rules())
        self._add("POST", "insert", self._insert)
        self._add("POST", "edit", self._edit)
        self._add("POST", "delete", self._delete)
        self._add("POST", "undelete", self._undelete)
        self._add("POST", "merge", self._merge)

    def _add(self, method: str, name: str, act: Callable[[Any], Any]) -> None:
        def handler(request: Request, org: Org) -> Response:
            answer = act(request.json() if request.body else {})
            return json_response({} if answer is None else answer)

        self.router.add(method, f"{PREFIX}/{name}", handler, session=False)

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

    def _faults(self, body: Any) -> dict[str, Any]:
        if isinstance(body, Mapping):
            self.org.faults.add([dict(body)])
        else:
            self.org.faults.replace(list(body))
        return {"faults": self.org.faults.describe()}

    def _lock(self, body: Mapping[str, Any]) -> None:
        self.org.faults.add([{"kind": "lock_row", "ids": body["ids"], "times": body.get("times", 0)}])

    def _clock(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """`{"now": instant}`, `{"advance": seconds}`, `{"frozen": bool}`, any of them."""
        clock = self.org.clock
        if "now" in body:
            clock.set(parse_instant(str(body["now"])))
        if "advance" in body:
            clock.advance(float(body["advance"]))
        if "frozen" in body:
            clock.freeze(bool(body["frozen"]))
        return {"now": stored(clock.now()), "frozen": clock.frozen}

    def _limits(self, body: Mapping[str, Any]) -> None:
        if "daily_max" in body:
            self.org.limits.daily_max = int(body["daily_max"])
        if "used" in body:
            self.org.limits.set_used(int(body["used"]))

    def _access(self, body: Mapping[str, Any]) -> None:
        obj = self.org.schema.object(str(body["object"]))
        name = str(body.get("field", ""))
        if obj is None or (name and obj.field(name) is None):
            raise not_found()
        readable = bool(body.get("readable", True))
        self.org.access.hide(
            obj.name, name, readable=readable, editable=readable and bool(body.get("editable", True))
        )

    def _rule(self, body: Mapping[str, Any]) -> dict[str, Any]:
        with self.org.transaction() as connection:
            return {"id": rules.add(connection, self.org.object(str(body["object"])), body)}

    def _forget_rules(self) -> None:
        with self.org.transaction() as connection:
            rules.clear(connection)

    def _insert(self, body: Mapping[str, Any]) -> dict[str, Any]:
        return {"id": self.org.insert(str(body["object"]), body["values"], self.org.system())}

    def _edit(self, body: Mapping[str, Any]) -> None:
        self.org.update(str(body["object"]), str(body["id"]), body["values"], self.org.system())

    def _delete(self, body: Mapping[str, Any]) -> None:
        drop = self.org.hard_delete if body.get("hard") else self.org.delete
        drop(str(body["object"]), str(body["id"]), self.org.system())

    def _undelete(self, body: Mapping[str, Any]) -> None:
        self.org.undelete(str(body["object"]), str(body["id"]), self.org.system())

    def _merge(self, body: Mapping[str, Any]) -> None:
        self.org.merge(str(body["object"]), str(body["master"]), list(body["losers"]), self.org.system())
