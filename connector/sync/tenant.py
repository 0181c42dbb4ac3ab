"""Does this workspace belong to the org that the settings lead to? Two orgs' records must never meet in one."""

from __future__ import annotations

from connector.crm.base import Who
from connector.errors import Misconfigured
from connector.sync.context import Context


def claim(ctx: Context) -> Who:
    """Who we are there; the first claim ties the workspace to the org, another org is refused afterwards."""
    who = ctx.crm.who()
    known = ctx.mirror.get_meta("tenant") or ctx.store.state("tenant")
    if known is not None and known != who.tenant:
        raise Misconfigured(
            "workspace",
            f"it holds the records of {known}, and the settings lead to {who.tenant}",
            "Name another [workspace] dir for the other org.",
        )
    if known is None or ctx.store.state("tenant") is None:
        ctx.mirror.set_meta("tenant", who.tenant)
        ctx.store.set_state("tenant", who.tenant)
    ctx.mirror.set_meta("user", who.user)
    return who
