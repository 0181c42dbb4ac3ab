"""The canonical records: which tables the model reads and what each column means.

A record type is a `Table` of typed `Column`s, not a class a row: a pull may bring 10^7 rows, which stay columns
(Arrow, then the mirror) from the wire to the facts. Vendor names live in `mappings/`, never here.
Ids are the CRM's own, as text. Money is exact and in `currency`; instants are UTC.
"""

from __future__ import annotations

from connector.core.record_shape import (
    CURRENCY,
    LINK_ROLES,
    MODIFIED,
    MOTIONS,
    PERSONAS,
    PROOF_STATES,
    PROVENANCES,
    Column,
    Kind,
    Table,
    id_,
    ref,
    text,
)
from connector.core.records_money import FUND_ALLOCATIONS, FUND_CLAIMS, FUND_REQUESTS, SERVICE_REVENUE

__all__ = [
    "ACCOUNTS",
    "ACCOUNT_LINKS",
    "CAMPAIGNS",
    "CAMPAIGN_MEMBERS",
    "CONTACTS",
    "EXCHANGE_RATES",
    "FUND_ALLOCATIONS",
    "FUND_CLAIMS",
    "FUND_REQUESTS",
    "LINK_ROLES",
    "LOGINS",
    "MEETINGS",
    "MOTIONS",
    "OPPORTUNITIES",
    "PARTNERS",
    "PARTNER_LINKS",
    "PERSONAS",
    "PROOF_STATES",
    "PROVENANCES",
    "QUOTES",
    "REGISTRATIONS",
    "SERVICE_REVENUE",
    "STAGES",
    "STAGE_HISTORY",
    "TABLES",
    "TASKS",
    "TOUCHES",
    "USERS",
    "Column",
    "Kind",
    "Table",
    "table",
]

PARTNERS = Table(
    "partners",
    "companies that sell, refer or deliver with us",
    (
        id_(),
        text("name", "what people call the partner", required=True),
        text("persona", "the primary persona, set by a person; several parted by ';'", ()),
        Column("strategic", Kind.BOOL, "marked strategic by a person"),
        ref("owner_id", "the partner account manager (PAM)"),
        ref("marketer_id", "the partner marketing manager (PMM)"),
        text("country", "ISO 3166 alpha-2 code or the CRM's own word"),
        text("industry", "vertical"),
        ref("parent_id", "the parent company"),
        Column("agreement_date", Kind.DATE, "when the partner agreement began"),
        Column("created_at", Kind.INSTANT, "when the record was made"),
        Column("excluded", Kind.BOOL, "excluded from scoring by a person"),
        Column("portal", Kind.BOOL, "expected to log in to a portal"),
        text("footprint_regions", "declared regions, parted by ';'"),
        text("footprint_verticals", "declared verticals, parted by ';'"),
        text("override_decision", "a person's triage decision"),
        text("override_reason", "why"),
        Column("override_expires", Kind.DATE, "last day on which the override holds"),
        text("override_by", "who decided"),
        ref("merged_into", "the surviving record when this one was merged away"),
        MODIFIED,
    ),
)

ACCOUNTS = Table(
    "accounts",
    "every company, customers too: the observed footprint and merges come from here",
    (
        id_(),
        text("name", "company name"),
        text("country", "ISO 3166 alpha-2 code or the CRM's own word"),
        text("industry", "vertical"),
        text("segment", "size class of the customer"),
        ref("parent_id", "the parent company"),
        ref("merged_into", "the surviving record when this one was merged away"),
        MODIFIED,
    ),
)

OPPORTUNITIES = Table(
    "opportunities",
    "deals",
    (
        id_(),
        text("name", "what people call it"),
        ref("account_id", "the customer"),
        text("stage", "stage name", required=True),
        Column("is_closed", Kind.BOOL, "won or lost"),
        Column("is_won", Kind.BOOL, "won"),
        Column("amount", Kind.MONEY, "total, in `currency`; empty is unknown, never zero"),
        CURRENCY,
        Column("created_at", Kind.INSTANT, "when it was opened"),
        Column("close_date", Kind.DATE, "expected, or actual once closed"),
        ref("owner_id", "account executive"),
        ref("campaign_id", "primary campaign source"),
        text("type", "kind of business", ("new", "expansion", "renewal")),
        text("product", "product family"),
        text("segment", "size class of the deal, when the CRM keeps one on the deal"),
        text("credit_dispute", "a person's word about who brought the deal", ("open", "reassess")),
        text("credit_dispute_reason", "why that person says so"),
        MODIFIED,
    ),
)

PARTNER_LINKS = Table(
    "partner_links",
    "which partner stands on which opportunity, as what, and who says so",
    (
        id_("the source record's id and the link's name"),
        ref("opportunity_id", "the deal", required=True),
        ref("partner_id", "the partner", required=True),
        text("role", "what the partner does on the deal", LINK_ROLES),
        text("via", "which rule of the mapping made the link"),
        Column("recorded_at", Kind.INSTANT, "when the link was recorded"),
        Column("share", Kind.NUMBER, "percent of the influence on the deal that was agreed in writing"),
        MODIFIED,
    ),
)

ACCOUNT_LINKS = Table(
    "account_links",
    "which partner stands on which customer account",
    (
        id_(),
        ref("account_id", "the customer", required=True),
        ref("partner_id", "the partner", required=True),
        text("role", "what the partner does there", LINK_ROLES),
        MODIFIED,
    ),
)

REGISTRATIONS = Table(
    "registrations",
    "deal registrations",
    (
        id_(),
        ref("partner_id", "who registered", required=True),
        ref("opportunity_id", "the deal, once there is one"),
        ref("account_id", "the customer"),
        text("status", "where it stands", ("submitted", "approved", "rejected", "expired")),
        Column("submitted_at", Kind.INSTANT, "when the partner sent it"),
        Column("approved_at", Kind.INSTANT, "when it was approved"),
        Column("expires_on", Kind.DATE, "last day on which it holds"),
        MODIFIED,
    ),
)

QUOTES = Table(
    "quotes",
    "priced offers",
    (
        id_(),
        ref("opportunity_id", "the deal"),
        text("status", "where it stands", ("draft", "issued", "accepted", "rejected", "expired")),
        Column("issued_at", Kind.INSTANT, "when it was made (the nearest the CRM keeps to 'sent')"),
        Column("amount", Kind.MONEY, "total, in `currency`"),
        CURRENCY,
        MODIFIED,
    ),
)

MEETINGS = Table(
    "meetings",
    "calendar events",
    (
        id_(),
        ref("related_id", "the opportunity, account or partner it was about"),
        ref("contact_id", "whom it was with"),
        text("calendar_id", "the calendar's own id: copies of one meeting share it"),
        Column("starts_at", Kind.INSTANT, "start"),
        Column("ends_at", Kind.INSTANT, "end"),
        text("outcome", "what became of it", ("held", "no_show", "cancelled", "planned")),
        Column("internal", Kind.BOOL, "without the customer"),
        Column("created_at", Kind.INSTANT, "when it was recorded"),
        MODIFIED,
    ),
)

TOUCHES = Table(
    "touches",
    "recorded partner contributions to an opportunity other than meetings and campaign responses",
    (
        id_(),
        ref("related_id", "the opportunity or account"),
        ref("partner_id", "the partner, where the record names one"),
        ref("contact_id", "whom it was with"),
        text("type", "what was done"),
        Column("occurred_at", Kind.INSTANT, "when it happened"),
        Column("recorded_at", Kind.INSTANT, "when it was written down"),
        MODIFIED,
    ),
)

CAMPAIGNS = Table(
    "campaigns",
    "marketing activities with spend and pipeline",
    (
        id_(),
        text("name", "what people call it"),
        text("motion", "what it funds", MOTIONS),
        text("status", "where it stands", ("planned", "active", "completed", "aborted")),
        ref("partner_id", "the partner it was run with"),
        Column("start_date", Kind.DATE, "first day"),
        Column("end_date", Kind.DATE, "last day"),
        Column("budgeted_cost", Kind.MONEY, "planned cost; never evidence of spend"),
        Column("actual_cost", Kind.MONEY, "total cost"),
        CURRENCY,
        ref("parent_id", "the campaign above it"),
        MODIFIED,
    ),
)

CAMPAIGN_MEMBERS = Table(
    "campaign_members",
    "people in a campaign",
    (
        id_(),
        ref("campaign_id", "the campaign"),
        ref("contact_id", "the person, when a contact"),
        ref("lead_id", "the person, when a lead"),
        Column("responded", Kind.BOOL, "whether the person answered"),
        Column("responded_on", Kind.DATE, "first answer"),
        Column("created_at", Kind.INSTANT, "when the person was added"),
        MODIFIED,
    ),
)

CONTACTS = Table(
    "contacts",
    "people at companies",
    (
        id_(),
        ref("account_id", "the company"),
        text("title", "job title"),
        ref("merged_into", "the surviving record when this one was merged away"),
        MODIFIED,
    ),
)

LOGINS = Table(
    "logins",
    "a partner's people in the portal, with their last visit",
    (
        id_("the portal user's id"),
        ref("partner_id", "the company", required=True),
        Column("last_login_at", Kind.INSTANT, "latest visit"),
        Column("is_active", Kind.BOOL, "may log in"),
        MODIFIED,
    ),
)

USERS = Table(
    "users",
    "our own people: who may own a task",
    (
        id_(),
        text("name", "full name"),
        Column("is_active", Kind.BOOL, "may own work"),
        ref("manager_id", "whom they report to"),
        MODIFIED,
    ),
)

STAGES = Table(
    "stages",
    "what each stage name means",
    (
        id_("the stage record's id"),
        text("name", "as it stands on opportunities", required=True),
        Column("is_closed", Kind.BOOL, "closed"),
        Column("is_won", Kind.BOOL, "won"),
        Column("is_quoted", Kind.BOOL, "reaching it stands in for an issued quote where quotes are not kept"),
        Column("position", Kind.INTEGER, "order"),
        MODIFIED,
    ),
)

STAGE_HISTORY = Table(
    "stage_history",
    "when an opportunity entered which stage",
    (
        id_(),
        ref("opportunity_id", "the deal"),
        text("stage", "stage name"),
        Column("amount", Kind.MONEY, "amount at that time"),
        Column("at", Kind.INSTANT, "when"),
    ),
)

EXCHANGE_RATES = Table(
    "exchange_rates",
    "units of a currency for one unit of the corporate currency, by date; no end means still in force",
    (
        id_(),
        text("currency", "ISO 4217 code", required=True),
        Column("rate", Kind.NUMBER, "units for one corporate unit"),
        Column("start_date", Kind.DATE, "first day; empty means always"),
        Column("end_date", Kind.DATE, "first day on which it no longer holds"),
        Column("is_corporate", Kind.BOOL, "this is the corporate currency"),
        MODIFIED,
    ),
)

TASKS = Table(
    "tasks",
    "tasks that the connector made, found again by their key",
    (
        id_(),
        text("key", "dedupe key: partner, task type, episode"),
        ref("related_id", "the partner"),
        ref("owner_id", "whose work it is"),
        text("subject", "first line"),
        text("status", "as the CRM keeps it"),
        Column("is_closed", Kind.BOOL, "done"),
        Column("due_date", Kind.DATE, "due"),
        Column("created_at", Kind.INSTANT, "made"),
        text("modified_by", "who touched it last"),
        MODIFIED,
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
