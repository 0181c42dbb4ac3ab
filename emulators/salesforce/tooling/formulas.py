"""What condition a validation rule's formula means, and which formula a condition is: the part that rules here know.

Source: "Formula Operators and Functions" of the help: AND, OR, NOT, ISBLANK, ISNULL, ISPICKVAL, CONTAINS, BEGINS, LEN
and comparisons of fields with constants. Other functions are refused as unknown ones are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from emulators.salesforce.schema import ObjectType

Condition = dict[str, Any]
_TOKEN = re.compile(
    r"""\s*(?:(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<number>\d+(?:\.\d+)?)|(?P<name>[A-Za-z]\w*)"""
    r"""|(?P<symbol>&&|\|\||<=|>=|<>|!=|==|[-=<>(),!]))""",
    re.ASCII,
)
_OPS = {"=": "eq", "==": "eq", "!=": "ne", "<>": "ne", ">": "gt", ">=": "ge", "<": "lt", "<=": "le"}
_OPPOSITE = {
    "eq": "ne", "ne": "eq", "gt": "le", "le": "gt", "ge": "lt", "lt": "ge",
    "is_null": "not_null", "not_null": "is_null",
}  # fmt: skip
_SIGNS = {"eq": "=", "ne": "<>", "gt": ">", "ge": ">=", "lt": "<", "le": "<="}
_DEEPEST = 50


class BadFormula(Exception):
    """A formula that is none, in the vendor's words."""


def condition_of(obj: ObjectType, formula: str) -> Condition:
    """The condition under which a record is refused. BadFormula says why the text is none."""
    reader = _Reader(obj, formula)
    found = reader.either()
    if reader.kind != "end":
        raise reader.problem()
    return found if found.keys() & {"all", "any"} or "field" in found else {"all": [found]}


def text_of(obj: ObjectType, condition: Mapping[str, Any]) -> str:
    """The formula of a condition as rules keep it."""
    parts = []
    if "field" in condition:
        parts.append(_comparison(obj, condition))
    parts += [text_of(obj, inner) for inner in condition.get("all", ())]
    if "any" in condition:
        parts.append(f"OR({', '.join(text_of(obj, inner) for inner in condition['any'])})")
    return parts[0] if len(parts) == 1 else f"AND({', '.join(parts)})"


def _comparison(obj: ObjectType, condition: Mapping[str, Any]) -> str:
    name, op, value = condition["field"], condition["op"], condition.get("value")
    field = obj.field(name)
    if op in ("is_null", "not_null"):
        return f"ISBLANK({name})" if op == "is_null" else f"NOT(ISBLANK({name}))"
    if op == "in":
        return f"OR({', '.join(_comparison(obj, {**condition, 'op': 'eq', 'value': one}) for one in value or ())})"
    if op in ("contains", "starts"):
        return f"{'CONTAINS' if op == 'contains' else 'BEGINS'}({name}, {json.dumps(value)})"
    if op == "longer":
        return f"LEN({name}) > {value}"
    if field is not None and field.type == "boolean":
        return f"{name} {_SIGNS[op]} {'TRUE' if value else 'FALSE'}"
    if field is not None and field.type == "picklist" and op in ("eq", "ne"):
        test = f"ISPICKVAL({name}, {json.dumps(value)})"
        return test if op == "eq" else f"NOT({test})"
    return f"{name} {_SIGNS[op]} {json.dumps(value)}"


class _Reader:
    def __init__(self, obj: ObjectType, text: str) -> None:
        self.obj = obj
        self.tokens: list[tuple[str, str]] = []
        at, rest = 0, text.rstrip()
        while at < len(rest):
            found = _TOKEN.match(rest, at)
            if found is None:
                raise BadFormula("Syntax error. Found character that is not part of a formula")
            self.tokens.append((str(found.lastgroup), found[str(found.lastgroup)]))
            at = found.end()
        self.at = self.depth = 0

    @property
    def kind(self) -> str:
        return self.tokens[self.at][0] if self.at < len(self.tokens) else "end"

    @property
    def text(self) -> str:
        return self.tokens[self.at][1] if self.at < len(self.tokens) else ""

    def problem(self) -> BadFormula:
        return BadFormula(
            f"Syntax error. Found '{self.text}'" if self.text else "Syntax error. Missing end of formula"
        )

    def take(self, *texts: str) -> bool:
        if self.kind == "text" or self.text.upper() not in texts:
            return False
        self.at += 1
        return True

    def need(self, text: str) -> None:
        if not self.take(text):
            raise BadFormula(f"Syntax error. Missing '{text}'")

    def either(self) -> Condition:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise BadFormula("Formula is too complex")
        terms = [self.every()]
        while self.take("||"):
            terms.append(self.every())
        self.depth -= 1
        return terms[0] if len(terms) == 1 else {"any": terms}

    def every(self) -> Condition:
        terms = [self.single()]
        while self.take("&&"):
            terms.append(self.single())
        return terms[0] if len(terms) == 1 else {"all": terms}

    def single(self) -> Condition:
        negated = False
        while self.take("!"):
            negated = not negated
        if self.take("("):
            found = self.either()
            self.need(")")
        elif self.kind == "name" and self.at + 1 < len(self.tokens) and self.tokens[self.at + 1][1] == "(":
            found = self.function()
        else:
            found = self.comparison()
        return _opposite(found) if negated else found

    def function(self) -> Condition:
        name = self.text.upper()
        self.at += 2
        if name in ("AND", "OR"):
            terms = [self.either()]
            while self.take(","):
                terms.append(self.either())
            self.need(")")
            return {"all" if name == "AND" else "any": terms}
        if name == "NOT":
            found = self.either()
            self.need(")")
            return _opposite(found)
        if name not in ("ISBLANK", "ISNULL", "ISPICKVAL", "CONTAINS", "BEGINS", "LEN"):
            raise BadFormula(f"Unknown function {name}. Check spelling.")
        field = self.field()
        if name in ("ISBLANK", "ISNULL"):
            self.need(")")
            return {"field": field, "op": "is_null"}
        if name == "LEN":
            self.need(")")
            self.need(">")
            return {"field": field, "op": "longer", "value": self.value()}
        self.need(",")
        value = self.value()
        self.need(")")
        if name == "ISPICKVAL" and value == "":
            return {"field": field, "op": "is_null"}
        return {"field": field, "op": {"ISPICKVAL": "eq", "CONTAINS": "contains"}.get(name, "starts"), "value": value}

    def comparison(self) -> Condition:
        field = self.field()
        op = _OPS.get(self.text) if self.kind == "symbol" else None
        if op is None:
            known = self.obj.field(field)
            if known is None or known.type != "boolean":
                raise BadFormula("Incorrect parameter type. Expected Boolean")
            return {"field": field, "op": "eq", "value": 1}
        self.at += 1
        return {"field": field, "op": op, "value": self.value()}

    def field(self) -> str:
        if self.kind != "name":
            raise self.problem()
        known = self.obj.field(self.text)
        if known is None:
            raise BadFormula(f"Field {self.text} does not exist. Check spelling.")
        self.at += 1
        return known.name

    def value(self) -> Any:
        minus = self.take("-")
        kind, text = self.kind, self.text
        self.at += 1
        if kind == "number":
            number = float(text) if "." in text else int(text)
            return -number if minus else number
        if kind == "text" and not minus:
            return re.sub(r"\\(.)", r"\1", text[1:-1])
        if kind == "name" and text.upper() in ("TRUE", "FALSE") and not minus:
            return int(text.upper() == "TRUE")
        self.at -= 1
        raise self.problem()


def _opposite(condition: Condition) -> Condition:
    for one, other in (("all", "any"), ("any", "all")):
        if one in condition:
            return {other: [_opposite(inner) for inner in condition[one]]}
    op = _OPPOSITE.get(condition["op"])
    if op is None:
        raise BadFormula("Unknown function NOT of this expression. Check spelling.")
    return {**condition, "op": op}
