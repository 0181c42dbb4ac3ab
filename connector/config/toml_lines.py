"""On which line of a TOML file stands the value that is wrong, and what should a person write instead?

`load_toml` reads a file, `validate` checks it against a pydantic model. Both raise `Misconfigured` with file, line,
key, what was found and what to do; `validate` lists every problem at once. Values of secret keys are never shown.
"""

from __future__ import annotations

import difflib
import re
import tomllib
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, SecretBytes, SecretStr, ValidationError

from connector.config import value_words
from connector.errors import Misconfigured

Key = tuple[str | int, ...]
M = TypeVar("M", bound=BaseModel)

_SECRET_NAME = re.compile(r"secret|passw|token|credential|private|passphrase|api_?key", re.IGNORECASE)
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR = re.compile(r"[^,\]}#\n]*")
_AT_LINE = re.compile(r"\s*\(at line (\d+), column (\d+)\)|\s*\(at end of document\)")
UNKNOWN_KEY = "is not a key that is known here"
_LISTED = 40  # known words that a message lists; more are no answer
_SHOWN = 60  # characters of a wrong value that a message shows


def load_toml(path: Path | str) -> dict[str, Any]:
    """The file's tables; numbers with a point are `Decimal`, so that 0.20 stays exact."""
    return parse_toml(read_text(path), path)


def read_text(path: Path | str) -> str:
    """The file's text; `Misconfigured` when it cannot be read as UTF-8 text."""
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise Misconfigured(str(path), "there is no such file", "Check the path, or make the file.") from None
    except UnicodeDecodeError as error:
        raise Misconfigured(str(path), f"byte {error.start} is not UTF-8", "Save the file as UTF-8.") from None
    except OSError as error:
        raise Misconfigured(str(path), f"cannot be read ({error.strerror})", "Make the file readable.") from None


def parse_toml(text: str, path: Path | str) -> dict[str, Any]:
    """The text's tables; `path` only names it in the error."""
    try:
        return tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        found = _AT_LINE.search(str(error))
        line = int(found[1]) if found and found[1] else text.count("\n") + 1
        what = _AT_LINE.sub("", str(error))
        fix = "Correct the TOML syntax on that line (text needs quotes, keys stand once)."
        raise Misconfigured(f"{path}:{line}", f"not valid TOML: {what[:1].lower()}{what[1:]}", fix) from None


def validate(
    model: type[M], data: Mapping[str, Any], path: Path | str, *, text: str | None = None, at: Key = ()
) -> M:
    """The data as that model. `at`: where in the file the data stands; `text`: the file when it is not on disk."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise misconfigured(problems(error, model, path, text=text, at=at), path) from None


@dataclass(frozen=True, slots=True)
class Problem:
    """One wrong thing in a file: `where` is file:line, `key` the dotted key."""

    where: str
    key: str
    found: str
    fix: str


def misconfigured(wrong: Iterable[Problem], path: Path | str) -> Misconfigured:
    """One error that names every problem, in the order in which they stand in the file."""
    every = tuple(wrong)
    if len(every) == 1:
        only = every[0]
        return Misconfigured(only.where, f"{only.key}: {only.found}" if only.key else only.found, only.fix)
    lines = (f"  {p.where}: {p.key}: {p.found}. {p.fix}".rstrip() for p in every)
    return Misconfigured(str(path), f"{len(every)} values are wrong", "\n".join(("Correct each of them:", *lines)))


def problems(
    error: ValidationError, model: type[BaseModel], path: Path | str, *, text: str | None = None, at: Key = ()
) -> tuple[Problem, ...]:
    """What pydantic found, as problems with lines, ordered by line; no secret value is in them."""
    if text is None:
        text = Path(path).read_text(encoding="utf-8-sig") if Path(path).is_file() else ""
    lines = line_numbers(text)
    found = (_problem(detail, model, path, lines, at) for detail in error.errors(include_url=False))
    return tuple(problem for _, problem in sorted(found, key=lambda pair: (pair[0], pair[1].key, pair[1].found)))


def line_numbers(text: str) -> dict[Key, int]:
    """The line (from 1) on which each key and each array item of a valid TOML text begins."""
    return _Scanner(text).scan()


def dotted(key: Iterable[str | int]) -> str:
    """A key path as people write it: `goals[2].start`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in key).removeprefix(".")


def closest(word: str, known: Iterable[str]) -> str:
    """A hint with the nearest known word, or with all of them when nothing is near and they are few."""
    options = sorted(known)
    near = difflib.get_close_matches(word, options, n=1, cutoff=0.6)
    ends = {option.rpartition(".")[2]: option for option in reversed(options)}  # who leaves the table out
    near = near or [ends[end] for end in difflib.get_close_matches(word, ends, n=1, cutoff=0.8)]
    if near:
        return f"Did you mean {near[0]}?"
    return f"Known here: {', '.join(options)}." if len(options) <= _LISTED else ""


def _problem(
    detail: Any, model: type[BaseModel], path: Path | str, lines: Mapping[Key, int], at: Key
) -> tuple[int, Problem]:
    loc: Key = detail["loc"]
    line, key = _line_of(at, loc, lines)
    found, fix = _words(detail, loc, model)
    return line, Problem(f"{path}:{line}" if line else str(path), dotted(key), found, fix)


def _line_of(at: Key, loc: Key, lines: Mapping[Key, int]) -> tuple[int, Key]:
    """The nearest line, and the key without the marks that pydantic adds for unions and function validators."""
    here, line = at, lines.get(at, 0)
    for place, part in enumerate(loc):
        step = (*here, part)
        if step in lines:
            here, line = step, lines[step]
        elif place == len(loc) - 1 and not (isinstance(part, str) and re.search(r"[^\w-]", part)):
            here = step  # a missing key is named though it has no line of its own
    return line, here


def _words(detail: Any, loc: Key, model: type[BaseModel]) -> tuple[str, str]:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        return UNKNOWN_KEY, closest(str(loc[-1]), _fields_at(model, loc[:-1]))
    if kind == "missing":
        return "is missing", "Add it."
    got = _got(detail["input"], loc, model)
    if kind in ("literal_error", "enum"):
        return f"must be {context['expected']}{got}", _nearest_option(detail["input"], context["expected"])
    if kind in _BOUNDS:
        words, name = _BOUNDS[kind]
        return f"{words} {_bound(context[name])}{got}", _fraction_hint(detail["input"], kind, context)
    if (wanted := value_words.words(kind, context)) is not None:
        return f"{wanted}{got}", ""
    message = str(detail["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")
    message = message.replace("Input should be", "must be")
    found, mark, fix = message.partition(". ")
    return f"{found.rstrip('.')}{'' if kind == 'value_error' else got}", fix if mark else ""


_BOUNDS = {
    "less_than_equal": ("must be at most", "le"),
    "less_than": ("must be less than", "lt"),
    "greater_than_equal": ("must be at least", "ge"),
    "greater_than": ("must be more than", "gt"),
}


def _bound(limit: Any) -> Any:
    return int(limit) if isinstance(limit, float) and limit.is_integer() else limit


def _fraction_hint(value: Any, kind: str, context: Mapping[str, Any]) -> str:
    """A share written as a percentage is the commonest slip."""
    limit = context.get("le", context.get("lt"))
    if kind.startswith("less") and limit == 1 and isinstance(value, int | Decimal) and 1 < value <= 100:
        return f"Did you mean {Decimal(value) / 100:.2f}? Shares are fractions."
    return ""


def _nearest_option(value: Any, expected: str) -> str:
    options = re.findall(r"'([^']*)'", expected)
    near = difflib.get_close_matches(str(value), options, n=1, cutoff=0.6) if isinstance(value, str) else []
    return f"Did you mean {near[0]}?" if near else ""


def _got(value: Any, loc: Key, model: type[BaseModel]) -> str:
    """What stands there, in brackets; nothing when it is or may hold a secret."""
    if isinstance(value, Mapping):
        return " (got a table)"
    if isinstance(value, list | tuple):
        return " (got a list)"
    if any(_SECRET_NAME.search(str(part)) for part in loc) or _is_secret(model, loc):
        return ""
    shown = f'"{value}"' if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
    return f" (got {shown if len(shown) <= _SHOWN else shown[: _SHOWN - 1] + '…'})"


def _is_secret(model: type[BaseModel], loc: Key) -> bool:
    return any(kind in (SecretStr, SecretBytes) for kind in _kinds_at(model, loc))


def _fields_at(model: type[BaseModel], loc: Key) -> list[str]:
    kinds = (kind for kind in _kinds_at(model, loc) if isinstance(kind, type) and issubclass(kind, BaseModel))
    return [field.alias or name for kind in kinds for name, field in kind.model_fields.items()]


def _kinds_at(model: type[BaseModel], loc: Key) -> list[Any]:
    """The types that may stand at that place: models, secrets and scalars, unions and lists taken apart."""
    kinds: list[Any] = [model]
    for part in loc:
        inside = [inner for kind in kinds for inner in _inside(kind, part)]
        kinds = inside or kinds  # a union's mark in the path does not lead deeper
    return kinds


def _inside(kind: Any, part: str | int) -> list[Any]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        for name, field in kind.model_fields.items():
            if part in (name, field.alias):
                return _unwrapped(field.annotation)
    return []


def _unwrapped(annotation: Any) -> list[Any]:
    origin = typing.get_origin(annotation)
    if origin is None:
        return [annotation]
    if origin is typing.Annotated or origin in (types.UnionType, typing.Union, list, tuple, set, frozenset):
        return [kind for inner in typing.get_args(annotation) for kind in _unwrapped(inner)]
    if origin in (dict, Mapping) or (isinstance(origin, type) and issubclass(origin, Mapping)):
        return _unwrapped(typing.get_args(annotation)[1])
    return [annotation]


class _Scanner:
    """Walks a text that `tomllib` has accepted and notes where keys and array items begin."""

    def __init__(self, text: str) -> None:
        self.text, self.at, self.line = text, 0, 1
        self.lines: dict[Key, int] = {}
        self.counts: dict[Key, int] = {}

    def scan(self) -> dict[Key, int]:
        """Every key path with its line; an empty answer for an empty text."""
        table: Key = ()
        while self._skip(newlines=True):
            if self.text.startswith("[[", self.at):
                table = self._header(2)
            elif self.text[self.at] == "[":
                table = self._header(1)
            else:
                self._pair(table)
        return self.lines

    def _header(self, brackets: int) -> Key:
        line = self.line
        self._go(brackets)
        names = self._key()
        self._skip()
        self._go(brackets)
        path = self._resolved(names[:-1])
        for depth in range(1, len(path) + 1):
            self._note(path[:depth], line)
        path = (*path, names[-1])
        if brackets == 2:
            self._note(path, line)
            self.counts[path] = self.counts.get(path, -1) + 1
            path = (*path, self.counts[path])
        self._note(path, line)
        return path

    def _resolved(self, names: Key) -> Key:
        """A header's key with the index of the newest item after each array of tables in it."""
        path: Key = ()
        for name in names:
            path = (*path, name)
            if path in self.counts:
                path = (*path, self.counts[path])
        return path

    def _pair(self, table: Key) -> None:
        line, path = self.line, (*table, *self._key())
        for depth in range(len(table) + 1, len(path) + 1):
            self._note(path[:depth], line)
        self._skip()
        self._go(1)  # the equals sign
        self._value(path)

    def _key(self) -> Key:
        names: list[str | int] = []
        while True:
            self._skip()
            quote = self.text[self.at]
            if quote in "\"'":
                raw = self._string()
                names.append(tomllib.loads(f"k={raw}")["k"])
            else:
                bare = _BARE.match(self.text, self.at)
                assert bare is not None
                names.append(bare[0])
                self._go(len(bare[0]))
            self._skip()
            if self.at >= len(self.text) or self.text[self.at] != ".":
                return tuple(names)
            self._go(1)

    def _value(self, path: Key) -> None:
        self._skip()
        first = self.text[self.at]
        if first in "\"'":
            self._string()
        elif first == "[":
            self._array(path)
        elif first == "{":
            self._inline(path)
        else:
            scalar = _SCALAR.match(self.text, self.at)
            self._go(len(scalar[0]) if scalar else 1)

    def _array(self, path: Key) -> None:
        self._go(1)
        index = 0
        while self._skip(newlines=True) and self.text[self.at] != "]":
            self._note((*path, index), self.line)
            self._value((*path, index))
            index += 1
            self._comma()
        self._go(1)

    def _inline(self, path: Key) -> None:
        self._go(1)
        while self._skip(newlines=True) and self.text[self.at] != "}":
            self._pair(path)
            self._comma()
        self._go(1)

    def _comma(self) -> None:
        if self._skip(newlines=True) and self.text[self.at] == ",":
            self._go(1)

    def _string(self) -> str:
        start, quote = self.at, self.text[self.at]
        mark = quote * 3 if self.text.startswith(quote * 3, self.at) else quote
        at = self.at + len(mark)
        while not self.text.startswith(mark, at):
            at += 2 if quote == '"' and self.text[at] == "\\" else 1
        at += len(mark)
        while len(mark) == 3 and self.text.startswith(quote, at):
            at += 1  # up to two quotes may stand before the closing three
        self._go(at - self.at)
        return self.text[start:at]

    def _skip(self, *, newlines: bool = False) -> bool:
        """Pass blanks and comments (and line ends); False at the end of the text."""
        while self.at < len(self.text):
            here = self.text[self.at]
            if here == "#":
                end = self.text.find("\n", self.at)
                self.at = len(self.text) if end < 0 else end
            elif here in " \t\r" or (newlines and here == "\n"):
                self._go(1)
            else:
                return True
        return False

    def _go(self, count: int) -> None:
        self.line += self.text.count("\n", self.at, self.at + count)
        self.at += count

    def _note(self, path: Key, line: int) -> None:
        self.lines.setdefault(path, line)
