"""What does `pmom policy` answer, and is every message one that leads on?"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connector.cli import app as commands
from connector.config.policy import load
from connector.config.policy_document import changed, differing, differing_values, said
from connector.core.backtest import Backtest, Money, Moved
from connector.errors import Misconfigured, Misused


@pytest.fixture
def pmom(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Any:
    """Run the command line; gives (exit code, what stdout said, what stderr said)."""
    monkeypatch.setattr(commands.state, "config", tmp_path / "config.toml")
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["pmom", *words])
        monkeypatch.setattr(commands.state, "voice", type(commands.state.voice)())
        with pytest.raises(SystemExit) as ended:
            commands.main()
        told = capsys.readouterr()
        return int(ended.value.code or 0), told.out, told.err

    return run


def test_show_gives_the_value_its_meaning_and_where_it_comes_from(pmom: Any) -> None:
    code, out, _ = pmom("--json", "policy", "show", "velocity.floor")
    (each,) = json.loads(out)["keys"]
    assert code == 0
    assert (each["key"], each["value"]) == ("velocity.floor", "0.2")
    assert each["source"] == 'essay: "below 20%", so 20 % itself passes'
    assert each["meaning"].startswith("Quote-to-close rate that passes")
    assert each["where"].startswith("policies/default.toml:")


def test_show_takes_the_beginning_of_several_keys_and_the_gates_in_front(pmom: Any) -> None:
    _, out, _ = pmom("--json", "policy", "show", "gates.levers.strategic", "--policy", "literal")
    values = {each["key"]: each["value"] for each in json.loads(out)["keys"]}
    assert values["levers.strategic.min_wins"] == "1"
    assert len(values) == 5


def test_show_of_no_key_says_the_nearest(pmom: Any) -> None:
    code, _, err = pmom("policy", "show", "velocity.flor")
    assert code == 2
    assert " ".join(err.split()) == "pmom: policy show: no key is called velocity.flor. Did you mean velocity.floor?"
    assert "Did you mean velocity.min_quotes?" in pmom("policy", "show", "min_quotes")[2]


def test_show_of_what_is_near_no_key_does_not_list_them_all(pmom: Any) -> None:
    code, _, err = pmom("policy", "show", "foo")
    assert code == 2
    assert " ".join(err.split()) == "pmom: policy show: no key is called foo. `pmom policy show` lists all."


def test_show_puts_keys_under_their_table_and_cuts_nothing(pmom: Any) -> None:
    _, out, _ = pmom("policy", "show", "velocity")
    lines = out.splitlines()
    assert lines[0] == "velocity"
    assert next(line for line in lines if line.startswith("floor ")).split()[1] == "0.2"
    assert max(map(len, lines)) <= 80
    assert "…" not in pmom("policy", "show")[1]


@pytest.mark.parametrize("words", [("pull", "--help"), ("policy", "show", "--help"), ("demo", "--help")])
def test_no_flag_is_shown_with_a_type(pmom: Any, words: tuple[str, ...]) -> None:
    code, out, _ = pmom(*words)
    assert code == 0
    assert "--help" in out
    assert "<bool>" not in out


@pytest.mark.parametrize("name", ["default", "literal"])
def test_every_key_of_a_shipped_policy_has_a_source_a_place_and_a_meaning(name: str) -> None:
    found = said(name)
    unsaid = {key for key, each in found.items() if not each.source.startswith(("essay: ", "ours"))}
    left = {key for key in found if key == "levers.strategic.absolute" or key.endswith(".worked_by")}
    assert unsaid <= left  # what a policy leaves out has no line to stand on
    assert [each.key for each in found.values() if not each.meaning] == []
    assert [each.key for each in found.values() if not each.where.startswith("policies/")] == []


def test_diff_names_every_differing_key_with_both_values_and_sources(pmom: Any) -> None:
    code, out, _ = pmom("--json", "policy", "diff", "default", "literal")
    answer = json.loads(out)
    rows = {each["key"]: each for each in answer["differing"]}
    assert code == 0
    assert (answer["one"], answer["other"]) == (load("default").version, load("literal").version)
    rule = rows["track_record.rule"]
    assert (rule["one"]["value"], rule["other"]["value"]) == ("pooled", "each")
    assert rule["other"]["source"].startswith('essay: "their last three campaigns')
    assert "velocity.floor" not in rows
    assert "name" not in rows


@pytest.mark.parametrize("name", ["default", "literal"])
def test_a_policy_does_not_differ_from_itself(name: str) -> None:
    assert differing(name, name) == ()


def test_the_notation_is_no_difference_and_a_row_is_found_by_its_name(tmp_path: Path) -> None:
    same, other = tmp_path / "same.toml", tmp_path / "other.toml"
    same.write_text('extends = "default"\n[velocity]\nfloor = 0.2000\n', encoding="utf-8")
    rows = "\n".join(
        f'[[ownership.personas]]\npersona = "{rule.persona}"\nmotion = "{rule.motion}"\n'
        f'accountable = "{"PAM" if rule.persona == "MSP" else rule.accountable}"\n'
        f'responsible = "{rule.responsible}"\nstrategic = {str(rule.strategic).lower()}\n'
        for rule in reversed(load().ownership.personas)
    )
    other.write_text(f'extends = "same.toml"\n{rows}', encoding="utf-8")
    assert differing("default", same) == ()
    (found,) = differing(same, other)
    assert found.key == "ownership.personas[MSP].accountable"
    assert (found.one and found.one.value, found.other and found.other.value) == ("PMM", "PAM")
    assert found.other is not None
    assert found.other.where.startswith(f"{other}:")


def test_an_added_goal_is_one_difference(pmom: Any, tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    goal = 'name = "Q3"\nstart = 2026-07-01\nend = 2026-10-01\nregions = ["EMEA", "ANZ"]\n'
    mine.write_text(f'extends = "default"\n[[market_fit.goals]]\n{goal}', encoding="utf-8")
    (found,) = differing("default", mine)
    assert found.key == "market_fit.goals[Q3]"
    assert found.one is None
    assert found.other is not None
    assert found.other.value == "start 2026-07-01; end 2026-10-01; regions EMEA, ANZ; verticals none"
    assert found.other.where == f"{mine}:3"
    assert [(each.key, each.other) for each in differing(mine, "default")] == [("market_fit.goals[Q3]", None)]
    _, out, _ = pmom("policy", "diff", "default", str(mine))
    assert "1 key differs" in " ".join(out.split())
    assert differing_values("default", mine, ["velocity.floor=0.3"]) == (
        ("velocity.floor", "0.2", "0.3"),
        ("market_fit.goals[Q3]", "-", "start 2026-07-01; end 2026-10-01; regions EMEA, ANZ; verticals none"),
    )
    later = tmp_path / "later.toml"
    later.write_text(mine.read_text(encoding="utf-8").replace("2026-10", "2026-09"), encoding="utf-8")
    (moved,) = differing(mine, later)
    assert moved.key == "market_fit.goals[Q3].end"


def test_lint_says_that_it_holds_and_what_is_odd(pmom: Any, tmp_path: Path) -> None:
    code, out, _ = pmom("policy", "lint", "default")
    assert code == 0
    assert "holds together: 13 rows of who answers for what." in " ".join(out.split())
    path = tmp_path / "mine.toml"
    path.write_text('extends = "default"\n[raci]\nmax_both = 1\n', encoding="utf-8")
    code, out, _ = pmom("--json", "policy", "lint", str(path))
    found = json.loads(out)["findings"]
    assert code == 0
    assert {each["level"] for each in found} == {"warning"}
    assert {each["where"] for each in found} == {f"{path}:3"}


def test_lint_of_a_broken_matrix_ends_with_its_lines(pmom: Any, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('extends = "default"\n[raci]\nactivities = []\n', encoding="utf-8")
    code, _, err = pmom("policy", "lint", str(path))
    assert code == 3
    assert "no activity applies to VAR partners (transactional)" in " ".join(err.split())


@pytest.mark.parametrize("key", ["velocity.floor", "gates.velocity.floor"])
def test_a_key_is_set_by_either_name(key: str) -> None:
    policy = changed("default", [f"{key}=0.25", 'velocity.link_roles=["reseller"]', "triage.insufficient=hold"])
    assert policy.velocity.floor == Decimal("0.25")
    assert (policy.velocity.link_roles, policy.triage.insufficient) == (("reseller",), "hold")
    assert policy.version != load().version
    assert changed("default", [f"{key}=0.20"]).version == load().version


@pytest.mark.parametrize(
    ("setting", "found"),
    [
        ("velocity.floor", "it has no value. Write it as velocity.floor=0.25."),
        ("velocity.flor=0.3", "no key is called velocity.flor. Did you mean velocity.floor?"),
        ("velocity.floor=25", "velocity.floor: must be at most 1 (got 25). Did you mean 0.25?"),
        ("track_record.rule=some", "track_record.rule: must be 'pooled'"),
    ],
)
def test_a_setting_that_means_nothing_is_told(setting: str, found: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        changed("default", [setting])
    assert found in str(caught.value)
    assert caught.value.exit_code == 2


MOVED = Moved(
    "p1", "Example [bold]Reseller", "Fund Demand Gen", "Fund Enablement Instead", "Sustain", "Sustain", (),
    ("velocity.BELOW_FLOOR",), ("Demand Gen",), (), Money(2, Decimal(9000), 1), Money(1, Decimal(9000), 0), Money(),
)  # fmt: skip


def test_a_backtest_says_n_the_day_who_moves_and_the_money(pmom: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    @contextmanager
    def opened() -> Iterator[str]:
        yield "the workspace"

    def compare(ctx: str, other: Any, as_of: date | None) -> Backtest:
        asked.append((ctx, other.velocity.floor, as_of))
        return Backtest(date(2026, 3, 31), "default@1", other.version, "USD", 40, (MOVED,))

    monkeypatch.setattr(commands, "_opened", opened)
    monkeypatch.setattr("connector.sync.backtest.backtest", compare)
    code, out, _ = pmom("--json", "policy", "backtest", "--set", "gates.velocity.floor=0.25", "--as-of", "2026-03-31")
    answer = json.loads(out)
    assert code == 0
    assert asked == [("the workspace", Decimal("0.25"), date(2026, 3, 31))]
    assert (answer["as_of"], answer["partners"], answer["decisions_changed"]) == ("2026-03-31", 40, 1)
    assert answer["changed"] == [{"key": "velocity.floor", "now": "0.2", "other": "0.25"}]
    money = {"items": 1, "amount": "9000", "without_amount": 0}
    assert (answer["classes"][0]["closed"], answer["moved"][0]["closed"]) == (money, money)
    assert answer["moved"][0]["reasons_to"] == ["velocity.BELOW_FLOOR"]
    code, out, _ = pmom("policy", "backtest", "--set", "velocity.floor=0.25")
    text = " ".join(out.split())
    assert "As of 2026-03-31, 40 partners decided twice from the same records." in text
    assert "velocity.floor: 0.2 -> 0.25" in text
    assert "Nothing was kept or written." in text
    assert "settled anew" not in text
    _, out, _ = pmom("--json", "policy", "backtest", "--set", "attribution.grace_days=7")
    assert json.loads(out)["credit"].startswith("Who sourced and who influenced is not settled anew here")
    assert json.loads(out)["credit"].endswith("(attribution.grace_days)")


def test_a_backtest_of_nothing_says_what_to_give(pmom: Any) -> None:
    code, _, err = pmom("policy", "backtest")
    assert code == 2
    told = "pmom: policy backtest: it is not said what to compare with. Give --set or --policy."
    assert " ".join(err.split()) == told


def test_a_quarter_that_is_none_is_told_with_the_last_one(pmom: Any) -> None:
    from connector.cli.audit import named

    today = datetime(2026, 5, 1, tzinfo=UTC).date()
    assert named(None, 1, today).label == "FY26-Q1"
    with pytest.raises(Misused, match='"Q1" is no fiscal quarter: write it as FY26-Q1'):
        named("Q1", 1, today)
