"""Which days and instants date literals and date functions mean, each bound from both sides."""

from __future__ import annotations

import dataclasses
import sqlite3
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from emulators.salesforce.soql import Context, run
from emulators.salesforce.soql.dates import Calendar, date_part, instant_text, literal_range, read_instant

WEDNESDAY = date(2026, 3, 11)

# literal, n, first day, last day, for Wednesday 2026-03-11 in a fiscal year that begins in February
RANGES = [
    ("TODAY", 0, "2026-03-11", "2026-03-11"),
    ("YESTERDAY", 0, "2026-03-10", "2026-03-10"),
    ("TOMORROW", 0, "2026-03-12", "2026-03-12"),
    ("LAST_WEEK", 0, "2026-03-01", "2026-03-07"),
    ("THIS_WEEK", 0, "2026-03-08", "2026-03-14"),
    ("NEXT_WEEK", 0, "2026-03-15", "2026-03-21"),
    ("LAST_MONTH", 0, "2026-02-01", "2026-02-28"),
    ("THIS_MONTH", 0, "2026-03-01", "2026-03-31"),
    ("NEXT_MONTH", 0, "2026-04-01", "2026-04-30"),
    ("LAST_90_DAYS", 0, "2025-12-11", "2026-03-11"),
    ("NEXT_90_DAYS", 0, "2026-03-12", "2026-06-09"),
    ("LAST_N_DAYS", 1, "2026-03-10", "2026-03-11"),
    ("LAST_N_DAYS", 90, "2025-12-11", "2026-03-11"),
    ("NEXT_N_DAYS", 1, "2026-03-12", "2026-03-12"),
    ("N_DAYS_AGO", 2, "2026-03-09", "2026-03-09"),
    ("LAST_N_WEEKS", 2, "2026-02-22", "2026-03-07"),
    ("NEXT_N_WEEKS", 2, "2026-03-15", "2026-03-28"),
    ("N_WEEKS_AGO", 1, "2026-03-01", "2026-03-07"),
    ("LAST_N_MONTHS", 3, "2025-12-01", "2026-02-28"),
    ("NEXT_N_MONTHS", 10, "2026-04-01", "2027-01-31"),
    ("N_MONTHS_AGO", 3, "2025-12-01", "2025-12-31"),
    ("THIS_QUARTER", 0, "2026-01-01", "2026-03-31"),
    ("LAST_QUARTER", 0, "2025-10-01", "2025-12-31"),
    ("NEXT_QUARTER", 0, "2026-04-01", "2026-06-30"),
    ("LAST_N_QUARTERS", 2, "2025-07-01", "2025-12-31"),
    ("NEXT_N_QUARTERS", 4, "2026-04-01", "2027-03-31"),
    ("N_QUARTERS_AGO", 2, "2025-07-01", "2025-09-30"),
    ("THIS_YEAR", 0, "2026-01-01", "2026-12-31"),
    ("LAST_YEAR", 0, "2025-01-01", "2025-12-31"),
    ("NEXT_YEAR", 0, "2027-01-01", "2027-12-31"),
    ("LAST_N_YEARS", 2, "2024-01-01", "2025-12-31"),
    ("NEXT_N_YEARS", 1, "2027-01-01", "2027-12-31"),
    ("N_YEARS_AGO", 3, "2023-01-01", "2023-12-31"),
    ("THIS_FISCAL_QUARTER", 0, "2026-02-01", "2026-04-30"),
    ("LAST_FISCAL_QUARTER", 0, "2025-11-01", "2026-01-31"),
    ("NEXT_FISCAL_QUARTER", 0, "2026-05-01", "2026-07-31"),
    ("LAST_N_FISCAL_QUARTERS", 2, "2025-08-01", "2026-01-31"),
    ("NEXT_N_FISCAL_QUARTERS", 1, "2026-05-01", "2026-07-31"),
    ("N_FISCAL_QUARTERS_AGO", 1, "2025-11-01", "2026-01-31"),
    ("THIS_FISCAL_YEAR", 0, "2026-02-01", "2027-01-31"),
    ("LAST_FISCAL_YEAR", 0, "2025-02-01", "2026-01-31"),
    ("NEXT_FISCAL_YEAR", 0, "2027-02-01", "2028-01-31"),
    ("LAST_N_FISCAL_YEARS", 2, "2024-02-01", "2026-01-31"),
    ("NEXT_N_FISCAL_YEARS", 1, "2027-02-01", "2028-01-31"),
    ("N_FISCAL_YEARS_AGO", 1, "2025-02-01", "2026-01-31"),
]


@pytest.mark.parametrize(("name", "count", "first", "last"), RANGES)
def test_a_literal_means_whole_days(name: str, count: int, first: str, last: str) -> None:
    start, end = literal_range(Calendar(WEDNESDAY, fiscal_start_month=2), name, count)
    assert (start.isoformat(), (end - timedelta(days=1)).isoformat()) == (first, last)


@pytest.mark.parametrize(("today", "first"), [("2026-03-07", "2026-03-01"), ("2026-03-08", "2026-03-08")])
def test_a_week_begins_on_sunday(today: str, first: str) -> None:
    assert literal_range(Calendar(date.fromisoformat(today)), "THIS_WEEK", 0)[0].isoformat() == first


@pytest.mark.parametrize(("today", "first"), [("2026-01-31", "2025-02-01"), ("2026-02-01", "2026-02-01")])
def test_a_fiscal_year_begins_with_its_month(today: str, first: str) -> None:
    calendar = Calendar(date.fromisoformat(today), fiscal_start_month=2)
    assert literal_range(calendar, "THIS_FISCAL_YEAR", 0)[0].isoformat() == first


@pytest.mark.parametrize(
    ("now", "found"),
    [
        (datetime(2026, 3, 12, 6, 59, 59, tzinfo=UTC), ["Lost"]),  # 23:59:59 on the 11th in Los Angeles
        (datetime(2026, 3, 12, 7, 0, tzinfo=UTC), []),
        (datetime(2026, 3, 11, 7, 0, tzinfo=UTC), ["Lost"]),
        (datetime(2026, 3, 11, 6, 59, 59, tzinfo=UTC), ["small"]),  # still the 10th
    ],
)
def test_today_is_the_users_day(
    connection: sqlite3.Connection, context: Context, now: datetime, found: list[str]
) -> None:
    soql = "SELECT Name FROM Opportunity WHERE CreatedDate = TODAY"
    rows = run(connection, soql, dataclasses.replace(context, now=now)).records
    assert [row["Name"] for row in rows] == found


@pytest.mark.parametrize(
    ("day", "utc"),
    [("2026-03-08", "2026-03-08T08:00:00.000Z"), ("2026-03-09", "2026-03-09T07:00:00.000Z")],
)
def test_midnight_moves_with_daylight_saving(day: str, utc: str) -> None:
    assert instant_text(date.fromisoformat(day), ZoneInfo("America/Los_Angeles")) == utc


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05.000Z"),
        ("2026-01-02t03:04:05z", "2026-01-02T03:04:05.000Z"),
        ("2026-01-02T03:04:05.1Z", "2026-01-02T03:04:05.100Z"),
        ("2026-01-02T03:04:05.123456Z", "2026-01-02T03:04:05.123Z"),
        ("2026-01-02T03:04:05+05:30", "2026-01-01T21:34:05.000Z"),
        ("2026-12-31T23:00:00-0100", "2027-01-01T00:00:00.000Z"),
    ],
)
def test_a_datetime_literal_becomes_an_instant(written: str, stored: str) -> None:
    assert read_instant(written) == stored


@pytest.mark.parametrize(
    ("function", "value", "part"),
    [
        ("CALENDAR_QUARTER", "2026-03-31", 1),
        ("CALENDAR_QUARTER", "2026-04-01", 2),
        ("DAY_IN_WEEK", "2026-03-08", 1),
        ("DAY_IN_WEEK", "2026-03-07", 7),
        ("DAY_IN_YEAR", "2024-12-31", 366),
        ("WEEK_IN_MONTH", "2026-03-07", 1),
        ("WEEK_IN_MONTH", "2026-03-08", 2),
        ("WEEK_IN_YEAR", "2026-01-07", 1),
        ("WEEK_IN_YEAR", "2026-01-08", 2),
        ("FISCAL_MONTH", "2026-02-01", 1),
        ("FISCAL_MONTH", "2026-01-31", 12),
        ("FISCAL_QUARTER", "2026-05-01", 2),
        ("FISCAL_YEAR", "2026-01-31", 2026),
        ("FISCAL_YEAR", "2026-02-01", 2027),
        ("HOUR_IN_DAY", "2026-03-11T23:00:00.000Z", 23),
        ("DAY_ONLY", "2026-03-11T23:00:00.000Z", "2026-03-11"),
    ],
)
def test_a_date_function_cuts_a_part(function: str, value: str, part: int | str) -> None:
    assert date_part(function, value, None, 2, True) == part


def test_a_fiscal_year_may_be_named_by_its_start() -> None:
    assert date_part("FISCAL_YEAR", "2026-02-01", None, 2, False) == 2026
