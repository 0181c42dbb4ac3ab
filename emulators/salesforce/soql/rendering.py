"""How a stored value reads in a JSON answer, and in FORMAT()'s localised text (locale en_US)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from emulators.salesforce.schema import FieldType
from emulators.salesforce.soql.context import Context
from emulators.salesforce.soql.operands import ValueKind

Render = Callable[[Any], Any]


def _boolean(value: Any) -> bool:
    return bool(value)


def _datetime(value: Any) -> str | None:
    return None if value is None else value[:-1] + "+0000"


def _double(value: Any) -> float | None:
    return None if value is None else float(value)


_RENDERS: dict[ValueKind, Render] = {
    ValueKind.BOOLEAN: _boolean,
    ValueKind.DATETIME: _datetime,
    ValueKind.NUMBER: _double,
}


def render_for(kind: ValueKind) -> Render | None:
    """The JSON form of values of that kind; None where it is the stored form."""
    return _RENDERS.get(kind)


def formatter(context: Context, kind: ValueKind, field: FieldType | None) -> Render:
    """FORMAT()'s text: 1,234.50, $1,234.50, 1/2/2026, 1/2/2026, 3:04 AM."""
    multi_currency = context.schema.object("CurrencyType") is not None

    def number(value: Any) -> str:
        scale = field.scale if field is not None else 0
        text = f"{value:,.{scale}f}"
        if field is None or field.type != "currency":
            return text + ("%" if field is not None and field.type == "percent" else "")
        return text if multi_currency else f"${text}"

    def moment(value: Any) -> str:
        local = datetime.fromisoformat(value.replace("Z", "+00:00")).astimezone(context.timezone)
        return f"{_day(local.date())}, {local.hour % 12 or 12}:{local.minute:02} {'AM' if local.hour < 12 else 'PM'}"

    def day(value: Any) -> str:
        return _day(date.fromisoformat(value))

    chosen: Render = {
        ValueKind.NUMBER: number,
        ValueKind.INTEGER: number,
        ValueKind.DATETIME: moment,
        ValueKind.DATE: day,
    }.get(kind, str)
    return lambda value: None if value is None else chosen(value)


def _day(day: date) -> str:
    return f"{day.month}/{day.day}/{day.year}"
