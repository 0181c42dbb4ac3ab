"""How the page's HTML is written: whatever is not written here is escaped."""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Iterable
from urllib.parse import quote, urlencode

from emulators.loopback.page.style import CSS

BASE = "/__emulator__/page"
_PICTURES = {number: 0x2400 + number for number in range(32) if chr(number) not in "\t\n\r"}  # of control characters
_PICTURES[0x7F] = 0x2421
_EMPTY = frozenset({"input", "br", "meta", "link"})
_STYLE = base64.b64encode(hashlib.sha256(CSS.encode()).digest()).decode()
SECURITY = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE}'; img-src data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


Part = str | Html | None


def tag(element: str, /, *parts: Part, **attributes: str | bool | None) -> Html:
    """An element. Texts among `parts` and attribute values are escaped; `class_` is class, `for_` is for."""
    told = "".join(_attribute(key, value) for key, value in attributes.items())
    if element in _EMPTY:
        return Html(f"<{element}{told}>")
    return Html(f"<{element}{told}>{joined(parts)}</{element}>")


def joined(parts: Iterable[Part]) -> Html:
    """The parts one after another."""
    return Html("".join(part if isinstance(part, Html) else escaped(part) for part in parts if part is not None))


def escaped(text: str) -> Html:
    """Text as it may stand in an element or an attribute; control characters are shown as pictures."""
    return Html(html.escape(text.translate(_PICTURES)))


def value(text: str) -> Html:
    """A record's text: isolated, so that its direction turns nothing around it."""
    return tag("bdi", text)


def link(address: str, *parts: Part, **attributes: str | bool | None) -> Html:
    """A link."""
    return tag("a", *parts, href=address, **attributes)


def at(*steps: str, **query: str | int) -> str:
    """An address of the page; empty query values are left out."""
    pairs = [(name, str(found)) for name, found in query.items() if found not in ("", 0)]
    path = "/".join([BASE, *(quote(step, safe="") for step in steps)])
    return f"{path}?{urlencode(pairs)}" if pairs else path


def hidden(name: str, text: str) -> Html:
    """A field that nobody sees."""
    return tag("input", type="hidden", name=name, value=text)


def field(label: str, control: Html, hint: str = "") -> Html:
    """A labelled control."""
    small = tag("small", hint) if hint else None
    return tag("label", tag("span", label), control, small)


def entry(name: str, text: str = "", **attributes: str | bool | None) -> Html:
    """A line to type into."""
    return tag("input", name=name, value=text, **{"type": "text", "autocomplete": "off", **attributes})


def choice(name: str, options: Iterable[tuple[str, str]], chosen: str, **attributes: str | bool | None) -> Html:
    """A drop-down list of (value, label)."""
    parts = [tag("option", label, value=found, selected=found == chosen) for found, label in options]
    return tag("select", *parts, name=name, **attributes)


def button(text: str, style: str = "", **attributes: str | bool | None) -> Html:
    """A button that sends its form."""
    return tag("button", text, type="submit", class_=style or None, **attributes)


def table(heads: Iterable[Part], rows: Iterable[Iterable[Html]], *, empty: str, caption: str = "") -> Html:
    """A table whose cells are whole `td` elements; what `empty` says when there are none."""
    lines = [tag("tr", *row) for row in rows]
    if not lines:
        return tag("p", empty, class_="quiet")
    head = tag("tr", *(each if isinstance(each, Html) else tag("th", each, scope="col") for each in heads))
    told = tag("caption", caption) if caption else None
    return tag("div", tag("table", told, tag("thead", head), tag("tbody", *lines)), class_="wide")


def document(title: str, *parts: Part) -> bytes:
    """A whole page."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("title", title),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("link", rel="icon", href="data:,"),
        tag("style", Html(CSS)),
    )
    text = "<!doctype html>" + tag("html", head, tag("body", *parts), lang="en")
    return text.encode("utf-8", "replace")


def _attribute(name: str, found: str | bool | None) -> str:
    if found is None or found is False:
        return ""
    name = name.rstrip("_").replace("_", "-")
    return f" {name}" if found is True else f' {name}="{escaped(found)}"'
