"""The facts about every partner by plain loops over the rows: slow, and plainly right."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from connector.core.facts import (
    EVIDENCE_LIMIT,
    Activity,
    CampaignReturn,
    Footprint,
    LiveItem,
    Meetings,
    PartnerFacts,
    QuoteCohort,
    TrackRecord,
    WonDeals,
)
from connector.core.policy import Policy

AS_OF = datetime(2026, 7, 1, 12, tzinfo=UTC)
World = dict[str, list[dict[str, Any]]]


class Naive:
    """The facts by plain loops over the rows."""

    def __init__(self, world: World, policy: Policy) -> None:
        self.world, self.policy, self.zone = world, policy, ZoneInfo(policy.timezone)
        self.today = AS_OF.astimezone(self.zone).date()
        self.merged = {
            r["id"]: r["merged_into"] for t in ("partners", "accounts") for r in world[t] if r.get("merged_into")
        }
        self.live = {r["id"] for r in world["partners"]} - set(self.merged)
        self.deals = {r["id"]: r for r in world["opportunities"]}
        self.accounts = {r["id"]: r for r in world["accounts"] if r["id"] not in self.merged}
        self.links = self._links()

    def now(self, id_: str | None) -> str | None:
        while id_ in self.merged:
            id_ = self.merged[id_]
        return id_

    def local(self, instant: datetime) -> date:
        return instant.astimezone(self.zone).date()

    def _links(self) -> set[tuple[str, str, str]]:
        found = {(r["partner_id"], r["opportunity_id"], r["role"] or "other") for r in self.world["partner_links"]}
        for r in self.world["registrations"]:
            valid = r["status"] == "approved" or (r["status"] == "expired" and r["approved_at"])
            if valid and r["opportunity_id"]:
                found.add((r["partner_id"], r["opportunity_id"], "sourcing"))
        for r in self.world["account_links"]:
            for deal in self.deals.values():
                if self.now(deal["account_id"]) == self.now(r["account_id"]):
                    found.add((r["partner_id"], deal["id"], r["role"] or "other"))
        return {(self.now(p) or "", o, role) for p, o, role in found}

    def value(self, amount: Decimal | None, currency: str | None, on: date) -> Decimal | None:
        """The converted amount; raises LookupError without a rate."""
        if amount is None or not currency or currency == "USD":
            return amount
        started = [
            r
            for r in self.world["exchange_rates"]
            if r["currency"] == currency and (r["start_date"] or date.min) <= on
        ]
        if not started:
            raise LookupError
        best = max(started, key=lambda r: (r["start_date"] or date.min, r["id"]))
        if best["end_date"] is not None and best["end_date"] <= on:
            raise LookupError
        return (amount / best["rate"]).quantize(Decimal("0.0001"), ROUND_HALF_UP)

    def known(self, amount: Decimal | None, currency: str | None, on: date) -> Decimal | None:
        try:
            return self.value(amount, currency, on)
        except LookupError:
            return None

    def of(self, partner: str, *, closing: bool) -> set[str]:
        roles = self.policy.velocity.link_roles
        return {o for p, o, role in self.links if p == partner and o in self.deals and (not closing or role in roles)}

    def issued(self, deal: str) -> list[datetime]:
        statuses = ("issued", "accepted", "rejected", "expired")
        return [
            q["issued_at"]
            for q in self.world["quotes"]
            if q["opportunity_id"] == deal and q["status"] in statuses and q["issued_at"] and q["issued_at"] < AS_OF
        ]

    def quotes(self, partner: str) -> tuple[int, int, tuple[str, ...]]:
        gate, cohort = self.policy.velocity, []
        for o in self.of(partner, closing=True):
            if not (times := self.issued(o)):
                continue
            age = (self.today - self.local(min(times))).days
            inside = 0 < age <= gate.window_days
            fits = {
                "matured": age >= gate.maturity_days,
                "decided": bool(self.deals[o]["is_closed"]),
                "all_issued": True,
            }
            if inside and fits[gate.denominator]:
                cohort.append((not self.deals[o]["is_won"], o))
        return len(cohort), sum(not lost for lost, _ in cohort), tuple(o for _, o in sorted(cohort)[:EVIDENCE_LIMIT])

    def meetings(self, partner: str) -> tuple[int, int, tuple[str, ...]]:
        gap = self.policy.levers.confidence
        end = self.today - timedelta(days=gap.lag_days)
        start = end - timedelta(days=gap.window_days)
        subjects = self.of(partner, closing=False) | {
            id_
            for id_ in (*self.merged, *self.accounts, *self.live)
            if self.now(id_) == partner
            or any(
                self.now(r["account_id"]) == self.now(id_) and self.now(r["partner_id"]) == partner
                for r in self.world["account_links"]
            )
        }
        held: dict[str, str] = {}
        for m in self.world["meetings"]:
            counts = m["outcome"] in ("held", None, "") and not m["internal"] and m["related_id"] in subjects
            if counts and m["starts_at"] and start <= self.local(m["starts_at"]) < end:
                calendar = m["calendar_id"] or m["id"]
                held[calendar] = min(held.get(calendar, m["id"]), m["id"])
        quoted = [o for o in self.of(partner, closing=False) if any(self.local(t) >= start for t in self.issued(o))]
        return len(held), len(quoted), tuple(sorted(held.values())[:EVIDENCE_LIMIT])

    def stratum(self, deal: dict[str, Any]) -> tuple[str, str]:
        account = self.accounts.get(self.now(deal["account_id"]) or "", {})
        return deal["segment"] or account.get("segment") or "", deal["product"] or ""

    def won(self, ids: set[str], days: int) -> list[dict[str, Any]]:
        start = self.today - timedelta(days=days)
        deals = (self.deals[o] for o in ids)
        return [d for d in deals if d["is_won"] and d["close_date"] and start <= d["close_date"] < self.today]

    def won_deals(self, partner: str) -> tuple[Any, ...]:
        days = self.policy.levers.strategic.window_days
        new = [d for d in self.won(self.of(partner, closing=True), days) if d["type"] != "renewal"]
        values = [(self.known(d["amount"], d["currency"], d["close_date"]), self.stratum(d)) for d in new]
        sized = [(v, s) for v, s in values if v is not None]
        direct: dict[tuple[str, str], list[Decimal]] = {}
        unlinked = set(self.deals) - {o for _, o, _ in self.links}
        for d in self.won(unlinked, days):
            value = self.known(d["amount"], d["currency"], d["close_date"])
            if d["type"] != "renewal" and value is not None:
                direct.setdefault(self.stratum(d), []).append(value)
        weighted = [(v, Fraction(1, len(direct[s]))) for _, s in sized for v in direct.get(s, ())]
        compared = sum(len(direct[s]) for s in {s for _, s in sized} if s in direct)
        return (
            len(new),
            weighted_median([(v, Fraction(1)) for v, _ in sized]),
            weighted_median(weighted),
            compared,
            len(new) - len(sized),
            tuple(sorted(d["id"] for d in new)[:EVIDENCE_LIMIT]),
        )

    def footprint(self, partner: dict[str, Any]) -> Footprint:
        gate = self.policy.market_fit
        won = self.won(self.of(partner["id"], closing=True), gate.observed_window_days)
        places: dict[tuple[str, str], Decimal] = {}
        total = Decimal(0)
        for d in won:
            value = self.known(d["amount"], d["currency"], d["close_date"]) or Decimal(0)
            total += value
            account = self.accounts.get(self.now(d["account_id"]) or "", {})
            for kind in ("country", "industry"):
                if account.get(kind):
                    places[kind, account[kind]] = places.get((kind, account[kind]), Decimal(0)) + value
        large = {key for key, value in places.items() if total > 0 and value >= gate.observed_share * total}
        declared = [w.strip() for w in (partner.get("footprint_regions") or "").split(";") if w.strip()]
        words = {*declared, *(word for kind, word in large if kind == "country")}
        codes = {"DE": "DE", "France": "FR"}
        return Footprint(
            tuple(sorted(codes[w] for w in words if w in codes)),
            tuple(sorted(w for kind, w in large if kind == "industry")),
            bool(declared),
            len(won),
            self.window(gate.observed_window_days, 0),
            tuple(sorted(words - set(codes))),
            tuple(sorted(d["id"] for d in won)[:EVIDENCE_LIMIT]),
        )

    def window(self, start: int, end: int) -> Any:
        from connector.core.facts import Window

        return Window(self.today - timedelta(days=start), self.today - timedelta(days=end))

    def owner(self, campaign: dict[str, Any]) -> str | None:
        asked = {
            r["partner_id"]
            for r in self.world["fund_requests"]
            if r["campaign_id"] == campaign["id"] and r["partner_id"]
        }
        return self.now(campaign["partner_id"] or (asked.pop() if len(asked) == 1 else None))

    def spend(self, campaign: dict[str, Any]) -> tuple[Decimal, int] | None:
        """Net spend and unconverted amounts; None when unknown."""
        ended = campaign["end_date"]
        if self.policy.track_record.spend_basis == "total_cost":
            amounts = [(campaign["actual_cost"], campaign["currency"])]
        else:
            requests = {r["id"] for r in self.world["fund_requests"] if r["campaign_id"] == campaign["id"]}
            claims = [c for c in self.world["fund_claims"] if c["request_id"] in requests]
            paid = [c for c in claims if c["status"] == "paid"] or [c for c in claims if c["status"] == "approved"]
            amounts = [(c["amount"], c["currency"]) for c in paid]
        if not amounts or any(amount is None for amount, _ in amounts):
            return None
        values = [self.known(amount, currency, ended) for amount, currency in amounts]
        return sum((v for v in values if v is not None), Decimal(0)), sum(v is None for v in values)

    def track_record(self, partner: str) -> TrackRecord:
        gate = self.policy.track_record
        last, excluded = [], []
        ended = [
            c
            for c in self.world["campaigns"]
            if self.owner(c) == partner and c["end_date"] and c["end_date"] < self.today
        ]
        for c in sorted(ended, key=lambda c: (-c["end_date"].toordinal(), c["id"])):
            spend = self.spend(c)
            if (self.today - c["end_date"]).days < gate.maturity_days:
                excluded.append((c["id"], "NOT_MATURED"))
            elif spend is None:
                excluded.append((c["id"], "SPEND_UNKNOWN"))
            elif spend[0] <= 0 and not spend[1]:
                excluded.append((c["id"], "ZERO_SPEND"))
            elif len(last) < gate.campaigns:
                last.append(self.returned(c, *spend))
        return TrackRecord(tuple(last), tuple(excluded))

    def returned(self, campaign: dict[str, Any], spend: Decimal, unconverted: int) -> CampaignReturn:
        last = campaign["end_date"] + timedelta(days=self.policy.track_record.attribution_days)
        made = [
            d
            for d in self.deals.values()
            if d["campaign_id"] == campaign["id"]
            and d["created_at"]
            and (campaign["start_date"] or date.min) <= self.local(d["created_at"]) < last
        ]
        on = {d["id"]: d["close_date"] if d["is_closed"] and d["close_date"] else self.today for d in made}
        values = [self.known(d["amount"], d["currency"], on[d["id"]]) for d in made]
        blank = sum(d["amount"] is None for d in made)
        lost = sum(v is None for v in values) - blank
        pipeline = sum((v for v in values if v is not None), Decimal(0))
        return CampaignReturn(
            campaign["id"],
            campaign["name"],
            campaign["end_date"],
            spend,
            pipeline,
            len(made),
            blank,
            lost + unconverted,
        )

    def activity(self, partner: str) -> Activity:
        requests = {r["id"]: r["partner_id"] for r in self.world["fund_requests"]}
        signs = [("login", r["last_login_at"], r["id"], r["partner_id"]) for r in self.world["logins"]]
        signs += [
            ("registration", r["submitted_at"] or r["approved_at"], r["id"], r["partner_id"])
            for r in self.world["registrations"]
        ]
        signs += [("opportunity", self.deals[o]["created_at"], o, partner) for o in self.of(partner, closing=False)]
        signs += [("fund", r["created_at"], r["id"], r["partner_id"]) for r in self.world["fund_requests"]]
        signs += [
            ("fund", r["created_at"], r["id"], r["partner_id"] or requests.get(r["request_id"]))
            for r in self.world["fund_claims"]
        ]
        last: dict[str, tuple[datetime, str]] = {}
        for kind, at, id_, whose in sorted(signs, key=lambda s: s[2], reverse=True):
            if self.now(whose) == partner and at and at <= AS_OF and (kind not in last or at >= last[kind][0]):
                last[kind] = (at, id_)
        when = {kind: at for kind, (at, _) in last.items()}
        return Activity(
            True,
            when.get("login"),
            when.get("registration"),
            when.get("opportunity"),
            when.get("fund"),
            tuple(sorted(id_ for _, id_ in last.values())),
        )

    def live_items(self, partner: str) -> tuple[LiveItem, ...]:
        items = []
        over = set()
        for c in self.world["campaigns"]:
            ended = c["end_date"] is not None and c["end_date"] < self.today
            if ended or c["status"] in ("completed", "aborted"):
                over.add(c["id"])
            elif self.owner(c) == partner:
                amount = c["actual_cost"] if c["budgeted_cost"] is None else c["budgeted_cost"]
                items.append(
                    LiveItem(
                        c["id"],
                        "campaign",
                        c["name"],
                        c["motion"] or "Other",
                        self.known(amount, c["currency"], self.today),
                    )
                )
        paid = {c["request_id"] for c in self.world["fund_claims"] if c["status"] == "paid"}
        for r in self.world["fund_requests"]:
            waiting = (
                r["status"] in ("approved", "submitted") and r["id"] not in paid and r["campaign_id"] not in over
            )
            if waiting and self.now(r["partner_id"]) == partner:
                amount = r["requested_amount"] if r["approved_amount"] is None else r["approved_amount"]
                items.append(
                    LiveItem(
                        r["id"], "fund_request", r["name"], "Other", self.known(amount, r["currency"], self.today)
                    )
                )
        return tuple(sorted(items, key=lambda item: (item.kind, item.id)))

    def facts(self, partner: dict[str, Any]) -> PartnerFacts:
        id_, policy = partner["id"], self.policy
        counted, won, quote_ids = self.quotes(id_)
        held, quoted, meeting_ids = self.meetings(id_)
        newest = policy.velocity.maturity_days - 1 if policy.velocity.denominator == "matured" else 0
        lag = policy.levers.confidence.lag_days
        wins, median, benchmark, compared, missing, win_ids = self.won_deals(id_)
        return PartnerFacts(
            partner_id=id_,
            name=partner["name"],
            personas=(),
            strategic=False,
            owner_id=None,
            marketer_id=None,
            since=self.local(partner["created_at"]),
            excluded=False,
            quotes=QuoteCohort(counted, won, self.window(policy.velocity.window_days, newest), False, quote_ids),
            footprint=self.footprint(partner),
            track_record=self.track_record(id_),
            meetings=Meetings(
                held, quoted, self.window(lag + policy.levers.confidence.window_days, lag), meeting_ids
            ),
            won_deals=WonDeals(
                wins,
                median,
                benchmark,
                compared,
                missing,
                self.window(policy.levers.strategic.window_days, 0),
                win_ids,
            ),
            activity=self.activity(id_),
            live=self.live_items(id_),
            override=None,
            freshness=AS_OF,
        )

    def every(self) -> list[PartnerFacts]:
        return [self.facts(p) for p in sorted(self.world["partners"], key=lambda p: p["id"]) if p["id"] in self.live]


def weighted_median(weighted: list[tuple[Decimal, Fraction]]) -> Decimal | None:
    """The middle of a weighted list; the mean of the two middle ones where the weight splits in half."""
    if not weighted:
        return None
    whole = sum(w for _, w in weighted)
    below = Fraction(0)
    low = None
    for value, weight in sorted(weighted):
        below += weight
        if low is None and below * 2 >= whole:
            low = value
        if low is not None and below * 2 > whole:
            return (low + value) / 2
    return low
