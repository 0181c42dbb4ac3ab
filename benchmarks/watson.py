"""`python -m benchmarks watson FILE`: one channel's cycle-time delta by every named definition, over a public CSV.

The file is IBM Watson Analytics' sample "Sales Win Loss" or any CSV of its columns: one closed opportunity a line,
with days and no dates. Its lines are put into a mirror with the channel `Reseller` as the partner, all opened on one
day, and measured by the product; beside that stands a computation over the same lines that shares no code with it.
Repeated opportunity numbers differ in amount and are counted as they come; a zero amount is no size.
"""

from __future__ import annotations

import csv
import sys
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from statistics import fmean, median

import numpy as np
import pyarrow as pa
from rich.console import Console
from rich.table import Table

from connector.config.policy import load
from connector.facts.cycle_report import CycleReport, cycle_report
from connector.mirror import Mirror
from connector.mirror.layout import CANONICAL, arrow_type

PARTNER_CHANNEL = "Reseller"
DAYS, RESULT, AMOUNT = "Total Days Identified Through Closing", "Opportunity Result", "Opportunity Amount USD"
CHANNEL, SEGMENT, PRODUCT = "Route To Market", "Client Size By Revenue", "Supplies Group"
NUMBER = "Opportunity Number"

AS_OF = datetime(2026, 6, 30, 12, tzinfo=UTC)
OPENED = date(2025, 1, 1)  # of every opportunity: all are of one cohort, and all have closed by AS_OF


@dataclass(frozen=True, slots=True)
class Direct:
    """One definition computed from the lines themselves: ratio, and opportunities of both sides."""

    ratio: float
    n: int
    direct_n: int


def lines_of(path: Path) -> list[dict[str, str]]:
    """The lines, with the word "None" left a word."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def mirrored(lines: list[dict[str, str]], mirror: Mirror) -> None:
    """The lines as opportunities; the channel of resellers is one partner's."""
    opened = datetime(OPENED.year, OPENED.month, OPENED.day, tzinfo=UTC)
    opportunities = [
        {
            "id": f"o{n:06}", "stage": line[RESULT], "is_closed": True, "is_won": line[RESULT] == "Won",
            "amount": Decimal(line[AMOUNT]), "created_at": opened, "close_date": OPENED + timedelta(int(line[DAYS])),
            "segment": line[SEGMENT], "product": line[PRODUCT], "type": "new",
        }
        for n, line in enumerate(lines)
    ]  # fmt: skip
    links = [
        {"id": f"l{n:06}", "opportunity_id": f"o{n:06}", "partner_id": "reseller", "role": "reseller"}
        for n, line in enumerate(lines)
        if line[CHANNEL] == PARTNER_CHANNEL
    ]
    partners = [{"id": "reseller", "name": PARTNER_CHANNEL, "created_at": opened}]
    worlds = {"opportunities": opportunities, "partner_links": links, "partners": partners}
    for name in CANONICAL:
        rows = worlds.get(name, [])
        if rows:
            columns = [column for column in CANONICAL[name].columns if column.name in rows[0]]
            made = {c.name: pa.array([row[c.name] for row in rows], arrow_type(c.kind)) for c in columns}
            mirror.upsert(name, "csv", pa.table(made))
        mirror.set_source(name, bool(rows), "", AS_OF)


def measured(path: Path) -> CycleReport:
    """What the product says about the channel."""
    with Mirror.open(":memory:") as mirror:
        mirrored(lines_of(path), mirror)
        policy = load("default")
        cohorts = replace(policy.cycle_time, min_level_wins=1)
        return cycle_report(mirror, replace(policy, cycle_time=cohorts), AS_OF, "reseller")


def computed(path: Path) -> dict[str, Direct]:
    """The six definitions straight from the lines, by the standard library, least squares and an optimiser."""
    lines = [line for line in lines_of(path) if int(line[DAYS]) > 0]
    ours, theirs = ([x for x in lines if (x[CHANNEL] == PARTNER_CHANNEL) is side] for side in (True, False))
    found = {}
    for name, take, won in (
        ("mean_won", fmean, True), ("median_won", median, True),
        ("mean_closed", fmean, False), ("median_closed", median, False),
    ):  # fmt: skip
        sides = [[int(x[DAYS]) for x in side if x[RESULT] == "Won" or not won] for side in (ours, theirs)]
        found[name] = Direct(take(sides[0]) / take(sides[1]), len(sides[0]), len(sides[1]))
    return {**found, "size_adjusted": _least_squares(ours, theirs), "censored": _likelihood(ours, theirs)}


def _design(sides: list[list[dict[str, str]]]) -> list[np.ndarray]:
    """Ones, log amount, and a column for every segment and product of the direct lines but one."""
    words = [sorted({line[name] for line in sides[1]})[1:] for name in (SEGMENT, PRODUCT)]
    levels = [(name, word) for name, known in zip((SEGMENT, PRODUCT), words, strict=True) for word in known]
    return [
        np.array([[1.0, np.log(float(x[AMOUNT])), *(x[name] == word for name, word in levels)] for x in side], float)
        for side in sides
    ]


def _usable(side: list[dict[str, str]], *, only_won: bool) -> list[dict[str, str]]:
    return [x for x in side if float(x[AMOUNT]) > 0 and (x[RESULT] == "Won" or not only_won)]


def _least_squares(ours: list[dict[str, str]], theirs: list[dict[str, str]]) -> Direct:
    """The mean residual of our wins from a regression over the direct ones'."""
    sides = [_usable(side, only_won=True) for side in (ours, theirs)]
    mine, other = _design(sides)
    days = [np.log([float(x[DAYS]) for x in side]) for side in sides]
    beta = np.linalg.lstsq(other, days[1], rcond=None)[0]
    return Direct(float(np.exp(np.mean(days[0] - mine @ beta))), len(days[0]), len(days[1]))


def _likelihood(ours: list[dict[str, str]], theirs: list[dict[str, str]]) -> Direct:
    """The shift that maximises the likelihood of our lines, given the direct side's own maximum."""
    from scipy.optimize import minimize, minimize_scalar
    from scipy.stats import norm

    sides = [_usable(side, only_won=False) for side in (ours, theirs)]
    mine, other = _design(sides)
    days = [np.log([float(x[DAYS]) for x in side]) for side in sides]
    won = [np.array([x[RESULT] == "Won" for x in side]) for side in sides]

    def loss(z: np.ndarray, sigma: float, event: np.ndarray) -> float:
        return -float(np.where(event, norm.logpdf(z) - np.log(sigma), norm.logsf(z)).sum())

    def slope(place: np.ndarray) -> np.ndarray:
        sigma = np.exp(place[-1])
        z = (days[1] - other @ place[:-1]) / sigma
        pull = np.where(won[1], z, np.exp(norm.logpdf(z) - norm.logsf(z)))
        return np.append(-(other.T @ pull) / sigma, -(pull @ z - won[1].sum()))

    start = np.append(np.linalg.lstsq(other, days[1], rcond=None)[0], 0.0)

    def whole(place: np.ndarray) -> float:
        return loss((days[1] - other @ place[:-1]) / np.exp(place[-1]), float(np.exp(place[-1])), won[1])

    found = minimize(whole, start, jac=slope, method="BFGS", options={"gtol": 1e-4, "maxiter": 2_000})
    beta, sigma = found.x[:-1], float(np.exp(found.x[-1]))
    rest = days[0] - mine @ beta
    shift = minimize_scalar(lambda d: loss((rest - d) / sigma, sigma, won[0]), bounds=(-3, 3), method="bounded",
                            options={"xatol": 1e-9})  # fmt: skip
    return Direct(float(np.exp(shift.x)), len(rest), len(days[1]))


def main(argv: list[str]) -> int:
    """Print both side by side; 0 when they are equal, 1 when not, 2 without a file."""
    console = Console(width=max(Console().width, 130))
    if len(argv) != 1 or not Path(argv[0]).is_file():
        console.print("usage: python -m benchmarks watson FILE   (a CSV with the columns of Sales Win Loss)")
        return 2
    path = Path(argv[0])
    ours, theirs = measured(path), computed(path)
    repeats = [line[NUMBER] for line in lines_of(path)]
    table = Table(title=f"{PARTNER_CHANNEL} against direct, 1 - ratio", title_justify="left", box=None)
    for column in ("definition", "delta", "95 % interval", "direct computation", "n", "direct n"):
        table.add_column(column, justify="left" if column == "definition" else "right")
    equal = True
    for line in ours.lines:
        other = theirs[line.definition]
        same = line.ratio is not None and abs(line.ratio / other.ratio - 1) < 1e-5 and line.n == other.n
        equal &= same and line.direct_n == other.direct_n
        low, high = (f"{(1 - end) * 100:.1f} %" if end is not None else "" for end in (line.high, line.low))
        told = f"{(1 - (line.ratio or 1)) * 100:.2f} %"
        beside = f"{(1 - other.ratio) * 100:.2f} %"
        table.add_row(line.definition, told, f"{low} to {high}", beside, f"{line.n:,}", f"{line.direct_n:,}")
    console.print(table)
    for name, side in ((PARTNER_CHANNEL, ours.group), ("direct", ours.direct)):
        by = ", ".join(f"{share:.1%} by day {days}" for days, share in zip((90, 180), side.won_by, strict=True))
        console.print(f"{name}: won {side.won:,} of {side.won + side.lost:,} = {side.win_rate:.2%}; won {by}")
    console.print(f"{len(repeats) - len(set(repeats)):,} repeated numbers are counted as they come.")
    assert ours.cycle is not None
    console.print(f"verdict: {ours.cycle.status} ({ours.cycle.code}); left out: {dict(ours.cycle.fact.left_out)}")
    console.print("equal" if equal else "NOT EQUAL", style="green" if equal else "red")
    return 0 if equal else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
