"""Does the product say of a CSV of opportunities, by every named definition, what its lines say?"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks import watson
from connector.measure.cycle_times import DEFINITIONS

MADE_UP = Path(__file__).with_name("win_loss_made_up.csv")
"""Generated lines with the columns of the public sample; that itself comes without a licence."""

FILES = [MADE_UP, *(Path(name) for name in [os.environ.get("PMOM_WATSON_CSV", "")] if name)]


@pytest.mark.slow
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_definition_and_the_win_rates_equal_a_computation_over_the_lines(path: Path) -> None:
    ours, theirs = watson.measured(path), watson.computed(path)
    assert [line.definition for line in ours.lines] == list(DEFINITIONS)
    for line in ours.lines:
        other = theirs[line.definition]
        assert line.ratio == pytest.approx(other.ratio, rel=1e-5), line.definition
        assert (line.n, line.direct_n) == (other.n, other.direct_n)
    lines = [line for line in watson.lines_of(path) if int(line[watson.DAYS]) > 0]
    for side, ours_too in ((ours.group, True), (ours.direct, False)):
        results = [x[watson.RESULT] for x in lines if (x[watson.CHANNEL] == watson.PARTNER_CHANNEL) is ours_too]
        assert (side.won, side.lost, side.open) == (results.count("Won"), results.count("Loss"), 0)


@pytest.mark.slow
def test_the_definitions_differ_by_many_points_and_are_printed_side_by_side(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert watson.main([str(MADE_UP)]) == 0
    told = capsys.readouterr().out
    assert all(definition in told for definition in DEFINITIONS)
    assert "NOT EQUAL" not in told


def test_without_a_file_the_check_says_how_it_is_used(capsys: pytest.CaptureFixture[str]) -> None:
    assert watson.main([]) == 2
    assert "usage" in capsys.readouterr().out
