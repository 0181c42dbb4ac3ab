"""Does the mapping mean something in this CRM: which columns are there, which are missing, and what should be done?

The file's shape was checked when it was loaded. Here every name is compared with the live description of the CRM.
The answer is data; how it looks is the command line's business.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from connector.config.fieldmap import MERGED_INTO, ColumnRule, FieldMap, How, Source, TaskTarget, Unlisted
from connector.config.reads import Lack, Missing, Schemas, condition_field, crm_field, lacks, reads, usable
from connector.config.toml_lines import Key, dotted
from connector.core.cards import CARRIERS
from connector.core.records import TABLES, Kind, table
from connector.crm.base import CRM, Field, ObjectSchema

Reasons = Mapping[str, str]
"""Absent object -> why, in the CRM's own terms; empty where it does not say."""


INSTALL = "pmom install"
HARMLESS = "Harmless: those lines have no effect."


class Level(StrEnum):
    """How much a finding matters."""

    ERROR = "error"  # the mapping cannot be used as it stands
    WARNING = "warning"  # it can, and some rows will be read other than meant
    NOTE = "note"  # this CRM does not have it, and the mapping allows for that


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a person should know: where it stands in the mapping, what was found and what to do."""

    level: Level
    where: str  # file:line
    key: str
    found: str
    fix: str = ""

    @property
    def waits(self) -> bool:
        """Whether the product's own install ends it."""
        return self.level is Level.NOTE and INSTALL in self.fix

    @property
    def harmless(self) -> bool:
        """Whether nothing would be gained by acting on it."""
        return self.fix == HARMLESS


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of one canonical table this CRM fills. `empty` are the columns that nothing fills."""

    table: str
    sources: tuple[str, ...]
    filled: int
    columns: int
    empty: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CheckReport:
    """All findings in the file's order, the coverage of every canonical table, and how many reads a sync makes."""

    mapping: str
    findings: tuple[Finding, ...]
    coverage: tuple[Coverage, ...]
    reads: int

    @property
    def ok(self) -> bool:
        """Whether the mapping can be used."""
        return not self.of(Level.ERROR)

    def of(self, level: Level) -> tuple[Finding, ...]:
        """The findings of that level."""
        return tuple(finding for finding in self.findings if finding.level is level)


def describe(fieldmap: FieldMap, crm: CRM) -> Schemas:
    """What the CRM says about every object that the mapping names."""
    return {name: crm.schema(name) for name in fieldmap.objects()}


def check(fieldmap: FieldMap, crm: CRM) -> CheckReport:
    """The mapping against the CRM. Reads descriptions only; nothing is written and no record is read."""
    schemas = describe(fieldmap, crm)
    used = usable(fieldmap, schemas)
    reasons = {name: crm.absence(name) for name, schema in schemas.items() if schema is None}
    findings = [finding for group in _choices(fieldmap) for finding in _group(fieldmap, group, schemas, reasons)]
    findings += [*_cards(fieldmap, schemas, reasons), *_uncarried(fieldmap)]
    findings += _task(fieldmap, schemas)
    findings += _scopes(fieldmap, crm, schemas)
    coverage = tuple(_coverage(t.name, [source for source in used if source.table == t.name]) for t in TABLES)
    return CheckReport(fieldmap.path, tuple(findings), coverage, len(reads(fieldmap, schemas)))


def _choices(fieldmap: FieldMap) -> Iterable[list[Source]]:
    """The sources, alternatives together."""
    groups: dict[tuple[str, str], list[Source]] = {}
    for source in fieldmap.sources:
        groups.setdefault((source.table, source.choice or f"={source.name}"), []).append(source)
    return groups.values()


def _group(fieldmap: FieldMap, group: list[Source], schemas: Schemas, reasons: Reasons) -> Iterator[Finding]:
    """What is to be said about sources of which one is enough."""
    skipped: list[tuple[Source, tuple[Lack, ...]]] = []
    for source in group:
        found = lacks(source, schemas)
        if not any(lack.fatal for lack in found):
            yield from (_skipped(fieldmap, gone, why, schemas, reasons, source.name) for gone, why in skipped)
            yield from (_lack(fieldmap, source, lack, schemas) for lack in found)
            yield from _asked(fieldmap, source, schemas)
            yield from _several(fieldmap, source, schemas)
            yield from _values(fieldmap, source, schemas)
            return
        skipped.append((source, tuple(lack for lack in found if lack.fatal)))
    for gone, why in skipped:
        yield _skipped(fieldmap, gone, why, schemas, reasons, None)


def _skipped(
    fieldmap: FieldMap,
    source: Source,
    why: tuple[Lack, ...],
    schemas: Schemas,
    reasons: Reasons,
    instead: str | None,
) -> Finding:
    key = (*source.at, *_place(source, why[0]))
    found = f'{_found(why[0], schemas, reasons)}, so the source "{source.name}" is not read'
    level = Level.NOTE if source.optional or instead is not None else Level.ERROR
    others = f'The source "{instead}" is read instead.' if instead else ""
    fix = others or _fix(fieldmap, why[0], source, schemas, reasons)
    return Finding(level, fieldmap.where(key), dotted(key), found, fix)


def _lack(fieldmap: FieldMap, source: Source, lack: Lack, schemas: Schemas) -> Finding:
    key = (*source.at, *_place(source, lack))
    rule = source.rule(lack.column or "")
    allowed = lack.missing is Missing.FIELD and rule is not None and rule.optional
    found = f"{_found(lack, schemas)}, so {source.table}.{lack.column} stays empty"
    misspelt = lack.missing is Missing.FIELD and bool(_near(lack, schemas))  # optional, and most likely a typo
    level = (Level.WARNING if misspelt else Level.NOTE) if allowed else Level.ERROR
    return Finding(level, fieldmap.where(key), dotted(key), found, _fix(fieldmap, lack, source, schemas))


def _place(source: Source, lack: Lack) -> Key:
    if lack.column is not None:
        return ("columns", lack.column)
    return ("object",) if lack.predicate is None else ("where", lack.predicate)


def _found(lack: Lack, schemas: Schemas, reasons: Reasons | None = None) -> str:
    if lack.missing is Missing.OBJECT:
        reason = (reasons or {}).get(lack.object)
        return (
            f"the object {lack.object} is absent or hidden from the connecting user{f' ({reason})' if reason else ''}"
        )
    if lack.missing is Missing.KIND:
        return f"{lack.object}.{lack.field} is {lack.kind}, which cannot fill {lack.column}"
    if lack.missing is Missing.OPTION:
        return f"{lack.object}.{lack.field} offers none of the values asked for ({_offered(lack, schemas)})"
    return f"the field {lack.object}.{lack.field} is absent or hidden from the connecting user"


def _offered(lack: Lack, schemas: Schemas) -> str:
    schema = schemas.get(lack.object)
    field = schema.field(lack.field or "") if schema is not None else None
    return f"it offers {_some(field.options)}" if field is not None else "it offers none"


def _fix(fieldmap: FieldMap, lack: Lack, source: Source, schemas: Schemas, reasons: Reasons | None = None) -> str:
    rule = source.rule(lack.column or "")
    requires = (rule.requires if rule is not None else None) or source.requires
    if lack.missing is Missing.KIND:
        return "Name a field of a fitting kind, or add a value table."
    if lack.missing is Missing.OPTION:
        return f"{_nearest_options(lack, source, schemas)}Write values that the field offers.".strip()
    near = _label_words(fieldmap, lack, schemas) or _near(lack, schemas)
    if requires is not None and (lack.missing is Missing.OBJECT or lack.fatal or rule is None or rule.requires):
        return f"{near}Needs: {requires}.".strip()
    what = "object" if lack.missing is Missing.OBJECT else "field"
    if source.optional or (rule is not None and rule.optional):
        return f"{near}Name your own {what}, or leave it: it is optional."
    if "scope" in ((reasons or {}).get(lack.object) or ""):
        return "Add that scope to the token."
    return f"{near}If the name is right, let the connecting user read the {what}; else write optional = true."


def _label_words(fieldmap: FieldMap, lack: Lack, schemas: Schemas) -> str:
    """Named links are no fields that could be misspelt: an install makes some, people make the others."""
    links, mark, label = (lack.field or "").partition("__")
    schema = schemas.get(lack.object)
    if not mark or schema is None or schema.field(links) is None or _near_label(schema, lack.field or ""):
        return ""
    target = links.partition("_")[2]
    ours = any(
        (each.from_object, each.to_object, _slug(each.label)) == (lack.object, target, label)
        for each in fieldmap.write.labels
    )
    if ours:
        return f"`{INSTALL}` makes this label where the CRM has labels. "
    return "People make this label in the CRM. "


def _slug(label: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", label.lower()).strip("_")


def _near_label(schema: ObjectSchema, name: str) -> bool:
    known = [field.name.lower() for field in schema.fields if "__" in field.name]
    return bool(difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.9))


def _nearest_options(lack: Lack, source: Source, schemas: Schemas) -> str:
    """The nearest options to the values of a condition of which none is offered."""
    schema = schemas.get(lack.object)
    asked = source.where[lack.predicate] if lack.predicate is not None else None
    field = condition_field(asked, source, schema, schemas) if asked is not None and schema is not None else None
    near = [_near_option(str(word), field.options) for word in asked.values] if asked and field else []
    return f"Did you mean {_some(word for word in near if word)}? " if any(near) else ""


def _near_option(word: str, options: tuple[str, ...]) -> str:
    lower = {option.casefold(): option for option in options}
    close = difflib.get_close_matches(word.casefold(), lower, n=1, cutoff=0.6)
    return lower[close[0]] if close else ""


def _asked(fieldmap: FieldMap, source: Source, schemas: Schemas) -> Iterator[Finding]:
    """Single values of a condition that the field does not offer: their rows are silently not there."""
    schema = schemas.get(source.object)
    for at, asked in enumerate(source.where):
        field = condition_field(asked, source, schema, schemas) if schema is not None else None
        if field is None or not field.options or asked.test not in _LISTED:
            continue
        offered = {option.casefold() for option in field.options}
        key: Key = (*source.at, "where", at)
        words = [str(value) for value in asked.values]
        free = tuple(option for option in field.options if option.casefold() not in {w.casefold() for w in words})
        for word in (word for word in words if word.casefold() not in offered):
            near = _near_option(word, free)
            fix = f'Did you mean "{near}"?' if near else f"It offers {_some(field.options)}."
            allowed = not near and bool(source.optional or source.requires)
            found = f'{source.object}.{field.name} does not offer "{word}"'
            level = Level.NOTE if allowed else Level.WARNING
            yield Finding(level, fieldmap.where(key), dotted(key), found, fix)


_LISTED = (How.IS, How.IS_NOT, How.IN, How.NOT_IN)


def _near(lack: Lack, schemas: Schemas) -> str:
    """The nearest names that are there, for a misspelt one."""
    if lack.field is None or "." in lack.field:
        return ""
    schema = schemas.get(lack.object)
    names = [field.name for field in schema.fields] if schema is not None else []
    lower = {name.lower(): name for name in names}
    wanted = lack.field.lower().split(" or ")
    close = [near for word in wanted for near in difflib.get_close_matches(word, lower, n=1, cutoff=0.75)]
    found = lower[close[0]] if close else None
    return f"Did you mean {found}? " if found else ""


def _several(fieldmap: FieldMap, source: Source, schemas: Schemas) -> Iterator[Finding]:
    """Fields that hold several ids where the mapping expects one."""
    schema = schemas.get(source.object)
    for rule in source.columns:
        kind = table(source.table).column(rule.column).kind
        fields = [schema.field(path) for path in rule.fields] if schema is not None and kind is Kind.ID else []
        several = next((field.name for field in fields if field is not None and field.multiple), None)
        if several is not None and not (rule.each or rule.first):
            key: Key = (*source.at, "columns", rule.column)
            fix = "Write each = true for one row an id, or first = true for the first id."
            found = f"{source.object}.{several} holds several ids, and {rule.column} takes one"
            yield Finding(Level.ERROR, fieldmap.where(key), dotted(key), found, fix)


def _values(fieldmap: FieldMap, source: Source, schemas: Schemas) -> Iterator[Finding]:
    """Value tables beside the picklists that they read."""
    schema = schemas.get(source.object)
    for rule in source.columns:
        fields = [crm_field(path, rule, schema, schemas) for path in rule.fields] if schema is not None else []
        options = tuple(option for field in fields if field is not None for option in field.options)
        known = rule.values or tuple((value, value) for value in table(source.table).column(rule.column).values)
        if options and known:
            yield from _compared(fieldmap, source, rule, options, tuple(word for word, _ in known))


def _compared(
    fieldmap: FieldMap, source: Source, rule: ColumnRule, options: tuple[str, ...], words: tuple[str, ...]
) -> Iterator[Finding]:
    key: Key = (*source.at, "columns", rule.column)
    offered, listed = {option.casefold() for option in options}, {word.casefold() for word in words}
    field = " or ".join(rule.fields)
    strange = [option for option in options if option.casefold() not in listed]
    if strange and not rule.quiet:
        fix = f"Add them to the value table; until then: {_FATE[rule.unlisted]}."
        found = f"{source.object}.{field} offers values that the table does not list: {_some(strange)}"
        yield Finding(Level.WARNING, fieldmap.where(key), dotted(key), found, fix)
    unused = [word for word in words if word.casefold() not in offered] if rule.values else []
    misspelt = [(word, near) for word in unused for near in difflib.get_close_matches(word, strange, n=1, cutoff=0.8)]
    for word, near in misspelt:
        place: Key = (*key, "values", word)
        found = f'{source.object}.{field} does not offer "{word}"'
        yield Finding(Level.WARNING, fieldmap.where(place), dotted(place), found, f'Did you mean "{near}"?')
    if unused and not misspelt:
        found = f"{source.object}.{field} does not offer {_some(unused)}, which the table lists"
        yield Finding(Level.NOTE, fieldmap.where(key), dotted(key), found, HARMLESS)


_FATE = {
    Unlisted.KEEP: "kept as they are",
    Unlisted.EMPTY: "left empty and counted",
    Unlisted.REJECT: "their rows are rejected",
    Unlisted.DEFAULT: "the default stands in and they are counted",
}


def _some(words: Iterable[str], most: int = 8) -> str:
    every = tuple(words)
    more = f" and {len(every) - most} more" if len(every) > most else ""
    return ", ".join(f'"{word}"' for word in every[:most]) + more


def _cards(fieldmap: FieldMap, schemas: Schemas, reasons: Reasons) -> Iterator[Finding]:
    """Whether the objects that carry score cards are there and may be changed."""
    for name, object_name in fieldmap.write.cards:
        key: Key = ("write", "cards", name)
        schema = schemas.get(object_name)
        optional = name != "partners" and all(source.optional for source in fieldmap.of(name))
        if schema is None:
            level = Level.NOTE if optional else Level.ERROR
            reason = f" ({reasons[object_name]})" if reasons.get(object_name) else ""
            found = f"the object {object_name} is absent or hidden{reason}, so nothing is written for {name}"
            fix = "Add that scope to the token." if "scope" in reason else "Let the connecting user see it."
            yield Finding(level, fieldmap.where(key), dotted(key), found, fix)
        elif not schema.updateable:
            found = f"the connecting user may not change {object_name}"
            yield Finding(Level.ERROR, fieldmap.where(key), dotted(key), found, "Let the connecting user edit it.")


def _uncarried(fieldmap: FieldMap) -> Iterator[Finding]:
    """Score cards that this CRM cannot carry, with the mapping's reason."""
    for name, why in fieldmap.write.uncarried:
        key: Key = ("write", "uncarried", name)
        fix = "`pmom explain` tells what would stand there."
        yield Finding(Level.NOTE, fieldmap.where(key), dotted(key), f"nothing is written for {name}: {why}", fix)


def _scopes(fieldmap: FieldMap, crm: CRM, schemas: Schemas) -> Iterator[Finding]:
    """Scopes without which a write would be refused, where the CRM tells what a token may do before it is used."""
    ask = getattr(crm, "lacking_scopes", None)
    if ask is None:
        return
    ours = tuple(n for n in (*_card_objects(fieldmap), fieldmap.write.task.object) if schemas.get(n))
    linked = tuple(each.from_object for each in fieldmap.write.labels if schemas.get(each.from_object))
    for scope, use in ask(tuple(dict.fromkeys((*ours, *linked))), ours):
        key: Key = ("write",)
        found = f"the token lacks the scope {scope}, so {use}"
        yield Finding(Level.WARNING, fieldmap.where(key), dotted(key), found, "Add that scope to the token.")


def _card_objects(fieldmap: FieldMap) -> tuple[str, ...]:
    cards = dict(fieldmap.write.cards)
    return tuple(cards[table] for table in CARRIERS if table in cards)


_TASK_FIELDS = ("key_field", "subject", "owner", "due", "description", "related", "related_deal", "status")


def _task(fieldmap: FieldMap, schemas: Schemas) -> Iterator[Finding]:
    """Whether tasks can be made as the mapping says."""
    task = fieldmap.write.task
    schema = schemas.get(task.object)
    if schema is None or not schema.createable:
        key: Key = ("write", "task", "object")
        found = f"the connecting user may not create {task.object}"
        yield Finding(Level.ERROR, fieldmap.where(key), dotted(key), found, "Let the connecting user make tasks.")
        return
    for name in _TASK_FIELDS:
        if getattr(task, name) is not None:
            yield from _task_field(fieldmap, task, name, schema)
    for name, _ in task.extra:
        if schema.field(name) is None:
            yield _unwritable(fieldmap, ("write", "task", "extra", name), task.object, name, "Leave it out.")


def _task_field(fieldmap: FieldMap, task: TaskTarget, name: str, schema: ObjectSchema) -> Iterator[Finding]:
    path: str = getattr(task, name)
    key: Key = ("write", "task", name)
    field = schema.field(path)
    if field is None and name == "key_field":
        found = f"the field {task.object}.{path} is not there yet"
        fix = f"Run `{INSTALL} {fieldmap.name}`; without it no task is made."
        yield Finding(Level.NOTE, fieldmap.where(key), dotted(key), found, fix)
    elif field is None or not field.createable:
        near = _near(Lack(Missing.FIELD, schema.name, path), {schema.name: schema}) if field is None else ""
        yield _unwritable(fieldmap, key, task.object, path, f"{near}Let the connecting user edit the field.")
    elif name == "status":
        yield from _status_words(fieldmap, task, field)


def _status_words(fieldmap: FieldMap, task: TaskTarget, field: Field) -> Iterator[Finding]:
    for name, word in (("open", task.open), ("closed", task.closed)):
        if field.options and word not in field.options:
            key: Key = ("write", "task", name)
            found = f'{task.object}.{field.name} does not offer "{word}"'
            yield Finding(
                Level.ERROR, fieldmap.where(key), dotted(key), found, f"Write one of {_some(field.options)}."
            )


def _unwritable(fieldmap: FieldMap, key: Key, object_name: str, path: str, fix: str) -> Finding:
    found = f"the connecting user may not write {object_name}.{path}"
    return Finding(Level.ERROR, fieldmap.where(key), dotted(key), found, fix)


def _coverage(name: str, sources: list[Source]) -> Coverage:
    columns = [column.name for column in table(name).columns if column.name != MERGED_INTO]
    given = {rule.column for source in sources for rule in source.columns}
    empty = tuple(column for column in columns if column not in given)
    return Coverage(name, tuple(source.name for source in sources), len(columns) - len(empty), len(columns), empty)
