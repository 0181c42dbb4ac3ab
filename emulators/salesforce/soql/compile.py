"""What SQL a query means: the plan of a SELECT of records, with its child sub-queries and inner selects."""

from __future__ import annotations

from dataclasses import dataclass, field

from emulators.salesforce.schema import FieldType, ObjectType
from emulators.salesforce.soql.ast import Call, Comparison, Path, Query, SelectField
from emulators.salesforce.soql.context import Context
from emulators.salesforce.soql.dates import DAY_FUNCTIONS
from emulators.salesforce.soql.errors import malformed, refuse
from emulators.salesforce.soql.filters import Filters
from emulators.salesforce.soql.operands import (
    Value,
    ValueKind,
    field_value,
    order_direction,
    order_sql,
    plain_value,
    refuse_unless,
    sortable,
)
from emulators.salesforce.soql.parser import AGGREGATES, too_deep
from emulators.salesforce.soql.scope import Binder, Scope, unknown_object
from emulators.salesforce.soql.select import SelectList
from emulators.salesforce.soql.shapes import ResultColumn, Shape

MAX_OFFSET = 2000
MAX_ORDER_KEYS = 32
_DEEP_CHILDREN_SINCE = 58
_NEVER_INNER = frozenset({"ActivityHistory", "Attachment", "Event", "EventAttendee", "Note", "OpenActivity", "Task"})


@dataclass(frozen=True, slots=True)
class RowPlan:
    """A SELECT of records. `where` is complete SQL, `order` the SQL after ORDER BY or empty."""

    entity: ObjectType
    source: str
    joins: str
    where: str
    order: str
    limit: int | None
    offset: int
    values: dict[str, object]
    sqls: tuple[str, ...]
    shape: Shape
    columns: tuple[ResultColumn, ...]
    flat: tuple[tuple[str, str, FieldType], ...]
    children: tuple[ChildPlan, ...] = ()

    @property
    def window(self) -> str:
        """LIMIT and OFFSET as SQL."""
        if self.limit is None and not self.offset:
            return ""
        return f" LIMIT {-1 if self.limit is None else self.limit} OFFSET {self.offset}"

    @property
    def ids_sql(self) -> str:
        """The ids of all rows, in order."""
        order = f" ORDER BY {self.order}" if self.order else ""
        return f"SELECT t.f_id FROM {self.source}{self.joins} WHERE {self.where}{order}{self.window}"

    @property
    def page_sql(self) -> str:
        """The columns of the rows whose ids are the JSON array `:page`, in the array's order."""
        return (
            f"SELECT {', '.join(self.sqls)} FROM json_each(:page) AS page CROSS JOIN {self.source}{self.joins} "
            "WHERE t.f_id = page.value ORDER BY page.key"
        )


@dataclass(frozen=True, slots=True)
class ChildPlan:
    """A child sub-query: its rows are fetched for a page of parents at a time; limit and offset count per parent."""

    relationship: str
    link: str  # SQL of the reference to the parent
    rows: RowPlan

    @property
    def ids_sql(self) -> str:
        """Parent id and child id of the children of the JSON array `:page` of parents."""
        order = f" ORDER BY {self.rows.order}" if self.rows.order else ""
        return (
            f"SELECT {self.link}, t.f_id FROM {self.rows.source}{self.rows.joins} WHERE {self.link} IN "
            f"(SELECT value FROM json_each(:page)) AND {self.rows.where}{order}"
        )


@dataclass(slots=True)
class Compiler:
    """Compiles one statement; inner statements share its values."""

    soql: str
    context: Context
    binder: Binder = field(default_factory=Binder)
    inner: int = 0

    def entity(self, query: Query) -> ObjectType:
        """The object of FROM. Raises SoqlError INVALID_TYPE."""
        found = self.context.object(str(query.entity))
        if found is None:
            raise unknown_object(self.soql, query.entity.position, str(query.entity))
        if not found.queryable:
            text = f"entity type {found.name} does not support query"
            raise refuse("INVALID_TYPE_FOR_OPERATION", self.soql, query.entity.position, text)
        return found

    def scope(self, query: Query, entity: ObjectType, root: str = "t") -> Scope:
        """The FROM clause of a query."""
        enforced = query.security == "SECURITY_ENFORCED"
        return Scope(self.context, self.soql, entity, root, self.binder, dict(query.aliases), enforced)

    def rows(self, query: Query, entity: ObjectType, depth: int = 0) -> RowPlan:
        """The plan of a query of records; `depth` is 0 for the root, 1 for its child sub-queries."""
        scope = self.scope(query, entity)
        children: list[ChildPlan] = []

        def add_children(inner: Query) -> tuple[str, ResultColumn]:
            plan = self._children(inner, entity, query, depth + 1)
            children.append(plan)
            return plan.relationship, ResultColumn(plan.relationship, joins=plan.rows.columns)

        select = SelectList(scope, query, add_children)
        where = self.where(query, scope)
        order = self._order(query, scope)
        return RowPlan(
            entity=entity,
            source=scope.source,
            joins=scope.joins,
            where=where,
            order=order,
            limit=query.limit,
            offset=self.offset(query),
            values=self.binder.values,
            sqls=tuple(select.sqls),
            shape=select.shape,
            columns=select.columns,
            flat=tuple(select.flat),
            children=tuple(children),
        )

    def where(self, query: Query, scope: Scope) -> str:
        """Conditions, scope and the recycle bin as one SQL condition."""
        terms = []
        deleted = scope.entity.field("IsDeleted")
        if not self.context.all_rows and deleted is not None and not deleted.calculated:
            terms.append(f"{scope.root}.f_isdeleted IS NOT 1")
        shared = self.context.records(scope.entity, scope.root) if self.context.records else None
        if shared is not None:
            terms.append(shared)
        if query.scope not in (None, "EVERYTHING"):
            terms.append(self._within_scope(query, scope))
        if query.where is not None:
            terms.append(Filters(scope, lambda c, value: self._semi_join(c, value, scope)).sql(query.where))
        return " AND ".join(terms) or "1"

    def _within_scope(self, query: Query, scope: Scope) -> str:
        """USING SCOPE mine and team; an org without territories, delegation and scoping rules has no others."""
        user = self.binder(self.context.user_id)
        team = self.context.schema.object(f"{scope.entity.name}TeamMember")
        if query.scope == "MINE" and scope.entity.field("OwnerId") is not None:
            return f"{scope.root}.f_ownerid = {user}"
        if query.scope == "TEAM" and team is not None and team.field(f"{scope.entity.name}Id") is not None:
            members = (
                f"SELECT m.f_{scope.entity.name.lower()}id FROM o_{team.name.lower()} AS m WHERE m.f_userid = {user}"
            )
            return f"{scope.root}.f_id IN ({members})"
        text = f"scope {(query.scope or '').lower()} is not supported for {scope.entity.name}"
        raise malformed(self.soql, query.scope_position, text)

    def offset(self, query: Query) -> int:
        """OFFSET within what Salesforce allows."""
        if (query.offset or 0) > MAX_OFFSET:
            text = f"Maximum SOQL offset allowed is {MAX_OFFSET}"
            raise refuse("NUMBER_OUTSIDE_VALID_RANGE", self.soql, query.offset_position, text)
        return query.offset or 0

    def _order(self, query: Query, scope: Scope) -> str:
        if "UPDATE" in query.locks and query.order:
            raise malformed(self.soql, query.order_position, "ORDER BY is not allowed with FOR UPDATE")
        if len(query.order) > MAX_ORDER_KEYS:
            text = f"Maximum number of fields in ORDER BY is {MAX_ORDER_KEYS}"
            raise malformed(self.soql, query.order_position, text)
        keys = []
        for term in query.order:
            value = plain_value(scope, term.operand)
            if value.field is not None:
                refuse_unless(sortable(value.field), scope, value, "sorted")
            keys.append(order_sql(scope, value) + order_direction(scope, value, term.descending, term.nulls))
        return ", ".join(keys)

    def _children(self, query: Query, parent: ObjectType, outer: Query, depth: int) -> ChildPlan:
        self._refuse_child(query, outer, depth)
        names = dict(outer.aliases)
        name = query.entity.parts[-1]
        prefix = query.entity.parts[0].lower()
        known = len(query.entity.parts) == 1 or prefix == parent.name.lower() or names.get(prefix) == ()
        found = self.context.schema.children(parent.name).get(name.lower()) if known else None
        if found is None or not self._sees(*found):
            text = (
                f"Didn't understand relationship '{query.entity}' in FROM part of query call. If you are attempting "
                "to use a custom relationship, be sure to append the '__r' after the custom relationship name. "
                "Please reference your WSDL or the describe call for the appropriate names."
            )
            raise refuse("INVALID_TYPE", self.soql, query.entity.position, text)
        if is_aggregate(query):
            raise malformed(self.soql, query.position, "only root queries support aggregate expressions")
        child, link = found
        relationship = link.child_relationship or name
        return ChildPlan(relationship, f"t.f_{link.name.lower()}", self.rows(query, child, depth))

    def _refuse_child(self, query: Query, outer: Query, depth: int) -> None:
        """Children of children came with v58; OFFSET below needs a single parent."""
        if depth > 1 and float(self.context.version) < _DEEP_CHILDREN_SINCE:
            raise too_deep(self.soql, query.position, 1)
        if query.offset is not None and outer.limit != 1:
            text = "OFFSET in a sub-query is only allowed when the parent query has LIMIT 1"
            raise malformed(self.soql, query.offset_position, text)

    def _sees(self, child: ObjectType, link: FieldType) -> bool:
        return self.context.shown(child) and child.queryable and self.context.visible(child, link)

    def _semi_join(self, c: Comparison, left: Value, outer: Scope) -> str:
        query = c.semi_join
        assert query is not None
        if left.kind is not ValueKind.ID:
            text = (
                "The left operand field in the where expression for the semi-join should be an id field, cannot use: "
                f"'{left.label}'"
            )
            raise malformed(self.soql, left.position, text)
        operand = self._inner_field(query)
        entity = self.entity(query)
        if entity.name in _NEVER_INNER:
            text = f"Entity '{entity.name}' is not supported for semi join inner selects"
            raise malformed(self.soql, query.entity.position, text)
        if entity is outer.entity:
            text = "The inner and outer selects should not be on the same object type"
            raise malformed(self.soql, query.entity.position, text)
        self.inner += 1
        scope = self.scope(query, entity, f"s{self.inner}_")
        value = field_value(scope, operand)
        self._check_inner_field(left, value, entity, len(scope.steps(operand)) - 1, self._targets(c, left, outer))
        self._refuse_nesting(query)
        where = self.where(query, scope)
        return f"(SELECT {value.sql} FROM {scope.source}{scope.joins} WHERE {where} AND {value.sql} IS NOT NULL)"

    def _inner_field(self, query: Query) -> Path:
        item = query.items[0]
        if len(query.items) > 1 or not isinstance(item, SelectField) or not isinstance(item.operand, Path):
            text = "semi join sub-selects must select exactly one id field"
            raise malformed(self.soql, query.position, text)
        for clause, position in (
            (query.grouping, query.grouping.position if query.grouping else 0),
            (query.order, query.order_position),
            (query.limit is not None, query.limit_position),
            (query.offset is not None, query.offset_position),
            (query.locks, query.entity.position),
        ):
            if clause:
                word = self.soql[position:].split(None, 1)[0]
                raise malformed(self.soql, position, f"unexpected token: '{word}'")
        return item.operand

    def _targets(self, c: Comparison, left: Value, outer: Scope) -> set[str]:
        """The types whose ids the left operand of an inner select holds."""
        assert left.field is not None
        assert isinstance(c.left, Path)
        if left.field.type == "id" and not left.field.reference_to:
            return {outer.column(c.left).entity.name}
        return set(left.field.reference_to)

    def _check_inner_field(self, left: Value, value: Value, entity: ObjectType, hops: int, outer: set[str]) -> None:
        assert value.field is not None
        if value.kind is not ValueKind.ID:
            text = (
                f"Entity '{entity.name}': semi join sub-selects can only query id fields, cannot use: '{value.label}'"
            )
            raise malformed(self.soql, value.position, text)
        if hops:
            text = f"The inner select field '{value.label}' cannot have more than one level of relationships"
            raise malformed(self.soql, value.position, text)
        inner = {entity.name} if value.field.type == "id" else set(value.field.reference_to)
        if outer and inner and "Name" not in outer | inner and not outer & inner:
            text = (
                f"The selected field '{value.label}' in the subquery and the left operand field in the where "
                f"expression in the outer query '{left.label}' should point to the same object type"
            )
            raise malformed(self.soql, value.position, text)

    def _refuse_nesting(self, query: Query) -> None:
        if query.where is not None and (nested := find_semi_join(query.where)) is not None:
            raise malformed(self.soql, nested.position, "Nesting of semi join sub-selects is not supported")


def find_semi_join(condition: object) -> Query | None:
    """The first inner select of a condition."""
    if isinstance(condition, Comparison):
        return condition.semi_join
    terms = getattr(condition, "terms", None) or (getattr(condition, "term", None),)
    return next((found for term in terms if term is not None and (found := find_semi_join(term))), None)


def is_aggregate(query: Query) -> bool:
    """Whether the answer consists of groups or totals instead of records."""
    return query.grouping is not None or any(
        isinstance(item, SelectField) and _holds_aggregate(item.operand) for item in query.items
    )


def _holds_aggregate(operand: object) -> bool:
    if not isinstance(operand, Call):
        return False
    grouped = operand.name in AGGREGATES or operand.name in DAY_FUNCTIONS or operand.name == "GROUPING"
    return grouped or _holds_aggregate(operand.argument)
