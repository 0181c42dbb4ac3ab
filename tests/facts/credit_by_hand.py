"""Who is credited with what, row by row: a plain computation of the rules of credit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from connector.core.policy import Attribution

AS_OF = datetime(2026, 7, 1, 12, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
WHOLE = 1_000_000
RATES = {"": Decimal(1), "USD": Decimal(1), "EUR": Decimal("0.8")}

Row = dict[str, Any]
World = dict[str, list[Row]]
Parts = dict[tuple[str, str, str], tuple[str, int, int | None, int]]  # reason, points, agreed, pieces
Found = dict[tuple[str, str, str], tuple[str, Decimal | None, str]]  # reason, amount, what is lacking


def company(id_: str | None) -> str | None:
    return {"old": "A", "gone": "a"}.get(id_ or "", id_)


def local(at: datetime) -> date:
    return at.astimezone(BERLIN).date()


def midnight(day: date) -> datetime:
    return datetime.combine(day, time(), BERLIN).astimezone(UTC)


@dataclass(slots=True)
class ByHand:
    """Who is credited with what, row by row."""

    world: World
    rules: Attribution

    def deals(self) -> list[Row]:
        return [
            {
                **row,
                "customer": company(row["account_id"]),
                "closed_on": row["close_date"] if row["is_closed"] else None,
                "end": midnight(row["close_date"] + timedelta(days=1)) if row["is_closed"] else None,
            }
            for row in self.world["opportunities"]
            if row["type"] != "renewal"
        ]

    def traces(self) -> Iterator[tuple[str, str, str | None, str, datetime, datetime]]:
        staff = {"ann": "A"}
        for row in self.world["touches"]:
            who = company(row["partner_id"] or staff.get(row["contact_id"]))
            kind = (row["type"] or "").strip().lower()
            yield row["id"], row["related_id"], who, kind, row["occurred_at"], row["recorded_at"]
        for row in self.world["meetings"]:
            if row["outcome"] in (None, "held") and not row["internal"]:
                who = staff.get(row["contact_id"])
                yield row["id"], row["related_id"], who, "meeting", row["starts_at"], row["created_at"]

    def told(self) -> list[tuple[str, str, str | None, str, datetime, datetime]]:
        return [t for t in self.traces() if t[1] and t[4] and t[5] and t[4] <= AS_OF and t[5] <= AS_OF]

    def late(self, deal: str, at: datetime) -> bool:
        entries = [r for r in self.world["stage_history"] if r["opportunity_id"] == deal and r["at"] <= at]
        last = max(entries, key=lambda r: (r["at"], r["id"]), default=None)
        return last is not None and (last["stage"] or "").strip().lower() in self.rules.late_stages

    def evidence(self, deal: Row) -> dict[str, list[tuple[str, str, datetime]]]:
        """By partner: source id, kind, when."""
        every = [t for t in self.told() if t[1] == deal["id"]]
        for row in self.world["campaign_members"]:
            ours = row["campaign_id"] == "camp" and row["contact_id"] is not None
            customer = {"eve": "a", "ann": "A"}.get(row["contact_id"] or "")
            if ours and row["responded"] and row["responded_on"] and customer == deal["customer"]:
                at = midnight(row["responded_on"])
                every.append((row["id"], deal["id"], "B", "campaign response", at, at))
        for row in self.world["partner_links"]:
            if row["opportunity_id"] == deal["id"] and row["recorded_at"] and row["via"] != "registration":
                at = row["recorded_at"]
                every.append((row["id"], deal["id"], company(row["partner_id"]), "link", at, at))
        found: dict[str, list[tuple[str, str, datetime]]] = defaultdict(list)
        for id_, _, who, kind, done, noted in every:
            in_time = deal["created_at"] <= done <= AS_OF and noted <= AS_OF
            before_end = deal["end"] is None or (done < deal["end"] and noted < deal["end"])
            worth = kind in self.rules.strong or kind in self.rules.weak
            if who and worth and in_time and before_end and not self.late(deal["id"], done):
                found[who].append((id_, kind, done))
        return found

    def claims(self, deal: Row) -> Iterator[tuple[str, str, datetime, datetime | None, date | None]]:
        """Claim, partner, submitted, approved, last day on which it holds."""
        for row in self.world["registrations"]:
            accepted = row["status"] == "approved" or (row["status"] == "expired" and row["approved_at"])
            until = local(row["submitted_at"]) + timedelta(days=90)
            holds = min(row["expires_on"] or until, until + timedelta(days=30))
            names = row["opportunity_id"] == deal["id"]
            waits = (
                row["opportunity_id"] is None
                and row["account_id"] is not None
                and company(row["account_id"]) == deal["customer"]
                and row["submitted_at"] <= deal["created_at"]
                and local(deal["created_at"]) <= holds
            )
            if accepted and (names or waits):
                yield row["id"], company(row["partner_id"]) or "", row["submitted_at"], row["approved_at"], holds
        for row in self.world["partner_links"]:
            told = row["recorded_at"] is not None and row["via"] != "registration" and row["role"] == "lead"
            if told and row["opportunity_id"] == deal["id"]:
                at = row["recorded_at"]
                yield row["id"], company(row["partner_id"]) or "", at, at, None

    def code(self, deal: Row, partner: str, at: datetime, approved: datetime | None, holds: date | None) -> str:
        opened = deal["created_at"]
        if at > opened + timedelta(days=14):
            return "LATE_SUBMISSION"
        if approved is not None and approved > opened + timedelta(days=14):
            return "LATE_APPROVAL"
        if holds is not None and local(opened) > holds:
            return "EXPIRED"
        if self.rules.prior_activity == "none":
            return "HELD"
        if self.prior_deal(deal, partner, at):
            return "PRIOR_DEAL"
        return "PRIOR_ACTIVITY" if self.prior_activity(deal, partner, at) else "HELD"

    def prior_deal(self, deal: Row, partner: str, at: datetime) -> bool:
        standing = {
            (row["opportunity_id"], company(row["partner_id"]))
            for row in (*self.world["partner_links"], *self.world["registrations"])
        }
        return any(
            deal["customer"] is not None
            and company(other["account_id"]) == deal["customer"]
            and other["id"] != deal["id"]
            and other["created_at"] < at
            and (not other["is_closed"] or other["close_date"] >= local(at))
            and (other["id"], partner) not in standing
            and (self.rules.prior_activity == "anyone" or any(stood == other["id"] for stood, _ in standing))
            for other in self.world["opportunities"]
        )

    def prior_activity(self, deal: Row, partner: str, at: datetime) -> bool:
        theirs = {r["id"] for r in self.world["opportunities"] if company(r["account_id"]) == deal["customer"]}
        return deal["customer"] is not None and any(
            (about in theirs or company(about) == deal["customer"])
            and at - timedelta(days=90) <= done < at
            and who != partner
            and (self.rules.prior_activity == "anyone" or who is not None)
            for _, about, who, _, done, _ in self.told()
        )

    def found(self) -> Parts:
        parts: Parts = {}
        for deal in self.deals():
            held = [c for c in self.claims(deal) if self.code(deal, *c[1:]) == "HELD"]
            first = [c for c in held if c[2] == min(other[2] for other in held)]
            whose = {c[1] for c in first}
            role, reason = ("sourced", "FIRST_CLAIM") if len(whose) == 1 else ("disputed", "SAME_MOMENT")
            for partner in whose:
                parts[deal["id"], partner, role] = (reason, 0, None, len({c[0] for c in first if c[1] == partner}))
            parts.update(self.influence(deal))
        return parts

    def influence(self, deal: Row) -> Parts:
        known, agreed = self.evidence(deal), self.agreed(deal)
        parts: Parts = {}
        for partner in {*known, *agreed}:
            pieces = known.get(partner, [])
            strong = {id_ for id_, kind, _ in pieces if kind in self.rules.strong}
            weak = {local(at) for _, kind, at in pieces if kind not in self.rules.strong}
            if partner in agreed or strong or len(weak) >= 2:
                weight = len(strong) * 3 + len(weak) if self.rules.split == "points" else 1
                reason = "AGREED_SHARE" if partner in agreed else "ENOUGH_EVIDENCE"
                count = len({id_ for id_, _, _ in pieces})
                parts[deal["id"], partner, "influenced"] = (reason, weight, agreed.get(partner), count)
        return parts

    def agreed(self, deal: Row) -> dict[str, int]:
        found: dict[str, int] = {}
        for row in self.world["partner_links"]:
            at = row["recorded_at"]
            in_time = at is None or (at <= AS_OF and (deal["end"] is None or at < deal["end"]))
            if row["opportunity_id"] == deal["id"] and row["share"] and in_time:
                partner = company(row["partner_id"]) or ""
                found[partner] = max(found.get(partner, 0), int(row["share"] * 10_000))
        return found

    def credits(self, parts: Parts) -> Found:
        """With amounts; a sourcing or disputing partner has no influence beside."""
        credited: Found = {}
        for deal in self.deals():
            ours = {key: part for key, part in parts.items() if key[0] == deal["id"]}
            claiming = {partner for _, partner, role in ours if role != "influenced"}
            pool = {k[1]: p for k, p in ours.items() if k[2] == "influenced" and k[1] not in claiming}
            cents, lacking = self.cents(deal)
            for _, partner, role in [key for key in ours if key[2] != "influenced"]:
                amount = None if cents is None else money(cents if role == "sourced" else 0)
                credited[deal["id"], partner, role] = (ours[deal["id"], partner, role][0], amount, lacking)
            shares, over = parted(abs(cents or 0), pool)
            for partner, part in pool.items():
                known = None if cents is None or over else money(shares[partner] * (-1 if cents < 0 else 1))
                without = lacking or ("SHARES_OVER_100" if over else "")
                credited[deal["id"], partner, "influenced"] = (part[0], known, without)
        return credited

    def cents(self, deal: Row) -> tuple[int | None, str]:
        if deal["amount"] is None:
            return None, "AMOUNT_MISSING"
        rate = RATES.get(deal["currency"] or "")
        if rate is None:
            return None, "FX_RATE_MISSING"
        worth = (deal["amount"] / rate).quantize(Decimal("0.0001"), ROUND_HALF_UP)
        return int((worth * 100).quantize(Decimal(1), ROUND_HALF_UP)), ""


def money(cents: int) -> Decimal:
    return Decimal(cents).scaleb(-2)


def parted(cents: int, pool: Parts | dict[str, Any]) -> tuple[dict[Any, int], bool]:
    """Shares rounded down, the cents that are left to the largest remainders; whether more than all was agreed."""
    by_agreement = any(part[2] is not None for part in pool.values())
    weights = {who: (part[2] or 0) if by_agreement else max(part[1], 1) for who, part in pool.items()}
    whole = WHOLE if by_agreement else sum(weights.values())
    if not weights or sum(weights.values()) > whole:
        return {}, bool(weights)
    base = {who: cents * weight // whole for who, weight in weights.items()}
    left = cents * sum(weights.values()) // whole - sum(base.values())
    for who in sorted(weights, key=lambda who: (-(cents * weights[who] % whole), who))[:left]:
        base[who] += 1
    return base, False
