"""Path strings: what is read, what is refused, and that one hostile row never stops the others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.measure.paths import (
    MOST_CHARACTERS,
    NOWHERE,
    Fault,
    Refusal,
    Touch,
    from_strings,
    from_touches,
    grouped,
    kept,
    labels,
    milestone,
)


def test_blanks_around_a_name_do_not_count() -> None:
    paths = from_strings(["A > B>C", " A", "C>  A  "], [1, 2, 3], [0, 1, 0], [10, 20, np.nan]).paths
    assert paths.names == ("A", "B", "C")
    assert (list(paths.codes), list(paths.offsets)) == ([0, 1, 2, 0, 2, 0], [0, 3, 4, 6])
    assert (list(paths.wins), list(paths.losses)) == ([1, 2, 3], [0, 1, 0])


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("", Fault.EMPTY_PATH),
        (None, Fault.EMPTY_PATH),
        ("A >  > B", Fault.EMPTY_SEGMENT),
        ("A >", Fault.EMPTY_SEGMENT),
        (" ", Fault.EMPTY_SEGMENT),
        ("A\0 > B", Fault.CONTROL_CHARACTER),
        ("A > B\nC", Fault.CONTROL_CHARACTER),
        ("A" * (MOST_CHARACTERS + 1), Fault.TOO_LONG),
    ],
)
def test_a_hostile_path_is_left_out_and_told(path: str | None, fault: Fault) -> None:
    found = from_strings(["fine > A", path, "A"], [1, 1, 1])
    assert found.refused == (Refusal(1, fault),)
    assert (found.paths.names, list(found.paths.lengths)) == (("A", "fine"), [2, 1])


def test_the_longest_path_that_is_read() -> None:
    assert from_strings(["A" * MOST_CHARACTERS], [1]).refused == ()


@pytest.mark.parametrize("count", [-1.0, 0.5, np.nan, np.inf])
def test_fractions_of_wins_are_refused_instead_of_cut(count: float) -> None:
    assert from_strings(["A", "B"], [count, 1]).refused == (Refusal(0, Fault.NOT_A_COUNT),)
    assert from_strings(["A", "B"], [1, 1], [0, count]).refused == (Refusal(1, Fault.NOT_A_COUNT),)


@pytest.mark.parametrize(("amount", "refused"), [(np.inf, True), (-0.01, True), (0.0, False), (np.nan, False)])
def test_an_amount_is_a_number_or_unknown(amount: float, refused: bool) -> None:
    found = from_strings(["A"], [1], None, [amount])
    assert found.refused == ((Refusal(0, Fault.NOT_AN_AMOUNT),) if refused else ())


def test_columns_of_different_lengths_are_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="2 paths, but 1 wins"):
        from_strings(["A", "B"], [1])


def test_a_table_without_rows_is_no_path() -> None:
    assert from_strings([], []).paths.count == 0


def test_arrow_columns_in_chunks_are_read_as_lists_are() -> None:
    chunked = pa.chunked_array([["A > B"], ["B", "C > A > C"]])
    one, two = from_strings(chunked, [1, 1, 1]).paths, from_strings(chunked.to_pylist(), [1, 1, 1]).paths
    assert (one.names, list(one.codes), list(one.offsets)) == (two.names, list(two.codes), list(two.offsets))


@given(st.lists(st.text("AB >\0\t", max_size=8), max_size=12))
@settings(max_examples=150, deadline=None)
def test_whatever_is_given_every_row_is_read_or_refused(rows: list[str]) -> None:
    found = from_strings(rows, [1] * len(rows))
    assert found.paths.count + len(found.refused) == len(rows)
    bad = {each.row for each in found.refused}
    for at, text in enumerate(rows):
        names = [part.strip(" \t") for part in text.split(">")]
        fine = all(name and not set(name) & {"\0", "\t"} for name in names) and text != ""
        assert fine == (at not in bad)


def test_ties_of_time_go_by_kind_and_then_by_id() -> None:
    touches = [Touch("late", 2), Touch("weak", 1, 1, "a"), Touch("b", 1, 0, "2"), Touch("a", 1, 0, "1")]
    paths = from_touches([touches], [True], [1.0])
    assert [paths.names[code] for code in paths.codes] == ["a", "b", "weak", "late"]


def test_a_milestone_is_held_by_the_last_touch_that_led_to_it() -> None:
    paths = from_touches([[Touch("a", 1), Touch("b", 5)]] * 5, [True] * 5, [1.0] * 5)
    assert list(milestone(paths, np.array([0.9, 1.0, 4.9, 5.0, np.nan]))) == [NOWHERE, 0, 0, 1, NOWHERE]


def test_milestones_need_times() -> None:
    with pytest.raises(ValueError, match="no times"):
        milestone(from_strings(["A"], [1]).paths, np.array([1.0]))


def test_kept_paths_keep_everything_that_is_theirs() -> None:
    paths = from_touches(
        [[Touch("a", 1, role="x")], [], [Touch("b", 2, role="y"), Touch("a", 3)]],
        [True, False, True],
        [1.0, None, 3.0],
        [9.0, 8.0, 7.0],
    )
    paths = replace(paths, lead=np.array([0, -1, 1], dtype=np.int32))
    some = kept(paths, np.array([False, True, True]))
    assert (list(some.codes), list(some.offsets), list(some.wins)) == ([1, 0], [0, 0, 2], [0, 1])
    assert some.times is not None
    assert some.ends is not None
    assert some.lead is not None
    assert some.roles is not None
    assert (list(some.times), list(some.ends), list(some.lead)) == ([2, 3], [8, 7], [-1, 1])
    assert [some.roles.names[code] if code >= 0 else "" for code in some.roles.codes] == ["y", ""]


def test_the_empty_word_is_no_label() -> None:
    found = labels(["b", "", "a"])
    assert (list(found.codes), found.names) == ([1, NOWHERE, 0], ("a", "b"))


def test_names_of_the_tail_stand_together() -> None:
    paths = from_strings(["A > B > C", "B"], [1, 1]).paths
    few = grouped(paths, np.array([True, False, False]), "other partners")
    assert (few.names, list(few.codes)) == (("A", "other partners"), [0, 1, 1, 1])
    assert grouped(paths, np.array([True] * 3), "other partners") is paths
    with pytest.raises(ValueError, match="already"):
        grouped(paths, np.array([True, False, False]), "A")
