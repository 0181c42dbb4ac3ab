"""Pull, decide, plan and apply hold their laws over a whole org, whatever the CRM."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from connector.errors import Misconfigured, Refused, Stale, WrongPlan
from connector.sync.apply import apply
from connector.sync.plan import waiting
from connector.sync.runs import applied_summary, run

if TYPE_CHECKING:
    from conftest import Office


def test_two_of_ten_won_pass_the_velocity_check_and_one_of_ten_fails_it(office: Office) -> None:
    passing, failing = office.quoting("Passing", won=2, of=10), office.quoting("Failing", won=1, of=10)
    office.sync()
    assert office.card(passing)["Gate_Velocity"] == "Pass"
    assert office.card(failing)["Gate_Velocity"] == "Fail"
    assert office.card(failing)["Triage_Decision"] == "Fund Enablement Instead"
    assert "Demand Gen" not in str(office.card(failing)["Allowed_Motions"])


def test_nine_quotes_without_a_win_are_thin_evidence_and_no_failure(office: Office) -> None:
    partner = office.quoting("Thin", won=0, of=9)
    office.sync()
    assert office.card(partner)["Gate_Velocity"] == "Insufficient Evidence"


def test_a_second_plan_after_apply_is_empty(office: Office) -> None:
    office.quoting("One", won=2, of=10)
    office.quoting("Two", won=1, of=12)
    first = office.sync()
    assert first.applied is not None
    assert first.applied.counts == {"applied": 2}
    assert office.plan().plan.empty
    again = office.sync()
    assert again.planned.plan.empty
    assert again.applied is None


def test_one_changed_deal_decides_and_writes_only_its_partner(office: Office) -> None:
    winner, other = office.quoting("Winner", won=1, of=10), office.quoting("Other", won=1, of=10)
    office.deal(winner, won=None)
    office.sync()
    stamped = office.crm.records["Account"][other].values["SystemModstamp"]
    deal = next(i for i, r in office.crm.records["Opportunity"].items() if r.values["StageName"] == "Proposal")
    office.edit("Opportunity", deal, StageName="Closed Won", IsClosed=True, IsWon=True)
    report = office.sync()
    assert report.decided.partners == 1
    assert [change.key for change in report.planned.plan.changes] == [f"fields:{winner}"]
    assert office.crm.records["Account"][other].values["SystemModstamp"] == stamped


def test_the_calls_of_a_sync_do_not_grow_with_the_records(office: Office) -> None:
    def calls_of_one_change(deal: str) -> int:
        office.edit("Opportunity", deal, Amount=None)
        before = office.crm.calls
        office.sync()
        return office.crm.calls - before

    partner = office.quoting("Partner", won=2, of=10)
    deal = next(iter(office.crm.records["Opportunity"]))
    office.sync()
    few = calls_of_one_change(deal)
    for _ in range(300):
        office.deal(partner, won=False)
    office.sync()
    assert calls_of_one_change(deal) <= few + 1  # one write call where the first change wrote nothing


def test_a_record_with_the_cursors_own_stamp_is_not_lost(office: Office) -> None:
    """`>` on the cursor would skip a record written in the same second as the last one seen."""
    partner = office.quoting("Partner", won=2, of=10)
    office.sync()
    stamp = office.crm.now_at
    office.crm.advance(timedelta(minutes=5))
    office.crm.add(
        "Opportunity",
        {
            "Name": "late twin",
            "StageName": "Proposal",
            "Partner__c": partner,
            "IsClosed": False,
            "IsWon": False,
            "SystemModstamp": stamp,
        },
    )
    office.sync()
    assert office.ctx.mirror.counts()["opportunities"] == 11


def test_a_record_that_became_visible_late_is_caught_within_the_overlap(office: Office) -> None:
    """A cursor at the newest stamp seen would never look back."""
    partner = office.quoting("Partner", won=2, of=10)
    office.sync()
    office.crm.advance(timedelta(minutes=30))
    office.sync()
    late = office.crm.now_at - timedelta(minutes=9)
    office.crm.add(
        "Opportunity",
        {
            "Name": "late",
            "StageName": "Proposal",
            "Partner__c": partner,
            "IsClosed": False,
            "IsWon": False,
            "SystemModstamp": late,
        },
    )
    office.crm.advance(timedelta(minutes=1))
    office.sync()
    assert office.ctx.mirror.counts()["opportunities"] == 11


def test_rows_of_the_overlap_do_not_count_as_changed(office: Office) -> None:
    office.quoting("Partner", won=2, of=10)
    office.pull()
    again = office.pull()
    assert again.changed == 0
    assert sum(each.rows for each in again.objects) > 0


def test_a_deleted_deal_leaves_the_mirror_and_its_partner_is_decided_again(office: Office) -> None:
    partner = office.quoting("Partner", won=2, of=10)
    office.sync()
    assert office.card(partner)["Gate_Velocity"] == "Pass"
    deal = next(i for i, r in office.crm.records["Opportunity"].items() if r.values["IsWon"])
    office.crm.advance(timedelta(minutes=1))
    office.crm.delete("Opportunity", deal)
    office.sync()
    assert office.card(partner)["Gate_Velocity"] == "Insufficient Evidence"
    assert office.card(partner)["Quotes_Counted"] == 9


def test_a_purged_deal_is_found_by_comparing_ids(office: Office) -> None:
    office.quoting("Partner", won=2, of=10)
    office.pull()
    office.crm.purge("Opportunity", next(iter(office.crm.records["Opportunity"])))
    assert office.pull().changed == 0
    office.pull(reconcile=True)
    assert office.ctx.mirror.counts()["opportunities"] == 9


def test_a_merged_partner_brings_its_deals_to_the_survivor(office: Office) -> None:
    one, two = office.quoting("One", won=1, of=6), office.quoting("Two", won=1, of=6)
    office.sync()
    office.crm.advance(timedelta(minutes=1))
    office.crm.delete("Account", two, merged_into=one)
    office.sync()
    assert office.card(one)["Quotes_Counted"] == 12
    assert set(office.ctx.store.latest_decisions()) == {one}


def test_somebody_elses_edit_between_plan_and_apply_is_a_conflict(office: Office) -> None:
    mine, edited = office.quoting("Mine", won=2, of=10), office.quoting("Edited", won=1, of=10)
    office.sync()
    for partner in (mine, edited):
        deal = next(
            i
            for i, r in office.crm.records["Opportunity"].items()
            if r.values["Partner__c"] == partner and not r.values["IsWon"]
        )
        office.edit("Opportunity", deal, StageName="Closed Won", IsClosed=True, IsWon=True)
    office.pull()
    office.decide()
    planned = office.plan()
    office.edit("Account", edited, PMOM_Quote_to_Close_Rate__c=99)
    applied = office.apply(planned, planned.plan.fingerprint)
    assert applied.counts == {"applied": 1, "conflict": 1}
    assert office.card(edited)["Quote_to_Close_Rate"] == 99
    report = office.sync()
    assert report.applied is not None
    assert report.applied.complete
    assert office.card(edited)["Quote_to_Close_Rate"] == 20


def test_a_refused_record_is_told_and_tried_again_next_time(office: Office) -> None:
    locked, free = office.quoting("Locked", won=2, of=10), office.quoting("Free", won=2, of=10)
    office.crm.locked.add(locked)
    first = office.sync()
    assert first.applied is not None
    assert first.applied.counts == {"applied": 1, "failed": 1}
    assert office.card(free)["Triage_Decision"] is not None
    office.crm.locked.clear()
    second = office.sync()
    assert second.applied is not None
    assert second.applied.counts == {"applied": 1}


def test_a_plan_older_than_the_decisions_is_stale(office: Office) -> None:
    office.quoting("Partner", won=2, of=10)
    office.pull()
    office.decide()
    office.plan()
    assert not waiting(office.ctx).plan.empty
    office.decide(everybody=True)
    with pytest.raises(Stale, match="pmom plan"):
        waiting(office.ctx)


def test_deciding_before_pulling_says_what_to_do(office: Office) -> None:
    with pytest.raises(Stale, match="pmom pull"):
        office.decide()


def test_planning_without_our_fields_says_to_install(office: Office) -> None:
    office.quoting("Partner", won=2, of=10)
    office.pull()
    office.decide()
    account = office.crm.schemas["Account"]
    kept = tuple(field for field in account.fields if not field.name.startswith("PMOM_"))
    office.crm.schemas["Account"] = replace(account, fields=kept)
    with pytest.raises(Misconfigured, match="Run `pmom install`"):
        office.plan()


def test_partners_that_all_leave_at_once_are_refused_until_somebody_lets_them_go(office: Office) -> None:
    """A condition of the mapping that no longer holds looks like that: nothing is forgotten by accident."""
    partners = [office.partner(f"Partner {number}") for number in range(12)]
    office.sync()
    for partner in partners[:2]:
        office.edit("Account", partner, IsPartner=False)
    office.pull()
    assert office.decide().gone == 2
    for partner in partners[2:]:
        office.edit("Account", partner, IsPartner=False)
    office.pull()
    with pytest.raises(Refused, match=r"10 of 10 partners are no longer partners.*--let-go"):
        office.decide()
    assert len(office.ctx.store.latest_decisions()) == 10
    assert office.decide(let_go=True).gone == 10


def test_planning_before_deciding_says_what_to_do(office: Office) -> None:
    with pytest.raises(Stale, match="pmom decide"):
        office.plan()


def test_too_many_changed_decisions_are_refused_until_forced(office: Office) -> None:
    partners = [office.quoting(f"Partner {n}", won=2, of=10) for n in range(12)]
    office.sync()
    for partner in partners:
        office.edit("Account", partner, PMOM_Exclude_From_Scoring__c=True)
    with pytest.raises(Refused, match="max_changed_share"):
        office.sync()
    assert office.card(partners[0])["Gate_Velocity"] == "Pass"
    planned = office.plan()
    with pytest.raises(Stale):
        office.apply(planned, "0" * 16)
    with pytest.raises(WrongPlan):
        run(office.ctx, "apply", lambda run_id: apply(office.ctx, run_id, planned, force="0" * 16), applied_summary)
    assert office.ctx.store.runs(1)[0].state == "stopped"  # mistyped by a person, no failure of anything
    assert office.apply(planned, planned.plan.fingerprint).complete


def test_a_formula_that_changes_without_a_stamp_is_seen_by_a_refresh(office: Office) -> None:
    partner = office.quoting("Partner", won=2, of=10)
    office.sync()
    for _ in range(2):
        office.crm.advance(timedelta(hours=1))  # beyond what is read again; there it would be seen at once
        office.pull()
    office.crm.records["Account"][partner].values["Industry"] = "Retail"  # no SystemModstamp moves
    assert office.pull().changed == 0
    office.pull(full=True)
    found = office.ctx.mirror.query("SELECT industry FROM partners").to_pylist()
    assert found == [{"industry": "Retail"}]


def test_an_object_that_the_org_lacks_is_named_and_the_rest_goes_on(office: Office) -> None:
    office.quoting("Partner", won=2, of=10)
    del office.crm.schemas["Quote"]
    pulled = office.pull()
    assert [table for table, _ in pulled.unavailable] == ["quotes"]
    office.decide()


def test_an_org_without_opportunities_is_refused_with_what_to_do(office: Office) -> None:
    del office.crm.schemas["Opportunity"]
    with pytest.raises(Misconfigured, match="pmom check"):
        office.pull()


def test_rows_of_a_source_that_disappeared_leave_the_mirror(office: Office) -> None:
    office.quoting("Partner", won=2, of=10)
    office.pull()
    assert office.ctx.mirror.counts()["quotes"] == 10
    del office.crm.schemas["Quote"]
    office.pull()
    assert office.ctx.mirror.counts()["quotes"] == 0


def test_a_clock_that_was_once_told_wrong_does_not_stop_the_reading(office: Office) -> None:
    """One answer with a date of next year must not make the mirror wait until then."""
    partner = office.quoting("Partner", won=2, of=10)
    real = office.crm.now_at
    office.crm.advance(timedelta(days=400))
    office.pull()
    office.crm.now_at = real + timedelta(minutes=5)
    office.edit("Account", partner, Name="Renamed")
    office.pull()
    assert office.ctx.mirror.query("SELECT name FROM partners").to_pylist() == [{"name": "Renamed"}]


def test_marks_that_come_between_plan_and_apply_are_not_lost(office: Office) -> None:
    planned_one, edited = office.quoting("Planned", won=2, of=10), office.quoting("Edited", won=2, of=10)
    office.sync()
    office.edit("Account", planned_one, PMOM_Triage_Decision__c="Hold")
    office.pull()
    office.decide()
    planned = office.plan()
    office.edit("Account", edited, PMOM_Triage_Decision__c="Hold")
    office.pull()
    office.apply(planned)
    office.sync()
    assert office.card(edited)["Triage_Decision"] == office.card(planned_one)["Triage_Decision"] != "Hold"


def test_an_org_without_partners_is_an_empty_plan_and_no_error(office: Office) -> None:
    report = office.sync()
    assert (report.decided.partners, report.planned.plan.empty, report.applied) == (0, True, None)


def test_a_workspace_of_one_org_is_refused_for_another(office: Office) -> None:
    office.quoting("Partner", won=2, of=10)
    office.pull()
    office.decide()
    planned = office.plan()
    office.crm.tenant = "another"
    held = office.ctx.mirror.counts()
    del office.crm.schemas["Quote"]  # the other org has other objects: what is here must not be emptied for that
    for step in (lambda: office.apply(planned), office.pull, office.plan):
        with pytest.raises(Misconfigured, match="workspace"):
            step()
    assert office.ctx.mirror.counts() == held


def test_a_source_that_the_crm_no_longer_has_is_told_although_its_table_has_others(office: Office) -> None:
    """A renamed label looks like that: the links are gone, and the table goes on with its other sources."""
    partner = office.partner("Partner")
    office.deal(None, won=True, Sourced_By__c=partner)
    office.deal(partner, won=True)
    office.pull()
    opportunity = office.crm.schemas["Opportunity"]
    kept = tuple(field for field in opportunity.fields if field.name != "Sourced_By__c")
    office.crm.schemas["Opportunity"] = replace(opportunity, fields=kept)
    for _ in range(2):  # not only once
        told = dict(office.pull().unavailable)
        assert told["partner_links (sourced by)"] == "it was read before: no Opportunity.Sourced_By__c"
        assert "partner_links" not in told


def test_what_pointed_to_a_merged_deal_is_read_again_though_it_was_not_modified(office: Office) -> None:
    quote = office.crm.schemas["Quote"]
    drifts = tuple(replace(field, calculated=field.name == "OpportunityId") for field in quote.fields)
    office.crm.schemas["Quote"] = replace(quote, fields=drifts)
    partner = office.partner("Partner")
    winner, loser = office.deal(partner, won=True), office.deal(partner, won=None)
    office.pull()
    office.crm.advance(timedelta(minutes=30))
    office.crm.delete("Opportunity", loser, merged_into=winner)
    for record in office.crm.records["Quote"].values():
        record.values["OpportunityId"] = winner  # as HubSpot moves associations: no stamp is touched
    office.pull()
    office.pull()
    found = office.ctx.mirror.query("SELECT DISTINCT opportunity_id FROM quotes").to_pylist()
    assert found == [{"opportunity_id": winner}]


def test_rows_that_are_read_again_in_full_and_say_nothing_new_are_not_told_as_changed(office: Office) -> None:
    partner = office.quoting("Partner", won=2, of=10)
    office.pull()
    again = office.pull(full=True)
    assert again.changed == 0
    assert sum(each.rows for each in again.objects) > 10
    office.edit("Account", partner, Name="Another name")
    assert office.pull(full=True).changed == 2  # the account, and the partner that it is
