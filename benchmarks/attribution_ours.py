"""Our touch models in a process of their own, over the peer's Parquet file: from strings, and from codes."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pyarrow.parquet as pq

from connector.measure.markov import removal_effects
from connector.measure.paths import Paths, from_strings
from connector.measure.touch_models import Model, Options, credit, weights

HEURISTICS = (Model.FIRST, Model.LAST, Model.LINEAR)


def heuristics(paths: Paths) -> dict[str, list[float]]:
    """The three models that the peer has, by wins and by value."""
    found = {}
    for model in HEURISTICS:
        found[f"{model.value} wins"] = credit(paths, model, paths.wins).amounts.tolist()
        found[f"{model.value} value"] = credit(paths, model).amounts.tolist()
    return found


def markov(paths: Paths) -> dict[str, list[float]]:
    """Removal effects of order 1, as credit for wins and for value."""
    return {
        "wins": (removal_effects(paths).shares * paths.wins.sum()).tolist(),
        "value": (removal_effects(paths, of_amounts=True).shares * paths.amounts.sum()).tolist(),
    }


def six_and_markov(paths: Paths) -> None:
    """Six rules and the removal effects, as a quarter's report asks for them."""
    for model in (*HEURISTICS, Model.U_SHAPED, Model.J_SHAPED, Model.UNIQUE):
        credit(paths, model, options=Options())
    removal_effects(paths)


def single(paths: Paths) -> None:
    """The ledger of one opportunity."""
    for model in (*HEURISTICS, Model.U_SHAPED, Model.J_SHAPED, Model.UNIQUE):
        weights(paths, model)


def main(path: str, rounds: int) -> None:
    """Print one JSON line: seconds of every way, the peak of memory, and the figures."""
    table = pq.read_table(path)
    texts = table.column("path")
    won, lost, value = (table.column(name).to_numpy() for name in ("won", "lost", "value"))

    def read() -> Paths:
        return from_strings(texts, won, lost, value).paths

    stored = read()  # every way over it takes a copy, so that nothing that one worked out helps the next
    ways: dict[str, Callable[[], Any]] = {
        "heuristics from strings": lambda: heuristics(read()),
        "heuristics from codes": lambda: heuristics(replace(stored)),
        "markov from strings": lambda: markov(read()),
        "markov from codes": lambda: markov(replace(stored)),
        "six rules and markov from codes": lambda: six_and_markov(replace(stored)),
    }
    timed = {name: [_timed(way) for _ in range(rounds)] for name, way in ways.items()}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    one = from_strings(texts.slice(0, 1), won[:1], lost[:1], value[:1]).paths
    timed["one opportunity's six rules"] = [_timed(lambda: single(one)) for _ in range(rounds)]
    answer = {"timed": timed, "peak": peak, "names": stored.names, "touches": len(stored.codes)}
    print(json.dumps({**answer, "heuristics": heuristics(stored), "markov": markov(stored)}))


def _timed(way: Callable[[], Any]) -> tuple[float, float]:
    """Wall seconds, and CPU seconds of all threads."""
    started, worked = time.perf_counter(), time.process_time()
    way()
    return time.perf_counter() - started, time.process_time() - worked


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
