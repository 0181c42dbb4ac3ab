"""From a hint to the partner's fields: only what the named records say, at once, and never twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from connector.crm.base import Scalar
from connector.hooks.hint import Happened, Hint, Sender
from connector.sync.hints import HintsReport, sync_hints

if TYPE_CHECKING:
    from conftest import Office

UNANNOUNCED = ("OpportunityHistory", "OpportunityPartner", "AccountPartner")


@pytest.fixture(autouse=True)
def silent_objects(office: Office) -> None:
    """As in an org: no flow starts when a partner gets a role, or when a stage is kept."""
    for name in UNANNOUNCED:
        office.crm.schemas[name] = replace(office.crm.schemas[name], announced=False)


def hint(object_name: str, record_id: str, happened: Happened = Happened.CHANGED) -> Hint:
    return Hint(Sender.EVENTS, object_name, record_id, happened, key=f"{object_name}/{record_id}/{happened}")


def told(office: Office, *hints: Hint) -> HintsReport:
    return sync_hints(office.ctx, office.next_run(), hints)


def new_deal(office: Office, partner: str | None, **values: Scalar) -> str:
    """A won deal made a minute after the last look, with its quote; -> its id."""
    office.crm.advance(timedelta(minutes=1))
    return office.deal(partner, won=True, **values)


def quote_of(office: Office, deal: str) -> str:
    quotes = office.crm.records["Quote"].items()
    return next(id_ for id_, record in quotes if record.values["OpportunityId"] == deal)


def test_a_changed_deal_reaches_its_partners_fields_at_once(office: Office) -> None:
    partner = office.quoting("Partner", won=1, of=10)
    office.quoting("Other", won=2, of=10)
    office.sync()
    assert office.card(partner)["Quote_to_Close_Rate"] == 10
    deal = next(i for i, r in office.crm.records["Opportunity"].items() if not r.values["IsWon"])
    office.edit("Opportunity", deal, StageName="Closed Won", IsWon=True)
    report = told(office, hint("Opportunity", deal))
    assert (report.fetched, report.different, report.partners) == (1, 1, 1)
    assert office.card(partner)["Quote_to_Close_Rate"] == 20
    again = office.sync()
    assert (again.pulled.changed, again.decided.partners, again.applied) == (0, 0, None)


def test_the_echo_of_our_own_write_comes_to_nothing(office: Office) -> None:
    partner = office.quoting("Partner", won=1, of=10)
    office.sync()
    deal = next(i for i, r in office.crm.records["Opportunity"].items() if not r.values["IsWon"])
    office.edit("Opportunity", deal, StageName="Closed Won", IsWon=True)
    written = told(office, hint("Opportunity", deal))
    assert written.outcomes == {"applied": 1}
    report = told(office, hint("Account", partner), hint("Opportunity", deal))
    assert (report.fetched, report.different, report.echoes) == (2, 0, 2)
    assert (report.decided, report.planned, report.applied) == (None, None, None)


def test_an_edit_by_somebody_else_at_the_second_of_our_write_is_followed(office: Office) -> None:
    partner = office.quoting("Partner", won=2, of=10)
    office.sync()
    office.crm.records["Account"][partner].values["PMOM_Exclude_From_Scoring__c"] = True
    report = told(office, hint("Account", partner))
    assert (report.different, report.echoes, report.partners) == (1, 0, 1)
    assert report.outcomes == {"applied": 1}
    assert "excluded" in str(office.card(partner)["Why"]).lower()


def test_what_somebody_wrote_into_our_fields_is_written_over_at_once(office: Office) -> None:
    partner = office.quoting("Partner", won=2, of=10)
    office.sync()
    office.edit("Account", partner, PMOM_Gate_Velocity__c="Fail")
    report = told(office, hint("Account", partner))
    assert (report.different, report.echoes, report.partners, report.outcomes) == (1, 0, 0, {"applied": 1})
    assert office.card(partner)["Gate_Velocity"] == "Pass"


def test_a_new_deal_brings_its_account_its_partner_in_a_role_and_its_stages(office: Office) -> None:
    partner = office.quoting("Partner", won=1, of=9)
    office.sync()
    account = office.customer("New customer")
    deal = new_deal(office, None, AccountId=account)
    link = {"OpportunityId": deal, "AccountToId": partner, "Role": "VAR/Reseller", "CreatedDate": office.crm.now_at}
    office.crm.add("OpportunityPartner", link)
    office.crm.add("OpportunityHistory", {"OpportunityId": deal, "StageName": "Closed Won"})
    report = told(office, hint("Opportunity", deal), hint("Quote", quote_of(office, deal)))
    assert report.partners == 1
    assert office.card(partner)["Quotes_Counted"] == 10
    held = office.ctx.mirror.query("SELECT id FROM accounts WHERE id = ?", [account])
    assert held.num_rows == 1
    assert office.ctx.mirror.count("stage_history") == 1
    again = office.sync()
    assert (again.decided.partners, again.applied) == (0, None)


def test_a_quote_of_a_deal_that_is_not_known_yet_brings_the_deal_along(office: Office) -> None:
    partner = office.quoting("Partner", won=1, of=9)
    office.sync()
    deal = new_deal(office, partner, AccountId=office.customer())
    told(office, hint("Quote", quote_of(office, deal)))
    assert office.card(partner)["Quotes_Counted"] == 10


def test_a_partner_who_loses_the_role_on_a_changed_deal_loses_the_link(office: Office) -> None:
    partner = office.quoting("Partner", won=2, of=10)
    other = office.partner("In a role")
    deal = next(iter(office.crm.records["Opportunity"]))
    link = office.crm.add("OpportunityPartner", {"OpportunityId": deal, "AccountToId": other, "Role": "Consultant"})
    office.sync()
    links = "SELECT partner_id FROM partner_links WHERE opportunity_id = ? ORDER BY 1"
    assert [r["partner_id"] for r in office.ctx.mirror.query(links, [deal]).to_pylist()] == [partner, other]
    office.crm.purge("OpportunityPartner", link)
    office.edit("Opportunity", deal, Amount=None)
    told(office, hint("Opportunity", deal))
    assert [r["partner_id"] for r in office.ctx.mirror.query(links, [deal]).to_pylist()] == [partner]


@pytest.mark.parametrize("purged", [False, True])
def test_a_deal_said_to_be_deleted_is_gone_when_the_crm_shows_it_no_more(office: Office, purged: bool) -> None:
    partner = office.quoting("Partner", won=2, of=10)
    office.sync()
    deal = next(i for i, r in office.crm.records["Opportunity"].items() if r.values["IsWon"])
    office.crm.advance(timedelta(minutes=1))
    office.crm.purge("Opportunity", deal) if purged else office.crm.delete("Opportunity", deal)
    report = told(office, hint("Opportunity", deal, Happened.DELETED))
    assert report.different == 1
    assert office.card(partner)["Quotes_Counted"] == 9
    assert office.ctx.mirror.query("SELECT id FROM partner_links WHERE opportunity_id = ?", [deal]).num_rows == 0


def test_a_deal_said_to_be_deleted_that_is_still_there_stays(office: Office) -> None:
    office.quoting("Partner", won=2, of=10)
    office.sync()
    deal = next(iter(office.crm.records["Opportunity"]))
    report = told(office, hint("Opportunity", deal, Happened.DELETED))
    assert (report.different, report.echoes) == (0, 1)
    assert office.ctx.mirror.count("opportunities") == 10


def test_a_partner_merged_away_gives_its_deals_to_the_survivor(office: Office) -> None:
    loser, winner = office.quoting("Loser", won=1, of=5), office.quoting("Winner", won=1, of=5)
    office.sync()
    office.crm.advance(timedelta(minutes=1))
    office.crm.delete("Account", loser, merged_into=winner)
    report = told(office, hint("Account", loser, Happened.MERGED), hint("Account", winner, Happened.MERGED))
    assert report.partners >= 1
    assert office.card(winner)["Quotes_Counted"] == 10


def test_a_company_that_is_no_partner_any_more_leaves_the_partners(office: Office) -> None:
    partner = office.quoting("Partner", won=2, of=10)
    office.quoting("Other", won=2, of=10)
    office.sync()
    office.edit("Account", partner, IsPartner=False)
    report = told(office, hint("Account", partner))
    assert report.decided is not None
    assert report.decided.gone == 1
    assert office.ctx.mirror.query("SELECT id FROM partners WHERE id = ?", [partner]).num_rows == 0


def test_objects_that_the_mapping_does_not_read_are_counted_and_cost_no_call(office: Office) -> None:
    office.quoting("Partner", won=2, of=10)
    office.sync()
    before = office.crm.calls
    report = told(office, hint("Lead", "lead-1"), hint("Lead", "lead-1"), hint("Lead", "lead-2"))
    assert (report.hints, report.unmapped, report.fetched) == (3, 2, 0)
    assert office.crm.calls == before


def test_hints_before_the_first_pull_wait_for_it(office: Office) -> None:
    partner = office.quoting("Partner", won=2, of=10)
    report = told(office, hint("Account", partner))
    assert "was never read in full" in report.waits
    assert (report.fetched, report.decided) == (0, None)


def test_so_many_hints_that_a_pull_is_cheaper_become_one(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connector.sync.hints.MOST_NAMED", 2)
    partner = office.quoting("Partner", won=1, of=10)
    office.sync()
    deals = list(office.crm.records["Opportunity"])
    office.edit("Opportunity", deals[5], StageName="Closed Won", IsWon=True)
    two = told(office, *(hint("Opportunity", deal) for deal in deals[:2]))
    three = told(office, *(hint("Opportunity", deal) for deal in deals[:3]))
    assert (two.by_name, three.by_name) == (True, False)
    assert office.card(partner)["Quote_to_Close_Rate"] == 20


def test_cursors_stay_where_they_are(office: Office) -> None:
    office.quoting("Partner", won=2, of=10)
    office.sync()
    places = "SELECT * FROM pmom_meta WHERE starts_with(key, 'stream:') ORDER BY key"
    before = office.ctx.mirror.query(places)
    deal = next(iter(office.crm.records["Opportunity"]))
    office.edit("Opportunity", deal, Amount=None)
    told(office, hint("Opportunity", deal))
    assert office.ctx.mirror.query(places) == before


def test_the_first_hint_of_a_day_decides_its_partner_and_leaves_the_others_to_the_sync(office: Office) -> None:
    partner, _ = office.quoting("Partner", won=1, of=10), office.quoting("Other", won=1, of=10)
    office.sync()
    office.crm.advance(timedelta(days=1))
    deal = next(i for i, r in office.crm.records["Opportunity"].items() if not r.values["IsWon"])
    office.edit("Opportunity", deal, StageName="Closed Won", IsWon=True)
    assert told(office, hint("Opportunity", deal)).partners == 1
    assert office.card(partner)["Quote_to_Close_Rate"] == 20
    assert office.sync().decided.partners == 2
