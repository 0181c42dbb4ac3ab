"""What does `pmom measure` say about all partners, about one, and about who of many is faster?"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pyarrow as pa
import pytest
from rich.console import Console

from connector.cli.measure import as_json, as_tables
from connector.config.policy import load
from connector.facts.cycle_report import CycleReport, cycle_report
from connector.measure.cycle_times import DEFINITIONS
from connector.mirror import Mirror
from connector.mirror.layout import CANONICAL, arrow_type

AS_OF = datetime(2026, 6, 30, 12, tzinfo=UTC)
FAST = ("p0", "p1", "p2")


def rows_of_a_year(chance: random.Random) -> dict[str, list[dict[str, Any]]]:
    """Twelve partners of 60 opportunities, three of them really 40 % faster, and 800 direct ones."""
    found: dict[str, list[dict[str, Any]]] = {
        "partners": [
            {"id": f"p{n}", "name": f"Partner {n}", "created_at": AS_OF - timedelta(2000)} for n in range(12)
        ],
        "opportunities": [], "partner_links": [],
    }  # fmt: skip
    whose = [f"p{n % 12}" for n in range(720)] + [""] * 800
    for n, partner in enumerate(whose):
        opened, size = chance.randint(20, 900), chance.lognormvariate(9, 0.8)
        won = chance.lognormvariate(4.2, 0.5) * (0.6 if partner in FAST else 1)
        took = int(min(won, lost := chance.lognormvariate(5.3, 0.6))) + 1
        closed = took < opened
        id_, day = f"o{n:04}", AS_OF.date() - timedelta(opened)
        found["opportunities"].append(
            {
                "id": id_, "stage": "x", "is_closed": closed, "is_won": closed and won < lost,
                "amount": Decimal(int(size)), "created_at": AS_OF - timedelta(opened),
                "close_date": day + timedelta(took) if closed else date(2027, 1, 1),
            }
        )  # fmt: skip
        if partner:
            link = {"id": f"l{n:04}", "opportunity_id": id_, "partner_id": partner, "role": "lead"}
            found["partner_links"].append(link)
            if n % 40 == 0:  # a second partner on the same opportunity: all partners together count it once
                found["partner_links"].append({**link, "id": f"m{n:04}", "partner_id": f"p{(n + 1) % 12}"})
    return found


@contextmanager
def a_mirror() -> Iterator[Mirror]:
    with Mirror.open(":memory:", threads=1) as mirror:
        world = rows_of_a_year(random.Random(3))
        for name in CANONICAL:
            rows = world.get(name, [])
            if rows:
                columns = [column for column in CANONICAL[name].columns if column.name in rows[0]]
                made = {c.name: pa.array([row[c.name] for row in rows], arrow_type(c.kind)) for c in columns}
                mirror.upsert(name, "made", pa.table(made))
            mirror.set_source(name, True, "", AS_OF)
        yield mirror


@pytest.fixture(scope="module")
def reports() -> tuple[CycleReport, CycleReport]:
    """About all partners, and about one that is faster."""
    policy = load("default")
    with a_mirror() as mirror:
        return cycle_report(mirror, policy, AS_OF), cycle_report(mirror, policy, AS_OF, "p1")


def told(thing: Any) -> str:
    console = Console(width=220, file=StringIO())
    console.print(thing)
    file = console.file
    assert isinstance(file, StringIO)
    return file.getvalue()


@pytest.mark.slow
def test_all_definitions_stand_side_by_side_and_every_opportunity_counts_once(
    reports: tuple[CycleReport, CycleReport],
) -> None:
    everybody, _ = reports
    assert [line.definition for line in everybody.lines] == list(DEFINITIONS)
    assert (everybody.group.n, everybody.direct.n) == (720, 800)
    assert everybody.group.won + everybody.group.lost + everybody.group.open == 720


@pytest.mark.slow
def test_the_partners_that_are_faster_are_listed_and_few_others(reports: tuple[CycleReport, CycleReport]) -> None:
    everybody, _ = reports
    listed = [each for each in everybody.faster if each.listed]
    assert {each.partner_id for each in listed[:3]} == set(FAST)
    assert {each.partner_id for each in listed if each.cycle.status.value == "Faster"} == set(FAST)
    assert len(listed) < everybody.judged / 2


@pytest.mark.slow
def test_one_partner_is_told_with_its_verdict_and_what_stands_beside_it(
    reports: tuple[CycleReport, CycleReport],
) -> None:
    _, one = reports
    assert one.name == "Partner 1"
    assert one.cycle is not None
    assert (one.cycle.status.value, one.cycle.fact.definition) == ("Faster", "censored")
    text = told(as_tables(one))
    for part in (*DEFINITIONS, "censored *", "not causal", "win rate", "mean days to a loss", "Cycle time: Faster"):
        assert part in text


@pytest.mark.slow
def test_the_json_holds_what_the_tables_show(reports: tuple[CycleReport, CycleReport]) -> None:
    everybody, one = (as_json(report) for report in reports)
    assert [line["definition"] for line in everybody["definitions"]] == list(DEFINITIONS)
    assert [line["used"] for line in everybody["definitions"]] == [False] * 5 + [True]
    assert everybody["verdict"] is None
    assert one["verdict"] == {"status": "Faster", "code": "FASTER"}
    assert one["faster"] == []
    assert 0.2 < one["definitions"][-1]["delta"] < 0.6
    assert "listed" in everybody["faster"][0]
    assert "not causal" in told(as_tables(reports[0]))


@pytest.mark.slow
def test_a_stricter_rate_lists_no_more(reports: tuple[CycleReport, CycleReport]) -> None:
    policy = load("default")
    strict = replace(policy, cycle_time=replace(policy.cycle_time, false_discovery_rate=Decimal("0.000001")))
    with a_mirror() as mirror:
        found = cycle_report(mirror, strict, AS_OF)
        with pytest.raises(KeyError):
            cycle_report(mirror, policy, AS_OF, "nobody")
    assert sum(each.listed for each in found.faster) <= sum(each.listed for each in reports[0].faster)
