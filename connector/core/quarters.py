"""Which fiscal quarter is a day in, when does it end, and when is it closed for good?

A fiscal year is named by the calendar year in which it ends: with a start in October, FY26 runs from October 2025 to
September 2026; with a start in January it is the calendar year.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from connector.core.tasks import business_days_after


@dataclass(frozen=True, slots=True, order=True)
class Quarter:
    """One fiscal quarter; its days are half-open [start, end). Quarters are ordered in time."""

    year: int  # the fiscal year, e.g. 2026
    number: int  # 1 to 4
    start: date
    end: date

    @property
    def label(self) -> str:
        """As people write it: `FY26-Q4`."""
        return f"FY{self.year % 100:02d}-Q{self.number}"

    @property
    def last_day(self) -> date:
        """The last day that belongs to it."""
        return self.end - timedelta(days=1)

    def closes_on(self, grace_business_days: int) -> date:
        """The first day on which it is closed: what people record until the day before still counts."""
        return business_days_after(self.last_day, grace_business_days) + timedelta(days=1)

    def __str__(self) -> str:
        return self.label


def quarter(year: int, number: int, start_month: int) -> Quarter:
    """The quarter of that number of that fiscal year."""
    first = year * 12 + (start_month - 1) + 3 * (number - 1) - (12 if start_month > 1 else 0)
    return Quarter(year, number, _month(first), _month(first + 3))


def quarter_of(day: date, start_month: int) -> Quarter:
    """The fiscal quarter that the day lies in; `start_month` is the fiscal year's first month, 1 to 12."""
    months = day.year * 12 + day.month - start_month
    fiscal, into = divmod(months, 12)
    return quarter(fiscal + (1 if start_month > 1 else 0), into // 3 + 1, start_month)


def earlier(of: Quarter, start_month: int, by: int = 1) -> Quarter:
    """The quarter so many before it."""
    year, place = divmod(of.year * 4 + of.number - 1 - by, 4)
    return quarter(year, place + 1, start_month)


def last_ended(day: date, start_month: int) -> Quarter:
    """The latest quarter that was over when the day began."""
    return earlier(quarter_of(day, start_month), start_month)


def between(first: Quarter, last: Quarter) -> int:
    """How many quarters lie between two; 0 for the same one."""
    return (last.year - first.year) * 4 + last.number - first.number


def quarter_named(text: str, start_month: int) -> Quarter:
    """The quarter called `FY26-Q4`; ValueError says how to write it."""
    year, mark, number = text.strip().upper().removeprefix("FY").replace("-", " ").replace(" ", "").partition("Q")
    fine = text.strip().upper().startswith("FY") and mark and number in ("1", "2", "3", "4")
    if not fine or len(year) not in (2, 4) or not (year.isascii() and year.isdigit()):
        raise ValueError(f'"{text}" is no fiscal quarter: write it as FY26-Q4')
    return quarter(int(year) + (2000 if len(year) == 2 else 0), int(number), start_month)


def _month(number: int) -> date:
    """The first day of a month counted from the year 0."""
    return date(number // 12, number % 12 + 1, 1)
