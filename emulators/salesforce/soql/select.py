"""What a query's SELECT list takes from the tables, and the shape of the records it makes."""

from __future__ import annotations

from collections.abc import Callable

from emulators.salesforce.schema import FieldType, ObjectType
from emulators.salesforce.soql.ast import Call, Path, Query, SelectChildren, SelectField, TypeOf
from emulators.salesforce.soql.errors import SoqlError, malformed, refuse
from emulators.salesforce.soql.operands import (
    ValueKind,
    currency_of,
    dated_rate_sql,
    distance_value,
    kind_of,
    label_value,
)
from emulators.salesforce.soql.rendering import Render, formatter, render_for
from emulators.salesforce.soql.scope import Column, Parent, Scope, unknown_field
from emulators.salesforce.soql.shapes import (
    ADDRESS_PARTS,
    Address,
    Cell,
    ChildBlock,
    Member,
    ResultColumn,
    Shape,
    TypedShape,
)

MAX_FIELDS_LIMIT = 200
_FIELDS_SINCE = 51


class SelectList:
    """The columns and the shape of one SELECT list without aggregates."""

    def __init__(self, scope: Scope, query: Query, add_children: Callable[[Query], tuple[str, ResultColumn]]) -> None:
        self._scope = scope
        self._query = query
        self._add_children = add_children
        self._url_base = f"/services/data/v{scope.context.version}/sobjects/"
        self.sqls: list[str] = []
        self._indexes: dict[str, int] = {}
        self.shape = Shape(self._url_base, scope.entity.name, self._index(f"{scope.root}.f_id"))
        self.flat: list[tuple[str, str, FieldType]] = []  # header, SQL, type: of fields only, for CSV
        self._columns: dict[str, ResultColumn] = {}
        for item in query.items:
            if isinstance(item, SelectChildren):
                self._children(item)
            elif isinstance(item, TypeOf):
                self._type_of(item)
            else:
                self._field(item)

    @property
    def columns(self) -> tuple[ResultColumn, ...]:
        """The answer's columns."""
        return tuple(self._columns.values())

    def _index(self, sql: str) -> int:
        if sql not in self._indexes:
            self._indexes[sql] = len(self.sqls)
            self.sqls.append(sql)
        return self._indexes[sql]

    def _field(self, item: SelectField) -> None:
        operand = item.operand
        if isinstance(operand, Path):
            if item.alias is not None:
                text = "only aggregate expressions use field aliasing"
                raise malformed(self._scope.soql, item.alias_position, text)
            self._path(operand)
        elif operand.name == "FIELDS":
            if item.alias is not None:
                text = "only aggregate expressions use field aliasing"
                raise malformed(self._scope.soql, item.alias_position, text)
            self._fields(operand)
        elif operand.name == "DISTANCE":
            self._distance(operand, item.alias)
        else:
            self._rendered(operand, item.alias)

    def _path(self, path: Path) -> None:
        column = self._scope.column(path)
        steps = self._scope.steps(path)
        member = self._member(column)
        self._place(path, steps[:-1], self._spelling(column, steps[-1]), member, column.field)
        header = ".".join((*self._relationship_names(path, steps[:-1]), self._spelling(column, steps[-1])))
        self.flat.append((header, column.sql, column.field))

    def _spelling(self, column: Column, asked: str) -> str:
        """The schema's own spelling; Name of a type whose name field is called otherwise stays Name."""
        return column.field.name if column.field.name.lower() == asked.lower() else asked

    def _member(self, column: Column) -> Member:
        if column.field.type == "address":
            return self._address(column)
        return Cell(self._index(column.sql), render_for(kind_of(column.field)))

    def _address(self, column: Column) -> Address:
        prefix = column.field.name.removesuffix("Address")
        parts = []
        for key, suffix in ADDRESS_PARTS:
            part = self._scope.visible_field(column.entity, prefix + suffix)
            if part is not None:
                parts.append((key, self._index(self._scope.field_sql(column.alias, column.entity, part))))
        return Address(tuple(parts))

    def _relationship_names(self, path: Path, relationships: tuple[str, ...]) -> list[str]:
        names = []
        for depth in range(1, len(relationships) + 1):
            parent = self._scope.parent(path, relationships[:depth])
            assert parent is not None
            names.append(parent.link.relationship_name or relationships[depth - 1])
        return names

    def _place(self, path: Path, up: tuple[str, ...], key: str, member: Member, field: FieldType | None) -> None:
        shape, columns = self.shape, self._columns
        stack: list[tuple[dict[str, ResultColumn], str]] = []
        for depth in range(1, len(up) + 1):
            parent = self._scope.parent(path, up[:depth])
            assert parent is not None
            name = parent.link.relationship_name or up[depth - 1]
            inner = shape.members.get(name)
            if inner is None:
                inner = self._parent_shape(parent)
                shape.members[name] = inner
            if not isinstance(inner, Shape):
                raise self._duplicate(path, str(path))
            shape = inner
            stack.append((columns, name))
            columns = {one.name: one for one in columns[name].joins} if name in columns else {}
        if key in shape.members:
            raise self._duplicate(path, str(path))
        shape.members[key] = member
        columns[key] = ResultColumn(key, field)
        for outer, name in reversed(stack):
            outer[name] = ResultColumn(name, joins=tuple(columns.values()))
            columns = outer

    def _duplicate(self, at: Path | Call, name: str) -> SoqlError:
        return refuse("INVALID_FIELD", self._scope.soql, at.position, f"duplicate field selected: {name}")

    def _parent_shape(self, parent: Parent) -> Shape:
        index = self._index(parent.id_sql)
        if not parent.polymorphic:
            return Shape(self._url_base, parent.entity.name, index)
        types = {prefix: target.name for prefix, target in self._scope.targets(parent.link).items()}
        return Shape(self._url_base, "Name", index, types=types)

    def _fields(self, call: Call) -> None:
        """FIELDS(ALL), FIELDS(STANDARD) or FIELDS(CUSTOM)."""
        wanted = str(call.argument).upper()
        soql = self._scope.soql
        if float(self._scope.context.version) < _FIELDS_SINCE:
            raise malformed(soql, call.position, "unexpected token: '('")
        if wanted not in ("ALL", "STANDARD", "CUSTOM"):
            assert call.argument is not None
            raise malformed(soql, call.argument.position, f"unexpected token: '{call.argument}'")
        limit = self._query.limit
        if wanted != "STANDARD" and (limit is None or limit > MAX_FIELDS_LIMIT):
            text = f"The SOQL FIELDS function must have a LIMIT of at most {MAX_FIELDS_LIMIT}"
            raise malformed(soql, call.position, text)
        entity = self._scope.entity
        for field in entity.fields.values():
            chosen = wanted == "ALL" or field.custom == (wanted == "CUSTOM")
            if chosen and self._scope.visible_field(entity, field.name):
                self._path(Path((field.name,), call.position))

    def _distance(self, call: Call, alias: str | None) -> None:
        """A computed number; without an alias its key is expr0, expr1 and so on."""
        computed = sum(key.startswith("expr") and key[4:].isdigit() for key in self.shape.members)
        key = alias or f"expr{computed}"
        if key in self.shape.members:
            raise self._duplicate(call, key)
        sql, field = distance_value(self._scope, call).sql, FieldType(key, key, "double")
        self.shape.members[key] = Cell(self._index(sql), render_for(ValueKind.NUMBER))
        self._columns[key] = ResultColumn(key, field)
        self.flat.append((key, sql, field))

    def _rendered(self, call: Call, alias: str | None) -> None:
        """toLabel(), FORMAT() and convertCurrency()."""
        scope = self._scope
        inner, render, format_it = call, None, call.name == "FORMAT"
        if format_it and isinstance(call.argument, Call):
            inner = call.argument
        path = inner.argument
        if not isinstance(path, Path):
            raise malformed(scope.soql, call.position, "Field must be grouped or aggregated")
        column = scope.column(path)
        sql, kind = column.sql, kind_of(column.field)
        if inner.name == "TOLABEL":
            sql, kind = label_value(scope, inner).sql, ValueKind.TEXT
        elif inner.name == "CONVERTCURRENCY":
            sql = self._converted(inner, column)
        render = formatter(scope.context, kind, column.field) if format_it else render_for(kind)
        self._add_rendered(path, alias, sql, render, column)

    def _add_rendered(self, path: Path, alias: str | None, sql: str, render: Render | None, column: Column) -> None:
        steps = self._scope.steps(path)
        cell = Cell(self._index(sql), render)
        if alias is None:
            self._place(path, steps[:-1], self._spelling(column, steps[-1]), cell, column.field)
        else:
            self._place(path, (), alias, cell, column.field)
        self.flat.append((alias or str(path), sql, column.field))

    def _converted(self, call: Call, column: Column) -> str:
        """An amount in the currency of the user who asks."""
        code = currency_of(column)
        if not code or self._scope.context.schema.object("CurrencyType") is None:
            text = f"field {call.argument} does not support convertCurrency()"
            raise malformed(self._scope.soql, call.position, text)
        user = self._scope.binder(self._scope.context.user_id)
        own = f"(SELECT u.f_defaultcurrencyisocode FROM o_user AS u WHERE u.f_id = {user})"
        users = self._scope.context.schema.object("User")
        known = users is not None and users.field("DefaultCurrencyIsoCode") is not None
        target = f"coalesce({dated_rate_sql(self._scope, column, own)}, 1.0)" if known else "1.0"
        return f"{column.sql} / {dated_rate_sql(self._scope, column, code)} * {target}"

    def _children(self, item: SelectChildren) -> None:
        name, column = self._add_children(item.query)
        if name in self.shape.members:
            raise self._duplicate(item.query.entity, name)
        self.shape.members[name] = ChildBlock(name, self.shape.id_index)
        self._columns[name] = column

    def _type_of(self, item: TypeOf) -> None:
        parent = self._scope.parent(item.relationship, self._scope.steps(item.relationship))
        if parent is None or not parent.polymorphic:
            raise malformed(self._scope.soql, item.relationship.position, "TYPEOF needs a polymorphic relationship")
        if item.otherwise and self._query.security == "SECURITY_ENFORCED":
            text = "TYPEOF with ELSE is not supported WITH SECURITY_ENFORCED"
            raise malformed(self._scope.soql, item.position, text)
        targets = self._scope.targets(parent.link)
        index = self._index(parent.id_sql)
        shapes: dict[str, Shape] = {}
        for type_name, position, paths in item.branches:
            prefix, target = self._branch(targets, type_name, position)
            shape = Shape(self._url_base, target.name, index)
            there = self._scope.typed(parent, target)
            for path in paths:
                self._branch_field(shape, there, path)
            shapes[prefix] = shape
        types = {prefix: target.name for prefix, target in targets.items()}
        otherwise = Shape(self._url_base, "Name", index, types=types)
        for path in item.otherwise:
            through = Path((*item.relationship.parts, *path.parts), path.position)
            otherwise.members[path.parts[0]] = self._member(self._scope.column(through))
        name = parent.link.relationship_name or str(item.relationship)
        self.shape.members[name] = TypedShape(index, shapes, otherwise)
        self._columns[name] = ResultColumn(name, parent.link)

    def _branch(self, targets: dict[str, ObjectType], type_name: str, position: int) -> tuple[str, ObjectType]:
        for prefix, target in targets.items():
            if target.name.lower() == type_name.lower():
                return prefix, target
        raise refuse("INVALID_TYPE", self._scope.soql, position, f"sObject type '{type_name}' is not supported.")

    def _branch_field(self, shape: Shape, there: Parent, path: Path) -> None:
        """A field of a branch, at the end of ordinary relationships if need be."""
        parent: Parent = there
        for depth, name in enumerate(path.parts[:-1], 1):
            found = self._scope.parent(path, path.parts[:depth], there)
            if found is None or found.polymorphic:
                raise unknown_field(self._scope.soql, path.position, str(path), there.entity.name)
            parent, key = found, found.link.relationship_name or name
            inner = shape.members.setdefault(key, self._parent_shape(parent))
            if not isinstance(inner, Shape):
                raise self._duplicate(path, str(path))
            shape = inner
        field = self._scope.visible_field(parent.entity, path.parts[-1])
        if field is None:
            raise unknown_field(self._scope.soql, path.position, path.parts[-1], parent.entity.name)
        if field.name in shape.members:
            raise self._duplicate(path, str(path))
        sql = self._scope.field_sql(parent.alias, parent.entity, field)
        shape.members[field.name] = self._member(Column(sql, field, parent.entity, 0, parent.alias))
