"""The canonical records about money other than deals: fund requests, claims, allocations, service revenue."""

from __future__ import annotations

from connector.core.record_shape import (
    CURRENCY,
    MODIFIED,
    MOTIONS,
    PROOF_STATES,
    PROVENANCES,
    Column,
    Kind,
    Table,
    id_,
    ref,
    text,
)

FUND_REQUESTS = Table(
    "fund_requests",
    "what partners ask of the market development fund",
    (
        id_(),
        ref("partner_id", "who asks"),
        ref("campaign_id", "what for"),
        ref("allocation_id", "from which allocation"),
        text("name", "title"),
        text("motion", "what it would fund", MOTIONS),
        text("activity", "what would be done, in the CRM's own word"),
        text("status", "where it stands", ("draft", "submitted", "approved", "rejected")),
        Column("requested_amount", Kind.MONEY, "asked, in `currency`"),
        Column("approved_amount", Kind.MONEY, "approved, in `currency`"),
        Column("expected_pipeline", Kind.MONEY, "what the partner expects it to bring, in `currency`"),
        Column("target_conversion", Kind.NUMBER, "percent of the people reached that are to become opportunities"),
        Column("match_share", Kind.NUMBER, "percent of the cost that the partner has confirmed to bear"),
        Column("starts_on", Kind.DATE, "first day of the activity"),
        CURRENCY,
        Column("created_at", Kind.INSTANT, "when it was made"),
        MODIFIED,
    ),
)

FUND_CLAIMS = Table(
    "fund_claims",
    "what partners claim back, with proof",
    (
        id_(),
        ref("request_id", "the approved request"),
        ref("partner_id", "who claims"),
        text("name", "title"),
        text("status", "where it stands", ("draft", "submitted", "approved", "rejected", "paid")),
        text("evidence_status", "what became of the proof", PROOF_STATES),
        text("evidence_flags", "what is odd about the proof, in codes"),
        Column("deadline", Kind.DATE, "last day on which it may be proven"),
        Column("amount", Kind.MONEY, "claimed, in `currency`"),
        CURRENCY,
        Column("created_at", Kind.INSTANT, "when it was made"),
        MODIFIED,
    ),
)

FUND_ALLOCATIONS = Table(
    "fund_allocations",
    "market development money promised to a partner",
    (
        id_(),
        ref("partner_id", "to whom"),
        ref("budget_id", "from which budget"),
        text("name", "title"),
        Column("amount", Kind.MONEY, "promised, in `currency`"),
        CURRENCY,
        MODIFIED,
    ),
)

SERVICE_REVENUE = Table(
    "service_revenue",
    "what partners earn with services of their own around an opportunity, and who says so",
    (
        id_(),
        ref("partner_id", "who earned it", required=True),
        ref("opportunity_id", "the deal", required=True),
        Column("amount", Kind.MONEY, "revenue, in `currency`; zero is a real zero, empty is unknown"),
        CURRENCY,
        text(
            "provenance",
            "whether it is in our own books, told by the partner, or estimated",
            PROVENANCES,
            required=True,
        ),
        Column("recorded_at", Kind.INSTANT, "when it was written down"),
        MODIFIED,
    ),
)
