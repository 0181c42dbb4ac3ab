"""What a query of groups or totals answers: GROUP BY with ROLLUP and CUBE, HAVING, COUNT and its kin."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from itertools import combinations

from emulators.salesforce.schema import FieldType, ObjectType
from emulators.salesforce.soql.ast import Call, Operand, Path, Query, SelectField, TypeOf
from emulators.salesforce.soql.compile import Compiler
from emulators.salesforce.soql.dates import DAY_FUNCTIONS
from emulators.salesforce.soql.errors import SoqlError, malformed
from emulators.salesforce.soql.filters import Filters
from emulators.salesforce.soql.operands import (
    Value,
    ValueKind,
    aggregate_value,
    field_value,
    groupable,
    label_value,
    order_direction,
    order_sql,
    plain_value,
    refuse_unless,
)
from emulators.salesforce.soql.parser import AGGREGATES
from emulators.salesforce.soql.rendering import Render, formatter, render_for
from emulators.salesforce.soql.scope import Scope
from emulators.salesforce.soql.shapes import Record, ResultColumn, Row

MAX_GROUPS = 2000
_MAX_ROLLUP_KEYS = 3
_MARK = re.compile("([\x01\x02])(\\d+)\\1")


@dataclass(frozen=True, slots=True)
class AggregatePlan:
    """One SQL statement; each column has its key in the answer and its JSON form."""

    entity: ObjectType
    sql: str
    values: dict[str, object]
    keys: tuple[str, ...]
    renders: tuple[Render | None, ...]
    columns: tuple[ResultColumn, ...]

    def record(self, row: Row) -> Record:
        """One group as JSON."""
        record: Record = {"attributes": {"type": "AggregateResult"}}
        for key, render, value in zip(self.keys, self.renders, row, strict=False):
            record[key] = value if value is None or render is None else render(value)
        return record


def compile_groups(compiler: Compiler, query: Query, entity: ObjectType) -> AggregatePlan:
    """The plan of a query of groups or totals. Raises SoqlError."""
    return _Groups(compiler, query, entity).plan()


class _Groups:
    def __init__(self, compiler: Compiler, query: Query, entity: ObjectType) -> None:
        self.compiler = compiler
        self.query = query
        self.entity = entity
        self.scope = compiler.scope(query, entity)
        self.groups: list[Value] = [self.group_key(key) for key in query.grouping.keys] if query.grouping else []
        self.group_sqls = [group.sql for group in self.groups]

    def plan(self) -> AggregatePlan:
        query, soql = self.query, self.compiler.soql
        self.refuse_windows()
        keys: list[str] = []
        renders: list[Render | None] = []
        columns: list[ResultColumn] = []
        outputs: list[Value] = []
        for item in query.items:
            if isinstance(item, TypeOf):
                raise malformed(soql, item.position, "TYPEOF is not allowed in a query of groups or totals")
            if not isinstance(item, SelectField):
                position = query.grouping.position if query.grouping else query.position
                raise malformed(soql, position, "Grouped query cannot use child relationships in the SELECT list")
            value, render, field = self.output(item)
            key = item.alias or self.implied_key(item, keys)
            if key in keys:
                raise malformed(soql, value.position, f"duplicate alias: {key}")
            keys.append(key)
            renders.append(render)
            outputs.append(value)
            columns.append(ResultColumn(key, field, aggregate=isinstance(item.operand, Call)))
        return AggregatePlan(
            self.entity, self.sql(outputs), self.compiler.binder.values, tuple(keys), tuple(renders), tuple(columns)
        )

    def refuse_windows(self) -> None:
        """A total is one row: sorting or limiting it makes no sense to Salesforce."""
        if self.query.grouping is not None:
            return
        for given, word, position in (
            (self.query.limit is not None, "LIMIT", self.query.limit_position),
            (bool(self.query.order), "ORDER BY", self.query.order_position),
        ):
            if given:
                text = f"Non-grouped query that uses overall aggregate functions cannot also use {word}"
                raise malformed(self.compiler.soql, position, text)

    def implied_key(self, item: SelectField, keys: list[str]) -> str:
        if isinstance(item.operand, Path):
            column = self.scope.column(item.operand)
            asked = item.operand.parts[-1]
            return column.field.name if column.field.name.lower() == asked.lower() else asked
        return f"expr{sum(key.startswith('expr') and key[4:].isdigit() for key in keys)}"

    def group_key(self, operand: Operand) -> Value:
        value = plain_value(self.scope, operand)
        if value.field is not None:
            refuse_unless(groupable(value.field), self.scope, value, "grouped")
        return value

    def output(self, item: SelectField) -> tuple[Value, Render | None, FieldType | None]:
        operand = item.operand
        if isinstance(operand, Call) and operand.name == "FORMAT":
            assert operand.argument is not None
            value = self.value(self.scope, operand.argument)
            return value, formatter(self.scope.context, value.kind, value.field), value.field
        if isinstance(operand, Call) and operand.name == "TOLABEL":
            value = label_value(self.scope, operand)
            grouped = self.value(self.scope, operand)
            labels = {one.value: one.label for one in value.field.picklist} if value.field else {}
            return grouped, lambda found: labels.get(found, found), value.field
        value = self.value(self.scope, operand)
        summed = isinstance(operand, Call) and operand.name == "SUM"
        return value, float if summed and value.kind is not ValueKind.INTEGER else render_for(value.kind), value.field

    def value(self, scope: Scope, operand: Operand, wanted: str = "Field") -> Value:
        """An aggregate, or what is grouped by; `wanted` begins the refusal of anything else."""
        if isinstance(operand, Call) and operand.name in AGGREGATES:
            if operand.argument is None:
                raise malformed(scope.soql, operand.position, "unexpected token: ')'")
            return aggregate_value(scope, operand)
        if isinstance(operand, Call) and operand.name == "GROUPING":
            return self.grouping_value(operand)
        if isinstance(operand, Call) and operand.name not in DAY_FUNCTIONS:
            if operand.name == "TOLABEL" and operand.argument is not None:
                return self.value(scope, operand.argument)
            raise malformed(scope.soql, operand.position, f"unexpected token: '{operand.name}'")
        value = plain_value(scope, operand)
        for group in self.groups:
            if self.same(group, value):
                return Value(group.sql, value.kind, value.label, value.position, value.field)
        raise self.not_grouped(value, wanted)

    def same(self, group: Value, value: Value) -> bool:
        return group.sql == value.sql or (group.field is None and group.label.lower() == value.label.lower())

    def not_grouped(self, value: Value, wanted: str = "Field") -> SoqlError:
        text = f"{wanted} must be grouped or aggregated: {value.label}"
        return malformed(self.compiler.soql, value.position, text)

    def having_value(self, scope: Scope, operand: Operand) -> Value:
        """A value of HAVING; keys become marks, because a subtotal row has null where its key is rolled up."""
        value = self.value(scope, operand)
        if value.sql not in self.group_sqls:
            return value
        return dataclasses.replace(value, sql=f"\x01{self.group_sqls.index(value.sql)}\x01")

    def grouping_value(self, call: Call) -> Value:
        """GROUPING(field): 1 on the subtotal rows of ROLLUP and CUBE, else 0; a mark until the sets are known."""
        assert isinstance(call.argument, Path)
        value = field_value(self.scope, call.argument)
        for place, group in enumerate(self.groups):
            if self.same(group, value):
                return Value(f"\x02{place}\x02", ValueKind.INTEGER, str(call), call.position)
        raise self.not_grouped(value)

    def sql(self, outputs: list[Value]) -> str:
        query = self.query
        where = self.compiler.where(query, self.scope)
        having = ""
        if query.having is not None:
            filters = Filters(self.scope, lambda c, value: self.no_semi_join(value), self.having_value)
            having = f" HAVING {filters.sql(query.having)}"
        order = [(self.value(self.scope, term.operand, "Ordered field"), term) for term in query.order]
        selects = []
        for kept in self.grouping_sets():
            cells = [self.cell(value.sql, kept) for value in outputs]
            cells += [self.cell(order_sql(self.scope, value), kept, value.sql) for value, _ in order]
            named = ", ".join(f"{sql} AS c{n}" for n, sql in enumerate(cells))
            keys = ", ".join(self.group_sqls[place] for place in kept) or "NULL"
            grouped = f" GROUP BY {keys}" if query.grouping else ""
            selects.append(f"SELECT {named} FROM {{source}} WHERE {where}{grouped}{self.marked(having, kept)}")
        source = self.scope.source + self.scope.joins
        union = " UNION ALL ".join(select.replace("{source}", source) for select in selects)
        terms = [
            f"c{len(outputs) + n}{order_direction(self.scope, value, term.descending, term.nulls)}"
            for n, (value, term) in enumerate(order)
        ]
        sorting = f" ORDER BY {', '.join(terms)}" if terms else ""
        limit = -1 if query.limit is None else query.limit
        return f"SELECT * FROM ({union}){sorting} LIMIT {limit} OFFSET {self.compiler.offset(query)}"

    def cell(self, sql: str, kept: tuple[int, ...], group_sql: str | None = None) -> str:
        """A column in one grouping set: keys that are rolled up are null."""
        if _MARK.search(sql):
            return self.marked(sql, kept)
        group_sql = group_sql or sql
        if group_sql in self.group_sqls and self.group_sqls.index(group_sql) not in kept:
            return "NULL"
        return sql

    def marked(self, sql: str, kept: tuple[int, ...]) -> str:
        """SQL with its marks replaced: a key by itself or null, GROUPING(key) by 0 or 1."""

        def replacement(mark: re.Match[str]) -> str:
            place = int(mark[2])
            if mark[1] == "\x02":
                return "0" if place in kept else "1"
            return self.group_sqls[place] if place in kept else "NULL"

        return _MARK.sub(replacement, sql)

    def grouping_sets(self) -> list[tuple[int, ...]]:
        every = tuple(range(len(self.groups)))
        grouping = self.query.grouping
        if grouping is None or not grouping.mode:
            return [every]
        if len(every) > _MAX_ROLLUP_KEYS:
            text = f"Maximum number of fields in GROUP BY {grouping.mode} is {_MAX_ROLLUP_KEYS}"
            raise malformed(self.compiler.soql, grouping.position, text)
        if grouping.mode == "ROLLUP":
            return [every[:size] for size in range(len(every), -1, -1)]
        return [kept for size in range(len(every), -1, -1) for kept in combinations(every, size)]

    def no_semi_join(self, value: Value) -> str:
        text = "semi join sub-selects are not allowed in HAVING"
        raise malformed(self.compiler.soql, value.position, text)
