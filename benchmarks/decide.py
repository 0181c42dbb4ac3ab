"""How long it takes to know and decide everything about every partner, and about one deal that changed.

The mirror is made by `benchmarks.facts`: 20,000 partners, 1,000,000 opportunities and 5,000,000 meetings at scale 1.
A fresh process then opens it and decides, with nothing computed beforehand: what it measures holds the compilation of
the facts' SQL, the facts, the decisions of `connector.core` and their score cards. Keeping them in the store is not
part of it: a run keeps only decisions that differ from the last.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks import facts, measure
from connector.config.policy import load
from connector.core.decide import decide
from connector.core.facts import PartnerFacts
from connector.core.policy import Policy
from connector.core.scorecard import scorecard
from connector.facts.gather import compute
from connector.mirror import Mirror
from connector.sync.batch import uncollected

DEALS = 30
_WARM_UP = 5


def _decided(known: Iterable[PartnerFacts], policy: Policy) -> Counter[str]:
    """Outcome -> partners; every decision is made, put on its score card, and let go, as a run does."""
    outcomes: Counter[str] = Counter()
    with uncollected():
        for partner in known:
            decision = decide(partner, policy, facts.AS_OF.date())
            scorecard(decision)
            outcomes[decision.outcome.value] += 1
    return outcomes


PARTS = ("stored", "partners found", "facts", "decided")
"""What one changed opportunity costs, in its order."""


def _one_deal(mirror: Mirror, policy: Policy, opportunity: str) -> list[float]:
    """Seconds of each of `PARTS`: the changed row goes into the mirror, its partners are found and decided anew."""
    row = mirror.query("SELECT * EXCLUDE (_source) FROM opportunities WHERE id = ?", [opportunity])
    times = [time.perf_counter()]
    mirror.upsert("opportunities", "made", row)
    times.append(time.perf_counter())
    partners = sorted(mirror.affected_partners("opportunities", [opportunity]))
    times.append(time.perf_counter())
    known = list(compute(mirror, policy, facts.AS_OF, partners))
    times.append(time.perf_counter())
    _decided(known, policy)
    times.append(time.perf_counter())
    return [after - before for before, after in pairwise(times)]


def _inside(path: Path) -> dict[str, Any]:
    policy = load("default")
    with Mirror.open(path) as mirror:
        begun = time.perf_counter()
        cpu = time.process_time()
        outcomes = _decided(compute(mirror, policy, facts.AS_OF), policy)
        everybody, everybody_cpu = time.perf_counter() - begun, time.process_time() - cpu
        peak = measure.high_water_mb()
        sql = "SELECT opportunity_id FROM partner_links ORDER BY hash(id) LIMIT ?"
        deals = [row["opportunity_id"] for row in mirror.query(sql, [DEALS]).to_pylist()]
        ones = [_one_deal(mirror, policy, deal) for deal in deals][_WARM_UP:]
        seconds = sorted(map(sum, ones))
        return {
            "counts": {name: mirror.counts()[name] for name in ("partners", "opportunities", "meetings")},
            "everybody_s": everybody,
            "everybody_cpu_s": everybody_cpu,
            "peak_mb": peak,
            "outcomes": dict(outcomes),
            "one_deal_ms": 1000 * statistics.median(seconds),
            "one_deal_p95_ms": 1000 * seconds[int(0.95 * len(seconds))],
            "one_deal_parts_ms": [1000 * statistics.median(part) for part in zip(*ones, strict=True)],
        }


def run(scale: float = 1.0, rounds: int = 3) -> dict[str, Any]:
    """The medians of so many fresh processes over one mirror, and the figures of the facts alone."""
    with tempfile.TemporaryDirectory(prefix="pmom-bench-") as folder:
        path = Path(folder) / "mirror.duckdb"
        facts.build(path, scale)
        command = [sys.executable, "-m", "benchmarks.decide", str(path)]
        told = [
            json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
            for _ in range(rounds)
        ]
        command = [sys.executable, "-m", "benchmarks.facts", "--measure", str(path)]
        alone = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    medians = {
        name: statistics.median(each[name] for each in told)
        for name in ("everybody_s", "everybody_cpu_s", "peak_mb", "one_deal_ms", "one_deal_p95_ms")
    }
    parts = [statistics.median(part) for part in zip(*(each["one_deal_parts_ms"] for each in told), strict=True)]
    kept = {"counts": told[0]["counts"], "outcomes": told[0]["outcomes"], "facts": alone, "rounds": rounds}
    return kept | medians | {"one_deal_parts_ms": dict(zip(PARTS, parts, strict=True))}


if __name__ == "__main__":
    print(json.dumps(_inside(Path(sys.argv[1]))))
