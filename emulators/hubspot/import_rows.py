"""What an import does with each row: find or make its records, set what can be read, and note what cannot."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Mapping
from datetime import date
from typing import Any

from emulators.hubspot import associations, changes, definitions, labels, lists, merge, records, values, writing
from emulators.hubspot.definitions import Definition, ObjectType
from emulators.hubspot.errors import HubError
from emulators.hubspot.jobs import Job
from emulators.hubspot.portal import Portal

_ORDERS = {"MONTH_DAY_YEAR": (2, 0, 1), "DAY_MONTH_YEAR": (2, 1, 0), "YEAR_MONTH_DAY": (0, 1, 2)}
_DAY = re.compile(r"(\d{1,4})[-/.](\d{1,2})[-/.](\d{1,4})\Z")
_OBJECT_ID = "HUBSPOT_OBJECT_ID"
_USUAL_KEYS = {"contacts": "email", "companies": "domain"}  # records are told apart by these without being asked


class Trouble(Exception):
    """Why a value or a row was not taken; `code` is one of the API's error types."""

    def __init__(self, code: str, message: str, column: int = -1, value: str = "") -> None:
        super().__init__(message)
        self.code, self.message, self.column, self.value = code, message, column, value


class _Run:
    """One import while it runs."""

    def __init__(self, portal: Portal, job: Job) -> None:
        self.portal, self.job = portal, job
        self.actor = writing.Actor("IMPORT", job.id, str(portal.settings.user_id))
        self.counters: Counter[str] = Counter()
        self.errors: list[dict[str, Any]] = []
        self.written: set[tuple[str, str]] = set()
        self.contacts: list[str] = []

    def note(self, bad: Trouble, file: Mapping[str, Any], place: int, obj: ObjectType | None) -> None:
        """Keep an error."""
        row = file["rows"][place]
        data = {
            "lineNumber": file["first"] + place,
            "rowData": row,
            "fileId": int(file["id"]),
            "containsEncryptedProperties": False,
        }
        found: dict[str, Any] = {"id": f"{self.job.id}-{len(self.errors) + 1}", "createdAt": self.portal.now_ms()}
        found |= {"errorType": bad.code, "errorMessage": bad.message, "sourceData": data}
        if obj is not None:
            found |= {"objectType": obj.singular.upper(), "objectTypeId": obj.type_id}
        if bad.column >= 0:
            found |= {"knownColumnNumber": bad.column, "invalidValue": bad.value, "invalidValueToDisplay": bad.value}
        self.errors.append(found)


def run(portal: Portal, job: Job) -> dict[str, Any]:
    """Do the whole import; what became of it."""
    state = _Run(portal, job)
    with changes.by(state.actor):
        for file in job.request["files"]:
            for place, row in enumerate(file["rows"]):
                state.counters["TOTAL_ROWS"] += 1
                _row(state, file, place, row)
        found = _listed(state)
    state.counters["UNIQUE_OBJECTS_WRITTEN"] = len(state.written)
    if state.errors:
        state.counters["ERRORS"] = len(state.errors)
    return {"counters": dict(state.counters), "errors": state.errors, "lists": found}


def _row(state: _Run, file: Mapping[str, Any], place: int, row: list[str]) -> None:
    """All records of one row, associated with each other."""
    if len(row) != file["width"]:
        text = f"The row has {len(row)} columns instead of {file['width']}"
        state.note(Trouble("INCORRECT_NUMBER_OF_COLUMNS", text), file, place, None)
        return
    made: list[tuple[str, str]] = []
    for type_id in dict.fromkeys(column["type"] for column in file["columns"]):
        obj = definitions.required_type(state.portal, type_id)
        try:
            made.append((type_id, _record(state, file, place, row, obj)))
        except Trouble as bad:
            state.note(bad, file, place, obj)
    for one, other in itertools.combinations(made, 2):
        if labels.plain(state.portal, one[0], other[0]) is not None:
            associations.add(state.portal, *one, *other)


def _record(state: _Run, file: Mapping[str, Any], place: int, row: list[str], obj: ObjectType) -> str:
    """Make or change the record of that object; its id."""
    given: dict[str, str] = {}
    object_id = ""
    known = definitions.of(state.portal, obj.type_id)
    for column in file["columns"]:
        text = row[column["place"]].strip()
        if column["type"] != obj.type_id or not text:
            continue
        if column["key"] == _OBJECT_ID:
            object_id = text
        elif column["property"]:
            try:
                value = _converted(state, known[column["property"]], text)
            except Trouble as bad:  # the row goes on without the value
                bad.column, bad.value = column["place"], text
                state.note(bad, file, place, obj)
                continue
            given[column["property"]] = value
    if not given and not object_id:
        raise Trouble("FAILED_TO_PROCESS_OBJECT_WITH_EMPTY_PROPERTY_VALUES", "The row has no values for this object")
    return _write(state, obj, given, _match(state, file, obj, given, object_id))


def _match(state: _Run, file: Mapping[str, Any], obj: ObjectType, given: Mapping[str, str], object_id: str) -> str:
    """The id of the record that the row means; empty: none, it is new."""
    connection = state.portal.connection
    if object_id:
        number = merge.survivor(connection, obj.type_id, object_id)
        record = records.read(connection, obj.type_id, [number]).get(number)
        if record is None or record.archived is not None:
            raise Trouble("INVALID_OBJECT_ID", f"No {obj.singular} has the id {object_id}", value=object_id)
        return number
    keys = [each["property"] for each in file["columns"] if each["type"] == obj.type_id and each["key"]]
    name = next(iter(keys), _USUAL_KEYS.get(obj.name, ""))
    value = given.get(name, "")
    if not value:
        return ""
    if name in writing.unique_names(state.portal, obj):
        return records.holder(connection, obj.type_id, name, value) or ""
    if (obj.name, name) != ("companies", "domain"):
        raise Trouble("INVALID_ALTERNATE_ID", f"{name} does not tell records of {obj.name} apart")
    text = """SELECT id FROM record WHERE type = ? AND archived IS NULL
      AND lower(json_extract(properties, '$.domain')) = lower(?) LIMIT 2"""
    rows = connection.execute(text, (obj.type_id, value)).fetchall()
    if len(rows) > 1:
        raise Trouble("MULTIPLE_COMPANIES_WITH_THIS_DOMAIN", f"Several companies have the domain {value}")
    return str(rows[0][0]) if rows else ""


def _write(state: _Run, obj: ObjectType, given: Mapping[str, str], number: str) -> str:
    operation = state.job.request["operations"].get(obj.type_id, "UPSERT")
    if number and operation == "CREATE":
        raise Trouble("CREATE_ONLY_IMPORT", f"{obj.label} {number} exists already, and the import only creates")
    if not number and operation == "UPDATE":
        raise Trouble("UPDATE_ONLY_IMPORT", f"No such {obj.singular} exists, and the import only updates")
    try:
        if number:
            writing.update(state.portal, obj, [(number, dict(given))], state.actor)
            state.counters["UPDATED_OBJECTS"] += 1
        else:
            number = writing.create(state.portal, obj, [writing.New(dict(given))], state.actor)[0][0].id
            state.counters["CREATED_OBJECTS"] += 1
    except HubError as bad:
        missing = any(each.get("code") == "REQUIRED_PROPERTY" for each in bad.errors)
        raise Trouble("MISSING_REQUIRED_PROPERTY" if missing else "FAILED_VALIDATION", bad.message) from None
    state.counters["PROPERTY_VALUES_EMITTED"] += len(given)
    state.written.add((obj.type_id, number))
    if obj.name == "contacts":
        state.contacts.append(number)
    return number


def _converted(state: _Run, definition: Definition, text: str) -> str:
    """A cell as the API would be sent it."""
    if definition.type in ("date", "datetime"):
        return _date(text, state.job.request["dates"])
    if definition.type == "number":
        plain = text.replace(",", "")
        if not isinstance(values.stored(definition, plain, state.portal), str):
            raise Trouble("COULD_NOT_PARSE_NUMBER", f"{text} is not a number")
        return plain
    if definition.referenced == "OWNER":
        return _owner(state.portal, text)
    if definition.type in ("enumeration", "bool"):
        return ";".join(_option(definition, part) for part in (text.split(";") if definition.multiple else [text]))
    return text


def _date(text: str, order: str) -> str:
    found = _DAY.match(text)
    if found is None:
        if values.instant(text) is None:
            raise Trouble("COULD_NOT_PARSE_DATE", f"{text} is not a date")
        return text
    places = _ORDERS["YEAR_MONTH_DAY" if len(found[1]) == 4 else order]
    try:
        return date(*(int(found[place + 1]) for place in places)).isoformat()
    except ValueError:
        raise Trouble("COULD_NOT_PARSE_DATE", f"{text} is not a date of the form {order}") from None


def _option(definition: Definition, text: str) -> str:
    """An option by its value or its label; the portal's own checks decide about open lists."""
    wanted = text.strip().lower()
    options = {each.value.lower(): each.value for each in definition.options}
    named = {each.label.lower(): each.value for each in definition.options}
    if definition.type == "bool":
        options, named = {"true": "true", "false": "false"}, {"yes": "true", "no": "false", **named}
    found = options.get(wanted) or named.get(wanted)
    if found is None and options and not definition.external_options:
        raise Trouble("INVALID_ENUMERATION_OPTION", f"{text} is not one of the options of {definition.name}")
    return found or text


def _owner(portal: Portal, text: str) -> str:
    """An owner by id or by e-mail address."""
    query = "SELECT id FROM owner WHERE archived = 0 AND (CAST(id AS TEXT) = ? OR email = lower(?))"
    row = portal.connection.execute(query, (text, text)).fetchone()
    if row is None:
        raise Trouble("COULD_NOT_FIND_OWNER", f"No owner has the id or the e-mail address {text}")
    return str(row[0])


def _listed(state: _Run) -> list[dict[str, str]]:
    """A static list of the imported contacts, if one was asked for."""
    if not state.job.request["json"].get("createContactListFromImport") or not state.contacts:
        return []
    name = f"{state.job.request['json']['name']} ({state.job.id})"
    made = lists.create(state.portal, name, "contacts", lists.MANUAL, None)
    lists.change(state.portal, made, state.contacts, [])
    return [{"listId": str(made.id), "objectType": "CONTACT"}]
