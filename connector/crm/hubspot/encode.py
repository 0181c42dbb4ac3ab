"""How is a value written so that HubSpot takes it, and do two texts of HubSpot's say the same?"""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation

from connector.crm.base import Scalar


def wire_text(value: Scalar, type_: str) -> str:
    """The text that stands for the value in a property of HubSpot's `type_`; "" clears it.

    Times leave as UTC with milliseconds, a date given for a datetime as midnight UTC, a time given for a date as its
    day in UTC. ValueError for what HubSpot cannot keep: a naive time, an infinite number, half a character.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return _decimal(value)
    if isinstance(value, datetime):
        return _moment(value, type_)
    if isinstance(value, date):
        return _instant(datetime.combine(value, time(), UTC)) if type_ == "datetime" else value.isoformat()
    if isinstance(value, str):
        _encodable(value)
    return str(value)


def same_text(sent: str, held: str | None, type_: str) -> bool:
    """Whether a property that holds `held` holds what was sent; HubSpot may spell numbers, times and lists anew."""
    if held is None or not held.strip() or not sent.strip():
        return not (held or "").strip() and not sent.strip()
    if type_ == "enumeration":
        return sorted(sent.split(";")) == sorted(held.split(";"))
    if sent == held:
        return True
    if type_ == "number":
        one, other = _number(sent), _number(held)
        return one is not None and one == other
    if type_ in ("date", "datetime"):
        first, second = _read(sent), _read(held)
        return first is not None and first == second
    return sent.strip() == held.strip()


def _decimal(value: Decimal) -> str:
    if not value.is_finite():
        raise ValueError(f"{value} is no number that HubSpot keeps")
    return format(value, "f")


def _moment(value: datetime, type_: str) -> str:
    if value.tzinfo is None:
        raise ValueError(f"{value.isoformat()} has no time zone")
    there = value.astimezone(UTC)
    return there.date().isoformat() if type_ == "date" else _instant(there)


def _instant(value: datetime) -> str:
    return value.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def _encodable(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"half a character at {error.start}") from error


def _number(text: str) -> Decimal | None:
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def _read(text: str) -> datetime | None:
    """A date or time in either of HubSpot's spellings: ISO 8601, or milliseconds since 1970."""
    try:
        if text.lstrip("-").isdigit():
            return datetime.fromtimestamp(int(text) / 1000, UTC)
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
