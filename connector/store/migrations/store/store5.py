"""Quarterly audits are kept for good, with their lines and who signed for them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "store5"
down_revision = "store4"


def upgrade() -> None:
    """Make the three tables where they are missing."""
    there = sa.inspect(op.get_bind())
    if not there.has_table("audits"):
        _audits()
    if not there.has_table("audit_lines"):
        _lines()
    if not there.has_table("audit_signoffs"):
        _signoffs()


def _audits() -> None:
    op.create_table(
        "audits",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("connection", sa.String(64), nullable=False),
        sa.Column("quarter", sa.String(16), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("run_id", sa.Integer, nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("head", sa.Text, nullable=False),
        sa.UniqueConstraint("connection", "quarter", "version"),
    )


def _lines() -> None:
    op.create_table(
        "audit_lines",
        sa.Column("connection", sa.String(64), primary_key=True),
        sa.Column("quarter", sa.String(16), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        sa.Column("partner_id", sa.String(64), primary_key=True),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )


def _signoffs() -> None:
    op.create_table(
        "audit_signoffs",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("connection", sa.String(64), nullable=False),
        sa.Column("quarter", sa.String(16), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("by", sa.String(200), nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )
