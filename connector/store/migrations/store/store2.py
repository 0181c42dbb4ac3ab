"""Cursors live beside the rows, in the mirror: the store's own were read by nobody since."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "store2"
down_revision = "store1"


def upgrade() -> None:
    """Take the table away where it is left."""
    if sa.inspect(op.get_bind()).has_table("cursors"):
        op.drop_table("cursors")
