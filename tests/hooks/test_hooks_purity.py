"""The verifiers are pure: no web framework, no files, no clock; whoever calls brings time and secrets."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import connector.hooks

FOLDER = Path(str(connector.hooks.__file__)).parent
FORBIDDEN = {
    "flask",
    "werkzeug",
    "sqlalchemy",
    "requests",
    "os",
    "io",
    "time",
    "random",
    "pathlib",
    "logging",
    "socket",
}


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.py")), ids=lambda file: file.name)
def test_nothing_impure_is_imported(file: Path) -> None:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in names} & FORBIDDEN == set()
    assert "datetime.now" not in file.read_text(encoding="utf-8")
