"""Whether a validation rule's formula holds for a record: a documented part of the vendor's formula language.

Known are ISBLANK, ISNULL, ISPICKVAL, TEXT, LEN, AND, OR, NOT, TRUE, FALSE, NULL, TODAY(), the comparisons =, ==, <>,
!=, <, <=, >, >=, the operators &&, ||, !, +, -, *, / and parentheses. Whatever else the vendor knows is refused by
name as not emulated. The vendor's page: Formula Operators and Functions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

from emulators.salesforce.schema import ObjectType

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?|\.\d+)|(?P<string>\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')"
    r"|(?P<name>\$?[A-Za-z_][\w.]*)|(?P<sign><=|>=|<>|!=|==|&&|\|\||[=<>!+\-*/(),&^]))"
)
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_OTHERS = """
    ABS ADDMONTHS BEGINS BLANKVALUE BR CASE CASESAFEID CEILING CONTAINS DATE DATEVALUE DATETIMEVALUE DAY
    DISTANCE EXP FIND FLOOR GEOLOCATION GETSESSIONID HOUR HTMLENCODE HYPERLINK IF IMAGE INCLUDES ISCHANGED
    ISCLONE ISNEW ISNUMBER LEFT LN LOG LOWER LPAD MAX MCEILING MFLOOR MID MILLISECOND MIN MINUTE MOD MONTH NOW
    NULLVALUE PRIORVALUE REGEX REQUIRESCRIPT RIGHT ROUND RPAD SECOND SQRT SUBSTITUTE TIMENOW TIMEVALUE TRIM
    UPPER VALUE VLOOKUP WEEKDAY YEAR
"""
_VENDORS = frozenset(_OTHERS.split())
DEEPEST, LONGEST = 60, 3_900


class BadFormula(Exception):
    """The formula cannot be deployed; the text is the vendor's where it has one."""


class Type(StrEnum):
    """What an expression gives."""

    BOOLEAN = "true or false"
    NUMBER = "Number"
    TEXT = "Text"
    DATE = "Date"
    DATETIME = "Date/Time"
    PICKLIST = "Picklist"
    NULL = "Null"


Row = Mapping[str, Any]
Value = Callable[[Row, str], Any]  # of a record in storage form, and today's date


@dataclass(frozen=True, slots=True)
class Term:
    """A part of a formula: its type and how it is worked out."""

    type: Type
    value: Value


_FIELD_TYPES = {
    "boolean": Type.BOOLEAN, "int": Type.NUMBER, "double": Type.NUMBER, "currency": Type.NUMBER,
    "percent": Type.NUMBER, "date": Type.DATE, "datetime": Type.DATETIME, "picklist": Type.PICKLIST,
    "multipicklist": Type.PICKLIST,
}  # fmt: skip


def check(formula: str, obj: ObjectType) -> None:
    """BadFormula when the formula is not one that can be evaluated for that object's records."""
    compiled(formula, obj)


def holds(formula: str, obj: ObjectType, row: Row, today: str) -> bool:
    """Whether the condition is true of a record whose values are in storage form."""
    return compiled(formula, obj).value(row, today) is True


def compiled(formula: str, obj: ObjectType) -> Term:
    """The condition of that text; BadFormula when there is none."""
    kinds = tuple((name, _FIELD_TYPES.get(field.type, Type.TEXT)) for name, field in obj.fields.items())
    spelt = tuple((name, field.name) for name, field in obj.fields.items())
    return _compiled(formula, kinds, spelt)


@lru_cache(maxsize=256)
def _compiled(formula: str, kinds: tuple[tuple[str, Type], ...], spelt: tuple[tuple[str, str], ...]) -> Term:
    if len(formula) > LONGEST:
        raise BadFormula(
            f"Formula is too long ({len(formula)} characters). Maximum length is {LONGEST:,} characters."
        )
    term = _Parser(_tokens(formula), dict(kinds), dict(spelt)).whole()
    if term.type is not Type.BOOLEAN:
        raise BadFormula(
            f"Formula result is data type ({term.type}), incompatible with expected data type ({Type.BOOLEAN})."
        )
    return term


def _tokens(formula: str) -> list[tuple[str, str]]:
    text, at, found = _COMMENT.sub(" ", formula).rstrip(), 0, []
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise BadFormula(f"Syntax error. Found '{text[at:].strip()[:1]}'")
        found.append((str(match.lastgroup), match[str(match.lastgroup)]))
        at = match.end()
    return [*found, ("end", "")]


class _Parser:
    """Precedence from loose to tight: ||, &&, =, <, +, *, sign and not."""

    def __init__(self, tokens: list[tuple[str, str]], kinds: dict[str, Type], spelt: dict[str, str]) -> None:
        self.tokens, self.kinds, self.spelt = tokens, kinds, spelt
        self.at = self.depth = 0

    def whole(self) -> Term:
        """The formula to its end."""
        term = self.expression()
        if self.tokens[self.at][0] != "end":
            raise BadFormula(f"Syntax error. Extra {self.tokens[self.at][1]}")
        return term

    def expression(self) -> Term:
        """Anything."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise BadFormula("Formula is too complex: it is nested too deeply")
        term = self._level(0)
        self.depth -= 1
        return term

    def _level(self, level: int) -> Term:
        if level == len(_LEVELS):
            return self._prefix()
        left = self._level(level + 1)
        while self.tokens[self.at] in _LEVELS[level]:
            sign = self._next()
            left = _binary(sign, left, self._level(level + 1))
        return left

    def _next(self) -> str:
        text = self.tokens[self.at][1]
        self.at += 1
        return text

    def _expect(self, sign: str) -> None:
        if self.tokens[self.at] != ("sign", sign):
            raise BadFormula(f"Syntax error. Missing '{sign}'")
        self.at += 1

    def _prefix(self) -> Term:
        kind, text = self.tokens[self.at]
        self.at += 1
        if kind == "number":
            number = float(text)
            return Term(Type.NUMBER, lambda row, today: number)
        if kind == "string":
            literal = re.sub(r"\\(.)", r"\1", text[1:-1])
            return Term(Type.TEXT, lambda row, today: literal)
        if (kind, text) == ("sign", "("):
            inner = self.expression()
            self._expect(")")
            return inner
        if kind == "sign" and text in "!-+":
            return self._signed(text)
        if kind == "name":
            return self._call(text) if self.tokens[self.at] == ("sign", "(") else self._field(text)
        raise BadFormula(f"Syntax error. Found '{text}'" if text else "Syntax error. Found end of formula")

    def _signed(self, sign: str) -> Term:
        self.depth += 1
        if self.depth > DEEPEST:
            raise BadFormula("Formula is too complex: it is nested too deeply")
        inner = self._prefix()
        self.depth -= 1
        if sign == "!":
            return _not(inner)
        _need(inner, Type.NUMBER, sign)
        if sign == "+":
            return inner
        return Term(Type.NUMBER, lambda row, today: _calculated("-", 0.0, inner.value(row, today)))

    def _field(self, name: str) -> Term:
        plain = _WORDS.get(name.upper())
        if plain is not None:
            return plain
        if "." in name or name.startswith("$"):
            raise BadFormula(f"Fields of other records ({name}) are not emulated in formulas")
        kind = self.kinds.get(name.lower())
        if kind is None:
            raise BadFormula(f"Field {name} does not exist. Check spelling.")
        key = self.spelt[name.lower()]
        if kind is Type.BOOLEAN:
            return Term(kind, lambda row, today: bool(row.get(key)))
        if kind is Type.TEXT:
            return Term(kind, lambda row, today: row.get(key) or "")
        return Term(kind, lambda row, today: row.get(key))

    def _call(self, name: str) -> Term:
        function = _FUNCTIONS.get(name.upper())
        if function is None:
            known = name.upper() in _VENDORS
            raise BadFormula(
                f"The function {name.upper()} is not emulated"
                if known
                else f"Unknown function {name}. Check spelling."
            )
        self._expect("(")
        terms: list[Term] = []
        while self.tokens[self.at] != ("sign", ")"):
            if terms:
                self._expect(",")
            terms.append(self.expression())
        self.at += 1
        least, most, make = function
        if not least <= len(terms) <= most:
            text = f"Incorrect number of parameters for function '{name.upper()}()'."
            raise BadFormula(f"{text} Expected {least}, received {len(terms)}")
        return make(terms)


_LEVELS = tuple(
    frozenset(("sign", sign) for sign in signs)
    for signs in (("||",), ("&&",), ("=", "==", "<>", "!="), ("<", "<=", ">", ">="), ("+", "-", "&"), ("*", "/"))
)
_WORDS = {
    "TRUE": Term(Type.BOOLEAN, lambda row, today: True),
    "FALSE": Term(Type.BOOLEAN, lambda row, today: False),
    "NULL": Term(Type.NULL, lambda row, today: None),
}


def _need(term: Term, wanted: Type, where: str) -> None:
    if term.type is Type.PICKLIST:
        raise BadFormula("Field is a picklist field. Picklist fields are only supported in certain functions.")
    if term.type not in (wanted, Type.NULL):
        text = f"Incorrect parameter type for '{where}'. Expected {wanted}, received {term.type}"
        raise BadFormula(text)


def _not(term: Term) -> Term:
    _need(term, Type.BOOLEAN, "NOT()")
    return Term(Type.BOOLEAN, lambda row, today: term.value(row, today) is not True)


def _binary(sign: str, left: Term, right: Term) -> Term:
    if sign in ("&&", "||"):
        return _joined("AND()" if sign == "&&" else "OR()", [left, right], every=sign == "&&")
    if sign in ("+", "-", "*", "/", "&"):
        return _arithmetic(sign, left, right)
    for term in (left, right):
        _need(term, term.type, sign)
    kinds = {left.type, right.type} - {Type.NULL}
    if len(kinds) > 1 or (Type.BOOLEAN in kinds and sign[0] in "<>" and sign != "<>"):
        raise BadFormula(
            f"Incorrect parameter type for operator '{sign}'. Expected {left.type}, received {right.type}"
        )
    return Term(Type.BOOLEAN, lambda row, today: _compared(sign, left.value(row, today), right.value(row, today)))


def _arithmetic(sign: str, left: Term, right: Term) -> Term:
    if sign == "&" or (sign == "+" and Type.TEXT in (left.type, right.type)):
        for term in (left, right):
            _need(term, Type.TEXT, sign)
        return Term(
            Type.TEXT, lambda row, today: str(left.value(row, today) or "") + str(right.value(row, today) or "")
        )
    for term in (left, right):
        _need(term, Type.NUMBER, sign)
    return Term(Type.NUMBER, lambda row, today: _calculated(sign, left.value(row, today), right.value(row, today)))


def _calculated(sign: str, left: Any, right: Any) -> float | None:
    """A number, or None where a part is missing or nothing can be divided."""
    if left is None or right is None or (sign == "/" and not right):
        return None
    acts = {"+": left + right, "-": left - right, "*": left * right}
    return float(left / right if sign == "/" else acts[sign])


def _compared(sign: str, left: Any, right: Any) -> bool:
    """Blank equals blank, and is neither more nor less than anything."""
    left, right = (None if value == "" else value for value in (left, right))
    if sign in ("=", "=="):
        return bool(left == right)
    if sign in ("<>", "!="):
        return bool(left != right)
    if left is None or right is None:
        return False
    return bool({"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[sign])


def _joined(name: str, terms: list[Term], *, every: bool) -> Term:
    for term in terms:
        _need(term, Type.BOOLEAN, name)
    join = all if every else any
    return Term(Type.BOOLEAN, lambda row, today: join(term.value(row, today) is True for term in terms))


def _blank(terms: list[Term]) -> Term:
    if terms[0].type is Type.PICKLIST:
        raise BadFormula("Field is a picklist field. Picklist fields are only supported in certain functions.")
    return Term(Type.BOOLEAN, lambda row, today: terms[0].value(row, today) in (None, ""))


def _picked(terms: list[Term]) -> Term:
    field, wanted = terms
    if field.type is not Type.PICKLIST:
        text = f"Incorrect parameter type for function 'ISPICKVAL()'. Expected Picklist, received {field.type}"
        raise BadFormula(text)
    _need(wanted, Type.TEXT, "ISPICKVAL()")
    return Term(Type.BOOLEAN, lambda row, today: _compared("=", field.value(row, today), wanted.value(row, today)))


def _as_text(terms: list[Term]) -> Term:
    if terms[0].type not in (Type.PICKLIST, Type.NUMBER, Type.DATE, Type.DATETIME):
        text = f"Incorrect parameter type for function 'TEXT()'. Expected Number, received {terms[0].type}"
        raise BadFormula(text)

    def text_of(row: Row, today: str) -> str:
        value = terms[0].value(row, today)
        whole = isinstance(value, float) and value.is_integer()
        return "" if value is None else str(int(value)) if whole else str(value)

    return Term(Type.TEXT, text_of)


def _length(terms: list[Term]) -> Term:
    _need(terms[0], Type.TEXT, "LEN()")
    return Term(Type.NUMBER, lambda row, today: float(len(terms[0].value(row, today) or "")))


_FUNCTIONS: dict[str, tuple[int, int, Callable[[list[Term]], Term]]] = {
    "AND": (1, 100, lambda terms: _joined("AND()", terms, every=True)),
    "OR": (1, 100, lambda terms: _joined("OR()", terms, every=False)),
    "NOT": (1, 1, lambda terms: _not(terms[0])),
    "ISBLANK": (1, 1, _blank),
    "ISNULL": (1, 1, _blank),
    "ISPICKVAL": (2, 2, _picked),
    "TEXT": (1, 1, _as_text),
    "LEN": (1, 1, _length),
    "TODAY": (0, 0, lambda terms: Term(Type.DATE, lambda row, today: today)),
}
