"""What HubSpot works out by itself from a record's other values, by its own published formulas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Context, Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from emulators.hubspot import currencies, pipelines
from emulators.hubspot.values import instant

if TYPE_CHECKING:
    from emulators.hubspot.portal import Portal
    from emulators.hubspot.records import Record

_DAY = 86_400_000
_EXACT = Context(prec=200)  # digits: no product is rounded
_NOUGHT = (
    "hs_num_associated_active_deal_registrations",
    "hs_num_associated_deal_registrations",
    "hs_num_associated_deal_splits",
    "hs_num_of_associated_line_items",
)


@dataclass(frozen=True, slots=True)
class Terms:
    """What the formulas of deals need to know of the portal: its stages by id, and whether rates are kept."""

    stages: Mapping[str, Mapping[str, Any]]
    several_currencies: bool


def terms(portal: Portal) -> Terms:
    """The portal's, as they are now."""
    several = portal.settings.has("multicurrency") and currencies.several(portal)
    return Terms(pipelines.stages(portal, "0-3"), several)


def refresh(portal: Portal, type_id: str, record: Record, known: Terms | None = None) -> None:
    """Fill the formulas of a record in place, as of its `modified`; values without a result are taken out.

    Who refreshes many records gives the `terms` that hold for all of them.
    """
    if type_id == "0-3":
        _deal(portal, record, known or terms(portal))
    elif type_id == "0-2":
        _company(record)
    elif type_id == "0-27":
        _task(record)


_WALKED = ("hs_v2_", "hs_date_entered_", "hs_date_exited_", "hs_time_in_")
_TOUCHED = {
    "0-3": frozenset({
        *_NOUGHT, "hs_is_deal_split", "dealstage", "pipeline", "hs_deal_stage_probability", "deal_currency_code",
        "hs_exchange_rate", "hs_is_closed", "hs_is_closed_won", "hs_is_closed_lost", "hs_is_closed_count",
        "hs_is_open_count", "hs_closed_won_count", "hs_closed_won_date", "closedate", "hs_open_deal_create_date",
        "hs_deal_stage_probability_shadow", "amount", "amount_in_home_currency", "hs_closed_amount",
        "hs_closed_amount_in_home_currency", "hs_projected_amount", "hs_projected_amount_in_home_currency",
        "hs_forecast_probability", "hs_forecast_amount", "days_to_close", "hs_days_to_close_raw",
    }),
    "0-2": frozenset({
        "hs_task_label", "name", "domain", "website", "lifecyclestage", "closedate", "days_to_close",
        "hs_days_to_close_raw",
    }),
    "0-27": frozenset({
        "hs_task_status", "hs_task_is_completed", "hs_task_completion_count", "hs_task_completion_date",
        "hs_timestamp", "hs_task_missed_due_date", "hs_task_missed_due_date_count",
    }),
}  # fmt: skip


def touches(type_id: str, name: str) -> bool:
    """Whether `refresh` reads or writes that property: all others may be kept from it."""
    return name in _TOUCHED.get(type_id, ()) or name.startswith(_WALKED)


@lru_cache(maxsize=1000)
def expanded(text: str) -> str:
    """A number as HubSpot prints a computed one: all digits of its binary fraction ("0.4" -> 0.40000...0625)."""
    return _plain(Decimal(float(text)))


def _plain(number: Decimal) -> str:
    return format(number, "f")


def _put(values: dict[str, str], name: str, text: str | None) -> None:
    if text is None:
        values.pop(name, None)
    else:
        values[name] = text


def _number(values: dict[str, str], name: str) -> Decimal | None:
    text = values.get(name)
    return Decimal(text) if text else None


def _deal(portal: Portal, record: Record, known: Terms) -> None:
    values = record.properties
    for name in _NOUGHT:
        values.setdefault(name, "0")
    values.setdefault("hs_is_deal_split", "false")
    stage = known.stages.get(values.get("dealstage", ""))
    if stage is not None:
        values.setdefault("pipeline", stage["pipeline"])
    entered = _walk(record, "dealstage")
    if stage is None:
        values.pop("hs_deal_stage_probability", None)
    elif entered or "hs_deal_stage_probability" not in values:
        values["hs_deal_stage_probability"] = expanded(stage["metadata"]["probability"])
    if known.several_currencies:
        _exchange(portal, record)
    probability = None if stage is None else Decimal(stage["metadata"]["probability"])
    _closed(record, probability)
    _amounts(values, won=probability is not None and probability >= 1)
    _days(record)


def _closed(record: Record, probability: Decimal | None) -> None:
    values = record.properties
    own = _number(values, "hs_deal_stage_probability")
    closed = probability is not None and (probability <= 0 or probability >= 1)
    won = probability is not None and probability >= 1
    _put(values, "hs_is_closed", None if probability is None else _bool(closed))
    values["hs_is_closed_won"] = _bool(won)
    values["hs_is_closed_lost"] = _bool(own is not None and own <= 0)
    values["hs_is_closed_count"] = str(int(closed))
    values["hs_is_open_count"] = str(int(not closed))
    values["hs_closed_won_count"] = str(int(won))
    _put(values, "hs_closed_won_date", values.get("closedate") if won else None)
    values["hs_deal_stage_probability_shadow"] = "0" if probability is None else expanded(str(probability))
    made = instant(record.created)
    values["hs_open_deal_create_date"] = "0" if closed or made is None else str(_ms(made))


def _amounts(values: dict[str, str], *, won: bool) -> None:
    amount, rate = _number(values, "amount"), _number(values, "hs_exchange_rate")
    home = amount if amount is None or rate is None else _EXACT.multiply(amount, rate)
    _put(values, "amount_in_home_currency", values.get("amount") if rate is None else _text(home))
    _put(values, "hs_closed_amount", values.get("amount") if won else "0")
    _put(values, "hs_closed_amount_in_home_currency", values.get("amount_in_home_currency") if won else "0")
    likely = _number(values, "hs_deal_stage_probability")
    _put(values, "hs_projected_amount", _times(likely, amount))
    _put(values, "hs_projected_amount_in_home_currency", _times(likely, home))
    forecast = _number(values, "hs_forecast_probability")
    home_text = values.get("amount_in_home_currency")
    _put(values, "hs_forecast_amount", home_text if forecast is None else _times(forecast, home))


def _times(probability: Decimal | None, amount: Decimal | None) -> str | None:
    if probability is None or probability < 0:
        return "0"
    return None if amount is None else _plain(_EXACT.multiply(probability, amount))


def _text(number: Decimal | None) -> str | None:
    return None if number is None else _plain(number)


def _exchange(portal: Portal, record: Record) -> None:
    """A deal takes the rate of the day on which its currency was set, and keeps it."""
    values = record.properties
    code = values.setdefault("deal_currency_code", portal.settings.currency)
    if "hs_exchange_rate" not in values:
        rate = currencies.rate(portal, code, record.modified or portal.now_text())
        _put(values, "hs_exchange_rate", rate)


def _days(record: Record) -> None:
    """`days_to_close`: whole days from creation to close, never below 0."""
    values = record.properties
    closes, made = instant(values.get("closedate", "")), instant(record.created)
    if closes is None or made is None:
        values.pop("days_to_close", None)
        values.pop("hs_days_to_close_raw", None)
        return
    span = max(0, _ms(closes) - _ms(made))
    values["days_to_close"] = str(span // _DAY)
    if record.type_id == "0-3":
        values["hs_days_to_close_raw"] = repr(span / _DAY)


def _company(record: Record) -> None:
    values = record.properties
    _put(values, "hs_task_label", values.get("name") or values.get("domain"))
    if values.get("domain"):
        values.setdefault("website", values["domain"])
    values.setdefault("lifecyclestage", "lead")
    _walk(record, "lifecyclestage")
    _days(record)


def _task(record: Record) -> None:
    values = record.properties
    done = values.get("hs_task_status") == "COMPLETED"
    values["hs_task_is_completed"] = values["hs_task_completion_count"] = str(int(done))
    if not done:
        values.pop("hs_task_completion_date", None)
    else:
        values.setdefault("hs_task_completion_date", record.modified)
    due, ended = values.get("hs_timestamp"), values.get("hs_task_completion_date")
    missed = bool(due and ended and ended > due)
    values["hs_task_missed_due_date"], values["hs_task_missed_due_date_count"] = _bool(missed), str(int(missed))


def _walk(record: Record, name: str) -> bool:
    """Note when the present stage was entered and the last one left. Whether the record came from another stage."""
    values = record.properties
    stage, now = values.get(name, ""), record.modified
    before = _stage_before(values)
    if stage == before:
        return False
    if before:
        _leave(values, before, now)
    if stage:
        for stem in (_ENTERED, "hs_date_entered_"):
            values[stem + stage] = now
        values.pop(f"hs_v2_date_exited_{stage}", None)
        values.pop(f"hs_date_exited_{stage}", None)
    _put(values, _CURRENT, now if stage else None)
    return bool(before)


def _leave(values: dict[str, str], stage: str, now: str) -> None:
    entered, left = instant(values[_ENTERED + stage]), instant(now)
    spent = 0 if entered is None or left is None else max(0, _ms(left) - _ms(entered))
    total = int(values.get(f"hs_v2_cumulative_time_in_{stage}", "0")) + spent
    values[f"hs_v2_date_exited_{stage}"] = values[f"hs_date_exited_{stage}"] = now
    values[f"hs_v2_latest_time_in_{stage}"] = str(spent)
    values[f"hs_v2_cumulative_time_in_{stage}"] = values[f"hs_time_in_{stage}"] = str(total)


_ENTERED = "hs_v2_date_entered_"
_CURRENT = "hs_v2_date_entered_current_stage"


def _stage_before(values: dict[str, str]) -> str:
    """The stage that was entered and not left since; none: empty."""
    for key in values:
        if key[:3] == "hs_" and key.startswith(_ENTERED) and key != _CURRENT:
            stage = key[len(_ENTERED) :]
            if f"hs_v2_date_exited_{stage}" not in values:
                return stage
    return ""


def _bool(value: bool) -> str:
    return "true" if value else "false"


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)
