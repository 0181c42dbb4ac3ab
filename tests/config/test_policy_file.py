"""Is a policy file read exactly, and every slip in it named with its line?"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connector.config.policy import load, shipped, source_of, sources_of
from connector.core.policy import Goal, PersonaRule
from connector.errors import Misconfigured

GOAL = """
extends = "default"
name = "mine"

[[market_fit.goals]]
name = "Q3"
start = 2026-07-01
end = 2026-10-01
regions = ["EMEA"]
"""


def write(tmp_path: Path, text: str, name: str = "x.toml") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def complaint(tmp_path: Path, text: str) -> str:
    path = write(tmp_path, text)
    with pytest.raises(Misconfigured) as caught:
        load(path)
    return str(caught.value).replace(str(tmp_path) + "/", "")


def test_the_essay_s_numbers_are_the_default() -> None:
    policy = load()
    assert (policy.velocity.floor, policy.track_record.ratio) == (Decimal("0.20"), Decimal("3.0"))
    assert (policy.track_record.campaigns, policy.track_record.rule, policy.market_fit.match) == (3, "pooled", "any")
    assert policy.market_fit.goals == ()
    assert policy.ownership.personas[0] == PersonaRule(
        persona="VAR", motion="Through-Partner", accountable="PMM", responsible="PMM", strategic=False
    )


def test_read_literally_there_are_no_floors_and_no_bands() -> None:
    policy = load("literal")
    assert policy.track_record.rule == "each"
    counts = (policy.velocity.min_quotes, policy.levers.confidence.min_meetings, policy.levers.strategic.min_wins)
    assert counts == (1, 1, 1)
    assert (policy.velocity.dead_band, policy.velocity.dwell_days) == (0, 0)
    assert policy.velocity.floor == load().velocity.floor


def test_every_shipped_policy_loads_under_its_own_name_and_version() -> None:
    assert shipped() == ("default", "literal")
    versions = {name: load(name).version for name in shipped()}
    assert all(version.startswith(f"{name}@") for name, version in versions.items())
    assert len({version.partition("@")[2] for version in versions.values()}) == len(versions)


def test_a_policy_of_one_s_own_changes_only_what_it_names(tmp_path: Path) -> None:
    policy = load(write(tmp_path, GOAL))
    base = load()
    assert policy.market_fit.goals == (
        Goal(name="Q3", start=date(2026, 7, 1), end=date(2026, 10, 1), regions=("EMEA",), verticals=()),
    )
    assert (policy.velocity, policy.ownership, policy.market_fit.regions) == (
        base.velocity,
        base.ownership,
        base.market_fit.regions,
    )
    assert policy.version.startswith("mine@")


def test_a_policy_may_extend_a_file_beside_it(tmp_path: Path) -> None:
    write(tmp_path, GOAL, "base.toml")
    path = write(tmp_path, 'extends = "base.toml"\n[velocity]\nfloor = 0.25\n', "top.toml")
    policy = load(str(path))
    assert (policy.name, policy.velocity.floor, len(policy.market_fit.goals)) == ("top", Decimal("0.25"), 1)


def test_the_version_is_of_the_values_not_of_their_notation(tmp_path: Path) -> None:
    def digits(text: str) -> str:
        return load(write(tmp_path, text)).version.partition("@")[2]

    same = 'extends = "default"\nname = "other"\n# a comment\n[velocity]\nmin_quotes = 10\nfloor = 0.2000\n'
    assert digits(same) == load().version.partition("@")[2]
    assert digits(same.replace("0.2000", "0.2001")) != load().version.partition("@")[2]


def test_a_percentage_for_a_share_is_named_with_its_line_and_a_hint(tmp_path: Path) -> None:
    assert complaint(tmp_path, 'extends = "default"\n\n[velocity]\nfloor = 20\n') == (
        "x.toml:4: velocity.floor: must be at most 1 (got 20). Did you mean 0.20? Shares are fractions."
    )


def test_an_unknown_key_gets_the_nearest_known_one(tmp_path: Path) -> None:
    assert complaint(tmp_path, 'extends = "default"\n[velocity]\nmin_qoutes = 5\n') == (
        "x.toml:3: velocity.min_qoutes: is not a key that is known here. Did you mean min_quotes?"
    )


def test_every_wrong_value_is_named_at_once(tmp_path: Path) -> None:
    text = """extends = "default"
corporate_currency = "euro"
timezone = "Mars/Base"
[track_record]
rule = "pool"
k = 4
[levers]
precedence = ["awareness", "confidence"]
[[market_fit.goals]]
name = "Q3"
start = 2026-07-01
end = 2026-07-01
regions = ["EMEA"]
[tasks]
cohort_personas = ["Var"]
"""
    message = complaint(tmp_path, text)
    assert message.startswith("x.toml: 6 values are wrong. Correct each of them:\n")
    assert [line.split(": ")[0:2] for line in message.splitlines()[1:]] == [
        ["  x.toml:2", "corporate_currency"],
        ["  x.toml:3", "timezone"],
        ["  x.toml:5", "track_record.rule"],
        ["  x.toml:8", "levers.precedence"],
        ["  x.toml:9", "market_fit.goals[0]"],
        ["  x.toml:15", "tasks.cohort_personas[0]"],
    ]
    assert 'no time zone is called "Mars/Base". Write an IANA name such as Europe/Berlin.' in message
    assert "must be 'pooled', 'each' or 'k_of_n' (got \"pool\"). Did you mean pooled?" in message


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ("[track_record]\nk = 4", "k (4) must be at most campaigns (3). Lower k."),
        ("[velocity]\nfloor = 1\ndead_band = 0.1", "floor + dead_band is above 1"),
        ('[market_fit.regions]\nDACH = ["DE", "EMEA"]', "lies inside itself"),
        ('[triage]\nungated_motions = ["Demand Gen"]', "Demand Gen is what the gates are for. Take it out."),
        ('[[market_fit.goals]]\nname = "a"\nstart = 2026-01-01\nend = 2026-02-01', "a goal needs regions, verticals"),
        ("[velocity]\nmin_quotes = 2.5", "velocity.min_quotes: must be a whole number (got 2.5)"),
        ("[velocity]\nmin_quotes = true", "velocity.min_quotes: must be a whole number (got true)"),
        ("[tasks.due_business_days]\nT77 = 1", "T77"),
        ("[velocity]\nfloor = nan", "velocity.floor: must be a finite number"),
        ('name = "a very long name indeed"', "name: "),
    ],
)
def test_what_the_rules_could_not_follow_is_refused(tmp_path: Path, lines: str, found: str) -> None:
    head = "" if lines.startswith("name") else 'name = "x"\n'
    assert found in complaint(tmp_path, f'extends = "default"\n{head}{lines}\n')


def test_two_rules_for_one_persona_would_make_two_roles_accountable(tmp_path: Path) -> None:
    rule = '[[ownership.personas]]\npersona = "VAR"\nmotion = "With-Partner"\naccountable = "PAM"\n'
    rule += 'responsible = "PMM"\nstrategic = true\n'
    message = complaint(tmp_path, f'extends = "default"\n{rule}{rule}')
    assert "ownership.personas: VAR: has two rules" in message


def test_without_extends_every_missing_key_is_named(tmp_path: Path) -> None:
    assert "velocity: is missing" in complaint(tmp_path, 'name = "bare"\n')


@pytest.mark.parametrize(
    ("extends", "found"),
    [
        ('"x.toml"', "in a circle"),
        ("3", "extends: must be a name or a path"),
        ('"defualt"', "Did you mean default?"),
        ('"none.toml"', "there is no such file"),
    ],
)
def test_a_base_that_cannot_be_had_is_named(tmp_path: Path, extends: str, found: str) -> None:
    assert found in complaint(tmp_path, f"extends = {extends}\n")


def test_an_unknown_shipped_name_gets_the_nearest_one() -> None:
    with pytest.raises(Misconfigured, match=r"no policy of that name is shipped\. Did you mean literal\?"):
        load("litteral")


def test_the_source_of_a_value_is_the_comment_beside_it() -> None:
    assert source_of("velocity.floor") == 'essay: "below 20%", so 20 % itself passes'
    assert source_of("track_record.rule", "literal").startswith('essay: "their last three campaigns')
    assert source_of("track_record.ratio", "literal") == 'essay: "3:1"; 3.0 itself passes'
    assert source_of("no.such.key") == ""


def keys(value: Any, path: str = "") -> list[str]:
    """The dotted key of every value of a policy."""
    if not is_dataclass(value):
        return [path]
    return [key for f in fields(value) for key in keys(getattr(value, f.name), f"{path}.{f.name}".strip("."))]


def policy_keys() -> list[str]:
    """The keys that a policy file may hold, those below tables of free keys left out."""
    return sorted(set(keys(load())) - {"version"} - {k for k in keys(load()) if k.endswith(".persona")})


@pytest.mark.parametrize("key", policy_keys())
def test_every_key_is_documented(key: str) -> None:
    text = (Path(__file__).parents[2] / "docs" / "policy.md").read_text(encoding="utf-8")
    assert f"`{key}`" in text


@pytest.mark.parametrize("name", ["default", "literal"])
def test_every_value_has_its_source_beside_it(name: str) -> None:
    path = Path(__file__).parents[2] / "policies" / f"{name}.toml"
    for number, row in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if row and not row.startswith(("#", "[")):
            _, mark, comment = row.partition("  # ")
            assert mark, f"{path.name}:{number}: no source"
            assert comment.startswith(("essay: ", "ours")), f"{path.name}:{number}: {comment}"


def test_every_default_value_has_a_source_by_its_key() -> None:
    sources = sources_of("default")
    without = {
        "levers.strategic.absolute",
        "market_fit.regions",
        "ownership.personas",
        "tasks.due_business_days",
        "raci.people",
        "raci.activities",
    }
    assert [key for key in policy_keys() if key not in sources and key not in without] == []
