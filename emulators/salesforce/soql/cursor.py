"""Which token comes next, and which value it writes: what the parser of statements walks along."""

from __future__ import annotations

import re

from emulators.salesforce.soql.ast import Literal, LiteralKind, Path
from emulators.salesforce.soql.dates import RANGES, RANGES_OF_N
from emulators.salesforce.soql.errors import SoqlError, malformed
from emulators.salesforce.soql.lexer import Kind, Token, tokens

MAX_COUNT = 2**31 - 1
MAX_COUNT_DIGITS = len(str(MAX_COUNT))
_CURRENCY = re.compile(r"[A-Za-z]{3}\d+(?:\.\d+)?", re.ASCII)


class Cursor:
    """A place in the tokens of one statement."""

    def __init__(self, soql: str) -> None:
        self.soql = soql
        self.tokens = tokens(soql)
        self.at = 0

    @property
    def next(self) -> Token:
        return self.tokens[self.at]

    def peek(self, ahead: int = 1) -> Token:
        return self.tokens[min(self.at + ahead, len(self.tokens) - 1)]

    def take(self) -> Token:
        token = self.tokens[self.at]
        if token.kind is not Kind.END:
            self.at += 1
        return token

    def sees(self, *words: str) -> bool:
        return all(self.peek(i).word == word and self.peek(i).kind is not Kind.STRING for i, word in enumerate(words))

    def accept(self, *words: str) -> bool:
        if not self.sees(*words):
            return False
        self.at += len(words)
        return True

    def expect(self, word: str) -> Token:
        if not self.sees(word):
            raise self.unexpected()
        return self.take()

    def unexpected(self, token: Token | None = None) -> SoqlError:
        token = token or self.next
        if token.text == ":":
            return malformed(self.soql, token.position, "Bind variables only allowed in Apex code")
        return malformed(self.soql, token.position, f"unexpected token: '{token.text}'")

    def name(self) -> Token:
        if self.next.kind is not Kind.NAME:
            raise self.unexpected()
        return self.take()

    def path(self) -> Path:
        token = self.name()
        return Path(tuple(token.text.split(".")), token.position)

    def whole_number(self) -> int:
        """What LIMIT, OFFSET and LAST_N_DAYS:n take: digits without a sign, no more than an Integer holds."""
        token = self.take()
        fits = token.kind is Kind.NUMBER and token.text.isdigit() and len(token.text.lstrip("0")) <= MAX_COUNT_DIGITS
        if not fits or int(token.text) > MAX_COUNT:
            raise self.unexpected(token)
        return int(token.text)

    def literal(self) -> Literal:
        token = self.take()
        simple = {
            Kind.NUMBER: LiteralKind.NUMBER,
            Kind.DATE: LiteralKind.DATE,
            Kind.DATETIME: LiteralKind.DATETIME,
            Kind.CURRENCY: LiteralKind.CURRENCY,
        }.get(token.kind)
        if simple:
            return Literal(simple, token.text, token.position)
        if token.kind is Kind.STRING:
            return Literal(LiteralKind.STRING, token.value, token.position, token.pattern, token.wildcard_escape)
        if token.kind is Kind.NAME:
            return self.named_literal(token)
        raise self.unexpected(token)

    def named_literal(self, token: Token) -> Literal:
        word = token.word
        if word in ("TRUE", "FALSE"):
            return Literal(LiteralKind.BOOLEAN, word, token.position)
        if word == "NULL":
            return Literal(LiteralKind.NULL, word, token.position)
        if word in RANGES:
            return Literal(LiteralKind.RANGE, word, token.position)
        if word in RANGES_OF_N:
            self.expect(":")
            return Literal(LiteralKind.RANGE, word, token.position, count=self.whole_number())
        if _CURRENCY.fullmatch(token.text):
            return Literal(LiteralKind.CURRENCY, token.text, token.position)
        raise self.unexpected(token)
