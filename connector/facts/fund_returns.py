"""What did every counted campaign of the wanted partners cost and bring, by motion?"""

from __future__ import annotations

from ibis.expr import types as ir

from connector.facts import campaigns
from connector.facts.relations import rows

_ALL = 1_000_000_000


def returns(attribution_days: int, corporate: str) -> ir.Table:
    """One row a counted campaign (ended, matured, spend known and positive), not only the newest ones.

    `partner_id`, `campaign_id`, `motion`, `end_date`, `spend`, `pipeline`, `opportunities`, `missing` amounts and
    `unconverted` amounts; the pipeline is the track record's (docs/facts.md).
    """
    made = campaigns.returns(newest=_ALL, attribution_days=attribution_days, corporate=corporate)
    owned = rows("owned").select("id", "motion")
    joined = made.join(owned, made.campaign_id == owned.id)
    return joined.drop("id").order_by("partner_id", "end_date", "campaign_id")
