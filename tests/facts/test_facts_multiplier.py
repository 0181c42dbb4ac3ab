"""What a partner's services come to for each unit of product: every rule from both sides of its boundary."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from connector.core.facts import ServiceFacts, ServiceSums, Unknown, Window
from connector.core.multiplier import Multiplier, multiplied
from connector.core.policy import Policy
from connector.facts.credited import keep
from connector.facts.crediting import credit
from connector.facts.gather import compute
from connector.mirror import Mirror
from connector.mirror.layout import CANONICAL, arrow_type

AS_OF = datetime(2026, 7, 1, 12, tzinfo=UTC)
TODAY = date(2026, 7, 1)
OPENED = datetime(2025, 4, 1, 9, tzinfo=UTC)
IN_TIME = TODAY - timedelta(days=100)


class Bench:
    """A mirror of won deals, who is credited with them, and what was earned beside them."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.mirror = Mirror.open(":memory:", threads=1)
        for name in CANONICAL:
            self.mirror.set_source(name, True, "", AS_OF)
        self.put("partners", *({"id": name, "name": name} for name in "ABC"))
        self.put("accounts", {"id": "acc"})

    def put(self, name: str, *rows: Mapping[str, Any]) -> None:
        columns = [column for column in CANONICAL[name].columns if any(column.name in row for row in rows)]
        arrays = {c.name: pa.array([row.get(c.name) for row in rows], arrow_type(c.kind)) for c in columns}
        self.mirror.upsert(name, "made", pa.table(arrays))

    def deal(self, id_: str = "d", amount: str | None = "100", partner: str = "A", **values: Any) -> None:
        """A won deal that the partner registered."""
        won: dict[str, Any] = {"is_closed": True, "is_won": True, "close_date": IN_TIME, "stage": "Closed Won"}
        row = {"id": id_, "account_id": f"acc-{id_}", "amount": _exact(amount), "created_at": OPENED}
        self.put("opportunities", {**row, **won, **values})
        if partner:
            self.put(
                "registrations",
                {
                    "id": f"r-{id_}",
                    "partner_id": partner,
                    "opportunity_id": id_,
                    "status": "approved",
                    "submitted_at": OPENED - timedelta(days=1),
                    "approved_at": OPENED,
                },
            )

    def influence(self, partner: str, deal: str = "d") -> None:
        """The partner proved the concept."""
        at = OPENED + timedelta(days=5)
        told = {"type": "Proof of Concept", "occurred_at": at, "recorded_at": at}
        self.put("touches", {"id": f"t-{deal}-{partner}", "related_id": deal, "partner_id": partner, **told})

    def service(
        self, amount: str | None, by: str = "vendor", deal: str = "d", partner: str = "A", **values: Any
    ) -> None:
        """A record of the partner's own revenue."""
        self.serial = getattr(self, "serial", 0) + 1
        row = {"id": f"s{self.serial}", "partner_id": partner, "opportunity_id": deal, "provenance": by}
        self.put("service_revenue", {**row, "amount": _exact(amount), "recorded_at": AS_OF, **values})

    def facts(self, *partners: str) -> dict[str, ServiceFacts | Unknown | None]:
        """Of the named partners, or of all."""
        credit(self.mirror, self.policy, AS_OF)
        keep(self.mirror)
        found = compute(self.mirror, self.policy, AS_OF, partners or None)
        return {each.partner_id: each.services for each in found}

    def multiplier(self, partner: str = "A") -> Multiplier:
        found = multiplied(self.facts()[partner], self.policy.multiplier)
        assert isinstance(found, Multiplier)
        return found

    def told(self, partner: str = "A") -> tuple[str, str, Decimal | None, int]:
        """(provenance, code, multiplier, n) of what is reported."""
        told = self.multiplier(partner).told
        return told.provenance, told.code, told.value.rounded(4) if told.value else None, told.n

    def ruled(self, **changes: Any) -> None:
        self.policy = replace(self.policy, multiplier=replace(self.policy.multiplier, **changes))


def _exact(amount: str | None) -> Decimal | None:
    return None if amount is None else Decimal(amount)


@pytest.fixture
def bench(policy: Policy) -> Iterator[Bench]:
    made = Bench(policy)
    yield made
    made.mirror.close()


def test_service_revenue_to_product_revenue_of_the_same_deals(bench: Bench) -> None:
    bench.deal(amount="100")
    bench.service("250")
    window = Window(date(2025, 4, 3), date(2026, 4, 3))
    sums = ServiceSums("vendor", 1, Decimal(250), Decimal(100), Decimal(100), 0, ("d",))
    nothing = Unknown("NO_SERVICE_FACTS", "service revenue on won deals that credit the partner")
    assert bench.facts() == {
        "A": ServiceFacts(1, Decimal(100), 0, 0, window, (sums,)),
        "B": nothing,
        "C": nothing,
    }
    assert bench.told() == ("vendor", "MEASURED", Decimal("2.5000"), 1)


@pytest.mark.parametrize(("days", "counts"), [(89, False), (90, True), (454, True), (455, False)])
def test_deals_closed_three_to_fifteen_months_ago_count(bench: Bench, days: int, counts: bool) -> None:
    bench.deal(close_date=TODAY - timedelta(days=days), created_at=OPENED - timedelta(days=200), partner="")
    bench.put("partner_links", {"id": "l", "opportunity_id": "d", "partner_id": "A", "share": Decimal(100)})
    bench.service("250")
    assert isinstance(bench.facts()["A"], ServiceFacts) is counts


@pytest.mark.parametrize("change", [{"is_won": False}, {"is_won": False, "is_closed": False}])
def test_a_deal_that_is_not_won_does_not_count(bench: Bench, change: dict[str, Any]) -> None:
    bench.deal(**change)
    bench.service("250")
    assert isinstance(bench.facts()["A"], Unknown)


@pytest.mark.parametrize(("covered", "code"), [("59.99", "LOW_COVERAGE"), ("60", "MEASURED")])
def test_sixty_percent_of_the_won_amount_must_be_covered(bench: Bench, covered: str, code: str) -> None:
    bench.deal("d", covered)
    bench.deal("e", str(100 - Decimal(covered)))
    bench.service("250")
    found = bench.multiplier()
    assert (found.told.code, found.told.n, found.deals) == (code, 1, 2)
    assert found.told.coverage is not None
    assert found.told.coverage.rounded(2, factor=100) == Decimal(covered)
    assert (found.told.value is None) is (code != "MEASURED")


def test_a_reported_zero_is_a_zero_and_silence_is_none(bench: Bench) -> None:
    bench.deal("d", "60")
    bench.deal("e", "40")
    bench.service("0")
    assert bench.told() == ("vendor", "MEASURED", Decimal("0.0000"), 1)
    bench.service(None, deal="e")  # a record without an amount says nothing
    assert bench.told() == ("vendor", "MEASURED", Decimal("0.0000"), 1)
    bench.service("50", deal="e")
    assert bench.told() == ("vendor", "MEASURED", Decimal("0.5000"), 2)


def test_only_silent_records_are_no_service_facts(bench: Bench) -> None:
    bench.deal()
    bench.service(None)
    found = bench.facts()["A"]
    assert isinstance(found, Unknown)
    assert found.code == "NO_SERVICE_FACTS"


@pytest.mark.parametrize(("amount", "code"), [("0", "PRODUCT_ZERO"), ("0.01", "MEASURED")])
def test_without_product_revenue_there_is_no_multiplier(bench: Bench, amount: str, code: str) -> None:
    bench.deal(amount=amount)
    bench.service("250")
    assert bench.told()[1] == code


def test_a_deal_without_an_amount_is_in_no_figure(bench: Bench) -> None:
    bench.deal("d", None)
    bench.service("250")
    assert bench.told() == ("vendor", "AMOUNT_MISSING", None, 0)
    bench.deal("e", "100")
    bench.service("300", deal="e")
    assert bench.told() == ("vendor", "MEASURED", Decimal("3.0000"), 1)
    assert bench.multiplier().unknown == 1


def test_both_sides_convert_at_the_close_date_and_never_one_to_one(bench: Bench) -> None:
    bench.deal(amount="100", currency="EUR")
    bench.service("300", currency="EUR")
    assert bench.told() == ("vendor", "FX_RATE_MISSING", None, 0)
    bench.put(
        "exchange_rates",
        {"id": "x", "currency": "EUR", "rate": Decimal("0.5"), "end_date": IN_TIME + timedelta(days=1)},
        {"id": "y", "currency": "EUR", "rate": Decimal("0.8"), "start_date": IN_TIME + timedelta(days=1)},
    )
    sums = bench.facts()["A"]
    assert isinstance(sums, ServiceFacts)
    assert (sums.sums[0].service, sums.sums[0].product) == (Decimal(600), Decimal(200))


def test_a_rate_missing_for_a_record_is_told_as_such(bench: Bench) -> None:
    bench.deal()
    bench.service("300")
    bench.service("300", currency="CHF")
    found = bench.multiplier()
    assert (found.told.code, found.unconverted, found.told.unconverted) == ("FX_RATE_MISSING", 0, 1)


def test_what_we_recorded_comes_before_what_we_are_told_and_is_never_mixed_with_it(bench: Bench) -> None:
    bench.deal("d", "60")
    bench.deal("e", "40")
    bench.service("120")
    bench.service("400", "partner")
    bench.service("100", "partner", deal="e")
    bench.service("700", "estimated")
    found = bench.multiplier()
    assert bench.told() == ("vendor", "MEASURED", Decimal("2.0000"), 1)
    others = [(o.provenance, o.value.rounded(2) if o.value else None, o.n) for o in found.others]
    assert others == [("partner", Decimal("5.00"), 2), ("estimated", Decimal("11.67"), 1)]


def test_a_better_provenance_with_too_little_coverage_leaves_the_word_to_the_next(bench: Bench) -> None:
    bench.deal("d", "59")
    bench.deal("e", "41")
    bench.service("120")
    bench.service("59", "partner")
    bench.service("41", "partner", deal="e")
    assert bench.told() == ("partner", "MEASURED", Decimal("1.0000"), 2)
    assert [(o.provenance, o.code) for o in bench.multiplier().others] == [("vendor", "LOW_COVERAGE")]


def test_two_half_covered_provenances_are_not_added_up(bench: Bench) -> None:
    bench.deal("d", "50")
    bench.deal("e", "50")
    bench.service("120")
    bench.service("120", "partner", deal="e")
    assert bench.told() == ("vendor", "LOW_COVERAGE", None, 1)


def test_a_policy_may_leave_a_provenance_out(bench: Bench) -> None:
    bench.deal()
    bench.service("120", "estimated")
    assert bench.told() == ("estimated", "MEASURED", Decimal("1.2000"), 1)
    bench.ruled(provenances=("vendor", "partner"))
    assert bench.told() == ("estimated", "PROVENANCE_NOT_REPORTED", None, 1)


def test_the_product_is_parted_by_influence_and_the_services_are_not(bench: Bench) -> None:
    bench.deal(partner="")
    bench.influence("A")
    bench.influence("B")
    bench.service("100", partner="A")
    bench.service("300", partner="B")
    assert bench.told("A") == ("vendor", "MEASURED", Decimal("2.0000"), 1)
    assert bench.told("B") == ("vendor", "MEASURED", Decimal("6.0000"), 1)
    assert bench.multiplier("A").additive
    bench.ruled(split="full")
    assert bench.told("A") == ("vendor", "MEASURED", Decimal("1.0000"), 1)
    assert not bench.multiplier("A").additive


@pytest.mark.parametrize("asked", [(), ("A",), ("B", "C")])
def test_parts_of_a_sourced_and_influenced_deal_never_exceed_it_whoever_is_asked(
    bench: Bench, asked: tuple[str, ...]
) -> None:
    bench.deal(partner="A")
    bench.influence("B")
    bench.influence("C")
    for partner in "ABC":
        bench.service("100", partner=partner)
    parts = {
        name: facts.sums[0].product for name, facts in bench.facts(*asked).items() if isinstance(facts, ServiceFacts)
    }
    every = {"A": Decimal(50), "B": Decimal(25), "C": Decimal(25)}
    assert parts == {name: part for name, part in every.items() if not asked or name in asked}


def test_an_agreed_share_below_the_whole_stays_what_was_agreed(bench: Bench) -> None:
    bench.deal(partner="")
    bench.put("partner_links", {"id": "l", "opportunity_id": "d", "partner_id": "A", "share": Decimal(30)})
    bench.service("60")
    assert bench.told() == ("vendor", "MEASURED", Decimal("2.0000"), 1)


def test_services_on_a_deal_that_does_not_credit_the_partner_are_not_its_own(bench: Bench) -> None:
    bench.deal("d", partner="A")
    bench.deal("e", partner="B")
    bench.service("100")
    bench.service("900", deal="e")
    assert bench.told() == ("vendor", "MEASURED", Decimal("1.0000"), 1)


def test_records_written_down_later_are_not_known_yet(bench: Bench) -> None:
    bench.deal()
    bench.service("100", recorded_at=AS_OF)
    bench.service("100", recorded_at=AS_OF + timedelta(microseconds=1))
    assert bench.told() == ("vendor", "MEASURED", Decimal("1.0000"), 1)


def test_a_merged_partner_hands_its_services_to_the_survivor(bench: Bench) -> None:
    bench.deal("d", partner="A")
    bench.deal("e", partner="B")
    bench.service("100")
    bench.service("300", deal="e", partner="B")
    bench.put("partners", {"id": "B", "name": "B", "merged_into": "A"})
    assert bench.told() == ("vendor", "MEASURED", Decimal("2.0000"), 2)
    assert bench.facts("B") == {"A": bench.facts()["A"]}


@pytest.mark.parametrize(("missing", "code"), [("service_revenue", "SERVICE_REVENUE_UNAVAILABLE"), ("", None)])
def test_a_source_that_is_not_there_leaves_it_unknown(bench: Bench, missing: str, code: str | None) -> None:
    bench.deal()
    bench.service("100")
    if missing:
        bench.mirror.set_source(missing, False, "no such object", None)
    found = bench.facts()["A"]
    assert (found.code if isinstance(found, Unknown) else None) == code


def test_before_credit_was_settled_nothing_is_said(bench: Bench) -> None:
    bench.deal()
    bench.service("100")
    assert [each.services for each in compute(bench.mirror, bench.policy, AS_OF)] == [None, None, None]


def test_few_partners_are_answered_as_all_are(bench: Bench, subsets: Callable[[], list[tuple[str, ...]]]) -> None:
    for number, (partner, other) in enumerate((("A", "B"), ("B", "C"), ("C", "A"), ("A", "C"))):
        bench.deal(f"d{number}", str(100 + number), partner=partner)
        bench.influence(other, f"d{number}")
        bench.service(str(10 * number), deal=f"d{number}", partner=partner)
        bench.service(str(7 * number), "partner", deal=f"d{number}", partner=other)
    every = bench.facts()
    for asked in subsets():
        assert bench.facts(*asked) == {name: every[name] for name in asked}


@pytest.fixture
def subsets() -> Callable[[], list[tuple[str, ...]]]:
    """Every choice of some of the three partners."""
    return lambda: [("A",), ("B",), ("C",), ("A", "B"), ("A", "C"), ("B", "C"), ("A", "B", "C")]
