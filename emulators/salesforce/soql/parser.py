"""Whether a text is SOQL, and what it asks for: a strict recursive-descent parser."""

from __future__ import annotations

from emulators.salesforce.soql.ast import (
    Call,
    Comparison,
    Condition,
    Geolocation,
    Grouping,
    Logical,
    Negation,
    Operand,
    OrderTerm,
    Path,
    Query,
    SelectChildren,
    SelectField,
    SelectItem,
    TypeOf,
)
from emulators.salesforce.soql.cursor import Cursor
from emulators.salesforce.soql.dates import DAY_FUNCTIONS
from emulators.salesforce.soql.errors import SoqlError, malformed, too_complicated
from emulators.salesforce.soql.lexer import Kind

AGGREGATES = frozenset({"COUNT", "COUNT_DISTINCT", "SUM", "AVG", "MIN", "MAX"})
RENDERINGS = frozenset({"TOLABEL", "FORMAT", "CONVERTCURRENCY"})
MAX_CHILD_QUERIES = 20
MAX_CHILD_DEPTH = 4  # five levels with the root
_RESERVED = frozenset(
    (
        *("ALL", "AND", "AS", "ASC", "DESC", "EXCLUDES", "FIRST", "FOR", "FROM", "GROUP", "HAVING", "IN", "INCLUDES"),
        *("LAST", "LIKE", "LIMIT", "NOT", "NULL", "NULLS", "OFFSET", "OR", "ORDER", "SELECT", "UPDATE", "USING"),
        *("WHERE", "WITH"),
    )
)
_COMPARATORS = frozenset({"=", "!=", "<>", "<", "<=", ">", ">="})
_SCOPES = frozenset(
    (
        *("DELEGATED", "EVERYTHING", "MINE", "MINE_AND_MY_GROUPS", "MY_TEAM_TERRITORY", "MY_TERRITORY"),
        *("SCOPINGRULE", "TEAM"),
    )
)
_SECURITY = ("SECURITY_ENFORCED", "USER_MODE", "SYSTEM_MODE")


def parse(soql: str) -> Query:
    """The statement as a tree. Raises SoqlError MALFORMED_QUERY with row and column."""
    parser = _Parser(soql)
    try:
        return parser.statement()
    except RecursionError:
        raise too_complicated() from None


def too_deep(soql: str, position: int, levels: int) -> SoqlError:
    """Child sub-queries within child sub-queries beyond what the version has."""
    text = (
        f"SOQL statements cannot query aggregate relationships more than {levels} level{'s' if levels > 1 else ''} "
        "away from the root entity object."
    )
    return malformed(soql, position, text)


class _Parser(Cursor):
    # statements

    def statement(self) -> Query:
        query = self.query(depth=0)
        if self.sees("ALL", "ROWS"):
            raise malformed(self.soql, self.next.position, "ALL ROWS not allowed in this context")
        if self.next.kind is not Kind.END:
            raise self.unexpected()
        return query

    def query(self, depth: int, semi_join: bool = False) -> Query:
        start = self.expect("SELECT").position
        items = self.items(depth, semi_join)
        self.expect("FROM")
        entity, aliases = self.sources()
        scope, scope_position = self.using_scope()
        where = self.conditions() if self.accept("WHERE") else None
        security = self.security()
        grouping = self.grouping()
        having = self.conditions() if grouping and self.accept("HAVING") else None
        order_position = self.next.position
        order = self.order() if self.accept("ORDER", "BY") else ()
        limit_position = self.next.position
        limit = self.count("LIMIT")
        offset_position = self.next.position
        offset = self.count("OFFSET")
        locks = self.locks()
        return Query(
            items=items,
            entity=entity,
            aliases=aliases,
            scope=scope,
            scope_position=scope_position,
            security=security,
            where=where,
            grouping=grouping,
            having=having,
            order=order,
            order_position=order_position,
            limit=limit,
            limit_position=limit_position,
            offset=offset,
            offset_position=offset_position,
            locks=locks,
            position=start,
        )

    # SELECT list

    def items(self, depth: int, semi_join: bool) -> tuple[SelectItem, ...]:
        if self.sees("COUNT", "(", ")"):
            token = self.take()
            self.at += 2
            return (SelectField(Call("COUNT", None, token.position)),)
        found = [self.item(depth, semi_join)]
        while self.accept(","):
            found.append(self.item(depth, semi_join))
        if sum(isinstance(item, SelectChildren) for item in found) > MAX_CHILD_QUERIES:
            text = f"Maximum number of child relationship sub-queries is {MAX_CHILD_QUERIES}"
            raise malformed(self.soql, self.next.position, text)
        return tuple(found)

    def item(self, depth: int, semi_join: bool) -> SelectItem:
        if not semi_join and self.sees("(") and self.peek().word == "SELECT":
            return self.children(depth)
        if self.sees("TYPEOF") and self.peek().kind is Kind.NAME and self.peek(2).word == "WHEN":
            return self.type_of()
        operand = self.operand(self.SELECTABLE)
        self.accept("AS")
        if self.next.kind is Kind.NAME and self.next.word not in _RESERVED and "." not in self.next.text:
            alias = self.take()
            return SelectField(operand, alias.text, alias.position)
        return SelectField(operand)

    def children(self, depth: int) -> SelectChildren:
        start = self.expect("(").position
        query = self.query(depth + 1)
        self.expect(")")
        if depth + 1 > MAX_CHILD_DEPTH:
            raise too_deep(self.soql, start, MAX_CHILD_DEPTH)
        return SelectChildren(query)

    def type_of(self) -> TypeOf:
        start = self.take().position
        relationship = self.path()
        branches: list[tuple[str, int, tuple[Path, ...]]] = []
        while self.accept("WHEN"):
            entity = self.name()
            self.expect("THEN")
            branches.append((entity.text, entity.position, self.paths()))
        otherwise = self.paths() if self.accept("ELSE") else ()
        self.expect("END")
        return TypeOf(relationship, tuple(branches), otherwise, start)

    def paths(self) -> tuple[Path, ...]:
        found = [self.path()]
        while self.accept(","):
            found.append(self.path())
        return tuple(found)

    # fields and functions

    SELECTABLE = AGGREGATES | RENDERINGS | DAY_FUNCTIONS | {"FIELDS", "GROUPING", "DISTANCE"}
    FILTERABLE = AGGREGATES | DAY_FUNCTIONS | {"TOLABEL", "GROUPING", "DISTANCE"}
    GROUPABLE = DAY_FUNCTIONS
    ORDERABLE = AGGREGATES | DAY_FUNCTIONS | {"GROUPING", "DISTANCE"}

    def operand(self, functions: frozenset[str]) -> Operand:
        token = self.next
        if token.kind is not Kind.NAME or (
            token.word in ("SELECT", "FROM", "NOT") and not self.followed_by_comparator()
        ):
            raise self.unexpected()
        if self.peek().text != "(":
            return self.path()
        if token.word not in functions:
            raise self.unexpected(self.peek())
        self.at += 2
        if token.word == "DISTANCE":
            return self.distance(token.position)
        argument = self.argument(token.word)
        self.expect(")")
        return Call(token.word, argument, token.position)

    def followed_by_comparator(self) -> bool:
        return self.peek().text in _COMPARATORS

    def argument(self, function: str) -> Operand:
        if function in DAY_FUNCTIONS and self.sees("CONVERTTIMEZONE", "("):
            token = self.take()
            self.at += 1
            inner = self.path()
            self.expect(")")
            return Call("CONVERTTIMEZONE", inner, token.position)
        if function == "FORMAT" and self.peek().text == "(":
            return self.operand(AGGREGATES | {"CONVERTCURRENCY"})
        return self.path()

    def distance(self, position: int) -> Call:
        """DISTANCE(field, GEOLOCATION(latitude, longitude), 'mi' or 'km')."""
        here = self.path()
        self.expect(",")
        if not self.sees("GEOLOCATION", "("):
            raise self.unexpected()
        there = self.geolocation()
        self.expect(",")
        unit = self.take()
        if unit.kind is not Kind.STRING or unit.value.lower() not in ("mi", "km"):
            raise self.unexpected(unit)
        self.expect(")")
        return Call("DISTANCE", here, position, there, unit.value.lower())

    def geolocation(self) -> Geolocation:
        """GEOLOCATION(latitude, longitude), in degrees within 90 and 180."""
        self.at += 2
        latitude = self.degrees(90)
        self.expect(",")
        longitude = self.degrees(180)
        self.expect(")")
        return Geolocation(latitude, longitude)

    def degrees(self, most: int) -> float:
        token = self.take()
        if token.kind is not Kind.NUMBER or abs(float(token.text)) > most:
            raise self.unexpected(token)
        return float(token.text)

    # FROM

    def sources(self) -> tuple[Path, tuple[tuple[str, tuple[str, ...]], ...]]:
        entity = self.path()
        aliases: list[tuple[str, tuple[str, ...]]] = []
        alias = self.alias()
        if alias:
            aliases.append((alias.lower(), ()))
        while self.accept(","):
            path = self.path()
            alias = self.alias()
            if alias is None:
                raise self.unexpected()
            known = dict(aliases)
            first = path.parts[0].lower()
            steps = known[first] + path.parts[1:] if first in known else path.parts
            aliases.append((alias.lower(), steps))
        return entity, tuple(aliases)

    def alias(self) -> str | None:
        if self.accept("AS"):
            return self.name().text
        if self.next.kind is Kind.NAME and self.next.word not in _RESERVED and "." not in self.next.text:
            return self.take().text
        return None

    def using_scope(self) -> tuple[str | None, int]:
        if not self.accept("USING", "SCOPE"):
            return None, 0
        token = self.name()
        if token.word not in _SCOPES:
            raise self.unexpected(token)
        return token.word, token.position

    def security(self) -> str:
        if not self.accept("WITH"):
            return ""
        token = self.name()
        if token.word not in _SECURITY:
            raise self.unexpected(token)
        return token.word

    # WHERE and HAVING

    def conditions(self) -> Condition:
        if self.sees("NOT") and not self.followed_by_comparator():
            self.take()
            return Negation(self.condition())
        first = self.condition()
        if not (self.sees("AND") or self.sees("OR")):
            return first
        operator = self.next.word
        terms = [first]
        while self.accept(operator):
            terms.append(self.condition())
        if self.sees("AND") or self.sees("OR"):
            raise self.unexpected()
        return Logical(operator, tuple(terms))

    def condition(self) -> Condition:
        if self.accept("("):
            inside = self.conditions()
            self.expect(")")
            return inside
        return self.comparison()

    def comparison(self) -> Comparison:
        left = self.operand(self.FILTERABLE)
        token = self.take()
        word = token.word
        if token.kind is Kind.SYMBOL and word in _COMPARATORS:
            return Comparison(left, "!=" if word == "<>" else word, (self.literal(),), None, token.position)
        if token.kind is Kind.NAME and word == "LIKE":
            return Comparison(left, word, (self.literal(),), None, token.position)
        if token.kind is Kind.NAME and word == "NOT" and self.accept("IN"):
            word = "NOT IN"
        elif token.kind is not Kind.NAME or word not in ("IN", "INCLUDES", "EXCLUDES"):
            raise self.unexpected(token)
        self.expect("(")
        if word in ("IN", "NOT IN") and self.sees("SELECT"):
            inner = self.query(depth=0, semi_join=True)
            self.expect(")")
            return Comparison(left, word, (), inner, token.position)
        values = [self.literal()]
        while self.accept(","):
            values.append(self.literal())
        self.expect(")")
        return Comparison(left, word, tuple(values), None, token.position)

    # the rest

    def grouping(self) -> Grouping | None:
        position = self.next.position
        if not self.accept("GROUP", "BY"):
            return None
        mode = ""
        if self.next.word in ("ROLLUP", "CUBE") and self.peek().text == "(":
            mode = self.take().word
            self.take()
        keys = [self.operand(self.GROUPABLE)]
        while self.accept(","):
            keys.append(self.operand(self.GROUPABLE))
        if mode:
            self.expect(")")
        return Grouping(tuple(keys), mode, position)

    def order(self) -> tuple[OrderTerm, ...]:
        found = [self.order_term()]
        while self.accept(","):
            found.append(self.order_term())
        return tuple(found)

    def order_term(self) -> OrderTerm:
        operand = self.operand(self.ORDERABLE)
        descending = self.accept("DESC")
        if not descending:
            self.accept("ASC")
        nulls = None
        if self.accept("NULLS"):
            if not (self.sees("FIRST") or self.sees("LAST")):
                raise self.unexpected()
            nulls = self.take().word
        return OrderTerm(operand, descending, nulls)

    def count(self, keyword: str) -> int | None:
        if not self.accept(keyword):
            return None
        return self.whole_number()

    def locks(self) -> tuple[str, ...]:
        """One of FOR VIEW and FOR REFERENCE, then statistics of articles, then FOR UPDATE."""
        found: list[str] = []
        if self.sees("FOR", "VIEW") or self.sees("FOR", "REFERENCE"):
            self.take()
            found.append(self.take().word)
        if self.accept("UPDATE"):
            self.statistic()
            while self.accept(","):
                self.statistic()
        if self.accept("FOR"):
            self.expect("UPDATE")
            found.append("UPDATE")
        return tuple(found)

    def statistic(self) -> None:
        token = self.take()
        if token.word not in ("TRACKING", "VIEWSTAT"):
            raise self.unexpected(token)
