"""Where a deal names several partners in one field, does the mirror follow when one of them is taken away?"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from connector.config.fieldmap import FieldMap, Source

if TYPE_CHECKING:
    from conftest import Office


@pytest.fixture(scope="session")
def fieldmap(fieldmap: FieldMap) -> FieldMap:
    """The shipped mapping, with a look-up that holds several partners."""
    return replace(fieldmap, sources=tuple(map(_several, fieldmap.sources)))


def _several(source: Source) -> Source:
    if (source.table, source.name) != ("partner_links", "field"):
        return source
    rules = (replace(rule, each=rule.column == "partner_id") for rule in source.columns)
    return replace(source, columns=tuple(rules))


def links(office: Office) -> list[tuple[str, str]]:
    rows = office.ctx.mirror.query("SELECT opportunity_id, partner_id FROM partner_links ORDER BY ALL").to_pylist()
    return [(row["opportunity_id"], row["partner_id"]) for row in rows]


def test_a_partner_taken_off_a_deal_loses_the_link_and_only_that_partner_is_decided_again(office: Office) -> None:
    left, stays = office.partner("Left"), office.partner("Stays")
    deal = office.deal(f"{left};{stays}", won=True)
    office.pull()
    office.decide()
    assert links(office) == sorted([(deal, left), (deal, stays)])
    office.edit("Opportunity", deal, Partner__c=stays)
    office.pull()
    assert links(office) == [(deal, stays)]
    assert office.decide().changed == [left]


def test_a_deleted_deal_takes_all_its_links_along(office: Office) -> None:
    deal = office.deal(f"{office.partner('One')};{office.partner('Two')}", won=True)
    other = office.deal(office.partner("Three"), won=False)
    office.pull()
    office.crm.advance(office.ctx.pace.holdback)
    office.crm.delete("Opportunity", deal)
    office.pull()
    assert [opportunity for opportunity, _ in links(office)] == [other]


def test_a_purged_deal_is_found_by_comparing_ids_link_by_link(office: Office) -> None:
    deal = office.deal(f"{office.partner('One')};{office.partner('Two')}", won=True)
    other = office.deal(office.partner("Three"), won=False)
    office.pull()
    office.crm.purge("Opportunity", deal)
    office.pull(reconcile=True)
    assert [opportunity for opportunity, _ in links(office)] == [other]
