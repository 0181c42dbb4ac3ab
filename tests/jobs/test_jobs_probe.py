"""A probe says that a connection works only when the CRM answers and the store and the mirror can be written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest
import sqlalchemy as sa

from connector.errors import Unkept
from connector.mirror import Mirror
from connector.store.store import Store
from connector.sync.context import wall_clock
from jobs.orders import By, Kind, Order
from jobs.work import worked

PROBE = Order(Kind.PROBE, "east", By.SCHEDULE, "1")


@pytest.fixture
def ctx(tmp_path: Path) -> Iterator[Any]:
    crm = SimpleNamespace(identity=lambda: "portal 1")
    with (
        closing(Store.open(tmp_path / "store.sqlite", "east")) as store,
        closing(Mirror.open(tmp_path / "mirror.duckdb")) as mirror,
    ):
        yield SimpleNamespace(connection="east", crm=crm, store=store, mirror=mirror, clock=wall_clock)


def test_where_all_can_be_written_it_is_well(ctx: Any) -> None:
    assert worked(ctx, PROBE, None) == {"identity": "portal 1"}  # type: ignore[arg-type]


def test_a_store_that_can_only_be_read_is_not_well(ctx: Any) -> None:
    @sa.event.listens_for(ctx.store._engine, "checkout")
    def checkout(connection: Any, record: Any, proxy: Any) -> None:
        connection.execute("PRAGMA query_only=ON")

    with pytest.raises(Unkept, match=r"store\.sqlite: attempt to write a readonly database"):
        worked(ctx, PROBE, None)  # type: ignore[arg-type]


def test_a_mirror_that_cannot_be_written_is_not_well(ctx: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(mirror: Mirror, key: str, value: str | None) -> None:
        raise duckdb.IOException("Could not write file: No space left on device")

    monkeypatch.setattr(Mirror, "set_meta", full)
    with pytest.raises(Unkept, match=r"the mirror cannot be written \(.*No space left"):
        worked(ctx, PROBE, None)  # type: ignore[arg-type]
