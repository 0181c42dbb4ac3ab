"""Is a quarter frozen as it was, signed by somebody, and restated beside what was signed when records come late?"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from connector.config.policy import load_with
from connector.core.backtest import Money
from connector.core.lever_audit import AuditStatus
from connector.core.quarters import quarter_named
from connector.errors import Misconfigured, Refused, Stale
from connector.store import tables as t
from connector.sync.audit import Audited, audit, sign
from connector.sync.backtest import backtest

if TYPE_CHECKING:
    from conftest import Office

Q1 = quarter_named("FY26-Q1", 1)
CLOSED = datetime(2026, 4, 8, 12, tzinfo=UTC)


def to(office: Office, moment: datetime) -> None:
    office.crm.advance(moment - office.crm.now_at)


def taken(office: Office, **how: bool) -> Audited:
    return audit(office.ctx, office.next_run(), Q1, **how)


def campaign(office: Office, partner: str, **values: object) -> str:
    known = {
        "Name": "Spring webinar", "Motion__c": "Demand Gen", "Status": "In Progress", "Partner__c": partner,
        "StartDate": date(2026, 3, 1), "EndDate": date(2026, 6, 30), "BudgetedCost": Decimal(12000),
    }  # fmt: skip
    return office.crm.add("Campaign", {**known, **values})  # type: ignore[dict-item]


@pytest.fixture
def failing(office: Office) -> str:
    """A partner that fails the quote-to-close gate and runs a campaign all the same, beside one that does well."""
    office.crm.records["User"]["usr-pam"].values["UserType"] = "Standard"
    partner = office.quoting("Failing", won=1, of=10)
    office.quoting("Fine", won=5, of=10)
    campaign(office, partner)
    office.pull()
    office.decide()
    return partner


def test_a_quarter_that_is_open_is_looked_at_and_not_kept(office: Office, failing: str) -> None:
    found = taken(office)
    assert (found.version, found.open_until) == (None, date(2026, 4, 8))
    assert [line.partner_id for line in found.lines if line.found] == [failing]
    assert office.ctx.store.audits().versions() == ()
    to(office, CLOSED - timedelta(days=1))
    office.pull()
    assert taken(office).version is None


def test_demand_generation_at_the_quarter_s_end_while_the_gate_fails_is_d1_with_its_amount(
    office: Office, failing: str
) -> None:
    """Vector 24."""
    to(office, CLOSED)
    office.pull()
    found = taken(office)
    (drift,) = next(line for line in found.lines if line.partner_id == failing).found
    assert (drift.drift.value, drift.code) == ("D1", "VELOCITY_FAILS")
    assert "(12,000 USD)" in drift.text
    assert found.new
    assert found.version is not None
    assert (found.version.version, found.version.kind, found.head.as_of) == (1, "snapshot", date(2026, 3, 31))
    assert sorted(found.standing.values()) == [AuditStatus.ALIGNED, AuditStatus.DRIFT]


def test_what_is_kept_is_shown_as_it_was_whatever_happens_to_the_records(office: Office, failing: str) -> None:
    to(office, CLOSED)
    office.pull()
    first = taken(office)
    office.edit("Account", failing, Name="Renamed")
    office.pull()
    second = taken(office)
    assert (second.version, second.lines, second.new) == (first.version, first.lines, False)
    same = taken(office, again=True)  # computed anew, the renamed partner's line says something else
    assert same.version is not None
    assert (same.version.version, same.version.kind) == (2, "revision")
    assert taken(office, again=True).new is False


def test_a_campaign_that_ended_after_the_quarter_still_ran_in_it(office: Office, failing: str) -> None:
    (held,) = office.crm.records["Campaign"]
    to(office, CLOSED)
    office.edit("Campaign", held, Status="Completed", EndDate=date(2026, 4, 2))
    office.pull()
    found = next(line for line in taken(office).lines if line.partner_id == failing)
    assert [(item.id, item.amount) for item in found.live] == [(held, Decimal(12000))]
    assert [each.drift.value for each in found.found] == ["D1"]


def test_late_records_of_a_signed_quarter_are_a_restatement_and_change_nothing_that_was_signed(
    office: Office, failing: str
) -> None:
    to(office, CLOSED)
    office.pull()
    first = taken(office)
    signed = sign(office.ctx, Q1, "Robin Example", "Stopped on 2 April.")
    assert signed.standing[failing] is AuditStatus.ACCEPTED
    (held,) = office.crm.records["Campaign"]
    office.edit("Campaign", held, BudgetedCost=Decimal(20000))
    office.pull()
    late = taken(office, again=True)
    assert late.version is not None
    assert (late.version.version, late.version.kind) == (2, "restatement")
    assert [(each.partner_id, each.said) for each in late.restated] == [
        (failing, ("live: 12,000.00 -> 20,000.00", "at risk: 12,000.00 -> 20,000.00"))
    ]
    assert late.standing[failing] is AuditStatus.DRIFT  # nobody signed for that
    assert late.signed is not None
    assert late.signed.version == 1
    versions = office.ctx.store.audits().versions("FY26-Q1")
    assert versions[0] == first.version
    assert [row.body for row in office.ctx.store.audits().lines("FY26-Q1", 1)] == [x.to_json() for x in first.lines]
    assert sign(office.ctx, Q1, "Robin Example", "Seen.").standing[failing] is AuditStatus.ACCEPTED


def test_who_signs_must_say_who_and_why_and_only_once(office: Office, failing: str) -> None:
    with pytest.raises(Misconfigured, match="nothing was kept of FY26-Q1"):
        sign(office.ctx, Q1, "Robin Example", "Fine.")
    to(office, CLOSED)
    office.pull()
    taken(office)
    for by, note in (("", "Fine."), ("Robin Example", " ")):
        with pytest.raises(Misconfigured, match="by whom and on which grounds"):
            sign(office.ctx, Q1, by, note)
    sign(office.ctx, Q1, "Robin Example", "Fine.")
    with pytest.raises(Refused, match="was signed by Robin Example"):
        sign(office.ctx, Q1, "Somebody else", "Fine.")


def test_an_audit_that_was_altered_in_the_store_is_refused(office: Office, failing: str) -> None:
    to(office, CLOSED)
    office.pull()
    taken(office)
    with office.ctx.store.begin() as db:
        body = sa.func.replace(t.audit_lines.c.body, "12000", "2000")
        db.execute(t.audit_lines.update().values(body=body))
    with pytest.raises(Refused, match="is not as it was kept"):
        taken(office)


def test_a_quarter_of_which_nothing_was_read_since_is_not_frozen(office: Office, failing: str) -> None:
    to(office, CLOSED)
    with pytest.raises(Stale, match="and FY26-Q1 ended on 2026-03-31: run `pmom pull`"):
        taken(office)
    assert office.ctx.store.audits().versions() == ()


def test_a_quarter_to_come_is_no_quarter_to_audit(office: Office, failing: str) -> None:
    with pytest.raises(Misconfigured, match="FY26-Q2 begins on 2026-04-01"):
        audit(office.ctx, office.next_run(), quarter_named("FY26-Q2", 1))


@pytest.mark.slow
def test_a_sync_freezes_the_quarter_once_it_is_closed_and_its_records_and_tasks_show_it(
    office: Office, failing: str
) -> None:
    office.sync()
    assert office.card(failing).get("Audit_Status") is None
    to(office, CLOSED)
    report = office.sync()
    assert report.audited == "FY26-Q1"
    card = office.card(failing)
    assert (card["Audit_Status"], card["Last_Audit_Quarter"]) == ("Drift", "FY26-Q1")
    office.crm.advance(timedelta(days=1))
    assert office.sync().audited is None
    subjects = sorted(str(task["Subject"]) for task in office.tasks() if ":T9:" in str(task["PMOM_Task_Key__c"]))
    assert subjects == [
        "Audit of the levers FY26-Q1 v1: sign it off",
        "Audit of the levers FY26-Q1 v1: your 1 partner",
    ]
    body = next(str(task["Description"]) for task in office.tasks() if "your 1" in str(task["Subject"]))
    assert body.startswith("Failing: D1: Demand generation is live (12,000 USD) while quote-to-close fails (n = 10).")
    assert f"Policy {office.ctx.policy.version}." in body
    sign(office.ctx, Q1, "Robin Example", "Stopped.")
    office.crm.advance(timedelta(days=1))
    office.sync()
    assert office.card(failing)["Audit_Status"] == "Accepted"
    open_packs = [task for task in office.tasks() if ":T9:" in str(task["PMOM_Task_Key__c"])]
    assert {task["Status"] for task in open_packs} == {office.ctx.fieldmap.write.task.closed}
    office.crm.advance(timedelta(days=1))
    again = office.sync().planned.plan.summary
    assert (again.records_changed, again.tasks_created) == (0, 0)


def test_a_policy_that_alone_changed_the_answer_is_d5(office: Office, failing: str) -> None:
    to(office, CLOSED)
    office.pull()
    taken(office)
    other = load_with("default", {"velocity.floor": Decimal("0.6"), "velocity.min_quotes": 5})
    other = replace(other, market_fit=office.ctx.policy.market_fit)
    office.ctx = replace(office.ctx, policy=other)
    to(office, datetime(2026, 7, 8, 12, tzinfo=UTC))
    office.pull()
    office.decide()
    found = audit(office.ctx, office.next_run(), quarter_named("FY26-Q2", 1))
    assert found.last_quarter == "FY26-Q1 v1"
    fine = next(line for line in found.lines if line.decision.name == "Fine")
    assert "D5" in {each.drift.value for each in fine.found}


def test_a_backtest_says_who_would_move_and_keeps_nothing(office: Office, failing: str) -> None:
    def kept() -> list[object]:
        with office.ctx.store.begin() as db:
            return [list(db.execute(sa.select(table))) for table in t.metadata.sorted_tables]

    before, calls = kept(), office.crm.usage().calls
    same = backtest(office.ctx, office.ctx.policy)
    assert (same.partners, same.moved) == (2, ())
    lower = replace(office.ctx.policy, version="lower@1")
    lower = replace(lower, velocity=replace(lower.velocity, floor=Decimal("0.10")))
    found = backtest(office.ctx, lower)
    assert found.as_of == date(2026, 3, 31)
    (moved,) = found.moved
    assert (moved.partner_id, moved.before, moved.after) == (failing, "Fund Enablement Instead", "Pilot Only")
    assert (moved.opened, found.decisions) == (Money(1, Decimal(12000), 0), 1)
    assert [(each.before, each.after, each.partners) for each in found.classes] == [(moved.before, moved.after, 1)]
    assert (kept(), office.crm.usage().calls) == (before, calls)
