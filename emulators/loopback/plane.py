"""How tests and demos steer an emulator under /__emulator__/: calls, faults and the clock; each CRM adds its own."""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from emulators.loopback.calls import Calls
from emulators.loopback.clock import Clock, parse_instant, stored
from emulators.loopback.faults import Faults
from emulators.loopback.http import Call, Response
from emulators.loopback.json_text import parse

PREFIX = "/__emulator__"
TOKEN_HEADER = "x-emulator-token"  # noqa: S105  (the header's name)
_WRONG = (KeyError, TypeError, ValueError, re.error)


class Plane:
    """The control plane. Its answers are not the vendor's; its calls are neither counted nor limited."""

    def __init__(self, token: str, clock: Clock, faults: Faults) -> None:
        self.token, self.clock, self.faults = token, clock, faults
        self.calls = Calls()
        self._acts: dict[tuple[str, str], Callable[[Any], Any]] = {}
        self.add("GET", "calls", lambda body: self.calls.describe())
        self.add("POST", "reset_calls", lambda body: self.calls.reset())
        self.add("POST", "faults", self._plan)
        self.add("DELETE", "faults", lambda body: self._plan([]))
        self.add("POST", "clock", self._clock)

    def add(self, method: str, name: str, act: Callable[[Any], Any]) -> None:
        """Let `act` answer that name: parsed body ({} for none) -> what becomes JSON, None for an empty object."""
        self._acts[method, name] = act

    def refusal(self, bad: Exception) -> tuple[int, str] | None:
        """Status and text for an exception of the vendor's own kind; None for any other."""
        return None

    def answer(self, call: Call) -> Response:
        """One call under /__emulator__/; the token is demanded for each."""
        given = call.headers.get(TOKEN_HEADER, "")
        if not hmac.compare_digest(given.encode(), self.token.encode()):
            return _json({"error": f"the {TOKEN_HEADER} header does not hold the control token"}, 403)
        act = self._acts.get((call.method, call.path.removeprefix(PREFIX + "/").rstrip("/")))
        if act is None:
            known = ", ".join(f"{method} {name}" for method, name in sorted(self._acts))
            return _json({"error": f"no {call.method} {call.path} here; known are {known}"}, 404)
        try:
            found = act(parse(call.body) if call.body else {})
        except Exception as bad:
            refused = self.refusal(bad)
            if refused is None and not isinstance(bad, _WRONG):
                raise
            status, text = refused or (400, f"{type(bad).__name__}: {bad}")
            return _json({"error": text}, status)
        return _json({} if found is None else found, 200)

    def _plan(self, body: Any) -> dict[str, Any]:
        """A list of rules replaces the plan, one rule joins it."""
        if isinstance(body, Mapping):
            self.faults.add([dict(body)])
        else:
            self.faults.replace(list(body))
        return {"faults": self.faults.describe()}

    def _clock(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """`{"now": instant}`, `{"advance": seconds}`, `{"frozen": bool}`, any of them."""
        if "now" in body:
            self.clock.set(parse_instant(str(body["now"])))
        if "advance" in body:
            self.clock.advance(float(body["advance"]))
        if "frozen" in body:
            self.clock.freeze(bool(body["frozen"]))
        return {"now": stored(self.clock.now()), "frozen": self.clock.frozen}


def _json(value: object, status: int) -> Response:
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(status, body, {"Content-Type": "application/json;charset=UTF-8"})
