"""Touch models beside ChannelAttribution, the field's library: equal figures, and how long each takes.

The peer is GPL and builds from source, so it is no part of the benchmarks' lock: `INSTALL` says how to get it. It
runs in processes of its own, alternating with ours, on the same file. Speeds are compared by CPU seconds, our
threads' added up: on a shared machine wall seconds say more about the neighbours.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.report import Table, Target

PATHS = 1_000_000
NAMES = 20
INSTALL = (
    "ChannelAttribution is not installed, so nothing was compared. It needs a C++ compiler and a minute: "
    "`.venv-bench/bin/python -m pip install --require-hashes -r benchmarks/attribution-peer.txt`."
)

RULES, SIMULATED = "heuristic_models", "markov_model"

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Compared:
    """(wall, CPU) seconds of the best round of each, and the greatest difference of figures that should be equal."""

    paths: int
    touches: int
    best: dict[str, tuple[float, float]]
    worst: float  # relative, of all heuristic figures
    markov_apart: float  # total variation between the peer's simulated shares and the exact ones
    peer_peak: int
    our_peak: int


def installed() -> bool:
    """Whether the peer can be measured here."""
    return importlib.util.find_spec("ChannelAttribution") is not None


def compare(paths: int, rounds: int, say: Say) -> Compared:
    """Both on one made table of paths, `rounds` times each, in turn; RuntimeError when the peer is not installed."""
    if not installed():
        raise RuntimeError(INSTALL)
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder) / "paths.parquet")
        pq.write_table(made(paths), file)
        seen: dict[str, list[tuple[float, float]]] = {}
        peaks = [0, 0]
        tables = {}
        for at in range(rounds):
            for what in (RULES, SIMULATED):
                say(f"ChannelAttribution, {what}, round {at + 1}")
                told = _run("benchmarks.attribution_oracle", file, what, "1")
                seen.setdefault(what, []).append((told["seconds"][0], told["work"][0]))
                peaks[0], tables[what] = max(peaks[0], told["peak"]), told["table"]
            say(f"touch models, round {at + 1}")
            mine = _run("benchmarks.attribution_ours", file, "2")
            for name, timed in mine["timed"].items():
                seen.setdefault(name, []).extend((wall, work) for wall, work in timed)
            peaks[1] = max(peaks[1], mine["peak"])
    return Compared(
        paths=paths,
        touches=mine["touches"],
        best={name: (min(t[0] for t in each), min(t[1] for t in each)) for name, each in seen.items()},
        worst=_worst(tables[RULES], mine),
        markov_apart=_apart(tables[SIMULATED], mine),
        peer_peak=peaks[0],
        our_peak=peaks[1],
    )


def made(paths: int, names: int = NAMES, seed: int = 11) -> pa.Table:
    """Paths of 3.6 touches on average over names that are not equally common; a third of them won."""
    drawn = np.random.default_rng(seed)
    lengths = np.minimum(drawn.geometric(1 / 3.6, paths), 40)
    common = 1 / np.arange(1, names + 1) ** 0.7
    codes = drawn.choice(names, size=int(lengths.sum()), p=common / common.sum())
    words = pa.DictionaryArray.from_arrays(
        pa.array(codes, pa.int32()), pa.array([f"partner {at:02}" for at in range(names)])
    ).cast(pa.string())
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int32())
    import pyarrow.compute as pc

    texts = pc.binary_join(pa.ListArray.from_arrays(offsets, words), " > ")
    won = (drawn.random(paths) < 1 / 3).astype(np.int64)
    value = np.where(won, np.round(drawn.lognormal(10, 1, paths), 2), 0.0)
    return pa.table({"path": texts, "won": won, "lost": 1 - won, "value": value})


def _run(module: str, *words: str) -> dict[str, Any]:
    done = subprocess.run([sys.executable, "-m", module, *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{module} ended with {done.returncode}: {done.stderr[-500:]}")
    told: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return told


_COLUMNS = {
    "first_touch_conversions": "first wins",
    "first_touch_value": "first value",
    "last_touch_conversions": "last wins",
    "last_touch_value": "last value",
    "linear_touch_conversions": "linear wins",
    "linear_touch_value": "linear value",
}


def _worst(table: dict[str, list[Any]], mine: dict[str, Any]) -> float:
    """The greatest relative difference between one of the peer's figures and ours."""
    at = [mine["names"].index(name) for name in table["channel_name"]]
    found = 0.0
    for theirs, own in _COLUMNS.items():
        for position, value in zip(at, table[theirs], strict=True):
            exact = mine["heuristics"][own][position]
            found = max(found, abs(value - exact) / max(abs(exact), 1e-12))
    return found


def _apart(table: dict[str, list[Any]], mine: dict[str, Any]) -> float:
    at = [mine["names"].index(name) for name in table["channel_name"]]
    theirs, own = np.array(table["total_conversions"]), np.array(mine["markov"]["wins"])[at]
    return float(np.abs(theirs / theirs.sum() - own / own.sum()).sum() / 2)


def not_compared(command: str) -> tuple[Table, list[Target]]:
    """A table that says how to get the peer."""
    return Table("Touch models", command, ("what",), (), (INSTALL,)), []


_ROWS = (
    ("first, last, linear: ChannelAttribution", RULES, RULES),
    ("... from path strings", "heuristics from strings", RULES),
    ("... from stored codes", "heuristics from codes", RULES),
    ("Markov, order 1: ChannelAttribution's default", SIMULATED, SIMULATED),
    ("... exact, from path strings", "markov from strings", SIMULATED),
    ("... exact, from stored codes", "markov from codes", SIMULATED),
    ("six rules and Markov, from stored codes", "six rules and markov from codes", ""),
    ("six rules, one opportunity", "one opportunity's six rules", ""),
)


def table(found: Compared, command: str) -> tuple[Table, list[Target]]:
    """What is printed, and what was promised."""
    rows = []
    for what, key, against in _ROWS:
        wall, work = found.best[key]
        ratio = f"{found.best[against][1] / work:.1f}" if against else ""
        rows.append((what, f"{wall:.4f}", f"{work:.4f}", ratio))
    notes = (
        f"Greatest relative difference of all heuristic figures: {found.worst:.1e}.",
        f"Peak memory: {found.peer_peak / 1e6:,.0f} MB ChannelAttribution, {found.our_peak / 1e6:,.0f} MB ours.",
        f"Markov: the peer simulates; its shares lie {found.markov_apart:.2%} (total variation) from the exact ones.",
    )
    title = f"Touch models: {found.paths:,} paths, {found.touches:,} touches, {NAMES} names"
    columns = ("what", "best wall s", "best CPU s", "times the peer's speed (CPU)")
    return Table(title, command, columns, tuple(rows), notes), _targets(found)


def _targets(found: Compared) -> list[Target]:
    strings, codes = (
        found.best[RULES][1] / found.best[f"heuristics from {what}"][1] for what in ("strings", "codes")
    )
    report, single = found.best["six rules and markov from codes"][1], found.best["one opportunity's six rules"][1]
    return [
        Target("touch models equal ChannelAttribution's to 6 decimals", f"{found.worst:.1e}", found.worst < 1e-6),
        Target("10 times its speed from path strings", f"{strings:.1f}", strings >= 10),
        Target("25 times its speed from stored codes", f"{codes:.1f}", codes >= 25),
        Target("six rules and Markov on 1,000,000 in 0.5 s", f"{report:.2f} s", report * PATHS / found.paths <= 0.5),
        Target("one opportunity's six rules in 5 ms", f"{single * 1e3:.2f} ms", single <= 0.005),
    ]
