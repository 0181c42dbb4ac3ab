"""A report says first what is promised and whether it holds, and nobody who loses a row is in it."""

from __future__ import annotations

import pytest

from benchmarks import hubspot, hubspot_report, pull, report, writes
from benchmarks.measure import ContenderFailed, Cost
from benchmarks.pull import Row


def _cost(name: str, wall: float, **checks: object) -> Cost:
    told = {"rows": 100, "total": "5.00"} | checks
    return Cost(name, wall, wall, wall + 1, 100.0, 6, {"query": 6}, 0.01, told)


def _row(name: str, wall: float, peak: float = 100.0, rows: int = 100) -> Row:
    return Row(name, 3, rows, wall, (wall, wall), wall, wall, peak, 6, 0.01)


def test_the_middle_run_counts_and_the_highest_memory() -> None:
    found = pull.medians([_cost("x", 3.0), _cost("x", 1.0), _cost("x", 2.0)], 100)
    assert (found.wall_s, found.spread, found.rows_per_s) == (2.0, (1.0, 3.0), 50.0)


def test_a_contender_that_loses_a_row_is_not_measured() -> None:
    with pytest.raises(ContenderFailed, match="99 rows of 100"):
        pull.check([_cost("ours", 1.0), _cost("theirs", 1.0, rows=99)], 100)


def test_a_contender_that_loses_a_cent_is_not_measured() -> None:
    with pytest.raises(ContenderFailed, match="differ"):
        pull.check([_cost("ours", 1.0), _cost("theirs", 1.0, total="4.99")], 100)


def _pull_rows(ours: float) -> list[Row]:
    walls = {pull.BOUND: 1.0, pull.OURS: ours, pull.STORED: 3.0, pull.UNSTORED: 2.0, pull.DLT: 22.5}
    return [_row(name, wall) for name, wall in walls.items()]


def test_a_pull_at_exactly_its_bounds_meets_all_targets() -> None:
    _, targets = report.pull_table(_pull_rows(1.5), "command")
    assert [target.met for target in targets] == [True, True, True]


def test_a_pull_just_beyond_its_bounds_meets_none() -> None:
    _, targets = report.pull_table(_pull_rows(1.51), "command")
    assert [target.met for target in targets] == [False, False, False]


@pytest.mark.parametrize(("last", "met"), [(125.0, True), (126.0, False)])
def test_memory_is_flat_up_to_a_quarter_more(last: float, met: bool) -> None:
    sizes = [_row("ours", 1, 90, 50), _row("ours", 1, 100, 200), _row("ours", 1, last, 800)]
    _, targets = report.growth_table(sizes, "command", "Salesforce")
    assert [target.met for target in targets] == [met]


def test_calls_of_one_call_a_record_are_multiplied_and_marked() -> None:
    names = (writes.JOB, writes.COLLECTIONS, writes.PEER)
    found = [(_row(name, 1, rows=10_000), 4) for name in names] + [(_row(writes.EACH, 1, rows=200), 200)]
    table, targets = report.write_table(found, "command")
    assert table.rows[-1][:3] == (writes.EACH, "about 10,000", "about 50.00")
    assert all(target.met for target in targets)


def test_the_page_begins_with_the_targets_and_names_the_command_of_each_table() -> None:
    found = report.Report()
    found.add(*report.pull_table(_pull_rows(2.0), "python -m benchmarks pull --rows 100"))
    page = report.markdown(found)
    assert page.index("## Targets") < page.index("**not met**") < page.index("## Salesforce: pull")
    assert "`python -m benchmarks pull --rows 100`" in page


def _deal_rows(bound: float, ours: float, client: float) -> list[Row]:
    walls = {hubspot.BOUND: bound, hubspot.OURS: ours, hubspot.CLIENT: client, hubspot.DLT: 20.0}
    return [_row(name, wall) for name, wall in walls.items()]


def test_a_pull_of_deals_at_exactly_its_bounds_meets_its_targets_and_beyond_them_none() -> None:
    met = [
        [target.met for target in hubspot_report.pull_table(_deal_rows(1.0, ours, 4.5), "command")[1]]
        for ours in (1.5, 1.51)
    ]
    assert met == [[True, True], [False, False]]


@pytest.mark.parametrize(("calls", "met"), [(99, False), (100, True), (101, False)])
def test_ten_thousand_companies_take_a_hundred_calls_no_more_and_no_less(calls: int, met: bool) -> None:
    found = [(_row(hubspot.UPDATES, 1, rows=10_000), calls), (_row(hubspot.PEER, 1, rows=10_000), 100)]
    assert [target.met for target in hubspot_report.update_table(found, "command")[1]] == [met]


def test_the_calls_of_a_pull_of_little_news_are_told_by_kind() -> None:
    found = {"one deal changed": {"calls": {"search": 2, "read": 1}, "wall_s": 1.0, "cpu_s": 0.5, "changed": 1}}
    table, targets = hubspot_report.incremental_table(found, "command")
    assert (table.rows, targets) == ((("one deal changed", "3", "1 read, 2 search", "1.00", "0.50"),), [])
