"""Is the core pure: no input or output, no clock, no CRM's name?"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import connector.core

ALLOWED = {
    "__future__",
    "collections",
    "dataclasses",
    "datetime",
    "decimal",
    "enum",
    "functools",
    "hashlib",
    "itertools",
    "json",
    "math",
    "operator",
    "statistics",
    "typing",
    "zoneinfo",
}
CLOCKS = {"now", "today", "utcnow", "fromtimestamp"}
FILES = sorted(Path(connector.core.__path__[0]).glob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_core_module_imports_only_the_allowed_and_reads_no_clock(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0
            names = [node.module or ""]
        for name in names:
            assert name.split(".")[0] in ALLOWED or name.startswith("connector.core"), name
        if isinstance(node, ast.Attribute):
            assert node.attr not in CLOCKS


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_core_module_names_no_crm(path: Path) -> None:
    text = path.read_text(encoding="utf-8").lower()
    for word in ("salesforce", "hubspot", "__c", "hs_"):
        assert word not in text.replace("hash", "")


def test_thresholds_live_in_the_policy_alone() -> None:
    """Numbers of the rules stand nowhere in the code that applies them."""
    rules = [path for path in FILES if path.stem in ("triage", "levers", "ownership", "decide", "conditions")]
    assert len(rules) == 5
    for path in rules:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and node.value is not True:
                known = node.value in (0, 1, 2, 4, 64, 65536) or isinstance(node.value, bool)
                assert known, f"{path.name}:{node.lineno}: {node.value}"
