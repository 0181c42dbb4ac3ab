"""What one HubSpot portal is: a SQLite file, a clock, a source of chance and its settings."""

from __future__ import annotations

import contextlib
import random
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from emulators.hubspot import storage
from emulators.loopback.clock import Clock, stored
from emulators.loopback.faults import Faults

_FIRST_ID = 310_000_000_000


class Tier(StrEnum):
    """The edition of the hubs."""

    FREE = "free"
    STARTER = "starter"
    PROFESSIONAL = "professional"
    ENTERPRISE = "enterprise"


FEATURES = ("custom_objects", "labels", "campaigns", "quotes", "multicurrency")
_UPPER = (Tier.PROFESSIONAL, Tier.ENTERPRISE)
_NEEDS = {"custom_objects": (Tier.ENTERPRISE,), "campaigns": _UPPER, "labels": _UPPER}


@dataclass(frozen=True, slots=True)
class Settings:
    """What the account settings say."""

    portal_id: int = 48_000_001
    app_id: int = 23_000_001
    user_id: int = 52_000_001  # of the user whose token it is
    tier: Tier = Tier.ENTERPRISE
    without: tuple[str, ...] = ()  # of FEATURES, besides those that the tier lacks
    currency: str = "USD"
    time_zone: str = "America/New_York"
    ui_domain: str = "app.hubspot.com"

    def has(self, feature: str) -> bool:
        """Whether the portal has `custom_objects`, `labels`, `campaigns`, `quotes` or `multicurrency`."""
        return feature not in self.without and self.tier in _NEEDS.get(feature, tuple(Tier))

    @property
    def custom_objects(self) -> bool:
        """Whether custom object schemas can be made: Enterprise only."""
        return self.has("custom_objects")


class Portal:
    """One portal. Reads use `connection`; writes happen in `with portal.transaction() as connection`."""

    def __init__(self, path: Path, settings: Settings, clock: Clock, seed: int) -> None:
        self.path, self.settings, self.clock, self.seed = path, settings, clock, seed
        self.rng = random.Random(f"portal/{seed}")
        self.faults = Faults(seed)
        self._local = threading.local()
        self.write_lock = threading.RLock()
        self._depth = 0
        self._next_id = _FIRST_ID
        self._kept_id = 0
        self._states: dict[str, Any] = {}  # committed small documents that were read
        self._changed_states: dict[str, Any] | None = None  # of the open transaction; None: read the file
        self._writer = 0  # thread of the open transaction
        self.revision = 0  # moves with every transaction; what is derived from the file may be kept until then

    @classmethod
    def open(cls, path: Path, settings: Settings | None = None, clock: Clock | None = None, seed: int = 1) -> Portal:
        """The portal in that file, made when it is not there; a file keeps the settings it was made with."""
        portal = cls(path, settings or Settings(), clock or Clock(), seed)
        storage.create(portal.connection)
        kept = storage.state(portal.connection, "settings")
        if kept is None:
            with portal.transaction() as connection:
                storage.put_state(connection, "settings", asdict(portal.settings))
                storage.found(portal)
        else:
            values = {**kept, "tier": Tier(kept["tier"]), "without": tuple(kept["without"])}
            portal.settings = Settings(**values)
        portal._next_id = int(storage.state(portal.connection, "next_id") or _FIRST_ID)
        portal.rng = random.Random(f"portal/{seed}/{portal._next_id}")
        return portal

    @property
    def connection(self) -> sqlite3.Connection:
        """This thread's connection."""
        found: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if found is None:
            found = self._local.connection = storage.connect(str(self.path))
        return found

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """One writer at a time; an exception undoes all of it. Inside another transaction it is part of that."""
        with self.write_lock:
            connection = self.connection
            if self._depth:
                yield from self._inner(connection)
                return
            connection.execute("BEGIN IMMEDIATE")
            self._depth, self._writer, self._changed_states = 1, threading.get_ident(), {}
            try:
                yield connection
                self._keep_id(connection)
                connection.execute("COMMIT")
                self._publish()
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            finally:
                self._depth = self._writer = 0
                self.revision += 1

    def _inner(self, connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
        """Part of an outer transaction that can be undone alone."""
        name = f"inner_{self._depth}"
        connection.execute(f"SAVEPOINT {name}")
        self._depth += 1
        try:
            yield connection
        except BaseException:
            connection.execute(f"ROLLBACK TO {name}")
            self._changed_states = None
            raise
        finally:
            connection.execute(f"RELEASE {name}")
            self._depth -= 1

    def new_id(self) -> str:
        """The next id: twelve ascending digits."""
        with self.write_lock:
            self._next_id += self.rng.randint(1, 9)
            return str(self._next_id)

    @property
    def last_id(self) -> int:
        """The last id that was given."""
        return self._next_id

    def id_taken(self, number: int) -> None:
        """A record was loaded with its own id: later ones come after it."""
        with self.write_lock:
            self._next_id = max(self._next_id, number)

    def now(self) -> datetime:
        """The portal's time, aware, UTC."""
        return self.clock.now()

    def now_text(self) -> str:
        """The portal's time as records keep it: `2026-03-31T09:00:00.000Z`, so that text order is time order."""
        return stored(self.clock.now())

    def now_ms(self) -> int:
        """The portal's time in epoch milliseconds."""
        return epoch_ms(self.clock.now())

    def state(self, name: str) -> Any:
        """A small JSON document of the file; None when there is none. Not to be changed in place."""
        if self._writer == threading.get_ident():
            if self._changed_states is None:
                return storage.state(self.connection, name)
            if name in self._changed_states:
                return self._changed_states[name]
        states, revision = self._states, self.revision
        if name not in states:
            found = storage.state(self.connection, name)
            if self.revision != revision or self._writer:
                return found  # it may be older than the latest commit
            states[name] = found
            return found
        return states[name]

    def put_state(self, name: str, value: Any) -> None:
        """Keep a small JSON document in the file."""
        with self.transaction() as connection:
            storage.put_state(connection, name, value)
            if self._changed_states is not None:
                self._changed_states[name] = value

    def _publish(self) -> None:
        """What the transaction changed is seen by all threads."""
        if self._changed_states is None:
            self._states = {}
        elif self._changed_states:
            self._states = {**self._states, **self._changed_states}

    def release(self) -> None:
        """Close this thread's connection."""
        found: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if found is not None:
            found.close()
            self._local.connection = None

    def _keep_id(self, connection: sqlite3.Connection) -> None:
        if self._next_id != self._kept_id:
            storage.put_state(connection, "next_id", self._next_id)
            self._kept_id = self._next_id


def epoch_ms(at: datetime) -> int:
    """Aware datetime -> epoch milliseconds."""
    return round(at.timestamp() * 1000)


def instant(ms: int) -> datetime:
    """Epoch milliseconds -> aware datetime, UTC."""
    return datetime.fromtimestamp(ms // 1000, UTC).replace(microsecond=ms % 1000 * 1000)


def shown(text: str) -> str:
    """A kept instant as HubSpot prints it: without milliseconds that are zero."""
    return text[:-5] + "Z" if text.endswith(".000Z") else text
