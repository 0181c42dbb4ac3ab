"""Which sources of the shipped HubSpot mapping does a portal fill, depending on what it has?"""

from __future__ import annotations

from dataclasses import replace

import pytest

from connector.config.check import Level, check
from connector.config.mapping_file import load_named
from connector.config.reads import reads, usable
from connector.core.records import TABLES, Kind, table
from connector.crm.base import Field, ObjectSchema
from connector.crm.memory import MemoryCRM

SHIPPED = load_named("hubspot")
Portal = dict[str, ObjectSchema]
NEITHER = {"campaign_members"}  # HubSpot does not tell by API who is in a campaign


def portal() -> Portal:
    """Every object and property that the mapping names, each of the kind that its column wants."""
    fields: dict[str, dict[str, Field]] = {}
    for source in SHIPPED.sources:
        known = fields.setdefault(source.object, {})
        for predicate in source.where:
            known.setdefault(predicate.field, _field(predicate.field, Kind.TEXT))
        for rule in source.columns:
            kind = table(source.table).column(rule.column).kind
            for name in rule.fields:
                known[name] = _field(name, Kind.TEXT if rule.values else kind)
    task = SHIPPED.write.task
    written = (task.key_field, task.subject, task.owner, task.due, task.description, task.related, task.status)
    for name in (*written, *(name for name, _ in task.extra)):
        fields[task.object].setdefault(name, _field(name, Kind.TEXT))
    return {
        name: ObjectSchema(name, name, tuple(of.values()), cursor="hs_lastmodifieddate")
        for name, of in fields.items()
    }


def _field(name: str, kind: Kind) -> Field:
    several = name.startswith("assoc_")
    return Field(name, name, Kind.ID if several else kind, createable=True, updateable=True, multiple=several)


def without(schemas: Portal, *paths: str) -> Portal:
    left = dict(schemas)
    for path in paths:
        name, _, field = path.partition(".")
        if not field:
            del left[name]
        else:
            assert left[name].field(field) is not None, path
            left[name] = replace(left[name], fields=tuple(f for f in left[name].fields if f.name != field))
    return left


def sources(schemas: Portal, name: str) -> list[str]:
    return [source.name for source in usable(SHIPPED, schemas) if source.table == name]


def test_every_canonical_table_but_one_has_a_source() -> None:
    assert {each.name for each in TABLES if not SHIPPED.of(each.name)} == NEITHER


def test_a_portal_with_everything_has_no_error() -> None:
    assert check(SHIPPED, MemoryCRM(portal())).of(Level.ERROR) == ()


@pytest.mark.parametrize("kind", ["requests", "claims"])
def test_funds_come_from_the_first_place_that_the_portal_has(kind: str) -> None:
    name, status = f"fund_{kind}", f"fund_{kind[:-1]}_status"
    everything = portal()
    no_custom = without(everything, name)
    no_deals = without(no_custom, f"deals.{status}")
    nothing = without(no_deals, f"companies.{status}")
    assert sources(everything, name) == [f"fund {kind}"]
    assert sources(no_custom, name) == [f"fund {kind} on deals"]
    assert sources(no_deals, name) == [f"fund {kind} on companies"]
    assert sources(nothing, name) == []
    notes = [f.found for f in check(SHIPPED, MemoryCRM(nothing)).of(Level.NOTE) if f.key.startswith(name)]
    assert len(notes) == 3  # each of the places is named


def test_a_portal_without_labels_still_reads_the_mapped_property() -> None:
    labels = [
        f"deals.assoc_companies__{role}_partner"
        for role in ("reseller", "influencing", "services", "referral", "sourcing")
    ]
    found = sources(without(portal(), *labels), "partner_links")
    assert found == ["field", "registration"]


def test_one_read_an_object_serves_all_tables_that_it_feeds() -> None:
    made = reads(SHIPPED, portal())
    assert len({read.object for read in made}) == len(made)
    deals = next(read for read in made if read.object == "deals")
    assert {name for name, _ in deals.feeds} == {"opportunities", "partner_links"}
    assert "assoc_companies__primary" in deals.fields


def test_links_drift_because_a_changed_association_moves_no_date() -> None:
    schemas = portal()
    drifting = tuple(replace(f, calculated=f.name.startswith("assoc_")) for f in schemas["deals"].fields)
    schemas["deals"] = replace(schemas["deals"], fields=drifting)
    deals = next(read for read in reads(SHIPPED, schemas) if read.object == "deals")
    assert "assoc_companies__sourcing_partner" in deals.drifting


def test_the_names_of_links_that_an_install_makes_are_those_that_are_read() -> None:
    named = {f"assoc_{each.to_object}__{each.label.lower().replace(' ', '_')}" for each in SHIPPED.write.labels}
    read = {name for source in SHIPPED.of("partner_links") for rule in source.columns for name in rule.fields}
    assert named == {name for name in read if name.startswith("assoc_")}
