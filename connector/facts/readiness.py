"""Which facts the sources allow, and what is missing for the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from connector.core.facts import Unknown
from connector.core.policy import Policy
from connector.facts.sources import SourceState, Tables

ISSUED = ("issued", "accepted", "rejected", "expired")
"""The quote statuses that say that the customer has seen the quote."""

LINKS = ("partner_links", "account_links", "registrations")
READ = (
    "partners", "accounts", "opportunities", *LINKS, "quotes", "meetings", "campaigns", "logins",
    "fund_requests", "fund_claims", "service_revenue", "stages", "stage_history", "exchange_rates",
)  # fmt: skip
"""The canonical tables that facts are made of."""

ABSENT = SourceState(False, "never read")


@dataclass(frozen=True, slots=True)
class Readiness:
    """For each fact None, or the `Unknown` that stands for it in every partner's facts."""

    proxy: bool
    quotes: Unknown | None
    quoted: Unknown | None
    meetings: Unknown | None
    won_deals: Unknown | None
    customers: Unknown | None
    track_record: Unknown | None
    activity: Unknown | None
    credit: Unknown | None
    services: Unknown | None
    cycle: Unknown | None
    logins_known: bool
    freshness: datetime | None


def readiness(tables: Tables, policy: Policy, as_of: datetime) -> Readiness:
    """What the sources allow as of a moment."""
    asked = _Asked(tables.sources(), as_of - timedelta(hours=policy.stale_after_hours))
    kept = asked.has("quotes") and _any(tables, "quotes", f"status IN {ISSUED} AND issued_at IS NOT NULL")
    staged = asked.has("stage_history") and asked.has("stages") and _any(tables, "stages", "is_quoted")
    proxy = staged and not kept
    quoting = asked.need("stage_history", "stages") if proxy else asked.need("quotes")
    if not kept and not proxy and quoting is None:
        quoting = Unknown("QUOTES_UNAVAILABLE", "issued quotes, or a stage that stands for one")
    deals = asked.need("opportunities") or asked.links()
    vendor = ("fund_requests", "fund_claims") if policy.track_record.spend_basis == "vendor_paid" else ()
    return Readiness(
        proxy=proxy,
        quotes=quoting or deals,
        quoted=quoting,
        meetings=asked.need("meetings") or deals or quoting,
        won_deals=deals or asked.fresh("accounts", "exchange_rates"),
        customers=deals or asked.need("accounts") or asked.fresh("exchange_rates"),
        track_record=asked.need("campaigns", "opportunities") or asked.fresh(*vendor, "exchange_rates"),
        activity=asked.activity(),
        credit=asked.credit(),
        cycle=deals or asked.timed(policy.cycle_time.start),
        services=asked.need("service_revenue") or asked.credit(),
        logins_known=asked.has("logins") and _any(tables, "logins", "true"),
        freshness=min((s.read_until for s in asked.readable() if s.read_until is not None), default=None),
    )


@dataclass(frozen=True, slots=True)
class _Asked:
    states: Mapping[str, SourceState]
    oldest: datetime

    def state(self, table: str) -> SourceState:
        return self.states.get(table, ABSENT)

    def has(self, table: str) -> bool:
        return self.state(table).available

    def readable(self) -> tuple[SourceState, ...]:
        return tuple(self.state(table) for table in READ if self.has(table))

    def need(self, *tables: str) -> Unknown | None:
        """The first of the tables that cannot be read, or is stale."""
        for table in tables:
            if not self.has(table):
                return Unknown(_CODES.get(table, f"{table.upper()}_UNAVAILABLE"), _why(table, self.state(table)))
        return self.fresh(*tables)

    def fresh(self, *tables: str) -> Unknown | None:
        """The first of those tables that can be read but were read too long ago."""
        for table in tables:
            read_until = self.state(table).read_until
            if self.has(table) and read_until is not None and read_until < self.oldest:
                return Unknown("STALE_SOURCE", f"{table}: read up to {read_until.isoformat()}")
        return None

    def links(self) -> Unknown | None:
        """One way to tell whose deal it is will do, but none that is read may be stale."""
        if not any(self.has(table) for table in LINKS):
            return Unknown("LINKS_UNAVAILABLE", "links between partners and opportunities")
        return self.fresh(*LINKS)

    def activity(self) -> Unknown | None:
        watched = ("logins", "registrations", "opportunities", "partner_links", "fund_requests", "fund_claims")
        if not any(self.has(table) for table in watched):
            return Unknown("ACTIVITY_UNAVAILABLE", "logins, registrations, opportunities or fund requests")
        return self.fresh(*watched)

    def timed(self, start: str) -> Unknown | None:
        """What durations need beside the opportunities themselves."""
        history = self.need("stage_history", "stages") if start == "qualified" else None
        return history or self.fresh("accounts", "exchange_rates")

    def credit(self) -> Unknown | None:
        told = ("registrations", "touches", "meetings", "partner_links", "campaign_members")
        if not any(self.has(table) for table in told):
            return Unknown("EVIDENCE_UNAVAILABLE", "registrations, touches, meetings or dated partner links")
        return self.need("opportunities") or self.fresh(*told, "stage_history", "exchange_rates")


_CODES = {"meetings": "MEETINGS_UNMAPPED", "stage_history": "QUOTES_UNAVAILABLE", "stages": "QUOTES_UNAVAILABLE"}


def _why(table: str, state: SourceState) -> str:
    return f"{table}: {state.reason}" if state.reason else table


def _any(tables: Tables, name: str, condition: str) -> bool:
    return bool(tables.query(f"SELECT 1 FROM {name} WHERE {condition} LIMIT 1").num_rows)
