"""What is around every page: the heading, the ways to the others, what was said last; and the door before them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from emulators.loopback.clock import stored
from emulators.loopback.http import Response
from emulators.loopback.page.html import (
    BASE,
    Html,
    Part,
    button,
    document,
    entry,
    hidden,
    link,
    tag,
)
from emulators.loopback.page.html import (
    field as labelled,
)
from emulators.loopback.page.shown import Crm
from emulators.loopback.plane import Plane

_WAYS = (("Objects", "/", ""), ("Calls", f"{BASE}/calls", "calls"), ("Faults", f"{BASE}/faults", "faults"),
         ("Clock, limits, state", f"{BASE}/settings", "settings"))  # fmt: skip


class State(Protocol):
    """The emulator's state as bytes."""

    url: str

    def download(self) -> Response:
        """A copy of everything, as a file."""

    def restore(self, body: bytes) -> None:
        """Put a saved state in place of the present one; ValueError when it is none."""


class Missing(Exception):
    """There is no such object or record."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What is said about the last act."""

    text: str
    bad: bool = False


@dataclass(frozen=True, slots=True)
class Frame:
    """One page in the making."""

    plane: Plane
    crm: Crm
    state: State
    form_token: str
    place: list[str] = field(default_factory=list)
    said: Notice | None = None

    def page(self, title: str, *parts: Part, status: int = 200, crumbs: Html | None = None) -> Response:
        """A whole page with that heading."""
        said = self.said and tag(
            "p",
            self.said.text,
            class_="said bad" if self.said.bad else "said",
            role="alert" if self.said.bad else "status",
        )
        main = tag("main", said or None, crumbs, tag("h1", title), *parts, id="main")
        body = document(f"{title} · {self.crm.title}", self._header(), main)
        return Response(status, body, {"Content-Type": "text/html;charset=utf-8"})

    def form(self, action: str, *parts: Part, class_: str = "", upload: bool = False) -> Html:
        """A form that carries the page's token."""
        kind = "multipart/form-data" if upload else None
        return tag(
            "form", hidden("form", self.form_token), *parts, method="post", action=f"{BASE}/{action}",
            class_=class_ or None, enctype=kind,
        )  # fmt: skip

    def door(self, problem: str) -> Response:
        """The question for the token."""
        said = tag("p", problem, class_="said bad", role="alert") if problem else None
        ask = tag(
            "form",
            labelled("Control token", entry("token", type="password", autofocus=True, required=True)),
            button("Open"),
            method="post", action=f"{BASE}/enter", class_="row top",
        )  # fmt: skip
        hint = tag(
            "p", "The program prints it as ", tag("code", "control_token"), ", and the whole address as ",
            tag("code", "page"), ".", class_="quiet",
        )  # fmt: skip
        card = tag("div", said, tag("h1", self.crm.title), hint, ask, class_="card enter")
        return Response(
            403 if problem else 401,
            document(self.crm.title, tag("main", card)),
            {"Content-Type": "text/html;charset=utf-8"},
        )

    def refused(self, text: str) -> Response:
        """A form that is not taken."""
        return self._bare(text, 403)

    def notice(self, text: str, status: int) -> Response:
        """A page with nothing but a sentence."""
        return self._bare(text, status)

    def _bare(self, text: str, status: int) -> Response:
        card = tag("div", tag("h1", text), tag("p", link("/", "Back to the objects")), class_="card enter")
        return Response(
            status, document(self.crm.title, tag("main", card)), {"Content-Type": "text/html;charset=utf-8"}
        )

    def _header(self) -> Html:
        place = self.place[0] if self.place and self.place[0] != "objects" else ""
        ways = [link(to, label, aria_current="page" if key == place else None) for label, to, key in _WAYS]
        clock = self.plane.clock
        now = f"{stored(clock.now())[:19].replace('T', ' ')} UTC{' · frozen' if clock.frozen else ''}"
        return joined_header(self.crm.title, ways, now)


def joined_header(title: str, ways: list[Html], now: str) -> Html:
    """The bar at the top."""
    skip = link("#main", "Skip to the content", class_="skip")
    return tag(
        "header",
        tag("div", skip, tag("strong", title), tag("nav", *ways, aria_label="Pages"), tag("span", now, class_="now")),
    )
