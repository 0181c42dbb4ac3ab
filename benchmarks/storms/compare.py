"""Do both CRMs say after a storm what they would say without it, and does the trail account for every write?

What may differ, and why:
- `Scored_At` and `Data_Freshness`: when a card was written, and up to when its sources were read.
- `Credit_Version`: how often a deal's credit was settled anew; a storm's hints settle it in between.
- Ids of records that were made during the storm: they are compared by the names that the sequence of changes gave;
  moments that are counted from when such a record was made are compared by the day.
- Closed tasks: a state that passed by may have made a task, which was closed when the state had passed.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar

from benchmarks.storms.sides import Side
from connector.core.cards import CARRIERS, field_named, machine
from connector.core.codec import from_json
from connector.core.plan import CloseTask, CreateTask, Plan, SetFields
from connector.core.records import Kind

PASSING = frozenset({"Scored_At", "Data_Freshness", "Credit_Version"})
STAMPS = frozenset({"Scored_At", "Data_Freshness"})
TABLES = {
    "partners": "o_account",
    "opportunities": "o_opportunity",
    "fund_requests": "o_partnerfundrequest",
    "campaigns": "o_campaign",
}
"""Canonical table that carries fields of ours -> the org's own table; a carrier that is not here ends the storm."""
_LOG = """
CREATE TABLE storm_write (
  seq INTEGER PRIMARY KEY, carrier TEXT NOT NULL, record TEXT NOT NULL, field TEXT NOT NULL, before TEXT, after TEXT);
"""
_TRIGGER = """
CREATE TRIGGER storm_{table}_{column} AFTER UPDATE OF {column} ON {table} WHEN OLD.{column} IS NOT NEW.{column}
BEGIN
  INSERT INTO storm_write (carrier, record, field, before, after)
  VALUES ('{carrier}', NEW.f_id, '{name}', CAST(OLD.{column} AS TEXT), CAST(NEW.{column} AS TEXT));
END;
"""

Place = tuple[str, str, str]
"""Canonical table, the record's id, our field's name."""


@dataclass(frozen=True, slots=True)
class Held:
    """What a CRM says at the end: our fields, and our tasks by key."""

    fields: dict[Place, str]
    tasks: dict[str, list[tuple[str, ...]]]  # key -> (open or closed, subject, owner) of each


@dataclass(slots=True)
class Trail:
    """How the writes that a CRM saw and the trail fit."""

    writes: int = 0
    by_outcome: int = 0
    by_plan: int = 0  # the process was killed between the write and its note: the kept plan tells it
    unaccounted: list[str] = field(default_factory=list)  # a write that nothing tells
    unwritten: list[str] = field(default_factory=list)  # an outcome that the CRM never saw


def watch(side: Side) -> None:
    """Let the org keep every change of our fields; a portal keeps its own history."""
    if unknown := set(CARRIERS) - set(TABLES):
        raise AssertionError(f"where do {unknown} lie?")
    if side.name == "hubspot":
        return
    with closing(sqlite3.connect(side.database, timeout=30)) as db:
        db.executescript(_LOG)
        for carrier, table in TABLES.items():
            there = {row[1] for row in db.execute(f"PRAGMA table_info({table})")}
            for each in machine(carrier):
                column = f"f_pmom_{each.name.lower()}__c"
                if column in there:
                    db.executescript(_TRIGGER.format(table=table, column=column, carrier=carrier, name=each.name))


class Pulse:
    """How many fields of ours the CRMs have seen written since it was made; cheap to ask."""

    _ASKED: ClassVar[dict[str, str]] = {
        "salesforce": "SELECT coalesce(max(seq), 0) FROM storm_write",
        "hubspot": "SELECT count(*) FROM history WHERE property LIKE 'pmom_%' AND source = 'INTEGRATION'",
    }

    def __init__(self, sides: Iterable[Side]) -> None:
        self._open = [(side.name, sqlite3.connect(side.database, timeout=30)) for side in sides]
        self._before = 0
        self._before = self.writes()

    def writes(self) -> int:
        """Of both together."""
        return sum(int(db.execute(self._ASKED[name]).fetchone()[0]) for name, db in self._open) - self._before

    def close(self) -> None:
        """Give back the files."""
        for _, db in self._open:
            db.close()


def history_begins(side: Side) -> int:
    """Where the portal's history of properties stands now."""
    if side.name == "salesforce":
        return 0
    with closing(sqlite3.connect(side.database, timeout=30)) as db:
        return int(db.execute("SELECT coalesce(max(rowid), 0) FROM history").fetchone()[0])


def held(side: Side) -> Held:
    """What the CRM holds, read from its own file."""
    with closing(sqlite3.connect(side.database, timeout=30)) as db:
        db.row_factory = sqlite3.Row
        rows = list(_in_org(db) if side.name == "salesforce" else _in_portal(db, _types(db)))
        tasks = _org_tasks(db) if side.name == "salesforce" else _portal_tasks(db)
    named = {record: f"<{name}>" for name, record in side.names.items()}
    fields = {}
    for (carrier, record, name), value in rows:
        if name not in PASSING:
            for made, call in named.items():
                value = value.replace(made, call)
            if record in named and field_named(name, carrier).kind is Kind.INSTANT:
                value = value[:10]
            fields[carrier, named.get(record, record), name] = value
    found: dict[str, list[tuple[str, ...]]] = {}
    for key, *rest in tasks:
        for made, call in named.items():
            key, rest = key.replace(made, call), [text.replace(made, call) for text in rest]
        found.setdefault(key, []).append(tuple(rest))
    return Held(fields, found)


def differences(storm: Held, calm: Held) -> list[str]:
    """What is not as it would be without the storm."""
    found = [
        f"{place}: {storm.fields.get(place, '')!r}, calm {calm.fields.get(place, '')!r}"
        for place in sorted({*storm.fields, *calm.fields})
        if storm.fields.get(place, "") != calm.fields.get(place, "")
    ]
    for key in sorted({*storm.tasks, *calm.tasks}):
        ours, theirs = (set(each.tasks.get(key, ())) for each in (storm, calm))
        passed = not theirs and all(task[0] == "closed" for task in ours)
        if ours != theirs and not passed:
            found.append(f"task {key}: {sorted(ours)}, calm {sorted(theirs)}")
    return found


def doubled(storm: Held) -> list[str]:
    """Keys of tasks that are there twice."""
    return sorted(key for key, tasks in storm.tasks.items() if len(tasks) > 1)


def trail(side: Side, since: int, plans_before: int) -> Trail:
    """Whether each write has its row and each row its write."""
    found = Trail()
    writes = list(_writes(side, since))
    with closing(sqlite3.connect(side.folder / "workspace" / "store.sqlite", timeout=30)) as db:
        outcomes = db.execute(
            "SELECT change, status, record_id, after FROM outcomes WHERE plan_id > ?", (plans_before,)
        ).fetchall()
        plans = [row[0] for row in db.execute("SELECT body FROM plans WHERE id > ?", (plans_before,))]
    told, applied = _told(outcomes)
    planned = set(_planned(plans))
    for place, value in writes:
        found.writes += 1
        if (place, value) in told:
            found.by_outcome += 1
        elif (place, value) in planned:
            found.by_plan += 1
        else:
            found.unaccounted.append(f"{place} = {value!r}")
    seen = set(writes) | _there(side)
    found.unwritten = [f"{place} = {value!r}" for place, value in sorted(applied - seen)]
    return found


def last_plan(side: Side) -> int:
    """The id of the newest plan."""
    with closing(sqlite3.connect(side.folder / "workspace" / "store.sqlite", timeout=30)) as db:
        return int(db.execute("SELECT coalesce(max(id), 0) FROM plans").fetchone()[0])


Told = set[tuple[Place, str]]


def _told(outcomes: Iterable[tuple[str, str, str, str]]) -> tuple[Told, Told]:
    """What outcomes tell of the CRM: all that may have been written, and what was written for sure."""
    every: Told = set()
    sure: Told = set()
    for change, status, record, after in outcomes:
        if status not in ("applied", "unchanged", "failed"):
            continue
        for place, value in _of_outcome(change, record, json.loads(after)):
            every.add((place, value))
            if status == "applied":
                sure.add((place, value))
    return every, sure


def _of_outcome(change: str, record: str | None, after: dict[str, str | None]) -> Iterator[tuple[Place, str]]:
    kind, _, name = change.partition(":")
    if kind == "fields":
        table, slash, _ = name.partition("/")
        carrier = table if slash else "partners"
        for field_name, value in after.items():
            if field_name not in STAMPS:
                yield (carrier, str(record), field_name), plain(carrier, field_name, value)
    else:
        yield ("tasks", name, kind), kind


def _planned(bodies: Iterable[str]) -> Iterator[tuple[Place, str]]:
    for body in bodies:
        for change in from_json(Plan, body).changes:
            match change:
                case SetFields():
                    for part in change.values:
                        if part.name not in STAMPS:
                            place = (change.table, change.record_id, part.name)
                            yield place, plain(change.table, part.name, part.after)
                case CreateTask():
                    yield ("tasks", change.task.key, "task"), "task"
                case CloseTask():
                    yield ("tasks", change.closure.key, "close"), "close"


def _writes(side: Side, since: int) -> Iterator[tuple[Place, str]]:
    """Every change of a field of ours that the CRM saw, and every task of ours that was made or closed there."""
    with closing(sqlite3.connect(side.database, timeout=30)) as db:
        if side.name == "salesforce":
            rows = db.execute("SELECT carrier, record, field, after FROM storm_write ORDER BY seq").fetchall()
            tasks = [(row[0], row[1]) for row in _org_tasks(db)]
        else:
            names = {type_id: carrier for carrier, type_id in _types(db).items()}
            ours = {(c, f"pmom_{each.name.lower()}"): each.name for c in CARRIERS for each in machine(c)}
            query = "SELECT type, id, property, value FROM history WHERE rowid > ? ORDER BY rowid"
            told = db.execute(query, (since,)).fetchall()
            rows = [
                (names[kind], str(record), ours[names[kind], name], value)
                for kind, record, name, value in told
                if kind in names and (names[kind], name) in ours
            ]
            tasks = [(row[0], row[1]) for row in _portal_tasks(db)]
    for carrier, record, name, value in rows:
        if name not in STAMPS:
            yield (carrier, record, name), plain(carrier, name, value)
    for key, state in tasks:
        yield ("tasks", key, "task"), "task"
        if state == "closed":
            yield ("tasks", key, "close"), "close"


def _there(side: Side) -> Told:
    """What the CRM holds now, under real ids: a value may have been there before."""
    with closing(sqlite3.connect(side.database, timeout=30)) as db:
        db.row_factory = sqlite3.Row
        rows = _in_org(db) if side.name == "salesforce" else _in_portal(db, _types(db))
        return {(place, plain(place[0], place[2], value)) for place, value in rows}


def plain(carrier: str, name: str, value: Any) -> str:
    """A value as all of a plan, an outcome and both CRMs may write it."""
    if value is None or value == "":
        return ""
    text = str(value)
    kind = field_named(name, carrier).kind.value
    if kind == "bool":
        return str(text.lower() in ("true", "1"))
    if kind in ("number", "money", "integer"):
        try:
            return format(Decimal(text).normalize(), "f")
        except InvalidOperation:
            return text
    if kind == "instant":
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(text.replace("Z", "+00:00"))
        return moment.isoformat(timespec="seconds")
    if isinstance(value, date):
        return value.isoformat()
    return text


def _in_org(db: sqlite3.Connection) -> Iterator[tuple[Place, str]]:
    for carrier, table in TABLES.items():
        names = {f"f_pmom_{each.name.lower()}__c": each.name for each in machine(carrier)}
        for row in db.execute(f"SELECT * FROM {table} WHERE f_isdeleted = 0"):
            values = {column.lower(): value for column, value in dict(row).items()}
            for column, name in names.items():
                if values.get(column) not in (None, ""):
                    yield (carrier, values["f_id"], name), plain(carrier, name, values[column])


def _in_portal(db: sqlite3.Connection, types: dict[str, str]) -> Iterator[tuple[Place, str]]:
    for carrier, type_id in types.items():
        for row in db.execute("SELECT id, properties FROM record WHERE type = ? AND archived IS NULL", (type_id,)):
            values = json.loads(row["properties"])
            for each in machine(carrier):
                value = values.get(f"pmom_{each.name.lower()}", "")
                if value != "":
                    yield (carrier, str(row["id"]), each.name), plain(carrier, each.name, value)


def _types(db: sqlite3.Connection) -> dict[str, str]:
    row = db.execute("SELECT number FROM custom_object WHERE name = 'fund_requests'").fetchone()
    return {"partners": "0-2", "opportunities": "0-3"} | ({"fund_requests": f"2-{row[0]}"} if row else {})


def _org_tasks(db: sqlite3.Connection) -> list[tuple[str, ...]]:
    query = """
        SELECT f_pmom_task_key__c, CASE WHEN f_isclosed THEN 'closed' ELSE 'open' END, f_subject, f_ownerid
        FROM o_task WHERE f_pmom_task_key__c IS NOT NULL"""
    return [tuple(str(value) for value in row) for row in db.execute(query)]


def _portal_tasks(db: sqlite3.Connection) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for (text,) in db.execute("SELECT properties FROM record WHERE type = '0-27'"):
        values = json.loads(text)
        if values.get("pmom_task_key"):
            state = "closed" if values.get("hs_task_status") == "COMPLETED" else "open"
            owner = values.get("hubspot_owner_id", "")
            found.append((values["pmom_task_key"], state, values.get("hs_task_subject", ""), owner))
    return found


def counted(trails: Iterable[Trail]) -> Counter[str]:
    """The figures of several trails together."""
    total: Counter[str] = Counter()
    for each in trails:
        total.update(writes=each.writes, by_outcome=each.by_outcome, by_plan=each.by_plan)
        total.update(unaccounted=len(each.unaccounted), unwritten=len(each.unwritten))
    return total
