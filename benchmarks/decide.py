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
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import facts, measure
from connector.config.policy import load
from connector.core.decide import decide
from connector.core.policy import Policy
from connector.core.scorecard import scorecard
from connector.facts import compute
from connector.mirror import Mirror

DEALS = 30
_WARM_UP = 5


def _decided(mirror: Mirror, policy: Policy, partners: Sequence[str] | None = None) -> Counter[str]:
    """Outcome -> partners; every decision is made, put on its score card, and let go, as a run does."""
    outcomes: Counter[str] = Counter()
    for known in compute(mirror, policy, facts.AS_OF, partners):
        decision = decide(known, policy, facts.AS_OF.date())
        scorecard(decision)
        outcomes[decision.outcome.value] += 1
    return outcomes


def _one_deal(mirror: Mirror, policy: Policy, opportunity: str) -> tuple[float, int]:
    """Seconds and partners: the changed row goes into the mirror, its partners are found and decided anew."""
    row = mirror.query("SELECT * EXCLUDE (_source) FROM opportunities WHERE id = ?", [opportunity])
    begun = time.perf_counter()
    mirror.upsert("opportunities", "made", row)
    outcomes = _decided(mirror, policy, sorted(mirror.affected_partners("opportunities", [opportunity])))
    return time.perf_counter() - begun, outcomes.total()


def _inside(path: Path) -> dict[str, Any]:
    policy = load("default")
    with Mirror.open(path) as mirror:
        begun = time.perf_counter()
        outcomes = _decided(mirror, policy)
        everybody = time.perf_counter() - begun
        peak = measure.high_water_mb()
        sql = "SELECT opportunity_id FROM partner_links ORDER BY hash(id) LIMIT ?"
        deals = [row["opportunity_id"] for row in mirror.query(sql, [DEALS]).to_pylist()]
        ones = [_one_deal(mirror, policy, deal) for deal in deals][_WARM_UP:]
        seconds = sorted(taken for taken, _ in ones)
        return {
            "counts": {name: mirror.counts()[name] for name in ("partners", "opportunities", "meetings")},
            "everybody_s": everybody,
            "peak_mb": peak,
            "outcomes": dict(outcomes),
            "one_deal_ms": 1000 * statistics.median(seconds),
            "one_deal_p95_ms": 1000 * seconds[int(0.95 * len(seconds))],
            "one_deal_partners": statistics.mean(partners for _, partners in ones),
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
        for name in ("everybody_s", "peak_mb", "one_deal_ms", "one_deal_p95_ms", "one_deal_partners")
    }
    return {"counts": told[0]["counts"], "outcomes": told[0]["outcomes"], "facts": alone, "rounds": rounds} | medians


if __name__ == "__main__":
    print(json.dumps(_inside(Path(sys.argv[1]))))
