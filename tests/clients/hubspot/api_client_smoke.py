"""hubspot-api-client as its users call it: a line a capability, an AssertionError for what is not as on a portal."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import portal_side as portal
import pytest
from hubspot import HubSpot
from hubspot.crm.companies.exceptions import ForbiddenException, NotFoundException, UnauthorizedException
from hubspot.crm.contacts.exceptions import ApiException as ContactsException
from hubspot.oauth.exceptions import ApiException as OAuthException
from hubspot.utils.oauth import get_auth_url
from hubspot.utils.signature import Signature
from urllib3 import Retry

STEM = f"smoke-{time.time_ns()}"
DEAL_TO_COMPANY = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 341}]
TASK_TO_COMPANY = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 192}]
WHEN = "2026-03-31T09:00:00Z"


def connect(**options: Any) -> Any:
    given = {"access_token": portal.TOKEN, "host": portal.URL, "base_url": portal.URL, "ssl_ca_cert": portal.CA_FILE}
    return HubSpot(**{**given, **options})


@contextmanager
def refused(error: type[Exception], http: int, /, **expected: str) -> Any:
    """The block must be refused so, with these parts of the body."""
    with pytest.raises(error) as caught:
        yield
    bad: Any = caught.value
    body = json.loads(bad.body)
    assert {name: body.get(name) for name in expected} == expected, body
    assert (bad.status, body["correlationId"]) == (http, bad.headers["X-HubSpot-Correlation-Id"])


def company(hub: Any, **values: str) -> str:
    return str(hub.crm.companies.basic_api.create({"properties": {"name": STEM, **values}}).id)


def records(hub: Any) -> None:
    api = hub.crm.companies.basic_api
    made = api.create({"properties": {"name": STEM, "numberofemployees": 7}})
    assert (made.properties["name"], made.archived) == (STEM, False)
    changed = api.update(made.id, {"properties": {"numberofemployees": "8", "city": ""}})
    assert changed.properties["numberofemployees"] == "8"
    read = api.get_by_id(
        made.id, properties=["numberofemployees", "city", "nothing"], properties_with_history=["name"]
    )
    assert (read.properties["city"], "nothing" in read.properties) == (None, False)
    assert [each.value for each in read.properties_with_history["name"]] == [STEM]
    api.archive(made.id)
    with refused(NotFoundException, 404, category="OBJECT_NOT_FOUND"):
        api.get_by_id(made.id)
    assert api.get_by_id(made.id, archived=True).archived is True


def pages(hub: Any) -> None:
    api = hub.crm.deals.basic_api
    first = api.get_page(limit=5, properties=["dealname", "amount"], associations=["companies"])
    assert len(first.results) == 5
    second = api.get_page(limit=5, after=first.paging.next.after)
    assert not {each.id for each in first.results} & {each.id for each in second.results}
    every = hub.crm.deals.get_all(properties=["dealname"])
    assert [int(each.id) for each in every] == sorted(int(each.id) for each in every)
    assert len(every) == len({each.id for each in every}) > 100
    assert len(hub.crm.owners.owners_api.get_page(limit=100).results) > 1


def search(hub: Any) -> None:
    ids = {company(hub, city="Quibblesworth") for _ in range(3)}
    group = {"filters": [{"propertyName": "city", "operator": "EQ", "value": "quibblesworth"}]}
    asked = {"filterGroups": [group], "sorts": ["-hs_object_id"], "limit": 2, "properties": ["city"]}
    found = hub.crm.companies.search_api.do_search(asked)
    assert (found.total, len(found.results)) == (3, 2)
    more = hub.crm.companies.search_api.do_search({**asked, "after": found.paging.next.after})
    assert {each.id for each in (*found.results, *more.results)} == ids
    wrong = {"filterGroups": [{"filters": [{"propertyName": "city", "operator": "LIKE", "value": "x"}]}]}
    with refused(_exception("companies"), 400):
        hub.crm.companies.search_api.do_search(wrong)


def _exception(name: str) -> Any:
    return import_module(f"hubspot.crm.{name}").ApiException


def batches(hub: Any) -> None:
    api = hub.crm.contacts.batch_api
    inputs = [{"properties": {"email": f"{STEM}-{n}@a.example", "lastname": str(n)}} for n in range(5)]
    made = api.create({"inputs": inputs})
    assert {each.properties["lastname"] for each in made.results} == set("01234")
    ids = [each.id for each in made.results]
    changed = api.update({"inputs": [{"id": each, "properties": {"jobtitle": "Chief"}} for each in ids]})
    assert (changed.status, len(changed.results)) == ("COMPLETE", 5)
    read = api.read({"inputs": [{"id": each} for each in (*ids, "999")], "properties": ["jobtitle"]})
    assert (read.num_errors, read.errors[0].context["ids"]) == (1, ["999"])
    by_mail = {"inputs": [{"id": f"{STEM}-1@a.example"}], "idProperty": "email", "properties": ["email"]}
    assert api.read(by_mail).results[0].id in ids
    told = api.upsert(
        {
            "inputs": [
                {
                    "id": f"{STEM}-{n}@a.example",
                    "idProperty": "email",
                    "properties": {"email": f"{STEM}-{n}@a.example"},
                }
                for n in (4, 5)
            ]
        }
    )
    assert sorted(each.new for each in told.results) == [False, True]
    api.archive({"inputs": [{"id": each} for each in ids]})
    assert api.read({"inputs": [{"id": ids[0]}], "properties": []}).num_errors == 1


def associations(hub: Any) -> None:
    partner, deal = company(hub), hub.crm.deals.basic_api.create({"properties": {"dealname": STEM}}).id
    api = hub.crm.associations.v4
    label = {"label": f"Sourced {STEM}", "name": STEM.replace("-", "_"), "inverseLabel": f"Sourcing {STEM}"}
    there, back = api.schema.definitions_api.create("deals", "companies", label).results
    types = [{"associationCategory": "USER_DEFINED", "associationTypeId": there.type_id}]
    assert label["label"] in api.basic_api.create("deals", deal, "companies", partner, types).labels
    (found,) = api.basic_api.get_page("companies", partner, "deals").results
    assert (str(found.to_object_id), back.label in {each.label for each in found.association_types}) == (deal, True)
    lonely = hub.crm.deals.basic_api.create({"properties": {"dealname": STEM}}).id
    read = api.batch_api.get_page("deals", "companies", {"inputs": [{"id": deal}, {"id": lonely}]})
    assert (read.num_errors, [each._from.id for each in read.results]) == (1, [deal])
    pair = {"from": {"id": lonely}, "to": {"id": partner}}
    assert len(api.batch_api.create_default("deals", "companies", {"inputs": [pair]}).results) == 2
    api.batch_api.create("deals", "companies", {"inputs": [{**pair, "types": types}]})
    api.batch_api.archive_labels("deals", "companies", {"inputs": [{**pair, "types": types}]})
    (left,) = api.basic_api.get_page("deals", lonely, "companies").results
    assert there.label not in {each.label for each in left.association_types}
    api.batch_api.archive("deals", "companies", {"inputs": [{"from": {"id": lonely}, "to": [{"id": partner}]}]})
    assert api.basic_api.get_page("deals", lonely, "companies").results == []
    api.schema.definitions_api.update("deals", "companies", {"associationTypeId": there.type_id, "label": STEM})
    api.schema.definitions_api.remove("deals", "companies", there.type_id)
    assert "deal_to_company" in {
        each.name for each in hub.crm.associations.schema.types_api.get_all("deals", "companies").results
    }


def association_limits(hub: Any) -> None:
    api = hub.crm.associations.v4.schema.definition_configurations_api
    one = {"category": "HUBSPOT_DEFINED", "typeId": 341, "maxToObjectIds": 1}
    assert api.batch_create("deals", "companies", {"inputs": [one]}).results[0].user_enforced_max_to_object_ids == 1
    assert api.batch_create("deals", "companies", {"inputs": [one]}).num_errors == 1
    deal, first, second = (
        hub.crm.deals.basic_api.create({"properties": {"dealname": STEM}}).id,
        company(hub),
        company(hub),
    )
    joined = hub.crm.associations.v4.basic_api
    joined.create_default("deals", deal, "companies", first)
    with refused(_exception("associations.v4"), 400):
        joined.create_default("deals", deal, "companies", second)
    assert [each.type_id for each in api.get_all().results] == [341]
    api.batch_remove("deals", "companies", {"inputs": [{"category": "HUBSPOT_DEFINED", "typeId": 341}]})
    joined.create_default("deals", deal, "companies", second)


def properties(hub: Any) -> None:
    api, name = hub.crm.properties, STEM.replace("-", "_")
    assert api.groups_api.create("companies", {"name": name, "label": STEM}).archived is False
    sent = {"name": name, "label": STEM, "type": "enumeration", "fieldType": "select", "groupName": name}
    options = [
        {"label": each, "value": each.lower(), "displayOrder": n, "hidden": False} for n, each in enumerate("AB")
    ]
    made = api.core_api.create("companies", {**sent, "options": options})
    assert [each.value for each in made.options] == ["a", "b"]
    with refused(_exception("properties"), 409, category="OBJECT_ALREADY_EXISTS"):
        api.core_api.create("companies", {**sent, "options": options})
    text = {"type": "string", "fieldType": "text", "groupName": name}
    batch = api.batch_api.create(
        "companies", {"inputs": [{**text, "name": f"{name}_{n}", "label": str(n)} for n in "xy"]}
    )
    assert {each.name for each in batch.results} == {f"{name}_x", f"{name}_y"}
    read = api.batch_api.read("companies", {"archived": False, "inputs": [{"name": name}]})
    assert read.results[0].calculated is False
    company(hub, **{name: "a"})
    with refused(_exception("companies"), 400, category="VALIDATION_ERROR"):
        company(hub, **{name: "c"})
    with refused(_exception("properties"), 400):
        api.groups_api.archive("companies", name)
    api.batch_api.archive("companies", {"inputs": [{"name": f"{name}_{each}"} for each in "xy"]})
    api.core_api.archive("companies", name)
    assert any(each.name == name for each in api.core_api.get_all("companies", archived=True).results)


def pipelines(hub: Any) -> None:
    api = hub.crm.pipelines
    stages = [{"label": each, "displayOrder": n, "metadata": {"probability": "0.5"}} for n, each in enumerate("AB")]
    made = api.pipelines_api.create("deals", {"label": STEM, "displayOrder": 9, "stages": stages})
    added = api.pipeline_stages_api.create(
        "deals", made.id, {"label": "Won", "displayOrder": 2, "metadata": {"probability": "1.0"}}
    )
    assert added.metadata["isClosed"] == "true"
    values = {"dealname": STEM, "pipeline": made.id, "dealstage": added.id, "amount": "5", "closedate": WHEN}
    deal = hub.crm.deals.basic_api.create({"properties": values}).id
    read = hub.crm.deals.basic_api.get_by_id(deal, properties=["hs_is_closed_won", "hs_projected_amount"])
    assert read.properties["hs_is_closed_won"] == "true"
    with refused(_exception("pipelines"), 400):
        api.pipelines_api.archive("deals", made.id)
    hub.crm.deals.basic_api.archive(deal)
    assert [each.action for each in api.pipeline_audits_api.get_audit("deals", made.id).results] == [
        "UPDATE",
        "CREATE",
    ]
    assert api.pipeline_stage_audits_api.get_audit("deals", added.id).results[0].identifier == added.id
    api.pipelines_api.archive("deals", made.id)


def owners(hub: Any) -> None:
    listed = hub.crm.owners.owners_api.get_page(limit=2)
    one = listed.results[0]
    assert hub.crm.owners.owners_api.get_by_id(int(one.id)).email == one.email
    assert hub.crm.owners.owners_api.get_page(email=one.email).results[0].id == one.id
    leaver = hub.crm.owners.owners_api.get_page(archived=True).results
    assert all(each.archived for each in leaver)


def schemas(hub: Any) -> None:
    name = STEM.replace("-", "_")
    made = hub.crm.schemas.core_api.create(
        {
            "name": name, "labels": {"singular": "Claim", "plural": "Claims"}, "primaryDisplayProperty": "title",
            "requiredProperties": ["title"], "searchableProperties": ["title"], "associatedObjects": ["COMPANY"],
            "properties": [{"name": "title", "label": "Title", "type": "string", "fieldType": "text"}],
        }
    )  # fmt: skip
    assert made.fully_qualified_name == f"p{portal.PORTAL_ID}_{name}"
    api = hub.crm.objects.basic_api
    record = api.create(made.object_type_id, {"properties": {"title": STEM}}).id
    assert api.get_by_id(made.fully_qualified_name, record, properties=["title"]).properties["title"] == STEM
    link = {"fromObjectTypeId": made.object_type_id, "toObjectTypeId": "0-3", "name": f"{name}_deal"}
    kind = hub.crm.schemas.core_api.create_association(made.object_type_id, link)
    hub.crm.schemas.core_api.archive_association(made.object_type_id, kind.id)
    changed = hub.crm.schemas.core_api.update(made.object_type_id, {"labels": {"singular": "Bill"}})
    assert changed.labels.singular == "Bill"
    api.archive(made.object_type_id, record)
    hub.crm.schemas.core_api.archive(made.object_type_id)


def activities(hub: Any) -> None:
    partner = company(hub)
    linked = [{"to": {"id": partner}, "types": TASK_TO_COMPANY}]
    task = {"hs_timestamp": WHEN, "hs_task_subject": STEM, "hs_task_status": "NOT_STARTED"}
    made = hub.crm.objects.tasks.basic_api.create({"properties": task, "associations": linked})
    assert made.properties["hs_task_priority"] == "NONE"
    done = hub.crm.objects.tasks.basic_api.update(made.id, {"properties": {"hs_task_status": "COMPLETED"}})
    assert done.properties["hs_task_status"] == "COMPLETED"
    read = hub.crm.objects.tasks.basic_api.get_by_id(made.id, associations=["companies"])
    assert [each.id for each in read.associations["companies"].results] == [partner]
    meeting = {"hs_timestamp": WHEN, "hs_meeting_title": STEM, "hs_meeting_outcome": "SCHEDULED"}
    assert hub.crm.objects.meetings.basic_api.create({"properties": meeting}).id
    with refused(_exception("objects.tasks"), 400, category="VALIDATION_ERROR"):
        hub.crm.objects.tasks.basic_api.create({"properties": {"hs_task_subject": "no due date"}})
    quote = {"hs_title": STEM, "hs_expiration_date": "2026-04-30", "hs_currency": "USD"}
    made = hub.crm.quotes.basic_api.create({"properties": quote})
    assert hub.crm.quotes.basic_api.get_by_id(made.id, properties=["hs_title"]).properties["hs_title"] == STEM


def merges(hub: Any) -> None:
    kept, lost = company(hub, city="Kept"), company(hub, city="Lost", phone="123")
    asked = {"primaryObjectId": kept, "objectIdToMerge": lost}
    merged = hub.crm.companies.basic_api.merge(asked)
    read = hub.crm.companies.basic_api.get_by_id(lost, properties=["city", "phone", "hs_merged_object_ids"])
    assert (read.id, read.properties["city"], read.properties["phone"]) == (merged.id, "Kept", "123")
    assert lost in read.properties["hs_merged_object_ids"].split(";")
    mail = f"{STEM}-gone@a.example"
    hub.crm.contacts.basic_api.create({"properties": {"email": mail}})
    hub.crm.contacts.basic_api.purge({"objectId": mail, "idProperty": "email"})
    with refused(ContactsException, 404):
        hub.crm.contacts.basic_api.get_by_id(mail, id_property="email")


def lists(hub: Any) -> None:
    members = [company(hub), company(hub)]
    api = hub.crm.lists
    made = api.lists_api.create({"name": STEM, "objectTypeId": "0-2", "processingType": "MANUAL"}).list
    assert api.memberships_api.add(made.list_id, members).records_ids_added == members
    assert [each.record_id for each in api.memberships_api.get_page(made.list_id).results] == members
    found = api.lists_api.do_search({"query": STEM})
    assert (found.total, found.lists[0].list_id) == (1, made.list_id)
    folder = api.folders_api.create({"name": STEM}).folder
    api.folders_api.move_list({"listId": made.list_id, "newFolderId": str(folder.id)})
    assert api.folders_api.get_all(folder_id=str(folder.id)).folder.child_lists == [int(made.list_id)]
    api.folders_api.move_list({"listId": made.list_id, "newFolderId": "0"})
    api.folders_api.remove(str(folder.id))
    assert api.mapping_api.translate_legacy_list_id_to_list_id(legacy_list_id=made.list_id).list_id == made.list_id
    api.lists_api.remove(made.list_id)
    api.lists_api.restore(made.list_id)
    api.lists_api.remove(made.list_id)


def imports(hub: Any) -> None:
    name = f"{STEM}.csv"
    Path(name).write_text(f"Name,City\n{STEM}-imported,Paris\n", encoding="utf-8")
    columns = [("Name", "name"), ("City", "city")]
    mapped = [{"columnObjectTypeId": "0-2", "columnName": a, "propertyName": b} for a, b in columns]
    page = {"hasHeader": True, "columnMappings": mapped}
    request = {"name": STEM, "files": [{"fileName": name, "fileFormat": "CSV", "fileImportPage": page}]}
    asked = {"importOperations": {"0-2": "CREATE"}, "dateFormat": "YEAR_MONTH_DAY", **request}
    made = hub.crm.imports.core_api.create(files=[name], import_request=json.dumps(asked))
    portal.control("clock", {"advance": 600})
    told = hub.crm.imports.core_api.get_by_id(int(made.id))
    assert (told.state, told.metadata.counters["CREATED_OBJECTS"]) == ("DONE", 1)
    assert hub.crm.imports.public_imports_api.get_errors(int(made.id)).results == []
    assert made.id in [each.id for each in hub.crm.imports.core_api.get_page().results]


def exports(hub: Any) -> None:
    asked = {
        "exportType": "VIEW", "exportName": STEM, "format": "CSV", "language": "EN", "objectType": "COMPANY",
        "objectProperties": ["name"], "exportInternalValuesOptions": ["NAMES"], "associatedObjectType": None,
    }  # fmt: skip
    made = hub.crm.exports.public_exports_api.start(asked)
    portal.control("clock", {"advance": 600})
    told = hub.crm.exports.public_exports_api.get_status(int(made.id))
    assert told.status == "COMPLETE"
    assert told.result.startswith(portal.URL)


def webhooks(hub: Any) -> None:
    receiver = portal.Receiver()
    portal.real_time()
    key = connect(api_key=portal.TOKEN)
    settings, api, app = hub.webhooks.settings_api, key.webhooks.subscriptions_api, int(portal.APP_ID)
    _authorize(settings)
    _authorize(api)
    wanted = {"targetUrl": receiver.url, "throttling": {"maxConcurrentRequests": 10}}
    assert settings.configure(app, wanted).target_url == receiver.url
    body = {"eventType": "company.propertyChange", "propertyName": "city", "active": True}
    made = api.create(app, body)
    assert [each.id for each in api.get_all(app).results] == [made.id]
    for version in ("v1", "v2"):
        portal.control("webhooks", {"signature": version})
        company(hub, city=version)
    for headers, raw in receiver.delivered():
        version, text = headers["x-hubspot-signature-version"], raw.decode()
        given = {"http_uri": receiver.url, "http_method": "POST"}
        assert Signature.is_valid(
            headers["x-hubspot-signature"], portal.CLIENT_SECRET, text, signature_version=version, **given
        )
        stamp = headers["x-hubspot-request-timestamp"]
        v3 = {"signature_version": "v3", "timestamp": stamp, **given}
        assert Signature.is_valid(headers["x-hubspot-signature-v3"], portal.CLIENT_SECRET, text, **v3)
        assert not Signature.is_valid(headers["x-hubspot-signature-v3"], "another secret", text, **v3)
    assert {each["propertyValue"] for each in receiver.events} == {"v1", "v2"}
    assert api.update(made.id, app, {"active": False}).active is False
    api.archive(made.id, app)
    settings.clear(app)


def _authorize(api: Any) -> None:
    """The client sends a developer's key; this portal has none, so its token goes along as on dated versions."""
    api.api_client.set_default_header("Authorization", f"Bearer {portal.TOKEN}")


def oauth(hub: Any) -> None:
    asked = get_auth_url(client_id=portal.CLIENT_ID, redirect_uri="http://127.0.0.1/back", scope=("oauth",))
    page = urlsplit(portal.redirected(f"/oauth/authorize?{urlsplit(asked).query}"))
    keys = {"client_id": portal.CLIENT_ID, "client_secret": portal.CLIENT_SECRET}
    code = {
        "grant_type": "authorization_code",
        "redirect_uri": "http://127.0.0.1/back",
        "code": parse_qs(page.query)["code"][0],
    }
    tokens = hub.oauth.tokens_api.create(**keys, **code)
    assert (tokens.token_type, tokens.expires_in) == ("bearer", 1800)
    with refused(OAuthException, 400, status="BAD_AUTH_CODE"):
        hub.oauth.tokens_api.create(**keys, **code)
    again = hub.oauth.tokens_api.create(grant_type="refresh_token", refresh_token=tokens.refresh_token, **keys)
    mine = connect(access_token=again.access_token)
    assert len(mine.crm.companies.basic_api.get_page(limit=1).results) == 1
    told = hub.oauth.access_tokens_api.get(again.access_token)
    assert (str(told.hub_id), told.token_type) == (portal.PORTAL_ID, "access")
    assert hub.oauth.refresh_tokens_api.get(tokens.refresh_token).client_id == portal.CLIENT_ID
    portal.control("expire_tokens", {})
    with refused(UnauthorizedException, 401, category="EXPIRED_AUTHENTICATION"):
        mine.crm.companies.basic_api.get_page(limit=1)
    hub.oauth.refresh_tokens_api.archive(tokens.refresh_token)
    with refused(OAuthException, 400, status="BAD_REFRESH_TOKEN"):
        hub.oauth.tokens_api.create(grant_type="refresh_token", refresh_token=tokens.refresh_token, **keys)


def errors(hub: Any) -> None:
    with refused(UnauthorizedException, 401, category="INVALID_AUTHENTICATION"):
        connect(access_token="pat-nobody").crm.companies.basic_api.get_page()
    with (
        portal.scopes_without("crm.objects.companies.read"),
        refused(ForbiddenException, 403, category="MISSING_SCOPES"),
    ):
        hub.crm.companies.basic_api.get_page()
    mail = {"properties": {"email": f"{STEM}-twice@a.example"}}
    known = hub.crm.contacts.basic_api.create(mail).id
    said = f"Contact already exists. Existing ID: {known}"
    with refused(ContactsException, 409, category="CONFLICT", message=said):
        hub.crm.contacts.basic_api.create(mail)
    rule = {"kind": "429", "path": "/crm/v3/objects/companies", "times": 1}
    with portal.faults(rule), refused(_exception("companies"), 429, category="RATE_LIMITS"):
        connect(retry=Retry(0)).crm.companies.basic_api.get_page()


def retries(hub: Any) -> None:
    patient = connect(retry=Retry(total=4, status_forcelist=(429, 502), allowed_methods=None, backoff_factor=0.01))
    for kind in ("429", "502"):
        with portal.faults({"kind": kind, "path": "/crm/v3/objects", "times": 3}):
            assert patient.crm.companies.basic_api.get_page(limit=1).results
    began = datetime.now(UTC)
    rule = {"kind": "slow", "seconds": 3, "path": "/crm/v3/objects", "times": 1}
    with portal.faults(rule):
        assert patient.crm.companies.basic_api.get_page(limit=1, _request_timeout=(2, 0.5)).results
    assert (datetime.now(UTC) - began).total_seconds() < 3


def plain_requests(hub: Any) -> None:
    answer = hub.api_request({"path": "/account-info/v3/details"})
    assert str(answer.json()["portalId"]) == portal.PORTAL_ID
    made = hub.api_request(
        {"path": "/crm/v3/objects/notes", "method": "POST", "body": {"properties": {"hs_timestamp": WHEN}}}
    )
    assert made.status_code == 201


CAPABILITIES: tuple[Callable[[Any], None], ...] = (
    records, pages, search, batches, associations, association_limits, properties, pipelines, owners, schemas,
    activities, merges, lists, imports, exports, webhooks, oauth, errors, retries, plain_requests,
)  # fmt: skip

if __name__ == "__main__":
    portal.run(CAPABILITIES, connect(), sys.argv[1:])
