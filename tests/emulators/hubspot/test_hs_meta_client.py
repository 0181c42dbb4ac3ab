"""The vendor's own client understands what the portal says of its metadata: no answer is lost for its status."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hubspot import HubSpot
from hubspot.crm.associations.v4 import BatchInputPublicFetchAssociationsBatchRequest


@pytest.fixture
def client(hub: Any) -> Iterator[Any]:
    made: list[Any] = []

    def remembered(package: Any, name: str, config: Any) -> Any:
        settings = package.Configuration()
        settings.host, settings.access_token = config["host"], config["access_token"]
        made.append(getattr(package, name)(api_client=package.ApiClient(configuration=settings)))
        return made[-1]

    yield HubSpot(access_token="pat-na1-static", host=hub.url, base_url=hub.url, api_factory=remembered)
    for api in made:
        api.api_client.rest_client.pool_manager.clear()


def test_properties_and_groups_through_the_client(client: Any) -> None:
    api = client.crm.properties
    assert api.groups_api.create("companies", {"name": "pmom", "label": "PM-OM"}).name == "pmom"
    sent = {"name": "pmom_a", "label": "A", "type": "string", "fieldType": "text", "groupName": "pmom"}
    assert api.core_api.create("companies", sent).has_unique_value is False
    assert api.core_api.update("companies", "pmom_a", {"label": "B"}).label == "B"
    again = api.batch_api.create("companies", {"inputs": [sent, sent | {"name": "pmom_b"}]})
    assert (again.num_errors, [each.name for each in again.results]) == (1, ["pmom_b"])
    assert len(api.core_api.get_all("companies").results) > 100
    api.core_api.archive("companies", "pmom_a")


def test_pipelines_owners_and_schemas_through_the_client(client: Any) -> None:
    (pipeline,) = client.crm.pipelines.pipelines_api.get_all("deals").results
    assert [stage.metadata["isClosed"] for stage in pipeline.stages].count("true") == 2
    assert client.crm.owners.owners_api.get_page().results == []
    schema = {
        "name": "fund_requests",
        "labels": {"singular": "Request", "plural": "Requests"},
        "primaryDisplayProperty": "title",
        "requiredProperties": [],
        "properties": [{"name": "title", "label": "Title", "type": "string", "fieldType": "text"}],
        "associatedObjects": ["COMPANY"],
    }
    made = client.crm.schemas.core_api.create(schema)
    assert made.fully_qualified_name == "p48000001_fund_requests"
    assert [each.name for each in client.crm.schemas.core_api.get_all().results] == ["fund_requests"]


def test_associations_through_the_client(client: Any, hub: Any) -> None:
    deal, company, lonely = hub.make("deals"), hub.make("companies", name="A"), hub.make("deals")
    api = client.crm.associations.v4
    default = api.basic_api.create_default("deals", deal, "companies", company)
    assert len(default.results) == 2
    labels = api.schema.definitions_api.create("deals", "companies", {"name": "sourcing", "label": "Sourcing"})
    types = [{"associationCategory": "USER_DEFINED", "associationTypeId": labels.results[0].type_id}]
    joined = api.basic_api.create("deals", deal, "companies", company, types)
    assert joined.labels == ["Primary", "Sourcing"]
    inputs = BatchInputPublicFetchAssociationsBatchRequest(inputs=[{"id": deal}, {"id": lonely}])
    read = api.batch_api.get_page("deals", "companies", inputs)
    assert (read.num_errors, read.results[0]._from.id) == (1, deal)
