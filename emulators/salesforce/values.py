"""Whether a value fits a field, and how it is stored: the vendor's refusals, one function a field type."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from emulators.loopback.clock import stored
from emulators.salesforce.errors import DmlError
from emulators.salesforce.ids import to18
from emulators.salesforce.schema import FieldType

Stored = str | int | float | None
_EMAIL = re.compile(r"[^@\s,;<>()\[\]\"]+@[^@\s,;<>()\[\]\"]+\.[^@\s.,;<>()\[\]\"]+\Z")
_DATE = re.compile(r"\d{4}-\d\d-\d\d\Z")
_INSTANT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(Z|[+-]\d\d:?\d\d)\Z")
INT_MIN, INT_MAX = -(2**31), 2**31 - 1


def to_stored(field: FieldType, value: Any) -> Stored:
    """The value as kept; DmlError with the documented code when it does not fit. None and '' clear."""
    if value is None or value == "":
        return 0 if field.type == "boolean" else None
    return _CONVERT.get(field.type, _text)(field, value)


def wrong_type(field: FieldType, value: Any) -> DmlError:
    """The refusal of a value that is of another type."""
    text = f"{field.label}: value not of required type: {value}"
    return DmlError("INVALID_TYPE_ON_FIELD_IN_RECORD", text, [field.name])


def _text(field: FieldType, value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise wrong_type(field, value)
    text = str(value).strip() if field.type != "textarea" else str(value).rstrip()
    if not text:
        return None
    if field.length and len(text) > field.length:
        message = f"{field.label}: data value too large: {text} (max length={field.length})"
        raise DmlError("STRING_TOO_LONG", message, [field.name])
    return text


def _email(field: FieldType, value: Any) -> str | None:
    text = _text(field, value)
    if text is not None and not _EMAIL.match(text):
        raise DmlError("INVALID_EMAIL_ADDRESS", f"{field.label}: invalid email address: {text}", [field.name])
    return text


def _picklist(field: FieldType, value: Any) -> str | None:
    text = _text(field, value)
    return None if text is None else _option(field, text)


def _option(field: FieldType, text: str) -> str:
    for option in field.picklist:
        if option.active and option.value.lower() == text.lower():
            return option.value
    if field.restricted_picklist:
        message = f"{field.label}: bad value for restricted picklist field: {text}"
        raise DmlError("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, [field.name])
    return text


def _multipicklist(field: FieldType, value: Any) -> str | None:
    if not isinstance(value, str):
        raise wrong_type(field, value)
    chosen = dict.fromkeys(_option(field, part.strip()) for part in value.split(";") if part.strip())
    order = {option.value: place for place, option in enumerate(field.picklist)}
    return ";".join(sorted(chosen, key=lambda option: order.get(option, len(order)))) or None


def _boolean(field: FieldType, value: Any) -> int:
    if isinstance(value, bool):
        return int(value)
    text = str(value).strip().lower()
    if text in ("true", "1"):
        return 1
    if text in ("false", "0"):
        return 0
    raise wrong_type(field, value)


def _decimal(field: FieldType, value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise wrong_type(field, value)
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        raise wrong_type(field, value) from None
    if not number.is_finite():
        raise wrong_type(field, value)
    return number


def _outside(field: FieldType, number: Decimal) -> DmlError:
    text = f"{field.label}: value outside of valid range on numeric field: {number}"
    return DmlError("NUMBER_OUTSIDE_VALID_RANGE", text, [field.name])


def _int(field: FieldType, value: Any) -> int:
    number = _decimal(field, value)
    if number != number.to_integral_value():
        raise wrong_type(field, value)
    if not INT_MIN <= number <= INT_MAX:
        raise _outside(field, number)
    return int(number)


def _number(field: FieldType, value: Any) -> float:
    number = _decimal(field, value)
    whole_digits = (field.precision or 18) - field.scale
    rounded = number.quantize(Decimal(1).scaleb(-field.scale), ROUND_HALF_UP) if abs(number) < 10**25 else number
    if abs(rounded) >= Decimal(10) ** whole_digits:
        raise _outside(field, number)
    return math.copysign(float(rounded), 1 if rounded == 0 else float(rounded))


def _date(field: FieldType, value: Any) -> str:
    text = str(value).strip()
    if _INSTANT.match(text):  # the vendor takes a datetime and keeps its UTC date
        return _instant(field, text)[:10]
    if not _DATE.match(text):
        raise wrong_type(field, value)
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise wrong_type(field, value) from None
    if not 1700 <= day.year <= 4000:
        raise DmlError("NUMBER_OUTSIDE_VALID_RANGE", f"{field.label}: invalid date: {text}", [field.name])
    return text


def _instant(field: FieldType, value: Any) -> str:
    text = str(value).strip()
    match = _INSTANT.match(text)
    try:
        if match:
            zone = match[2] if match[2] == "Z" or ":" in match[2] else f"{match[2][:3]}:{match[2][3:]}"
            at = datetime.fromisoformat(match[1] + zone.replace("Z", "+00:00"))
        elif _DATE.match(text):
            at = datetime.fromisoformat(text).replace(tzinfo=UTC)
        else:
            raise wrong_type(field, value)
    except ValueError:
        raise wrong_type(field, value) from None
    return stored(at)


def _reference(field: FieldType, value: Any) -> str:
    found = to18(value) if isinstance(value, str) else None
    if found is None:
        raise DmlError("MALFORMED_ID", f"{field.label}: id value of incorrect type: {value}", [field.name])
    return found


_CONVERT: dict[str, Callable[[FieldType, Any], Stored]] = {
    "id": _reference,
    "reference": _reference,
    "email": _email,
    "picklist": _picklist,
    "multipicklist": _multipicklist,
    "boolean": _boolean,
    "int": _int,
    "double": _number,
    "currency": _number,
    "percent": _number,
    "date": _date,
    "datetime": _instant,
}


def json_problem(field: FieldType, value: Any) -> str | None:
    """Why this JSON value cannot be read as the field's type at all (then the whole call is refused), or None."""
    if value is None:
        return _cannot(field, "VALUE_NULL", "null") if field.type == "boolean" else None
    if isinstance(value, dict | list):
        return _cannot(field, "START_OBJECT" if isinstance(value, dict) else "START_ARRAY", "")
    if value == "" or field.type not in _JSON_TYPED:
        return None
    try:
        _CONVERT[field.type](field, value)
    except DmlError as bad:
        if bad.status_code == "INVALID_TYPE_ON_FIELD_IN_RECORD":
            return _cannot(field, _token(value), value)
    return None


_JSON_TYPED = frozenset({"boolean", "int", "double", "currency", "percent", "date", "datetime"})
_JSON_NAMES = {"currency": "double", "percent": "double"}


def _token(value: Any) -> str:
    if isinstance(value, bool):
        return "VALUE_TRUE" if value else "VALUE_FALSE"
    return "VALUE_STRING" if isinstance(value, str) else "VALUE_NUMBER"


def _cannot(field: FieldType, token: str, value: Any) -> str:
    kind = _JSON_NAMES.get(field.type, field.type)
    found = f"{token} value {value}"
    return f"Cannot deserialize instance of {kind} from {found} or request may be missing a required field"
