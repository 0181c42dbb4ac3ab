"""Which partners a set of changed rows can say something new about, so that one changed deal re-decides only them."""

from __future__ import annotations

_DEALS = """
deal_partners AS (
  SELECT opportunity_id, partner_id FROM partner_links
  UNION ALL SELECT opportunity_id, partner_id FROM registrations
  UNION ALL SELECT o.id, l.partner_id FROM opportunities o
    JOIN account_links l ON coalesce((SELECT survivor FROM company WHERE company.id = o.account_id), o.account_id)
      = coalesce((SELECT survivor FROM company WHERE company.id = l.account_id), l.account_id)
  UNION ALL SELECT o.id, c.partner_id FROM opportunities o JOIN campaign_partners c ON c.campaign_id = o.campaign_id
)"""

_OWN = "SELECT partner_id FROM {table} WHERE id IN (SELECT id FROM changed)"
_OF_DEALS = "SELECT partner_id FROM deal_partners WHERE opportunity_id IN ({deals})"
_DEALS_OF = "SELECT opportunity_id FROM {table} WHERE id IN (SELECT id FROM changed)"
_OF_COMPANIES = """
  SELECT id FROM partners WHERE id IN ({ids})
  UNION ALL SELECT partner_id FROM account_links WHERE account_id IN ({ids})
"""
_OF_CAMPAIGNS = "SELECT partner_id FROM campaign_partners WHERE campaign_id IN ({ids})"
_CHANGED = "SELECT id FROM changed"
_EVERYBODY = "SELECT id AS partner_id FROM partners"


def _about(table: str) -> str:
    """Partners behind the `related_id` of an activity: a deal, an account or the partner itself."""
    about = f"SELECT related_id FROM {table} WHERE id IN (SELECT id FROM changed)"
    return _OF_DEALS.format(deals=about) + " UNION ALL " + _OF_COMPANIES.format(ids=about)


_REQUESTS = "SELECT request_id FROM fund_claims WHERE id IN (SELECT id FROM changed)"

RULES: dict[str, str] = {
    "partners": _CHANGED,
    "accounts": _OF_COMPANIES.format(ids=_CHANGED)
    + " UNION ALL "
    + _OF_DEALS.format(deals=f"SELECT id FROM opportunities WHERE account_id IN ({_CHANGED})"),
    "opportunities": _OF_DEALS.format(deals=_CHANGED),
    "partner_links": _OWN.format(table="partner_links"),
    "account_links": _OWN.format(table="account_links"),
    "registrations": _OWN.format(table="registrations"),
    "quotes": _OF_DEALS.format(deals=_DEALS_OF.format(table="quotes")),
    "stage_history": _OF_DEALS.format(deals=_DEALS_OF.format(table="stage_history")),
    "meetings": _about("meetings"),
    "touches": _about("touches") + " UNION ALL " + _OWN.format(table="touches"),
    "campaigns": _OF_CAMPAIGNS.format(ids=_CHANGED),
    "campaign_members": _OF_CAMPAIGNS.format(
        ids=f"SELECT campaign_id FROM campaign_members WHERE id IN ({_CHANGED})"
    ),
    "contacts": _OF_COMPANIES.format(ids=f"SELECT account_id FROM contacts WHERE id IN ({_CHANGED})"),
    "logins": _OWN.format(table="logins"),
    "fund_requests": _OWN.format(table="fund_requests")
    + " UNION ALL "
    + _OF_CAMPAIGNS.format(ids=f"SELECT campaign_id FROM fund_requests WHERE id IN ({_CHANGED})"),
    "fund_claims": _OWN.format(table="fund_claims")
    + f" UNION ALL SELECT partner_id FROM fund_requests WHERE id IN ({_REQUESTS})"
    + " UNION ALL "
    + _OF_CAMPAIGNS.format(ids=f"SELECT campaign_id FROM fund_requests WHERE id IN ({_REQUESTS})"),
    "fund_allocations": _OWN.format(table="fund_allocations"),
    "users": "SELECT id FROM partners WHERE owner_id IN (SELECT id FROM changed)"
    " OR marketer_id IN (SELECT id FROM changed)",
    "stages": _EVERYBODY,
    "exchange_rates": _EVERYBODY,
    "tasks": f"SELECT related_id FROM tasks WHERE id IN ({_CHANGED})",
}
"""For each canonical table: the partner ids (before merges are followed) behind the ids in `changed`."""


def query(table: str) -> str:
    """The statement that lists the live partners behind the ids of the temporary table `changed`."""
    return f"""
WITH company AS (SELECT id, survivor FROM aliases WHERE family = 'company'),
campaign_partners AS (
  SELECT id AS campaign_id, partner_id FROM campaigns UNION ALL SELECT campaign_id, partner_id FROM fund_requests
), {_DEALS},
named(id) AS ({RULES[table]})
SELECT DISTINCT p.id FROM named
LEFT JOIN company ON company.id = named.id
JOIN partners p ON p.id = coalesce(company.survivor, named.id)
ORDER BY p.id
"""
