"""What an org is: a schema, its records in one SQLite file, a clock, and everything that changes records.

Other parts change records only through `Org`. A write is atomic; several writes inside one `transaction()` are too,
and `save_point()` undoes a part of them. All writes of a process queue behind one lock; readers never wait.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from emulators.loopback.clock import Clock
from emulators.loopback.faults import Faults
from emulators.salesforce import dml, merging, recycle, removal, storage
from emulators.salesforce.errors import ApiError, DmlError
from emulators.salesforce.ids import make_id, pod_of
from emulators.salesforce.limits import Limits
from emulators.salesforce.loading import filling as loading
from emulators.salesforce.rights.access import Access
from emulators.salesforce.rights.permissions import Permissions
from emulators.salesforce.rights.sharing import Sharing
from emulators.salesforce.rules import Rulebook
from emulators.salesforce.schema import FieldType, ObjectType, Schema

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Actor:
    """Who writes: a user under permissions, sharing and rules, or the system, which ignores them.

    `allow_duplicates` is the Sforce-Duplicate-Rule-Header's (or SOAP's DuplicateRuleHeader's) allowSave; `version`
    names the API version in the addresses that answers hold.
    """

    user_id: str
    system: bool = False
    allow_duplicates: bool = False
    version: str = "67.0"


class Org:
    """One emulated org. Open it with `Org.open`."""

    def __init__(self, path: Path, schema: Schema, clock: Clock, seed: int) -> None:
        self.path = path
        self.schema = schema
        self.clock = clock
        self.seed = seed
        self.pod = pod_of(seed)
        self.org_id = make_id("00D", self.pod, 1)
        self.user_id = make_id("005", self.pod, 1)  # the integration user
        self.write_lock = threading.RLock()
        self._local = threading.local()
        self.access = Access(self)
        self.permissions = Permissions(self)
        self.sharing = Sharing(self)
        self.rulebook = Rulebook(self)
        self.faults = Faults(seed)
        self.limits = Limits(clock)
        self.tracked: dict[str, list[str]] | None = None  # fields with a history, by object
        self.next_sweep = clock.now()  # when the recycle bin is looked through again

    @classmethod
    def open(cls, path: str | Path, schema: Schema, clock: Clock | None = None, seed: int = 1) -> Org:
        """The org in that file (made when absent); custom objects and fields of the file join the schema."""
        org = cls(Path(path), schema, clock or Clock(), seed)
        with org.transaction() as connection:
            storage.restore_customs(connection, schema)
            for obj in schema.objects.values():
                storage.create_object(connection, obj)
            fresh = org.state("org") is None
            org.put_state("org", {"seed": seed})
        if fresh:
            loading.found_org(org)
        return org

    def connection(self) -> sqlite3.Connection:
        """This thread's connection (WAL); rows are `sqlite3.Row`."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = sqlite3.connect(self.path, timeout=30, isolation_level=None, check_same_thread=False)
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute("PRAGMA busy_timeout=30000")
            storage.create_own_tables(connection)
            self._local.connection, self._local.depth, self._local.undo = connection, 0, []
        return connection

    def release(self) -> None:
        """Close this thread's connection."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
            self._local.connection = None

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing; inside another transaction it is a save point. An exception undoes and passes on."""
        with self.write_lock:
            connection = self.connection()
            depth: int = self._local.depth
            begin, commit, undo = _statements(depth)
            connection.execute(begin)
            self._local.depth = depth + 1
            try:
                yield connection
            except BaseException:
                for statement in undo:
                    connection.execute(statement)
                self._undo_beyond(depth)
                raise
            else:
                connection.execute(commit)
            finally:
                self._local.depth = depth
                if depth == 0:
                    self._settle()

    def on_undo(self, act: Callable[[], object]) -> None:
        """Run that when the present transaction or save point is undone: for what is kept in memory."""
        self._local.undo.append((self._local.depth, act))

    def _undo_beyond(self, depth: int) -> None:
        undo: list[tuple[int, Callable[[], object]]] = self._local.undo
        while undo and undo[-1][0] > depth:
            undo.pop()[1]()

    def _settle(self) -> None:
        """After the outermost commit or undo: nothing is left to take back, and rights are read anew."""
        self._local.undo = []
        if getattr(self._local, "rights_changed", False):
            self._local.rights_changed = False
            self.access.forget()

    def rights_changed(self) -> None:
        """Permissions or fields have changed: for this thread now, for the others when it is committed."""
        self.connection()
        self._local.rights_changed = self._local.depth > 0
        self.access.forget()

    def save_point(self) -> Any:
        """A part of a transaction that is undone when an exception leaves it (`with org.save_point(): ...`)."""
        return self.transaction()

    @contextmanager
    def acting(self, user_id: str) -> Iterator[None]:
        """What this thread does inside is done for that user: objects that they may not read do not exist."""
        before: str = getattr(self._local, "acting", "")
        self._local.acting = user_id
        try:
            yield
        finally:
            self._local.acting = before

    def shown(self, user_id: str) -> Callable[[ObjectType], bool]:
        """Whether that user may read an object at all."""
        rights = self.permissions.of(user_id)
        return lambda obj: not self.access.withheld(obj.name) and rights.on(obj).read

    @property
    def acting_user(self) -> str:
        """For whom this thread acts; empty for nobody in particular."""
        return str(getattr(self._local, "acting", ""))

    def actor(self, user_id: str | None = None) -> Actor:
        """The integration user, or that user, under field-level security."""
        return Actor(user_id or self.user_id)

    def system(self) -> Actor:
        """The integration user's id, without field-level security."""
        return Actor(self.user_id, system=True)

    def object(self, name: str) -> ObjectType:
        """The object of that name; 404 NOT_FOUND as the vendor says for an unknown one."""
        obj = self.schema.object(name)
        if obj is None or self.access.hidden_object(obj.name):
            raise ApiError("NOT_FOUND", "The requested resource does not exist", http=404)
        return obj

    def get(self, object_name: str, record_id: str) -> dict[str, Any] | None:
        """One record in storage form by field names, deleted or not; None when there is none."""
        obj = self.object(object_name)
        return next(storage.rows(self.connection(), obj, "f_id = ?", record_id), None)

    def insert(self, object_name: str, values: Values, actor: Actor) -> str:
        """Make a record; returns its 18-character id. Raises DmlError."""
        return dml.insert(self, self.object(object_name), values, actor)

    def update(self, object_name: str, record_id: str, values: Values, actor: Actor) -> None:
        """Change a record; it is stamped even when no value differs. Raises DmlError."""
        dml.update(self, self.object(object_name), record_id, values, actor)

    def upsert(self, object_name: str, key_field: str, key: Any, values: Values, actor: Actor) -> tuple[str, bool]:
        """Update the record with that key or make one: (id, created). `key_field` may be Id (key None: create).

        Raises DmlError; `dml.SeveralRecords` (with the ids) when the key is not unique.
        """
        return dml.upsert(self, self.object(object_name), key_field, key, values, actor)

    def delete(self, object_name: str, record_id: str, actor: Actor) -> None:
        """Into the recycle bin, with the children that go along. Raises DmlError."""
        removal.delete(self, self.object(object_name), record_id, actor)

    def hard_delete(self, object_name: str, record_id: str, actor: Actor) -> None:
        """Gone for good, without the recycle bin. Raises DmlError."""
        removal.hard_delete(self, self.object(object_name), record_id, actor)

    def undelete(self, object_name: str, record_id: str, actor: Actor) -> None:
        """Back from the recycle bin, same id. Raises DmlError."""
        recycle.undelete(self, self.object(object_name), record_id, actor)

    def merge(
        self,
        object_name: str,
        master_id: str,
        losing_ids: Sequence[str],
        actor: Actor,
        values: Values | None = None,
    ) -> merging.Merged:
        """Losers are deleted with MasterRecordId set, their children move to the master, which takes `values`.

        Raises DmlError.
        """
        return merging.merge(self, self.object(object_name), master_id, losing_ids, actor, values)

    def empty_recycle_bin(self, record_ids: Sequence[str], actor: Actor) -> list[DmlError | None]:
        """Deleted records leave the bin for good: one outcome a record, None for done. Raises DmlError."""
        return recycle.empty(self, record_ids, actor)

    def load_raw(self, object_name: str, rows: Iterable[Values]) -> int:
        """Put rows in as they are, ids and audit fields kept; for loading files. Returns how many.

        Values are in storage form (booleans may be bool). Missing Ids, audit fields and owners are filled in.
        No validation and no automation, except that fields which the org derives are derived when absent.
        """
        return loading.load_raw(self, self.object(object_name), rows)

    def new_id(self, object_name: str) -> str:
        """The next unused id of that object."""
        return self.new_ids(object_name, 1)[0]

    def new_ids(self, object_name: str, count: int) -> list[str]:
        """The next unused ids of that object; also takes a bare 3-character prefix (750, 0Af, 01g)."""
        obj = self.schema.object(object_name)
        prefix = obj.key_prefix if obj else object_name
        with self.transaction() as connection:
            row = connection.execute(
                "INSERT INTO e_sequence VALUES (?, ?) ON CONFLICT (prefix) DO UPDATE SET value = value + ? "
                "RETURNING value",
                (prefix, count + 9, count),
            ).fetchone()
        return [make_id(prefix, self.pod, row[0] - count + 1 + step) for step in range(count)]

    def add_object(self, obj: ObjectType) -> None:
        """A custom object; its fields must hold at least Id and the audit fields (see `catalog.custom_object`)."""
        with self.transaction() as connection:
            fields = list(obj.fields.values())
            connection.execute(
                "INSERT OR REPLACE INTO e_custom_object VALUES (?, ?)", (obj.name, storage.object_json(obj))
            )
            for field in fields:
                self._remember(connection, obj, field)
            self.schema.objects[obj.name.lower()] = obj
            self.on_undo(lambda: self.schema.objects.pop(obj.name.lower(), None))
            storage.create_object(connection, obj)
            self.rights_changed()

    def add_custom_field(self, object_name: str, field: FieldType) -> None:
        """A new field, invisible until a permission set shows it; of Activity it joins Task and Event.

        An existing field of that name is replaced in its attributes and keeps its values.
        """
        with self.transaction() as connection:
            for obj in self._bearers(object_name):
                known = obj.field(field.name)
                self._replace_field(obj, field.name, field)
                self._remember(connection, obj, field)
                if known is None:
                    storage.add_column(connection, obj, field)
            self.rights_changed()

    def remove_custom_field(self, object_name: str, name: str) -> None:
        """The field and its values are gone."""
        with self.transaction() as connection:
            for obj in self._bearers(object_name):
                field = obj.field(name)
                if field is not None:
                    self._replace_field(obj, name, None)
                    storage.drop_column(connection, obj, field)
                    connection.execute("DELETE FROM e_custom_field WHERE object=? AND name=?", (obj.name, field.name))
            self.rights_changed()

    def _replace_field(self, obj: ObjectType, name: str, field: FieldType | None) -> None:
        """Change the schema in memory, so that an undone transaction takes it back."""
        before = dict(obj.fields)
        self.on_undo(lambda: setattr(obj, "fields", before))
        fields = {key: known for key, known in before.items() if field is not None or key != name.lower()}
        if field is not None:
            fields[name.lower()] = field
        obj.fields = fields

    def _bearers(self, object_name: str) -> list[ObjectType]:
        if object_name.lower() == "activity":
            return [self.object("Task"), self.object("Event")]
        return [self.object(object_name)]

    def _remember(self, connection: sqlite3.Connection, obj: ObjectType, field: FieldType) -> None:
        connection.execute(
            "INSERT INTO e_custom_field VALUES (?, ?, ?) "
            "ON CONFLICT (object, name) DO UPDATE SET body = excluded.body",
            (obj.name, field.name, storage.field_json(field)),
        )

    @property
    def timezone(self) -> ZoneInfo:
        """The integration user's time zone, by which date literals are cut."""
        row = (
            self.connection()
            .execute("SELECT f_timezonesidkey FROM o_user WHERE f_id = ?", (self.user_id,))
            .fetchone()
        )
        return ZoneInfo(str(row[0]) if row and row[0] else "America/Los_Angeles")

    @property
    def fiscal_start_month(self) -> int:
        """The month (1-12) in which the org's fiscal year starts."""
        row = self.connection().execute("SELECT f_fiscalyearstartmonth FROM o_organization").fetchone()
        return int(row[0]) if row and row[0] else 1

    @property
    def corporate_currency(self) -> str:
        """The ISO code in which the org counts."""
        if self.schema.object("CurrencyType") is None:
            return "USD"
        row = self.connection().execute("SELECT f_isocode FROM o_currencytype WHERE f_iscorporate = 1").fetchone()
        return str(row[0]) if row else "USD"

    def visible(self, user_id: str) -> Callable[[ObjectType, FieldType], bool]:
        """Whether that user may read a field."""
        return self.access.readable(user_id)

    def state(self, name: str) -> Any:
        """A small JSON document kept in the file, or None."""
        row = self.connection().execute("SELECT value FROM e_state WHERE name = ?", (name,)).fetchone()
        return None if row is None else json.loads(row[0])

    def put_state(self, name: str, value: Any) -> None:
        """Keep a small JSON document in the file."""
        with self.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO e_state VALUES (?, ?)", (name, json.dumps(value)))


def _statements(depth: int) -> tuple[str, str, tuple[str, ...]]:
    if depth == 0:
        return "BEGIN IMMEDIATE", "COMMIT", ("ROLLBACK",)
    name = f"p{depth}"
    return f"SAVEPOINT {name}", f"RELEASE {name}", (f"ROLLBACK TO {name}", f"RELEASE {name}")


__all__ = ["Actor", "ApiError", "DmlError", "Org"]
