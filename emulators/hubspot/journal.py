"""The webhooks journal's files: which events they hold, how they are cut, linked and forgotten after three days."""

from __future__ import annotations

import hashlib
import hmac
import json
import random
import sqlite3
import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from emulators.hubspot.portal import Portal, shown
from emulators.loopback.clock import stored

DDL = """
CREATE TABLE IF NOT EXISTS journal_event (seq INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS journal_file (
  number INTEGER PRIMARY KEY AUTOINCREMENT, offset TEXT NOT NULL UNIQUE, published TEXT NOT NULL,
  events TEXT NOT NULL);
"""
KEPT = timedelta(days=3)
LINK_LIFE = timedelta(hours=1)  # how long a link to a file is good; the vendor's value is not documented
MOST_EVENTS = 1000  # in one file
_KEY = b"journal"


@dataclass(frozen=True, slots=True)
class File:
    """One file of the journal; `offset` is its place, a UUID."""

    number: int
    offset: str
    published: str

    def printed(self, portal: Portal, base_url: str) -> dict[str, str]:
        """The link to it, good for a while."""
        expires = portal.now() + LINK_LIFE
        stamp = str(round(expires.timestamp()))
        path = f"/webhooks-journal/files/{self.offset}"
        url = f"{base_url}{path}?expires={stamp}&signature={signature(portal, self.offset, stamp)}"
        return {"url": url, "expiresAt": shown(stored(expires)), "currentOffset": self.offset}


def signature(portal: Portal, name: str, stamp: str) -> str:
    """What makes a link good: of what is linked and of the second at which it ends."""
    key = _KEY + str(portal.settings.portal_id).encode()
    return hmac.new(key, f"{name}/{stamp}".encode(), hashlib.sha256).hexdigest()


def keep(connection: sqlite3.Connection, body: dict[str, Any]) -> None:
    """An event that goes into the next file."""
    connection.execute("INSERT INTO journal_event (body) VALUES (?)", (json.dumps(body, ensure_ascii=False),))


def files(portal: Portal) -> list[File]:
    """The files of the last three days, oldest first; events that came since the last look are a new one."""
    with portal.transaction() as connection:
        _cut(portal, connection)
        before = stored(portal.now() - KEPT)
        connection.execute("DELETE FROM journal_file WHERE published <= ?", (before,))
        rows = connection.execute("SELECT number, offset, published FROM journal_file ORDER BY number")
        return [File(*row) for row in rows]


def content(portal: Portal, offset: str) -> dict[str, Any] | None:
    """What a file holds; None when there is no such file any more."""
    text = "SELECT published, events FROM journal_file WHERE offset = ?"
    row = portal.connection.execute(text, (offset,)).fetchone()
    if row is None:
        return None
    return {"offset": offset, "journalEvents": json.loads(row[1]), "publishedAt": shown(row[0])}


def _cut(portal: Portal, connection: sqlite3.Connection) -> None:
    rows = connection.execute("SELECT seq, body FROM journal_event ORDER BY seq").fetchall()
    for start in range(0, len(rows), MOST_EVENTS):
        part = rows[start : start + MOST_EVENTS]
        chance = random.Random(f"journal/{portal.seed}/{part[0][0]}")
        offset = str(uuid.UUID(int=chance.getrandbits(128), version=4))
        events = "[" + ",".join(body for _, body in part) + "]"
        text = "INSERT INTO journal_file (offset, published, events) VALUES (?, ?, ?)"
        connection.execute(text, (offset, portal.now_text(), events))
    connection.execute("DELETE FROM journal_event")
