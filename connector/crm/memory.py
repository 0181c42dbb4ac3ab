"""A CRM in memory: the reference of what the protocol means, for tests and for trying things out.

It keeps the promises that the vendors' adapters keep (types, deletes, merges, outcomes, preconditions of a value)
with the least code that can keep them. Its clock is its own and moves only when told.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pyarrow as pa

from connector.core.records import Kind
from connector.crm.base import (
    Action,
    Capabilities,
    Field,
    FieldSpec,
    Filter,
    InstallStep,
    LabelSpec,
    ObjectSchema,
    Op,
    Page,
    Progress,
    ReadRequest,
    Scalar,
    StepStatus,
    Usage,
    Who,
    Write,
    WriteResult,
    WriteStatus,
    arrow_type,
    no_progress,
)
from connector.errors import Misconfigured

CREATED_DATE = "CreatedDate"


@dataclass(slots=True)
class MemoryRecord:
    """One record: its values by the field's own name, and what became of it."""

    values: dict[str, Scalar]
    deleted: bool = False
    merged_into: str | None = None


@dataclass(slots=True)
class MemoryCRM:
    """An org of `schemas`; `page_rows` bounds a page, `now_at` is the clock, `locked` records refuse writes."""

    schemas: dict[str, ObjectSchema] = field(default_factory=dict)
    page_rows: int = 2_000
    now_at: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    locked: set[str] = field(default_factory=set)
    records: dict[str, dict[str, MemoryRecord]] = field(default_factory=dict)
    calls: int = 0
    tenant: str = "memory"
    _next: int = 0

    @property
    def capabilities(self) -> Capabilities:
        """What this CRM can do."""
        return Capabilities("memory", 200)

    def identity(self) -> str:
        """Always the same."""
        return "memory"

    def who(self) -> Who:
        """The tenant given, and always the same user."""
        return Who(self.tenant, "memory-user")

    def now(self) -> datetime:
        """The clock."""
        return self.now_at

    def advance(self, by: timedelta) -> None:
        """Move the clock."""
        self.now_at += by

    def schema(self, object_name: str) -> ObjectSchema | None:
        """The object, or None."""
        return next((each for name, each in self.schemas.items() if name.lower() == object_name.lower()), None)

    def add(self, object_name: str, values: Mapping[str, Scalar]) -> str:
        """Put a record there as an administrator would: no checks; its id and cursor are set where missing."""
        schema = self._known(object_name)
        row = dict(values)
        record_id = str(row.setdefault("Id", self._new_id(schema.name)))
        if schema.cursor:
            row.setdefault(schema.cursor, self.now_at)
        self._rows(schema.name)[record_id] = MemoryRecord(row)
        return record_id

    def delete(self, object_name: str, record_id: str, *, merged_into: str | None = None) -> None:
        """Delete a record, or merge it away."""
        schema = self._known(object_name)
        record = self._rows(schema.name)[record_id]
        record.deleted, record.merged_into = True, merged_into
        if schema.cursor:
            record.values[schema.cursor] = self.now_at

    def purge(self, object_name: str, record_id: str) -> None:
        """Remove a record for good: it leaves no trace."""
        del self._rows(self._known(object_name).name)[record_id]

    def absence(self, object_name: str) -> str:
        """This CRM gives no reasons."""
        return ""

    def read(self, request: ReadRequest, progress: Progress = no_progress) -> Iterator[Page]:
        """The matching rows in order of cursor and id; a resume token goes on behind its page's last row."""
        schema = self._known(request.object)
        wanted = [self._field(schema, name) for name in request.fields]
        for each in request.where:
            self._field(schema, each.field)
        found = [each for each in self._sorted(schema) if self._matches(schema, each, request)]
        start = json.loads(request.resume)["after"] if request.resume else None
        rest = found if start is None else [each for each in found if self._order(schema, each) > tuple(start)]
        for at in range(0, len(rest), self.page_rows):
            self.calls += 1
            rows = rest[at : at + self.page_rows]
            last = at + self.page_rows >= len(rest)
            token = None if last else json.dumps({"after": self._order(schema, rows[-1])})
            progress(schema.name, len(found) - len(rest) + at + len(rows), len(found))
            yield Page(_table(rows, wanted, request.fields, marks=True), token, len(found))

    def fetch(self, object_name: str, ids: Sequence[str], fields: Sequence[str]) -> pa.Table:
        """The named records that are alive."""
        return self.find(object_name, "Id", ids, fields)

    def find(self, object_name: str, key_field: str, keys: Sequence[str], fields: Sequence[str]) -> pa.Table:
        """The live records whose key field holds one of the keys."""
        schema = self._known(object_name)
        key, wanted = self._field(schema, key_field).name, [self._field(schema, name) for name in fields]
        self.calls += 1
        kept = set(keys)
        rows = [
            each for each in self._rows(schema.name).values() if not each.deleted and each.values.get(key) in kept
        ]
        return _table(rows, wanted, fields, marks=False)

    def write(self, writes: Sequence[Write], progress: Progress = no_progress) -> Iterator[WriteResult]:
        """One outcome a write."""
        for at, write in enumerate(writes):
            self.calls += at % 200 == 0
            progress("writing", at + 1, len(writes))
            yield self._write(write)

    def install(
        self, specs: Sequence[FieldSpec], labels: Sequence[LabelSpec] = (), *, dry_run: bool
    ) -> tuple[InstallStep, ...]:
        """Adds the fields to the schemas; a field of another kind is a clash and stops everything."""
        steps = [self._look(spec) for spec in specs]
        if dry_run or any(step.status is StepStatus.CLASH for step in steps):
            return (*steps, *_unnamed(labels))
        done = []
        for spec, step in zip(specs, steps, strict=True):
            if step.status is StepStatus.WOULD_CREATE:
                self._add_field(spec)
                step = replace(step, status=StepStatus.CREATED)
            done.append(step)
        return (*done, *_unnamed(labels))

    def uninstall(
        self, specs: Sequence[FieldSpec], labels: Sequence[LabelSpec] = (), *, dry_run: bool
    ) -> tuple[InstallStep, ...]:
        """Takes the fields out of the schemas; a field of another kind or label is somebody else's and kept."""
        return (*(self._take_away(spec, dry_run) for spec in specs), *_unnamed(labels))

    def field_name(self, spec: FieldSpec) -> str:
        """As Salesforce names it."""
        return f"PMOM_{spec.name}__c"

    def record_url(self, object_name: str, record_id: str) -> str:
        """An address that leads nowhere."""
        return f"memory:{object_name}/{record_id}"

    def usage(self) -> Usage:
        """The calls made; there is no limit."""
        return Usage(self.calls, 0, self.calls)

    def close(self) -> None:
        """Nothing to give back."""

    def _known(self, object_name: str) -> ObjectSchema:
        found = self.schema(object_name)
        if found is None:
            raise Misconfigured(f"memory {object_name}", "no such object", "Correct the mapping")
        return found

    def _field(self, schema: ObjectSchema, name: str) -> Field:
        found = schema.field(name)
        if found is None:
            raise Misconfigured(f"memory {schema.name}.{name}", "no such field", "Correct the mapping")
        return found

    def _rows(self, name: str) -> dict[str, MemoryRecord]:
        return self.records.setdefault(name, {})

    def _new_id(self, name: str) -> str:
        self._next += 1
        return f"{name[:3].lower()}{self._next:012d}"

    def _order(self, schema: ObjectSchema, record: MemoryRecord) -> tuple[str, ...]:
        cursor = record.values.get(schema.cursor) if schema.cursor else None
        stamp = cursor.astimezone(UTC).isoformat(timespec="microseconds") if isinstance(cursor, datetime) else ""
        return (stamp, str(record.values["Id"]))

    def _sorted(self, schema: ObjectSchema) -> list[MemoryRecord]:
        return sorted(self._rows(schema.name).values(), key=lambda record: self._order(schema, record))

    def _matches(self, schema: ObjectSchema, record: MemoryRecord, request: ReadRequest) -> bool:
        if record.deleted and not request.deleted:
            return False
        stamp = record.values.get(schema.cursor) if schema.cursor else None
        if isinstance(stamp, datetime):
            if request.since is not None and stamp < request.since:
                return False
            if request.until is not None and stamp >= request.until:
                return False
        return all(_holds(record.values.get(self._field(schema, each.field).name), each) for each in request.where)

    def _write(self, write: Write) -> WriteResult:
        schema = self.schema(write.object)
        if schema is None:
            return _refused(write, "INVALID_TYPE", f"sObject type '{write.object}' is not supported.")
        if write.action is Action.CREATE:
            return self._create(schema, write)
        record_id = self._keyed(schema, write) if write.action is Action.UPSERT else write.id
        if record_id is None:
            return self._create(schema, write)
        return self._change(schema, write, record_id)

    def _keyed(self, schema: ObjectSchema, write: Write) -> str | None:
        for record_id, record in self._rows(schema.name).items():
            if not record.deleted and record.values.get(write.key_field or "") == write.key:
                return record_id
        return None

    def _change(self, schema: ObjectSchema, write: Write, record_id: str) -> WriteResult:
        record = self._rows(schema.name).get(record_id)
        if record is None:
            return _refused(write, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
        if record.deleted:
            if write.action is Action.DELETE:
                return WriteResult(write.ref, WriteStatus.APPLIED, record_id)
            return _refused(write, "ENTITY_IS_DELETED", "entity is deleted")
        if record_id in self.locked:
            text = "unable to obtain exclusive access to this record"
            return WriteResult(write.ref, WriteStatus.FAILED, record_id, code="UNABLE_TO_LOCK_ROW", message=text)
        if write.action is Action.DELETE:
            self.delete(schema.name, record_id)
            return WriteResult(write.ref, WriteStatus.APPLIED, record_id)
        values, refusal = self._checked(schema, write, creating=False)
        if refusal is not None:
            return refusal
        record.values.update(values)
        if schema.cursor:
            record.values[schema.cursor] = self.now_at
        return WriteResult(write.ref, WriteStatus.APPLIED, record_id)

    def _create(self, schema: ObjectSchema, write: Write) -> WriteResult:
        keyed = ((write.key_field, write.key),) if write.key_field else ()
        values, refusal = self._checked(schema, replace(write, values=(*keyed, *write.values)), creating=True)
        if refusal is not None:
            return refusal
        if CREATED_DATE in {each.name for each in schema.fields}:
            values.setdefault(CREATED_DATE, self.now_at)
        return WriteResult(write.ref, WriteStatus.APPLIED, self.add(schema.name, values), created=True)

    def _checked(
        self, schema: ObjectSchema, write: Write, *, creating: bool
    ) -> tuple[dict[str, Scalar], WriteResult | None]:
        values: dict[str, Scalar] = {}
        for name, value in write.values:
            known = schema.field(name)
            if known is None:
                return {}, _refused(
                    write, "INVALID_FIELD", f"No such column '{name}' on sobject of type {schema.name}"
                )
            if not (known.createable if creating else known.updateable):
                text = f"Unable to create/update fields: {known.name}."
                return {}, _refused(write, "INVALID_FIELD_FOR_INSERT_UPDATE", text, known.name)
            problem = _misfit(known, value) or self._taken(schema, known, value, write)
            if problem is not None:
                return {}, _refused(write, *problem, known.name)
            values[known.name] = _kept(known, value)
        return values, self._incomplete(schema, write, values) if creating else None

    def _incomplete(self, schema: ObjectSchema, write: Write, values: dict[str, Scalar]) -> WriteResult | None:
        lacking = [
            each.name
            for each in schema.fields
            if not each.nullable and each.createable and each.kind is not Kind.BOOL and values.get(each.name) is None
        ]
        if not lacking:
            return None
        text = f"Required fields are missing: [{', '.join(lacking)}]"
        return _refused(write, "REQUIRED_FIELD_MISSING", text, *lacking)

    def _taken(self, schema: ObjectSchema, known: Field, value: Scalar, write: Write) -> tuple[str, str] | None:
        if not known.unique_key or value is None or known.name == "Id" or known.name == write.key_field:
            return None
        for record_id, record in self._rows(schema.name).items():
            if not record.deleted and record_id != write.id and record.values.get(known.name) == value:
                text = f"duplicate value found: {known.name} duplicates value on record with id: {record_id}"
                return "DUPLICATE_VALUE", text
        return None

    def _look(self, spec: FieldSpec) -> InstallStep:
        name, schema = f"{spec.object}.{self.field_name(spec)}", self.schema(spec.object)
        if schema is None:
            return InstallStep(name, StepStatus.SKIPPED, f"no {spec.object} here")
        known = schema.field(self.field_name(spec))
        if known is None:
            return InstallStep(name, StepStatus.WOULD_CREATE)
        if known.kind is not spec.kind:
            return InstallStep(name, StepStatus.CLASH, f"exists as {known.kind}")
        return InstallStep(name, StepStatus.PRESENT)

    def _take_away(self, spec: FieldSpec, dry_run: bool) -> InstallStep:
        found, schema = self._look(spec), self.schema(spec.object)
        known = schema.field(self.field_name(spec)) if schema is not None else None
        if schema is None or known is None:
            return replace(found, status=StepStatus.SKIPPED, detail="is not there")
        if found.status is StepStatus.CLASH or known.label != spec.label:
            return replace(found, status=StepStatus.KEPT, detail="somebody else made it")
        if dry_run:
            return replace(found, status=StepStatus.WOULD_REMOVE)
        fields = tuple(each for each in schema.fields if each is not known)
        self.schemas[schema.name] = replace(schema, fields=fields)
        for record in self._rows(schema.name).values():
            record.values.pop(known.name, None)
        return replace(found, status=StepStatus.REMOVED)

    def _add_field(self, spec: FieldSpec) -> None:
        schema = self._known(spec.object)
        made = Field(
            self.field_name(spec),
            spec.label,
            spec.kind,
            createable=True,
            updateable=True,
            unique_key=spec.unique_key,
            length=spec.length,
            scale=spec.scale,
            options=spec.options,
            restricted=bool(spec.options),
            multiple=spec.multiple,
            references=(spec.references,) if spec.references else (),
        )
        self.schemas[schema.name] = replace(schema, fields=(*schema.fields, made))


def _unnamed(labels: Sequence[LabelSpec]) -> tuple[InstallStep, ...]:
    why = "links have no names here"
    return tuple(InstallStep(f"label {each.label!r}", StepStatus.SKIPPED, why) for each in labels)


def _refused(write: Write, code: str, message: str, *fields: str) -> WriteResult:
    return WriteResult(write.ref, WriteStatus.REFUSED, write.id, code=code, message=message, fields=fields)


def _misfit(known: Field, value: Scalar) -> tuple[str, str] | None:
    if value is None or value == "":
        return None if known.nullable else ("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{known.name}]")
    if known.restricted:
        given = str(value).split(";") if known.multiple else [str(value)]
        for each in given:
            if each not in known.options:
                text = f"{known.label}: bad value for restricted picklist field: {each}"
                return "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", text
    if known.length and isinstance(value, str) and len(value) > known.length:
        return "STRING_TOO_LONG", f"{known.label}: data value too large: {value[:80]} (max length={known.length})"
    return None


def _kept(known: Field, value: Scalar) -> Scalar:
    if value == "":
        return None
    if known.scale is not None and isinstance(value, Decimal):
        return value.quantize(Decimal(1).scaleb(-known.scale), ROUND_HALF_UP)
    return value


def _holds(found: Scalar, wanted: Filter) -> bool:
    op, value = wanted.op, wanted.value
    if op is Op.EMPTY or op is Op.FILLED:
        return (found is None) is (op is Op.EMPTY)
    if op is Op.IN or isinstance(value, tuple):
        inside = _folded(found) in {_folded(each) for each in (value if isinstance(value, tuple) else (value,))}
        return inside is not (op is Op.NE)
    if op is Op.EQ or op is Op.NE:
        return (_folded(found) == _folded(value)) is (op is Op.EQ)
    if found is None or value is None:
        return False
    below = _comparable(found) < _comparable(value)
    return below is (op is Op.LT)


def _folded(value: Scalar) -> Scalar:
    return value.casefold() if isinstance(value, str) else value


def _comparable(value: Scalar) -> Any:
    return value.casefold() if isinstance(value, str) else value


def _table(rows: Sequence[MemoryRecord], wanted: Sequence[Field], names: Sequence[str], *, marks: bool) -> pa.Table:
    columns = [
        pa.array([_cell(row.values.get(each.name), each.kind) for row in rows], arrow_type(each.kind))
        for each in wanted
    ]
    titles = list(names)
    if marks:
        columns += [pa.array([row.deleted for row in rows], pa.bool_())]
        columns += [pa.array([row.merged_into for row in rows], pa.string())]
        titles += ["pmom_deleted", "pmom_merged_into"]
    return pa.table(columns, names=titles)


def _cell(value: Scalar, kind: Kind) -> Any:
    if kind is Kind.BOOL:
        return bool(value)
    if value is None or value == "":
        return None
    if kind in (Kind.MONEY, Kind.NUMBER):
        return Decimal(str(value)).quantize(Decimal("0.0001") if kind is Kind.MONEY else Decimal("0.00000001"))
    if kind is Kind.DATE and isinstance(value, datetime):
        return value.date()
    if kind is Kind.DATE and isinstance(value, str):
        return date.fromisoformat(value)
    return value
