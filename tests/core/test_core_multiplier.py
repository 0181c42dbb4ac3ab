"""Is the multiplier said with its n, window, coverage, provenance and policy key, and never across a threshold?"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from connector.core.decisions import Decision
from connector.core.explain import story, why
from connector.core.facts import ServiceFacts, ServiceSums, Unknown
from connector.core.multiplier import Multiplier, PartnerMultiplier, multiplied, multiplier_sentence, multipliers
from connector.core.policy import Policy
from connector.core.scorecard import scorecard

NONE = Unknown("SERVICE_REVENUE_UNAVAILABLE", "service_revenue: no such object")


def sums(service: str, product: str = "1000", by: str = "vendor", **changes: Any) -> ServiceSums:
    base = ServiceSums(by, 5, Decimal(service), Decimal(product), Decimal(product), 0, ("o1", "o2"))
    return replace(base, **changes)


@pytest.fixture
def services(build: Any) -> Any:
    def make(*told: ServiceSums, won: str = "1250", **changes: Any) -> ServiceFacts:
        return replace(ServiceFacts(6, Decimal(won), 0, 0, build.window, told), **changes)

    return make


def said(found: Multiplier | Unknown | None) -> str:
    assert found is not None
    return multiplier_sentence(found, "USD")


@pytest.mark.parametrize(
    ("service", "words"),
    [
        ("3000", "3.00, Vendor-recorded on 5 of 6 won deals in 365 days, 80.0 % of their amount. 3,000 USD of"
         " services to 1,000 USD of product; high, as it is not below 3, which is illustrative [multiplier.high]."),
        ("2999.999", "2.999999, Vendor-recorded on 5 of 6 won deals in 365 days, 80.0 % of their amount. 3,000 USD of"
         " services to 1,000 USD of product; not high, as it is below 3, which is illustrative [multiplier.high]."),
    ],
)  # fmt: skip
def test_the_sentence_of_a_known_multiplier(with_goal: Policy, services: Any, service: str, words: str) -> None:
    found = multiplied(services(sums(service)), with_goal.multiplier)
    assert said(found) == f"Ecosystem multiplier: {words}"


@pytest.mark.parametrize(
    ("change", "won", "words"),
    [
        ({"covered": Decimal(749)}, "1250", "LOW_COVERAGE: 60 % of the amount needed [multiplier.coverage_floor],"
         " Vendor-recorded on 5 of 6 won deals in 365 days, 59.9 % of their amount."),
        ({"unconverted": 1}, "1250", "FX_RATE_MISSING: no exchange rate for 1 service record, Vendor-recorded on 5 of"
         " 6 won deals in 365 days, 80.0 % of their amount."),
        ({"product": Decimal(0), "covered": Decimal(0)}, "0", "PRODUCT_ZERO: no product revenue to compare with,"
         " Vendor-recorded on 5 of 6 won deals in 365 days."),
        ({"provenance": "estimated"}, "1250", "PROVENANCE_NOT_REPORTED: not reported by policy"
         " [multiplier.provenances], Estimated on 5 of 6 won deals in 365 days, 80.0 % of their amount."),
    ],
)  # fmt: skip
def test_the_sentence_of_an_unknown_one_names_what_is_missing(
    with_goal: Policy, services: Any, change: dict[str, Any], won: str, words: str
) -> None:
    rules = replace(with_goal.multiplier, provenances=("vendor", "partner"))
    found = multiplied(services(sums("3000", **change), won=won), rules)
    assert said(found) == f"Ecosystem multiplier: Insufficient Evidence. {words}"


def test_what_was_never_read_is_said_and_what_was_never_asked_is_not(build: Any, with_goal: Policy) -> None:
    decision = build.decided(replace(build.good(), services=NONE), with_goal)
    line = "Ecosystem multiplier: Insufficient Evidence. SERVICE_REVENUE_UNAVAILABLE: service_revenue: no such object"
    assert f"{line} missing." in story(decision)
    assert "multiplier" not in why(decision)
    assert not any("multiplier" in line for line in story(build.decided(build.good(), with_goal)))


def test_the_story_tells_the_other_provenances_apart(build: Any, with_goal: Policy, services: Any) -> None:
    told = services(sums("3000"), sums("9000", by="partner", deals=4), unknown=1)
    lines = story(build.decided(replace(build.good(), services=told), with_goal))
    at = next(number for number, line in enumerate(lines) if line.startswith("Ecosystem multiplier"))
    assert lines[at + 1 : at + 4] == (
        "  Apart from it: 9.00, Partner-reported on 4 of 6 won deals in 365 days, 80.0 % of their amount"
        " [multiplier.provenances].",
        "  Left out: 1 won deal without a known amount.",
        "  Evidence: o1, o2.",
    )


def test_whole_deals_are_said_not_to_add_up(with_goal: Policy, services: Any) -> None:
    whole = multiplied(services(sums("3000")), replace(with_goal.multiplier, split="full"))
    assert "; whole deals, which do not add up over partners [multiplier.split]; high" in said(whole)


def test_no_multiplier_changes_what_is_decided(build: Any, with_goal: Policy, services: Any) -> None:
    plain = build.decided(build.good(), with_goal)
    for told in (NONE, services(sums("0")), services(sums("9000"))):
        decision = build.decided(replace(build.good(), services=told), with_goal)
        assert replace(decision, multiplier=None) == plain
        assert Decision.from_json(decision.to_json()) == decision


@pytest.mark.parametrize(
    ("told", "card"),
    [
        (sums("2999.999"), ("2.99", "80.0", "Vendor-recorded")),
        (sums("3000", by="partner"), ("3.00", "80.0", "Partner-reported")),
        (sums("0"), ("0.00", "80.0", "Vendor-recorded")),
        (sums("3000", covered=Decimal("749.999")), (None, "59.9", "Vendor-recorded")),
        (sums("99999999999999"), ("9999999.99", "80.0", "Vendor-recorded")),
    ],
)
def test_the_partner_fields(
    build: Any, with_goal: Policy, services: Any, told: ServiceSums, card: tuple[str | None, ...]
) -> None:
    fields = dict(scorecard(build.decided(replace(build.good(), services=services(told)), with_goal)))
    found = tuple(fields[name] for name in ("Ecosystem_Multiplier", "Multiplier_Coverage", "Multiplier_Source"))
    assert tuple(None if value is None else str(value) for value in found) == card


def test_an_unknown_multiplier_empties_the_fields_and_an_unasked_one_leaves_them(
    build: Any, with_goal: Policy
) -> None:
    names = ("Ecosystem_Multiplier", "Multiplier_Coverage", "Multiplier_Source")
    empty = dict(scorecard(build.decided(replace(build.good(), services=NONE), with_goal)))
    assert [empty[name] for name in names] == [None, None, None]
    assert not set(names) & set(dict(scorecard(build.decided(build.good(), with_goal))))


def test_the_table_of_all_partners(build: Any, with_goal: Policy, services: Any) -> None:
    def decided(id_: str, told: Any) -> Decision:
        made: Decision = build.decided(replace(build.good(), partner_id=id_, services=told), with_goal)
        return made

    low = services(sums("3000", covered=Decimal(700)))
    lines = multipliers(
        [decided("a", NONE), decided("b", low), decided("c", services(sums("2000"))), decided("d", None),
         decided("e", services(sums("4000", by="partner")))]
    )  # fmt: skip
    assert [(line.partner_id, line.value, line.code, line.high) for line in lines] == [
        ("e", Decimal("4.00"), "MEASURED", True),
        ("c", Decimal("2.00"), "MEASURED", False),
        ("a", None, "SERVICE_REVENUE_UNAVAILABLE", False),
        ("b", None, "LOW_COVERAGE", False),
    ]
    assert lines[0] == PartnerMultiplier(
        partner_id="e",
        name="Example Reseller",
        code="MEASURED",
        value=Decimal("4.00"),
        coverage=Decimal("80.0"),
        provenance="Partner-reported",
        n=5,
        deals=6,
        high=True,
    )
