"""What a browser sends with a form: texts by name, and a file."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from emulators.loopback.http import Call

_BOUNDARY = re.compile(r'boundary="?([^";]{1,200})"?', re.IGNORECASE)
_NAME = re.compile(rb'\bname="([^"]*)"')


@dataclass(slots=True)
class Form:
    """A form's texts, line ends as LF, the last of each name; and the bytes of its files."""

    texts: dict[str, str] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """That text without blanks around it; empty when it was not sent."""
        return self.texts.get(name, "").strip()


def read(call: Call) -> Form:
    """The form of a POST, urlencoded or multipart (RFC 7578); ValueError for anything else."""
    kind = call.headers.get("content-type", "")
    if kind.lower().startswith("application/x-www-form-urlencoded"):
        return Form({name: _lines(text) for name, text in query(call.body.decode("utf-8", "replace")).items()})
    found = _BOUNDARY.search(kind) if kind.lower().startswith("multipart/form-data") else None
    if found is None:
        raise ValueError("this is not a form")
    form, mark = Form(), b"\r\n--" + found[1].encode("utf-8", "replace")
    for part in (b"\r\n" + call.body).split(mark)[1:-1]:
        head, _, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        name = _NAME.search(head)
        if name is not None and b"filename=" in head:
            form.files[name[1].decode("utf-8", "replace")] = content
        elif name is not None:
            form.texts[name[1].decode("utf-8", "replace")] = _lines(content.decode("utf-8", "replace"))
    return form


def query(text: str) -> dict[str, str]:
    """The values of a query or an urlencoded form, the last of each name; {} when it holds too many."""
    try:
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=2000))
    except ValueError:
        return {}


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n")
