"""What does a connection forget, by its settings, and how long is the trail of its writes kept?"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from connector.store.retention import forget

if TYPE_CHECKING:
    from connector.sync.context import Context


def retention(ctx: Context) -> dict[str, int]:
    """Forget what was kept long enough (`ctx.pace`); how many rows, by kind. Doing it twice is harmless."""
    now = ctx.clock()
    return asdict(forget(ctx.store, bodies_before=now - ctx.pace.keep_plans, trail_before=now - ctx.pace.keep_trail))
