"""Which column a field path means: relationships become shared LEFT JOINs, fields become SQL expressions."""

from __future__ import annotations

from dataclasses import dataclass

from emulators.salesforce.schema import FieldType, ObjectType
from emulators.salesforce.soql.ast import Path
from emulators.salesforce.soql.context import Context
from emulators.salesforce.soql.errors import SoqlError, malformed, refuse

MAX_LEVELS = 5
MAX_RELATIONSHIPS = 55
_HINT = "Please reference your WSDL or the describe call for the appropriate names."
_NOT_TRAVERSABLE = frozenset({("opportunity", "contactid")})
# What a relationship to several types has in common (the object Name of the vendor's schema).
_NAME_FIELDS = frozenset(
    (
        *("id", "name", "type", "firstname", "lastname", "alias", "email", "phone", "title", "username", "isactive"),
        *("profileid", "userroleid", "recordtypeid"),
    )
)
_FOLLOWED = frozenset({"owner", "createdby", "lastmodifiedby"})
_TYPE = FieldType("Type", "Type", "string")


class Binder:
    """Collects the values of a statement; each gets a named parameter, so that pieces can be put in any order."""

    def __init__(self) -> None:
        self.values: dict[str, object] = {}

    def __call__(self, value: object) -> str:
        name = f"v{len(self.values)}"
        self.values[name] = value
        return ":" + name


@dataclass(frozen=True, slots=True)
class Column:
    """A field found: its SQL, its type, the object it is of, and how many relationships lead there."""

    sql: str
    field: FieldType
    entity: ObjectType
    hops: int
    alias: str = ""  # where the entity's other fields are; empty behind a look-up to several types


@dataclass(frozen=True, slots=True)
class Parent:
    """A record reached through a relationship: the SQL of its Id and where its fields are."""

    alias: str
    entity: ObjectType
    link: FieldType
    id_sql: str
    polymorphic: bool


def unknown_object(soql: str, position: int, name: str) -> SoqlError:
    """INVALID_TYPE as Salesforce words it."""
    text = (
        f"sObject type '{name}' is not supported. If you are attempting to use a custom object, be sure to append "
        f"the '__c' after the entity name. {_HINT}"
    )
    return refuse("INVALID_TYPE", soql, position, text)


def unknown_field(soql: str, position: int, name: str, entity: str) -> SoqlError:
    """INVALID_FIELD; fields that are absent and fields that may not be seen answer the same."""
    text = (
        f"No such column '{name}' on entity '{entity}'. If you are attempting to use a custom field, be sure to "
        f"append the '__c' after the custom field name. {_HINT}"
    )
    return refuse("INVALID_FIELD", soql, position, text)


def is_polymorphic(field: FieldType) -> bool:
    """Whether a look-up may lead to several types."""
    return len(field.reference_to) > 1 or field.reference_to == ("Name",)


class Scope:
    """The FROM of one SELECT, growing joins as paths are resolved."""

    def __init__(
        self,
        context: Context,
        soql: str,
        entity: ObjectType,
        root: str,
        binder: Binder,
        names: dict[str, tuple[str, ...]],
        enforced: bool = False,
    ) -> None:
        self.context = context
        self.soql = soql
        self.entity = entity
        self.root = root
        self.binder = binder
        self._names = names
        self._enforced = enforced
        self._joins: dict[tuple[str, str], tuple[str, str]] = {}  # (SQL of the id, type) -> (alias, SQL)

    @property
    def joins(self) -> str:
        """The LEFT JOINs so far; each follows the ones it needs."""
        return "".join(sql for _, sql in self._joins.values())

    @property
    def source(self) -> str:
        """Table and alias of the root."""
        return f"o_{self.entity.name.lower()} AS {self.root}"

    def column(self, path: Path) -> Column:
        """The column of a path. Raises SoqlError INVALID_FIELD."""
        parts = self._relative(path)
        if not parts:
            raise unknown_field(self.soql, path.position, str(path), self.entity.name)
        parent = self.parent(path, parts[:-1])
        if parent is not None and parent.polymorphic:
            return self._through_name(path, parent, parts)
        alias, entity = (parent.alias, parent.entity) if parent else (self.root, self.entity)
        field = self.visible_field(entity, parts[-1])
        if field is None:
            raise unknown_field(self.soql, path.position, parts[-1], entity.name)
        return Column(self.field_sql(alias, entity, field), field, entity, len(parts) - 1, alias)

    def steps(self, path: Path) -> tuple[str, ...]:
        """The relationships and the field of a path, from the root, without alias and object name."""
        return self._relative(path)

    def parent(self, path: Path, relationships: tuple[str, ...], start: Parent | None = None) -> Parent | None:
        """The record that those relationships lead to from the root or that record; None when there are none."""
        if len(relationships) > MAX_LEVELS:
            text = (
                f"The relationship path '{path}' has more than {MAX_LEVELS} levels of child-to-parent relationships"
            )
            raise malformed(self.soql, path.position, text)
        alias, entity = (start.alias, start.entity) if start else (self.root, self.entity)
        found = start
        for name in relationships:
            if found is not None and found.polymorphic:
                raise self._no_relationship(path, name)
            link = self._link(entity, name)
            if link is None:
                raise self._no_relationship(path, name)
            id_sql = f"{alias}.f_{link.name.lower()}"
            if is_polymorphic(link):
                self._refuse_enforced(path, name)
                found = Parent(alias, entity, link, id_sql, polymorphic=True)
                continue
            target = self.context.object(link.reference_to[0])
            if target is None:
                raise self._no_relationship(path, name)
            alias, entity = self._join(path, alias, link, target), target
            found = Parent(alias, entity, link, f"{alias}.f_id", polymorphic=False)
        return found

    def _refuse_enforced(self, path: Path, name: str) -> None:
        """WITH SECURITY_ENFORCED follows only Owner and its like to several types."""
        if self._enforced and len(path.parts) > 1 and name.lower() not in _FOLLOWED:
            text = f"Traversing the polymorphic relationship '{name}' is not supported WITH SECURITY_ENFORCED"
            raise malformed(self.soql, path.position, text)

    def typed(self, parent: Parent, target: ObjectType) -> Parent:
        """The record behind a look-up to several types where it is of that type."""
        alias = self._join_to(Path((target.name,), 0), parent.id_sql, target)
        return Parent(alias, target, parent.link, f"{alias}.f_id", polymorphic=False)

    def visible_field(self, entity: ObjectType, name: str) -> FieldType | None:
        """The field, when it exists and the user may see it."""
        field = entity.field(name)
        if field is None or not (field.type == "id" or self.context.visible(entity, field)):
            return None
        return field

    def field_sql(self, alias: str, entity: ObjectType, field: FieldType) -> str:
        """The value of a field of the record at that alias."""
        if not field.calculated:
            return f"{alias}.f_{field.name.lower()}"
        return self._formula(alias, entity, field)

    def referenced(self, fk: str, types: dict[str, ObjectType], name: str) -> str:
        """A field of whichever record a polymorphic look-up points to, by the key prefix of its id."""
        branches = []
        for prefix, target in types.items():
            field = self._named(target, name)
            if field is not None and not field.calculated and field.type != "address":
                value = f"(SELECT n.f_{field.name.lower()} FROM o_{target.name.lower()} AS n WHERE n.f_id = {fk})"
                branches.append(f"WHEN '{prefix}' THEN {value}")
        return f"CASE substr({fk}, 1, 3) {' '.join(branches)} END" if branches else "NULL"

    def targets(self, link: FieldType) -> dict[str, ObjectType]:
        """The types a look-up may point to, by key prefix."""
        if link.reference_to == ("Name",):
            candidates = [target for target in self.context.schema.objects.values() if target.name != "Name"]
        else:
            candidates = [t for name in link.reference_to if (t := self.context.schema.object(name)) is not None]
        return {target.key_prefix: target for target in candidates if target.key_prefix}

    def _relative(self, path: Path) -> tuple[str, ...]:
        first = path.parts[0].lower()
        if len(path.parts) > 1 and first in self._names:
            return self._names[first] + path.parts[1:]
        if len(path.parts) > 1 and first == self.entity.name.lower() and self._link(self.entity, first) is None:
            return path.parts[1:]
        return path.parts

    def _link(self, entity: ObjectType, relationship: str) -> FieldType | None:
        wanted = relationship.lower()
        for field in entity.fields.values():
            if field.relationship_name and field.relationship_name.lower() == wanted and field.reference_to:
                hidden = (entity.name.lower(), field.name.lower()) in _NOT_TRAVERSABLE
                return None if hidden or not self.context.visible(entity, field) else field
        return None

    def _join(self, path: Path, alias: str, link: FieldType, target: ObjectType) -> str:
        return self._join_to(path, f"{alias}.f_{link.name.lower()}", target)

    def _join_to(self, path: Path, id_sql: str, target: ObjectType) -> str:
        key = (id_sql, target.name)
        if key not in self._joins:
            if len(self._joins) >= MAX_RELATIONSHIPS:
                text = f"Maximum number of child-to-parent relationships is {MAX_RELATIONSHIPS}"
                raise malformed(self.soql, path.position, text)
            name = f"{self.root}{len(self._joins) + 1}"
            on = f"{name}.f_id = {id_sql}"
            self._joins[key] = (name, f" LEFT JOIN o_{target.name.lower()} AS {name} ON {on}")
        return self._joins[key][0]

    def _through_name(self, path: Path, parent: Parent, parts: tuple[str, ...]) -> Column:
        name = parts[-1].lower()
        types = self.targets(parent.link)
        if name not in _NAME_FIELDS:
            raise unknown_field(self.soql, path.position, parts[-1], "Name")
        if name == "id":
            field = FieldType("Id", "Id", "id", reference_to=parent.link.reference_to)
            return Column(parent.id_sql, field, parent.entity, len(parts) - 1)
        if name == "type":
            branches = " ".join(f"WHEN '{prefix}' THEN '{target.name}'" for prefix, target in types.items())
            sql = f"(CASE substr({parent.id_sql}, 1, 3) {branches} END COLLATE NOCASE)" if branches else "NULL"
            return Column(sql, _TYPE, parent.entity, len(parts) - 1)
        kinds = [one for target in types.values() if (one := self._named(target, name)) is not None]
        if not kinds:
            raise unknown_field(self.soql, path.position, parts[-1], "Name")
        sql = f"({self.referenced(parent.id_sql, types, name)} COLLATE NOCASE)"
        kind = kinds[0] if name != "name" else FieldType("Name", "Name", "string")
        return Column(sql, kind, parent.entity, len(parts) - 1)

    def _named(self, target: ObjectType, name: str) -> FieldType | None:
        field = target.field(name)
        if field is None and name.lower() == "name":
            return next((one for one in target.fields.values() if one.name_field), None)
        return field

    def _no_relationship(self, path: Path, name: str) -> SoqlError:
        text = (
            f"Didn't understand relationship '{name}' in field path. If you are attempting to use a custom "
            f"relationship, be sure to append the '__r' after the custom relationship name. {_HINT}"
        )
        return refuse("INVALID_FIELD", self.soql, path.position, text)

    def _formula(self, alias: str, entity: ObjectType, field: FieldType) -> str:
        """A formula's SQL: a path to another record's field, or whole days since a date."""
        formula = (field.formula or "").replace(" ", "")
        if formula.upper().startswith("TODAY()-"):
            start = entity.field(formula[len("TODAY()-") :])
            if start is None:
                return "NULL"
            today = self.binder(self.context.calendar.today.isoformat())
            days = f"julianday({today}) - julianday(substr({alias}.f_{start.name.lower()}, 1, 10))"
            return f"CAST({days} AS {'INTEGER' if field.type == 'int' else 'REAL'})"
        return self._formula_path(alias, entity, formula.split("."))

    def _formula_path(self, alias: str, entity: ObjectType, steps: list[str]) -> str:
        """Formulas are computed for everybody: field-level security does not apply to what they read."""
        for name in steps[:-1]:
            link = next(
                (f for f in entity.fields.values() if (f.relationship_name or "").lower() == name.lower()), None
            )
            if link is None:
                return "NULL"
            if is_polymorphic(link):
                fk = f"{alias}.f_{link.name.lower()}"
                return f"({self.referenced(fk, self.targets(link), steps[-1])} COLLATE NOCASE)"
            target = self.context.schema.object(link.reference_to[0]) if link.reference_to else None
            if target is None:
                return "NULL"
            alias, entity = self._join(Path(tuple(steps), 0), alias, link, target), target
        field = entity.field(steps[-1])
        return "NULL" if field is None or field.calculated else f"{alias}.f_{field.name.lower()}"
