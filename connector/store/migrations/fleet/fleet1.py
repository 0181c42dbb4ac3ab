"""The first schema of the fleet database; a new database is made with the newest one at once."""

from __future__ import annotations

revision = "fleet1"
down_revision = None


def upgrade() -> None:
    """Nothing came before."""
