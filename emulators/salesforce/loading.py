"""How an org is filled without going through its automations: the founding rows, and files whose ids are kept."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emulators.salesforce import storage
from emulators.salesforce.access import PERMISSION_OBJECTS
from emulators.salesforce.schema import ObjectType

if TYPE_CHECKING:
    from emulators.salesforce.org import Org

_BATCH = 5000
_FOUNDING = Path(__file__).with_name("catalog") / "founding"


def found_org(org: Org) -> None:
    """The rows that every org has from its first day: organization, users, stages, statuses, roles, currency."""
    names: dict[str, str] = {}
    with org.transaction():
        for path in sorted(_FOUNDING.glob("*.json")):
            for group in json.loads(path.read_text(encoding="utf-8")):
                obj = org.schema.object(group["object"])
                if obj is not None:
                    load_raw(org, obj, [_named(org, obj, row, names) for row in group["rows"]])


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
    kept = [field for field in obj.fields.values() if storage.has_column(field)]
    sql = (
        f"INSERT OR REPLACE INTO {storage.table(obj)} ({', '.join(storage.column(field) for field in kept)}) "
        f"VALUES ({', '.join('?' * len(kept))})"
    )
    names = [field.name for field in kept]
    flags = [place for place, field in enumerate(kept) if field.type == "boolean"]
    facts = Facts(org)
    count, batch = 0, []
    with org.transaction() as connection:
        for row in rows:
            full = complete(facts, obj, row)
            values = [None if (value := full.get(name)) == "" else value for name in names]
            for place in flags:
                values[place] = 1 if values[place] else 0
            batch.append(values)
            if len(batch) >= _BATCH:
                connection.executemany(sql, batch)
                count, batch = count + len(batch), []
        connection.executemany(sql, batch)
    if obj.name.lower() in PERMISSION_OBJECTS:
        org.rights_changed()
    return count + len(batch)


def complete(facts: Facts, obj: ObjectType, row: Mapping[str, Any]) -> dict[str, Any]:
    """The row with what a loader may leave out: id, audit fields, owner, names and flags that the org derives."""
    org, full = facts.org, dict(row)
    if not full.get("Id"):
        full["Id"] = facts.next_id(obj)
    created = full.get("CreatedDate") or full.get("LastModifiedDate") or full.get("SystemModstamp") or facts.now
    modified = full.get("LastModifiedDate") or created
    filled: dict[str, Any] = {
        "CreatedDate": created,
        "LastModifiedDate": modified,
        "SystemModstamp": max(str(modified), str(full.get("SystemModstamp") or "")),
        "CreatedById": org.user_id,
        "LastModifiedById": org.user_id,
        "OwnerId": org.user_id,
        "CurrencyIsoCode": facts.currency,
    }
    for name, value in filled.items():
        if not full.get(name) and name.lower() in obj.fields:
            full[name] = value
    derive = _DERIVE.get(obj.name)
    if derive is not None:
        derive(facts, full)
    return full


class Facts:
    """Stage and status values of the org, read once a load."""

    def __init__(self, org: Org) -> None:
        self.org = org
        self._stages: dict[str, tuple[int, int, float, str, str]] | None = None
        self._closed: frozenset[str] | None = None
        self.currency = org.corporate_currency
        self.now = org.clock.stamp()
        self._ids: list[str] = []

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


def _opportunity(facts: Facts, row: dict[str, Any]) -> None:
    if any(row.get(name) is None for name in ("IsClosed", "IsWon", "Probability", "ForecastCategory")):
        closed, won, chance, category, label = facts.stages().get(
            str(row.get("StageName")), (0, 0, 0.0, "Pipeline", "Pipeline")
        )
        for name, value in (
            ("IsClosed", closed),
            ("IsWon", won),
            ("Probability", chance),
            ("ForecastCategory", category),
            ("ForecastCategoryName", label),
        ):
            if row.get(name) is None:
                row[name] = value
    if row.get("ExpectedRevenue") is None and row.get("Amount") is not None:
        row["ExpectedRevenue"] = round(float(row["Amount"]) * float(row["Probability"]) / 100, 2)
    close = row.get("CloseDate")
    if close:
        year, quarter = int(close[:4]), (int(close[5:7]) + 2) // 3
        row.update(FiscalYear=year, FiscalQuarter=quarter, Fiscal=f"{year} {quarter}")


def _name(facts: Facts, row: dict[str, Any]) -> None:
    if not row.get("Name"):
        row["Name"] = " ".join(str(part) for part in (row.get("FirstName"), row.get("LastName")) if part) or None


def _task(facts: Facts, row: dict[str, Any]) -> None:
    if row.get("IsClosed") is None:
        row["IsClosed"] = row.get("Status") in facts.closed()


def _event(facts: Facts, row: dict[str, Any]) -> None:
    row["ActivityDateTime"] = row.get("ActivityDateTime") or row.get("StartDateTime")
    row["StartDateTime"] = row.get("StartDateTime") or row.get("ActivityDateTime")
    if row.get("StartDateTime") and not row.get("ActivityDate"):
        row["ActivityDate"] = str(row["StartDateTime"])[:10]


_DERIVE = {
    "Opportunity": _opportunity,
    "Contact": _name,
    "Lead": _name,
    "User": _name,
    "Task": _task,
    "Event": _event,
}
