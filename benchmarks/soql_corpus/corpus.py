"""The corpus: queries over the standard objects, the code each is refused with, and the emulator's own verdict."""

from __future__ import annotations

import csv
import dataclasses
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from emulators.salesforce import storage
from emulators.salesforce.catalog import load
from emulators.salesforce.ids import make_id
from emulators.salesforce.schema import FieldType, Schema
from emulators.salesforce.soql import Context, SoqlError, prepare

QUERIES = Path(__file__).with_name("queries.tsv")
# What the corpus needs beyond the standard objects: a multi-select picklist and a formula.
_CUSTOM = (
    FieldType("Tiers__c", "Tiers", "multipicklist", custom=True),
    FieldType("OwnerName__c", "Owner Name", "string", length=80, custom=True, calculated=True, formula="Owner.Name"),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One query: the rule it is an example of, the code it is refused with (empty when accepted), and why."""

    rule: str
    code: str
    query: str
    why: str

    @property
    def accepted(self) -> bool:
        """Whether Salesforce answers it."""
        return not self.code


def entries(path: Path = QUERIES) -> tuple[Entry, ...]:
    """All queries of the file, in its order."""
    with path.open(encoding="utf-8", newline="") as lines:
        rows = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        return tuple(Entry(row["rule"], row["code"], row["query"], row["why"]) for row in rows)


def schema() -> Schema:
    """The standard objects, Account with the corpus's two custom fields."""
    standard = load()
    account = standard.objects["account"]
    fields = {**account.fields, **{field.name.lower(): field for field in _CUSTOM}}
    return Schema({**standard.objects, "account": dataclasses.replace(account, fields=fields)})


class Judge:
    """The emulator over an org without records: what it says of a query. Close it after use."""

    def __init__(self) -> None:
        self.schema = schema()
        self.connection = sqlite3.connect(":memory:")
        for obj in self.schema.objects.values():
            storage.create_object(self.connection, obj)
        now, user = datetime(2026, 3, 11, 12, tzinfo=UTC), make_id("005", "000", 1)
        self.context = Context(self.schema, lambda *_: True, now, ZoneInfo("UTC"), user)

    def code(self, query: str) -> str:
        """The code the query is refused with, empty when it is answered."""
        try:
            prepare(self.connection, query, self.context)
        except SoqlError as refused:
            return refused.code
        return ""

    def close(self) -> None:
        """Forget the org."""
        self.connection.close()
