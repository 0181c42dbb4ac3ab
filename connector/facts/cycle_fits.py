"""What one day's direct opportunities and all partners together say, against which single partners are measured.

The direct side and the priors over partners are fitted at every computation of all partners and kept in the mirror
for the rest of the day, so that one changed opportunity costs a few partners and not a fit over everything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute

from connector.core.codec import from_json, to_json
from connector.core.cycle_time import NO_MATCH, NO_SIZE, CycleFact
from connector.core.policy import CycleTimeRules, Policy, VelocityGate
from connector.core.quote_state import QuotePrior
from connector.facts import taxonomy
from connector.facts.sources import Tables
from connector.facts.windows import Windows
from connector.measure import cycle_times as measure
from connector.measure.shrinkage import NormalPrior, beta_prior, normal_prior
from connector.measure.survival import WON

pc: Any = pyarrow.compute  # its stubs know no arrays of text

_MOST_LEVELS = 12
_PLACES = 6
_TABLE = "CREATE TABLE IF NOT EXISTS cycle_fits (digest VARCHAR, body VARCHAR)"


@dataclass(frozen=True, slots=True)
class Factors:
    """The words of segments and products, in order, and the model's level of each; the levels of the cohorts."""

    segments: tuple[str, ...]
    segment_levels: tuple[int, ...]
    products: tuple[str, ...]
    product_levels: tuple[int, ...]
    cohort_days: int
    cohort_levels: tuple[int, ...]

    def of(self, table: pa.Table) -> np.ndarray[Any, np.dtype[np.int64]]:
        """The level of every row in each factor, -1 for what the direct side does not have."""
        found = [
            _looked_up(table.column("segment"), self.segments, self.segment_levels),
            _looked_up(table.column("product"), self.products, self.product_levels),
        ]
        cohorts = np.array(self.cohort_levels, dtype=np.int64)
        place = np.minimum(table.column("age").to_numpy() // self.cohort_days, len(cohorts) - 1)
        return np.column_stack([*found, cohorts[place] if len(cohorts) else np.full(table.num_rows, -1)])


@dataclass(frozen=True, slots=True)
class DayFits:
    """All that is fitted once a day."""

    factors: Factors
    base: measure.Baseline
    prior: NormalPrior | None  # of the policy's definition, over partners
    quotes: QuotePrior | None  # over partners of all personas
    personas: tuple[tuple[str, QuotePrior], ...] = ()  # over those of one, where there are enough

    def quotes_of(self, persona: str) -> QuotePrior | None:
        """How rates lie among partners of that persona, or among all."""
        return dict(self.personas).get(persona, self.quotes)


def kept_fits(tables: Tables, policy: Policy, spans: Windows, direct: str) -> DayFits | None:
    """The fits that a computation of all partners left on that day, by this process or another; None without one.

    `direct` is the SQL of the direct opportunities.
    """
    digest = _digest(policy, spans, direct)
    kept: tuple[str, DayFits] | None = tables.kept.get("cycle_fits")
    if kept is not None and kept[0] == digest:
        return kept[1]
    tables.run(_TABLE)
    found = tables.query("SELECT body FROM cycle_fits WHERE digest = ?", [digest]).column("body").to_pylist()
    if not found:
        return None
    fits = from_json(DayFits, str(found[0]))
    tables.kept["cycle_fits"] = digest, fits
    return fits


def keep_fits(tables: Tables, policy: Policy, spans: Windows, direct: str, fits: DayFits) -> None:
    """Keep the fits in the mirror for the rest of the day."""
    digest = _digest(policy, spans, direct)
    tables.run(_TABLE)
    tables.run("DELETE FROM cycle_fits")
    tables.run("INSERT INTO cycle_fits VALUES (?, ?)", [digest, to_json(fits)])
    tables.kept["cycle_fits"] = digest, fits


def _digest(policy: Policy, spans: Windows, direct: str) -> str:
    asked = f"2 {spans.today} {direct} {to_json(policy.cycle_time)} {policy.velocity}"
    return sha256(asked.encode()).hexdigest()


def fitted(
    direct: pa.Table, cycles: pa.Table, quotes: pa.Table, policy: Policy, personas: Mapping[str, str]
) -> DayFits:
    """The fits from the direct opportunities and all partners' opportunities and quotes.

    `personas`: a partner's id -> its first persona.
    """
    return _fitted(direct, cycles, quotes, policy, personas)[0]


def fitted_facts(
    direct: pa.Table,
    cycles: pa.Table,
    quotes: pa.Table,
    policy: Policy,
    personas: Mapping[str, str],
    spans: Windows,
) -> tuple[DayFits, dict[str, CycleFact]]:
    """`fitted`, and `cycle_facts` of the same opportunities, which are measured once for both."""
    fits, told = _fitted(direct, cycles, quotes, policy, personas)
    return fits, _facts(told, fits, policy.cycle_time, spans)


def _fitted(
    direct: pa.Table, cycles: pa.Table, quotes: pa.Table, policy: Policy, personas: Mapping[str, str]
) -> tuple[DayFits, _Told]:
    rules, gate = policy.cycle_time, policy.velocity
    timed = timed_rows(direct)
    factors = _factors(timed, rules)
    base = measure.baseline(arrays(timed, factors), maturity_share=float(rules.maturity))
    told = _told(cycles, factors, base, rules)
    shifts = told.found.by_definition[rules.definition]
    firm = shifts.wins >= rules.min_wins
    prior = normal_prior(np.where(firm, shifts.log_ratio, np.nan), np.where(firm, shifts.se, np.nan))
    if prior is not None and prior.groups < rules.min_prior_partners:
        prior = None
    of_all = _quote_prior(quotes, gate.min_prior_partners)
    return DayFits(factors, base, prior, of_all, _by_persona(quotes, gate, personas)), told


def _by_persona(
    quotes: pa.Table, gate: VelocityGate, personas: Mapping[str, str]
) -> tuple[tuple[str, QuotePrior], ...]:
    """The priors of the personas of which enough partners have quotes."""
    ids: list[Any] = quotes.column("partner_id").to_pylist()
    known = [personas.get(id_, "") for id_ in ids]
    words = pa.array(known, pa.string())
    least = max(gate.min_persona_partners, gate.min_prior_partners)
    each = (
        (word, _quote_prior(quotes.filter(pc.equal(words, word)), least, word))
        for word in sorted(set(known) - {"", *gate.not_applicable_personas})
    )
    return tuple((word, found) for word, found in each if found is not None)


def _quote_prior(quotes: pa.Table, least: int, persona: str = "") -> QuotePrior | None:
    won, counted = (quotes.column(name).to_numpy().astype(np.int64) for name in ("won", "counted"))
    if int((counted > 0).sum()) < least:
        return None
    prior = beta_prior(won, counted)
    if prior is None:
        return None
    return QuotePrior(Decimal(f"{prior.a:.6g}"), Decimal(f"{prior.b:.6g}"), prior.groups, persona)


def first_personas(tables: Tables) -> dict[str, str]:
    """Every partner's first persona."""
    found = tables.query("SELECT id, persona FROM partners WHERE persona IS NOT NULL")
    ids: list[Any] = found.column("id").to_pylist()
    words = [taxonomy.parts(word) for word in found.column("persona").to_pylist()]
    return {id_: word[0] for id_, word in zip(ids, words, strict=True) if word}


def timed_rows(table: pa.Table) -> pa.Table:
    """The rows that have a duration."""
    return table.filter(pc.equal(table.column("code"), ""))


def grouped(table: pa.Table) -> tuple[list[str], np.ndarray[Any, np.dtype[np.int64]]]:
    """The partners in the order of their ids, and each row's place among them."""
    ids = table.column("partner_id")
    names: list[str] = sorted(pc.unique(ids).to_pylist())
    return names, _places(ids, names)


def _places(column: Any, names: Any) -> np.ndarray[Any, np.dtype[np.int64]]:
    found = pc.index_in(column, pa.array(names, pa.string()))
    return np.asarray(pc.fill_null(found, -1).to_numpy(), dtype=np.int64)


def _looked_up(column: Any, words: tuple[str, ...], levels: tuple[int, ...]) -> np.ndarray[Any, np.dtype[np.int64]]:
    known = np.array([*levels, -1], dtype=np.int64)
    return np.asarray(known[_places(column, words)], dtype=np.int64)


def _factors(timed: pa.Table, rules: CycleTimeRules) -> Factors:
    won = timed.column("status").to_numpy() == WON

    def words(name: str) -> tuple[tuple[str, ...], tuple[int, ...]]:
        known = sorted(pc.unique(timed.column(name)).to_pylist())
        codes = _places(timed.column(name), known)
        levels = measure.pooled_levels(codes, won, len(known), least=rules.min_level_wins, most=_MOST_LEVELS)
        return tuple(known), tuple(levels.tolist())

    count = -(-rules.window_days // rules.cohort_days)
    spans = np.minimum(timed.column("age").to_numpy() // rules.cohort_days, count - 1).astype(np.int64)
    cohorts = measure.merged_levels(spans, won, count, least=rules.min_level_wins)
    return Factors(*words("segment"), *words("product"), rules.cohort_days, tuple(cohorts.tolist()))


def arrays(timed: pa.Table, factors: Factors) -> measure.Rows:
    """The rows as the measures want them."""
    return measure.Rows(
        days=timed.column("days").to_numpy().astype(np.float64),
        status=timed.column("status").to_numpy().astype(np.int64),
        age=timed.column("age").to_numpy().astype(np.float64),
        size=timed.column("size").to_numpy().astype(np.float64),
        levels=factors.of(timed),
    )


def cycle_facts(cycles: pa.Table, fits: DayFits, rules: CycleTimeRules, spans: Windows) -> dict[str, CycleFact]:
    """What is measured about each partner that stands on any opportunity of the window."""
    return _facts(_told(cycles, fits.factors, fits.base, rules), fits, rules, spans)


@dataclass(frozen=True, slots=True)
class _Told:
    """What the opportunities say about the partners of these names; and why some have no duration."""

    names: list[str]
    found: measure.Measured
    reasons: dict[int, dict[str, int]]


def _told(cycles: pa.Table, factors: Factors, base: measure.Baseline, rules: CycleTimeRules) -> _Told:
    names, everyone = grouped(cycles)
    held = pc.equal(cycles.column("code"), "").to_numpy()
    rows = arrays(timed_rows(cycles), factors)
    found = measure.measured(base, rows, everyone[held], len(names), (rules.definition, measure.SIZE_ADJUSTED))
    return _Told(names, found, _reasons(cycles, everyone))


def _facts(told: _Told, fits: DayFits, rules: CycleTimeRules, spans: Windows) -> dict[str, CycleFact]:
    maker = _Maker(told.found, fits, rules, spans, told.reasons)
    return {name: maker.fact(n) for n, name in enumerate(told.names)}


def _reasons(cycles: pa.Table, who: np.ndarray[Any, Any]) -> dict[int, dict[str, int]]:
    """How many of each partner's opportunities have no duration, by the reason."""
    found: dict[int, dict[str, int]] = {}
    lost = pc.not_equal(cycles.column("code"), "").to_numpy()
    codes: list[Any] = cycles.column("code").filter(pa.array(lost)).to_pylist()
    for place, code in zip(who[lost].tolist(), codes, strict=True):
        of_partner = found.setdefault(place, {})
        of_partner[code] = of_partner.get(code, 0) + 1
    return found


@dataclass(frozen=True, slots=True)
class _Maker:
    found: measure.Measured
    fits: DayFits
    rules: CycleTimeRules
    spans: Windows
    reasons: dict[int, dict[str, int]]

    def fact(self, n: int) -> CycleFact:
        found, base, prior = self.found, self.fits.base, self.fits.prior
        told = found.by_definition[self.rules.definition]
        check = found.by_definition[measure.SIZE_ADJUSTED]
        reasons = dict(self.reasons.get(n, {}))
        if self.rules.definition in (measure.SIZE_ADJUSTED, measure.CENSORED):
            reasons |= {NO_SIZE: int(found.unsized[n]), NO_MATCH: int(found.unmatched[n])}
        return CycleFact(
            definition=self.rules.definition,
            log_ratio=decimal(told.log_ratio[n]),
            se=decimal(told.se[n]),
            n=int(told.n[n]),
            wins=int(told.wins[n]),
            direct_n=told.direct_n,
            direct_wins=told.direct_wins,
            check=decimal(check.log_ratio[n]),
            mature_wins=int(found.mature_wins[n]),
            oldest=None if found.oldest[n] < 0 else int(found.oldest[n]),
            maturity=int(np.ceil(base.maturity)) if np.isfinite(base.maturity) else 0,
            overlap=decimal(found.overlap[n]),
            prior_mean=None if prior is None else decimal(prior.mean),
            prior_sd=None if prior is None else decimal(prior.sd),
            prior_partners=0 if prior is None else prior.groups,
            left_out=tuple(sorted((code, count) for code, count in reasons.items() if count)),
            since=self.spans.cycle_from,
            until=self.spans.today,
            start=self.rules.start,
        )


def no_cycles(fits: DayFits, rules: CycleTimeRules, spans: Windows) -> CycleFact:
    """The fact about a partner that stands on no opportunity of the window."""
    return CycleFact(
        definition=rules.definition, log_ratio=None, se=None, n=0, wins=0, direct_n=fits.base.n,
        direct_wins=fits.base.wins, check=None, mature_wins=0, oldest=None, maturity=0, overlap=None, prior_mean=None,
        prior_sd=None, prior_partners=0, left_out=(), since=spans.cycle_from, until=spans.today, start=rules.start,
    )  # fmt: skip


def decimal(value: float) -> Decimal | None:
    """Six decimal places; None for what is not a number."""
    return Decimal(f"{float(value):.{_PLACES}f}") if np.isfinite(value) else None
