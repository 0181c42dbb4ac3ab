"""Is a mapping file well formed, and which `FieldMap` does it say?

`load` raises one `Misconfigured` that names every wrong line: unknown tables, columns and keys (with the nearest
known word), values that a column may not hold, sources without a required column.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, create_model, model_validator

from connector.config.fieldmap import (
    MERGED_INTO,
    PUSHABLE,
    ColumnRule,
    FieldMap,
    How,
    Plain,
    Predicate,
    Source,
    TaskTarget,
    Unlisted,
    WriteMap,
)
from connector.config.toml_lines import Key, closest, line_numbers, parse_toml, read_text, validate
from connector.core.records import TABLES, Column, Kind, Table
from connector.crm.base import LabelSpec
from connector.errors import Misconfigured


def load(path: Path | str) -> FieldMap:
    """The mapping in that file; `Misconfigured` names every line that is wrong in shape."""
    text = read_text(path)
    return parse(text, path)


def load_named(name: str, beside: Path | None = None) -> FieldMap:
    """A shipped mapping by its name ("salesforce"), or the file at that path, taken relative to `beside`."""
    return load(locate("mappings", name, beside))


def locate(folder: str, name: str, beside: Path | None = None) -> Path:
    """The shipped TOML file of that name in `folder`, or the admin's own file at that path."""
    if "/" not in name and not name.endswith(".toml"):
        shipped = Path(str(resources.files(folder) / f"{name}.toml"))
        if shipped.is_file():
            return shipped
        known = [found.stem for found in shipped.parent.glob("*.toml")]
        raise Misconfigured(folder, f'nothing called "{name}" is shipped', closest(name, known))
    return (beside or Path()) / name


def parse(text: str, path: Path | str) -> FieldMap:
    """The mapping in that text; `path` names it in messages."""
    data = parse_toml(text, path)
    lines = line_numbers(text)
    model = validate(_file_model(), _inherited(data, path, lines), path, text=text)
    sources = tuple(
        _source(table.name, number, written)
        for table in TABLES
        for number, written in enumerate(getattr(model, table.name))
    )
    about: _About = model.about  # type: ignore[attr-defined]
    return FieldMap(str(path), about.name, sources, _write_map(model.write), lines)  # type: ignore[attr-defined]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


def _named(text: str, pattern: str, what: str) -> str:
    if not re.fullmatch(pattern, text) or len(text) > _LONGEST:
        raise ValueError(f'"{text[:_LONGEST]}" is no name of {what}. A mapping names, it computes nothing.')
    return text


_WORD = r"[A-Za-z][A-Za-z0-9_]*"
_LONGEST = 160  # characters of a name, or of a path of two
_Name = Annotated[str, AfterValidator(lambda text: _named(text, _WORD, "an object or field"))]
_Path = Annotated[str, AfterValidator(lambda text: _named(text, rf"{_WORD}(\.{_WORD})?", "a field"))]


class _About(_Strict):
    name: str
    format: Literal[1]


class _Where(_Strict):
    field: _Path
    is_: Plain | None = Field(None, alias="is")
    is_not: Plain | None = None
    in_: Annotated[list[Plain], Field(min_length=1)] | None = Field(None, alias="in")
    not_in: Annotated[list[Plain], Field(min_length=1)] | None = None
    starts: Annotated[str, Field(min_length=1)] | None = None
    filled: bool | None = None
    empty: bool | None = None
    push: bool = False
    optional: bool = False

    @model_validator(mode="after")
    def _one_test(self) -> _Where:
        tests = self.tests()
        if len(tests) != 1:
            names = ", ".join(test.value for test in How)
            raise ValueError(f"needs exactly one test, has {len(tests)}. Write one of {names}.")
        if tests[0][0] in (How.FILLED, How.EMPTY) and tests[0][1] is not True:
            raise ValueError(f"{tests[0][0]} = false says nothing. Write the other one = true.")
        if self.push and tests[0][0] not in PUSHABLE:
            raise ValueError(f"{tests[0][0]} cannot be pushed to the CRM. Leave push out.")
        if self.push and "." in self.field:
            raise ValueError("a field of a related record cannot be pushed to the CRM. Leave push out.")
        return self

    def tests(self) -> list[tuple[How, Any]]:
        """The tests that were written, with their operands."""
        return [
            (test, found) for test in How if (found := getattr(self, _ATTRIBUTES.get(test, test.value))) is not None
        ]


_ATTRIBUTES = {How.IS: "is_", How.IN: "in_"}


class _Rule(_Strict):
    field: _Path | None = None
    first_of: Annotated[list[_Name], Field(min_length=2)] | None = None
    const: Plain | None = None
    values: Annotated[dict[str, Plain], Field(min_length=1)] | None = None
    default: Plain | None = None
    unlisted: Annotated[Unlisted, Field(strict=False)] | None = None
    optional: bool = False
    requires: str | None = None
    tag: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")] | None = None
    multiple: bool = False
    country: bool = False
    via: _Name | None = None
    of: _Name | None = None
    drifts: bool = False
    each: bool = False
    first: bool = False

    @model_validator(mode="after")
    def _one_origin(self) -> _Rule:
        if sum(origin is not None for origin in (self.field, self.first_of, self.const)) != 1:
            raise ValueError("needs exactly one origin. Write one of field, first_of or const.")
        if ((self.field is not None and "." in self.field), self.via is not None, self.of is not None) not in _PATHS:
            raise ValueError('a field of a related record needs via and of. Write field = "A.B", via = …, of = ….')
        if (self.each or self.first) and (self.field is None or (self.each and self.first)):
            raise ValueError("each and first belong to one field with several ids. Write one of them beside field.")
        if self.unlisted is Unlisted.DEFAULT and self.default is None:
            raise ValueError('unlisted = "default" without a default. Add default = ….')
        return self


_PATHS = ((False, False, False), (True, True, True))


def _spelled_out(written: Any) -> Any:
    return {"field": written} if isinstance(written, str) else written


def _fits(column: Column, rule: _Rule) -> _Rule:
    """The rule, when what it says can stand in the column; ValueError otherwise."""
    said = [*(rule.values or {}).values()] + [v for v in (rule.const, rule.default) if v is not None]
    for value in said:
        _fits_value(column, value)
    if (rule.values or rule.default is not None) and column.kind not in (Kind.TEXT, Kind.BOOL):
        raise ValueError(f"{column.name} is {column.kind}: it takes no values or default. Leave them out.")
    if column.values and rule.unlisted is Unlisted.KEEP:
        raise ValueError(f'only {", ".join(column.values)} may stand here. Write unlisted = "empty" or "reject".')
    if rule.tag and column.kind is not Kind.ID:
        raise ValueError(f"{column.name} is no id. Leave tag out.")
    if (rule.each or rule.first) and column.kind is not Kind.ID:
        raise ValueError(f"{column.name} is no id. Leave each and first out.")
    if (rule.country or rule.multiple) and column.kind is not Kind.TEXT:
        raise ValueError(f"{column.name} is no text. Leave country and multiple out.")
    return rule


def _fits_value(column: Column, value: Plain) -> None:
    if column.values and value not in column.values:
        raise ValueError(f'"{value}" may not stand in {column.name}. {closest(str(value), column.values)}')
    wanted = {Kind.BOOL: bool, Kind.TEXT: str, Kind.ID: str}.get(column.kind, int | Decimal)
    if not isinstance(value, wanted) or (isinstance(value, bool) and column.kind is not Kind.BOOL):
        raise ValueError(f"{column.name} is {column.kind}, {value!r} is not. Write a value of that kind.")


def _columns_model(table: Table) -> type[BaseModel]:
    fields: dict[str, Any] = {}
    for column in table.columns:
        if column.name == MERGED_INTO:
            continue
        fits = functools.partial(_fits, column)
        kind = Annotated[_Rule, BeforeValidator(_spelled_out), AfterValidator(fits)]
        fields[column.name] = (kind, ...) if column.required else (kind | None, None)
    return create_model(f"{table.name}_columns", __base__=_Strict, **fields)


class _Source(_Strict):
    name: Annotated[str, Field(min_length=1)]
    columns: Any
    object: _Name
    like: str | None = None
    where: tuple[_Where, ...] = Field((), strict=False)
    choice: str | None = None
    optional: bool = False
    requires: str | None = None
    dated_when_seen: bool = False

    @model_validator(mode="after")
    def _dated_once(self) -> _Source:
        if not self.dated_when_seen:
            return self
        if "recorded_at" not in type(self.columns).model_fields or self.columns.recorded_at is not None:
            raise ValueError(
                "dated_when_seen: it fills recorded_at, which this table lacks or a field gives already."
            )
        return self

    @model_validator(mode="after")
    def _one_spread(self) -> _Source:
        rules = {name: getattr(self.columns, name) for name in type(self.columns).model_fields}
        spread = [name for name, rule in rules.items() if rule is not None and rule.each]
        if len(spread) > 1:
            raise ValueError(f"{' and '.join(spread)} both make several rows. Make two sources of them.")
        return self

    @model_validator(mode="after")
    def _paths_are_columns(self) -> _Source:
        """A condition on a related record's field borrows the way there from the column that names the same field."""
        rules = (getattr(self.columns, name) for name in type(self.columns).model_fields)
        known = {rule.field for rule in rules if rule is not None}
        for where in self.where:
            if "." in where.field and where.field not in known:
                raise ValueError(
                    f"the condition on {where.field} needs a column with the same field. Add the column."
                )
        return self


class _Task(_Strict):
    object: _Name
    key_field: _Name
    subject: _Name
    owner: _Name
    due: _Name
    description: _Name
    related: _Name
    related_deal: _Name | None = None
    status: _Name
    open: str
    closed: str
    extra: dict[str, Plain] = {}
    subject_length: Annotated[int, Field(ge=20)] = 255
    description_length: Annotated[int, Field(ge=100)] = 32_000
    upsert: bool = False
    html: bool = False


class _Cards(_Strict):
    partners: _Name
    opportunities: _Name | None = None
    campaigns: _Name | None = None
    fund_requests: _Name | None = None
    fund_claims: _Name | None = None


class _Uncarried(_Strict):
    opportunities: str | None = None
    campaigns: str | None = None
    fund_requests: str | None = None
    fund_claims: str | None = None


class _Label(_Strict):
    from_: _Name = Field(alias="from")
    to: _Name
    label: Annotated[str, Field(min_length=1, max_length=50)]
    inverse: Annotated[str, Field(max_length=50)] = ""


class _Write(_Strict):
    cards: _Cards
    uncarried: _Uncarried = _Uncarried()
    task: _Task
    labels: tuple[_Label, ...] = Field((), strict=False)


@functools.cache
def _file_model() -> type[BaseModel]:
    """The whole file as a model: one list of sources a canonical table, each knowing that table's columns."""
    fields: dict[str, Any] = {"about": (_About, ...), "write": (_Write, ...)}
    for table in TABLES:
        source = create_model(f"{table.name}_source", __base__=_Source, columns=(_columns_model(table), ...))
        fields[table.name] = (Annotated[list[source], AfterValidator(_named_once)], [])  # type: ignore[valid-type]
    return create_model("mapping_file", __base__=_Strict, **fields)


def _named_once(sources: list[_Source]) -> list[_Source]:
    names = [source.name for source in sources]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f'two sources are called "{twice}". Give each its own name.')
    return sources


def _inherited(data: dict[str, Any], path: Path | str, lines: Mapping[Key, int]) -> dict[str, Any]:
    """The file's tables with `like` worked in: a source takes over what it does not say itself."""
    tables = {table.name for table in TABLES}
    merged = dict(data)
    for name in tables & data.keys():
        if isinstance(data[name], list) and all(isinstance(source, dict) for source in data[name]):
            merged[name] = list(_with_models(name, data[name], path, lines))
    return merged


def _with_models(
    table: str, sources: list[dict[str, Any]], path: Path | str, lines: Mapping[Key, int]
) -> Iterator[dict[str, Any]]:
    before: dict[str, dict[str, Any]] = {}
    for number, source in enumerate(sources):
        whole = dict(source)
        if isinstance(like := source.get("like"), str):
            if like not in before:
                line = lines.get((table, number, "like"), 0)
                fix = closest(like, before) if before else "Name a source of the same table that stands above."
                raise Misconfigured(f"{path}:{line}", f'{table}[{number}].like: no source "{like}" stands above', fix)
            model = before[like]
            whole = model | source | {"columns": model.get("columns", {}) | source.get("columns", {})}
        if isinstance(named := source.get("name"), str):
            before[named] = whole
        yield whole


def _source(table: str, number: int, written: Any) -> Source:
    rules = ((name, getattr(written.columns, name)) for name in type(written.columns).model_fields)
    return Source(
        table=table,
        name=written.name,
        object=written.object,
        columns=tuple(_rule(table, name, rule) for name, rule in rules if rule is not None),
        where=tuple(_predicate(where) for where in written.where),
        choice=written.choice,
        optional=written.optional,
        requires=written.requires,
        at=(table, number),
        dated_when_seen=written.dated_when_seen,
    )


def _rule(table: str, name: str, written: _Rule) -> ColumnRule:
    column = next(
        column for known in TABLES if known.name == table for column in known.columns if column.name == name
    )
    single = (written.field,) if written.field else ()
    return ColumnRule(
        column=name,
        fields=tuple(written.first_of or single),
        const=written.const,
        values=tuple((written.values or {}).items()),
        default=written.default,
        unlisted=_unlisted(column, written),
        quiet=column.kind is Kind.BOOL and written.default is not None,
        optional=written.optional,
        requires=written.requires,
        tag=written.tag,
        multiple=written.multiple,
        country=written.country,
        via=written.via,
        of=written.of,
        drifts=written.drifts or written.via is not None,
        each=written.each,
        first=written.first,
    )


def _unlisted(column: Column, written: _Rule) -> Unlisted:
    """The rule that was written; else a default stands in, a closed or boolean column empties, the rest keep."""
    if written.unlisted is not None:
        return written.unlisted
    if written.default is not None:
        return Unlisted.DEFAULT
    closed = bool(column.values) or column.kind is Kind.BOOL
    return Unlisted.EMPTY if closed else Unlisted.KEEP


def _predicate(written: _Where) -> Predicate:
    test, found = written.tests()[0]
    values = () if test in (How.FILLED, How.EMPTY) else tuple(found) if isinstance(found, list) else (found,)
    return Predicate(written.field, test, values, written.push, written.optional)


def _write_map(written: _Write) -> WriteMap:
    cards = tuple((table, name) for table, name in written.cards.model_dump().items() if name is not None)
    task = written.task.model_dump() | {"extra": tuple(written.task.extra.items())}
    labels = tuple(LabelSpec(each.from_, each.to, each.label, each.inverse) for each in written.labels)
    reasons = tuple((table, why) for table, why in written.uncarried.model_dump().items() if why is not None)
    return WriteMap(cards, TaskTarget(**task), labels, reasons)
