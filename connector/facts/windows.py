"""Which days each fact looks at: the policy's windows as of one moment, cut at midnight in the tenant's time zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import pyarrow as pa

from connector.core.facts import Window
from connector.core.policy import MultiplierRules, Policy

_CALENDAR_YEARS = 30


@dataclass(frozen=True, slots=True)
class Windows:
    """Half-open spans of local days; `today` is the local day of `as_of`, which no window includes."""

    as_of: datetime
    zone: str
    today: date
    quotes: Window  # of the first issued quote
    meetings: Window
    won: Window  # of the close date
    footprint: Window  # of the close date
    cycle_from: date  # the first day on which an opportunity that is timed may have started
    services: Window  # of the close date of won deals that services had time to follow
    matured_by: date  # the last end date of a campaign that is old enough
    credit_from: date  # the first close date whose won amounts stand on partner records


def windows(policy: Policy, as_of: datetime) -> Windows:
    """The windows as of a moment (aware)."""
    if as_of.tzinfo is None:
        raise ValueError("as_of must say its time zone")
    today = as_of.astimezone(ZoneInfo(policy.timezone)).date()

    def ago(days: int) -> date:
        return today - timedelta(days=days)

    velocity, confidence = policy.velocity, policy.levers.confidence
    # An age of exactly `maturity_days` is old enough, and the end of a window is not in it.
    newest = ago(velocity.maturity_days - 1) if velocity.denominator == "matured" else today
    return Windows(
        as_of=as_of.astimezone(UTC),
        zone=policy.timezone,
        today=today,
        quotes=Window(ago(velocity.window_days), min(newest, today)),
        meetings=Window(ago(confidence.lag_days + confidence.window_days), ago(confidence.lag_days)),
        won=Window(ago(policy.levers.strategic.window_days), today),
        footprint=Window(ago(policy.market_fit.observed_window_days), today),
        cycle_from=ago(policy.cycle_time.window_days),
        services=_services(policy.multiplier, today),
        matured_by=ago(policy.track_record.maturity_days),
        credit_from=ago(policy.attribution.won_days),
    )


def _services(rules: MultiplierRules, today: date) -> Window:
    """A close exactly `lag_days` ago is old enough."""
    end = min(today - timedelta(days=rules.lag_days - 1), today)
    return Window(end - timedelta(days=rules.window_days), end)


def midnight(day: date, zone: str) -> datetime:
    """The instant (UTC) at which a local day begins."""
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)


def moments(spans: Windows) -> dict[str, str]:
    """Every moment that a relation compares with, as a literal of SQL."""
    instants = {
        "as_of": spans.as_of,
        "quotes_start": midnight(spans.quotes.start, spans.zone),
        "quotes_end": midnight(spans.quotes.end, spans.zone),
        "meetings_start": midnight(spans.meetings.start, spans.zone),
        "meetings_end": midnight(spans.meetings.end, spans.zone),
    }
    days = {
        "today": spans.today,
        "won_start": spans.won.start,
        "footprint_start": spans.footprint.start,
        "matured_by": spans.matured_by,
        "credit_from": spans.credit_from,
        "cycle_from": spans.cycle_from,
        "services_start": spans.services.start,
        "services_end": spans.services.end,
    }
    literals = {name: f"TIMESTAMPTZ '{value.isoformat()}'" for name, value in instants.items()}
    literals["zone"] = f"'{spans.zone}'"  # an IANA name, checked by the policy
    return {**literals, **{name: f"DATE '{value.isoformat()}'" for name, value in days.items()}}


@lru_cache(maxsize=8)
def calendar(zone: str, year: int) -> pa.Table:
    """`day` and the instant `midnight` at which it begins, from 30 years before the year to 2 years after it."""
    first = date(year - _CALENDAR_YEARS, 1, 1)
    days = [first + timedelta(days=n) for n in range((date(year + 3, 1, 1) - first).days)]
    return pa.table(
        {
            "day": pa.array(days, pa.date32()),
            "midnight": pa.array([midnight(day, zone) for day in days], pa.timestamp("us", tz="UTC")),
        }
    )
