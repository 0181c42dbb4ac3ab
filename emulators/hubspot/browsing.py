"""What the page in a browser shows of a portal, and which calls of the control plane its acts are."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from emulators.hubspot import definitions, later, records, webhook_events, webhooks
from emulators.hubspot.definitions import Definition, ObjectType
from emulators.hubspot.limits import Limits
from emulators.hubspot.portal import Portal
from emulators.hubspot.records import COLUMNS, Record
from emulators.loopback.faults import Kind
from emulators.loopback.page.shown import Change, Link, Meter, ObjectLine, Panel, Related, Row, Rows, Shown, Value

_COLUMNS = (
    "domain", "email", "company", "dealstage", "amount", "closedate", "type", "industry", "lifecyclestage",
    "hs_task_status", "hs_timestamp", "hs_status", "hubspot_owner_id",
)  # fmt: skip
_GRANTED = {
    "daily": "Calls a day",
    "used": "Used today",
    "burst": "Calls of a token in the window",
    "oauth_burst": "The same, by OAuth",
    "window": "Seconds of the window",
    "search": "Searches a second",
}
_CHANGES, _LINKS = 200, 100
_HOLDS = """AND (CAST(id AS TEXT) = ? OR (instr(lower(properties), lower(?)) AND EXISTS
  (SELECT 1 FROM json_each(properties) WHERE instr(lower(value), lower(?)))))"""


class Browsing:
    """A portal as the page sees it (`emulators.loopback.page.shown.Crm`)."""

    kinds = tuple(str(kind) for kind in Kind)

    def __init__(self, portal: Portal, limits: Limits) -> None:
        self.portal, self.limits = portal, limits
        self.title = f"HubSpot portal {portal.settings.portal_id}"

    def about(self) -> Panel:
        """Edition and numbers."""
        found = self.portal.settings
        rows = (
            ("Edition", str(found.tier)),
            ("Portal", str(found.portal_id)),
            ("Application", str(found.app_id)),
            ("Currency", found.currency),
            ("Time zone", found.time_zone),
            ("File", str(self.portal.path)),
        )
        return Panel("The portal", rows)

    def meters(self) -> tuple[Meter, ...]:
        """Calls of the day."""
        used, most = self.limits.usage()
        return (Meter("Calls today", used, most),)

    def limit_form(self) -> tuple[tuple[str, str, str], ...]:
        """What the control plane's `limits` takes."""
        found = self.limits.describe()
        return tuple(
            (key, label, f"{found[key]:g}" if key == "window" else str(found[key])) for key, label in _GRANTED.items()
        )

    def panels(self) -> tuple[Panel, ...]:
        """Webhooks, when somebody has asked for them."""
        found = webhooks.settings(self.portal)
        if found is None:
            return ()
        waiting, due = webhook_events.pending(self.portal)
        number = len(webhooks.subscriptions(self.portal))
        rows = (
            ("Receiver", found.target_url),
            ("Subscriptions", str(number)),
            ("Events waiting", f"{waiting}, {due} due"),
        )
        return (Panel("Webhooks", rows),)

    def objects(self) -> tuple[ObjectLine, ...]:
        """Every object with its counts."""
        later.settle(self.portal)
        counts: dict[str, tuple[int, int]] = {
            type_id: (every - gone, gone)
            for type_id, every, gone in self.portal.connection.execute(
                "SELECT type, COUNT(*), COUNT(archived) FROM record GROUP BY type"
            )
        }
        return tuple(
            ObjectLine(each.name, each.plural_label, *counts.get(each.type_id, (0, 0)), each.custom)
            for each in definitions.object_types(self.portal)
        )

    def records(self, name: str, text: str, start: int, size: int, *, deleted: bool) -> Rows | None:
        """Records by their last change, the latest first."""
        obj = definitions.object_type(self.portal, name)
        if obj is None:
            return None
        holds, given = (
            (_HOLDS, (text.strip(), json.dumps(text, ensure_ascii=False)[1:-1], text)) if text else ("", ())
        )
        query = f"SELECT {COLUMNS} FROM record WHERE type = ? {'AND archived IS NOT NULL' if deleted else ''} {holds}"
        order = " ORDER BY modified DESC, id DESC LIMIT ? OFFSET ?"
        found = self.portal.connection.execute(query + order, (obj.type_id, *given, size + 1, start)).fetchall()
        known = definitions.of(self.portal, obj.type_id)
        columns = [each for each in _COLUMNS if each in known and each != obj.primary][:4]
        rows = tuple(_row(obj, records.of_row(obj.type_id, each), columns) for each in found[:size])
        return Rows((*(known[each].label for each in columns), "Changed"), rows, len(found) > size)

    def record(self, name: str, record_id: str) -> Shown | None:
        """One record, its history and what it is associated with."""
        later.settle(self.portal)
        obj = definitions.object_type(self.portal, name)
        found = records.read(self.portal.connection, obj.type_id, [record_id]).get(record_id) if obj else None
        if obj is None or found is None:
            return None
        own = {obj.created: found.created, obj.modified: found.modified}
        own |= {"hs_object_id": found.id}
        held = {**found.properties, **own}
        known = definitions.of(self.portal, obj.type_id)
        values = [_value(each, held.get(each.name, ""), obj) for each in known.values()]
        values += [
            Value(each, each, "no longer defined", text, False) for each, text in held.items() if each not in known
        ]
        values.sort(key=lambda each: (each.name != obj.primary, each.name.startswith("hs_"), each.label.lower()))
        return Shown(
            found.id,
            _title(obj, found),
            found.archived is not None,
            tuple(values),
            self._changes(found),
            self._related(found),
        )

    def blank(self, name: str) -> tuple[Value, ...] | None:
        """The properties that a person may fill in."""
        obj = definitions.object_type(self.portal, name)
        if obj is None or obj.name == "campaigns":
            return None
        first = {obj.primary, *obj.required, *([*_COLUMNS] if not obj.custom else [])}
        known = definitions.of(self.portal, obj.type_id).values()
        filled = [each for each in known if not (each.read_only or each.calculated)]
        found = [_value(each, "", obj, required=each.name in first) for each in filled]
        return tuple(
            sorted(found, key=lambda each: (each.name != obj.primary, not each.required, each.label.lower()))
        )

    def write(self, name: str, record_id: str, values: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
        """`edit` or `insert`."""
        body = {"object": name, "properties": dict(values)}
        return ("edit", {**body, "id": record_id}) if record_id else ("insert", body)

    def delete(self, name: str, record_id: str) -> tuple[str, dict[str, Any]]:
        """Into the recycling bin."""
        return "delete", {"object": name, "id": record_id}

    def undelete(self, name: str, record_id: str) -> tuple[str, dict[str, Any]]:
        """And back."""
        return "restore", {"object": name, "id": record_id}

    def _changes(self, record: Record) -> tuple[Change, ...]:
        rows = self.portal.connection.execute(
            "SELECT at, property, value, source, user_id FROM history WHERE type = ? AND id = ?"
            " ORDER BY at DESC, rowid DESC LIMIT ?",
            (record.type_id, int(record.id), _CHANGES),
        )
        return tuple(Change(at[:19].replace("T", " "), name, value, f"{source} {user}".strip())
                     for at, name, value, source, user in rows)  # fmt: skip

    def _related(self, record: Record) -> tuple[Related, ...]:
        types = {each.type_id: each for each in definitions.object_types(self.portal)}
        rows = self.portal.connection.execute(
            "SELECT DISTINCT to_type, to_id FROM association WHERE from_type = ? AND from_id = ?"
            " ORDER BY to_type, to_id LIMIT ?",
            (record.type_id, int(record.id), _LINKS),
        ).fetchall()
        return tuple(self._ends(types, rows))

    def _ends(self, types: Mapping[str, ObjectType], rows: Iterable[tuple[str, int]]) -> Iterable[Related]:
        for type_id, number in rows:
            obj = types.get(type_id)
            found = records.read(self.portal.connection, type_id, [str(number)]).get(str(number)) if obj else None
            if obj is not None and found is not None:
                yield Related(obj.label, _title(obj, found) or found.id, Link(obj.name, found.id))


def _row(obj: ObjectType, record: Record, columns: Iterable[str]) -> Row:
    cells = [record.properties.get(each, "") for each in columns]
    at = record.modified[:19].replace("T", " ")
    return Row(record.id, _title(obj, record), record.archived is not None, (*cells, at))


def _title(obj: ObjectType, record: Record) -> str:
    held = record.properties
    if obj.name == "contacts":
        return " ".join(filter(None, (held.get("firstname"), held.get("lastname")))) or held.get("email", "")
    return held.get(obj.primary, "")


def _value(each: Definition, text: str, obj: ObjectType, *, required: bool = False) -> Value:
    choices = tuple(option.value for option in each.options) if not each.multiple else ()
    if each.type == "bool" and not choices:
        choices = ("true", "false")
    kind = each.type + (", read only" if each.read_only or each.calculated else "")
    fixed = each.calculated or each.name in ("hs_object_id", obj.modified)
    return Value(
        each.name, each.label, kind, text, not fixed, required, choices, each.field_type in ("textarea", "html")
    )


__all__ = ["Browsing"]
