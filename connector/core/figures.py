"""How is a ratio shown so that the figure never tells another story than the rule that looked at it?

Ratios keep both terms: rules compare by cross-multiplication, and only what people read is ever divided and rounded.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal

_MAX_PLACES = 12


@dataclass(frozen=True, slots=True)
class Ratio:
    """`top` to `bottom`; `bottom` is never zero."""

    top: Decimal
    bottom: Decimal

    def reaches(self, threshold: Decimal) -> bool:
        """Whether the ratio is at least the threshold, exactly."""
        return self.top >= threshold * self.bottom

    def rounded(self, places: int, *, threshold: Decimal | None = None, factor: int = 1) -> Decimal:
        """`factor` x ratio with so many decimal places, on the same side of the threshold as the ratio itself."""
        exact, step = self.top * factor / self.bottom, Decimal(1).scaleb(-places)
        shown = exact.quantize(step, ROUND_HALF_EVEN)
        if threshold is None:
            return shown
        if self.reaches(threshold):
            return shown if shown >= threshold * factor else exact.quantize(step, ROUND_CEILING)
        return shown if shown < threshold * factor else exact.quantize(step, ROUND_FLOOR)

    def text(self, places: int, *, threshold: Decimal | None = None, factor: int = 1) -> str:
        """As `rounded`, but with as many more places as it takes to stay near the truth: 19.96, never 20.0."""
        exact = self.top * factor / self.bottom
        for more in range(places, _MAX_PLACES):
            shown = exact.quantize(Decimal(1).scaleb(-more), ROUND_HALF_EVEN)
            if threshold is None or (shown >= threshold * factor) == self.reaches(threshold):
                return f"{shown:f}"
        return f"{self.rounded(_MAX_PLACES, threshold=threshold, factor=factor):f}"


def percent(share: Ratio, threshold: Decimal | None = None) -> str:
    """A share as people read it: `19.96 %`."""
    return f"{share.text(1, threshold=threshold, factor=100)} %"


def plain_percent(share: Decimal) -> str:
    """A policy's share without needless zeros: 0.20 is `20 %`."""
    return f"{plain(share * 100)} %"


def plain(number: Decimal) -> str:
    """A number without needless zeros and without an exponent."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def money(amount: Decimal, currency: str) -> str:
    """An amount in whole units with its currency: `12,000 EUR`."""
    return f"{amount.quantize(Decimal(1), ROUND_HALF_EVEN):,f} {currency}".rstrip()
