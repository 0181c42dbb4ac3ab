"""Pages are written in whole groups, and after a crash nothing is lost or doubled by it."""

from __future__ import annotations

import pyarrow as pa

from connector.mirror import Mirror
from connector.mirror.gathered import GROUP_ROWS, MOST_ROWS, Gathered


def _page(first: int, count: int) -> pa.Table:
    return pa.table({"id": pa.array([str(at) for at in range(first, first + count)], pa.string())})


def _gathered(*counts: int) -> Gathered:
    found, first = Gathered(), 0
    for at, count in enumerate(counts, start=1):
        found.add(_page(first, count), f"page {at}")
        first += count
    return found


def _sizes(pages: list[pa.Table]) -> list[int]:
    return [page.num_rows for page in pages]


def test_rows_that_fill_no_group_are_all_written() -> None:
    held = _gathered(100, GROUP_ROWS - 101)
    pages, token = held.take(everything=False)
    assert (_sizes(pages), token, held.rows, held.bytes) == ([100, GROUP_ROWS - 101], "page 2", 0, 0)


def test_of_more_than_a_group_the_rest_waits_and_its_page_counts_as_not_read() -> None:
    held = _gathered(100, GROUP_ROWS)
    pages, token = held.take(everything=False)
    assert (_sizes(pages), token, held.rows) == ([100, GROUP_ROWS - 100], "page 1", 100)
    assert held.take(everything=True)[1] == "page 2"


def test_a_page_that_ends_with_a_group_counts_as_read() -> None:
    pages, token = _gathered(100, GROUP_ROWS - 100).take(everything=False)
    assert (sum(_sizes(pages)), token) == (GROUP_ROWS, "page 2")


def test_a_page_larger_than_all_groups_written_ends_none() -> None:
    pages, token = _gathered(GROUP_ROWS + 1).take(everything=False)
    assert (_sizes(pages), token) == ([GROUP_ROWS], None)


def test_an_empty_page_brings_its_token() -> None:
    held = _gathered(0)
    assert (_sizes(held.take(everything=False)[0]), held.take(everything=False)) == ([0], ([], None))


def test_two_groups_are_enough_to_write() -> None:
    assert [_gathered(MOST_ROWS - 1).full(), _gathered(MOST_ROWS).full()] == [False, True]


def test_a_table_that_fills_no_group_between_two_looks_is_written_part_by_part() -> None:
    held = _gathered(100)
    assert [held.waited(), held.waited()] == [True, True]


def test_what_is_left_of_a_group_waits_for_the_next_look_and_no_longer() -> None:
    held = _gathered(GROUP_ROWS + 100)
    assert (held.waited(), held.take(everything=False)[1]) == (True, None)
    assert [held.waited(), held.waited()] == [False, True]


def test_a_full_group_is_written_at_every_look() -> None:
    held = _gathered(GROUP_ROWS)
    held.moving = True
    assert held.waited()


def test_a_page_that_was_cut_by_a_write_and_read_again_is_there_once(mirror: Mirror) -> None:
    size = MOST_ROWS // 2 - 1000
    mirror.begin_full("users", "a")
    for page in range(3):
        mirror.append("users", "a", _page(page * size, size), token=f"page {page}")
    stored = mirror.query("SELECT count(*) AS rows FROM staging_users_1").to_pylist()
    assert (stored, mirror.query("SELECT token FROM pmom_staging").to_pylist()) == (
        [{"rows": MOST_ROWS}],
        [{"token": "page 1"}],
    )
    mirror.append("users", "a", _page(2 * size, size), token="page 2")
    mirror.finish_full("users", "a")
    assert mirror.counts()["users"] == 3 * size
