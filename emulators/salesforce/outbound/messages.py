"""Which outbound messages the org sends, and the notifications that wait in its file until they are acknowledged.

The vendor's pages: Outbound Messages; WorkflowOutboundMessage; Understanding Notifications.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from emulators.loopback.clock import stored
from emulators.loopback.outgoing import on_this_machine
from emulators.salesforce import rules
from emulators.salesforce.schema import ObjectType

if TYPE_CHECKING:
    from emulators.salesforce.dml import Change
    from emulators.salesforce.org import Org

TABLE = "e_outbound_message"
WHEN = ("create", "update", "both", "met")  # met: on a create, and on an update that makes the condition true
_KEYS = frozenset({"object", "name", "fields", "endpoint", "when", "condition", "include_session_id", "active"})
_WIRE = "outbound_wire"
_WAKE: WeakKeyDictionary[Org, Callable[[], None]] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class Wire:
    """How deliveries behave; only the control plane changes it."""

    timeout: float = 60.0  # real seconds until a silent receiver has failed
    delay: float = 0.0  # emulated seconds between a change and the first attempt
    duplicates: float = 0.0  # share of the notifications that are sent twice, under the same id
    reorder: bool = False
    paused: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """One outbound message of the org."""

    id: int
    action_id: str
    object: str
    name: str
    fields: tuple[str, ...]
    endpoint: str
    when: str
    condition: dict[str, Any] | None
    include_session_id: bool
    active: bool


@dataclass(frozen=True, slots=True)
class Waiting:
    """A notification that is not acknowledged yet."""

    seq: int
    id: str
    message: int
    object: str
    record: str
    user_id: str
    made: str
    due: str
    attempt: int


def wake_with(org: Org, wake: Callable[[], None]) -> None:
    """Whom to call when there are notifications."""
    _WAKE[org] = wake


def define(org: Org, body: Mapping[str, Any]) -> Message:
    """A new message `{object, fields, endpoint, when?, condition?, include_session_id?, name?, active?}`.

    `condition` is that of a validation rule. ValueError names what is wrong, as an endpoint on another machine.
    """
    unknown = sorted(set(body) - _KEYS)
    if unknown or not {"object", "endpoint"} <= set(body):
        raise ValueError(
            f"an outbound message has the keys {', '.join(sorted(_KEYS))}; got {', '.join(sorted(body))}"
        )
    obj = org.object(str(body["object"]))
    if not on_this_machine(str(body["endpoint"])):
        text = "The emulator posts outbound messages to this machine only (127.0.0.1, ::1, localhost)"
        raise ValueError(f"{text}, not to {body['endpoint']!r}")
    when = str(body.get("when", "both"))
    if when not in WHEN:
        raise ValueError(f"when is one of {', '.join(WHEN)}, not {when!r}")
    if body.get("condition"):
        rules.check_condition(obj, body["condition"])
    kept = {
        "action_id": org.new_id("04k"),
        "name": str(body.get("name") or f"{obj.name} changes"),
        "fields": _field_names(obj, body.get("fields", ())),
        "endpoint": str(body["endpoint"]),
        "when": when,
        "condition": body.get("condition"),
        "include_session_id": bool(body.get("include_session_id", False)),
        "active": bool(body.get("active", True)),
    }
    number = org.rulebook.keep(TABLE, obj, kept)
    return _message(obj.name, {**kept, "id": number})


def _field_names(obj: ObjectType, names: Sequence[str]) -> list[str]:
    found = []
    for name in names:
        field = obj.field(str(name))
        if field is None or field.type in ("address", "base64"):
            raise ValueError(f"{obj.name} has no field {name} that a message may hold")
        found.append(field.name)
    return [name for name in dict.fromkeys(found) if name != "Id"]


def messages(org: Org) -> tuple[Message, ...]:
    """All messages, oldest first."""
    return tuple(_message(str(each["object"]), each) for each in org.rulebook.listed(TABLE))


def remove(org: Org, number: int | None = None) -> None:
    """Forget a message (or all) with the notifications that wait; ValueError for an unknown one."""
    if number is not None and number not in {each.id for each in messages(org)}:
        raise ValueError(f"no outbound message {number}")
    with org.transaction() as connection:
        for each in messages(org):
            if number in (None, each.id):
                connection.execute("DELETE FROM e_notification WHERE message = ?", (each.id,))
                connection.execute(f"DELETE FROM {TABLE} WHERE id = ?", (each.id,))
    org.rulebook.forget()


def _message(object_name: str, body: Mapping[str, Any]) -> Message:
    names = [name for name in Message.__slots__ if name not in ("object", "fields")]
    return Message(object=object_name, fields=tuple(body["fields"]), **{name: body[name] for name in names})


def wire(org: Org) -> Wire:
    """How deliveries behave."""
    return Wire(**(org.state(_WIRE) or {}))


def tune(org: Org, values: Mapping[str, Any]) -> Wire:
    """Change names of Wire; ValueError for an unknown one."""
    unknown = sorted(set(values) - set(Wire.__slots__))
    if unknown:
        raise ValueError(f"unknown {', '.join(unknown)}; known are {', '.join(Wire.__slots__)}")
    present = wire(org)
    found = replace(present, **{name: type(getattr(present, name))(value) for name, value in values.items()})
    org.put_state(_WIRE, asdict(found))
    return found


def take(change: Change) -> None:
    """Keep the notifications of a change that was just stored; they are sent after its transaction."""
    org, kept = change.org, 0
    for body in org.rulebook.of(TABLE, change.obj):
        message = _message(change.obj.name, body)
        if message.active and _concerns(message, change):
            _keep(change, message)
            kept += 1
    wake = _WAKE.get(org)
    if kept and wake is not None:
        wake()


def _concerns(message: Message, change: Change) -> bool:
    def met(row: Mapping[str, Any]) -> bool:
        return message.condition is None or rules.holds(change.obj, message.condition, row)

    if message.when == ("update" if change.old is None else "create"):
        return False
    before = message.when == "met" and change.old is not None and met(change.old)
    return met(change.row) and not before


def _keep(change: Change, message: Message) -> None:
    org, settings = change.org, wire(change.org)
    now = org.clock.now()
    made, due = stored(now), stored(now + timedelta(seconds=settings.delay))
    values = (org.new_id("04l"), message.id, change.obj.name, change.row["Id"], change.actor.user_id, made, due)
    sql = (
        "INSERT INTO e_notification (id, message, object, record, user_id, made, due, attempt) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, 0)"
    )
    with org.transaction() as connection:
        connection.execute(sql, values)
        if random.Random(f"twice/{org.seed}/{values[0]}").random() < settings.duplicates:
            connection.execute(sql, values)


def due(org: Org, connection: sqlite3.Connection, most: int) -> list[Waiting]:
    """What is to be sent by now, in the order of the changes."""
    sql = "SELECT * FROM e_notification WHERE due <= ? ORDER BY due, seq LIMIT ?"
    return [Waiting(*row) for row in connection.execute(sql, (stored(org.clock.now()), most))]


def pending(org: Org) -> tuple[int, int]:
    """How many notifications wait, and how many of them are due."""
    sql = "SELECT COUNT(*), COALESCE(SUM(due <= ?), 0) FROM e_notification"
    waiting, late = org.connection().execute(sql, (stored(org.clock.now()),)).fetchone()
    return int(waiting), int(late)


def forget(connection: sqlite3.Connection, found: Sequence[Waiting]) -> None:
    """Acknowledged, or given up."""
    connection.executemany("DELETE FROM e_notification WHERE seq = ?", [(each.seq,) for each in found])


def postpone(connection: sqlite3.Connection, found: Sequence[Waiting], until: str) -> None:
    """Try again at that instant."""
    sql = "UPDATE e_notification SET due = ?, attempt = attempt + 1 WHERE seq = ?"
    connection.executemany(sql, [(until, each.seq) for each in found])
