"""Is a partner's true quote-to-close rate below the floor, given its quotes and how the rates of all partners lie?

Empirical Bayes: rates of partners are Beta(a, b), fitted over all of them; one partner's own quotes sharpen that. The
answer has three states, because with few quotes neither blocking nor funding is right. It informs; the gate answers
by it only where the policy says `velocity.verdict = "bayes"`.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from math import exp, lgamma, log, log1p

_PLACES = Decimal("0.0001")
_TINY = 1e-300
_MOST_MORE = 500


class QuoteState(StrEnum):
    """What a partner's quotes suffice for."""

    BLOCK = "Block"
    FUND = "Fund"
    INSUFFICIENT = "Insufficient Evidence"


@dataclass(frozen=True, slots=True)
class QuotePrior:
    """How the true rates of so many partners lie: Beta(a, b), fitted once a day."""

    a: Decimal
    b: Decimal
    partners: int
    persona: str = ""  # of which the partners are; empty: of any


@dataclass(frozen=True, slots=True)
class QuoteBelief:
    """The state with what it rests on; `below` is the chance that the true rate is below the floor."""

    state: QuoteState
    below: Decimal
    won: int
    counted: int
    floor: Decimal
    certainty: Decimal
    prior: QuotePrior
    held: bool = False  # an earlier state stands, as the chance has not gone far enough back

    @property
    def more(self) -> int | None:
        """How many more quotes would decide it at the rate seen so far; None when it is decided or 500 would not."""
        if self.state is not QuoteState.INSUFFICIENT or not self.counted:
            return None
        share = self.won / self.counted
        for more in range(1, _MOST_MORE + 1):
            won = self.won + round(share * more)
            if believed(won, self.counted + more, self.prior, self.floor, self.certainty).state is not self.state:
                return more
        return None


@lru_cache(maxsize=65_536)
def believed(
    won: int,
    counted: int,
    prior: QuotePrior,
    floor: Decimal,
    certainty: Decimal,
    leave: Decimal = Decimal(1),
    earlier: QuoteState | None = None,
) -> QuoteBelief:
    """The state of a partner with so many quotes won of those counted.

    A state is entered at `certainty`; the `earlier` one is left only when its chance falls below `leave`.
    """
    below = Decimal(beta_cdf(float(floor), float(prior.a) + won, float(prior.b) + counted - won)).quantize(_PLACES)
    state = QuoteState.INSUFFICIENT
    if below >= certainty:
        state = QuoteState.BLOCK
    elif 1 - below >= certainty:
        state = QuoteState.FUND
    elif (earlier is QuoteState.BLOCK and below >= leave) or (earlier is QuoteState.FUND and 1 - below >= leave):
        return QuoteBelief(earlier, below, won, counted, floor, certainty, prior, held=True)
    return QuoteBelief(state, below, won, counted, floor, certainty, prior)


def beta_cdf(x: float, a: float, b: float) -> float:
    """The chance that a Beta(a, b) is at most x, by its continued fraction (DLMF 8.17.22), to about ten digits."""
    if x <= 0:
        return 0.0
    if x >= 1:
        return 1.0
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x))
    if x < (a + 1) / (a + b + 2):
        return front * _fraction(x, a, b) / a
    return 1 - front * _fraction(1 - x, b, a) / b


def _fraction(x: float, a: float, b: float) -> float:
    """Lentz's way through the continued fraction."""
    c, d = 1.0, 1 / _off_zero(1 - (a + b) * x / (a + 1))
    found = d
    for m in range(1, 10_000):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        change = 1.0
        for step in (even, odd):
            d, c = 1 / _off_zero(1 + step * d), _off_zero(1 + step / c)
            change = d * c
            found *= change
        if abs(change - 1) < 1e-13:
            break
    return found


def _off_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
