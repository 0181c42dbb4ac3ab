"""Installing clients tells what fails and goes on; what is absent skips its tests, or fails them in CI."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The installing program, working in a folder of this test with one lock that cannot be installed."""
    spec = importlib.util.spec_from_file_location("install", Path(__file__).with_name("install.py"))
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    lock = tmp_path / "package-lock.json"
    lock.write_text("{}", encoding="utf-8")
    lock.with_name("package.json").write_text("{}", encoding="utf-8")
    for name, value in (("FOLDER", tmp_path / "clients"), ("ROOT", tmp_path), ("NODE_LOCK", lock)):
        monkeypatch.setattr(found, name, value)
    return found


def test_without_npm_the_reason_is_told_and_kept(
    install: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert install.main() == 0
    assert capsys.readouterr().out == "clients: node is absent: node and npm are not installed\n"
    assert (tmp_path / "clients" / "node.absent").read_text() == "node and npm are not installed\n"


def test_what_is_made_from_the_same_lock_is_not_made_again(
    install: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made: list[str] = []
    monkeypatch.setattr(install, "_install_node", lambda folder, lock: made.append(folder.name))
    assert (install.main(), install.main()) == (0, 0)
    assert made == ["node"]
    install.NODE_LOCK.write_text('{"changed": true}', encoding="utf-8")
    assert install.main() == 0
    assert made == ["node", "node"]
    assert capsys.readouterr().out.count("clients: node installed in") == 2


def test_a_command_that_fails_is_told_by_its_last_lines(install: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(install.Absent, match=r"^sh ends with 3: one \| two$"):
        install._run(["sh", "-c", "echo one >&2; echo two >&2; exit 3"], tmp_path)


def test_an_absent_client_is_a_skip_here_and_a_failure_where_all_must_be_there(
    clients: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PMOM_STRICT_OPTIONAL", raising=False)
    with pytest.raises(pytest.skip.Exception, match="never-made cannot be tried here: run `make clients`"):
        clients.python("never-made")
    monkeypatch.setenv("PMOM_STRICT_OPTIONAL", "1")
    with pytest.raises(pytest.fail.Exception, match="never-made cannot be tried here: run `make clients`"):
        clients.python("never-made")
