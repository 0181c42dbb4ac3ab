"""`python -m benchmarks honesty`: how often is each way of measuring wrong, where the truth is known?

Simulated partners, seeded. Four questions: how often a partner with no true effect is called "15 % faster"; how many
claims over many partners are false; how often the 20 % gate blocks a good partner; how often verdicts, and the
figures beside them, flip in a year. The ways are the naive ones and the shipped ones, through the product's own
measures and rules.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

import numpy as np
from rich.console import Console
from rich.table import Table

from connector.config.policy import load
from connector.core.cycle_time import CycleFact, CycleStatus, CycleTime, judged, remembered
from connector.core.decide import decide
from connector.core.decisions import Previous
from connector.core.facts import PartnerFacts, QuoteCohort, Unknown, Window
from connector.core.policy import Policy
from connector.core.quote_state import QuotePrior, QuoteState, believed
from connector.core.verdicts import Gate
from connector.facts.cycle_fits import decimal
from connector.measure import cycle_times as measure
from connector.measure.shrinkage import NormalPrior, beta_prior, normal_prior

SPAN = 1095  # days over which opportunities were opened
CLAIM = float(np.log(0.85))
STATE, STATE_HELD = (0.4, 6.0), (0.0, 1.3)
CYCLE, CYCLE_HELD = ((0.4, 5.0), (150.0, 330.0)), ((0.0, 0.8), (0.0, 25.0))


@dataclass(frozen=True, slots=True)
class Rate:
    """How often something went wrong, and in which band it should lie."""

    question: str
    way: str
    rate: float
    replications: int
    low: float
    high: float

    @property
    def inside(self) -> bool:
        """Whether it lies in the band."""
        return self.low <= self.rate <= self.high


def opportunities(
    chance: np.random.Generator, n: int, *, effect: float = 0.0, smaller: float = 0.0, newer: float = 1.0,
    faster_losses: float = 0.0,
) -> measure.Rows:  # fmt: skip
    """`n` opportunities: bigger ones take longer, losing competes with winning, and today cuts both off.

    `effect` is the true log ratio of the time to a win, `smaller` by how much the log size is less, `newer` the share
    of the span in which they were opened, counted from today.
    """
    size = chance.normal(10 - smaller, 1.0, n)
    age = chance.uniform(1, SPAN * newer, n)
    won = np.exp(4.5 + 0.3 * (size - 10) + effect + chance.normal(0, 0.7, n))
    lost = np.exp(4.9 - faster_losses + chance.normal(0, 0.8, n))
    days = np.maximum(np.minimum(np.minimum(won, lost), age), 0.5)
    status = np.where(age <= np.minimum(won, lost), 2, np.where(won < lost, 1, 0)).astype(np.int64)
    levels = np.minimum(age // 365, 2).astype(np.int64)[:, None]
    return measure.Rows(days, status, np.floor(age), size, levels)


def _fact(base: measure.Baseline, found: measure.Measured, at: int, prior: NormalPrior | None) -> CycleFact:
    told, check = found.by_definition[measure.CENSORED], found.by_definition[measure.SIZE_ADJUSTED]
    day = date(2026, 6, 30)
    return CycleFact(
        definition=measure.CENSORED, log_ratio=decimal(told.log_ratio[at]), se=decimal(told.se[at]),
        n=int(told.n[at]), wins=int(told.wins[at]), direct_n=told.direct_n, direct_wins=told.direct_wins,
        check=decimal(check.log_ratio[at]), mature_wins=int(found.mature_wins[at]), oldest=int(found.oldest[at]),
        maturity=int(np.ceil(base.maturity)), overlap=decimal(found.overlap[at]),
        prior_mean=decimal(prior.mean) if prior else None, prior_sd=decimal(prior.sd) if prior else None,
        prior_partners=prior.groups if prior else 0, left_out=(), since=day - timedelta(SPAN), until=day,
        start="created",
    )  # fmt: skip


def no_effect(runs: int, seed: int, *, faster_losses: float = 0.0) -> dict[str, float]:
    """By each definition and by the shipped verdict: how often a partner like direct is called 15 % faster."""
    policy = load("default")
    claims = dict.fromkeys((*measure.DEFINITIONS, "covered", "shipped"), 0)
    for run in range(runs):
        chance = np.random.default_rng((seed, run))
        base = measure.baseline(opportunities(chance, 2_000), maturity_share=0.9)
        ours = opportunities(chance, 60, smaller=0.6, newer=0.45, faster_losses=faster_losses)
        found = measure.measured(base, ours, np.zeros(60, dtype=np.int64), 1)
        for name, told in found.by_definition.items():
            claims[name] += bool(told.log_ratio[0] <= CLAIM)
        told = found.by_definition[measure.CENSORED]
        claims["covered"] += bool(abs(told.log_ratio[0]) <= 1.96 * told.se[0])
        claims["shipped"] += judged(_fact(base, found, 0, None), policy.cycle_time).status is CycleStatus.FASTER
    return {name: count / runs for name, count in claims.items()}


def many_partners(runs: int, seed: int, partners: int = 400, each: int = 40) -> tuple[float, float, int]:
    """Of the claims "15 % faster" over many partners, the false ones by the bare ratio and by the shipped verdict."""
    policy = load("default")
    raw, shipped = [0, 0], [0, 0]
    for run in range(runs):
        chance = np.random.default_rng((seed, run))
        base = measure.baseline(opportunities(chance, 4_000), maturity_share=0.9)
        effects = chance.normal(0.0, 0.15, partners)
        who = np.repeat(np.arange(partners), each)
        found = measure.measured(base, opportunities(chance, len(who), effect=effects[who]), who, partners)  # type: ignore[arg-type]
        told = found.by_definition[measure.CENSORED]
        prior = normal_prior(told.log_ratio, told.se)
        true = effects <= CLAIM
        for at in range(partners):
            if told.log_ratio[at] <= CLAIM:
                raw[int(true[at])] += 1
            if judged(_fact(base, found, at, prior), policy.cycle_time).status is CycleStatus.FASTER:
                shipped[int(true[at])] += 1
    return raw[0] / max(sum(raw), 1), shipped[0] / max(sum(shipped), 1), sum(shipped)


def gate(runs: int, seed: int, partners: int = 400) -> dict[str, float]:
    """Rates of Beta(4, 12), about 8 quotes a partner: good ones blocked, bad ones funded, by ratio and state."""
    policy = load("default").velocity
    blocked, funded, undecided, good, bad = {"ratio": 0, "bayes": 0}, {"ratio": 0, "bayes": 0}, 0, 0, 0
    for run in range(runs):
        chance = np.random.default_rng((seed, run))
        true = chance.beta(4, 12, partners)
        counted = np.maximum(np.rint(chance.lognormal(np.log(8), 1.2, partners)), 1).astype(np.int64)
        won = chance.binomial(counted, true).astype(np.int64)
        fit = beta_prior(won, counted)
        assert fit is not None
        prior = QuotePrior(Decimal(f"{fit.a:.6g}"), Decimal(f"{fit.b:.6g}"), fit.groups)
        for rate, k, n in zip(true.tolist(), won.tolist(), counted.tolist(), strict=True):
            state = believed(k, n, prior, policy.floor, policy.certainty).state
            fine = rate >= float(policy.floor)
            good, bad = good + fine, bad + (not fine)
            undecided += state is QuoteState.INSUFFICIENT
            blocked["ratio"] += fine and k < policy.floor * n
            blocked["bayes"] += fine and state is QuoteState.BLOCK
            funded["ratio"] += not fine and k >= policy.floor * n
            funded["bayes"] += not fine and state is QuoteState.FUND
    total = runs * partners
    return {
        **{f"blocked {way}": count / good for way, count in blocked.items()},
        **{f"funded {way}": count / bad for way, count in funded.items()},
        "undecided": undecided / total,
    }


def flips(partners: int, seed: int, *, dead_band: bool, dwell: bool) -> float:
    """Changes of the first gate's verdict in a year of daily looks at partners whose true rate is the floor."""
    policy = load("default")
    rules = replace(
        policy.velocity,
        dead_band=policy.velocity.dead_band if dead_band else Decimal(0),
        dwell_days=policy.velocity.dwell_days if dwell else 0,
    )
    ruled = replace(policy, velocity=rules)
    chance = np.random.default_rng(seed)
    return sum(_changes(chance, 1 + n % 4, ruled) for n in range(partners)) / partners


def _changes(chance: np.random.Generator, weekly: int, policy: Policy) -> int:
    quotes, won = chance.poisson(weekly / 7, 730), np.zeros(730, dtype=np.int64)
    won[:] = chance.binomial(quotes, float(policy.velocity.floor))
    counted, wins = (np.convolve(each, np.ones(365, dtype=np.int64))[365:730] for each in (quotes, won))
    return sum(a is not b for a, b in pairwise(_verdicts(counted, wins, policy)))


def _verdicts(counted: np.ndarray, wins: np.ndarray, policy: Policy) -> Iterator[object]:
    previous: Previous | None = None
    start = date(2025, 7, 1)
    nothing = Unknown("NOT_MAPPED", "a source")
    facts = PartnerFacts(
        partner_id="p1", name="p1", personas=("VAR",), strategic=False, owner_id=None, marketer_id=None, since=None,
        excluded=False, quotes=nothing, footprint=nothing, track_record=nothing, meetings=nothing, won_deals=nothing,
        activity=nothing, live=(), override=None, freshness=None,
    )  # fmt: skip
    for n, (count, win) in enumerate(zip(counted.tolist(), wins.tolist(), strict=True)):
        day = start + timedelta(n)
        cohort = QuoteCohort(count, win, Window(day - timedelta(365), day), False, ())
        decision = decide(replace(facts, quotes=cohort), policy, day, previous)
        previous = decision.carried()
        result = decision.gate(Gate.VELOCITY)
        assert result is not None
        yield result.verdict


def state_flips(partners: int, seed: int, *, held: bool) -> float:
    """Changes of the quote-to-close state in a year of daily looks at partners whose true rates are Beta(4, 12)."""
    gate = load("default").velocity
    prior = QuotePrior(Decimal(4), Decimal(12), 400)
    chance = np.random.default_rng(seed)
    changes = 0
    for n in range(partners):
        quotes = chance.poisson((1 + n % 4) / 7, 730)
        won = chance.binomial(quotes, chance.beta(4, 12))
        counted, wins = (np.convolve(each, np.ones(365, dtype=np.int64))[365:730] for each in (quotes, won))
        state: QuoteState | None = None
        for k, of in zip(wins.tolist(), counted.tolist(), strict=True):
            earlier = state if held else None
            now = believed(int(k), int(of), prior, gate.floor, gate.certainty, gate.leave, earlier).state
            changes += state is not None and now is not state
            state = now
    return changes / partners


def cycle_flips(partners: int, seed: int, *, held: bool) -> tuple[float, float]:
    """Changes of the verdict and of the recorded figure in a year of daily looks at partners truly 22 % faster."""
    rules = load("default").cycle_time
    chance = np.random.default_rng(seed)
    window = np.ones(SPAN)
    verdicts, figures = 0, 0
    for n in range(partners):
        made = chance.poisson((1 + n % 3) / 7, SPAN + 365)
        logs = chance.normal(np.log(0.78) * made, 0.7 * np.sqrt(made))
        counts, sums = (np.convolve(each, window)[SPAN : SPAN + 365] for each in (made, logs))
        drift = np.cumsum(chance.normal(0, 0.001, 365))  # direct opportunities come and go too
        last: CycleTime | None = None
        for count, ratio in zip(counts.tolist(), (sums / counts + drift).tolist(), strict=True):
            fact = _timed(int(count), ratio, 0.7 / count**0.5)
            now = judged(fact, rules, remembered(last, rules) if held and last else None)
            if last is not None:
                verdicts += now.status is not last.status
                figures += _tenths(now, held) != _tenths(last, held)
            last = now
    return verdicts / partners, figures / partners


def _tenths(found: CycleTime, held: bool) -> Decimal | None:
    """The percentage that the record shows."""
    value = found.shown if held else found.delta
    return None if value is None else (value * 100).quantize(Decimal("0.1"))


def _timed(n: int, ratio: float, se: float) -> CycleFact:
    day = date(2026, 6, 30)
    return CycleFact(
        definition=measure.CENSORED, log_ratio=decimal(ratio), se=decimal(se), n=n, wins=n // 2, direct_n=4_000,
        direct_wins=2_000, check=decimal(ratio), mature_wins=n // 3, oldest=900, maturity=200, overlap=Decimal("0.9"),
        prior_mean=Decimal(0), prior_sd=Decimal("0.2"), prior_partners=400, left_out=(), since=day - timedelta(SPAN),
        until=day, start="created",
    )  # fmt: skip


def rates(size: float = 1.0, seed: int = 20_260) -> list[Rate]:
    """Every rate with the band that it should lie in; `size` scales the replications."""
    runs, some, many, year = (max(int(n * size), 4) for n in (300, 10, 30, 120))
    plain, quick = no_effect(runs, seed), no_effect(runs, seed + 1, faster_losses=0.4)
    raw, shipped, _ = many_partners(some, seed)
    blocks = gate(many, seed)
    none, faster = 'no effect, called "15 % faster"', "the same, its losses coming faster"
    found = [
        Rate(none, "mean_won", plain["mean_won"], runs, 0.50, 0.90),
        Rate(none, "median_won", plain["median_won"], runs, 0.50, 0.90),
        Rate(none, "size_adjusted", plain["size_adjusted"], runs, 0.0, 0.15),
        Rate(none, "censored, bare", plain["censored"], runs, 0.0, 0.09),
        Rate(none, "shipped verdict", plain["shipped"], runs, 0.0, 0.03),
        Rate(faster, "mean_won", quick["mean_won"], runs, 0.65, 1.0),
        Rate(faster, "median_won", quick["median_won"], runs, 0.65, 1.0),
        Rate(faster, "censored, bare", quick["censored"], runs, 0.0, 0.13),
        Rate(faster, "shipped verdict", quick["shipped"], runs, 0.0, 0.03),
        Rate("95 % interval holds the truth", "censored", plain["covered"], runs, 0.90, 0.99),
        Rate("false claims over 400 partners", "bare ratio", raw, some, 0.25, 0.60),
        Rate("false claims over 400 partners", "shipped verdict", shipped, some, 0.0, 0.25),
        Rate("good partners blocked at 20 %", "bare rate", blocks["blocked ratio"], many, 0.25, 0.42),
        Rate("good partners blocked at 20 %", "state (bayes)", blocks["blocked bayes"], many, 0.0, 0.03),
        Rate("bad partners funded at 20 %", "bare rate", blocks["funded ratio"], many, 0.15, 0.40),
        Rate("bad partners funded at 20 %", "state (bayes)", blocks["funded bayes"], many, 0.0, 0.15),
        Rate("left undecided at 20 %", "state (bayes)", blocks["undecided"], many, 0.45, 0.85),
    ]
    question = "flips a year at the floor, daily"
    for way, band, dwell, low, high in (
        ("neither", False, False, 4.5, 11.0),
        ("dead band", True, False, 0.5, 2.6),
        ("dwell", False, True, 1.8, 4.5),
        ("shipped: both", True, True, 0.4, 2.2),
    ):
        found.append(Rate(question, way, flips(year, seed, dead_band=band, dwell=dwell), year, low, high))
    for way, held, low, high in (
        ("entered and left at 0.80", False, *STATE),
        ("shipped: left at 0.50", True, *STATE_HELD),
    ):
        found.append(
            Rate("flips a year of the quote state", way, state_flips(year, seed, held=held), year, low, high)
        )
    for way, held, bands in (("as measured", False, CYCLE), ("shipped: held", True, CYCLE_HELD)):
        verdicts, figures = cycle_flips(year, seed, held=held)
        found.append(Rate("flips a year of the cycle verdict", way, verdicts, year, *bands[0]))
        found.append(Rate("flips a year of the cycle figure", way, figures, year, *bands[1]))
    return found


def main(argv: list[str]) -> int:
    """Print every rate; 0 when all lie in their bands, 1 when one does not."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks honesty", description=__doc__)
    parser.add_argument("--seed", type=int, default=20_260)
    parser.add_argument("--size", type=float, default=1.0, help="scales the number of replications")
    given = parser.parse_args(argv)
    console = Console(width=max(Console().width, 110))
    found = rates(given.size, given.seed)
    table = Table(title=f"How often each way is wrong, seed {given.seed}", title_justify="left", box=None)
    for column in ("question", "way", "rate", "band", "replications", ""):
        table.add_column(column, justify="left" if column in ("question", "way") else "right")
    for each in found:
        whole = each.question.startswith("flips")
        told = f"{each.rate:.2f}" if whole else f"{each.rate:.1%}"
        band = f"{each.low:g} to {each.high:g}" if whole else f"{each.low:.0%} to {each.high:.0%}"
        mark = "" if each.inside else "[red]outside"
        table.add_row(each.question, each.way, told, band, f"{each.replications:,}", mark)
    console.print(table)
    return 0 if all(each.inside for each in found) else 1
