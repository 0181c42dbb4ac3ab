"""What programs before schemas had revisions left: any of the first schemas, told apart by what is there."""

from __future__ import annotations

revision = "store1"
down_revision = None


def upgrade() -> None:
    """Nothing to do: the next scripts look for what is missing."""
