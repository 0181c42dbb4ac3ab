"""A connection whose store is on a PostgreSQL server decides and writes exactly as one with a file."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.mirror import Mirror
from connector.store.store import Store
from connector.sync.audit import close_quarter
from connector.sync.context import Context
from connector.sync.retention import retention


@pytest.fixture
def on_a_server(office: Any, database: str, tmp_path: Path) -> Iterator[Any]:
    """A copy of the office, whose memory is elsewhere."""
    crm, old = copy.deepcopy(office.crm), office.ctx
    with closing(Store.open(database, "memory")) as store, Mirror.open(tmp_path / "other.duckdb") as mirror:
        ctx: Context = replace(old, crm=crm, store=store, mirror=mirror, clock=lambda: crm.now_at)
        yield type(office)(ctx, crm)


def lived(office: Any) -> list[Any]:
    """Some weeks of an office: what its records, tasks and memory say at the end."""
    partner, other = office.quoting("Alder", won=3, of=5), office.partner("Birch")
    first = office.sync()
    office.edit("Account", other, PMOM_Partner_Persona__c="Referral")
    second = office.sync()
    office.crm.advance(timedelta(days=20))
    third = office.sync()
    close_quarter(office.ctx, office.next_run())
    forgotten = retention(office.ctx)
    store = office.ctx.store
    return [
        [report.applied.counts if report.applied else None for report in (first, second, third)],
        sorted(office.card(partner).items(), key=str),
        sorted(office.card(other).items(), key=str),
        [(row.partner_id, row.digest, row.body) for _, row in sorted(store.latest_decisions().items())],
        sorted((row.change, row.status, row.after) for row in store.outcomes()),
        [(run.kind, run.state) for run in store.runs()],
        [row.version for row in store.audits().versions()],
        sorted(store.credits().latest().items()),
        forgotten,
        len(office.tasks()),
    ]


@pytest.mark.slow
def test_the_same_weeks_end_alike_on_a_file_and_on_a_server(office: Any, on_a_server: Any) -> None:
    on_a_file = lived(office)
    assert lived(on_a_server) == on_a_file
    assert on_a_file[0][0]["applied"] > 0
