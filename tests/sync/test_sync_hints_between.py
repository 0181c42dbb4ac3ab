"""Hints between pulls, within a killed full one, and between our writes: nothing is lost, doubled or undone."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.core.plan import FieldChange, SetFields
from connector.hooks.hint import Happened, Hint, Sender
from connector.mirror import Mirror
from connector.sync.apply import (
    Outcome,
    _note_written,
)
from connector.sync.known import known
from connector.sync.named import take_named
from connector.sync.rows import Pulled
from connector.sync.streams import to_credit, to_decide, to_plan

if TYPE_CHECKING:
    from conftest import Office

AMOUNTS = "SELECT id, amount FROM opportunities ORDER BY id"


class CutError(Exception):
    """The process ends here."""


def read(office: Office, object_name: str, *ids: str) -> None:
    """The records are hinted at and read again; nothing is decided."""
    now = office.crm.now_at
    take_named(office.ctx, known(office.ctx), {object_name: ids}, now, str(office.next_run()), Pulled())


def amounts(mirror: Mirror) -> dict[str, Decimal | None]:
    return {row["id"]: row["amount"] for row in mirror.query(AMOUNTS).to_pylist()}


def marked(office: Office) -> bool:
    """Whether anybody is to be decided again, or anything planned."""
    mirror = office.ctx.mirror
    return any(marks.read() != set() for marks in (to_decide(mirror), to_credit(mirror), to_plan(mirror)))


def clear(office: Office) -> None:
    for marks in (to_decide, to_credit, to_plan):
        marks(office.ctx.mirror).replace(set())


def test_a_hint_between_two_pulls_is_neither_lost_nor_followed_twice(office: Office) -> None:
    partner = office.quoting("Partner", won=2, of=10)
    deal = next(iter(office.crm.records["Opportunity"]))
    office.pull()
    clear(office)
    office.edit("Opportunity", deal, Amount=Decimal(77))
    read(office, "Opportunity", deal)
    assert to_decide(office.ctx.mirror).read() == {partner}
    clear(office)
    assert office.pull().changed == 0
    assert not marked(office)
    assert amounts(office.ctx.mirror)[deal] == 77
    office.crm.records["Opportunity"][deal].values["Amount"] = Decimal(78)  # at the very second of the last change
    assert office.pull().changed == 1
    assert amounts(office.ctx.mirror)[deal] == 78


@pytest.mark.parametrize("what", ["changed", "deleted", "made"])
def test_what_a_hint_told_is_not_undone_by_an_older_page_of_a_full_pull_that_was_killed(
    office: Office, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    partner = office.partner("Partner")
    deals = [office.deal(partner, won=False) for _ in range(25)]
    office.pull()
    office.crm.page_rows = 10
    reading = type(office.crm).read

    def cut(crm: Any, request: Any, progress: Any = None) -> Any:
        for number, page in enumerate(reading(crm, request)):
            if request.object == "Opportunity" and number == 2:
                raise CutError
            yield page

    monkeypatch.setattr(type(office.crm), "read", cut)
    with pytest.raises(CutError):
        office.pull(full=True)
    monkeypatch.setattr(type(office.crm), "read", reading)
    deal = deals[0]  # on the first page, which is staged as it was
    office.crm.advance(timedelta(minutes=1))
    if what == "changed":
        office.edit("Opportunity", deal, Amount=Decimal(77))
    elif what == "deleted":
        office.crm.delete("Opportunity", deal)
    else:
        deal = office.deal(partner, won=False, amount="77")
    read(office, "Opportunity", deal)
    seen = amounts(office.ctx.mirror)
    finish = Mirror.finish_full
    after: list[dict[str, Decimal | None]] = []

    def finished(mirror: Mirror, table: str, source: str) -> None:
        finish(mirror, table, source)
        if table == "opportunities":
            after.append(amounts(mirror))

    monkeypatch.setattr(Mirror, "finish_full", finished)
    opportunities = next(each for each in office.pull(full=True).objects if each.object == "Opportunity")
    assert opportunities.mode == "resumed"
    assert after == [seen]
    assert amounts(office.ctx.mirror) == seen == ({**seen, deal: Decimal(77)} if what != "deleted" else seen)
    assert (deal in seen) is (what != "deleted")


OURS, THEIRS, INTO_OURS, TICK, READ, PULL = "ours", "theirs", "into ours", "tick", "read", "pull"
STEPS = st.lists(st.sampled_from([OURS, THEIRS, INTO_OURS, TICK, READ, PULL]), min_size=3, max_size=9)


def write_ours(office: Office, partner: str, value: str) -> None:
    """We write a field of ours and note it, as an apply does."""
    change = SetFields(partner, (FieldChange("Why", None, value),))
    values = office.crm.records["Account"][partner].values
    values["PMOM_Why__c"] = value
    values["SystemModstamp"] = office.crm.now_at
    _note_written(office.ctx, [Outcome(change, "applied", partner)])


@pytest.mark.slow
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_any_order_of_our_writes_and_other_peoples_edits_ends_as_if_everything_were_read_anew(
    office: Office, steps: list[str]
) -> None:
    """And our own writes alone leave nothing to decide or plan, at whatever second they fall."""
    partner = office.partner("Partner")
    office.pull(full=True)
    clear(office)
    told, others = set[str](), False
    for number, step in enumerate(steps):
        values = office.crm.records["Account"][partner].values
        if step == OURS:
            write_ours(office, partner, f"ours {number}")
        elif step == THEIRS:
            others = True
            values |= {"Name": f"Name {number}", "SystemModstamp": office.crm.now_at}
        elif step == INTO_OURS:
            others = True
            values |= {"PMOM_Why__c": f"theirs {number}", "SystemModstamp": office.crm.now_at}
        elif step == TICK:
            office.crm.advance(timedelta(seconds=1))
        elif step == READ:
            read(office, "Account", *told)
        else:
            office.pull()
        told |= {partner} if step in (OURS, THEIRS, INTO_OURS) else set()
    read(office, "Account", partner)
    held = office.ctx.mirror.query("SELECT name FROM partners WHERE id = ?", [partner]).to_pylist()
    assert held == [{"name": office.crm.records["Account"][partner].values["Name"]}]
    cards = office.ctx.mirror.query('SELECT "Why" FROM scorecards WHERE id = ?', [partner]).to_pylist()
    assert [row["Why"] for row in cards] == [office.crm.records["Account"][partner].values.get("PMOM_Why__c")]
    if not others:
        assert not marked(office)
    elif THEIRS in steps:
        assert partner in (to_decide(office.ctx.mirror).read() or ())


def _fails(mirror: Mirror) -> None:
    with mirror.together():
        mirror.set_meta("a", "after")
        with mirror.together():
            mirror.set_meta("b", "new")
        raise CutError


def test_a_block_that_fails_leaves_the_mirror_as_it_was(tmp_path: Path) -> None:
    """A block that fails keeps nothing of what it wrote, also within another block."""
    with Mirror.open(tmp_path / "mirror.duckdb") as mirror:
        mirror.set_meta("a", "before")
        with pytest.raises(CutError):
            _fails(mirror)
        assert (mirror.get_meta("a"), mirror.get_meta("b")) == ("before", None)


def test_a_hint_says_the_same_however_often_it_is_delivered(office: Office) -> None:
    from connector.sync.hints import sync_hints

    office.quoting("Partner", won=2, of=10)
    office.sync()
    deal = next(iter(office.crm.records["Opportunity"]))
    hints = [Hint(Sender.EVENTS, "Opportunity", deal, Happened.CHANGED, key=str(n)) for n in range(1_000)]
    before = office.crm.calls
    report = sync_hints(office.ctx, office.next_run(), hints)
    assert (report.hints, report.fetched, report.echoes) == (1_000, 1, 1)
    assert office.crm.calls == before + 1
