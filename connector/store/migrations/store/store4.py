"""A version of credit keeps what a person said to it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "store4"
down_revision = "store3"


def upgrade() -> None:
    """Add the column where it is missing; earlier versions had no words."""
    there = {each["name"] for each in sa.inspect(op.get_bind()).get_columns("credit_versions")}
    if "words" not in there:
        op.add_column("credit_versions", sa.Column("words", sa.Text, nullable=False, server_default=""))
