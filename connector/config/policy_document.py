"""What does a policy say key by key, where does each value come from, and in what do two policies differ?"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from connector.config import policy as files
from connector.config.toml_lines import Key, closest, dotted, line_numbers, parse_toml
from connector.core.policy import Policy
from connector.errors import Misconfigured, Misused

_ROW = re.compile(r"\| `([a-z_.]+)` \|.*\| ([^|]+) \|\s*$")
_LABELS = ("persona", "activity", "name")  # what rows of a table of tables are called by


@dataclass(frozen=True, slots=True)
class Said:
    """One key: its value as text, the comment beside it, file:line, and what docs/policy.md says of it."""

    key: str
    value: str
    source: str
    where: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Differing:
    """One key with which two policies do not agree; None where one of them does not have it."""

    key: str
    one: Said | None
    other: Said | None


def said(policy: str | Path = "default") -> dict[str, Said]:
    """Every key of a policy, in the file's order; rows of tables under their name: `ownership.personas[VAR]`."""
    path, text = files.source(policy)
    origin = _origins(path, text)
    found = {}
    for labelled, plain, value in _flat(files.values(policy)):
        comment, where = origin.get(plain, ("", path))
        found[labelled] = Said(labelled, shown(value), comment, where, meaning(labelled))
    return found


def differing(one: str | Path, other: str | Path) -> tuple[Differing, ...]:
    """The keys whose values differ, by key; equal policies give nothing, whatever their notation and comments.

    A row that only one of them has, such as a goal, is one difference, not one a key.
    """
    return _differing(said(one), said(other))


def _differing(first: Mapping[str, Said], second: Mapping[str, Said]) -> tuple[Differing, ...]:
    one, other = _folded(first, second), _folded(second, first)
    names = [*one, *(key for key in other if key not in one)]
    return tuple(
        Differing(key, one.get(key), other.get(key))
        for key in names
        if key != "name" and _value(one.get(key)) != _value(other.get(key))
    )


def _folded(mine: Mapping[str, Said], theirs: Mapping[str, Said]) -> dict[str, Said]:
    """The keys, rows that `theirs` lacks as one each; "none" stands for no list beside one that has rows."""
    known = {row for key in theirs if (row := _row(key))}
    lists = {row[: row.rindex("[")] for row in known}
    found: dict[str, Said] = {}
    for key, each in mine.items():
        row = _row(key)
        if key in lists:
            continue
        if not row or row in known:
            found[key] = each
            continue
        part = f"{key[len(row) + 1 :]} {each.value}"
        if row not in found:
            found[row] = replace(each, key=row, value="", source="")
        if part != _named(row):
            found[row] = replace(found[row], value=f"{found[row].value}; {part}".removeprefix("; "))
    return found


def _row(key: str) -> str:
    """The row of a list in which a key stands: `market_fit.goals[Q3]`; empty for others."""
    return key[: key.rindex("]") + 1] if "]" in key else ""


def _named(row: str) -> str:
    """What the row's own name says again."""
    return f"name {row[row.rindex('[') + 1 : -1]}"


def changed(policy: str | Path, settings: Iterable[str]) -> Policy:
    """The policy with some keys set anew, each as `key=value`; `gates.velocity.floor` is `velocity.floor`.

    Misused when a setting is no such pair, names no key, or leaves a policy that the rules cannot follow.
    """
    values: dict[str, Any] = {}
    known = _tables(files.values(policy))
    for setting in settings:
        key, mark, text = setting.partition("=")
        key = key.strip().removeprefix("gates.")
        if not mark:
            raise Misused(f"--set {setting}", "it has no value", "Write it as velocity.floor=0.25.")
        if key not in known:
            fix = closest(key, known) or "`pmom policy show` lists all."
            raise Misused(f"--set {setting}", f"no key is called {key}", fix)
        values[key] = _parsed(text.strip())
    files.load(policy)  # its own errors are no fault of the settings
    try:
        return files.load_with(policy, values)
    except Misconfigured as error:
        raise Misused(f"--set {', '.join(values)}", error.found, error.fix) from None


def differing_values(one: str | Path, other: str | Path, settings: Iterable[str]) -> tuple[tuple[str, str, str], ...]:
    """(key, value in `one`, value in `other` with some keys set anew) of every key that differs."""
    after = said(other)
    for setting in settings:
        key, _, text = setting.partition("=")
        key = key.strip().removeprefix("gates.")
        after[key] = Said(key, shown(_parsed(text.strip())), "", "", "")
    return tuple(
        (each.key, _value(each.one) or "-", _value(each.other) or "-") for each in _differing(said(one), after)
    )


def meaning(key: str) -> str:
    """The sentence of docs/policy.md about a key; empty where the documentation is not installed."""
    plain = re.sub(r"\[[^\]]*\]", "", key)
    sentences = _meanings()
    while plain:
        if plain in sentences:
            return sentences[plain]
        plain = plain.rpartition(".")[0]
    return ""


@cache
def _meanings() -> Mapping[str, str]:
    folder = Path(str(resources.files("policies")))
    for path in (folder / "policy.md", folder.parent / "docs" / "policy.md"):
        if path.is_file():
            rows = map(_ROW.match, path.read_text(encoding="utf-8").splitlines())
            return {row[1]: row[2].strip() for row in rows if row}
    return {}


def _parsed(text: str) -> Any:
    """A TOML value; what is none is taken as text."""
    try:
        return tomllib.loads(f"x = {text}", parse_float=Decimal)["x"]
    except tomllib.TOMLDecodeError:
        return text


def shown(value: Any) -> str:
    """A value as people write it."""
    if isinstance(value, list):
        return ", ".join(shown(each) for each in value) or "none"
    if isinstance(value, bool):
        return str(value).lower()
    return "not set" if value is None else str(value) if value != "" else "none"


def _value(found: Said | None) -> str | None:
    return None if found is None else found.value


def _flat(value: Any, labelled: str = "", plain: Key = ()) -> Iterator[tuple[str, str, Any]]:
    """(key with rows' names, key with rows' numbers, value) of every leaf."""
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from _flat(inner, f"{labelled}.{name}".strip("."), (*plain, name))
    elif isinstance(value, list) and value and all(isinstance(each, dict) for each in value):
        for at, row in enumerate(value):
            yield from _flat(row, f"{labelled}[{_label(row, at)}]", (*plain, at))
    else:
        yield labelled, dotted(plain), value


def _label(row: Mapping[str, Any], at: int) -> str:
    name = next((str(row[label]) for label in _LABELS if label in row), str(at))
    return f"{name}, {row['applies']}" if "applies" in row else name


def _tables(values: Mapping[str, Any], head: str = "") -> dict[str, Any]:
    """Every key that `--set` may name: those of tables, not of rows in lists."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        key = f"{head}.{name}".strip(".")
        if isinstance(value, dict):
            found |= _tables(value, key)
        else:
            found[key] = value
    return found


def _origins(path: str, text: str) -> dict[str, tuple[str, str]]:
    """(comment, file:line) by key, of a policy laid over those that it extends; its lists replace theirs whole."""
    tables = parse_toml(text, path)
    found: dict[str, tuple[str, str]] = {}
    if "extends" in tables:
        found = _origins(*files.source(files.beside(tables["extends"], path)))
    rows, lines = text.splitlines(), line_numbers(text)
    lists = {dotted(key[:-1]) for key in lines if isinstance(key[-1], int)}
    found = {key: origin for key, origin in found.items() if not any(key.startswith(f"{name}[") for name in lists)}
    for key, line in lines.items():
        _, mark, comment = rows[line - 1].partition("  # ")
        found[dotted(key)] = (comment.strip() if mark else "", f"{path}:{line}")
    return found
