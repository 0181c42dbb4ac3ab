"""What is said while the connector works: one line for each thing, with its ids and without anybody's secrets.

`configure` is for the processes that run always (`pmom serve`, `pmom work`). Lines of other libraries take the same
way, so that one form and one redaction hold for all of them.
"""

from __future__ import annotations

import logging
import re
import sys
import time
from collections.abc import Iterable, Mapping, MutableMapping
from typing import IO, Any

import structlog
from structlog.typing import Processor

from connector.config.settings import Log

HIDDEN = "[secret]"
_NAMES = re.compile(
    r"secret|password|passwd|token|authorization|signature|api_?key|private_?key|cookie", re.IGNORECASE
)
_EMAIL = re.compile(r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_BEARER = re.compile(r"\b(Bearer|Basic|OAuth)\s+[A-Za-z0-9._~+/!=-]{8,}", re.IGNORECASE)
_HOOK = re.compile(r"(/hooks/salesforce/[^/\s\"']+/)[^\s\"'?]+")
_NAMED = r"\b((?:[a-z_]*(?:secret|password|token))[\"']?"
_GIVEN = re.compile(_NAMED + r"(?:\s*=\s*[\"']?|:\s*[\"']|:))[^\s\"',&}]{4,}", re.IGNORECASE)
_TOLD = re.compile(_NAMED + r":\s+)(?=\S*\d)[^\s\"',&}]{8,}", re.IGNORECASE)  # words after a colon have no digits
_IN_URL = re.compile(r"(://[^/\s:@]+:)[^/\s@]+@")
_QUIET = ("waitress.queue",)  # tells of every post that waits for a thread
_DEEPEST = 6
_HEAD, _TAIL = 12_000, 4_000  # characters of a longer text that are kept; an error stands at its end


class Redactor:
    """Takes out of every line what nobody who reads logs may know: secrets by name, by form and by value."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._known: tuple[str, ...] = ()
        self.add(secrets)

    def add(self, secrets: Iterable[str]) -> None:
        """Hide these too from now on."""
        every = {*self._known, *(each for each in secrets if len(each) >= 8)}
        self._known = tuple(sorted(every, key=len, reverse=True))

    def __call__(self, logger: Any, method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """As a processor of structlog."""
        for name, value in line.items():
            line[name] = self.value(name, value)
        return line

    def value(self, name: str, value: Any, depth: int = 0) -> Any:
        """The value as it may be seen under that name."""
        if _NAMES.search(name) and not isinstance(value, bool | int | float | None):
            return HIDDEN
        if isinstance(value, Mapping):
            return {k: self.value(str(k), v, depth + 1) for k, v in value.items()} if depth < _DEEPEST else "..."
        if isinstance(value, list | tuple | set | frozenset):
            return [self.value("", each, depth + 1) for each in value] if depth < _DEEPEST else "..."
        if value is None or isinstance(value, bool | int | float):
            return value
        return self.text(str(value))

    def text(self, text: str) -> str:
        """The text without secrets, addresses of people and passwords in addresses."""
        for each in self._known:
            text = text.replace(each, HIDDEN)
        text = _short(text)
        text = _IN_URL.sub(rf"\1{HIDDEN}@", text)
        text = _HOOK.sub(rf"\1{HIDDEN}", text)
        text = _BEARER.sub(rf"\1 {HIDDEN}", text)
        text = _GIVEN.sub(rf"\1{HIDDEN}", text)
        text = _TOLD.sub(rf"\1{HIDDEN}", text)
        return _EMAIL.sub("[e-mail]", text)


def _short(text: str) -> str:
    """The text's beginning and end, cut between words, so that no half of a secret is left without its name."""
    if len(text) <= _HEAD + _TAIL:
        return text
    head, tail = text[:_HEAD], text[-_TAIL:]
    head, tail = head.rpartition(" ")[0] or head, tail.partition(" ")[2] or tail
    return f"{head} [{len(text) - len(head) - len(tail)} characters left out] {tail}"


def configure(said: Log, *, secrets: Iterable[str] = (), stream: IO[str] | None = None) -> None:
    """Write lines to `stream` (standard error) from `[log] level` up, in the form of `[log] format`."""
    level = getattr(logging, said.level.upper())
    _redactor[:] = [Redactor(secrets)]
    before: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        *_redactor,
    ]
    printed: Processor = structlog.processors.JSONRenderer(ensure_ascii=False)
    if said.format == "text":
        printed = structlog.dev.ConsoleRenderer(colors=False)
    form = structlog.stdlib.ProcessorFormatter(
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, printed], foreign_pre_chain=before
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(form)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(level, logging.INFO) if said.level == "debug" else level)  # others' debugging is theirs
    logging.getLogger("pmom").setLevel(level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.ERROR)
    structlog.configure(
        processors=[*before, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=lambda *names: logging.getLogger(names[0] if names else "pmom"),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=False,
    )


_redactor: list[Redactor] = []  # that of the process


def hide(secrets: Iterable[str]) -> None:
    """No line of this process holds these from now on: secrets of settings that are read while it runs."""
    for each in _redactor:
        each.add(secrets)


class Sparing:
    """Lets so many lines of a kind through in a second, and tells how many it held back: a flood fills no disk."""

    def __init__(self, most: int = 5) -> None:
        self._most = most
        self._second: dict[str, tuple[int, int, int]] = {}  # kind -> second, lines in it, held back so far

    def held_back(self, kind: str) -> int | None:
        """None: say nothing. Otherwise how many lines of that kind were held back since the last one."""
        now = int(time.monotonic())
        second, lines, held = self._second.get(kind, (now, 0, 0))
        lines = lines if second == now else 0
        if lines >= self._most:
            self._second[kind] = (now, lines, held + 1)
            return None
        self._second[kind] = (now, lines + 1, 0)
        return held
