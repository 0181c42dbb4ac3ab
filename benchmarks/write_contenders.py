"""Who writes 10,000 changed partners back, and how: one function a contender.

Each sends five of the product's own fields for each partner and ends knowing what became of every record, as a
connector must: simple-salesforce therefore fetches its job's result files too. One call a record is tried on 200
partners only and multiplied, as RESULTS.md says.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import date
from decimal import Decimal

import numpy as np

from benchmarks import measure, rows
from benchmarks.measure import Target
from benchmarks.pull_contenders import connection, salesforce

ONE_BY_ONE = 200
"""How many partners are written one call each."""

_WHY = "Quote-to-close 27 % of 41 quotes in 12 months is under 30 %; footprint overlaps in 2 of 3 regions, größer"


def changed(count: int) -> list[dict[str, object]]:
    """The partners that changed: id and five values."""
    return [
        {
            "Id": partner,
            "PMOM_Triage_Decision__c": ("Invest", "Maintain", "Enable", "Exit")[at % 4],
            "PMOM_Lever__c": ("Demand Gen", "Enablement")[at % 2],
            "PMOM_Quote_To_Close__c": Decimal(at % 1000) / 10,
            "PMOM_As_Of__c": date(2026, 1, 1 + at % 28),
            "PMOM_Reasons__c": f"{_WHY} ({at})",
        }
        for at, partner in enumerate(rows.record_ids("001", np.arange(count)).to_pylist())
    ]


def _plain(record: dict[str, object]) -> dict[str, object]:
    return {name: value if isinstance(value, str) else str(value) for name, value in record.items()}


def _pmom(target: Target, **settings: int) -> dict[str, object]:
    from connector.crm.base import Action, Write
    from connector.crm.salesforce.adapter import SalesforceCRM

    crm = SalesforceCRM(connection(target, **settings))
    writes = []
    for record in changed(target.rows):
        values = tuple((name, value) for name, value in record.items() if name != "Id")
        writes.append(Write(str(record["Id"]), "Account", Action.UPDATE, values, id=str(record["Id"])))  # type: ignore[arg-type]
    applied = sum(result.status == "applied" for result in crm.write(writes))
    crm.close()
    return {"records": len(writes), "outcomes": applied}


def pmom_job(target: Target) -> dict[str, object]:
    """The connector as it comes: so many changes become one ingest job."""
    return _pmom(target)


def pmom_collections(target: Target) -> dict[str, object]:
    """The connector told to use collection calls however many records there are."""
    return _pmom(target, bulk_writes=10**9)


def simple_bulk(target: Target) -> dict[str, object]:
    """simple-salesforce `bulk2.update`, then both result files."""
    from simple_salesforce.bulk2 import SFBulk2Type

    bulk: SFBulk2Type = salesforce(target).bulk2.Account
    records = [_plain(record) for record in changed(target.rows)]
    outcomes = 0
    for job in bulk.update(records=records, wait=0):
        done = bulk.get_all_ingest_records(job["job_id"])
        outcomes += len(done["successfulRecords"]) + len(done["failedRecords"])
    return {"records": len(records), "outcomes": outcomes}


def simple_each(target: Target) -> dict[str, object]:
    """simple-salesforce `Account.update`, one call a record."""
    account = salesforce(target).Account
    records = [_plain(record) for record in changed(min(ONE_BY_ONE, target.rows))]
    outcomes = 0
    for record in records:
        outcomes += account.update(record.pop("Id"), record) == 204
    return {"records": len(records), "outcomes": outcomes}


CONTENDERS: dict[str, Callable[[Target], dict[str, object]]] = {
    "pmom, one ingest job": pmom_job,
    "pmom, collections of 200": pmom_collections,
    "simple-salesforce bulk2.update": simple_bulk,
    "simple-salesforce, one call a record": simple_each,
}


def main() -> None:
    """The command line of a contender's process."""
    name, target = measure.target(sys.argv[1:])
    measure.report(lambda: CONTENDERS[name](target))


if __name__ == "__main__":
    main()
