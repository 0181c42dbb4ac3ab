"""What does the portal hold after a call whose answer was lost or left records out?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connector.crm.base import Action, WriteResult, WriteStatus
from connector.crm.hubspot.catalog import Catalog
from connector.crm.hubspot.encode import same_text
from connector.crm.hubspot.faults import NotFound, Refusal
from connector.crm.hubspot.vet import Ready
from connector.crm.hubspot.wire import Wire
from connector.errors import Retry

LOST = "ANSWER_LOST"


@dataclass(frozen=True, slots=True)
class Confirmer:
    """Looks at the records themselves; never writes."""

    wire: Wire
    catalog: Catalog

    def outcomes(self, batch: Sequence[Ready], why: str, started: datetime | None = None) -> list[WriteResult]:
        """What became of writes for which nobody answered; applied only what the portal shows.

        A record made since `started` (the portal's clock) counts as created. What cannot be found again is failed:
        running again may, and finds by its key what was made after all.
        """
        try:
            if batch[0].write.action is Action.DELETE:
                return self.deleted(batch)
            return self._keyed(batch, why, started)
        except (Retry, Refusal) as error:
            return [_failed(each, f"{why}; looking it up failed as well: {error}") for each in batch]

    def deleted(self, batch: Sequence[Ready]) -> list[WriteResult]:
        """HubSpot answers 204 for ids that it never had, so the recycling bin decides."""
        ids = [each.write.id or "" for each in batch]
        gone = {str(each["id"]) for each in self._read(batch[0].api, ids, archived=True)}
        missing = [each for each in ids if each not in gone]
        alive = {str(each["id"]) for each in self._read(batch[0].api, missing)} if missing else set()
        return [_deleted(each, gone, alive) for each in batch]

    def _keyed(self, batch: Sequence[Ready], why: str, started: datetime | None) -> list[WriteResult]:
        field = self.key_field(batch[0])
        keys = {} if field is None else {each.trace: _key(each, field) for each in batch}
        wanted = [key for key in keys.values() if key]
        names = sorted({name for each in batch for name in each.values})
        found: dict[str, Mapping[str, Any]] = {}
        if field is not None and wanted:
            rows = self._read(batch[0].api, wanted, key_field=field, names=[*names, field])
            found = {str((each.get("properties") or {}).get(field)).lower(): each for each in rows}
        return [self._keyed_one(each, found.get(keys.get(each.trace, "").lower()), why, started) for each in batch]

    def _keyed_one(
        self, ready: Ready, row: Mapping[str, Any] | None, why: str, started: datetime | None
    ) -> WriteResult:
        if row is None:
            return _failed(ready, f"{why}; it may have been done")
        made = _made_since(row, started) or (started is None and ready.write.action is Action.CREATE)
        if not made and not self._holds(ready, row.get("properties") or {}):
            return _failed(ready, f"{why}; the record does not hold the values", str(row["id"]))
        return WriteResult(ready.write.ref, WriteStatus.APPLIED, str(row["id"]), created=made)

    def _holds(self, ready: Ready, held: Mapping[str, Any]) -> bool:
        known = self.catalog.properties(ready.write.object) or {}
        return all(
            same_text(text, held.get(name), str(known[name].get("type")))
            for name, text in ready.values.items()
            if name in known and known[name].get("fieldType") != "html"  # HubSpot tidies markup
        )

    def key_field(self, ready: Ready) -> str | None:
        """The property by which the record can be found again, or None."""
        if ready.write.action is Action.UPSERT:
            return ready.write.key_field
        known = self.catalog.properties(ready.write.object) or {}
        return next((name for name, text in ready.values.items() if text and known[name].get("hasUniqueValue")), None)

    def _read(
        self,
        api: str,
        ids: Sequence[str],
        *,
        key_field: str | None = None,
        names: Sequence[str] = (),
        archived: bool = False,
    ) -> list[dict[str, Any]]:
        body: dict[str, Any] = {
            "inputs": [{"id": each} for each in dict.fromkeys(ids)],
            "properties": list(names),
            "propertiesWithHistory": [],
        }
        if key_field is not None:
            body["idProperty"] = key_field
        try:
            # The client writes a bool of a POST's query as Python does; HubSpot's is lower-case.
            answer = self.wire.client.crm.objects.batch_api.read(api, body, archived=str(archived).lower())
        except NotFound:
            return []
        return list((answer.json() or {}).get("results") or ())


def _key(ready: Ready, field: str) -> str:
    return (ready.write.key if ready.write.action is Action.UPSERT else ready.values.get(field)) or ""


def _failed(ready: Ready, why: str, record_id: str | None = None) -> WriteResult:
    return WriteResult(ready.write.ref, WriteStatus.FAILED, record_id or ready.write.id, code=LOST, message=why)


def _deleted(ready: Ready, gone: set[str], alive: set[str]) -> WriteResult:
    write = ready.write
    if write.id in gone:
        return WriteResult(write.ref, WriteStatus.APPLIED, write.id)
    if write.id in alive:
        return _failed(ready, "the record is still there")
    text = "HubSpot has no such record, neither alive nor in its recycling bin"
    return WriteResult(write.ref, WriteStatus.REFUSED, write.id, code="OBJECT_NOT_FOUND", message=text)


def _made_since(row: Mapping[str, Any], started: datetime | None) -> bool:
    try:
        return started is not None and datetime.fromisoformat(str(row.get("createdAt"))) >= started
    except (ValueError, TypeError):
        return False
