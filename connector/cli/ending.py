"""How does a command end that did not get through: which message, which JSON document, which exit code?"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import NoReturn

import typer

from connector.cli.console import Voice, err, plain
from connector.errors import Misconfigured, PmomError

INTERRUPTED = 130
_STOPPED = "stopped. Nothing is lost: run the same command again."


def failed(error: Exception, voice: Voice, *, interrupted: bool) -> NoReturn:
    """Every error of ours becomes one message and its exit code; others are a defect."""
    if interrupted:  # a library that was interrupted raises an error of its own
        stopped(voice)
    if isinstance(error, PmomError):
        _complain(error, voice)
    if isinstance(error, typer.TyperException):
        _misused(error, voice)
    if os.environ.get("PMOM_DEBUG"):
        raise error
    err.print(f"pmom: this should not happen: {type(error).__name__}: {plain(error)}")
    err.print("Set PMOM_DEBUG=1 and run it again to see where.")
    sys.exit(1)


def stopped(voice: Voice) -> NoReturn:
    """What is said after a Ctrl-C."""
    if voice.as_json:
        voice.said = {"error": "Interrupted", "message": _STOPPED, "exit_code": INTERRUPTED}
        voice.finish()
    err.print(f"pmom: {_STOPPED}")
    sys.exit(INTERRUPTED)


@contextlib.contextmanager
def interrupts(note: Callable[[], None]) -> Iterator[None]:
    """Calls `note` on a Ctrl-C, whatever error a library makes of it."""

    def noted(number: int, frame: FrameType | None) -> None:
        note()
        signal.default_int_handler(number, frame)

    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:  # somebody else's, or ignored
        yield
        return
    signal.signal(signal.SIGINT, noted)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _misused(error: typer.TyperException, voice: Voice) -> NoReturn:
    """Wrong usage: typer's own errors know how to show themselves, its public type does not say so."""
    show_itself = getattr(error, "show", None)
    if "--json" in sys.argv:
        voice.as_json = True
        voice.said = {"error": type(error).__name__, "message": str(error), "exit_code": 2}
        voice.finish()
    if show_itself is None:
        err.print(f"pmom: {plain(error)}")
    else:
        show_itself()
    sys.exit(getattr(error, "exit_code", 2))


def _complain(error: PmomError, voice: Voice) -> NoReturn:
    if voice.as_json:
        said = {"error": type(error).__name__, "message": str(error), "exit_code": error.exit_code}
        if isinstance(error, Misconfigured):
            said |= {"where": error.where, "found": error.found, "fix": error.fix}
        voice.said = said
        voice.finish()
    message = str(error).removeprefix("pmom ").rstrip()
    err.print(f"pmom: {plain_lines(message)}", soft_wrap=not err.is_terminal)  # a pipe gets lines as they are
    sys.exit(error.exit_code)


def plain_lines(text: str) -> str:
    """A message of several lines with nothing hostile in it."""
    return "\n".join(plain(line) for line in text.splitlines())
