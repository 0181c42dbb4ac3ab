"""Values on their way into the org: the same value as JSON and as Bulk CSV means the same."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from connector.crm.base import Scalar
from connector.crm.salesforce.soql import instant

CLEAR = "#N/A"
"""What empties a field in Bulk CSV, where an empty cell means "leave it"."""


def json_value(value: Scalar) -> str | int | float | bool | None:
    """The value for a JSON body; an empty text is null. ValueError for a naive datetime or a number that is none.

    A decimal travels as a JSON number where that is exact, else as digits in a text, which the org takes as well.
    """
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise ValueError("not a number")
        if value == value.to_integral_value():
            return int(value)
        return float(value) if Decimal(repr(float(value))) == value else format(value, "f")
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, date):
        return value.isoformat()
    return None if value == "" else value


def csv_value(value: Scalar) -> str:
    """The value for a Bulk CSV cell."""
    if value is None or value == "":
        return CLEAR
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        json_value(value)
        return format(value, "f")
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, date):
        return value.isoformat()
    return str(value)


def needs_json(value: Scalar) -> bool:
    """Whether only JSON can carry the value: Bulk CSV would take the literal text for "clear"."""
    return value == CLEAR
