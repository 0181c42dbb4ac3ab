"""Where two bodies differ in shape: keys, types, lengths and codes, not in ids, times and other values."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

_CODES = frozenset({"errorCode", "category", "subCategory", "policyName", "errorType", "statusCode", "code"})
_NAMES = ("name", "value", "id", "Id")  # by which elements of lists are paired
Names = Mapping[str, str]  # recorded id -> emulated id


@dataclass(frozen=True, slots=True)
class Difference:
    """One place: `path` as `results[].properties.name`, `kind`, and what was recorded and what was emulated."""

    path: str
    kind: str  # status, header, lacking (key or element not emulated), more, type, length, code, text
    recorded: str
    emulated: str


def differences(recorded: Any, emulated: Any, names: Names, path: str = "") -> Iterator[Difference]:
    """Every difference in shape, depth first."""
    if isinstance(recorded, dict) and isinstance(emulated, dict):
        yield from _objects(recorded, emulated, names, path)
    elif isinstance(recorded, list) and isinstance(emulated, list):
        yield from _lists(recorded, emulated, names, path)
    elif kind_of(recorded) != kind_of(emulated):
        yield Difference(path, "type", kind_of(recorded), kind_of(emulated))
    elif path.rpartition(".")[2] in _CODES and recorded != emulated:
        yield Difference(path, "code", str(recorded), str(emulated))


def kind_of(value: Any) -> str:
    """The JSON type; a whole number and a decimal are the same to JSON."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "string" if isinstance(value, str) else "array" if isinstance(value, list) else "object"


def _objects(recorded: dict[str, Any], emulated: dict[str, Any], names: Names, path: str) -> Iterator[Difference]:
    for key, value in recorded.items():
        place = f"{path}.{key}" if path else key
        if key not in emulated:
            yield Difference(place, "lacking", kind_of(value), "")
        else:
            yield from differences(value, emulated[key], names, place)
    for key in emulated.keys() - recorded.keys():
        yield Difference(f"{path}.{key}" if path else key, "more", "", kind_of(emulated[key]))


def _lists(recorded: list[Any], emulated: list[Any], names: Names, path: str) -> Iterator[Difference]:
    place = f"{path}[]"
    key_of = _pairing(recorded, emulated)
    if key_of is None:
        if len(recorded) != len(emulated):
            yield Difference(path, "length", str(len(recorded)), str(len(emulated)))
        for one, other in zip(recorded, emulated, strict=False):
            yield from differences(one, other, names, place)
        return
    mine = {key_of(each): each for each in emulated}
    theirs = {names.get(key_of(each), key_of(each)): each for each in recorded}
    for key, each in theirs.items():
        if key in mine:
            yield from differences(each, mine[key], names, place)
        else:
            yield Difference(place, "lacking", str(key), "")
    for key in mine.keys() - theirs.keys():
        yield Difference(place, "more", "", str(key))


def _pairing(recorded: Sequence[Any], emulated: Sequence[Any]) -> Callable[[Any], str] | None:
    """By what the elements can be told apart; None: they are paired by their order."""
    if not recorded or not emulated:
        return None
    for name in _NAMES:
        if all(isinstance(each, dict) and isinstance(each.get(name), str) for each in (*recorded, *emulated)):
            both = ([each[name] for each in recorded], [each[name] for each in emulated])
            if all(len(set(each)) == len(each) for each in both):
                return partial(_value, name)
        if all(isinstance(each, dict) and "childSObject" in each for each in (*recorded, *emulated)):
            return lambda each: f"{each['childSObject']}.{each['field']}"
    return None


def _value(name: str, element: Any) -> str:
    return str(element[name])


def renamed(value: Any, names: Names) -> Any:
    """The value with recorded ids replaced by those that the emulator has given."""
    if not names:
        return value
    pattern = re.compile("|".join(sorted(map(re.escape, names), key=len, reverse=True)))
    return mapped(value, lambda text: pattern.sub(lambda found: names[found[0]], text))


def mapped(value: Any, change: Callable[[str], str]) -> Any:
    """The value with every text changed."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [mapped(each, change) for each in value]
    if isinstance(value, dict):
        return {key: mapped(each, change) for key, each in value.items()}
    return value
