"""How much service revenue does a partner make for each unit of our product, on the same won deals?

"For every $1 of your product sold, how much service revenue does the partner generate? High multipliers indicate a
partner who will never leave you." The figure is shown and decides nothing. Service revenue lives in the partner's
books: what we recorded, what the partner says and what was estimated are three figures, never one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from connector.core.facts import ServiceFacts, ServiceSums, Unknown, Window
from connector.core.figures import Ratio, money, percent, plain, plain_percent

if TYPE_CHECKING:
    from connector.core.decisions import Decision
    from connector.core.policy import MultiplierRules

NAMES = {"vendor": "Vendor-recorded", "partner": "Partner-reported", "estimated": "Estimated"}
"""A provenance as people read it."""

MEASURED = "MEASURED"
FX_RATE_MISSING, AMOUNT_MISSING = "FX_RATE_MISSING", "AMOUNT_MISSING"
PRODUCT_ZERO, LOW_COVERAGE, NOT_REPORTED = "PRODUCT_ZERO", "LOW_COVERAGE", "PROVENANCE_NOT_REPORTED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What one provenance comes to. `value` is None unless `code` is MEASURED."""

    provenance: str
    code: str
    n: int  # won deals with a known service revenue
    value: Ratio | None = None  # service revenue to product revenue, both in the corporate currency
    coverage: Ratio | None = None  # of the won amount; None when it cannot be known
    unconverted: int = 0
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Multiplier:
    """A partner's multiplier: the best provenance that has one, and beside it the others."""

    told: Told
    others: tuple[Told, ...]
    deals: int  # won deals in the window that the partner is credited with
    unconverted: int  # of them, without a rate
    unknown: int  # left out, as their amount is not known
    window: Window
    floor: Decimal
    threshold: Decimal  # from which it is called high
    additive: bool  # the product was parted, so that it adds up over partners

    @property
    def high(self) -> bool:
        """Whether it is known and at least the policy's threshold."""
        return self.told.value is not None and self.told.value.reaches(self.threshold)


def multiplied(services: ServiceFacts | Unknown | None, rules: MultiplierRules) -> Multiplier | Unknown | None:
    """The multiplier under these rules; what is not known stays so."""
    if not isinstance(services, ServiceFacts):
        return services
    told = sorted((_told(sums, services, rules) for sums in services.sums), key=lambda each: _rank(each, rules))
    return Multiplier(
        told=told[0],
        others=tuple(told[1:]),
        deals=services.deals,
        unconverted=services.unconverted,
        unknown=services.unknown,
        window=services.window,
        floor=rules.coverage_floor,
        threshold=rules.high,
        additive=rules.split != "full",
    )


def _told(sums: ServiceSums, services: ServiceFacts, rules: MultiplierRules) -> Told:
    code = _code(sums, services, rules)
    sure = services.won > 0 and not services.unconverted
    return Told(
        provenance=sums.provenance,
        code=code,
        n=sums.deals,
        value=Ratio(sums.service, sums.product) if code == MEASURED else None,
        coverage=Ratio(sums.covered, services.won) if sure else None,
        unconverted=sums.unconverted,
        evidence=sums.evidence,
    )


def _code(sums: ServiceSums, services: ServiceFacts, rules: MultiplierRules) -> str:
    if sums.provenance not in rules.provenances:
        return NOT_REPORTED
    if services.unconverted or sums.unconverted:
        return FX_RATE_MISSING
    if not sums.deals:
        return AMOUNT_MISSING
    if sums.product <= 0:
        return PRODUCT_ZERO
    covered = Ratio(sums.covered, services.won).reaches(rules.coverage_floor)
    return MEASURED if covered else LOW_COVERAGE


def _rank(told: Told, rules: MultiplierRules) -> tuple[bool, bool, int, str]:
    """What can be reported comes first, then the more trusted."""
    listed = told.provenance in rules.provenances
    place = rules.provenances.index(told.provenance) if listed else 0
    return told.value is None, not listed, place, told.provenance


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerMultiplier:
    """A line of the table of all partners' multipliers; what is not known is None, with its code."""

    partner_id: str
    name: str
    code: str
    value: Decimal | None  # with 2 places, on its side of the threshold
    coverage: Decimal | None  # percent with 1 place, on its side of the floor
    provenance: str  # as people read it; empty when there is none
    n: int  # won deals with a known service revenue
    deals: int  # won deals in the window
    high: bool


def multipliers(decisions: Iterable[Decision]) -> tuple[PartnerMultiplier, ...]:
    """One line a partner about whose services anything was asked: the highest first, then those without, by id."""
    lines = [_line(each) for each in decisions if each.multiplier is not None]
    return tuple(sorted(lines, key=lambda line: (line.value is None, -(line.value or 0), line.partner_id)))


def _line(decision: Decision) -> PartnerMultiplier:
    found = decision.multiplier
    if not isinstance(found, Multiplier):
        code = found.code if found is not None else ""
        return PartnerMultiplier(
            partner_id=decision.partner_id, name=decision.name, code=code, value=None, coverage=None,
            provenance="", n=0, deals=0, high=False,
        )  # fmt: skip
    told = found.told
    return PartnerMultiplier(
        partner_id=decision.partner_id,
        name=decision.name,
        code=told.code,
        value=told.value.rounded(2, threshold=found.threshold) if told.value else None,
        coverage=told.coverage.rounded(1, threshold=found.floor, factor=100) if told.coverage else None,
        provenance=NAMES[told.provenance],
        n=told.n,
        deals=found.deals,
        high=found.high,
    )


def multiplier_sentence(found: Multiplier | Unknown, currency: str) -> str:
    """The multiplier with its numbers, n, window, coverage, provenance and the policy key in brackets."""
    if isinstance(found, Unknown):
        return f"Ecosystem multiplier: Insufficient Evidence. {found.code}: {found.missing} missing."
    told, seen = found.told, _seen(found, found.told)
    if told.value is None:
        return f"Ecosystem multiplier: Insufficient Evidence. {told.code}: {_lacking(found)}, {seen}."
    shown = told.value.text(2, threshold=found.threshold)
    of = f"{money(told.value.top, currency)} of services to {money(told.value.bottom, currency)} of product"
    side = "not below" if found.high else "below"
    whole = "" if found.additive else "; whole deals, which do not add up over partners [multiplier.split]"
    high = f"{'high' if found.high else 'not high'}, as it is {side} {plain(found.threshold)}, which is illustrative"
    return f"Ecosystem multiplier: {shown}, {seen}. {of}{whole}; {high} [multiplier.high]."


def multiplier_story(found: Multiplier | Unknown, currency: str) -> tuple[str, ...]:
    """The sentence, and below it the other provenances, what was left out and the evidence."""
    lines = [multiplier_sentence(found, currency)]
    if isinstance(found, Unknown):
        return tuple(lines)
    for other in found.others:
        value = other.value.text(2, threshold=found.threshold) if other.value else other.code
        lines.append(f"  Apart from it: {value}, {_seen(found, other)} [multiplier.provenances].")
    if found.unknown:
        lines.append(f"  Left out: {_deals(found.unknown)} without a known amount.")
    if found.told.evidence:
        lines.append(f"  Evidence: {', '.join(found.told.evidence)}.")
    return tuple(lines)


def _seen(found: Multiplier, told: Told) -> str:
    days = (found.window.end - found.window.start).days
    words = f"{NAMES[told.provenance]} on {told.n} of {_deals(found.deals)} in {days} days"
    if told.coverage is None:
        return words
    return f"{words}, {percent(told.coverage, found.floor)} of their amount"


def _lacking(found: Multiplier) -> str:
    told = found.told
    return {
        FX_RATE_MISSING: f"no exchange rate for {_unconverted(found.unconverted, told.unconverted)}",
        AMOUNT_MISSING: "the deals' amounts missing",
        PRODUCT_ZERO: "no product revenue to compare with",
        LOW_COVERAGE: f"{plain_percent(found.floor)} of the amount needed [multiplier.coverage_floor]",
    }.get(told.code, "not reported by policy [multiplier.provenances]")


def _unconverted(deals: int, records: int) -> str:
    parts = [_deals(deals)] if deals else []
    parts += [f"{records} service record{'' if records == 1 else 's'}"] if records else []
    return " and ".join(parts)


def _deals(number: int) -> str:
    return f"{number} won deal{'' if number == 1 else 's'}"
