"""Text out of a CRM is shown, never obeyed."""

from __future__ import annotations

import pytest

from connector.cli.app import _hoisted
from connector.cli.console import plain


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("\x1b]0;pwned\x07\x1b[31mRED", "\N{REPLACEMENT CHARACTER}]0;pwned\N{REPLACEMENT CHARACTER}"),
        ("a\nb\tc", "a b c"),
        ("\N{RIGHT-TO-LEFT OVERRIDE}gnp.exe", "\N{REPLACEMENT CHARACTER}gnp.exe"),
        ("[red]x[/red]", r"\[red]x\[/red]"),
    ],
)
def test_control_characters_and_markup_do_nothing(hostile: str, shown: str) -> None:
    assert plain(hostile).startswith(shown)
    assert "\x1b" not in plain(hostile)


def test_joiners_of_emoji_stay() -> None:
    family = "\N{WOMAN}\N{ZERO WIDTH JOINER}\N{GIRL}"
    assert plain(family) == family


def test_options_of_every_command_may_stand_behind_it() -> None:
    assert _hoisted(["runs", "--limit", "3", "--json"]) == ["--json", "runs", "--limit", "3"]
