"""The peer in a process of its own: reads a Parquet file, runs ChannelAttribution, prints its figures as JSON.

ChannelAttribution is GPL: it is never imported beside the product. It wants matplotlib on import without saying so,
and draws nothing here; an empty path ends its interpreter, so the file holds none.
"""

from __future__ import annotations

import contextlib
import io
import json
import resource
import sys
import time
import types


def _imported() -> object:
    for name in ("matplotlib", "matplotlib.pyplot"):
        sys.modules.setdefault(name, types.ModuleType(name))
    with contextlib.redirect_stdout(io.StringIO()):
        import ChannelAttribution
    return ChannelAttribution


def main(path: str, what: str, rounds: int) -> None:
    """`what`: heuristic_models or markov_model."""
    import pandas as pd

    peer = _imported()
    frame = pd.read_parquet(path)
    seconds, work = [], []
    for _ in range(rounds):
        started, worked = time.perf_counter(), time.process_time()
        with contextlib.redirect_stdout(io.StringIO()):
            found = _ask(peer, what, frame)
        seconds.append(time.perf_counter() - started)
        work.append(time.process_time() - worked)
    table = found["result"] if isinstance(found, dict) else found
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    answer = {"seconds": seconds, "work": work, "peak": peak, "table": table.to_dict("list")}
    print(json.dumps(answer))


def _ask(peer: object, what: str, frame: object) -> object:
    if what == "heuristic_models":
        return peer.heuristic_models(frame, "path", "won", var_value="value", sep=">")  # type: ignore[attr-defined]
    return peer.markov_model(  # type: ignore[attr-defined]
        frame, "path", "won", var_value="value", var_null="lost", order=1, sep=">", verbose=False, ncore=1
    )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
