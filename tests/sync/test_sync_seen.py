"""A link that the CRM does not date counts from the pull that first saw it, never earlier."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Office

DAY = timedelta(days=1)


@pytest.fixture
def undated(office: Office) -> Office:
    """The opportunity's partner field without a date of its own, and standing for a referral."""

    def bare(source):  # type: ignore[no-untyped-def]
        if (source.table, source.name) != ("partner_links", "field"):
            return source
        rules = tuple(rule for rule in source.columns if rule.column != "recorded_at")
        lead = tuple(replace(rule, const="lead") if rule.column == "role" else rule for rule in rules)
        return replace(source, columns=lead, dated_when_seen=True)

    sources = tuple(bare(source) for source in office.ctx.fieldmap.sources)
    office.ctx = replace(office.ctx, fieldmap=replace(office.ctx.fieldmap, sources=sources))
    return office


def opened(office: Office, partner: str | None, age: int) -> str:
    return office.crm.add(
        "Opportunity",
        {
            "Name": "Harbour", "StageName": "Proposal", "IsClosed": False, "IsWon": False, "Amount": Decimal(1000),
            "CreatedDate": office.crm.now_at - age * DAY, "Partner__c": partner,
        },
    )  # fmt: skip


def since(office: Office, deal: str) -> datetime | None:
    rows = office.ctx.mirror.query(
        "SELECT recorded_at FROM partner_links WHERE opportunity_id = ?", [deal]
    ).to_pylist()
    return rows[0]["recorded_at"] if rows else None


def test_a_link_is_as_old_as_the_first_pull_that_saw_it(undated: Office) -> None:
    deal = opened(undated, undated.partner("One"), 100)
    first = undated.crm.now_at
    undated.pull()
    assert since(undated, deal) == first
    undated.edit("Opportunity", deal, Amount=Decimal(2000))
    undated.crm.advance(DAY)
    undated.pull()
    assert since(undated, deal) == first
    undated.pull(full=True)
    assert since(undated, deal) == first


def test_one_that_went_and_came_back_is_as_old_as_its_return(undated: Office) -> None:
    partner = undated.partner("One")
    deal = opened(undated, partner, 100)
    undated.pull()
    undated.edit("Opportunity", deal, Partner__c=None)
    undated.pull()
    assert since(undated, deal) is None
    undated.crm.advance(DAY)
    undated.edit("Opportunity", deal, Partner__c=partner)
    undated.pull()
    assert since(undated, deal) == undated.crm.now_at


@pytest.mark.parametrize(("age", "sourced"), [(14, True), (15, False)])
def test_a_referral_sources_only_deals_that_are_opened_about_when_it_is_seen(
    undated: Office, age: int, sourced: bool
) -> None:
    partner = undated.partner("One")
    deal = opened(undated, partner, age)
    undated.sync()
    held = undated.crm.records["Opportunity"][deal].values
    assert held.get("PMOM_Sourcing_Partner__c") == (partner if sourced else None)
