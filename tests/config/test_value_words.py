"""Is a value of the wrong kind told in words of the person who wrote the file?"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field

from connector.config.toml_lines import validate
from connector.errors import Misconfigured


class Shape(BaseModel):
    """Every kind of value that a file may hold."""

    text: str = ""
    name: str = Field(default="x", min_length=1)
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] = "EUR"
    days: int = 1
    share: Decimal = Decimal(0)
    seconds: float = 1.0
    on: bool = True
    start: date = date(2026, 1, 1)
    names: tuple[str, ...] = ()
    place: Path = Path()


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("text", 5, "must be text in quotes (got 5)"),
        ("name", "", 'must not be empty (got "")'),
        ("currency", "Euro", 'must be three capital letters, such as EUR (got "Euro")'),
        ("days", 1.5, "must be a whole number (got 1.5)"),
        ("days", "many", 'must be a whole number (got "many")'),
        ("share", "a fifth", 'must be a number (got "a fifth")'),
        ("seconds", "ten", 'must be a number (got "ten")'),
        ("on", "maybe", 'must be true or false (got "maybe")'),
        ("start", "soon", 'must be a day, as 2026-03-31 without quotes (got "soon")'),
        ("names", "EMEA", 'must be a list in square brackets (got "EMEA")'),
        ("place", 5, "must be a path in quotes (got 5)"),
    ],
)
def test_a_value_of_the_wrong_kind_is_told_plainly(name: str, value: Any, told: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        validate(Shape, {name: value}, "x.toml", text="")
    assert caught.value.found == f"{name}: {told}"
