"""Is a demo that came out otherwise than it must kept to look at, and told as a defect?"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from connector.cli import console, demo
from connector.cli.console import Voice


class Crm:
    """An emulated CRM that does nothing."""

    class Vendor:
        """What it is called."""

        title, name = "CRM", "crm"

    vendor, said = Vendor(), {"url": "https://127.0.0.1:1"}

    def __init__(self, running: list[str]) -> None:
        self.folder, self.running = Path("crm"), running


@pytest.mark.parametrize("keep", [True, False])
def test_a_defect_keeps_both_crms_when_asked_and_ends_with_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keep: bool
) -> None:
    running: list[str] = []
    waited: list[int] = []

    @contextmanager
    def crm(*words: Any) -> Iterator[Crm]:
        running.append("up")
        yield Crm(running)
        running.remove("up")

    @contextmanager
    def opened(*words: Any) -> Iterator[list[Any]]:
        yield []

    def story(*words: Any) -> None:
        raise demo.Defect("both CRMs should yield the same decisions")

    def sleep(seconds: float) -> None:
        waited.append(len(running))
        raise KeyboardInterrupt

    for name, stub in (("_crm", crm), ("_opened", opened), ("_story", story), ("make_world", lambda *a, **k: None)):
        monkeypatch.setattr(demo, name, stub)
    monkeypatch.setattr(demo.time, "sleep", sleep)
    said = io.StringIO()
    monkeypatch.setattr(console, "out", Console(file=said, width=200))
    with pytest.raises(demo.Defect, match="this is a defect, please report it") as caught:
        demo.run_demo(Voice(), tmp_path / "demo", size="tiny", seed=1, keep=keep)
    assert caught.value.exit_code == 1
    assert waited == ([2] if keep else [])  # both still ran while somebody looked
    assert running == []
    assert ("Not as it should be: both CRMs should yield the same decisions" in said.getvalue()) is keep
