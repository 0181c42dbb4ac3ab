"""How does a value of the core become text that is kept, and the same value again?

`to_json` is canonical: equal values give equal bytes. Fields that hold their default are left out, so that a later
version may add a field with a default and still read what an earlier one kept.
"""

from __future__ import annotations

import dataclasses
import json
import typing
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import cache
from operator import attrgetter
from typing import Any, TypeVar

T = TypeVar("T")
_Turn = Callable[[Any], Any]
_UNION = type(int | None)
_ENCODE = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_TAG = "~"  # names the class where a field may hold one of several
_VALUE = "="  # holds the text of one that is no dataclass


def to_json(value: Any) -> str:
    """The dataclass as compact JSON text; Decimals and dates are strings, instants are ISO 8601."""
    kind: Any = type(value)
    return _ENCODE(_packer(kind)(value))


def from_json(kind: type[T], text: str) -> T:
    """The value that `to_json` made; KeyError or TypeError when the text is of something else."""
    hint: Any = kind
    value: T = _unpacker(hint)(json.loads(text))
    return value


def untagged(value: Any) -> Any:
    """Kept text, parsed, without the marks that only reading it again needs: for people's own programs."""
    if isinstance(value, list):
        return [untagged(each) for each in value]
    if not isinstance(value, dict):
        return value
    if _TAG in value and _VALUE in value:
        return value[_VALUE]
    return {name: untagged(each) for name, each in value.items() if name != _TAG}


def _same(value: Any) -> Any:
    return value


def _text(value: Any) -> str:
    return str(value)


def _iso(value: Any) -> str:
    text: str = value.isoformat()
    return text


@cache
def _packer(hint: Any) -> _Turn:
    if dataclasses.is_dataclass(hint):
        return _pack_dataclass(hint)
    options = _options(hint)
    if options is not None:
        return _pack_union(options)
    if typing.get_origin(hint) is tuple:
        return _pack_tuple(typing.get_args(hint))
    if hint is Decimal:
        return _text
    return _iso if hint in (date, datetime) else _same


def _pack_dataclass(kind: Any) -> _Turn:
    hints = typing.get_type_hints(kind)
    fields = dataclasses.fields(kind)
    parts = tuple((f.name, f.default, _packer(hints[f.name])) for f in fields)
    names = tuple(f.name for f in fields)
    held_in = attrgetter(*names) if len(names) > 1 else lambda value: (getattr(value, names[0]),)

    def pack(value: Any) -> dict[str, Any]:
        kept = {}
        for (name, default, turn), held in zip(parts, held_in(value), strict=True):
            if held is not default and held != default:
                kept[name] = held if turn is _same else turn(held)
        return kept

    return pack


def _pack_union(options: tuple[Any, ...]) -> _Turn:
    if len(options) == 1:
        only = _packer(options[0])
        return lambda value: None if value is None else only(value)
    turns = {option: _packer(option) for option in options}

    def pack(value: Any) -> Any:
        if value is None or isinstance(value, str | int):
            return value
        packed = turns[type(value)](value)
        return {_TAG: type(value).__name__, **(packed if isinstance(packed, dict) else {_VALUE: packed})}

    return pack


def _pack_tuple(hints: tuple[Any, ...]) -> _Turn:
    if len(hints) == 2 and hints[1] is Ellipsis:
        turn = _packer(hints[0])
        return list if turn is _same else lambda value: list(map(turn, value))
    turns = tuple(_packer(hint) for hint in hints)
    return lambda value: [turn(item) for turn, item in zip(turns, value, strict=True)]


@cache
def _unpacker(hint: Any) -> _Turn:
    if dataclasses.is_dataclass(hint):
        return _unpack_dataclass(hint)
    options = _options(hint)
    if options is not None:
        return _unpack_union(options)
    if typing.get_origin(hint) is tuple:
        return _unpack_tuple(typing.get_args(hint))
    if hint is Decimal:
        return Decimal
    if hint is date:
        return date.fromisoformat
    if hint is datetime:
        return datetime.fromisoformat
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return {member.value: member for member in hint}.__getitem__  # calling the class is four times as slow
    return _same


def _unpack_dataclass(kind: Any) -> _Turn:
    hints = typing.get_type_hints(kind)
    every = {f.name: _unpacker(hints[f.name]) for f in dataclasses.fields(kind)}
    turns = {name: turn for name, turn in every.items() if turn is not _same}

    def unpack(kept: dict[str, Any]) -> Any:
        """(`kept` is ours: it was just read from text.)"""
        kept.pop(_TAG, None)
        for name in turns.keys() & kept.keys():
            kept[name] = turns[name](kept[name])
        return kind(**kept)

    return unpack


def _unpack_union(options: tuple[Any, ...]) -> _Turn:
    if len(options) == 1:
        only = _unpacker(options[0])
        return lambda kept: None if kept is None else only(kept)
    turns = {option.__name__: _unpacker(option) for option in options}

    def unpack(kept: Any) -> Any:
        if not isinstance(kept, dict):
            return kept
        return turns[kept[_TAG]](kept.get(_VALUE, kept))

    return unpack


def _unpack_tuple(hints: tuple[Any, ...]) -> _Turn:
    if len(hints) == 2 and hints[1] is Ellipsis:
        turn = _unpacker(hints[0])
        return tuple if turn is _same else lambda kept: tuple(map(turn, kept))
    turns = tuple(_unpacker(hint) for hint in hints)
    return lambda kept: tuple(turn(item) for turn, item in zip(turns, kept, strict=True))


def _options(hint: Any) -> tuple[Any, ...] | None:
    """The members of a union without None; None when the hint is no union."""
    if isinstance(hint, _UNION) or typing.get_origin(hint) is typing.Union:
        return tuple(option for option in typing.get_args(hint) if option is not type(None))
    return None
