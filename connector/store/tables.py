"""The store's tables, the same on SQLite and PostgreSQL; `versions.py` brings older ones up to date."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

REVISION = "store5"
"""The newest schema; see connector/store/migrations."""


class Instant(TypeDecorator[datetime]):
    """An aware UTC moment on every database; SQLite alone would give it back naive."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive moments; store UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without a time zone cannot be stored")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give UTC back."""
        if value is None:
            return None
        return value.astimezone(UTC) if value.tzinfo is not None else value.replace(tzinfo=UTC)


metadata = sa.MetaData()

version = sa.Table("store_version", metadata, sa.Column("version_num", sa.String(32), primary_key=True))

meta = sa.Table(  # where programs before schemas had revisions look for a version
    "meta",
    metadata,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("connection", sa.String(64), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),  # running, done, failed, abandoned
    sa.Column("started_at", Instant, nullable=False),
    sa.Column("finished_at", Instant),
    sa.Column("summary", sa.Text, nullable=False, server_default="{}"),
)

ledger = sa.Table(
    "ledger",
    metadata,
    sa.Column("connection", sa.String(64), primary_key=True),
    sa.Column("key", sa.String(200), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

decisions = sa.Table(
    "decisions",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("connection", sa.String(64), nullable=False),
    sa.Column("partner_id", sa.String(64), nullable=False),
    sa.Column("run_id", sa.Integer, nullable=False),
    sa.Column("as_of", sa.Date, nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Index("ix_decisions_partner", "connection", "partner_id", "id"),
)

latest_decisions = sa.Table(
    "latest_decisions",
    metadata,
    sa.Column("connection", sa.String(64), primary_key=True),
    sa.Column("partner_id", sa.String(64), primary_key=True),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("previous", sa.Text, nullable=False),
)

credit_versions = sa.Table(
    "credit_versions",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("connection", sa.String(64), nullable=False),
    sa.Column("opportunity_id", sa.String(64), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("run_id", sa.Integer, nullable=False),
    sa.Column("as_of", sa.Date, nullable=False),
    sa.Column("policy_version", sa.String(64), nullable=False),
    sa.Column("reason", sa.String(32), nullable=False),  # first, evidence, policy, merged, reassessed, gone
    sa.Column("words", sa.Text, nullable=False, server_default=""),  # a person's, of a dispute
    sa.Column("body", sa.Text, nullable=False),
    sa.Index("ix_credit_versions_opportunity", "connection", "opportunity_id", "version"),
)

latest_credits = sa.Table(
    "latest_credits",
    metadata,
    sa.Column("connection", sa.String(64), primary_key=True),
    sa.Column("opportunity_id", sa.String(64), primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("sourced_final", sa.Boolean, nullable=False),
    sa.Column("final_close", sa.Date),  # the close date for which the influence is final
)

audits = sa.Table(
    "audits",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("connection", sa.String(64), nullable=False),
    sa.Column("quarter", sa.String(16), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),  # snapshot, revision, restatement
    sa.Column("run_id", sa.Integer, nullable=False),
    sa.Column("taken_at", Instant, nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("head", sa.Text, nullable=False),
    sa.UniqueConstraint("connection", "quarter", "version"),
)

audit_lines = sa.Table(
    "audit_lines",
    metadata,
    sa.Column("connection", sa.String(64), primary_key=True),
    sa.Column("quarter", sa.String(16), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("partner_id", sa.String(64), primary_key=True),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("body", sa.Text, nullable=False),
)

audit_signoffs = sa.Table(
    "audit_signoffs",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("connection", sa.String(64), nullable=False),
    sa.Column("quarter", sa.String(16), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("by", sa.String(200), nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("at", Instant, nullable=False),
)

states = sa.Table(
    "states",
    metadata,
    sa.Column("connection", sa.String(64), primary_key=True),
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("body", sa.Text, nullable=False),
)

plans = sa.Table(
    "plans",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("connection", sa.String(64), nullable=False),
    sa.Column("run_id", sa.Integer, nullable=False),
    sa.Column("made_at", Instant, nullable=False),
    sa.Column("fingerprint", sa.String(64), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),  # open, applied, partial, superseded
    sa.Column("body", sa.Text, nullable=False),
)

outcomes = sa.Table(
    "outcomes",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("plan_id", sa.Integer, nullable=False, index=True),
    sa.Column("run_id", sa.Integer, nullable=False),
    sa.Column("change", sa.String(200), nullable=False),
    sa.Column("status", sa.String(16), nullable=False),  # applied, unchanged, conflict, refused, failed
    sa.Column("record_id", sa.String(64)),
    sa.Column("before", sa.Text, nullable=False, server_default="{}"),
    sa.Column("after", sa.Text, nullable=False, server_default="{}"),
    sa.Column("code", sa.String(100), nullable=False, server_default=""),
    sa.Column("message", sa.Text, nullable=False, server_default=""),
    sa.Column("at", Instant, nullable=False),
)
