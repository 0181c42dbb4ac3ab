"""The canonical records: which tables the model reads and what each column means.

A record type is a `Table` of typed `Column`s, not a class a row: a pull may bring 10^7 rows, which stay columns
(Arrow, then the mirror) from the wire to the facts. Vendor names live in `mappings/`, never here.
Ids are the CRM's own, as text. Money is exact and in `currency`; instants are UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """How a column is stored and compared."""

    ID = "id"
    TEXT = "text"
    BOOL = "bool"
    INTEGER = "integer"
    MONEY = "money"  # exact decimal, 4 places
    NUMBER = "number"  # exact decimal, 8 places: rates, percentages
    DATE = "date"
    INSTANT = "instant"  # UTC, microseconds


@dataclass(frozen=True, slots=True)
class Column:
    """One column; `values` closes the vocabulary of a text column."""

    name: str
    kind: Kind
    meaning: str
    required: bool = False
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """One canonical table; `key` names the columns that identify a row."""

    name: str
    meaning: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ("id",)

    def column(self, name: str) -> Column:
        """The column of that name; KeyError when there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.name}.{name}")


PERSONAS = ("VAR", "MSP", "Distributor", "Agency", "SI", "GSI", "Alliance", "ISV", "Referral", "Other")
MOTIONS = ("Demand Gen", "Enablement", "Thought Leadership", "First-Deal Incentive", "Other")
LINK_ROLES = ("sourcing", "reseller", "lead", "influencer", "services", "other")
PROOF_STATES = ("not_started", "needs_info", "flagged", "complete", "cleared")
PROVENANCES = ("vendor", "partner", "estimated")


def _id(meaning: str = "the CRM's id", *, required: bool = True, name: str = "id") -> Column:
    return Column(name, Kind.ID, meaning, required)


def _ref(name: str, meaning: str, *, required: bool = False) -> Column:
    return Column(name, Kind.ID, meaning, required)


def _text(name: str, meaning: str, values: tuple[str, ...] = (), *, required: bool = False) -> Column:
    return Column(name, Kind.TEXT, meaning, required, values)


_MODIFIED = Column("modified_at", Kind.INSTANT, "when the CRM last touched the row (the cursor)")
_CURRENCY = _text("currency", "ISO 4217 code; empty means the corporate currency")

PARTNERS = Table(
    "partners",
    "companies that sell, refer or deliver with us",
    (
        _id(),
        _text("name", "what people call the partner", required=True),
        _text("persona", "the primary persona, set by a person; several parted by ';'", ()),
        Column("strategic", Kind.BOOL, "marked strategic by a person"),
        _ref("owner_id", "the partner account manager (PAM)"),
        _ref("marketer_id", "the partner marketing manager (PMM)"),
        _text("country", "ISO 3166 alpha-2 code or the CRM's own word"),
        _text("industry", "vertical"),
        _ref("parent_id", "the parent company"),
        Column("agreement_date", Kind.DATE, "when the partner agreement began"),
        Column("created_at", Kind.INSTANT, "when the record was made"),
        Column("excluded", Kind.BOOL, "excluded from scoring by a person"),
        Column("portal", Kind.BOOL, "expected to log in to a portal"),
        _text("footprint_regions", "declared regions, parted by ';'"),
        _text("footprint_verticals", "declared verticals, parted by ';'"),
        _text("override_decision", "a person's triage decision"),
        _text("override_reason", "why"),
        Column("override_expires", Kind.DATE, "last day on which the override holds"),
        _text("override_by", "who decided"),
        _ref("merged_into", "the surviving record when this one was merged away"),
        _MODIFIED,
    ),
)

ACCOUNTS = Table(
    "accounts",
    "every company, customers too: the observed footprint and merges come from here",
    (
        _id(),
        _text("name", "company name"),
        _text("country", "ISO 3166 alpha-2 code or the CRM's own word"),
        _text("industry", "vertical"),
        _text("segment", "size class of the customer"),
        _ref("parent_id", "the parent company"),
        _ref("merged_into", "the surviving record when this one was merged away"),
        _MODIFIED,
    ),
)

OPPORTUNITIES = Table(
    "opportunities",
    "deals",
    (
        _id(),
        _text("name", "what people call it"),
        _ref("account_id", "the customer"),
        _text("stage", "stage name", required=True),
        Column("is_closed", Kind.BOOL, "won or lost"),
        Column("is_won", Kind.BOOL, "won"),
        Column("amount", Kind.MONEY, "total, in `currency`; empty is unknown, never zero"),
        _CURRENCY,
        Column("created_at", Kind.INSTANT, "when it was opened"),
        Column("close_date", Kind.DATE, "expected, or actual once closed"),
        _ref("owner_id", "account executive"),
        _ref("campaign_id", "primary campaign source"),
        _text("type", "kind of business", ("new", "expansion", "renewal")),
        _text("product", "product family"),
        _text("segment", "size class of the deal, when the CRM keeps one on the deal"),
        _text("credit_dispute", "a person's word about who brought the deal", ("open", "reassess")),
        _text("credit_dispute_reason", "why that person says so"),
        _MODIFIED,
    ),
)

PARTNER_LINKS = Table(
    "partner_links",
    "which partner stands on which opportunity, as what, and who says so",
    (
        _id("the source record's id and the link's name"),
        _ref("opportunity_id", "the deal", required=True),
        _ref("partner_id", "the partner", required=True),
        _text("role", "what the partner does on the deal", LINK_ROLES),
        _text("via", "which rule of the mapping made the link"),
        Column("recorded_at", Kind.INSTANT, "when the link was recorded"),
        Column("share", Kind.NUMBER, "percent of the influence on the deal that was agreed in writing"),
        _MODIFIED,
    ),
)

ACCOUNT_LINKS = Table(
    "account_links",
    "which partner stands on which customer account",
    (
        _id(),
        _ref("account_id", "the customer", required=True),
        _ref("partner_id", "the partner", required=True),
        _text("role", "what the partner does there", LINK_ROLES),
        _MODIFIED,
    ),
)

REGISTRATIONS = Table(
    "registrations",
    "deal registrations",
    (
        _id(),
        _ref("partner_id", "who registered", required=True),
        _ref("opportunity_id", "the deal, once there is one"),
        _ref("account_id", "the customer"),
        _text("status", "where it stands", ("submitted", "approved", "rejected", "expired")),
        Column("submitted_at", Kind.INSTANT, "when the partner sent it"),
        Column("approved_at", Kind.INSTANT, "when it was approved"),
        Column("expires_on", Kind.DATE, "last day on which it holds"),
        _MODIFIED,
    ),
)

QUOTES = Table(
    "quotes",
    "priced offers",
    (
        _id(),
        _ref("opportunity_id", "the deal"),
        _text("status", "where it stands", ("draft", "issued", "accepted", "rejected", "expired")),
        Column("issued_at", Kind.INSTANT, "when it was made (the nearest the CRM keeps to 'sent')"),
        Column("amount", Kind.MONEY, "total, in `currency`"),
        _CURRENCY,
        _MODIFIED,
    ),
)

MEETINGS = Table(
    "meetings",
    "calendar events",
    (
        _id(),
        _ref("related_id", "the opportunity, account or partner it was about"),
        _ref("contact_id", "whom it was with"),
        _text("calendar_id", "the calendar's own id: copies of one meeting share it"),
        Column("starts_at", Kind.INSTANT, "start"),
        Column("ends_at", Kind.INSTANT, "end"),
        _text("outcome", "what became of it", ("held", "no_show", "cancelled", "planned")),
        Column("internal", Kind.BOOL, "without the customer"),
        Column("created_at", Kind.INSTANT, "when it was recorded"),
        _MODIFIED,
    ),
)

TOUCHES = Table(
    "touches",
    "recorded partner contributions to an opportunity other than meetings and campaign responses",
    (
        _id(),
        _ref("related_id", "the opportunity or account"),
        _ref("partner_id", "the partner, where the record names one"),
        _ref("contact_id", "whom it was with"),
        _text("type", "what was done"),
        Column("occurred_at", Kind.INSTANT, "when it happened"),
        Column("recorded_at", Kind.INSTANT, "when it was written down"),
        _MODIFIED,
    ),
)

CAMPAIGNS = Table(
    "campaigns",
    "marketing activities with spend and pipeline",
    (
        _id(),
        _text("name", "what people call it"),
        _text("motion", "what it funds", MOTIONS),
        _text("status", "where it stands", ("planned", "active", "completed", "aborted")),
        _ref("partner_id", "the partner it was run with"),
        Column("start_date", Kind.DATE, "first day"),
        Column("end_date", Kind.DATE, "last day"),
        Column("budgeted_cost", Kind.MONEY, "planned cost; never evidence of spend"),
        Column("actual_cost", Kind.MONEY, "total cost"),
        _CURRENCY,
        _ref("parent_id", "the campaign above it"),
        _MODIFIED,
    ),
)

CAMPAIGN_MEMBERS = Table(
    "campaign_members",
    "people in a campaign",
    (
        _id(),
        _ref("campaign_id", "the campaign"),
        _ref("contact_id", "the person, when a contact"),
        _ref("lead_id", "the person, when a lead"),
        Column("responded", Kind.BOOL, "whether the person answered"),
        Column("responded_on", Kind.DATE, "first answer"),
        Column("created_at", Kind.INSTANT, "when the person was added"),
        _MODIFIED,
    ),
)

CONTACTS = Table(
    "contacts",
    "people at companies",
    (
        _id(),
        _ref("account_id", "the company"),
        _text("title", "job title"),
        _ref("merged_into", "the surviving record when this one was merged away"),
        _MODIFIED,
    ),
)

LOGINS = Table(
    "logins",
    "a partner's people in the portal, with their last visit",
    (
        _id("the portal user's id"),
        _ref("partner_id", "the company", required=True),
        Column("last_login_at", Kind.INSTANT, "latest visit"),
        Column("is_active", Kind.BOOL, "may log in"),
        _MODIFIED,
    ),
)

FUND_REQUESTS = Table(
    "fund_requests",
    "what partners ask of the market development fund",
    (
        _id(),
        _ref("partner_id", "who asks"),
        _ref("campaign_id", "what for"),
        _ref("allocation_id", "from which allocation"),
        _text("name", "title"),
        _text("motion", "what it would fund", MOTIONS),
        _text("activity", "what would be done, in the CRM's own word"),
        _text("status", "where it stands", ("draft", "submitted", "approved", "rejected")),
        Column("requested_amount", Kind.MONEY, "asked, in `currency`"),
        Column("approved_amount", Kind.MONEY, "approved, in `currency`"),
        Column("expected_pipeline", Kind.MONEY, "what the partner expects it to bring, in `currency`"),
        Column("target_conversion", Kind.NUMBER, "percent of the people reached that are to become opportunities"),
        Column("match_share", Kind.NUMBER, "percent of the cost that the partner has confirmed to bear"),
        Column("starts_on", Kind.DATE, "first day of the activity"),
        _CURRENCY,
        Column("created_at", Kind.INSTANT, "when it was made"),
        _MODIFIED,
    ),
)

FUND_CLAIMS = Table(
    "fund_claims",
    "what partners claim back, with proof",
    (
        _id(),
        _ref("request_id", "the approved request"),
        _ref("partner_id", "who claims"),
        _text("name", "title"),
        _text("status", "where it stands", ("draft", "submitted", "approved", "rejected", "paid")),
        _text("evidence_status", "what became of the proof", PROOF_STATES),
        _text("evidence_flags", "what is odd about the proof, in codes"),
        Column("deadline", Kind.DATE, "last day on which it may be proven"),
        Column("amount", Kind.MONEY, "claimed, in `currency`"),
        _CURRENCY,
        Column("created_at", Kind.INSTANT, "when it was made"),
        _MODIFIED,
    ),
)

FUND_ALLOCATIONS = Table(
    "fund_allocations",
    "market development money promised to a partner",
    (
        _id(),
        _ref("partner_id", "to whom"),
        _ref("budget_id", "from which budget"),
        _text("name", "title"),
        Column("amount", Kind.MONEY, "promised, in `currency`"),
        _CURRENCY,
        _MODIFIED,
    ),
)

SERVICE_REVENUE = Table(
    "service_revenue",
    "what partners earn with services of their own around an opportunity, and who says so",
    (
        _id(),
        _ref("partner_id", "who earned it", required=True),
        _ref("opportunity_id", "the deal", required=True),
        Column("amount", Kind.MONEY, "revenue, in `currency`; zero is a real zero, empty is unknown"),
        _CURRENCY,
        _text(
            "provenance",
            "whether it is in our own books, told by the partner, or estimated",
            PROVENANCES,
            required=True,
        ),
        Column("recorded_at", Kind.INSTANT, "when it was written down"),
        _MODIFIED,
    ),
)

USERS = Table(
    "users",
    "our own people: who may own a task",
    (
        _id(),
        _text("name", "full name"),
        Column("is_active", Kind.BOOL, "may own work"),
        _ref("manager_id", "whom they report to"),
        _MODIFIED,
    ),
)

STAGES = Table(
    "stages",
    "what each stage name means",
    (
        _id("the stage record's id"),
        _text("name", "as it stands on opportunities", required=True),
        Column("is_closed", Kind.BOOL, "closed"),
        Column("is_won", Kind.BOOL, "won"),
        Column("is_quoted", Kind.BOOL, "reaching it stands in for an issued quote where quotes are not kept"),
        Column("position", Kind.INTEGER, "order"),
        _MODIFIED,
    ),
)

STAGE_HISTORY = Table(
    "stage_history",
    "when an opportunity entered which stage",
    (
        _id(),
        _ref("opportunity_id", "the deal"),
        _text("stage", "stage name"),
        Column("amount", Kind.MONEY, "amount at that time"),
        Column("at", Kind.INSTANT, "when"),
    ),
)

EXCHANGE_RATES = Table(
    "exchange_rates",
    "units of a currency for one unit of the corporate currency, by date; no end means still in force",
    (
        _id(),
        _text("currency", "ISO 4217 code", required=True),
        Column("rate", Kind.NUMBER, "units for one corporate unit"),
        Column("start_date", Kind.DATE, "first day; empty means always"),
        Column("end_date", Kind.DATE, "first day on which it no longer holds"),
        Column("is_corporate", Kind.BOOL, "this is the corporate currency"),
        _MODIFIED,
    ),
)

TASKS = Table(
    "tasks",
    "tasks that the connector made, found again by their key",
    (
        _id(),
        _text("key", "dedupe key: partner, task type, episode"),
        _ref("related_id", "the partner"),
        _ref("owner_id", "whose work it is"),
        _text("subject", "first line"),
        _text("status", "as the CRM keeps it"),
        Column("is_closed", Kind.BOOL, "done"),
        Column("due_date", Kind.DATE, "due"),
        Column("created_at", Kind.INSTANT, "made"),
        _text("modified_by", "who touched it last"),
        _MODIFIED,
    ),
)

TABLES: tuple[Table, ...] = (
    PARTNERS,
    ACCOUNTS,
    OPPORTUNITIES,
    PARTNER_LINKS,
    ACCOUNT_LINKS,
    REGISTRATIONS,
    QUOTES,
    MEETINGS,
    TOUCHES,
    CAMPAIGNS,
    CAMPAIGN_MEMBERS,
    CONTACTS,
    LOGINS,
    FUND_REQUESTS,
    FUND_CLAIMS,
    FUND_ALLOCATIONS,
    SERVICE_REVENUE,
    USERS,
    STAGES,
    STAGE_HISTORY,
    EXCHANGE_RATES,
    TASKS,
)


def table(name: str) -> Table:
    """The canonical table of that name; KeyError when there is none."""
    for known in TABLES:
        if known.name == name:
            return known
    raise KeyError(name)
