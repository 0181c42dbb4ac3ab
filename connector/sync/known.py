"""Which reads fill the mirror from this CRM as it is now, and is that still known from a moment ago?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from connector.config.reads import ObjectRead, reads
from connector.crm.base import ObjectSchema
from connector.errors import Misconfigured
from connector.sync.context import Context
from connector.sync.rows import with_cards

FRESH = timedelta(hours=1)
"""So long is taken for granted what a CRM has; every pull looks again."""

_KNOWN = "reads"


@dataclass(frozen=True, slots=True)
class Known:
    """What the CRM shows, and the reads that bring it, each with the fields of the cards that its object carries."""

    schemas: Mapping[str, ObjectSchema | None]
    reads: tuple[ObjectRead, ...]
    at: datetime

    def schema(self, name: str) -> ObjectSchema:
        """The object, case aside; Misconfigured when it is gone."""
        same = (s for key, s in self.schemas.items() if s is not None and key.lower() == name.lower())
        found = self.schemas.get(name) or next(same, None)
        if found is None:
            raise Misconfigured(name, "the CRM no longer shows this object", "Run `pmom check`.")
        return found


def known(ctx: Context, *, fresh: bool = False) -> Known:
    """The reads; with `fresh` the CRM is asked whatever is remembered. Asking costs a call an object at most."""
    kept = ctx.kept.get(_KNOWN)
    if isinstance(kept, Known) and not fresh and timedelta(0) <= ctx.clock() - kept.at < FRESH:
        return kept
    schemas = {name: ctx.crm.schema(name) for name in ctx.fieldmap.objects()}
    bare = Known(schemas, reads(ctx.fieldmap, schemas), ctx.clock())
    found = Known(schemas, tuple(with_cards(ctx, read, bare.schema(read.object)) for read in bare.reads), bare.at)
    ctx.kept[_KNOWN] = found
    return found


def forget_known(ctx: Context) -> None:
    """Ask again the next time: the CRM refused what it was thought to have."""
    ctx.kept.pop(_KNOWN, None)
