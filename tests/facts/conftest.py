"""Small mirrors for the facts' tests: rows by table name, everything read unless told otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from connector.config.policy import load
from connector.core.facts import PartnerFacts
from connector.core.policy import Policy
from connector.facts.gather import compute
from connector.mirror import Mirror
from connector.mirror.layout import CANONICAL, arrow_type

Rows = Mapping[str, Sequence[Mapping[str, Any]]]

AS_OF = datetime(2026, 7, 1, 12, tzinfo=UTC)
TODAY = date(2026, 7, 1)


def table_of(name: str, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    columns = [column for column in CANONICAL[name].columns if any(column.name in row for row in rows)]
    return pa.table(
        {column.name: pa.array([row.get(column.name) for row in rows], arrow_type(column.kind)) for column in columns}
    )


def fill(mirror: Mirror, world: Rows, unavailable: Sequence[str] = ()) -> None:
    for name in CANONICAL:
        if world.get(name):
            mirror.upsert(name, "made", table_of(name, world[name]))
        mirror.set_source(name, name not in unavailable, "", AS_OF)


@pytest.fixture(scope="session")
def policy() -> Policy:
    """The default policy in Berlin's time, so that midnight is not UTC's."""
    return replace(load("default"), timezone="Europe/Berlin", corporate_currency="USD")


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    with Mirror.open(":memory:", threads=1) as opened:
        yield opened


Facts = Callable[..., dict[str, PartnerFacts]]


@pytest.fixture
def facts_of(mirror: Mirror, policy: Policy) -> Facts:
    """Facts by partner id of a world: `facts_of(world, unavailable=(...), policy=..., as_of=...)`."""

    def run(world: Rows, unavailable: Sequence[str] = (), **given: Any) -> dict[str, PartnerFacts]:
        fill(mirror, world, unavailable)
        found = compute(mirror, given.get("policy", policy), given.get("as_of", AS_OF), given.get("partner_ids"))
        return {facts.partner_id: facts for facts in found}

    return run


@pytest.fixture
def at() -> Callable[..., datetime]:
    """An instant so many days before the day of as_of, at an hour of UTC (default noon)."""

    def instant(days: int, hour: int = 12, minute: int = 0) -> datetime:
        return datetime(2026, 7, 1, hour, minute, tzinfo=UTC) - timedelta(days=days)

    return instant


@pytest.fixture
def day() -> Callable[[int], date]:
    """The date so many days before the day of as_of."""
    return lambda days: TODAY - timedelta(days=days)


@pytest.fixture(scope="session")
def fill_mirror() -> Callable[..., None]:
    return fill
