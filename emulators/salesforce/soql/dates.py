"""Which days a date literal such as LAST_N_DAYS:30 means, and which part of a date a date function names."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAY_FUNCTIONS = frozenset(
    (
        *("CALENDAR_MONTH", "CALENDAR_QUARTER", "CALENDAR_YEAR", "DAY_IN_MONTH", "DAY_IN_WEEK", "DAY_IN_YEAR"),
        *("DAY_ONLY", "FISCAL_MONTH", "FISCAL_QUARTER", "FISCAL_YEAR"),
        *("HOUR_IN_DAY", "WEEK_IN_MONTH", "WEEK_IN_YEAR"),
    )
)
DATETIME_ONLY_FUNCTIONS = frozenset({"DAY_ONLY", "HOUR_IN_DAY"})
_UNITS = ("DAY", "WEEK", "MONTH", "QUARTER", "YEAR", "FISCAL_QUARTER", "FISCAL_YEAR")
RANGES = frozenset({"YESTERDAY", "TODAY", "TOMORROW", "LAST_90_DAYS", "NEXT_90_DAYS"}) | frozenset(
    f"{when}_{unit}" for when in ("LAST", "THIS", "NEXT") for unit in _UNITS[1:]
)
RANGES_OF_N = frozenset(f"{when}_N_{unit}S" for when in ("LAST", "NEXT") for unit in _UNITS) | frozenset(
    f"N_{unit}S_AGO" for unit in _UNITS
)
_SUNDAY = 6
_WITHOUT_N = {
    "YESTERDAY": ("N_DAYS_AGO", 1),
    "LAST_90_DAYS": ("LAST_N_DAYS", 90),
    "NEXT_90_DAYS": ("NEXT_N_DAYS", 90),
}


@dataclass(frozen=True, slots=True)
class Calendar:
    """What the bounds of date literals depend on: the day it is for the user, and the org's fiscal year."""

    today: date
    fiscal_start_month: int = 1
    first_weekday: int = _SUNDAY  # as date.weekday()


def literal_range(calendar: Calendar, name: str, count: int) -> tuple[date, date]:
    """First day, and the day after the last, of a date literal. Raises OverflowError outside the years 1 to 9999."""
    name, count = _WITHOUT_N.get(name, (name, count))
    if name in ("TODAY", "TOMORROW"):
        start = calendar.today + timedelta(days=name == "TOMORROW")
        return start, start + timedelta(days=1)
    if name == "LAST_N_DAYS":
        return calendar.today - timedelta(days=count), calendar.today + timedelta(days=1)
    if name.startswith("N_"):
        step = _stepper(calendar, name[2 : -len("S_AGO")])
        return step(-count), step(-count + 1)
    if "_N_" in name:
        when, unit = name.split("_N_")
        step = _stepper(calendar, unit[:-1])
        return (step(-count), step(0)) if when == "LAST" else (step(1), step(1 + count))
    when, _, unit = name.partition("_")
    offset = {"LAST": -1, "THIS": 0, "NEXT": 1}[when]
    step = _stepper(calendar, unit)
    return step(offset), step(offset + 1)


def _stepper(calendar: Calendar, unit: str) -> Callable[[int], date]:
    """A function from n to the first day of the n-th unit from the one that holds today."""
    today = calendar.today
    if unit == "DAY":
        return lambda n: today + timedelta(days=n)
    if unit == "WEEK":
        start = today - timedelta(days=(today.weekday() - calendar.first_weekday) % 7)
        return lambda n: start + timedelta(weeks=n)
    months = {"MONTH": 1, "QUARTER": 3, "YEAR": 12}[unit.removeprefix("FISCAL_")]
    first = calendar.fiscal_start_month if unit.startswith("FISCAL_") else 1
    index = today.year * 12 + today.month - 1
    start_index = index - (index - (first - 1)) % months
    return lambda n: _month(start_index + n * months)


def _month(index: int) -> date:
    year, month = divmod(index, 12)
    if not 1 <= year <= 9999:
        raise OverflowError(year)
    return date(year, month + 1, 1)


def instant_text(day: date, zone: ZoneInfo) -> str:
    """The UTC instant of a day's local midnight, as the store writes datetimes."""
    return stored_instant(datetime.combine(day, time.min, zone))


def stored_instant(moment: datetime) -> str:
    """A moment as the store writes it: 2026-01-02T03:04:05.000Z."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def read_date(text: str) -> str:
    """A date literal, checked. Raises ValueError."""
    return date.fromisoformat(text).isoformat()


def read_instant(text: str) -> str:
    """A datetime literal with its zone as the store writes datetimes. Raises ValueError, OverflowError."""
    match = re.fullmatch(r"(.{19})(\.\d+)?([Zz]|[+-]\d{2}:?\d{2})", text)
    if match is None:
        raise ValueError(text)
    seconds, fraction, zone = match.groups()
    millis = ((fraction or ".") + "000")[:4]
    zone = "+00:00" if zone in "Zz" else f"{zone[:3]}:{zone[-2:]}"
    return stored_instant(datetime.fromisoformat(f"{seconds.upper()}{millis}{zone}"))


def date_part(
    function: str, value: str | None, zone: str | None, fiscal_start: int, named_by_end: bool
) -> int | str | None:
    """What a date function gives for a stored date or datetime; datetimes count in UTC unless a zone is named."""
    if value is None:
        return None
    if len(value) > 10:
        moment = datetime.fromisoformat(value.replace("Z", "+00:00"))
        local = moment.astimezone(ZoneInfo(zone)) if zone else moment
        return _part(function, local.date(), local.hour, fiscal_start, named_by_end)
    return _part(function, date.fromisoformat(value), 0, fiscal_start, named_by_end)


def _part(function: str, day: date, hour: int, fiscal_start: int, named_by_end: bool) -> int | str:
    fiscal_month = (day.month - fiscal_start) % 12 + 1
    parts: dict[str, Callable[[], int | str]] = {
        "CALENDAR_MONTH": lambda: day.month,
        "CALENDAR_QUARTER": lambda: (day.month + 2) // 3,
        "CALENDAR_YEAR": lambda: day.year,
        "DAY_IN_MONTH": lambda: day.day,
        "DAY_IN_WEEK": lambda: day.isoweekday() % 7 + 1,
        "DAY_IN_YEAR": lambda: day.timetuple().tm_yday,
        "DAY_ONLY": lambda: day.isoformat(),
        "FISCAL_MONTH": lambda: fiscal_month,
        "FISCAL_QUARTER": lambda: (fiscal_month + 2) // 3,
        "FISCAL_YEAR": lambda: _fiscal_year(day, fiscal_start, named_by_end),
        "HOUR_IN_DAY": lambda: hour,
        "WEEK_IN_MONTH": lambda: (day.day + 6) // 7,
        "WEEK_IN_YEAR": lambda: (day.timetuple().tm_yday + 6) // 7,
    }
    return parts[function]()


def _fiscal_year(day: date, start: int, named_by_end: bool) -> int:
    begins = day.year if day.month >= start else day.year - 1
    return begins + 1 if named_by_end and start > 1 else begins
