"""How does a planned change become a write in the CRM's own names?"""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Mapping

from connector.config.fieldmap import TaskTarget, WriteMap
from connector.core.cards import field_named
from connector.core.fields import Value
from connector.core.plan import Change, CreateTask, SetFields
from connector.core.tasks import DesiredTask
from connector.crm.base import Action, Scalar, Write


def to_write(change: Change, where: WriteMap, names: Mapping[str, Mapping[str, str]]) -> Write:
    """The change in the CRM's own names. `names`: canonical table -> our name of each machine field -> the CRM's.

    The write's `ref` is the change's key. Text is scrubbed and cut to the field's length.
    """
    if isinstance(change, SetFields):
        known = names[change.table]
        values = tuple((known[part.name], keepable(part.name, part.after, change.table)) for part in change.values)
        return Write(change.key, where.object_of(change.table), Action.UPDATE, values, id=change.record_id)
    if isinstance(change, CreateTask):
        return _new_task(change, change.task, where.task)
    status = ((where.task.status, where.task.closed),)
    return Write(change.key, where.task.object, Action.UPDATE, status, id=change.closure.id)


def _new_task(change: CreateTask, task: DesiredTask, target: TaskTarget) -> Write:
    said: tuple[tuple[str, Scalar], ...] = (
        (target.subject, clean(" ".join(clean(task.subject).split("\n")), target.subject_length)),
        (target.description, _description(task.body, target)),
        (target.related, task.partner_id),
        *(((target.related_deal, task.deal_id),) if target.related_deal and task.deal_id else ()),
        (target.owner, task.owner_id),
        (target.due, task.due),
        (target.status, target.open),
        *target.extra,
    )
    values = tuple((name, value) for name, value in said if value is not None)
    if target.upsert:
        return Write(change.key, target.object, Action.UPSERT, values, key_field=target.key_field, key=task.key)
    return Write(change.key, target.object, Action.CREATE, (*values, (target.key_field, task.key)))


def _description(body: str, target: TaskTarget) -> str:
    text = clean(body, target.description_length)
    return html.escape(text).replace("\n", "<br>") if target.html else text


def keepable(name: str, value: Value, table: str = "partners") -> Value:
    """The value of that machine field as a CRM keeps it: compare this with the CRM, not the raw value."""
    if not isinstance(value, str):
        return value
    return clean(value, field_named(name, table).length) or None


def clean(text: str, length: int | None = None) -> str:
    """The text without control characters, at most `length` characters, never cut inside one that people see."""
    plain = (text if text.isprintable() else _without_unseen(text)).strip()
    if length is None or len(plain) <= length:
        return plain
    end = length - 1
    while end > 0 and _joined(plain[end - 1], plain[end]):
        end -= 1
    return plain[:end].rstrip() + "…"


def _without_unseen(text: str) -> str:
    """The text without what `_unseen` finds; a printable one, as most are, holds none of it."""
    return "".join(c for c in text.replace("\r\n", "\n").replace("\r", "\n") if not _unseen(c))


def _unseen(c: str) -> bool:
    """Control characters, half characters, and marks that turn the writing direction of all that follows."""
    if c in "\n\t":
        return False
    return (
        unicodedata.category(c) in ("Cc", "Cs", "Cn") or c in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
    )


def _joined(before: str, after: str) -> bool:
    """Whether two characters are shown as one: accents, emoji with a skin tone, families, variants."""
    zwj = "\u200d"
    tone = 0x1F3FB <= ord(after) <= 0x1F3FF
    return before == zwj or after == zwj or tone or unicodedata.category(after) in ("Mn", "Me")
