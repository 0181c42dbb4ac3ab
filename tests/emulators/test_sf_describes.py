"""Versions, object lists and describes: the keys of real orgs, and the catalog's own consistency."""

from __future__ import annotations

from typing import Any

import pytest

from emulators.salesforce import catalog

FIELD_KEYS = (
    "aggregatable autoNumber byteLength calculated calculatedFormula cascadeDelete caseSensitive compoundFieldName "
    "controllerName createable custom defaultValue defaultValueFormula defaultedOnCreate dependentPicklist "
    "deprecatedAndHidden digits displayLocationInDecimal encrypted externalId extraTypeInfo filterable "
    "filteredLookupInfo groupable highScaleNumber htmlFormatted idLookup inlineHelpText label length mask maskType "
    "name nameField namePointing nillable permissionable picklistValues polymorphicForeignKey precision "
    "queryByDistance referenceTargetField referenceTo relationshipName relationshipOrder restrictedDelete "
    "restrictedPicklist scale searchPrefilterable soapType sortable type unique updateable writeRequiresMasterRead"
)
OBJECT_KEYS = (
    "actionOverrides activateable childRelationships compactLayoutable createable custom customSetting deletable "
    "deprecatedAndHidden feedEnabled fields hasSubtypes isSubtype keyPrefix label labelPlural layoutable "
    "listviewable lookupLayoutable mergeable mruEnabled name namedLayoutInfos networkScopeFieldName queryable "
    "recordTypeInfos replicateable retrieveable searchLayoutable searchable sobjectDescribeOption "
    "supportedScopes triggerable undeletable updateable urls"
)


def test_versions_run_from_31_to_67(caller: Any) -> None:
    del caller.http.headers["Authorization"]
    listed = caller.raw("GET", "/services/data").json()
    assert listed[0]["version"] == "31.0"
    assert listed[-1] == {"label": "Summer '26", "url": "/services/data/v67.0", "version": "67.0"}
    assert listed[-2]["label"] == "Spring '26"
    assert listed[-3]["label"] == "Winter '26"
    assert listed[-4]["label"] == "Summer '25"


@pytest.mark.parametrize(
    ("version", "status"), [("20.0", 404), ("21.0", 410), ("30.0", 410), ("31.0", 200), ("67.0", 200), ("68.0", 404)]
)
def test_retired_versions_are_gone_and_unknown_ones_absent(caller: Any, version: str, status: int) -> None:
    assert caller.call("GET", "/limits", version=version)[0] == status


def test_a_versions_links_include_identity_and_slashes_do_not_matter(caller: Any) -> None:
    status, links = caller.call("GET", "/")
    assert (status, links["sobjects"]) == (200, "/services/data/v67.0/sobjects")
    assert links["identity"] == f"{caller.emulator.url}/id/{caller.org.org_id}/{caller.org.user_id}"


def test_a_describe_has_the_recorded_keys(caller: Any) -> None:
    body = caller.call("GET", "/sobjects/Account/describe", version="42.0")[1]
    assert sorted(body) == sorted(OBJECT_KEYS.split())
    assert {tuple(field) for field in body["fields"]} == {tuple(FIELD_KEYS.split())}
    kind = next(field for field in body["fields"] if field["name"] == "Type")
    assert (kind["type"], kind["length"], kind["byteLength"], kind["soapType"]) == ("picklist", 40, 120, "xsd:string")
    assert [option["value"] for option in kind["picklistValues"]][3:6] == [
        "Channel Partner / Reseller",
        "Installation Partner",
        "Technology Partner",
    ]
    parent = next(field for field in body["fields"] if field["name"] == "ParentId")
    assert (parent["referenceTo"], parent["relationshipName"], parent["byteLength"]) == (["Account"], "Parent", 18)


def test_children_are_named_with_their_field(caller: Any) -> None:
    body = caller.call("GET", "/sobjects/Opportunity/describe")[1]
    found = {one["relationshipName"]: (one["childSObject"], one["field"]) for one in body["childRelationships"]}
    assert found["OpportunityPartnersFrom"] == ("OpportunityPartner", "OpportunityId")
    assert found["OpportunityHistories"] == ("OpportunityHistory", "OpportunityId")
    assert found["Tasks"] == ("Task", "WhatId")


def test_a_describe_not_modified_since_answers_304(caller: Any) -> None:
    path = "/services/data/v67.0/sobjects/Account/describe"
    first = caller.raw("GET", path)
    since = {"If-Modified-Since": first.headers["Last-Modified"]}
    again = caller.raw("GET", path, headers=since)
    assert (again.status_code, again.content) == (304, b"")
    caller.org.clock.advance(1)
    caller.control("POST", "access", {"object": "Account", "field": "Site", "readable": False})
    assert caller.raw("GET", path, headers=since).status_code == 200


def test_the_global_describe_lists_every_object(caller: Any) -> None:
    body = caller.call("GET", "/sobjects")[1]
    assert (body["encoding"], body["maxBatchSize"]) == ("UTF-8", 200)
    assert [one["name"] for one in body["sobjects"][:3]] == ["Account", "AccountHistory", "AccountPartner"]
    assert "PartnerFundClaim" in {one["name"] for one in body["sobjects"]}


def test_an_objects_head_comes_with_recent_records(caller: Any) -> None:
    caller.make("Account", Name="x")
    body = caller.call("GET", "/sobjects/Account")[1]
    assert (body["objectDescribe"]["keyPrefix"], body["recentItems"][0]["Name"]) == ("001", "x")


def test_limits_and_counts(caller: Any) -> None:
    caller.make("Account", Name="x")
    assert caller.call("GET", "/limits")[1]["DailyApiRequests"] == {"Max": 100_000, "Remaining": 99_998}
    body = caller.call("GET", "/limits/recordCount?sObjects=Account,Contact")[1]
    assert body == {"sObjects": [{"count": 1, "name": "Account"}, {"count": 0, "name": "Contact"}]}


def test_every_look_up_of_the_catalog_leads_somewhere() -> None:
    schema = catalog.load()
    for obj in schema.objects.values():
        for field in obj.fields.values():
            assert all(schema.object(target) for target in field.reference_to), (obj.name, field.name)
            assert (field.type == "reference") == bool(field.reference_to), (obj.name, field.name)


def test_every_child_relationship_of_a_parent_is_unique() -> None:
    schema = catalog.load()
    for obj in schema.objects.values():
        names = [
            (field.child_relationship or "").lower()
            for child in schema.objects.values()
            for field in child.fields.values()
            if obj.name in field.reference_to and field.child_relationship
        ]
        assert len(names) == len(set(names)), obj.name


def test_an_unknown_feature_is_named_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="unknown feature prn; known are campaigninfluence, multicurrency, prm"):
        catalog.load(["prn"])


def test_a_deal_cannot_be_followed_to_its_contact() -> None:
    field = catalog.load().objects["opportunity"].field("ContactId")
    assert (field.relationship_name, field.createable, field.updateable) == (None, True, False)
