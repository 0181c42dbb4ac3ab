"""The cards of opportunities, campaigns and fund requests: announced, installed, checked and taken away."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from connector.config import mapping_file
from connector.config.check import Level, check
from connector.core.cards import machine
from connector.crm.base import Action, StepStatus, Write, WriteStatus
from connector.sync.cards import carriers, present, specs

if TYPE_CHECKING:
    from connector.config.fieldmap import FieldMap
    from connector.crm.base import FieldSpec

TABLES = ("opportunities", "campaigns", "fund_requests")
CARRIED = {"salesforce": TABLES, "hubspot": ("opportunities",)}
"""What a fresh org or portal carries: a portal has no object of fund requests, and campaigns take no properties."""

both = pytest.mark.parametrize("fresh", ["salesforce", "hubspot"], indirect=True)
pytestmark = pytest.mark.slow


def wanted(fieldmap: FieldMap) -> tuple[FieldSpec, ...]:
    objects = {fieldmap.write.object_of(table) for table in TABLES if table in carriers(fieldmap)}
    return tuple(each for each in specs(fieldmap) if each.object in objects or each.object == "Account")


def names_of(crm: Any, object_name: str) -> tuple[str, ...]:
    return tuple(field.name for field in crm.schema(object_name).fields)


@both
def test_the_cards_are_announced_installed_found_and_taken_away(fresh: Any) -> None:
    crm, fieldmap = fresh.crm, mapping_file.load_named(fresh.vendor)
    cards = wanted(fieldmap)
    there = {fieldmap.write.object_of(table) for table in CARRIED[fresh.vendor]}
    fields = {f"{each.object}.{crm.field_name(each)}" for each in cards if each.object in there}

    def statuses(steps: Any) -> set[StepStatus]:
        found = {step.name: step.status for step in steps}
        assert fields <= found.keys()
        return {found[name] for name in fields}

    assert statuses(crm.install(cards, dry_run=True)) == {StepStatus.WOULD_CREATE}
    assert statuses(crm.install(cards, dry_run=False)) == {StepStatus.CREATED}
    assert statuses(crm.install(cards, dry_run=False)) == {StepStatus.PRESENT}
    assert set(CARRIED[fresh.vendor]) == set(present(crm, fieldmap)) - {"partners", "fund_claims"}
    held = {name for o in there for name in names_of(crm, o) if name.lower().startswith("pmom_")}
    ours = {crm.field_name(each) for each in cards if each.object in there}
    assert held == ours
    assert statuses(crm.uninstall(cards, dry_run=True)) == {StepStatus.WOULD_REMOVE}
    assert statuses(crm.uninstall(cards, dry_run=False)) == {StepStatus.REMOVED}
    assert not [name for o in there for name in names_of(crm, o) if name.lower().startswith("pmom_")]


@both
def test_the_check_says_which_cards_are_not_carried_and_why(fresh: Any) -> None:
    fieldmap = mapping_file.load_named(fresh.vendor)
    notes = {
        f.key: f.found
        for f in check(fieldmap, fresh.crm).of(Level.NOTE)
        if f.key.startswith(("write.cards", "write.unc"))
    }
    if fresh.vendor == "salesforce":
        assert notes == {}
        return
    assert "the object fund_requests is absent or hidden" in notes["write.cards.fund_requests"]
    assert notes["write.uncarried.campaigns"] == (
        "nothing is written for campaigns: HubSpot's public API has no call that adds a property to campaigns"
    )


@pytest.mark.parametrize("fresh", ["salesforce"], indirect=True)
def test_a_card_on_a_campaign_holds_what_was_written(fresh: Any) -> None:
    crm, fieldmap = fresh.crm, mapping_file.load_named("salesforce")
    crm.install(wanted(fieldmap), dry_run=False)
    made = fresh.add("Campaign", Name="Summer")
    names = {field.name: f"PMOM_{field.name}__c" for field in machine("campaigns")}
    values = {
        names["PoP_Multiple"]: Decimal("3.50"),
        names["PoP_Matured"]: True,
        names["Counts_Toward_Last_Three"]: True,
        names["Lever_Conflict"]: False,
        names["Campaign_Reason"]: "because",
        names["Policy_Version"]: "v",
    }
    (done,) = crm.write([Write("w", "Campaign", Action.UPDATE, tuple(values.items()), id=made)])
    assert done.status is WriteStatus.APPLIED
    (row,) = crm.fetch("Campaign", [made], tuple(values)).to_pylist()
    assert {name: row[name] for name in values} == values
