"""Is a Ctrl-C told as one, whatever a library makes of it, and are slips on the command line told with their end?"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator

import pytest

from connector.cli import app


def typed(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["pmom", *words])
    monkeypatch.setattr(app.state.voice, "as_json", False)
    with pytest.raises(SystemExit) as ended:
        app.main()
    return int(ended.value.code or 0)


def interrupted(*_: object, **__: object) -> None:
    """As DuckDB does: the signal is taken, and an error of its own raised."""
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        raise RuntimeError("Query interrupted") from None


@pytest.fixture
def in_front() -> Iterator[None]:
    """As in a terminal: what runs in the background may ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("in_front")
def test_a_query_that_was_interrupted_is_a_stop_and_no_defect(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("connector.wiring.texts", interrupted)
    assert typed(monkeypatch, "--json", "runs") == 130
    said = json.loads(capsys.readouterr().out)
    assert (said["error"], said["exit_code"]) == ("Interrupted", 130)


def test_the_same_error_without_a_ctrl_c_is_a_defect(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("Query interrupted")

    monkeypatch.setattr("connector.wiring.texts", broken)
    assert typed(monkeypatch, "runs") == 1


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("decide", "--as-of", "31.03.2026"), "write it as 2026-03-31"),
        (("init", "hubspto"), "Did you mean hubspot?"),
    ],
)
def test_a_slip_on_the_command_line_is_told_with_what_was_meant(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], hint: str
) -> None:
    assert typed(monkeypatch, "--json", *words) == 2
    assert hint in json.loads(capsys.readouterr().out)["message"]
