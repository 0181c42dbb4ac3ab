"""Credit is settled in versions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "store3"
down_revision = "store2"


def upgrade() -> None:
    """Make both tables where they are missing."""
    there = sa.inspect(op.get_bind())
    if not there.has_table("credit_versions"):
        op.create_table(
            "credit_versions",
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("connection", sa.String(64), nullable=False),
            sa.Column("opportunity_id", sa.String(64), nullable=False),
            sa.Column("version", sa.Integer, nullable=False),
            sa.Column("run_id", sa.Integer, nullable=False),
            sa.Column("as_of", sa.Date, nullable=False),
            sa.Column("policy_version", sa.String(64), nullable=False),
            sa.Column("reason", sa.String(32), nullable=False),
            sa.Column("body", sa.Text, nullable=False),
        )
        columns = ["connection", "opportunity_id", "version"]
        op.create_index("ix_credit_versions_opportunity", "credit_versions", columns)
    if not there.has_table("latest_credits"):
        op.create_table(
            "latest_credits",
            sa.Column("connection", sa.String(64), primary_key=True),
            sa.Column("opportunity_id", sa.String(64), primary_key=True),
            sa.Column("version", sa.Integer, nullable=False),
            sa.Column("body", sa.Text, nullable=False),
            sa.Column("sourced_final", sa.Boolean, nullable=False),
            sa.Column("final_close", sa.Date),
        )
