"""How records are joined, by which labels, and how that is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from emulators.hubspot import associations, labels
from emulators.hubspot.portal import Settings

PRIMARY = {"category": "HUBSPOT_DEFINED", "typeId": 5, "label": "Primary"}
PLAIN = {"category": "HUBSPOT_DEFINED", "typeId": 341, "label": None}
LABELS = "/crm/v4/associations/deals/companies/labels"
BATCH = "/crm/v4/associations/deals/companies/batch"


@pytest.fixture
def ids(hub: Any) -> tuple[str, str, str]:
    return hub.make("deals", dealname="D"), hub.make("companies", name="A"), hub.make("companies", name="B")


def told(hub: Any, deal: str, version: str = "v4/objects") -> dict[str, Any]:
    path = f"/crm/{version}/deals/{deal}/associations/companies"
    status, body = hub.call("GET", path)
    assert status == 200
    return {str(each["toObjectId"]): each["associationTypes"] for each in body["results"]}


def label(hub: Any, text: str, inverse: str | None = None) -> list[int]:
    sent = {"label": text, "name": text.lower().replace(" ", "_")} | ({"inverseLabel": inverse} if inverse else {})
    status, body = hub.call("POST", LABELS, sent)
    assert status == 200
    return [each["typeId"] for each in body["results"]]


def put(hub: Any, deal: str, company: str, *types: tuple[str, int]) -> tuple[int, Any]:
    sent = [{"associationCategory": category, "associationTypeId": number} for category, number in types]
    return hub.call("PUT", f"/crm/v4/objects/deals/{deal}/associations/companies/{company}", sent)


def test_the_default_association_answers_both_directions(hub: Any, ids: tuple[str, str, str]) -> None:
    deal, one, _ = ids
    status, body = hub.call("PUT", f"/crm/v4/objects/deals/{deal}/associations/default/companies/{one}")
    assert (status, body["status"]) == (200, "COMPLETE")
    assert body["results"] == [
        {
            "from": {"id": deal},
            "to": {"id": one},
            "associationSpec": {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 341},
        },
        {
            "from": {"id": one},
            "to": {"id": deal},
            "associationSpec": {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 342},
        },
    ]


def test_the_first_company_becomes_the_primary_one_and_the_second_does_not(
    hub: Any, ids: tuple[str, str, str]
) -> None:
    deal, one, other = ids
    for company in (one, other):
        hub.call("PUT", f"/crm/objects/2026-03/deals/{deal}/associations/default/companies/{company}")
    assert told(hub, deal, "objects/2026-03") == {one: [PRIMARY, PLAIN], other: [PLAIN]}


def test_a_deal_has_one_primary_company(hub: Any, ids: tuple[str, str, str]) -> None:
    deal, one, other = ids
    put(hub, deal, one, ("HUBSPOT_DEFINED", 5))
    status, body = put(hub, deal, other, ("HUBSPOT_DEFINED", 5))
    assert (status, body) == (
        201,
        {
            "fromObjectTypeId": "0-3",
            "fromObjectId": int(deal),
            "toObjectTypeId": "0-2",
            "toObjectId": int(other),
            "labels": ["Primary"],
        },
    )
    assert told(hub, deal) == {one: [PLAIN], other: [PRIMARY, PLAIN]}
    assert hub.call("GET", f"/crm/v4/objects/companies/{one}/associations/deals")[1]["results"] == [
        {"toObjectId": int(deal), "associationTypes": [{"category": "HUBSPOT_DEFINED", "typeId": 342, "label": None}]}
    ]


def test_a_company_is_the_primary_one_of_many_deals(hub: Any, ids: tuple[str, str, str]) -> None:
    deal, one, _ = ids
    second = hub.make("deals", dealname="E")
    for each in (deal, second):
        hub.call("PUT", f"/crm/v4/objects/companies/{one}/associations/default/deals/{each}")
    assert told(hub, deal) == told(hub, second) == {one: [PRIMARY, PLAIN]}


def test_a_label_brings_the_plain_association_along_and_makes_nobody_primary(
    hub: Any, ids: tuple[str, str, str]
) -> None:
    deal, one, _ = ids
    (number,) = label(hub, "Sourcing partner")
    assert put(hub, deal, one, ("USER_DEFINED", number))[1]["labels"] == ["Sourcing partner"]
    mine = {"category": "USER_DEFINED", "typeId": number, "label": "Sourcing partner"}
    assert told(hub, deal) == {one: [PLAIN, mine]}


def test_paired_labels_have_a_type_a_direction(hub: Any, ids: tuple[str, str, str]) -> None:
    deal, one, _ = ids
    there, back = label(hub, "Sourced by", "Sourced")
    assert there != back
    put(hub, deal, one, ("USER_DEFINED", there))
    found = hub.call("GET", f"/crm/v4/objects/companies/{one}/associations/deals")[1]["results"]
    assert found[0]["associationTypes"][-1] == {"category": "USER_DEFINED", "typeId": back, "label": "Sourced"}
    way_back = hub.call("GET", "/crm/associations/2026-03/companies/deals/labels")[1]["results"]
    assert [(each["typeId"], each["label"]) for each in way_back] == [(6, "Primary"), (342, None), (back, "Sourced")]


def test_labels_are_listed_changed_and_deleted(hub: Any, ids: tuple[str, str, str]) -> None:
    deal, one, _ = ids
    (number,) = label(hub, "Old")
    put(hub, deal, one, ("USER_DEFINED", number))
    assert hub.call("PUT", LABELS, {"associationTypeId": number, "label": "New"}) == (204, None)
    mine = {"category": "USER_DEFINED", "typeId": number, "label": "New"}
    assert hub.call("GET", LABELS) == (200, {"results": [PRIMARY, PLAIN, mine]})
    assert hub.call("DELETE", f"{LABELS}/{number}") == (204, None)
    assert hub.call("DELETE", f"{LABELS}/{number}")[0] == 404
    assert told(hub, deal) == {one: [PLAIN]}


def test_a_label_that_is_there_is_a_conflict(hub: Any) -> None:
    label(hub, "Partner")
    assert hub.call("POST", LABELS, {"label": "partner", "name": "p"})[0] == 409


def test_a_pair_has_ten_labels_and_not_eleven(hub: Any) -> None:
    for number in range(10):
        label(hub, f"L{number}")
    status, body = hub.call("POST", LABELS, {"label": "one more", "name": "more"})
    assert (status, body["subCategory"]) == (400, "AssociationTypeError.LABEL_LIMIT_EXCEEDED")
    used = hub.call("GET", "/crm/limits/2026-03/associations/labels")[1]["results"]
    (found,) = used
    assert (found["fromObjectType"]["objectTypeId"], found["toObjectType"]["objectTypeId"]) == ("0-2", "0-3")
    assert (found["usage"], found["limit"], found["percentage"], len(found["allLabels"])) == (10, 10, 100.0, 10)


def test_a_portal_without_labels_makes_none(start: Any) -> None:
    hub = start(settings=Settings(without=("labels",)))
    assert hub.call("POST", LABELS, {"label": "P", "name": "p"})[0] == 403
    assert hub.call("GET", LABELS)[1]["results"] == [PRIMARY, PLAIN]


def test_removing_takes_all_labels_away(hub: Any, ids: tuple[str, str, str]) -> None:
    deal, one, _ = ids
    put(hub, deal, one, ("HUBSPOT_DEFINED", 5))
    path = f"/crm/v4/objects/deals/{deal}/associations/companies/{one}"
    assert hub.call("DELETE", path) == (204, None)
    assert told(hub, deal) == {}


def test_single_labels_are_archived_and_the_plain_one_takes_the_rest_along(
    hub: Any, ids: tuple[str, str, str]
) -> None:
    deal, one, _ = ids
    put(hub, deal, one, ("HUBSPOT_DEFINED", 5))
    one_input = {"from": {"id": deal}, "to": {"id": one}}

    def take(number: int) -> None:
        types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": number}]
        assert hub.call("POST", f"{BATCH}/labels/archive", {"inputs": [one_input | {"types": types}]}) == (204, None)

    take(5)
    assert told(hub, deal) == {one: [PLAIN]}
    put(hub, deal, one, ("HUBSPOT_DEFINED", 5))
    take(341)
    assert told(hub, deal) == {}


def test_a_batch_read_leaves_out_records_without_associations_and_tells_them_as_errors(
    hub: Any, ids: tuple[str, str, str]
) -> None:
    deal, one, _ = ids
    lonely = hub.make("deals", dealname="E")
    put(hub, deal, one, ("HUBSPOT_DEFINED", 341))
    both = {"inputs": [{"id": deal}, {"id": lonely}]}
    status, body = hub.call("POST", f"{BATCH}/read", both)
    assert (status, body["numErrors"]) == (207, 1)
    assert body["results"] == [
        {"from": {"id": deal}, "to": [{"toObjectId": int(one), "associationTypes": [PRIMARY, PLAIN]}]}
    ]
    assert body["errors"] == [
        {
            "status": "error",
            "category": "OBJECT_NOT_FOUND",
            "message": f"No company is associated with deal {lonely}.",
            "context": {"fromObjectId": [lonely], "fromObjectType": ["deal"], "toObjectType": ["company"]},
            "errors": [],
            "links": {},
            "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND",
        }
    ]
    assert hub.call("POST", f"{BATCH}/read", {"inputs": [{"id": deal}]})[0] == 200


def test_a_batch_reads_1000_records_and_not_1001(hub: Any) -> None:
    many = [{"id": str(number)} for number in range(1, 1002)]
    assert hub.call("POST", f"{BATCH}/read", {"inputs": many})[0] == 400
    assert hub.call("POST", f"{BATCH}/read", {"inputs": many[1:]})[0] == 207


def test_long_lists_come_in_pages_a_record(hub: Any, ids: tuple[str, str, str]) -> None:
    deal, one, other = ids
    for company in (one, other):
        put(hub, deal, company, ("HUBSPOT_DEFINED", 341))
    hub.portal.put_state("association_page", 1)
    first = hub.call("POST", f"{BATCH}/read", {"inputs": [{"id": deal}]})[1]["results"][0]
    assert ([each["toObjectId"] for each in first["to"]], first["paging"]) == ([int(one)], {"next": {"after": one}})
    second = hub.call("POST", f"{BATCH}/read", {"inputs": [{"id": deal, "after": one}]})[1]["results"][0]
    assert ([each["toObjectId"] for each in second["to"]], "paging" in second) == ([int(other)], False)
    page = hub.call("GET", f"/crm/v4/objects/deals/{deal}/associations/companies", params={"limit": 1})[1]
    assert page["paging"]["next"]["after"] == one


def test_batches_create_and_archive(hub: Any, ids: tuple[str, str, str]) -> None:
    deal, one, other = ids
    types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 341}]
    pairs = [{"from": {"id": deal}, "to": {"id": each}, "types": types} for each in (one, other)]
    status, body = hub.call("POST", f"{BATCH}/create", {"inputs": pairs})
    assert (status, {each["toObjectId"] for each in body["results"]}) == (201, {int(one), int(other)})
    lost = {"from": {"id": deal}, "to": {"id": "999"}, "types": types}
    status, body = hub.call("POST", f"{BATCH}/create", {"inputs": [*pairs, lost]})
    assert (status, body["numErrors"], len(body["results"])) == (207, 1, 2)
    gone = {"inputs": [{"from": {"id": deal}, "to": [{"id": one}, {"id": other}]}]}
    assert hub.call("POST", f"{BATCH}/archive", gone) == (204, None)
    assert told(hub, deal) == {}
    default = {"inputs": [{"from": {"id": deal}, "to": {"id": one}}]}
    status, body = hub.call("POST", f"{BATCH}/associate/default", default)
    assert (status, len(body["results"])) == (200, 2)


def test_types_that_do_not_fit_are_refused(hub: Any, ids: tuple[str, str, str]) -> None:
    deal, one, _ = ids
    assert put(hub, deal, one, ("HUBSPOT_DEFINED", 3))[0] == 400
    assert put(hub, deal, one, ("USER_DEFINED", 341))[0] == 400
    assert put(hub, deal, one)[0] == 400
    assert put(hub, deal, "999", ("HUBSPOT_DEFINED", 341))[0] == 404
    assert told(hub, deal) == {}


def test_v3_answers_both_directions_and_names_the_kinds(hub: Any, ids: tuple[str, str, str]) -> None:
    deal, one, _ = ids
    old = "/crm/v3/associations/deals/companies/batch"
    sent = {"inputs": [{"from": {"id": deal}, "to": {"id": one}, "type": "deal_to_company"}]}
    status, body = hub.call("POST", f"{old}/create", sent)
    assert status == 201
    assert sorted(body["results"], key=lambda each: str(each["type"])) == [
        {"from": {"id": one}, "to": {"id": deal}, "type": "company_to_deal"},
        {"from": {"id": deal}, "to": {"id": one}, "type": "deal_to_company"},
    ]
    kinds = [{"id": one, "type": "deal_to_company"}, {"id": one, "type": "deal_to_company_unlabeled"}]
    assert hub.call("POST", f"{old}/read", {"inputs": [{"id": deal}]})[1]["results"] == [
        {"from": {"id": deal}, "to": kinds}
    ]
    assert hub.call("GET", f"/crm/v3/objects/deals/{deal}/associations/companies")[1] == {"results": kinds}
    unlabelled = {"inputs": [sent["inputs"][0] | {"type": "deal_to_company_unlabeled"}]}
    assert hub.call("POST", f"{old}/archive", unlabelled) == (204, None)
    assert told(hub, deal) == {}


def test_an_archived_record_is_associated_with_nobody_until_it_is_back(hub: Any, ids: tuple[str, str, str]) -> None:
    deal, one, _ = ids
    put(hub, deal, one, ("HUBSPOT_DEFINED", 341))
    hub.control("delete", {"object": "companies", "id": one})
    assert told(hub, deal) == {}
    hub.control("restore", {"object": "companies", "id": one})
    assert told(hub, deal) == {one: [PRIMARY, PLAIN]}


def test_links_move_to_the_survivor_who_keeps_its_own_primary_company(hub: Any, ids: tuple[str, str, str]) -> None:
    deal, one, other = ids
    loser = hub.make("deals", dealname="L")
    put(hub, deal, one, ("HUBSPOT_DEFINED", 5))
    put(hub, loser, other, ("HUBSPOT_DEFINED", 5))
    associations.move(hub.portal, "0-3", loser, deal)
    assert told(hub, deal) == {one: [PRIMARY, PLAIN], other: [PLAIN]}
    assert told(hub, loser) == {}


def test_purged_records_leave_no_link_behind(hub: Any, ids: tuple[str, str, str]) -> None:
    deal, one, _ = ids
    put(hub, deal, one, ("HUBSPOT_DEFINED", 5))
    associations.drop(hub.portal, "0-2", [one])
    assert hub.portal.connection.execute("SELECT COUNT(*) FROM association").fetchone() == (0,)


def test_a_task_is_joined_by_its_own_type(hub: Any, ids: tuple[str, str, str]) -> None:
    task = hub.make("tasks", hs_timestamp="2026-04-01T09:00:00Z", hs_task_subject="Call")
    hub.call("PUT", f"/crm/v4/objects/tasks/{task}/associations/default/companies/{ids[1]}")
    found = hub.call("GET", f"/crm/v4/objects/tasks/{task}/associations/companies")[1]["results"]
    kinds = [{"category": "HUBSPOT_DEFINED", "typeId": 192, "label": None}]
    assert found == [{"toObjectId": int(ids[1]), "associationTypes": kinds}]


def test_labels_are_loaded_from_a_file(hub: Any, tmp_path: Path) -> None:
    path = tmp_path / "labels.json"
    listed = [{"from": "deals", "to": "companies", "label": "Sourcing partner"}]
    listed.append({"from": "companies", "to": "companies", "label": "Distributor", "inverse": "Reseller"})
    path.write_text(json.dumps(listed), encoding="utf-8")
    assert labels.load(hub.portal, path) == 2
    assert [each.label for each in labels.kinds(hub.portal, "0-2", "0-2")] == [None, "Distributor", "Reseller"]
    assert [each.name for each in labels.kinds(hub.portal, "0-3", "0-2")][-1] == "sourcing_partner"
