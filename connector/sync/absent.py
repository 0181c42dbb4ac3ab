"""What can the CRM not give, why, and what becomes of the rows that came from it before?"""

from __future__ import annotations

from collections.abc import Mapping

from connector.config.fieldmap import Source
from connector.config.reads import Lack, Missing, ObjectRead, lacks
from connector.core import records
from connector.crm.base import ObjectSchema
from connector.errors import Misconfigured
from connector.sync.context import Context
from connector.sync.streams import forget_streams, to_decide


def note_absent(
    ctx: Context, planned: tuple[ObjectRead, ...], schemas: Mapping[str, ObjectSchema | None]
) -> list[tuple[str, str]]:
    """Which tables and sources the CRM cannot fill, and why; what earlier reads brought for them is emptied.

    A mapping or an org without partners or deals is refused before anything is touched.
    """
    read = {(table, source.name) for planned_read in planned for table, source in planned_read.feeds}
    filled = {table for table, _ in read}
    absent = {t.name: _why_absent(ctx, t.name, schemas) for t in records.TABLES if t.name not in filled}
    needed = [name for name in ("partners", "opportunities") if name in absent]
    if needed:
        whys = "; ".join(f"{name}: {absent[name]}" for name in needed)
        raise Misconfigured(
            ctx.fieldmap.path, f"the CRM cannot fill what everything rests on ({whys})", "Run `pmom check`."
        )
    unavailable = sorted(absent.items())
    for table, source in ctx.mirror.feeds():
        if (table, source) not in read:
            unavailable += _lost(ctx, table, source, read, schemas)
            to_decide(ctx.mirror).add(None)
            ctx.mirror.begin_full(table, source)
            ctx.mirror.finish_full(table, source)
    forget_streams(ctx.mirror, {each.key for each in planned})
    for name, why in absent.items():
        ctx.mirror.set_source(name, False, why, None)
    return unavailable


def _lost(
    ctx: Context, table: str, name: str, read: set[tuple[str, str]], schemas: Mapping[str, ObjectSchema | None]
) -> list[tuple[str, str]]:
    """A source that brought rows before and that the CRM no longer has: a renamed label looks like that.

    Nothing is said of one that the mapping no longer names, or in whose place another source of its choice is read.
    """
    if all(table != known for known, _ in read):
        return []  # the whole table is told to be unavailable
    for source in ctx.fieldmap.of(table):
        if source.name == name:
            instead = [
                other.name for other in ctx.fieldmap.of(table) if source.choice and other.choice == source.choice
            ]
            if any((table, other) in read for other in instead):
                return []
            return [(f"{table} ({name})", f"it was read before: {_lacks(ctx, source, schemas)}")]
    return []


def _lacking(ctx: Context, lack: Lack) -> str:
    if lack.field is None:
        return _named(ctx, lack.object)
    values = "value asked for in " if lack.missing is Missing.OPTION else ""
    return f"{values}{lack.object}.{lack.field}"


def _named(ctx: Context, object_name: str) -> str:
    reason = ctx.crm.absence(object_name)
    return f"{object_name} ({reason})" if reason else object_name


def _why_absent(ctx: Context, table: str, schemas: Mapping[str, ObjectSchema | None]) -> str:
    whys = [_lacks(ctx, source, schemas) for source in ctx.fieldmap.of(table)]
    return "; ".join(whys) or "the mapping names no source"


def _lacks(ctx: Context, source: Source, schemas: Mapping[str, ObjectSchema | None]) -> str:
    fatal = [lack for lack in lacks(source, schemas) if lack.fatal]
    named = ", ".join(dict.fromkeys(_lacking(ctx, lack) for lack in fatal))
    feature = source.requires if any(lack.column is None for lack in fatal) else None  # else a column's own name
    return f"no {named}" + (f" (needs {feature})" if feature else "")
