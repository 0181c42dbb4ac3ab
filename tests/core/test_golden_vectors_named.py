"""Does every reference case of the model have a test that names it?"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
_NAMED = re.compile(r"\b[Gg]olden vector (\d+)|_golden_vector_(\d+)|def test_cases?_(\d+)(?:_and_(\d+))?_")


def named() -> dict[int, set[str]]:
    """Number of the case -> the files whose tests name it."""
    found: dict[int, set[str]] = {}
    for path in TESTS.rglob("test_*.py"):
        for match in _NAMED.finditer(path.read_text(encoding="utf-8")):
            for number in filter(None, match.groups()):
                found.setdefault(int(number), set()).add(path.name)
    return found


@pytest.mark.parametrize("number", range(1, 25))
def test_every_golden_vector_is_named_by_a_test(number: int) -> None:
    assert named().get(number)
