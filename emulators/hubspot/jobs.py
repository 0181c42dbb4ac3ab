"""Imports and exports that run by themselves a while after they were asked for, one after another."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module
from typing import Any
from weakref import WeakKeyDictionary

from emulators.hubspot.errors import HubError, not_found
from emulators.hubspot.portal import Portal
from emulators.loopback.clock import parse_instant, stored

DDL = """
CREATE TABLE IF NOT EXISTS job (
  id INTEGER PRIMARY KEY, kind TEXT NOT NULL, state TEXT NOT NULL, created TEXT NOT NULL, due TEXT NOT NULL,
  finished TEXT, request TEXT NOT NULL, result TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS job_due ON job (state, due);
"""
SECONDS = "job_seconds"  # state: how long a job takes by the portal's clock; it is done at the first call after that
WAITING, DONE, CANCELED, FAILED = "WAITING", "DONE", "CANCELED", "FAILED"
_RUNS = {
    "import": "import_rows",
    "export": "export_files",
}  # kind -> module whose run(portal, job) returns the result
_COLUMNS = "id, kind, state, created, due, finished, request, result"
_DUE: WeakKeyDictionary[Portal, str] = WeakKeyDictionary()  # the earliest instant; "": look; "~": nothing waits


@dataclass(frozen=True, slots=True)
class Job:
    """One import or export."""

    id: str
    kind: str
    state: str
    created: str
    due: str
    finished: str | None
    request: dict[str, Any]
    result: dict[str, Any]

    @property
    def updated(self) -> str:
        """When it was last touched."""
        return self.finished or self.created


def begin(portal: Portal, kind: str, request: Mapping[str, Any], *, queued: bool = False) -> Job:
    """A new job; `queued`: it begins when the last one of its kind is done."""
    with portal.transaction() as connection:
        start = portal.now()
        if queued:
            text = "SELECT MAX(due) FROM job WHERE kind = ? AND state = ?"
            last = connection.execute(text, (kind, WAITING)).fetchone()[0]
            start = max(start, parse_instant(last)) if last else start
        due = stored(start + timedelta(seconds=float(portal.state(SECONDS) or 0)))
        number = int(portal.new_id())
        row = (number, kind, WAITING, portal.now_text(), due, None, json.dumps(request), "{}")
        connection.execute("INSERT INTO job VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
        _DUE[portal] = ""
    return get(portal, kind, str(number))


def get(portal: Portal, kind: str, number: str) -> Job:
    """The job of that id; 404 for an unknown one."""
    if number.isdecimal() and len(number) <= 18:
        text = f"SELECT {_COLUMNS} FROM job WHERE kind = ? AND id = ?"
        row = portal.connection.execute(text, (kind, int(number))).fetchone()
        if row is not None:
            return _job(row)
    raise not_found()


def every(portal: Portal, kind: str) -> list[Job]:
    """All jobs of that kind, oldest first."""
    rows = portal.connection.execute(f"SELECT {_COLUMNS} FROM job WHERE kind = ? ORDER BY id", (kind,))
    return [_job(row) for row in rows]


def cancel(portal: Portal, job: Job) -> None:
    """End a job that has not run; nothing happens to one that has."""
    text = "UPDATE job SET state = ?, finished = ? WHERE id = ? AND state = ?"
    with portal.transaction() as connection:
        connection.execute(text, (CANCELED, portal.now_text(), int(job.id), WAITING))


def settle(portal: Portal) -> None:
    """Run what is due by the portal's clock."""
    if _DUE.get(portal, "") > portal.now_text():
        return
    with portal.transaction() as connection:
        text = f"SELECT {_COLUMNS} FROM job WHERE state = ? AND due <= ? ORDER BY due, id"
        for row in connection.execute(text, (WAITING, portal.now_text())).fetchall():
            state, result = _ran(portal, _job(row))
            update = "UPDATE job SET state = ?, finished = ?, result = ? WHERE id = ?"
            connection.execute(update, (state, portal.now_text(), json.dumps(result), row[0]))
        (first,) = connection.execute("SELECT MIN(due) FROM job WHERE state = ?", (WAITING,)).fetchone()
        _DUE[portal] = first or "~"


def _ran(portal: Portal, job: Job) -> tuple[str, dict[str, Any]]:
    """What became of a job; nothing of one that fails stays, as when its object was taken away meanwhile."""
    try:
        with portal.transaction():
            result: dict[str, Any] = import_module(f"emulators.hubspot.{_RUNS[job.kind]}").run(portal, job)
            return DONE, result
    except HubError as bad:
        return FAILED, {"message": bad.message}


def _job(row: tuple[Any, ...]) -> Job:
    number, kind, state, created, due, finished, request, result = row
    return Job(str(number), kind, state, created, due, finished, json.loads(request), json.loads(result))
