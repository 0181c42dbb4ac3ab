"""How tests and demos steer an emulator under /__emulator__/: calls, faults and the clock; each CRM adds its own."""

from __future__ import annotations

import contextlib
import hmac
import json
import re
import traceback
from collections.abc import Callable, Mapping
from typing import Any

from emulators.loopback.calls import Calls
from emulators.loopback.clock import Clock, parse_instant, stored
from emulators.loopback.faults import Faults
from emulators.loopback.gate import Gate
from emulators.loopback.http import Call, Response
from emulators.loopback.json_text import parse

PREFIX = "/__emulator__"
TOKEN_HEADER = "x-emulator-token"  # noqa: S105  (the header's name)
_WRONG = (KeyError, TypeError, ValueError, re.error)


class Refused(Exception):
    """An act that cannot be done, with the status of its answer."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Plane:
    """The control plane. Its answers are not the vendor's; its calls are neither counted nor limited."""

    def __init__(self, token: str, clock: Clock, faults: Faults) -> None:
        self.token, self.clock, self.faults = token, clock, faults
        self.calls, self.gate = Calls(), Gate()
        self._acts: dict[tuple[str, str], Callable[[Any], Any]] = {}
        self.clock_moved: Callable[[], None] = lambda: None  # what waits for the clock is woken by this
        self._raw: dict[str, Callable[[bytes], Any]] = {}
        self.add("GET", "calls", lambda body: self.calls.describe())
        self.add("POST", "reset_calls", lambda body: self.calls.reset())
        self.add("POST", "faults", self._plan)
        self.add("DELETE", "faults", lambda body: self._plan([]))
        self.add("POST", "clock", self._clock)

    def add(self, method: str, name: str, act: Callable[[Any], Any]) -> None:
        """Let `act` answer that name: parsed body ({} for none) -> what becomes JSON, None for an empty object."""
        self._acts[method, name] = act

    def add_raw(self, name: str, act: Callable[[bytes], Any]) -> None:
        """Let `act` answer a POST of that name whose body is bytes, not JSON."""
        self._raw[name] = act
        self._acts["POST", name] = act

    def succeed(self, before: Plane) -> None:
        """Take the place of another: the calls that it has seen, and who waits for whom, stay."""
        self.calls, self.gate = before.calls, before.gate

    def refusal(self, bad: Exception) -> tuple[int, str] | None:
        """Status and text for an exception of the vendor's own kind; None for any other."""
        return None

    def answer(self, call: Call) -> Response:
        """One call under /__emulator__/; the token is demanded for each."""
        given = call.headers.get(TOKEN_HEADER, "")
        if not hmac.compare_digest(given.encode(), self.token.encode()):
            return _json({"error": f"the {TOKEN_HEADER} header does not hold the control token"}, 403)
        try:
            name = call.path.removeprefix(PREFIX + "/").rstrip("/")
            raw = call.method == "POST" and name in self._raw
            body = call.body if raw else parse(call.body) if call.body else {}
            found = self.perform(call.method, name, body)
        except ValueError as bad:
            return _json({"error": f"{type(bad).__name__}: {bad}"}, 400)
        except Refused as refused:
            return _json({"error": str(refused)}, refused.status)
        except Exception as bad:  # the caller is told, the trace goes to stderr
            traceback.print_exc()
            return _json({"error": f"{type(bad).__name__}: {bad}"}, 500)
        return found if isinstance(found, Response) else _json({} if found is None else found, 200)

    def perform(self, method: str, name: str, body: Any) -> Any:
        """One act; `Refused` with the status and what is wrong."""
        act = self._acts.get((method, name))
        if act is None:
            known = ", ".join(f"{each} {name}" for each, name in sorted(self._acts))
            raise Refused(404, f"no {method} {PREFIX}/{name} here; known are {known}")
        try:
            with contextlib.nullcontext() if name == "snapshot" else self.gate.shared():
                return act(body)
        except Exception as bad:
            refused = self.refusal(bad)
            if refused is None and not isinstance(bad, _WRONG):
                raise
            raise Refused(*(refused or (400, f"{type(bad).__name__}: {bad}"))) from bad

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
        self.clock_moved()
        return {"now": stored(self.clock.now()), "frozen": self.clock.frozen}


def _json(value: object, status: int) -> Response:
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(status, body, {"Content-Type": "application/json;charset=UTF-8"})
