"""Where does a person open a record of the CRM? Answered without asking it, from what the last pull was told.

The CRM's address of each object's records is kept in the mirror with a mark for the id, so that explaining needs
neither a token nor the network.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from connector.errors import PmomError
from connector.sync.context import Context

_META = "addresses"
_ID = "{id}"


def keep_addresses(ctx: Context, objects: Iterable[str]) -> None:
    """Remember where the records of these objects are opened."""
    ctx.mirror.set_meta(_META, json.dumps({name: ctx.crm.record_url(name, _ID) for name in sorted(set(objects))}))


def record_address(ctx: Context, object_name: str, record_id: str) -> str | None:
    """The address of a record; None where no pull kept one and the CRM cannot be asked.

    `record_id` may go on behind a colon: one record of the CRM makes several rows of some tables.
    """
    kept = json.loads(ctx.mirror.get_meta(_META) or "{}")
    number = record_id.partition(":")[0]
    if object_name in kept:
        return str(kept[object_name]).replace(_ID, number)
    try:
        return ctx.crm.record_url(object_name, number)
    except PmomError:
        return None
