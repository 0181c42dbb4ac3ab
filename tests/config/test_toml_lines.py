"""Does a wrong value in a TOML file lead to its line, and stays a secret unseen?"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from connector.config.toml_lines import closest, dotted, line_numbers, load_toml, validate
from connector.errors import Misconfigured


class Item(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
    share: Decimal = Field(le=1)
    rule: Literal["pooled", "each"] = "pooled"


class Login(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
    user: str
    key: SecretStr | None = None
    timeout: float = 1.0


class Whole(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
    login: Login | None = None
    items: tuple[Item, ...] = ()
    named: dict[str, Item] = Field(default_factory=dict)


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "x.toml"
    path.write_text(text, encoding="utf-8")
    return path


def complaint(path: Path) -> str:
    with pytest.raises(Misconfigured) as caught:
        validate(Whole, load_toml(path), path)
    assert caught.value.__cause__ is None
    return str(caught.value).replace(str(path), "x.toml")


def test_every_key_and_array_item_has_its_line() -> None:
    text = '''# first
a = 1
[b."c d"]
e.f = [
  1,   # one
  { g = 2 },
]
s = """
x = 9
"""
[[t]]
u = 1
[[t]]
u = 2
[t.v]
w = 'a # b'
'''
    assert line_numbers(text) == {
        ("a",): 2,
        ("b",): 3,
        ("b", "c d"): 3,
        ("b", "c d", "e"): 4,
        ("b", "c d", "e", "f"): 4,
        ("b", "c d", "e", "f", 0): 5,
        ("b", "c d", "e", "f", 1): 6,
        ("b", "c d", "e", "f", 1, "g"): 6,
        ("b", "c d", "s"): 8,
        ("t",): 11,
        ("t", 0): 11,
        ("t", 0, "u"): 12,
        ("t", 1): 13,
        ("t", 1, "u"): 14,
        ("t", 1, "v"): 15,
        ("t", 1, "v", "w"): 16,
    }


def test_a_share_written_as_a_percentage_is_named_with_line_value_and_hint(tmp_path: Path) -> None:
    path = write(tmp_path, "# c\n[[items]]\nshare = 20\n")
    assert complaint(path) == (
        "x.toml:3: items[0].share: must be at most 1 (got 20). Did you mean 0.20? Shares are fractions."
    )


def test_an_unknown_key_gets_the_nearest_known_one_and_its_value_is_not_shown(tmp_path: Path) -> None:
    path = write(tmp_path, '[login]\nuser = "u"\nkye = "hunter2"\n')
    assert complaint(path) == "x.toml:3: login.kye: is not a key that is known here. Did you mean key?"


def test_a_missing_key_is_named_on_its_table_s_line(tmp_path: Path) -> None:
    path = write(tmp_path, "\n\n[login]\ntimeout = 2.5\n")
    assert complaint(path) == "x.toml:3: login.user: is missing. Add it."


def test_all_problems_are_listed_at_once_in_file_order(tmp_path: Path) -> None:
    path = write(tmp_path, '[named.b]\nshare = 2\n[named.a]\nshare = 0.5\nrule = "pool"\n')
    assert complaint(path) == (
        "x.toml: 2 values are wrong. Correct each of them:\n"
        "  x.toml:2: named.b.share: must be at most 1 (got 2). Did you mean 0.02? Shares are fractions.\n"
        "  x.toml:5: named.a.rule: must be 'pooled' or 'each' (got \"pool\"). Did you mean pooled?"
    )


@pytest.mark.parametrize("line", ["key = 12345678", "key = [12345678]", "key = { a = 12345678 }"])
def test_a_wrong_secret_is_never_shown(tmp_path: Path, line: str) -> None:
    path = write(tmp_path, f'[login]\nuser = "u"\n{line}\n')
    message = complaint(path)
    assert message.startswith("x.toml:3: login.key: ")
    assert "12345678" not in message


def test_a_key_that_sounds_secret_is_not_shown_either(tmp_path: Path) -> None:
    class Loose(BaseModel):
        client_secret: int

    path = write(tmp_path, 'client_secret = "hunter2"\n')
    with pytest.raises(Misconfigured) as caught:
        validate(Loose, load_toml(path), path)
    assert "hunter2" not in str(caught.value)


def test_a_syntax_error_names_its_line(tmp_path: Path) -> None:
    path = write(tmp_path, "a = 1\nb = two\n")
    with pytest.raises(Misconfigured, match=r"x\.toml:2: not valid TOML: invalid value\. Correct") as caught:
        load_toml(path)
    assert caught.value.where == f"{path}:2"


def test_a_text_that_ends_too_early_names_its_last_line(tmp_path: Path) -> None:
    path = write(tmp_path, 'a = 1\nb = """x\n')
    with pytest.raises(Misconfigured, match=r"x\.toml:3: not valid TOML"):
        load_toml(path)


def test_an_absent_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"none\.toml: there is no such file\. Check the path"):
        load_toml(tmp_path / "none.toml")


def test_a_file_that_is_not_utf8_says_so(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_bytes(b"a = '\xff'")
    with pytest.raises(Misconfigured, match="byte 5 is not UTF-8"):
        load_toml(tmp_path / "x.toml")


def test_numbers_with_a_point_are_exact_and_fit_float_fields_too(tmp_path: Path) -> None:
    path = write(tmp_path, '[login]\nuser = "u"\ntimeout = 2.5\n[[items]]\nshare = 0.20\n')
    whole = validate(Whole, load_toml(path), path)
    assert whole.items[0].share == Decimal("0.20")
    assert whole.login is not None
    assert whole.login.timeout == 2.5


def test_a_part_of_a_file_keeps_the_file_s_lines(tmp_path: Path) -> None:
    path = write(tmp_path, "\n[one.two]\nshare = 5\n")
    with pytest.raises(Misconfigured) as caught:
        validate(Item, load_toml(path)["one"]["two"], path, at=("one", "two"))
    assert caught.value.where == f"{path}:3"
    assert caught.value.found == "one.two.share: must be at most 1 (got 5)"


def test_key_paths_read_as_people_write_them() -> None:
    assert dotted(("goals", 2, "start")) == "goals[2].start"
    assert closest("zzz", ["b", "a"]) == "Known here: a, b."
