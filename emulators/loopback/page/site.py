"""Who may see the page and which address shows what: a token, a cookie, loopback names only."""

from __future__ import annotations

import hmac
import traceback
from dataclasses import replace
from urllib.parse import unquote, urlsplit

from emulators.loopback.http import Call, Response
from emulators.loopback.page import acts, forms, records, steering
from emulators.loopback.page.forms import Form
from emulators.loopback.page.frame import Frame, Missing, Notice, State
from emulators.loopback.page.html import BASE, SECURITY
from emulators.loopback.page.shown import Crm
from emulators.loopback.plane import Plane, Refused

_NAMES = ("127.0.0.1", "localhost", "::1")


class Page:
    """The page of one emulator. Its calls are not the vendor's: neither counted nor limited nor struck by faults."""

    def __init__(self, plane: Plane, crm: Crm, state: State) -> None:
        self.plane, self.crm, self.state = plane, crm, state
        self._notice: Notice | None = None

    def takes(self, call: Call) -> bool:
        """Whether the call is a browser's: `/` without the credentials of a client, or what lies under the page."""
        if call.path == "/":
            return call.method in ("GET", "HEAD") and "authorization" not in call.headers
        return call.path == BASE or call.path.startswith(BASE + "/")

    def answer(self, call: Call) -> Response:
        """One call of a browser."""
        try:
            response = self._guarded(call)
        except Missing as missing:
            response = self._frame(call).notice(str(missing), 404)
        except Exception as bad:
            traceback.print_exc()
            response = self._frame(call).notice(f"The page failed: {type(bad).__name__}", 500)
        response.headers = {**SECURITY, **response.headers}
        return response

    def _guarded(self, call: Call) -> Response:
        host = call.headers.get("host", "")
        if not _loopback(host):
            return Response(421, b"This page answers to 127.0.0.1 and localhost only.\n", _text())
        frame = self._frame(call)
        given = forms.query(call.query).get("token", "")
        if call.path == "/" and given:
            return self._enter(frame, given)
        if call.method == "POST":
            return self._post(call, frame, host)
        if call.method not in ("GET", "HEAD"):
            return replace_headers(frame.notice("The page takes GET and POST", 405), Allow="GET, HEAD, POST")
        if not self._known(call):
            return frame.door("")
        return self._show(call, frame)

    def _post(self, call: Call, frame: Frame, host: str) -> Response:
        origin = call.headers.get("origin", "")
        if origin and urlsplit(origin).netloc.lower() != host.lower():
            return frame.refused("This form was sent from another site.")
        try:
            form = forms.read(call)
        except ValueError as bad:
            return frame.refused(f"Nothing was done: {bad}.")
        if call.path == f"{BASE}/enter":
            return self._enter(frame, form.text("token"))
        if not self._known(call):
            return frame.door("Enter the token first.")
        if not _same(form.text("form"), self.form_token):
            return frame.refused(
                "This form is not of this page, or the emulator was started anew: load the page again."
            )
        return self._act(call, frame, form)

    def _act(self, call: Call, frame: Frame, form: Form) -> Response:
        steps = _steps(call)
        try:
            done = acts.perform(frame, steps, form)
        except (Refused, ValueError) as bad:
            shown = self._again(frame, steps, form, str(bad))
            return shown or self._back(acts.origin(steps), Notice(str(bad), bad=True))
        return self._back(done.address, Notice(done.said))

    def _again(self, frame: Frame, steps: list[str], form: Form, problem: str) -> Response | None:
        """A form for a record's values with what was typed, told what is wrong with it."""
        if steps[:1] != ["objects"] or len(steps) not in (3, 4) or steps[-1] not in ("new", "edit"):
            return None
        frame = replace(frame, said=Notice(problem, bad=True))
        response = records.form(frame, steps[1], steps[2] if len(steps) == 4 else "", form.texts)
        response.status = 400
        return response

    def _show(self, call: Call, frame: Frame) -> Response:
        self._notice, notice = None, self._notice
        frame = replace(frame, said=notice)
        steps, asked = _steps(call), forms.query(call.query)
        match steps:
            case []:
                return records.overview(frame)
            case ["objects", name]:
                return records.listing(frame, name, asked)
            case ["objects", name, "new"]:
                return records.form(frame, name, "", {})
            case ["objects", name, record_id]:
                return records.record(frame, name, record_id, asked)
            case ["calls"]:
                return steering.calls(frame, asked)
            case ["faults"]:
                return steering.faults(frame)
            case ["settings"]:
                return steering.settings(frame)
            case ["snapshot"]:
                return self.state.download()
        raise Missing("There is no such page.")

    def _frame(self, call: Call) -> Frame:
        return Frame(self.plane, self.crm, self.state, self.form_token, _steps(call)[:1])

    def _enter(self, frame: Frame, given: str) -> Response:
        if not _same(given, self.plane.token):
            return frame.door("That is not the control token.")
        return replace_headers(self._back("/", None), **{"Set-Cookie": self._cookie()})

    def _back(self, address: str, notice: Notice | None) -> Response:
        self._notice = notice
        return Response(303, b"", {"Location": address})

    @property
    def form_token(self) -> str:
        """What every form must carry."""
        return hmac.digest(self.plane.token.encode(), b"form", "sha256").hex()

    @property
    def _pass(self) -> str:
        return hmac.digest(self.plane.token.encode(), b"cookie", "sha256").hex()

    def _cookie(self) -> str:
        secure = "; Secure" if self.state.url.startswith("https:") else ""
        return f"{self._cookie_name}={self._pass}; Path=/; HttpOnly; SameSite=Strict{secure}"

    @property
    def _cookie_name(self) -> str:
        return f"emulator_{urlsplit(self.state.url).port}"  # cookies are shared by all ports of a host

    def _known(self, call: Call) -> bool:
        pairs = (each.strip().partition("=") for each in call.headers.get("cookie", "").split(";"))
        return any(name == self._cookie_name and _same(found, self._pass) for name, _, found in pairs)


def replace_headers(response: Response, **headers: str) -> Response:
    """The response with more headers."""
    response.headers = {**response.headers, **headers}
    return response


def _steps(call: Call) -> list[str]:
    return [unquote(each) for each in call.path.removeprefix(BASE).split("/") if each]


def _loopback(host: str) -> bool:
    """Whether a Host header names this machine: a name of somebody else's, rebound to 127.0.0.1, gets nothing."""
    try:
        return urlsplit(f"//{host}").hostname in _NAMES
    except ValueError:
        return False


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())


def _text() -> dict[str, str]:
    return {"Content-Type": "text/plain;charset=utf-8"}
