"""What does the CRM hold now because we have just written it? The mirror is told, so that it need not be read again.

What is read again later, because a message names the record or a pull comes by, then says nothing new: planning again
finds nothing to do, and nobody is decided again for our own write.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from connector.core.cards import field_named
from connector.core.plan import CloseTask, CreateTask, SetFields
from connector.crm.base import arrow_type
from connector.mapping import to_write
from connector.mirror.affected import among
from connector.sync.context import Context

_TASK_COLUMNS = ("id", "key", "related_id", "owner_id", "subject", "due_date")


def note_fields(ctx: Context, changes: Iterable[SetFields]) -> None:
    """Our fields of these records have the new values."""
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for change in changes:
        row = {"id": change.record_id, **{part.name: part.after for part in change.values}}
        groups.setdefault((change.table, *row), []).append(row)
    for (table, _, *columns), group in groups.items():
        kinds = [(name, arrow_type(field_named(name, table).kind)) for name in columns]
        ctx.mirror.patch_scorecards(pa.Table.from_pylist(group, pa.schema([("id", pa.string()), *kinds])), table)


def note_tasks(ctx: Context, made: Iterable[tuple[CreateTask, str]], closed: Iterable[CloseTask]) -> None:
    """These tasks stand in the CRM under these ids, and those are closed."""
    source = next((name for table, name in ctx.mirror.feeds() if table == "tasks"), None)
    if source is None:
        return
    me, target = ctx.mirror.get_meta("user"), ctx.fieldmap.write.task
    rows = []
    for change, id_ in made:
        said = dict(to_write(change, ctx.fieldmap.write, {}).values)
        values = (id_, change.task.key, said.get(target.related), change.task.owner_id, said.get(target.subject),
                  change.task.due)  # fmt: skip
        known = dict(zip(_TASK_COLUMNS, values, strict=True))
        rows.append(known | {"status": target.open, "is_closed": False, "created_at": ctx.clock(), "modified_by": me})
    ids = [change.closure.id for change in closed]
    for row in ctx.mirror.query(f"SELECT * EXCLUDE (_source) FROM tasks WHERE {among('id', ids)}").to_pylist():
        rows.append(row | {"status": target.closed, "is_closed": True, "modified_by": me})
    if rows:
        names = dict.fromkeys(name for row in rows for name in row)
        ctx.mirror.upsert("tasks", source, pa.table({name: [row.get(name) for row in rows] for name in names}))
