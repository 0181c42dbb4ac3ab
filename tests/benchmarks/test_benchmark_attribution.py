"""The comparison of touch models: what it makes, how figures are set side by side, what it says without a peer."""

from __future__ import annotations

import pytest

from benchmarks import attribution
from benchmarks.attribution import RULES, SIMULATED, Compared, made, not_compared, table
from benchmarks.attribution_ours import heuristics, markov
from connector.measure.paths import from_strings


def test_paths_are_the_same_every_time_and_none_is_empty() -> None:
    one, two = made(500), made(500)
    assert one.equals(two)
    assert min(len(text) for text in one.column("path").to_pylist()) > 0
    assert from_strings(one.column("path"), one.column("won").to_numpy()).refused == ()


def test_our_figures_conserve_wins_and_value() -> None:
    rows = made(500)
    won, lost, value = (rows.column(name).to_numpy() for name in ("won", "lost", "value"))
    paths = from_strings(rows.column("path"), won, lost, value).paths
    for name, figures in {**heuristics(paths), **markov(paths)}.items():
        assert sum(figures) == pytest.approx(float(won.sum() if "wins" in name else value.sum()), rel=1e-9)


def compared(**given: float) -> Compared:
    best = dict.fromkeys(
        ("heuristics from strings", "markov from strings", "markov from codes", "one opportunity's six rules"),
        (0.1, 0.1),
    )
    best |= {RULES: (2.5, 2.5), SIMULATED: (3.0, 3.0), "heuristics from codes": (0.1, given.get("codes", 0.1))}
    best |= {"six rules and markov from codes": (0.4, 0.4), "one opportunity's six rules": (0.001, 0.001)}
    return Compared(1_000_000, 3_600_000, best, given.get("worst", 0.0), 0.01, 700_000_000, 500_000_000)


@pytest.mark.parametrize(
    ("given", "missed"),
    [
        ({}, []),
        ({"codes": 0.101}, ["25 times its speed from stored codes"]),
        ({"worst": 1e-6}, ["touch models equal ChannelAttribution's to 6 decimals"]),
    ],
)
def test_targets_are_met_or_told(given: dict[str, float], missed: list[str]) -> None:
    shown, targets = table(compared(**given), "x")
    assert [target.promise for target in targets if not target.met] == missed
    assert shown.rows[1] == ("... from path strings", "0.1000", "0.1000", "25.0")


def test_without_the_peer_the_way_to_get_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "attribution-peer.txt" in not_compared("x")[0].notes[0]
    monkeypatch.setattr(attribution, "installed", lambda: False)
    with pytest.raises(RuntimeError, match="not installed"):
        attribution.compare(10, 1, lambda what: None)
