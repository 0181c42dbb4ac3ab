"""How long credits and facts of a large mirror take, in full and after one changed opportunity, and how much memory.

`run(scale)` makes a mirror of 20,000 partners, 1,000,000 opportunities and 5,000,000 touches (half of them meetings)
times `scale` in a temporary directory, computes in a fresh process, and returns the figures.
`python -m benchmarks.facts [scale]` prints them.
"""

from __future__ import annotations

import gc
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from connector.config.policy import load
from connector.facts import credited
from connector.facts.crediting import clear, credit
from connector.facts.gather import compute
from connector.mirror import Mirror
from connector.mirror.layout import CANONICAL

AS_OF = datetime(2026, 7, 1, 12, tzinfo=UTC)

_ID = "'{prefix}' || lpad(({n})::VARCHAR, 15, '0')"


def _id(prefix: str, n: str) -> str:
    return _ID.format(prefix=prefix, n=n)


def _days_ago(days: str) -> str:
    return f"(TIMESTAMPTZ '2026-07-01 09:00:00+00' - to_days(({days})::INTEGER))"


def _tables(partners: int, deals: int, traces: int) -> dict[str, str]:
    """Canonical table -> the query that makes its rows; a hash stands for chance, so every run is the same."""
    accounts, campaigns, people = max(deals // 4, 1), max(partners * 3, 1), max(partners * 5, 1)
    topic, day = f"hash(i, 'o') % {deals}", "hash(i, 'at') % 110"
    when = (
        f"(TIMESTAMPTZ '2026-07-01 09:00:00+00' - to_days((hash({topic}, 'age') % 1095)::INTEGER)"
        f" + to_days(({day})::INTEGER))"
    )
    staff, buyer = _id("H01", f"hash(i, 'w') % {people}"), _id("B01", topic)
    with_whom = f"CASE WHEN i % 3 = 0 THEN {staff} ELSE {buyer} END"
    old = "hash(i, 'age') % 1095"
    partner = f"(hash(i, 'p') % {partners} * (hash(i, 'skew') % 1000) // 1000)::BIGINT"
    stamp = "TIMESTAMPTZ '2026-06-30 00:00:00+00' AS modified_at"
    return {
        "partners": f"""SELECT {_id("P01", "i")} AS id, 'Partner ' || i AS name,
            ['VAR', 'GSI', 'MSP'][i % 3 + 1] AS persona,
            i % 20 = 0 AS strategic, 'U' || i % 200 AS owner_id, DATE '2024-01-01' AS agreement_date,
            {_days_ago("900")} AS created_at, 'DE' AS footprint_regions, {stamp} FROM range({partners}) r(i)""",
        "accounts": f"""SELECT {_id("A01", "i")} AS id, 'Customer ' || i AS name,
            ['DE', 'FR', 'US', 'GB', 'JP'][i % 5 + 1] AS country,
            ['Retail', 'Health', 'Energy'][i % 3 + 1] AS industry,
            ['SMB', 'Mid', 'Enterprise'][i % 3 + 1] AS segment, {stamp} FROM range({accounts}) r(i)""",
        "opportunities": f"""SELECT {_id("O06", "i")} AS id, 'Deal ' || i AS name,
            {_id("A01", f"hash(i, 'a') % {accounts}")} AS account_id, 'Proposal' AS stage,
            hash(i, 'c') % 100 < 70 AS is_closed, hash(i, 'c') % 100 < 25 AS is_won,
            (hash(i, 'm') % 900000 + 1000)::DECIMAL(20, 4) AS amount, 'USD' AS currency,
            {_days_ago(old)} AS created_at,
            ({_days_ago(old)} + to_days((hash(i, 'd') % 120)::INTEGER))::DATE AS close_date,
            CASE WHEN i % 10 = 0 THEN {_id("C01", f"hash(i, 'g') % {campaigns}")} END AS campaign_id,
            'new' AS type, 'Product ' || hash(i, 'f') % 6 AS product, {stamp} FROM range({deals}) r(i)""",
        "partner_links": f"""SELECT {_id("L01", "i")} AS id, {_id("O06", "i")} AS opportunity_id,
            {_id("P01", partner)} AS partner_id,
            ['reseller', 'lead', 'influencer'][(hash(i, 'r') % 3 + 1)::BIGINT] AS role,
            {stamp} FROM range({deals}) r(i) WHERE hash(i, 'l') % 10 < 7""",
        "registrations": f"""SELECT {_id("R01", "i")} AS id, {_id("P01", partner)} AS partner_id,
            {_id("O06", topic)} AS opportunity_id, 'approved' AS status,
            {when} - INTERVAL 40 DAY AS submitted_at, {when} - INTERVAL 38 DAY AS approved_at,
            {stamp} FROM range({deals // 5}) r(i)""",
        "contacts": f"""SELECT {_id("H01", "i")} AS id, {_id("P01", f"i % {partners}")} AS account_id,
            {stamp} FROM range({people}) r(i)""",
        "quotes": f"""SELECT {_id("Q01", "i")} AS id, {_id("O06", "i")} AS opportunity_id, 'issued' AS status,
            {_days_ago(old)} + INTERVAL 10 DAY AS issued_at,
            {stamp} FROM range({deals}) r(i) WHERE hash(i, 'q') % 10 < 6""",
        "meetings": f"""SELECT {_id("M01", "i")} AS id, {_id("O06", topic)} AS related_id, {with_whom} AS contact_id,
            'cal' || hash(i, 'k') % {traces} AS calendar_id, {when} AS starts_at, {when} AS ends_at,
            CASE WHEN i % 9 = 0 THEN 'no_show' WHEN i % 2 = 0 THEN 'held' END AS outcome, i % 11 = 0 AS internal,
            {when} - INTERVAL 3 DAY AS created_at, {stamp} FROM range({traces // 2}) r(i)""",
        "touches": f"""SELECT {_id("T01", "i")} AS id, {_id("O06", topic)} AS related_id, {with_whom} AS contact_id,
            ['call', 'email', 'technical validation', 'proof of concept', 'lunch'][i % 5 + 1] AS type,
            {when} AS occurred_at, {when} AS recorded_at, {stamp} FROM range({traces - traces // 2}) r(i)""",
        "stage_history": f"""SELECT {_id("S01", "i")} AS id, {_id("O06", "i")} AS opportunity_id,
            'Negotiation/Review' AS stage, {_days_ago(old)} + INTERVAL 80 DAY AS at
            FROM range({deals}) r(i) WHERE hash(i, 'n') % 10 < 4""",
        "campaigns": f"""SELECT {_id("C01", "i")} AS id, 'Campaign ' || i AS name, 'Demand Gen' AS motion,
            ['completed', 'active'][(i % 5 = 0)::INTEGER + 1] AS status,
            {_id("P01", f"i % {partners}")} AS partner_id,
            ({_days_ago(old)})::DATE AS start_date, ({_days_ago(old)} + INTERVAL 40 DAY)::DATE AS end_date,
            20000::DECIMAL(20, 4) AS budgeted_cost, {stamp} FROM range({campaigns}) r(i)""",
        "fund_requests": f"""SELECT {_id("F01", "i")} AS id, {_id("P01", f"i % {partners}")} AS partner_id,
            {_id("C01", "i")} AS campaign_id, 'approved' AS status, 9000::DECIMAL(20, 4) AS approved_amount,
            {_days_ago(old)} AS created_at, {stamp} FROM range({campaigns}) r(i)""",
        "fund_claims": f"""SELECT {_id("K01", "i")} AS id, {_id("F01", "i")} AS request_id, 'paid' AS status,
            (hash(i, 's') % 9000)::DECIMAL(20, 4) AS amount, {_days_ago(old)} AS created_at,
            {stamp} FROM range({campaigns}) r(i)""",
        "logins": f"""SELECT {_id("U01", "i")} AS id, {_id("P01", f"i % {partners}")} AS partner_id,
            {_days_ago(old)} AS last_login_at, true AS is_active, {stamp} FROM range({partners * 3}) r(i)""",
    }  # fmt: skip


def build(path: Path, scale: float) -> None:
    """Make the mirror file."""
    sizes = (int(20_000 * scale), int(1_000_000 * scale), int(5_000_000 * scale))
    with Mirror.open(path, memory_limit="4GB") as mirror:
        for name, sql in _tables(*sizes).items():
            mirror.append(name, "made", CANONICAL_EMPTY[name])
            made = mirror.query(f"DESCRIBE {sql}").column("column_name").to_pylist()
            names = ", ".join(f'"{column}"' for column in made)
            mirror.run(f"INSERT INTO staging_{name}_1 ({names}) {sql}")
            mirror.finish_full(name, "made")
        for name in CANONICAL:
            mirror.set_source(name, name in CANONICAL_EMPTY, "", AS_OF)


def _empty(name: str) -> pa.Table:
    return pa.table(
        {column.name: pa.array([], pa.string()) for column in CANONICAL[name].columns if column.name == "id"}
    )


CANONICAL_EMPTY = {name: _empty(name) for name in _tables(1, 1, 1)}


def measure(path: Path) -> dict[str, Any]:
    """Seconds and megabytes of this process: a full computation, then one changed opportunity, warm."""
    import connector.facts.statements as compiled

    policy = load("default")
    with Mirror.open(path) as mirror:
        before = _megabytes()
        start = time.perf_counter()
        mirror.index()
        index_seconds = time.perf_counter() - start
        start = time.perf_counter()
        compiled.statements(compiled.shape(policy, proxy=False))
        compiled.credit_statements(compiled.CreditShape(policy.attribution, policy.corporate_currency))
        compile_seconds = time.perf_counter() - start
        gc.disable()  # as a sync does (connector.sync.batch)
        start = time.perf_counter()
        credit(mirror, policy, AS_OF)
        credited.keep(mirror, whole=True)
        clear(mirror, policy)
        credit_seconds = time.perf_counter() - start
        after_credit = _megabytes()
        start = time.perf_counter()
        partners = [facts.partner_id for facts in compute(mirror, policy, AS_OF)]
        full = time.perf_counter() - start
        streamed = _megabytes()
        again = time.perf_counter()
        kept = list(compute(mirror, policy, AS_OF))
        again = time.perf_counter() - again
        changed = mirror.query("SELECT opportunity_id FROM partner_links ORDER BY hash(id) LIMIT 25").to_pylist()
        one = [_one_change(mirror, policy, row["opportunity_id"]) for row in changed]
        warm = sorted(each.facts for each in one[5:])
        both = sorted(each.facts + each.credit for each in one[5:])
        return {
            "partners": len(partners),
            **mirror.counts(),
            "index_s": round(index_seconds, 2),
            "compile_s": round(compile_seconds, 3),
            "credits": mirror.query("SELECT count(*) AS n FROM credited").column("n")[0].as_py(),
            "credit_s": round(credit_seconds, 2),
            "credit_mb": after_credit,
            "full_s": round(full, 2),
            "all_s": round(credit_seconds + full, 2),
            "full_again_s": round(again, 2),
            "start_mb": before,
            "peak_mb": streamed,
            "peak_all_kept_mb": _megabytes(),
            "kept": len(kept),
            "one_deal_ms": round(1000 * statistics.median(warm), 1),
            "one_deal_p95_ms": round(1000 * warm[int(0.95 * len(warm))], 1),
            "one_deal_partners": statistics.mean(each.partners for each in one),
            "one_deal_with_credit_ms": round(1000 * statistics.median(both), 1),
        }


@dataclass(frozen=True, slots=True)
class _One:
    """What one changed opportunity took, in seconds, and whom it concerned."""

    credit: float
    facts: float
    partners: int


def _one_change(mirror: Mirror, policy: Any, opportunity: str) -> _One:
    """Change one opportunity's amount; then, timed, settle its credit, find its partners and compute their facts."""
    row = mirror.query("SELECT * EXCLUDE (_source) FROM opportunities WHERE id = ?", [opportunity])
    mirror.upsert("opportunities", "made", row)
    start = time.perf_counter()
    credit(mirror, policy, AS_OF, sorted(mirror.affected_deals("opportunities", [opportunity]) or ()))
    credited.keep(mirror, whole=False)
    settled = time.perf_counter()
    partners = sorted(mirror.affected_partners("opportunities", [opportunity]))
    facts = list(compute(mirror, policy, AS_OF, partners))
    return _One(settled - start, time.perf_counter() - settled, len(facts))


def _megabytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def run(scale: float = 1.0) -> dict[str, Any]:
    """The figures of one scale, measured in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mirror.duckdb"
        build(path, scale)
        command = [sys.executable, "-m", "benchmarks.facts", "--measure", str(path)]
        answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        figures: dict[str, Any] = json.loads(answer.stdout)
        figures["file_mb"] = path.stat().st_size >> 20
        return figures


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        print(json.dumps(measure(Path(sys.argv[2]))))
    else:
        print(json.dumps(run(float(sys.argv[1]) if len(sys.argv) > 1 else 1.0), indent=1))
