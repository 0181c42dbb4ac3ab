"""Whether a text is SOSL, and what it asks for: which words, in which fields, of which objects.

Source: "SOSL Syntax", "IN SearchGroup" and "RETURNING FieldSpec" of the SOQL and SOSL reference. Each object of
RETURNING becomes a SOQL statement, so that fields, WHERE, ORDER BY, LIMIT and OFFSET mean what they mean there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from emulators.salesforce.search.terms import BadSearch, Term, read
from emulators.salesforce.soql.errors import SoqlError
from emulators.salesforce.soql.lexer import Kind, Token, tokens

MAX_ROWS = 2000
GROUPS = frozenset({"ALL", "NAME", "EMAIL", "PHONE", "SIDEBAR"})
_FIND = re.compile(r"\s*FIND\s*\{", re.IGNORECASE)
_CLAUSES = frozenset({"WHERE", "ORDER", "LIMIT", "OFFSET"})


@dataclass(frozen=True, slots=True)
class Returning:
    """One object with the SOQL of its rows; `fields` tells whether any were asked for."""

    name: str
    soql: str
    limited: bool


@dataclass(frozen=True, slots=True)
class Statement:
    """One search; `returning` is empty for all objects, `term` None when nothing can be found."""

    term: Term | None
    group: str = "ALL"
    returning: tuple[Returning, ...] = ()
    limit: int = MAX_ROWS
    metadata: bool = False


def parse(text: str) -> Statement:
    """The statement. Raises BadSearch MALFORMED_SEARCH with the place."""
    found = _FIND.match(text)
    if found is None:
        raise BadSearch("MALFORMED_SEARCH", "No search string found.")
    end = _closing(text, found.end())
    term = read(text[found.end() : end], offset=found.end())
    blank = "".join(char if char == "\n" else " " for char in text[: end + 1])
    try:
        return _Clauses(text, tokens(blank + text[end + 1 :])).statement(term)
    except SoqlError as bad:
        raise BadSearch("MALFORMED_SEARCH", bad.message) from None


def row(name: str, fields: str, rest: str = "") -> Returning:
    """An object of RETURNING; `rest` are its clauses from WHERE on."""
    return Returning(name, f"SELECT {fields or 'Id'} FROM {name} {rest}".rstrip(), " limit " in f" {rest.lower()} ")


def _closing(text: str, start: int) -> int:
    at = start
    while at < len(text) and text[at] != "}":
        at += 2 if text[at] == "\\" else 1
    if at >= len(text):
        raise BadSearch("MALFORMED_SEARCH", f"line 1:{len(text)} mismatched character '<EOF>' expecting '}}'")
    return at


class _Clauses:
    """The clauses after FIND."""

    def __init__(self, text: str, found: list[Token]) -> None:
        self.text = text
        self.tokens = found
        self.at = 0

    @property
    def next(self) -> Token:
        return self.tokens[self.at]

    def accept(self, word: str) -> bool:
        if self.next.word != word or self.next.kind is Kind.STRING:
            return False
        self.at += 1
        return True

    def unexpected(self) -> BadSearch:
        token = self.next
        line = self.text.count("\n", 0, token.position) + 1
        column = token.position - (self.text.rfind("\n", 0, token.position) + 1)
        return BadSearch("MALFORMED_SEARCH", f"line {line}:{column} no viable alternative at input '{token.text}'")

    def expect(self, word: str) -> None:
        if not self.accept(word):
            raise self.unexpected()

    def statement(self, term: Term | None) -> Statement:
        group = self.group()
        returning = self.returning()
        metadata = False
        while self.accept("WITH"):
            metadata = self.option() or metadata
        limit = min(self.number(), MAX_ROWS) if self.accept("LIMIT") else MAX_ROWS
        if self.accept("UPDATE"):
            self.marks()
        if self.next.kind is not Kind.END:
            raise self.unexpected()
        return Statement(term, group, returning, limit, metadata)

    def group(self) -> str:
        if not self.accept("IN"):
            return "ALL"
        word = self.next.word
        if word not in GROUPS:
            raise self.unexpected()
        self.at += 1
        self.expect("FIELDS")
        return word

    def returning(self) -> tuple[Returning, ...]:
        if not self.accept("RETURNING"):
            return ()
        found = [self.object()]
        while self.accept(","):
            found.append(self.object())
        return tuple(found)

    def object(self) -> Returning:
        name = self.name()
        if not self.accept("("):
            return row(name, "")
        start, clause = self.next.position, None
        depth = 1
        while depth:
            if self.next.kind is Kind.END:
                raise self.unexpected()
            if depth == 1 and clause is None and self.next.kind is Kind.NAME and self.next.word in _CLAUSES:
                clause = self.next.position
            depth += {"(": 1, ")": -1}.get(self.next.text, 0)
            self.at += 1
        end = self.tokens[self.at - 1].position
        fields = self.text[start : clause or end].strip()
        if not fields:
            self.at -= 1
            raise self.unexpected()
        return row(name, fields, self.text[clause or end : end].strip())

    def name(self) -> str:
        token = self.next
        if token.kind is not Kind.NAME:
            raise self.unexpected()
        self.at += 1
        return token.text

    def option(self) -> bool:
        """One WITH: METADATA is answered, SNIPPET, HIGHLIGHT and SPELL_CORRECTION change nothing here."""
        word = self.next.word
        if word not in ("METADATA", "SNIPPET", "HIGHLIGHT", "SPELL_CORRECTION"):
            raise self.unexpected()
        self.at += 1
        if word == "SPELL_CORRECTION":
            self.expect("=")
            if self.next.word not in ("TRUE", "FALSE"):
                raise self.unexpected()
            self.at += 1
        elif word == "SNIPPET" and self.accept("("):
            self.expect("TARGET_LENGTH")
            self.expect("=")
            self.number()
            self.expect(")")
        elif word == "METADATA" and self.accept("="):
            if self.next.kind is not Kind.STRING or self.next.value.upper() != "LABELS":
                raise self.unexpected()
            self.at += 1
        return word == "METADATA"

    def number(self) -> int:
        token = self.next
        if token.kind is not Kind.NUMBER or not token.text.isdigit() or len(token.text) > 9:
            raise self.unexpected()
        self.at += 1
        return int(token.text)

    def marks(self) -> None:
        while self.next.word in ("TRACKING", "VIEWSTAT"):
            self.at += 1
            if not self.accept(","):
                return
        raise self.unexpected()
