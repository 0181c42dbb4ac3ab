"""Whether a text has what the FIND of a search asks for: words, wildcards, phrases and their combinations.

Source: "FIND {SearchQuery}" of the SOQL and SOSL reference. Words are cut at spaces, punctuation and changes from
letters to digits and back, without regard to case; characters of languages without spaces are words of their own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

RESERVED = frozenset("?&|!{}[]()^~*:\\\"'+-")
LONGEST, LONGEST_WITH_OPERATORS = 10_000, 4_000  # characters; beyond, no rows and no operators
DEEPEST = 50  # parentheses within parentheses
_CJK = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_WORD = re.compile(rf"[{_CJK}]|[^\W_{_CJK}]+")
_PIECE = re.compile(r"\d+|[^\W\d_]+")
_SPACE = frozenset(" \t\r\n\f\u3000")


class BadSearch(Exception):
    """A search text that is refused, with its code and the vendor's words."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words one after another; `*` and `?` in a word stand for characters."""

    words: tuple[str, ...]

    def found(self, fields: Sequence[Sequence[frozenset[str]]]) -> bool:
        """Whether some field has them in a row."""
        return any(_within(self.words, words) for words in fields)


@dataclass(frozen=True, slots=True)
class Every:
    """All of these, and none of those."""

    terms: tuple[Term, ...]
    without: tuple[Term, ...] = ()

    def found(self, fields: Sequence[Sequence[frozenset[str]]]) -> bool:
        """Whether the record's fields together have them."""
        return all(term.found(fields) for term in self.terms) and not any(term.found(fields) for term in self.without)


@dataclass(frozen=True, slots=True)
class Either:
    """One of these at least."""

    terms: tuple[Term, ...]

    def found(self, fields: Sequence[Sequence[frozenset[str]]]) -> bool:
        """Whether the record's fields together have one."""
        return any(term.found(fields) for term in self.terms)


Term = Phrase | Every | Either


def words_of(text: str) -> list[frozenset[str]]:
    """The words of a field in order, each with the pieces of letters and digits that it is made of."""
    return [frozenset({word, *_PIECE.findall(word)}) for word in _WORD.findall(text.casefold())]


def digits_of(text: str) -> list[frozenset[str]]:
    """A phone number as one word, so that it is found however it is written."""
    return [frozenset({"".join(filter(str.isdigit, text))})]


def _within(wanted: tuple[str, ...], words: Sequence[frozenset[str]]) -> bool:
    for start in range(len(words) - len(wanted) + 1):
        if all(_is(word, words[start + step]) for step, word in enumerate(wanted)):
            return True
    return False


def _is(wanted: str, word: frozenset[str]) -> bool:
    if "*" not in wanted and "?" not in wanted:
        return wanted in word
    return any(_fits(wanted, piece) for piece in word)


def _fits(wanted: str, word: str) -> bool:
    """Whether a word fits wildcards; never more work than the product of both lengths."""
    at = place = 0
    star, mark = -1, 0
    while place < len(word):
        if at < len(wanted) and wanted[at] == "*":
            star, mark, at = at, place, at + 1
        elif at < len(wanted) and wanted[at] in ("?", word[place]):
            at, place = at + 1, place + 1
        elif star >= 0:
            mark += 1
            at, place = star + 1, mark
        else:
            return False
    return not wanted[at:].strip("*")


def read(text: str, *, lenient: bool = False, offset: int = 6) -> Term | None:
    """What the text between FIND's braces asks for; None for a text too long to find anything.

    `lenient` takes reserved characters for punctuation, as a search without SOSL does; `offset` is the text's column.
    Raises BadSearch: MALFORMED_SEARCH for reserved characters without backslash, INVALID_SEARCH for a short term.
    """
    if len(text) > LONGEST:
        return None
    reader = _Reader(text, lenient, offset)
    term = reader.either()
    if reader.at < len(reader.parts):
        raise reader.unexpected()
    return term


@dataclass(frozen=True, slots=True)
class _Part:
    kind: str  # word, phrase, (, ), AND, OR, NOT
    text: str
    at: int


class _Reader:
    """Parentheses first, then AND and AND NOT, then OR; words side by side are joined by AND."""

    def __init__(self, text: str, lenient: bool, offset: int) -> None:
        self.offset = offset
        self.parts = _parts(text, lenient, offset)
        self.end = len(text)
        self.at = self.depth = 0
        if len(text) > LONGEST_WITH_OPERATORS:
            kept = [part for part in self.parts if part.kind in ("word", "phrase")]
            self.parts = [each for part in kept for each in (part, _Part("OR", "OR", part.at))][:-1]

    def kind(self, ahead: int = 0) -> str:
        return self.parts[self.at + ahead].kind if self.at + ahead < len(self.parts) else ""

    def unexpected(self) -> BadSearch:
        part = self.parts[self.at] if self.at < len(self.parts) else None
        place, found = (part.at, part.text) if part else (self.end, "}")
        return BadSearch("MALFORMED_SEARCH", f"line 1:{self.offset + place} no viable alternative at '{found}'")

    def either(self) -> Term:
        terms = [self.every()]
        while self.kind() == "OR":
            self.at += 1
            terms.append(self.every())
        return terms[0] if len(terms) == 1 else Either(tuple(terms))

    def every(self) -> Term:
        terms, without = [self.single()], []
        while self.kind() in ("AND", "word", "phrase", "("):
            if self.kind() == "AND":
                self.at += 1
            if self.kind() == "NOT":
                self.at += 1
                without.append(self.single())
            else:
                terms.append(self.single())
        return terms[0] if len(terms) == 1 and not without else Every(tuple(terms), tuple(without))

    def single(self) -> Term:
        if self.kind() == "(":
            self.at += 1
            self.depth += 1
            inside = self.either() if self.depth <= DEEPEST else None
            if inside is None or self.kind() != ")":
                raise self.unexpected()
            self.at += 1
            self.depth -= 1
            return inside
        if self.kind() not in ("word", "phrase"):
            raise self.unexpected()
        part = self.parts[self.at]
        self.at += 1
        return Phrase(_checked(part))


def _checked(part: _Part) -> tuple[str, ...]:
    """The words of a term; a wildcard at its beginning stands for nothing, and two characters are the least."""
    text = part.text.casefold().lstrip("*?")
    words = tuple(re.findall(rf"[{_CJK}]|(?:[^\W_{_CJK}]|[*?])+", text))
    if sum(len(word.replace("*", "")) for word in words) < 2 and not re.search(rf"[{_CJK}]", text):
        raise BadSearch("INVALID_SEARCH", f"search term must be longer than one character: {part.text}")
    return words


def _parts(text: str, lenient: bool, offset: int) -> list[_Part]:
    found: list[_Part] = []
    at = 0
    while at < len(text):
        char = text[at]
        if char in _SPACE:
            at += 1
        elif char in "()" and not lenient:
            found.append(_Part(char, char, at))
            at += 1
        elif char == '"':
            part, at = _phrase(text, at, offset)
            found.append(part)
        else:
            part, at = _bare(text, at, lenient, offset)
            found.append(part)
    return [part for part in found if part.text]


def _phrase(text: str, start: int, offset: int) -> tuple[_Part, int]:
    taken: list[str] = []
    at = start + 1
    while at < len(text) and text[at] != '"':
        if text[at] == "\\" and at + 1 < len(text):
            at += 1
        taken.append(text[at])
        at += 1
    if at >= len(text):
        raise BadSearch("MALFORMED_SEARCH", f"line 1:{offset + at} mismatched character '}}' expecting '\"'")
    return _Part("phrase", "".join(taken), start), at + 1


def _bare(text: str, start: int, lenient: bool, offset: int) -> tuple[_Part, int]:
    """One word; an escaped character is punctuation, as in what is searched."""
    taken: list[str] = []
    at = start
    while at < len(text) and text[at] not in _SPACE and text[at] != '"' and (lenient or text[at] not in "()"):
        char = text[at]
        if char == "\\" and at + 1 < len(text):
            at += 1
            taken.append(" " if text[at] in "*?" else text[at])
        elif char in RESERVED and char not in "*?" and not lenient:
            raise BadSearch("MALFORMED_SEARCH", f"line 1:{offset + at} mismatched character '{char}' expecting '}}'")
        else:
            taken.append(char)
        at += 1
    word = "".join(taken)
    kind = word if word in ("AND", "OR", "NOT") and not lenient else "word"
    return _Part(kind, word, start), at
