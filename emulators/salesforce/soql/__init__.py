"""SOQL as Salesforce understands it, answered from SQLite; strict about what Salesforce refuses."""

from __future__ import annotations

from emulators.salesforce.soql.bulk import rows_for_bulk
from emulators.salesforce.soql.context import Context
from emulators.salesforce.soql.errors import SoqlError
from emulators.salesforce.soql.parser import parse
from emulators.salesforce.soql.run import Prepared, Records, Result, prepare, run
from emulators.salesforce.soql.shapes import ResultColumn

__all__ = [
    "Context",
    "Prepared",
    "Records",
    "Result",
    "ResultColumn",
    "SoqlError",
    "parse",
    "prepare",
    "rows_for_bulk",
    "run",
]
