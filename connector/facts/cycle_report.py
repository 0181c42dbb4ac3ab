"""What does each named definition say about all partners together, and about each of them, beside direct?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from math import exp
from statistics import NormalDist
from typing import Any

import numpy as np
import pyarrow as pa

from connector.core.cycle_time import CycleStatus, CycleTime, judged
from connector.core.policy import Policy
from connector.facts.asking import ask, set_moments, timing
from connector.facts.cycle_fits import DayFits, arrays, cycle_facts, fitted, grouped, timed_rows
from connector.facts.kept import kept_statements
from connector.facts.readiness import readiness
from connector.facts.sources import Tables
from connector.facts.statements import shape
from connector.facts.windows import windows
from connector.measure import cycle_times as measure
from connector.measure.discovery import adjusted
from connector.measure.survival import LOST, OPEN, WON, incidence, logrank

HORIZONS = (90, 180)


@dataclass(frozen=True, slots=True)
class Line:
    """One definition of one group: `ratio` to direct with its interval; None where it cannot be estimated."""

    definition: str
    ratio: float | None
    low: float | None
    high: float | None
    chance_faster: float | None  # of a ratio below 1, by itself
    chance_claimed: float | None  # of one at most 1 - cycle_time.faster
    n: int
    wins: int
    direct_n: int
    direct_wins: int


@dataclass(frozen=True, slots=True)
class Side:
    """What must stand beside any ratio, because who loses fast looks fast: shares of what became of opportunities."""

    n: int
    won: int
    lost: int
    open: int
    won_by: tuple[float, ...]  # the share won within each of `HORIZONS` days (Aalen-Johansen)
    lost_days: float | None  # mean of the lost ones

    @property
    def win_rate(self) -> float | None:
        """Won to won and lost."""
        return self.won / (self.won + self.lost) if self.won + self.lost else None


@dataclass(frozen=True, slots=True)
class Found:
    """A partner that is listed as faster: its verdict, and the false-discovery rate at which it would just be."""

    partner_id: str
    name: str
    cycle: CycleTime
    rate: float
    listed: bool


@dataclass(frozen=True, slots=True)
class CycleReport:
    """All definitions side by side for one group, and who of many partners stands out."""

    name: str
    definition: str  # the policy's
    since: date
    until: date
    lines: tuple[Line, ...]
    group: Side
    direct: Side
    alike: float | None  # log-rank: the chance of time-to-win curves so different if both sides were alike
    cycle: CycleTime | None  # the verdict, for a single partner
    faster: tuple[Found, ...]  # for all partners, the surest first
    judged: int  # partners about whom something can be said
    partners: int


def cycle_report(tables: Tables, policy: Policy, as_of: datetime, partner_id: str | None = None) -> CycleReport:
    """Measure one partner, or all of them together, against direct; `as_of` is aware.

    Raises KeyError when the partner stands on no opportunity of the window.
    """
    spans = windows(policy, as_of)
    form = shape(policy, proxy=readiness(tables, policy, as_of).proxy)
    questions = kept_statements(tables, form)
    set_moments(tables, spans)
    answers = ask(tables, timing(questions)[0], None)
    direct = tables.query(questions.direct_cycles)
    fits = fitted(direct, answers["cycles"], answers["quotes"], policy, {})
    facts = cycle_facts(answers["cycles"], fits, policy.cycle_time, spans)
    known: Any = tables.query("SELECT id, name FROM partners").to_pylist()
    names = {row["id"]: row["name"] for row in known}
    verdicts = {id_: judged(fact, policy.cycle_time) for id_, fact in facts.items()}
    chosen = timed_rows(answers["cycles"])
    if partner_id is None:
        ours = timed_rows(_once(answers["cycles"]))
    else:
        if partner_id not in facts:
            raise KeyError(partner_id)
        ids, who = grouped(chosen)
        ours = chosen.filter(pa.array(who == ids.index(partner_id))) if partner_id in ids else chosen.slice(0, 0)
    rows, yardstick = arrays(ours, fits.factors), arrays(timed_rows(direct), fits.factors)
    return CycleReport(
        name="all partners" if partner_id is None else names.get(partner_id) or partner_id,
        definition=policy.cycle_time.definition,
        since=spans.cycle_from,
        until=spans.today,
        lines=tuple(_lines(rows, fits, policy)),
        group=_side(rows),
        direct=_side(yardstick),
        alike=_alike(rows, yardstick),
        cycle=None if partner_id is None else verdicts[partner_id],
        faster=() if partner_id else _faster(verdicts, names, float(policy.cycle_time.false_discovery_rate)),
        judged=sum(each.status is not CycleStatus.INSUFFICIENT for each in verdicts.values()),
        partners=len(names),
    )


def _once(cycles: pa.Table) -> pa.Table:
    """Every opportunity once, however many partners stand on it."""
    _, first = np.unique(cycles.column("mark").to_numpy(), return_index=True)
    return cycles.take(np.sort(first))


def _lines(rows: measure.Rows, fits: DayFits, policy: Policy) -> list[Line]:
    found = measure.measured(fits.base, rows, np.zeros(len(rows.days), dtype=np.int64), 1)
    normal, rules = NormalDist(), policy.cycle_time
    reach, claim = normal.inv_cdf((1 + float(rules.interval)) / 2), float((1 - rules.faster).ln())
    lines = []
    for definition in measure.DEFINITIONS:
        told = found.by_definition[definition]
        log, se = float(told.log_ratio[0]), float(told.se[0])
        known, firm = bool(np.isfinite(log)), bool(np.isfinite(se)) and se > 0
        lines.append(
            Line(
                definition,
                exp(log) if known else None,
                exp(log - reach * se) if firm else None,
                exp(log + reach * se) if firm else None,
                normal.cdf(-log / se) if firm else None,
                normal.cdf((claim - log) / se) if firm else None,
                int(told.n[0]), int(told.wins[0]), told.direct_n, told.direct_wins,
            )
        )  # fmt: skip
    return lines


def _side(rows: measure.Rows) -> Side:
    won, lost = rows.status == WON, rows.status == LOST
    curve = incidence(rows.days, rows.status) if len(rows.days) else None
    return Side(
        n=len(rows.days),
        won=int(won.sum()),
        lost=int(lost.sum()),
        open=int((rows.status == OPEN).sum()),
        won_by=tuple(curve.value(days) for days in HORIZONS) if curve else (),
        lost_days=float(rows.days[lost].mean()) if lost.any() else None,
    )


def _alike(rows: measure.Rows, direct: measure.Rows) -> float | None:
    sides = [(each.days, each.status == WON) for each in (rows, direct)]
    if any(not event.any() for _, event in sides):
        return None
    return logrank(*sides)


def _faster(verdicts: dict[str, CycleTime], names: dict[str, Any], rate: float) -> tuple[Found, ...]:
    """Partners with a ratio below 1, listed so that few of them are there by chance."""
    known = [
        (id_, each)
        for id_, each in sorted(verdicts.items())
        if each.status is not CycleStatus.INSUFFICIENT and each.fact.se is not None and each.fact.se > 0
    ]
    normal = NormalDist()
    chances = [normal.cdf(float((each.fact.log_ratio or 0) / (each.fact.se or 1))) for _, each in known]
    rates = adjusted(np.array(chances, dtype=np.float64))
    found = [
        Found(id_, names.get(id_) or id_, each, float(at), bool(at <= rate))
        for (id_, each), at in zip(known, rates, strict=True)
        if each.delta is not None and each.delta > 0
    ]
    return tuple(sorted(found, key=lambda each: (each.rate, -(each.cycle.delta or 0), each.partner_id)))
