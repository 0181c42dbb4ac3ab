"""Dated rates: each holds until the next one starts, and totals of deals use the day on which they close."""

from __future__ import annotations

from typing import Any


def _rates(caller: Any) -> None:
    org = caller.org
    org.insert("CurrencyType", {"IsoCode": "EUR", "ConversionRate": 0.5, "IsActive": True}, org.system())
    for start, rate in (("2026-01-01", 0.8), ("2026-03-01", 0.4)):
        values = {"IsoCode": "EUR", "StartDate": start, "ConversionRate": rate}
        org.insert("DatedConversionRate", values, org.system())


def test_a_rate_holds_until_the_next_starts(caller: Any) -> None:
    _rates(caller)
    rows = caller.query("SELECT StartDate, NextStartDate FROM DatedConversionRate ORDER BY StartDate")
    assert [(row["StartDate"], row["NextStartDate"]) for row in rows] == [
        ("2026-01-01", "2026-03-01"),
        ("2026-03-01", "9999-12-31"),
    ]


def test_totals_of_deals_are_converted_at_the_day_they_close(caller: Any) -> None:
    _rates(caller)
    for day in ("2026-02-28", "2026-03-01"):
        deal = {"Name": "Deal", "StageName": "Prospecting", "CloseDate": day, "Amount": 8}
        caller.make("Opportunity", CurrencyIsoCode="EUR", **deal)
    assert caller.query("SELECT SUM(Amount) total FROM Opportunity")[0]["total"] == 8 / 0.8 + 8 / 0.4


def test_totals_of_other_records_use_the_standing_rate(caller: Any) -> None:
    _rates(caller)
    caller.make("Account", Name="Umbra", AnnualRevenue=8, CurrencyIsoCode="EUR")
    assert caller.query("SELECT SUM(AnnualRevenue) total FROM Account")[0]["total"] == 16.0
