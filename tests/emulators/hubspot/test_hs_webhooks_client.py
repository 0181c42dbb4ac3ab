"""The vendor's own client understands what the portal says of webhooks, lists, imports and exports."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hubspot import HubSpot

from emulators.hubspot.portal import Portal
from emulators.hubspot.server import Emulator
from emulators.hubspot.tokens import App
from emulators.loopback.clock import Clock

APP = App("an-app", "its-secret", "pat-na1-static", "a-refresh-token", "a-developer-key")


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Any]:
    made: list[Any] = []

    def remembered(package: Any, name: str, config: Any) -> Any:
        settings = package.Configuration()
        settings.host, settings.access_token = config["host"], config["access_token"]
        settings.api_key["developer_hapikey"] = APP.developer_key
        made.append(getattr(package, name)(api_client=package.ApiClient(configuration=settings)))
        return made[-1]

    portal = Portal.open(tmp_path / "portal.db", clock=Clock(frozen=True))
    with Emulator(portal, APP) as emulator:
        yield HubSpot(access_token=APP.access_token, host=emulator.url, api_factory=remembered)
        for api in made:
            api.api_client.rest_client.pool_manager.clear()


def test_webhooks_are_managed_with_the_developers_key(client: Any) -> None:
    settings, api, app = client.webhooks.settings_api, client.webhooks.subscriptions_api, 23_000_001
    wanted = {"targetUrl": "http://127.0.0.1:9/", "throttling": {"maxConcurrentRequests": 10}}
    assert settings.configure(app, wanted).throttling.max_concurrent_requests == 10
    assert settings.get_all(app).target_url == "http://127.0.0.1:9/"
    body = {"eventType": "deal.propertyChange", "propertyName": "amount", "active": True}
    made = api.create(app, body)
    assert (made.event_type, made.active) == ("deal.propertyChange", True)
    assert api.update(made.id, app, {"active": False}).active is False
    assert api.update_batch(app, {"inputs": [{"id": int(made.id), "active": True}]}).results[0].active is True
    assert [each.id for each in api.get_all(app).results] == [made.id]
    assert api.get_by_id(made.id, app).property_name == "amount"
    api.archive(made.id, app)
    settings.clear(app)
    assert api.get_all(app).results == []


def test_lists_and_their_members_through_the_client(client: Any) -> None:
    lists, members = client.crm.lists.lists_api, client.crm.lists.memberships_api
    company = client.crm.companies.basic_api.create({"properties": {"name": "Acme"}}).id
    condition = {
        "operationType": "STRING",
        "operator": "CONTAINS",
        "value": "cm",
        "includeObjectsWithNoValueSet": False,
    }
    inner = {"filterType": "PROPERTY", "property": "name", "operation": condition}
    branch = {
        "filterBranchType": "OR",
        "filters": [],
        "filterBranches": [{"filterBranchType": "AND", "filters": [inner], "filterBranches": []}],
    }
    body = {"name": "Some", "objectTypeId": "0-2", "processingType": "DYNAMIC", "filterBranch": branch}
    dynamic = lists.create(body).list
    manual = lists.create({"name": "By hand", "objectTypeId": "0-2", "processingType": "MANUAL"}).list
    assert (dynamic.processing_status, manual.processing_status) == ("PROCESSING", "COMPLETE")
    assert members.add(manual.list_id, [company]).records_ids_added == [company]
    for each in (dynamic, manual):
        assert [one.record_id for one in members.get_page(each.list_id).results] == [company]
    assert [each.list_id for each in members.get_lists("0-2", company).results] == [dynamic.list_id, manual.list_id]
    assert lists.get_by_name("By hand", "0-2").list.list_id == manual.list_id
    assert lists.do_search({"query": "hand"}).total == 1
    assert lists.update_name(manual.list_id, list_name="Ours").updated_list.name == "Ours"
    assert [each.name for each in lists.get_all(list_ids=[manual.list_id]).lists] == ["Ours"]
    lists.remove(manual.list_id)


def test_imports_and_exports_through_the_client(client: Any, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("Name,Staff\nAcme,ten\n", encoding="utf-8")
    columns = [
        {"columnObjectTypeId": "0-2", "columnName": name, "propertyName": prop, "columnType": None}
        for name, prop in (("Name", "name"), ("Staff", "numberofemployees"))
    ]
    page = {"hasHeader": True, "columnMappings": columns}
    request = {"name": "Spring", "files": [{"fileName": "a.csv", "fileFormat": "CSV", "fileImportPage": page}]}
    api = client.crm.imports.core_api
    begun = api.create(files=str(file), import_request=json.dumps(request))
    done = api.get_by_id(begun.id)
    assert (begun.state, done.state, done.metadata.counters["CREATED_OBJECTS"]) == ("STARTED", "DONE", 1)
    (bad,) = client.crm.imports.public_imports_api.get_errors(begun.id).results
    assert (bad.error_type, bad.source_data.line_number) == ("COULD_NOT_PARSE_NUMBER", 2)
    assert api.cancel(begun.id).status == "COMPLETE"
    wanted = {"exportType": "VIEW", "format": "CSV", "exportName": "All", "objectType": "0-2", "language": "EN"}
    exports = client.crm.exports.public_exports_api
    task = exports.start({**wanted, "objectProperties": ["name"], "exportInternalValuesOptions": ["NAMES"]})
    assert exports.get_status(task.id).status == "COMPLETE"
