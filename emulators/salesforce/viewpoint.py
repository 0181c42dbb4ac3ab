"""What a user sees of the org: which objects, fields and records a query or a search of theirs may read."""

from __future__ import annotations

from collections.abc import Callable

from emulators.salesforce.org import Org
from emulators.salesforce.rights.sharing import READ
from emulators.salesforce.schema import ObjectType
from emulators.salesforce.soql import Context


def context(org: Org, user_id: str, version: str = "67.0", *, all_rows: bool = False) -> Context:
    """What that user's query sees."""
    return Context(
        schema=org.schema,
        visible=org.visible(user_id),
        now=org.clock.now(),
        timezone=org.timezone,
        user_id=user_id,
        all_rows=all_rows,
        version=version,
        fiscal_start_month=org.fiscal_start_month,
        shown=org.shown(user_id),
        records=records_of(org, user_id),
    )


def records_of(org: Org, user_id: str) -> Callable[[ObjectType, str], str | None] | None:
    """Which records sharing leaves to that user; None for users who see them all."""
    if org.permissions.of(user_id).unrestricted:
        return None
    return lambda obj, alias: org.sharing.condition(obj, user_id, READ, alias)
