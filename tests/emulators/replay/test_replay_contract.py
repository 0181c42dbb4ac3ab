"""Every operation of the vendor's own client that a connector calls answers with its contract's status and model."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from emulators.hubspot import owners
from emulators.loopback.http import Call
from emulators.replay.recordings import FOLDER
from emulators.replay.targets import PortalUnderFire

OPERATIONS: list[dict[str, Any]] = json.loads((FOLDER / "hubspot_operations.json").read_text())["operations"]
STAGE = {"label": "S", "displayOrder": 0, "metadata": {"probability": "0.5"}}
PIPELINE = {"label": "P", "displayOrder": 1, "stages": [STAGE]}
LIMITS = "/crm/v4/associations/definitions/configurations"
NEW = {"name": "new_one", "label": "N", "type": "string", "fieldType": "text", "groupName": "companyinformation"}
LINK = {"from": {"id": "13"}, "to": {"id": "11"}}
SPEC = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 279}]
LIMIT = {"category": "USER_DEFINED", "typeId": 1, "maxToObjectIds": 5}
OWN = [{"associationCategory": "USER_DEFINED", "associationTypeId": 1}]
FILTER = {"filterGroups": [{"filters": [{"propertyName": "hs_object_id", "operator": "GT", "value": "0"}]}]}

# of records: (arguments of a call that succeeds, its status, arguments of one that is refused, that status);
# A and B are records of the object, NONE is none, TOKEN says that the refused call has a wrong token
TOKEN = "TOKEN"
RECORDS: dict[str, tuple[list[Any], int, Any, int]] = {
    "BatchApi.archive": ([{"inputs": [{"id": "A"}]}], 204, [{"inputs": "x"}], 400),
    "BatchApi.create": (
        [{"inputs": [{"properties": "VALUES"}]}],
        201,
        [{"inputs": [{"properties": {"no_such": "1"}}]}],
        400,
    ),
    "BatchApi.read": ([{"inputs": [{"id": "A"}], "properties": []}], 200, [{"inputs": [{"id": "A"}] * 101}], 400),
    "BatchApi.update": (
        [{"inputs": [{"id": "A", "properties": {"a_key": "1"}}]}],
        200,
        [{"inputs": [{"id": "A", "properties": {"no_such": "1"}}]}],
        400,
    ),
    "BatchApi.upsert": (
        [{"inputs": [{"id": "k", "idProperty": "a_key", "properties": "VALUES"}]}],
        200,
        [{"inputs": [{"id": "k", "idProperty": "no_such", "properties": {}}]}],
        400,
    ),
    "BasicApi.archive": (["A"], 204, TOKEN, 401),
    "BasicApi.create": ([{"properties": "VALUES"}], 201, [{"properties": {"no_such": "1"}}], 400),
    "BasicApi.get_by_id": (["A"], 200, ["NONE"], 404),
    "BasicApi.get_page": ([], 200, TOKEN, 401),
    "BasicApi.merge": (
        [{"primaryObjectId": "A", "objectIdToMerge": "B"}],
        200,
        [{"primaryObjectId": "A", "objectIdToMerge": "A"}],
        400,
    ),
    "BasicApi.purge": ([{"objectId": "A"}], 204, TOKEN, 401),
    "BasicApi.update": (["A", {"properties": {"a_key": "1"}}], 200, ["NONE", {"properties": {"a_key": "1"}}], 404),
    "SearchApi.do_search": ([FILTER], 200, [{"limit": 1000}], 400),
}
REST: dict[str, dict[str, tuple[list[Any], int, Any, int]]] = {
    "crm.properties": {
        "BatchApi.archive": ([{"inputs": [{"name": "a_key"}]}], 204, TOKEN, 401),
        "BatchApi.create": ([{"inputs": [NEW]}], 201, [{"inputs": "x"}], 400),
        "BatchApi.read": ([{"archived": False, "inputs": [{"name": "name"}]}], 200, TOKEN, 401),
        "GroupsApi.archive": (["a_group"], 204, ["no_such"], 404),
        "GroupsApi.create": ([{"name": "g", "label": "G"}], 201, [{"name": "a_group", "label": "G"}], 409),
        "GroupsApi.get_all": ([], 200, TOKEN, 401),
        "GroupsApi.get_by_name": (["a_group"], 200, ["no_such"], 404),
        "GroupsApi.update": (["a_group", {"label": "H"}], 200, ["no_such", {"label": "H"}], 404),
        "CoreApi.archive": (["a_key"], 204, ["no_such"], 404),
        "CoreApi.create": ([NEW], 201, [{**NEW, "name": "a_key"}], 409),
        "CoreApi.get_all": ([], 200, TOKEN, 401),
        "CoreApi.get_by_name": (["name"], 200, ["no_such"], 404),
        "CoreApi.update": (["a_key", {"label": "L"}], 200, ["no_such", {"label": "L"}], 404),
    },
    "crm.pipelines": {
        "PipelineStagesApi.archive": (["default", "closedlost"], 204, ["default", "no_such"], 404),
        "PipelineStagesApi.create": (
            ["default", STAGE],
            201,
            ["default", {"label": "S", "displayOrder": 0, "metadata": {}}],
            400,
        ),
        "PipelineStagesApi.get_all": (["default"], 200, ["no_such"], 404),
        "PipelineStagesApi.get_by_id": (["default", "closedwon"], 200, ["default", "no_such"], 404),
        "PipelineStagesApi.replace": (["default", "closedlost", STAGE], 200, ["default", "no_such", STAGE], 404),
        "PipelineStagesApi.update": (
            ["default", "closedlost", {"label": "Lost", "metadata": {}}],
            200,
            ["default", "no_such", {"metadata": {}}],
            404,
        ),
        "PipelineAuditsApi.get_audit": (["PIPELINE"], 200, TOKEN, 401),
        "PipelineStageAuditsApi.get_audit": (["closedlost"], 200, TOKEN, 401),
        "PipelinesApi.archive": (["PIPELINE"], 204, ["no_such"], 404),
        "PipelinesApi.create": ([PIPELINE], 201, [{"label": "P", "displayOrder": 1, "stages": []}], 400),
        "PipelinesApi.get_all": ([], 200, TOKEN, 401),
        "PipelinesApi.get_by_id": (["default"], 200, ["no_such"], 404),
        "PipelinesApi.replace": (["PIPELINE", PIPELINE], 200, ["no_such", PIPELINE], 404),
        "PipelinesApi.update": (["default", {"label": "Q"}], 200, ["no_such", {"label": "Q"}], 404),
    },
    "crm.owners": {
        "OwnersApi.get_by_id": ([77], 200, [78], 404),
        "OwnersApi.get_page": ([], 200, TOKEN, 401),
    },
    "crm.associations.v4": {
        "BatchApi.archive": (
            [{"inputs": [{"from": {"id": "13"}, "to": [{"id": "11"}]}]}],
            204,
            [{"inputs": "x"}],
            400,
        ),
        "BatchApi.archive_labels": ([{"inputs": [{**LINK, "types": SPEC}]}], 204, [{"inputs": "x"}], 400),
        "BatchApi.create": ([{"inputs": [{**LINK, "types": SPEC}]}], 201, [{"inputs": "x"}], 400),
        "BatchApi.create_default": ([{"inputs": [LINK]}], 200, [{"inputs": "x"}], 400),
        "BatchApi.get_page": ([{"inputs": [{"id": "13"}]}], 200, [{"inputs": "x"}], 400),
        "BasicApi.archive": (["13", "11"], 204, TOKEN, 401),
        "BasicApi.create": (["13", "11", SPEC], 201, ["13", "999", SPEC], 404),
        "BasicApi.create_default": (["13", "11"], 200, ["13", "999"], 404),
        "BasicApi.get_page": (["13"], 200, TOKEN, 401),
        "ReportApi.request": ([52_000_001], 200, [1], 404),
    },
    "crm.associations.v4.schema": {
        "DefinitionConfigurationsApi.batch_create": (
            [{"inputs": [LIMIT | {"typeId": 1}]}],
            201,
            [{"inputs": "x"}],
            400,
        ),
        "DefinitionConfigurationsApi.batch_remove": (
            [{"inputs": [{"typeId": 279, "category": "HUBSPOT_DEFINED"}]}],
            204,
            [{"inputs": [{"typeId": 999, "category": "USER_DEFINED"}]}],
            404,
        ),
        "DefinitionConfigurationsApi.batch_update": (
            [{"inputs": [LIMIT | {"typeId": 279, "category": "HUBSPOT_DEFINED"}]}],
            200,
            [{"inputs": "x"}],
            400,
        ),
        "DefinitionConfigurationsApi.get_all": ([], 200, TOKEN, 401),
        "DefinitionConfigurationsApi.get_all_between_two_object_types": ([], 200, TOKEN, 401),
        "DefinitionsApi.create": ([{"name": "other", "label": "Other"}], 200, [{"name": "a b", "label": "X"}], 400),
        "DefinitionsApi.get_all": ([], 200, TOKEN, 401),
        "DefinitionsApi.remove": ([1], 204, [999], 404),
        "DefinitionsApi.update": (
            [{"associationTypeId": 1, "label": "M"}],
            204,
            [{"associationTypeId": 999, "label": "M"}],
            404,
        ),
    },
}
FIRST = {"crm.properties": ["companies"], "crm.pipelines": ["deals"], "crm.owners": []}
VALUES = {"meetings": {"hs_timestamp": "1"}, "tasks": {"hs_timestamp": "1"}}


def named(operation: dict[str, Any]) -> str:
    return f"{operation['api']}.{operation['name']}"


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[PortalUnderFire]:
    made = PortalUnderFire(tmp_path)
    made.emulator.start()
    yield made
    made.close()


class Caller:
    """Calls one operation through the client's own classes."""

    def __init__(self, portal: PortalUnderFire, operation: dict[str, Any], token: str) -> None:
        package = importlib.import_module(f"hubspot.{operation['module']}")
        settings = package.Configuration(host=portal.emulator.url)
        settings.access_token = token
        self.client = package.ApiClient(settings)
        self.api = getattr(package, operation["api"])(self.client)
        self.operation, self.refused = operation, package.ApiException

    def call(self, arguments: list[Any]) -> tuple[int, str]:
        """Status, and the name of the model that the body was read into."""
        method = getattr(self.api, f"{self.operation['name']}_with_http_info")
        try:
            body, status, _ = method(**dict(zip(self.operation["args"], arguments, strict=True)))
        finally:
            self.client.rest_client.pool_manager.clear()
        return status, "" if body is None else type(body).__name__


def prepared(portal: PortalUnderFire, operation: dict[str, Any]) -> dict[str, Any]:
    """What the tables' words stand for, after it was made."""
    name = operation["path"].split("/")[4] if operation["path"].startswith("/crm/v3/objects/") else "companies"
    ask(portal, "POST", f"/crm/v3/properties/{name}", {**NEW, "name": "a_key", "groupName": group(portal, name),
                                                       "hasUniqueValue": True})  # fmt: skip
    ask(portal, "POST", "/crm/v3/properties/companies/groups", {"name": "a_group", "label": "G"})
    ask(portal, "POST", "/crm/v4/associations/contacts/companies/labels", {"name": "lead", "label": "Lead"})
    limit = LIMIT | {"typeId": 279, "category": "HUBSPOT_DEFINED"}
    ask(portal, "POST", f"{LIMITS}/contacts/companies/batch/create", {"inputs": [limit]})
    owners.put(portal.portal, {"id": "77", "email": "a@b.example", "userId": 78})
    ask(portal, "PUT", "/crm/v4/objects/contacts/13/associations/default/companies/11")
    pipeline = ask(portal, "POST", "/crm/v3/pipelines/deals", {**PIPELINE, "label": "Mine"})["id"]
    values = VALUES.get(name, {})
    ids = [ask(portal, "POST", f"/crm/v3/objects/{name}", {"properties": values})["id"] for _ in range(2)]
    return {"A": ids[0], "B": ids[1], "NONE": "999", "VALUES": values, "PIPELINE": pipeline}


def group(portal: PortalUnderFire, name: str) -> str:
    return str(ask(portal, "GET", f"/crm/v3/properties/{name}")["results"][0]["groupName"])


def ask(portal: PortalUnderFire, method: str, path: str, body: object = None) -> Any:
    headers = {**portal.vocabulary.headers, "content-type": "application/json"}
    answer = portal.handle(Call(method, path, headers, b"" if body is None else json.dumps(body).encode()))
    assert answer is not None
    assert answer.status < 300, answer.body
    return json.loads(answer.body)


def put(words: dict[str, Any], value: Any) -> Any:
    if isinstance(value, str):
        return words.get(value, value)
    if isinstance(value, list):
        return [put(words, each) for each in value]
    return {key: put(words, each) for key, each in value.items()} if isinstance(value, dict) else value


def case(operation: dict[str, Any]) -> tuple[list[Any], int, Any, int]:
    table = REST.get(operation["module"], RECORDS)
    first = FIRST.get(operation["module"], ["contacts", "companies"] if "associations" in operation["module"] else [])
    right, status, wrong, refused = table[named(operation)]
    if (
        operation["name"] in ("get_all", "request")
        and not operation["args"][1:]
        and "associations" in operation["module"]
    ):
        first = []
    if operation["module"] == "crm.associations.v4" and operation["api"] == "BasicApi":
        return between(right), status, wrong if wrong == TOKEN else between(wrong), refused
    return [*first, *right], status, wrong if wrong == TOKEN else [*first, *wrong], refused


def between(rest: list[Any]) -> list[Any]:
    """Type and id of one end, then those of the other."""
    return ["contacts", rest[0], "companies", *rest[1:]]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: f"{each['module']}.{named(each)}")
def test_an_operation_answers_as_its_contract_says(portal: PortalUnderFire, operation: dict[str, Any]) -> None:
    right, status, wrong, refused = case(operation)
    words = prepared(portal, operation)
    token = portal.vocabulary.headers["authorization"].removeprefix("Bearer ")
    model = operation["models"].get(str(status), "")
    bad = Caller(portal, operation, "wrong" if wrong == TOKEN else token)
    with pytest.raises(bad.refused) as found:
        bad.call(put(words, right if wrong == TOKEN else wrong))
    assert found.value.status == refused
    assert Caller(portal, operation, token).call(put(words, right)) == (status, model)


@pytest.mark.parametrize("module", ["crm.companies", "crm.contacts", "crm.deals", "crm.objects.tasks", "crm.quotes"])
def test_a_batch_that_finds_a_part_is_read_with_its_errors(portal: PortalUnderFire, module: str) -> None:
    operation = next(each for each in OPERATIONS if (each["module"], named(each)) == (module, "BatchApi.read"))
    words = prepared(portal, operation)
    token = portal.vocabulary.headers["authorization"].removeprefix("Bearer ")
    body = {"inputs": [{"id": words["A"]}, {"id": "999"}], "properties": [], "propertiesWithHistory": []}
    assert Caller(portal, operation, token).call([body]) == (207, "BatchResponseSimplePublicObjectWithErrors")


def test_the_contract_has_as_many_operations_as_are_tried() -> None:
    assert len({(each["module"], named(each)) for each in OPERATIONS}) == 118
