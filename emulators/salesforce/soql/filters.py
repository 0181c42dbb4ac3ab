"""Which rows a WHERE or HAVING keeps: conditions become SQL with Salesforce's rules of case and null.

Equality, IN and their opposites are two-valued (null is a value like another); `<`, `>`, LIKE are unknown for null.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from emulators.salesforce.ids import to18
from emulators.salesforce.soql.ast import Call, Comparison, Condition, Literal, LiteralKind, Negation, Operand, Path
from emulators.salesforce.soql.dates import instant_text, literal_range, read_date, read_instant
from emulators.salesforce.soql.errors import SoqlError, malformed, refuse
from emulators.salesforce.soql.functions import fold, sort_key
from emulators.salesforce.soql.operands import Value, ValueKind, filterable, not_allowed, plain_value, rate_sql
from emulators.salesforce.soql.scope import Scope

MAX_SEMI_JOINS = 2
_WIDE = 64
_OPERATORS = {
    ValueKind.TEXT: {"=", "!=", "<", "<=", ">", ">=", "LIKE", "IN", "NOT IN"},
    ValueKind.ID: {"=", "!=", "<", "<=", ">", ">=", "IN", "NOT IN"},
    ValueKind.BOOLEAN: {"=", "!=", "IN", "NOT IN"},
    ValueKind.INTEGER: {"=", "!=", "<", "<=", ">", ">=", "IN", "NOT IN"},
    ValueKind.NUMBER: {"=", "!=", "<", "<=", ">", ">=", "IN", "NOT IN"},
    ValueKind.DATE: {"=", "!=", "<", "<=", ">", ">=", "IN", "NOT IN"},
    ValueKind.DATETIME: {"=", "!=", "<", "<=", ">", ">=", "IN", "NOT IN"},
    ValueKind.MULTI: {"=", "!=", "INCLUDES", "EXCLUDES"},
}
_LITERALS = {
    ValueKind.TEXT: {LiteralKind.STRING},
    ValueKind.ID: {LiteralKind.STRING},
    ValueKind.MULTI: {LiteralKind.STRING},
    ValueKind.BOOLEAN: {LiteralKind.BOOLEAN},
    ValueKind.INTEGER: {LiteralKind.NUMBER},
    ValueKind.NUMBER: {LiteralKind.NUMBER, LiteralKind.CURRENCY},
    ValueKind.DATE: {LiteralKind.DATE, LiteralKind.RANGE},
    ValueKind.DATETIME: {LiteralKind.DATETIME, LiteralKind.RANGE},
}

ValueOf = Callable[[Scope, Operand], Value]
SemiJoin = Callable[[Comparison, Value], str]


@dataclass(slots=True)
class Filters:
    """Compiles the conditions of one scope; `semi_join` gives the SQL of an inner query's ids."""

    scope: Scope
    semi_join: SemiJoin
    value_of: ValueOf = plain_value
    semi_joins: int = 0

    def sql(self, condition: Condition) -> str:
        """The condition as SQL. Raises SoqlError."""
        return self._condition(condition, negated=False, under_or=False)

    def _condition(self, condition: Condition, negated: bool, under_or: bool) -> str:
        if isinstance(condition, Negation):
            return f"NOT ({self._condition(condition.term, True, under_or)})"
        if isinstance(condition, Comparison):
            return self._comparison(condition, negated, under_or)
        under = under_or or condition.operator == "OR"
        return _balanced([self._condition(term, negated, under) for term in condition.terms], condition.operator)

    def _comparison(self, c: Comparison, negated: bool, under_or: bool) -> str:
        value = self.value_of(self.scope, c.left)
        if value.field is not None and isinstance(c.left, Path) and not filterable(value.field):
            raise not_allowed(self.scope, value, "filtered")
        if isinstance(c.left, Call) and c.left.name == "DISTANCE" and c.operator not in ("<", ">"):
            text = "DISTANCE() supports only the operators < and >"
            raise refuse("INVALID_QUERY_FILTER_OPERATOR", self.scope.soql, value.position, text)
        if c.operator not in _OPERATORS[value.kind]:
            raise self._wrong_operator(c, value)
        if c.semi_join is not None:
            return self._semi_joined(c, value, negated, under_or)
        for literal in c.values:
            self._check(c, value, literal)
        self._check_mixture(c)
        sql = _Test(self.scope, value).sql(c)
        two_valued = c.operator in ("=", "IN", "INCLUDES", "EXCLUDES")
        return f"coalesce({sql}, 0)" if negated and two_valued else sql

    def _semi_joined(self, c: Comparison, value: Value, negated: bool, under_or: bool) -> str:
        if negated or under_or:
            word = "NOT" if negated else "OR"
            text = f"Semi join sub-selects are not allowed with the '{word}' operator"
            raise malformed(self.scope.soql, value.position, text)
        self.semi_joins += 1
        if self.semi_joins > MAX_SEMI_JOINS:
            text = f"Maximum {MAX_SEMI_JOINS} semi join sub-selects are allowed in a query"
            raise malformed(self.scope.soql, value.position, text)
        inner = self.semi_join(c, value)
        if c.operator == "IN":
            return f"{value.sql} IN {inner}"
        return f"({value.sql} NOT IN {inner} OR {value.sql} IS NULL)"

    def _wrong_operator(self, c: Comparison, value: Value) -> SoqlError:
        kind = value.field.type if value.field is not None else value.kind.value
        text = f"invalid operator on {kind} field"
        if c.operator in ("INCLUDES", "EXCLUDES"):
            text = "INCLUDES or EXCLUDES operator only valid on multipicklist field"
        return refuse("INVALID_QUERY_FILTER_OPERATOR", self.scope.soql, value.position, text)

    def _check(self, c: Comparison, value: Value, literal: Literal) -> None:
        """The literal's type; nulls only compare as equal or not."""
        soql = self.scope.soql
        if literal.kind is LiteralKind.NULL:
            if c.operator not in ("=", "!=", "IN", "NOT IN"):
                raise malformed(soql, literal.position, "unexpected token: 'null'")
            return
        if literal.wildcard_escape and c.operator != "LIKE":
            text = "Illegal character sequence in string literal: \\% and \\_ are only allowed with LIKE"
            raise malformed(soql, literal.position, text)
        if literal.kind not in _LITERALS[value.kind]:
            raise self._wrong_type(value)
        if value.kind is ValueKind.ID and literal.value and to18(literal.value) is None:
            text = f"invalid ID field: {literal.value}"
            raise refuse("INVALID_QUERY_FILTER_OPERATOR", soql, value.position, text)

    def _check_mixture(self, c: Comparison) -> None:
        """Amounts with and without a currency cannot stand in one list."""
        kinds = {literal.kind for literal in c.values} - {LiteralKind.NULL}
        if len(kinds) > 1 and LiteralKind.CURRENCY in kinds:
            text = "Cannot mix values with and without a currency code in an IN clause"
            raise malformed(self.scope.soql, c.values[0].position, text)

    def _wrong_type(self, value: Value) -> SoqlError:
        quoted = value.kind in (ValueKind.TEXT, ValueKind.ID, ValueKind.MULTI)
        kind = ValueKind.TEXT if quoted else value.kind
        text = (
            f"value of filter criterion for field '{value.label}' must be of type {kind} and should "
            f"{'be' if quoted else 'not be'} enclosed in quotes"
        )
        return refuse("INVALID_FIELD", self.scope.soql, value.position, text)


def _balanced(terms: list[str], operator: str) -> str:
    """Many terms as a shallow tree: SQLite reads a long row of them as deep as it is long."""
    if len(terms) > _WIDE:
        half = len(terms) // 2
        terms = [_balanced(terms[:half], operator), _balanced(terms[half:], operator)]
    return "(" + f" {operator} ".join(terms) + ")"


@dataclass(frozen=True, slots=True)
class _Test:
    """One comparison whose types fit."""

    scope: Scope
    value: Value

    def sql(self, c: Comparison) -> str:
        operator, first = c.operator, c.values[0]
        if operator in ("INCLUDES", "EXCLUDES"):
            found = " OR ".join(self._includes(literal) for literal in c.values)
            return f"({found})" if operator == "INCLUDES" else f"NOT ({found})"
        if self.value.kind is ValueKind.BOOLEAN:
            return self._boolean(c)
        if operator in ("IN", "NOT IN"):
            return self._in(c)
        if operator == "LIKE":
            return self._like(first)
        if self._is_null(first):
            return f"{self.value.sql} IS {'' if operator == '=' else 'NOT '}NULL"
        if first.kind is LiteralKind.RANGE:
            return self._range(operator, first)
        if first.kind is LiteralKind.CURRENCY:
            return self._currency(operator, first)
        if operator in ("=", "!="):
            left, right = self._equal(first)
            return f"{left} = {right}" if operator == "=" else f"{left} IS NOT {right}"
        left, right = self._ordered(first)
        return f"{left} {operator} {right}"

    def _is_null(self, literal: Literal) -> bool:
        """No field holds an empty string: '' is null."""
        return literal.kind is LiteralKind.NULL or (literal.kind is LiteralKind.STRING and not literal.value)

    @property
    def _exact(self) -> bool:
        field = self.value.field
        text = self.value.kind in (ValueKind.TEXT, ValueKind.MULTI)
        return not text or (field is not None and field.case_sensitive)

    def _bound(self, literal: Literal) -> str:
        return self.scope.binder(self._python(literal))

    def _python(self, literal: Literal) -> object:
        kind = self.value.kind
        try:
            if kind is ValueKind.DATE:
                return read_date(literal.value)
            if kind is ValueKind.DATETIME:
                return read_instant(literal.value)
        except (ValueError, OverflowError):
            raise malformed(self.scope.soql, literal.position, f"Invalid date: {literal.value}") from None
        if kind is ValueKind.INTEGER and literal.value.lstrip("+-").isdigit() and len(literal.value) < 19:
            return int(literal.value)
        if kind in (ValueKind.INTEGER, ValueKind.NUMBER):
            return float(literal.value)
        return to18(literal.value) if kind is ValueKind.ID else literal.value

    def _equal(self, literal: Literal) -> tuple[str, str]:
        """Plain columns compare without case by their collation, so that an index serves; other text is folded."""
        if self._exact or literal.value.isascii():
            return self.value.sql, self._bound(literal)
        return f"soql_fold({self.value.sql})", self.scope.binder(fold(literal.value))

    def _ordered(self, literal: Literal) -> tuple[str, str]:
        if self._exact:
            return self.value.sql, self._bound(literal)
        return f"soql_key({self.value.sql})", self.scope.binder(sort_key(literal.value))

    def _in(self, c: Comparison) -> str:
        groups: dict[str, list[str]] = {}
        tests: list[str] = []
        for literal in c.values:
            if self._is_null(literal):
                continue
            if literal.kind is LiteralKind.RANGE:
                tests.append(self._range("=", literal))
            elif literal.kind is LiteralKind.CURRENCY:
                tests.append(self._currency("=", literal))
            else:
                left, right = self._equal(literal)
                groups.setdefault(left, []).append(right)
        tests += [f"{left} IN ({', '.join(rights)})" for left, rights in groups.items()]
        holds_null = any(self._is_null(literal) for literal in c.values)
        if holds_null:
            tests.append(f"{self.value.sql} IS NULL")
        found = f"({' OR '.join(tests)})" if len(tests) > 1 else tests[0]
        return found if c.operator == "IN" else f"NOT coalesce({found}, 0)"

    def _like(self, literal: Literal) -> str:
        if literal.value.isascii():
            return f"{self.value.sql} LIKE {self.scope.binder(literal.pattern)} ESCAPE '\\'"
        return f"soql_fold({self.value.sql}) LIKE {self.scope.binder(fold(literal.pattern))} ESCAPE '\\'"

    def _boolean(self, c: Comparison) -> str:
        """A null checkbox is unchecked."""
        wanted = [literal.value == "TRUE" for literal in c.values if literal.kind is LiteralKind.BOOLEAN]
        positive = c.operator in ("=", "IN")
        if not wanted:
            return "0" if positive else "1"
        if len(set(wanted)) == 2:
            return "1" if positive else "0"
        return f"{self.value.sql} = 1" if wanted[0] is positive else f"{self.value.sql} IS NOT 1"

    def _range(self, operator: str, literal: Literal) -> str:
        """A date literal is a span of days: = means within, > after its end, >= from its start on."""
        context = self.scope.context
        try:
            days = literal_range(context.calendar, literal.value, literal.count)
            if self.value.kind is ValueKind.DATE:
                bounds = [day.isoformat() for day in days]
            else:
                bounds = [instant_text(day, context.timezone) for day in days]
        except OverflowError:
            raise malformed(self.scope.soql, literal.position, f"Invalid date literal: {literal.value}") from None
        start, end = (self.scope.binder(bound) for bound in bounds)
        sql = self.value.sql
        return {
            "=": f"({sql} >= {start} AND {sql} < {end})",
            "!=": f"({sql} < {start} OR {sql} >= {end} OR {sql} IS NULL)",
            "<": f"{sql} < {start}",
            "<=": f"{sql} < {end}",
            ">": f"{sql} >= {end}",
            ">=": f"{sql} >= {start}",
        }[operator]

    def _currency(self, operator: str, literal: Literal) -> str:
        """An amount with its currency: both sides are compared in the corporate currency."""
        if not self.value.currency or self.scope.context.schema.object("CurrencyType") is None:
            raise malformed(self.scope.soql, literal.position, f"unexpected token: '{literal.value}'")
        binder = self.scope.binder
        left = f"{self.value.sql} / {rate_sql(self.value.currency)}"
        right = f"{binder(float(literal.value[3:]))} / {rate_sql(binder(literal.value[:3].upper()))}"
        return f"{left} {'IS NOT' if operator == '!=' else operator} {right}"

    def _includes(self, literal: Literal) -> str:
        """All values that a semicolon joins must be selected."""
        selected = f"';' || soql_fold(coalesce({self.value.sql}, '')) || ';'"
        wanted = [part.strip() for part in literal.value.split(";") if part.strip()]
        tests = [f"instr({selected}, {self.scope.binder(f';{fold(part)};')}) > 0" for part in wanted]
        return f"({' AND '.join(tests)})" if tests else f"{self.value.sql} IS NULL"
