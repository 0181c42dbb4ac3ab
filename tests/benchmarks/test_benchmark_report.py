"""A report says first what is promised and whether it holds, and nobody who loses a row is in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks import hubspot, hubspot_report, page, parts, pull, report, writes
from benchmarks.measure import ContenderFailed, Cost
from benchmarks.page import Measured
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
    found = Measured("pull", "2026-03-31", 65.0, 0.2, 2, ("2 cores",))
    found = found.plus(*report.pull_table(_pull_rows(2.0), "python -m benchmarks pull --rows 100"))
    text = page.markdown([found])
    assert text.index("## Targets") < text.index("**not met**") < text.index("## Salesforce: pull")
    assert "`python -m benchmarks pull --rows 100`" in text
    assert "| pull | 2026-03-31 | 1 min 5 s | 0.2 |" in text
    assert "not quiet" not in text
    assert "**The machine was not quiet** before pull (load 1.1)" in page.markdown([replace(found, load=1.1)])


def test_the_page_says_what_the_kept_figures_say() -> None:
    folder = Path(page.__file__).parent
    assert (folder / "RESULTS.md").read_text(encoding="utf-8") == page.markdown(page.kept(folder / "results"))


def test_what_is_measured_anew_replaces_its_own_sections_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rounds: list[str] = []

    def part(name: str) -> parts.Part:
        def run(asked: parts.Asked) -> Iterator[tuple[report.Table, list[report.Target]]]:
            rounds.append(name)
            yield (
                report.Table(f"Of {name}", asked.command, ("what", "found"), (("round", str(len(rounds))),)),
                [report.Target(f"{name} holds", str(len(rounds)), True)],
            )

        return parts.Part(name, f"What of {name}?", run)

    listed = tuple(map(part, ("first", "second", "third")))
    for module in (command, page, parts):
        monkeypatch.setattr(module, "PARTS", listed)
    monkeypatch.setattr(command, "RESULTS", tmp_path / "RESULTS.md")
    monkeypatch.setattr(command, "KEPT", tmp_path / "results")
    assert command.main(["all"]) == 0
    assert command.main(["all", "--only", "second"]) == 0
    text = (tmp_path / "RESULTS.md").read_text(encoding="utf-8")
    assert [line for line in text.splitlines() if line.startswith("| round")] == [
        "| round | 1 |",
        "| round | 4 |",
        "| round | 3 |",
    ]
    assert rounds == ["first", "second", "third", "second"]
    assert command.main(["first"]) == 0
    assert command.main(["all", "--quick"]) == 0
    assert (tmp_path / "RESULTS.md").read_text(encoding="utf-8") == text  # a look alone writes nothing
    capsys.readouterr()
    assert command.main(["list"]) == 0
    told = capsys.readouterr().out
    assert "What of third?" in told
    assert rounds[-1] == "third"


@pytest.mark.parametrize(
    "words", [["all", "--only", "nonsense"], ["pull", "--only", "writes"], ["all", "--only", ","]]
)
def test_a_part_that_is_none_is_told(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(words)
    assert ended.value.code == 2
    assert "--only goes with all" in (said := capsys.readouterr().err) or "is no part; there are pull, writes" in said


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
