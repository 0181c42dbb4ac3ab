"""A process that dies anywhere is made good by the next one: no row, change or task is lost or doubled."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from connector.mirror import Mirror

if TYPE_CHECKING:
    from conftest import Office

    from connector.sync.pull import ObjectPull


class CutError(Exception):
    """The process ends here."""


def after_a_cut(office: Office, cut: Any) -> ObjectPull:
    """How the opportunities are read by the pull after one that `cut` ended."""
    object.__setattr__(office.ctx, "crm", Cut(office.crm, cut))
    with pytest.raises(CutError):
        office.pull()
    object.__setattr__(office.ctx, "crm", office.crm)
    return next(each for each in office.pull().objects if each.object == "Opportunity")


def test_a_plan_that_was_applied_by_a_killed_process_is_found_unchanged(office: Office) -> None:
    office.quoting("Partner", won=2, of=10)
    office.pull()
    office.decide()
    planned = office.plan()
    office.apply(planned)
    again = office.apply(planned)
    assert again.counts == {"unchanged": 1}


def test_a_pull_that_was_cut_off_goes_on_after_its_last_page(office: Office) -> None:
    partner = office.partner("Partner")
    for _ in range(25):
        office.deal(partner, won=False)
    office.crm.page_rows = 10
    reading = office.crm.read

    def cut(request, progress=None):  # type: ignore[no-untyped-def]
        for number, page in enumerate(reading(request)):
            if request.object == "Opportunity" and number == 2:
                raise CutError
            yield page

    opportunities = after_a_cut(office, cut)
    assert opportunities.mode == "resumed"
    assert opportunities.rows == 5  # of the third page: the first two were stored
    assert office.ctx.mirror.counts()["opportunities"] == 25


def test_a_task_that_was_planned_by_a_killed_process_is_made_by_the_next_sync_of_the_same_day(office: Office) -> None:
    """Its partner's fields need no change, so nothing else would bring the partner into the next plan."""
    for number in range(5):
        office.partner(f"Nobody said {number}")
    for _ in range(3):
        office.sync()
        office.crm.advance(timedelta(days=1))
        if not office.tasks():
            office.pull()
            office.decide()
            if office.plan().plan.summary.tasks_created:
                break  # and here the process dies
    assert office.tasks() == []
    office.sync()
    assert len(office.tasks()) > 0


@pytest.mark.parametrize("how", [{}, {"full": True}], ids=["changes", "full"])
def test_a_deal_that_moved_when_the_process_died_is_told_to_its_new_partner(
    office: Office, monkeypatch: pytest.MonkeyPatch, how: dict[str, bool]
) -> None:
    """Between the row and its marks: the row is known by then, and nothing else would bring the partner up again."""
    old, new = office.quoting("Old", won=2, of=10), office.quoting("New", won=2, of=10)
    office.pull()
    office.decide()
    deal = next(
        each for each, record in office.crm.records["Opportunity"].items() if record.values["Partner__c"] == old
    )
    office.edit("Opportunity", deal, Partner__c=new)
    step = "finish_full" if how else "upsert"
    real = getattr(Mirror, step)

    def dies(mirror: Mirror, table: str, *rest: Any) -> Any:
        done = real(mirror, table, *rest)
        if table == "partner_links":
            raise KeyboardInterrupt
        return done

    monkeypatch.setattr(Mirror, step, dies)
    with pytest.raises(KeyboardInterrupt):
        office.pull(**how)
    monkeypatch.setattr(Mirror, step, real)
    office.pull()
    assert set(office.decide().changed) >= {old, new}


def test_feeds_that_were_stored_unequally_go_on_behind_the_one_that_is_least_far(office: Office) -> None:
    partner = office.partner("Partner")
    for _ in range(35):
        office.deal(partner, won=False)
    office.crm.page_rows = 10
    reading, mirror = office.crm.read, office.ctx.mirror

    def cut(request, progress=None):  # type: ignore[no-untyped-def]
        for number, page in enumerate(reading(request)):
            if request.object == "Opportunity" and number == 1:
                for table, source in mirror.feeds():
                    mirror.staged(table, source)  # page 1 is on disk for all
            if request.object == "Opportunity" and number == 3:
                mirror.staged("opportunities", "opportunities")  # pages 2 and 3 for one of them only
                mirror._gathered.clear()
                raise CutError
            yield page

    opportunities = after_a_cut(office, cut)
    assert (opportunities.mode, opportunities.rows) == ("resumed", 25)
    assert mirror.counts()["opportunities"] == mirror.counts()["partner_links"] == 35


class Cut:
    """A CRM whose reads end in the middle."""

    def __init__(self, crm: object, read: object) -> None:
        self._crm, self.read = crm, read

    def __getattr__(self, name: str) -> object:
        return getattr(self._crm, name)
