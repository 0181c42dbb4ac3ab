"""Do the shipped mappings read what partners earn with services, and refuse what does not say who says so?"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pyarrow as pa
import pytest

from connector.config.mapping_file import load_named
from connector.core.records import Kind, table
from connector.crm.base import arrow_type
from connector.mapping import Rejection, to_canonical

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
COLUMNS = {
    "salesforce": {
        "id": "Id", "partner": "Partner__c", "deal": "Opportunity__c", "amount": "Amount__c",
        "provenance": "Provenance__c", "made": "CreatedDate", "modified": "SystemModstamp",
    },
    "hubspot": {
        "id": "hs_object_id", "partner": "partner_company_id", "deal": "deal_id", "amount": "amount",
        "provenance": "provenance", "made": "hs_createdate", "modified": "hs_lastmodifieddate",
    },
}  # fmt: skip
WORDS = {
    "salesforce": ("Vendor-recorded", "partner-reported", "Estimated"),
    "hubspot": ("vendor", "Partner_Reported", "estimated"),
}


def page(vendor: str, provenances: tuple[str | None, ...], amount: str | None = "100") -> pa.Table:
    names, rows = COLUMNS[vendor], len(provenances)
    texts = arrow_type(Kind.TEXT)
    cells = {
        names["id"]: pa.array([f"r{at}" for at in range(rows)], texts),
        names["partner"]: pa.array(["p"] * rows, texts),
        names["deal"]: pa.array(["d"] * rows, texts),
        names["amount"]: pa.array([amount and Decimal(amount)] * rows, arrow_type(Kind.MONEY)),
        names["provenance"]: pa.array(provenances, texts),
        names["made"]: pa.array([NOON] * rows, arrow_type(Kind.INSTANT)),
        names["modified"]: pa.array([NOON] * rows, arrow_type(Kind.INSTANT)),
        "pmom_deleted": pa.array([False] * rows, pa.bool_()),
        "pmom_merged_into": pa.array([None] * rows, pa.string()),
    }
    return pa.table(cells)


@pytest.mark.parametrize("vendor", ["salesforce", "hubspot"])
def test_every_provenance_is_told_apart(vendor: str) -> None:
    (source,) = load_named(vendor).of("service_revenue")
    mapped = to_canonical(page(vendor, WORDS[vendor]), source, table("service_revenue"))
    assert mapped.rejections == ()
    shared = {"partner_id": "p", "opportunity_id": "d", "amount": Decimal(100), "currency": None}
    dated = {"recorded_at": NOON, "modified_at": NOON}
    assert mapped.rows.to_pylist() == [
        {"id": f"r{at}", **shared, "provenance": word, **dated}
        for at, word in enumerate(("vendor", "partner", "estimated"))
    ]


@pytest.mark.parametrize("vendor", ["salesforce", "hubspot"])
@pytest.mark.parametrize("word", [None, "somebody"])
def test_a_row_that_does_not_say_who_says_so_is_rejected(vendor: str, word: str | None) -> None:
    (source,) = load_named(vendor).of("service_revenue")
    mapped = to_canonical(page(vendor, (word,)), source, table("service_revenue"))
    assert mapped.rows.num_rows == 0
    (rejection,) = mapped.rejections
    assert isinstance(rejection, Rejection)
    assert "provenance" in str(rejection).lower()


@pytest.mark.parametrize(("amount", "kept"), [("0", Decimal(0)), (None, None)])
def test_zero_stays_zero_and_empty_stays_empty(amount: str | None, kept: Decimal | None) -> None:
    (source,) = load_named("salesforce").of("service_revenue")
    mapped = to_canonical(page("salesforce", ("Vendor",), amount), source, table("service_revenue"))
    assert mapped.rows.column("amount").to_pylist() == [kept]
