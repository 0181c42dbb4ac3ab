"""How an org is filled without going through its automations: the founding rows, and files whose ids are kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emulators.salesforce import storage
from emulators.salesforce.rights.access import PERMISSION_OBJECTS
from emulators.salesforce.schema import ObjectType

if TYPE_CHECKING:
    from emulators.salesforce.org import Org

CHUNK = 5000  # rows that are converted and put in at once
Columns = dict[str, list[Any]]  # stored values by field name
Chunk = tuple[Columns, int]  # and how many rows: each column has so many values
_FOUNDING = Path(__file__).parents[1] / "catalog" / "founding"


def found_org(org: Org) -> None:
    """The rows that every org has from its first day: organization, users, stages, statuses, roles, currency."""
    names: dict[str, str] = {}
    with org.transaction():
        for path in sorted(_FOUNDING.glob("*.json")):
            for group in json.loads(path.read_text(encoding="utf-8")):
                obj = org.schema.object(group["object"])
                if obj is not None and _needed(org, group.get("needs", "")):
                    load_raw(org, obj, [_named(org, obj, row, names) for row in group["rows"]])


def _needed(org: Org, path: str) -> bool:
    """Whether the org has the field without which these rows make no sense."""
    name, _, field = path.partition(".")
    obj = org.schema.object(name)
    return not path or (obj is not None and obj.field(field) is not None)


def _named(org: Org, obj: ObjectType, row: Mapping[str, Any], names: dict[str, str]) -> dict[str, Any]:
    """Rows call each other by `$name`; `$` keys of the row's own give its name."""
    known = {name: value for name, value in row.items() if name.startswith("$") or obj.field(name) is not None}
    record_id = known.get("Id") or _fixed_id(org, obj, known.get("$name")) or org.new_id(obj.name)
    if "$name" in known:
        names[str(known.pop("$name"))] = str(record_id)
    values = {
        name: names.get(value[1:], value) if isinstance(value, str) and value.startswith("$") else value
        for name, value in known.items()
    }
    return {**values, "Id": record_id}


def _fixed_id(org: Org, obj: ObjectType, name: object) -> str | None:
    return {"organization": org.org_id, "integration_user": org.user_id}.get(str(name))


def load_raw(org: Org, obj: ObjectType, rows: Iterable[Mapping[str, Any]]) -> int:
    """Put rows in as they are; existing ids are replaced. Returns how many."""
    return load_columns(org, obj, _columns(obj, iter(rows)))


def _columns(obj: ObjectType, rows: Iterator[Mapping[str, Any]]) -> Iterator[Chunk]:
    names = [field.name for field in obj.fields.values() if storage.has_column(field)]
    while batch := list(islice(rows, CHUNK)):
        present = set().union(*batch)
        yield (
            {
                name: [None if (value := row.get(name)) == "" else value for row in batch]
                for name in names
                if name in present
            },
            len(batch),
        )


def load_columns(org: Org, obj: ObjectType, chunks: Iterable[Chunk]) -> int:
    """Put columns of rows in as they are; existing ids are replaced, what may be left out is filled in. -> rows."""
    facts, count = Facts(org), 0
    flags = {field.name for field in obj.fields.values() if field.type == "boolean"}
    with org.transaction() as connection:
        for given, size in chunks:
            columns = complete(facts, obj, given, size)
            for name in flags.intersection(columns):
                columns[name] = [1 if value else 0 for value in columns[name]]
            places = ", ".join(storage.column(name) for name in columns)
            sql = f"INSERT OR REPLACE INTO {storage.table(obj)} ({places}) VALUES ({', '.join('?' * len(columns))})"
            connection.executemany(sql, zip(*columns.values(), strict=True))
            count += size
    if obj.name.lower() in PERMISSION_OBJECTS:
        org.rights_changed()
    return count


def complete(facts: Facts, obj: ObjectType, given: Columns, size: int) -> Columns:
    """The columns with what may be left out: ids, audit fields, owners, names and flags that the org derives."""
    full = dict(given)
    user = facts.org.user_id
    nothing = [None] * size
    full["Id"] = [value or facts.next_id(obj) for value in full.get("Id", nothing)]
    created, modified, stamp = (full.get(name, nothing) for name in _AUDIT)
    begun = _first(created, modified, stamp, [facts.now] * size)
    touched = _first(modified, begun)
    filled = {
        "CreatedDate": begun,
        "LastModifiedDate": touched,
        "SystemModstamp": _first(stamp, touched),
        **{name: [user] * size for name in ("CreatedById", "LastModifiedById", "OwnerId")},
        "CurrencyIsoCode": [facts.currency] * size,
    }
    for name, values in filled.items():
        if name.lower() in obj.fields:
            full[name] = _first(full.get(name, nothing), values)
    derive = _DERIVE.get(obj.name)
    if derive is not None:
        derive(facts, full, nothing)
    return full


_AUDIT = ("CreatedDate", "LastModifiedDate", "SystemModstamp")


def _first(values: Sequence[Any], *others: Sequence[Any]) -> list[Any]:
    """Place by place, the first of the columns that has a value there."""
    found = list(values)
    for other in others:
        if all(found):
            break
        found = [value or instead for value, instead in zip(found, other, strict=True)]
    return found


class Facts:
    """Stage and status values of the org, read once a load."""

    def __init__(self, org: Org) -> None:
        self.org = org
        self._stages: dict[str, tuple[int, int, float, str, str]] | None = None
        self._closed: frozenset[str] | None = None
        self.currency = org.corporate_currency
        self.now = org.clock.stamp()
        self._ids: list[str] = []
        self.periods = _Periods()

    def next_id(self, obj: ObjectType) -> str:
        """An unused id of the object that is loaded, from a block taken at once."""
        if not self._ids:
            self._ids = self.org.new_ids(obj.name, 1000)[::-1]
        return self._ids.pop()

    def stages(self) -> dict[str, tuple[int, int, float, str, str]]:
        """Stage name -> closed, won, probability, forecast category, its label."""
        if self._stages is None:
            rows = self.org.connection().execute(
                "SELECT f_apiname, f_isclosed, f_iswon, f_defaultprobability, f_forecastcategory, "
                "f_forecastcategoryname FROM o_opportunitystage"
            )
            self._stages = {row[0]: (row[1], row[2], row[3], row[4], row[5]) for row in rows}
        return self._stages

    def closed(self) -> frozenset[str]:
        """Task statuses that mean closed."""
        if self._closed is None:
            rows = self.org.connection().execute("SELECT f_apiname FROM o_taskstatus WHERE f_isclosed = 1")
            self._closed = frozenset(row[0] for row in rows)
        return self._closed


_STAGED = ("IsClosed", "IsWon", "Probability", "ForecastCategory", "ForecastCategoryName")
_UNKNOWN_STAGE = (0, 0, 0.0, "Pipeline", "Pipeline")


def _opportunity(facts: Facts, full: Columns, nothing: list[Any]) -> None:
    if any(None in full.get(name, nothing) for name in _STAGED[:4]):
        _staged(facts, full, nothing)
    amounts, expected = full.get("Amount", nothing), full.get("ExpectedRevenue", nothing)
    full["ExpectedRevenue"] = [
        round(float(amount) * float(chance) / 100, 2) if known is None and amount is not None else known
        for known, amount, chance in zip(expected, amounts, full["Probability"], strict=True)
    ]
    periods = [facts.periods[close] if close else None for close in full.get("CloseDate", nothing)]
    for at, name in enumerate(("FiscalYear", "FiscalQuarter", "Fiscal")):
        known = full.get(name, nothing)
        full[name] = [value if period is None else period[at] for value, period in zip(known, periods, strict=True)]


def _staged(facts: Facts, full: Columns, nothing: list[Any]) -> None:
    """What a stage says of rows that leave out any of the four flags and figures that come with it."""
    known = [full.get(name, nothing) for name in _STAGED]
    stages = facts.stages()
    said = [stages.get(str(name), _UNKNOWN_STAGE) for name in full.get("StageName", nothing)]
    lacking = [None in row for row in zip(*known[:4], strict=True)]
    for at, name in enumerate(_STAGED):
        full[name] = [
            stage[at] if lacks and value is None else value
            for value, stage, lacks in zip(known[at], said, lacking, strict=True)
        ]


def _name(facts: Facts, full: Columns, nothing: list[Any]) -> None:
    parts = zip(full.get("FirstName", nothing), full.get("LastName", nothing), strict=True)
    names = [" ".join([str(part) for part in pair if part]) or None for pair in parts]
    full["Name"] = _first(full.get("Name", nothing), names)


def _task(facts: Facts, full: Columns, nothing: list[Any]) -> None:
    closed = facts.closed()
    flags = zip(full.get("IsClosed", nothing), full.get("Status", nothing), strict=True)
    full["IsClosed"] = [status in closed if flag is None else flag for flag, status in flags]


def _event(facts: Facts, full: Columns, nothing: list[Any]) -> None:
    held, begun = full.get("ActivityDateTime", nothing), full.get("StartDateTime", nothing)
    full["ActivityDateTime"], full["StartDateTime"] = _first(held, begun), _first(begun, held)
    days = [str(begun)[:10] if begun else None for begun in full["StartDateTime"]]
    full["ActivityDate"] = _first(full.get("ActivityDate", nothing), days)


_Derive = Callable[[Facts, Columns, list[Any]], None]
_DERIVE: dict[str, _Derive] = {
    "Opportunity": _opportunity,
    "Contact": _name,
    "Lead": _name,
    "User": _name,
    "Task": _task,
    "Event": _event,
}


class _Periods(dict[str, tuple[int, int, str]]):
    """Close date -> fiscal year and quarter, and both as text."""

    def __missing__(self, close: str) -> tuple[int, int, str]:
        year, quarter = int(close[:4]), (int(close[5:7]) + 2) // 3
        found = self[close] = (year, quarter, f"{year} {quarter}")
        return found
