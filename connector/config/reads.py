"""What must be read from the CRM so that every canonical table can be filled, in the fewest reads?

`usable` picks the sources that this CRM offers; `reads` merges all sources of one object into one read. What the
CRM lacks is a `Lack`: a value, never an exception.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from connector.config.fieldmap import ColumnRule, FieldMap, How, Predicate, Source
from connector.core.records import Kind, table
from connector.crm.base import Field, Filter, ObjectSchema, Op

Schemas = Mapping[str, ObjectSchema | None]
"""What the CRM says about each object that a mapping names; None where it is absent or hidden."""

CASTABLE: dict[Kind, frozenset[Kind]] = {
    Kind.ID: frozenset((Kind.ID, Kind.TEXT)),
    Kind.TEXT: frozenset(Kind),
    Kind.BOOL: frozenset((Kind.BOOL,)),
    Kind.INTEGER: frozenset((Kind.INTEGER, Kind.NUMBER, Kind.MONEY)),
    Kind.MONEY: frozenset((Kind.INTEGER, Kind.NUMBER, Kind.MONEY)),
    Kind.NUMBER: frozenset((Kind.INTEGER, Kind.NUMBER, Kind.MONEY)),
    Kind.DATE: frozenset((Kind.DATE, Kind.INSTANT)),
    Kind.INSTANT: frozenset((Kind.DATE, Kind.INSTANT)),
}
"""Canonical kind -> kinds of CRM fields that it can be filled from without a value table."""


class Missing(StrEnum):
    """What the CRM lacks."""

    OBJECT = "object"
    FIELD = "field"
    KIND = "kind"  # the field is there, and is of a kind that cannot become the column
    OPTION = "option"  # none of the values that a condition asks for is offered


@dataclass(frozen=True, slots=True)
class Lack:
    """One thing that a source names and the CRM does not have. `fatal`: the source cannot be read without it.

    `field` is the name as the mapping has it; where none of several fields is there, "A or B".
    """

    missing: Missing
    object: str
    field: str | None = None
    column: str | None = None
    fatal: bool = False
    kind: Kind | None = None  # of the field, where it is there
    predicate: int | None = None  # which condition of the source


@dataclass(frozen=True, slots=True)
class ObjectRead:
    """One read of one object. `feeds` says which sources take their rows from it.

    `drifting` are fields that may change without moving the cursor (formulas, fields of related records): rows are
    read again in full from time to time because of them.
    """

    object: str
    fields: tuple[str, ...]
    where: tuple[Filter, ...]
    feeds: tuple[tuple[str, Source], ...]
    drifting: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """A stable name for this read's cursor: the object, and what the CRM is asked to leave out."""
        return "?".join((self.object, "&".join(sorted(map(_spelled, self.where))))) if self.where else self.object

    @property
    def fingerprint(self) -> str:
        """Changes whenever rows read earlier would have been mapped otherwise: then everything is read again."""
        said = repr((self.fields, self.where, tuple((name, replace(source, at=())) for name, source in self.feeds)))
        return hashlib.sha256(said.encode()).hexdigest()[:16]


def usable(fieldmap: FieldMap, schemas: Schemas) -> tuple[Source, ...]:
    """The sources that this CRM can fill: of each choice the first one, without the columns that it lacks."""
    found: list[Source] = []
    decided: set[tuple[str, str]] = set()
    for source in fieldmap.sources:
        choice = (source.table, source.choice or f"={source.name}")
        if choice in decided or any(lack.fatal for lack in lacks(source, schemas)):
            continue
        decided.add(choice)
        found.append(reduced(source, schemas))
    return tuple(found)


def reads(fieldmap: FieldMap, schemas: Schemas) -> tuple[ObjectRead, ...]:
    """One read an object, or one a set of pushed conditions where two sources of an object share none."""
    sources = usable(fieldmap, schemas)
    found: list[ObjectRead] = []
    for name in dict.fromkeys(source.object.lower() for source in sources):
        schema = _schema(schemas, name)
        assert schema is not None
        same = tuple(source for source in sources if source.object.lower() == name)
        for pushed in _fewest({_pushed(source) for source in same}):
            feeds = tuple(source for source in same if _served_by(source, same) == pushed)
            if feeds:
                found.append(_object_read(schema, feeds, pushed, schemas))
    return tuple(found)


def reduced(source: Source, schemas: Schemas) -> Source:
    """The source with only the fields, columns and conditions that the CRM has."""
    schema = _schema(schemas, source.object)
    rules = (_reduced_rule(rule, source, schema, schemas) for rule in source.columns)
    where = (
        p for p in source.where if schema is not None and condition_field(p, source, schema, schemas) is not None
    )
    return replace(source, columns=tuple(rule for rule in rules if rule is not None), where=tuple(where))


def lacks(source: Source, schemas: Schemas) -> tuple[Lack, ...]:
    """Everything that the source names and the CRM lacks, hides or keeps in another kind."""
    schema = _schema(schemas, source.object)
    if schema is None:
        return (Lack(Missing.OBJECT, source.object, fatal=True),)
    found = [lack for at, p in enumerate(source.where) for lack in _predicate_lacks(p, at, source, schema, schemas)]
    canonical = table(source.table)
    for rule in source.columns:
        required = canonical.column(rule.column).required
        wrong = _rule_lacks(rule, source, schema, schemas)
        gone = bool(rule.fields) and len(wrong) == len(rule.fields)
        kinds = [lack for lack in wrong if lack.missing is Missing.KIND]
        if kinds:
            found += [replace(lack, fatal=gone and required) for lack in kinds]
        elif gone:
            found.append(replace(wrong[0], field=" or ".join(rule.fields), fatal=required))
    return tuple(found)


def _schema(schemas: Schemas, name: str) -> ObjectSchema | None:
    found = schemas.get(name)
    if found is not None:
        return found
    return next((schema for known, schema in schemas.items() if known.lower() == name.lower()), None)


def crm_field(path: str, rule: ColumnRule, schema: ObjectSchema, schemas: Schemas) -> Field | None:
    """The CRM's field behind a name in a rule, also one of a related record; None where it is absent or hidden."""
    if rule.via is None or rule.of is None:
        return schema.field(path)
    related = _schema(schemas, rule.of)
    if schema.field(rule.via) is None or related is None:
        return None
    return related.field(path.rpartition(".")[2])


def _rule_lacks(rule: ColumnRule, source: Source, schema: ObjectSchema, schemas: Schemas) -> list[Lack]:
    kind = table(source.table).column(rule.column).kind
    found: list[Lack] = []
    for path in rule.fields:
        field = crm_field(path, rule, schema, schemas)
        if field is None:
            found.append(Lack(Missing.FIELD, source.object, path, rule.column))
        elif not rule.values and field.kind not in CASTABLE[kind]:
            found.append(Lack(Missing.KIND, source.object, path, rule.column, kind=field.kind))
    return found


def condition_field(predicate: Predicate, source: Source, schema: ObjectSchema, schemas: Schemas) -> Field | None:
    """The CRM's field that a condition looks at; the way to a related record is that of the column that names it."""
    rule = next((rule for rule in source.columns if predicate.field in rule.fields), None)
    return crm_field(predicate.field, rule, schema, schemas) if rule is not None else schema.field(predicate.field)


def _predicate_lacks(
    predicate: Predicate, at: int, source: Source, schema: ObjectSchema, schemas: Schemas
) -> list[Lack]:
    field = condition_field(predicate, source, schema, schemas)
    if field is None:
        lack = Lack(Missing.FIELD, schema.name, predicate.field, fatal=True, predicate=at)
        return [] if predicate.optional else [lack]
    asked = {str(value).casefold() for value in predicate.values}
    if predicate.test in (How.IS, How.IN) and field.options and not asked & {o.casefold() for o in field.options}:
        return [Lack(Missing.OPTION, schema.name, predicate.field, fatal=True, predicate=at)]
    return []


def _reduced_rule(
    rule: ColumnRule, source: Source, schema: ObjectSchema | None, schemas: Schemas
) -> ColumnRule | None:
    if not rule.fields:
        return rule
    if schema is None:
        return None
    wrong = {lack.field for lack in _rule_lacks(rule, source, schema, schemas)}
    left = tuple(path for path in rule.fields if path not in wrong)
    return replace(rule, fields=left) if left else None


def _pushed(source: Source) -> frozenset[Filter]:
    return frozenset(_filter(predicate) for predicate in source.where if predicate.push)


def _fewest(asked: set[frozenset[Filter]]) -> tuple[frozenset[Filter], ...]:
    """The sets that no other set serves: a read that leaves out less serves every source that leaves out more."""
    kept = (pushed for pushed in asked if not any(other < pushed for other in asked))
    return tuple(sorted(kept, key=lambda pushed: sorted(map(_spelled, pushed))))


def _served_by(source: Source, same: Iterable[Source]) -> frozenset[Filter]:
    """Of the reads that are made, the first one that brings all rows of the source."""
    pushed = _pushed(source)
    return next(wide for wide in _fewest({_pushed(other) for other in same}) if wide <= pushed)


def _object_read(
    schema: ObjectSchema, feeds: tuple[Source, ...], pushed: frozenset[Filter], schemas: Schemas
) -> ObjectRead:
    fields: dict[str, bool] = {}  # name -> drifts
    for source in feeds:
        for predicate in source.where:
            field = schema.field(predicate.field)
            if field is not None:  # else a related record's, which its column brings
                fields[field.name] = fields.get(field.name, False) or field.calculated
        for rule in source.columns:
            for path in rule.fields:
                field = crm_field(path, rule, schema, schemas)
                assert field is not None
                name = path if rule.via else field.name
                fields[name] = fields.get(name, False) or field.calculated or rule.drifts
    if schema.cursor is not None:
        fields.setdefault(schema.cursor, False)
    where = tuple(sorted((_named(f, schema) for f in pushed), key=_spelled))
    drifting = tuple(sorted(name for name, drifts in fields.items() if drifts))
    return ObjectRead(schema.name, tuple(sorted(fields)), where, tuple((s.table, s) for s in feeds), drifting)


_OPS = {How.IS: Op.EQ, How.IS_NOT: Op.NE, How.IN: Op.IN, How.FILLED: Op.FILLED, How.EMPTY: Op.EMPTY}


def _filter(predicate: Predicate) -> Filter:
    if predicate.test is How.IN:
        return Filter(predicate.field, Op.IN, predicate.values)
    return Filter(predicate.field, _OPS[predicate.test], predicate.values[0] if predicate.values else None)


def _named(condition: Filter, schema: ObjectSchema) -> Filter:
    """The condition with the field named as the CRM names it."""
    known = schema.field(condition.field)
    return replace(condition, field=known.name) if known is not None else condition


def _spelled(condition: Filter) -> str:
    value = "" if condition.value is None else f" {condition.value!r}"
    return f"{condition.field} {condition.op}{value}"
