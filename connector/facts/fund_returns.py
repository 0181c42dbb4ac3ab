"""What did every campaign of the wanted partners cost and bring, by motion?"""

from __future__ import annotations

from ibis import _
from ibis.expr import types as ir

from connector.core.campaign_card import NOT_ENDED
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


def standings(attribution_days: int, corporate: str) -> ir.Table:
    """One row a campaign of a wanted partner, with its return when it counts and else the `code` that says why not.

    `partner_id`, `campaign_id`, `name`, `end_date`, `code` (null: it counts; "NOT_ENDED" until its last day is over);
    `spend`, `pipeline`, `opportunities`, `missing`, `unconverted` as above, null where they are not known.
    """
    owned, funded = rows("owned"), rows("funded").select(ended_id=_.campaign_id, code=_.code)
    made = campaigns.returns(newest=_ALL, attribution_days=attribution_days, corporate=corporate)
    made = made.select("spend", "pipeline", "opportunities", "missing", "unconverted", counted_id=made.campaign_id)
    ended = owned.left_join(funded, owned.id == funded.ended_id)
    joined = ended.left_join(made, ended.id == made.counted_id)
    return joined.select(
        "partner_id", "name", "end_date", "spend", "pipeline", "opportunities", "missing", "unconverted",
        campaign_id=joined.id,
        code=joined.ended_id.isnull().ifelse(NOT_ENDED, joined.code),
    ).order_by("partner_id", "campaign_id")  # fmt: skip
