"""How a portal's world is kept on disk, and how the Salesforce world is read that it is made of."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from emulators.world.hubspot_ids import hubspot_id
from emulators.world.hubspot_names import COLUMNS, OWNED_BY_PEOPLE
from emulators.world.sheets import Sheet

Row = dict[str, str]


@dataclass(slots=True)
class Source:
    """The Data Loader folder of a generated world."""

    path: Path

    def rows(self, name: str) -> Iterator[Row]:
        """The rows of one file, one at a time."""
        with (self.path / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            yield from csv.DictReader(file)


@dataclass(slots=True)
class PortalFolder:
    """The folder that the HubSpot emulator loads; a context manager that closes its files."""

    path: Path
    sheets: dict[str, Sheet] = field(default_factory=dict)

    def __enter__(self) -> PortalFolder:
        (self.path / "after_install").mkdir(parents=True, exist_ok=True)
        self.sheets = {name: Sheet(self.path / f"{name}.csv", columns) for name, columns in COLUMNS.items()}
        self.sheets["after_install"] = Sheet(self.path / "after_install" / "companies.csv", OWNED_BY_PEOPLE)
        self.sheets["ids"] = Sheet(self.path / "ids.csv", ("salesforce_id", "hubspot_id"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for sheet in self.sheets.values():
            sheet.close()

    def add(self, name: str, row: dict[str, Any]) -> None:
        """Append one row to a file."""
        self.sheets[name].add(row)

    def record(self, name: str, row: Row, values: dict[str, Any]) -> str:
        """Append the counterpart of a Salesforce row, its id and whether it is archived included; -> its id."""
        id_ = hubspot_id(row["Id"])
        archived = row["SystemModstamp"] if row.get("IsDeleted") == "true" else ""
        self.add(name, {"hs_object_id": id_, "archived_at": archived, **values})
        self.same(row["Id"], id_)
        return id_

    def same(self, salesforce_id: str, id_: str) -> None:
        """Note which record stands for which Salesforce record."""
        self.add("ids", {"salesforce_id": salesforce_id, "hubspot_id": id_})

    def link(self, from_object: str, from_id: str, to_object: str, to_id: str, label: str = "") -> None:
        """Associate two records; nothing happens when one of them is empty."""
        if from_id and to_id:
            row = {"from_object": from_object, "from_id": from_id, "to_object": to_object, "to_id": to_id}
            self.add("associations", row | {"label": label})


def dates(row: Row, created: str = "hs_createdate", modified: str = "hs_lastmodifieddate") -> Row:
    """When the record was made and last touched, under the names that the object has for them."""
    return {created: row["CreatedDate"], modified: row["SystemModstamp"]}
