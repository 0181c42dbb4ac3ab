"""What a sent property value becomes when it is kept, or why HubSpot does not take it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any

from emulators.hubspot.catalog.shapes import Definition
from emulators.hubspot.errors import HubError, invalid

if TYPE_CHECKING:
    from emulators.hubspot.portal import Portal

TEXT_LIMIT = 65_536
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\Z")
_EPOCH = re.compile(r"-?\d{1,15}\Z")
_EMAIL = re.compile(r"[^@\s,;<>]+@[^@\s,;<>.]+(\.[^@\s,;<>.]+)+\Z")


@dataclass(frozen=True, slots=True)
class Problem:
    """One property that was refused; `error` is HubSpot's code."""

    name: str
    error: str
    message: str

    def item(self, portal_id: int) -> dict[str, Any]:
        """The form inside the message of a 400."""
        return {
            "isValid": False,
            "message": self.message,
            "error": self.error,
            "name": self.name,
            "localizedErrorMessage": self.message,
            "portalId": portal_id,
        }


def stored(definition: Definition, value: object, portal: Portal, before: str = "") -> str | Problem:
    """The text in which HubSpot keeps and returns a value; "" (also for null) clears.

    Numbers keep their text, dates are `YYYY-MM-DD`, datetimes `YYYY-MM-DDTHH:MM:SS.mmmZ`, booleans `true` or `false`.
    Several values of a checkbox are joined by `;`; one that begins with `;` is added to what there was `before`.
    Whether callers may write the property at all is `read_only`'s question.
    """
    text = _text(value)
    if text is None:
        return Problem(definition.name, "INVALID_VALUE", f"{json.dumps(value)} is not a text, number or boolean")
    return text if text == "" else _checked(definition, text, portal, before)


def read_only(definition: Definition) -> Problem | None:
    """Why callers may not write the property; None when they may."""
    if definition.read_only or definition.calculated:
        return Problem(definition.name, "READ_ONLY_VALUE", _READ_ONLY.format(definition.name))
    return None


def unknown(name: str) -> Problem:
    """The property does not exist."""
    return Problem(name, "PROPERTY_DOESNT_EXIST", f'Property "{name}" does not exist')


def refusal(portal: Portal, problems: Sequence[Problem]) -> HubError:
    """400 for a write with such values: their list is JSON inside the message."""
    items = [problem.item(portal.settings.portal_id) for problem in problems]
    text = json.dumps(items, ensure_ascii=False, separators=(",", ":"))
    errors = [
        {"message": problem.message, "code": problem.error, "context": {"propertyName": [problem.name]}}
        for problem in problems
    ]
    return invalid(f"Property values were not valid: {text}", errors=errors)


def instant(text: str) -> datetime | None:
    """Epoch milliseconds, an ISO instant or a date -> aware UTC instant; None for other text."""
    try:
        if len(text) == 24 and text[10] == "T" and text[23] == "Z":  # as instants are kept: most of them
            return datetime.fromisoformat(text)
        if _EPOCH.match(text):
            whole, ms = divmod(int(text), 1000)
            return datetime.fromtimestamp(whole, UTC).replace(microsecond=ms * 1000)
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            return datetime.combine(date.fromisoformat(text), time(), UTC)
        at = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        return None
    return None if at.tzinfo is None else at.astimezone(UTC)


def kept_instant(at: datetime) -> str:
    """An instant as it is kept: UTC, milliseconds, `Z`."""
    return at.isoformat(timespec="milliseconds")[:23] + "Z"


_READ_ONLY = '"{}" is a read only property; its value cannot be set.'


def _text(value: object) -> str | None:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return json.dumps(value)
    return value if isinstance(value, str) else None


def _checked(definition: Definition, text: str, portal: Portal, before: str) -> str | Problem:
    if definition.type == "enumeration":
        return _enumeration(definition, text, portal, before)
    check = _CHECKS.get(definition.type)
    return _string(definition, text) if check is None else check(definition, text)


def _string(definition: Definition, text: str) -> str | Problem:
    if len(text) > TEXT_LIMIT:
        message = f"Property value is too long: {len(text)} characters, the limit is {TEXT_LIMIT}"
        return Problem(definition.name, "PROPERTY_VALUE_TOO_LONG", message)
    if definition.name == "email" and definition.hubspot_defined:
        if not _EMAIL.match(text.strip()):
            return Problem(definition.name, "INVALID_EMAIL", f"Email address {text} is invalid")
        return text.strip().lower()
    return text


def _number(definition: Definition, text: str) -> str | Problem:
    if _NUMBER.match(text):
        return text
    return Problem(definition.name, "INVALID_DOUBLE", f"{text} was not a valid number.")


def _bool(definition: Definition, text: str) -> str | Problem:
    if text.lower() in ("true", "false"):
        return text.lower()
    return _no_option(definition, text, ("true", "false"))


def _date(definition: Definition, text: str) -> str | Problem:
    at = instant(text)
    if at is None:
        return Problem(definition.name, "INVALID_LONG", f"{text} was not a valid long.")
    if at.timetz().replace(tzinfo=None) != time():
        clock = at.strftime("%H:%M:%S") + f".{at.microsecond // 1000:03d}"
        return Problem(definition.name, "INVALID_DATE", f"{text} is at {clock} UTC, not midnight!")
    return at.date().isoformat()


def _datetime(definition: Definition, text: str) -> str | Problem:
    at = instant(text)
    if at is None:
        return Problem(definition.name, "INVALID_LONG", f"{text} was not a valid long.")
    return kept_instant(at)


def _closed_type(definition: Definition, text: str) -> str | Problem:
    return Problem(definition.name, "READ_ONLY_VALUE", _READ_ONLY.format(definition.name))


_CHECKS: dict[str, Callable[[Definition, str], str | Problem]] = {
    "number": _number,
    "bool": _bool,
    "date": _date,
    "datetime": _datetime,
    "json": _closed_type,
    "object_coordinates": _closed_type,
}


def _enumeration(definition: Definition, text: str, portal: Portal, before: str) -> str | Problem:
    parts = [part for part in text.split(";") if part] if definition.multiple else [text]
    for part in parts:
        problem = _outside(definition, part, portal)
        if problem is not None:
            return problem
    if not definition.multiple:
        return text
    if text.startswith(";"):
        parts = [*before.split(";"), *parts]
    return ";".join(dict.fromkeys(part for part in parts if part))


def _outside(definition: Definition, value: str, portal: Portal) -> Problem | None:
    if not definition.external_options:
        allowed = tuple(option.value for option in definition.options)
        return None if value in allowed else _no_option(definition, value, allowed)
    check = _KEPT_ELSEWHERE.get("owner" if definition.referenced == "OWNER" else definition.name)
    return None if check is None or not definition.hubspot_defined else check(definition, value, portal)


def _owner(definition: Definition, value: str, portal: Portal) -> Problem | None:
    from emulators.hubspot import owners

    if owners.exists(portal, value):
        return None
    return Problem(definition.name, "INVALID_OWNER_ID", f"{value} is not a valid owner id")


def _stage(definition: Definition, value: str, portal: Portal) -> Problem | None:
    from emulators.hubspot import pipelines

    listed = pipelines.of(portal, _PIPED[definition.name])
    if any(value == stage["id"] for pipeline in listed for stage in pipeline["stages"]):
        return None
    return no_stage(definition.name, value, listed)


def no_stage(name: str, value: str, listed: Sequence[dict[str, Any]]) -> Problem:
    """The stage is in none of these pipelines."""
    options = "; ".join(
        f"pipelineId={pipeline['id']} : [{', '.join(stage['id'] for stage in pipeline['stages'])}]"
        for pipeline in listed
    )
    return Problem(name, "INVALID_OPTION", f"{value} is not a valid pipeline stage ID. Valid options are: {options}")


def _pipeline(definition: Definition, value: str, portal: Portal) -> Problem | None:
    from emulators.hubspot import pipelines

    known = tuple(str(pipeline["id"]) for pipeline in pipelines.of(portal, _PIPED.get(definition.name, "")))
    return None if not known or value in known else _no_option(definition, value, known)


def _currency(definition: Definition, value: str, portal: Portal) -> Problem | None:
    from emulators.hubspot import currencies

    known = tuple(currencies.codes(portal))
    return None if value in known else _no_option(definition, value, known)


def _no_option(definition: Definition, value: str, allowed: Sequence[str]) -> Problem:
    message = f"{value} was not one of the allowed options: [{', '.join(allowed)}]"
    return Problem(definition.name, "INVALID_OPTION", message)


# whose pipelines a property speaks of; tickets' names begin with hs_
_PIPED = {"dealstage": "0-3", "pipeline": "0-3", "hs_pipeline_stage": "0-5"}
_KEPT_ELSEWHERE: dict[str, Callable[[Definition, str, Portal], Problem | None]] = {
    "owner": _owner,
    "dealstage": _stage,
    "pipeline": _pipeline,
    "hs_pipeline_stage": _stage,
    "deal_currency_code": _currency,
    "hs_currency_code": _currency,
    "hs_currency": _currency,
}
