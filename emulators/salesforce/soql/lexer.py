"""Which tokens a SOQL text consists of, each with its place; refuses characters and escapes SOQL does not know."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from emulators.salesforce.soql.errors import SoqlError, malformed, row_and_column

MAX_LENGTH = 100_000


class Kind(StrEnum):
    """What a token is."""

    NAME = "name"
    STRING = "string"
    NUMBER = "number"
    DATE = "date"
    DATETIME = "datetime"
    CURRENCY = "currency"
    SYMBOL = "symbol"
    END = "end"


@dataclass(frozen=True, slots=True)
class Token:
    """One token: its text as written, the offset of its first character; for strings also the value.

    `value` is the unescaped text, `pattern` the same as a LIKE pattern in which a backslash escapes;
    `wildcard_escape` tells that the text had an escaped `%` or `_`, which only LIKE allows.
    """

    kind: Kind
    text: str
    position: int
    value: str = ""
    pattern: str = ""
    wildcard_escape: bool = False

    @property
    def word(self) -> str:
        """The upper-case text of a name, else the text; keywords compare with it."""
        return self.text.upper() if self.kind is Kind.NAME else self.text


_SPACE = re.compile(r"[ \t\r\n\f]+")
_DATETIME = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:[Zz]|[+-]\d{2}:?\d{2})", re.ASCII)
_DATETIME_WITHOUT_ZONE = re.compile(r"\d{4}-\d{2}-\d{2}[Tt][\d:.]*", re.ASCII)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_CURRENCY = re.compile(r"[A-Za-z]{3}\d+\.\d+", re.ASCII)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z][A-Za-z0-9_]*)*", re.ASCII)
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d+)?|\.\d+)", re.ASCII)
_SYMBOL = re.compile(r"<=|>=|!=|<>|[=<>(),*:]")
_PLAIN_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", '"': '"', "'": "'", "\\": "\\"}
_WORD = re.compile(r"[A-Za-z0-9_.]")


def tokens(soql: str) -> list[Token]:
    """All tokens, closed by one of kind END. Raises SoqlError MALFORMED_QUERY."""
    if len(soql) > MAX_LENGTH:
        raise SoqlError("MALFORMED_QUERY", f"SOQL statements cannot be longer than {MAX_LENGTH} characters.")
    found: list[Token] = []
    position = 0
    while True:
        space = _SPACE.match(soql, position)
        if space:
            position = space.end()
        if position >= len(soql):
            found.append(Token(Kind.END, "<EOF>", len(soql.rstrip())))
            return found
        token = _string(soql, position) if soql[position] == "'" else _plain(soql, position)
        found.append(token)
        position += len(token.text)


def _plain(soql: str, position: int) -> Token:
    for kind, pattern in (
        (Kind.DATETIME, _DATETIME),
        (Kind.DATE, _DATE),
        (Kind.CURRENCY, _CURRENCY),
        (Kind.NAME, _NAME),
        (Kind.NUMBER, _NUMBER),
    ):
        match = pattern.match(soql, position)
        if match:
            end = match.end()
            if end < len(soql) and _WORD.match(soql, end):
                zoneless = _DATETIME_WITHOUT_ZONE.match(soql, position)
                raise no_alternative(soql, zoneless.end() if zoneless else end)
            return Token(kind, match.group(), position)
    symbol = _SYMBOL.match(soql, position)
    if symbol:
        return Token(Kind.SYMBOL, symbol.group(), position)
    raise no_alternative(soql, position)


def no_alternative(soql: str, position: int) -> SoqlError:
    """The parser generator's own words for a character that begins no token; its columns count from 0."""
    row, column = row_and_column(soql, position)
    found = soql[position] if position < len(soql) else "<EOF>"
    return SoqlError("MALFORMED_QUERY", f"line {row}:{column - 1} no viable alternative at character '{found}'")


def _unterminated(soql: str, position: int) -> SoqlError:
    row, column = row_and_column(soql, position)
    found = "\\n" if position < len(soql) else "<EOF>"
    return SoqlError("MALFORMED_QUERY", f"line {row}:{column - 1} mismatched character '{found}' expecting '''")


def _string(soql: str, start: int) -> Token:
    value: list[str] = []
    pattern: list[str] = []
    wildcard = False
    at = start + 1
    while True:
        if at >= len(soql) or soql[at] in "\r\n":
            raise _unterminated(soql, at)
        character = soql[at]
        if character == "'":
            break
        if character != "\\":
            value.append(character)
            pattern.append(character)
            at += 1
            continue
        text, escaped, length = _escape(soql, start, at)
        wildcard = wildcard or text in ("%", "_")
        value.append(text)
        pattern.append(escaped)
        at += length
    text = soql[start : at + 1]
    return Token(Kind.STRING, text, start, "".join(value), "".join(pattern), wildcard)


def _escape(soql: str, start: int, at: int) -> tuple[str, str, int]:
    """The text an escape stands for, the same for LIKE, and how many characters were read."""
    if at + 1 >= len(soql):
        raise _unterminated(soql, at + 1)
    letter = soql[at + 1]
    if letter in "%_":
        return letter, "\\" + letter, 2
    if letter in "uU":
        digits = soql[at + 2 : at + 6]
        if re.fullmatch(r"[0-9A-Fa-f]{4}", digits):
            character, length = _code_point(soql, at, int(digits, 16))
            return character, "\\" + character if character in "\\%_" else character, length
    plain = _PLAIN_ESCAPES.get(letter.lower())
    if plain is None:
        end = soql.find("'", at)
        literal = soql[start : len(soql) if end < 0 else end + 1]
        text = f"Invalid string literal {literal}. Illegal character sequence '\\{letter}' in string literal."
        raise malformed(soql, at, text)
    return plain, "\\\\" if plain == "\\" else plain, 2


def _code_point(soql: str, at: int, unit: int) -> tuple[str, int]:
    """The character of a UTF-16 unit, or of a pair of them, and how much of the text it took; half a pair is none."""
    if not 0xD800 <= unit <= 0xDFFF:
        return chr(unit), 6
    second = re.fullmatch(r"\\[uU]([Dd][C-Fc-f][0-9A-Fa-f]{2})", soql[at + 6 : at + 12])
    if unit > 0xDBFF or second is None:
        return "\ufffd", 6
    return chr(0x10000 + ((unit - 0xD800) << 10) + int(second[1], 16) - 0xDC00), 12
