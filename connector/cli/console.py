"""Where words go: tables and sentences to stdout, progress and errors to stderr, one JSON document with --json."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

Report = Callable[[str, int, int | None], None]

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def _to_nobody(what: str, done: int, total: int | None) -> None:
    """Report to nobody."""


@dataclass(slots=True)
class Voice:
    """How this invocation speaks."""

    as_json: bool = False
    quiet: bool = False
    said: dict[str, Any] = field(default_factory=dict)

    def answer(self, **values: Any) -> None:
        """Add to the JSON document; nothing is shown to people by it."""
        self.said.update(values)

    def show(self, thing: Any) -> None:
        """Show a table or a sentence to people."""
        if not self.as_json:
            out.print(thing)

    def finish(self) -> None:
        """Print the JSON document."""
        if self.as_json:
            sys.stdout.write(json.dumps(self.said, indent=2, ensure_ascii=False, sort_keys=True, default=str) + "\n")

    @contextmanager
    def working(self) -> Iterator[Report]:
        """A progress bar with counts and the time left, on a terminal; silence elsewhere."""
        if self.quiet or self.as_json or not err.is_terminal:
            yield _to_nobody
            return
        bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeRemainingColumn(compact=True),
            console=err,
            transient=True,
        )
        tasks: dict[str, Any] = {}
        kinds: dict[str, tuple[int, int | None]] = {}

        def report(what: str, done: int, total: int | None) -> None:
            if what not in tasks:
                for other in [name for name, (at, end) in kinds.items() if end is None or at >= end]:
                    bar.remove_task(tasks.pop(other))  # what is over makes room
                    del kinds[other]
                tasks[what] = bar.add_task(escape(what), total=total)
            kinds[what] = (done, total)
            bar.update(tasks[what], completed=done, total=total)

        report("starting", 0, None)
        with bar:
            yield report

    @contextmanager
    def busy(self, what: str) -> Iterator[None]:
        """A spinner while something is asked of which no count is known, on a terminal; silence elsewhere."""
        if self.quiet or self.as_json or not err.is_terminal:
            yield
            return
        with err.status(f"{escape(what)} ..."):
            yield


def plain(text: object) -> str:
    """CRM text is hostile: control characters are taken out and rich's markup is shown as it stands."""
    return escape(clean(text))


def clean(text: object) -> str:
    """The text without control characters; for where no markup is read."""
    return "".join(_shown(ch) for ch in str(text))


_JOINERS = "\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}"  # emoji and some scripts need them; bidi controls do harm


def _shown(ch: str) -> str:
    if ch in "\n\t":
        return " "
    return ch if ch.isprintable() or ch in _JOINERS else "\N{REPLACEMENT CHARACTER}"
