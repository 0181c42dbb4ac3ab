"""hubspot-sdk (dated versions) as its users call it, every answer read strictly into the vendor's models."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import hubspot_sdk
import portal_side as portal
from hubspot_sdk import HubSpot
from hubspot_sdk.types.auth import (
    AccessTokenResponse,
    ClientCredentialsTokenResponse,
    PublicAccessTokenInfoResponse,
    PublicRefreshTokenInfoResponse,
)

STEM = f"sdk-{time.time_ns()}"
NAME = STEM.replace("-", "_")
WHEN = "2026-03-31T09:00:00Z"


def connect(**options: Any) -> HubSpot:
    given = {"access_token": portal.TOKEN, "base_url": portal.URL, "_strict_response_validation": True}
    return HubSpot(**{**given, **options})


def refused(call: Callable[[], Any], error: type[hubspot_sdk.APIStatusError], **expected: str) -> dict[str, Any]:
    """The body of a refusal, which must have these parts."""
    try:
        call()
    except error as bad:
        body = bad.response.json()
        assert {name: body.get(name) for name in expected} == expected, body
        return dict(body)
    raise AssertionError(f"nothing was refused with {error.__name__}")


def company(hub: HubSpot, **values: str) -> str:
    return hub.crm.objects.companies.create(properties={"name": STEM, **values}, associations=[]).id


def deal(hub: HubSpot) -> str:
    return hub.crm.objects.deals.create(properties={"dealname": STEM}, associations=[]).id


def records(hub: HubSpot) -> None:
    api = hub.crm.objects.companies
    made = api.create(properties={"name": STEM, "numberofemployees": "7"}, associations=[])
    assert made.created_at.tzinfo is not None
    assert api.update(made.id, properties={"numberofemployees": "8"}).properties["numberofemployees"] == "8"
    read = api.get(
        made.id, properties=["numberofemployees", "nothing"], properties_with_history=["numberofemployees"]
    )
    assert [each.value for each in read.properties_with_history["numberofemployees"]] == ["8", "7"]
    assert "nothing" not in read.properties
    api.delete(made.id)
    refused(lambda: api.get(made.id), hubspot_sdk.NotFoundError, category="OBJECT_NOT_FOUND")


def pages(hub: HubSpot) -> None:
    page = hub.crm.objects.deals.list(limit=50, properties=["dealname"])
    assert len(page.results) == 50
    every = list(page)
    assert len({each.id for each in every}) == len(every) > 100


def search(hub: HubSpot) -> None:
    ids = [company(hub, city=STEM), company(hub, city=STEM)]
    found: list[str] = []
    after = ""
    while True:
        page = hub.crm.objects.companies.search(
            filter_groups=[{"filters": [{"property_name": "city", "operator": "EQ", "value": STEM}]}],
            sorts=["hs_object_id"], properties=["city"], limit=1, after=after,
        )  # fmt: skip
        found += [each.id for each in page.results]
        if page.paging is None or page.paging.next is None:
            break
        after = page.paging.next.after
    assert found == ids


def batches(hub: HubSpot) -> None:
    api = hub.crm.objects.contacts.batch
    mails = [f"{STEM}-{n}@a.example" for n in range(4)]
    inputs = [{"properties": {"email": each}, "associations": []} for each in mails[:3]]
    ids = [each.id for each in api.create(inputs=inputs).results]
    changed = api.update(inputs=[{"id": each, "properties": {"jobtitle": "Chief"}} for each in ids])
    assert (changed.status, len(changed.results)) == ("COMPLETE", 3)
    asked = {"properties": ["jobtitle"], "properties_with_history": []}
    assert len(api.get(inputs=[{"id": each} for each in ids], **asked).results) == 3
    upserts = [{"id": each, "id_property": "email", "properties": {"email": each}} for each in mails[2:]]
    assert sorted(each.new for each in api.upsert(inputs=upserts).results) == [False, True]
    api.delete(inputs=[{"id": each} for each in ids])


def associations(hub: HubSpot) -> None:
    one, partner = deal(hub), company(hub)
    labels = hub.crm.associations_schema.labels
    lenient = connect(_strict_response_validation=False)  # the model wants texts where the wire has numbers
    there = labels.create_label("companies", from_object_type="deals", label=STEM, name=NAME).results[0]
    types = [{"association_category": "USER_DEFINED", "association_type_id": there.type_id}]
    ends = {"object_type": "deals", "object_id": one}
    joined = lenient.crm.associations.update_labels(partner, to_object_type="companies", body=types, **ends)
    assert STEM in joined.labels
    page = lenient.crm.associations.list("companies", limit=500, **ends)
    assert [str(each.to_object_id) for each in page.results] == [partner]
    batch = hub.crm.associations.batch
    read = lenient.crm.associations.batch.get("companies", from_object_type="deals", inputs=[{"id": one}])
    assert [each.from_.id for each in read.results] == [one]
    pair = {"from": {"id": one}, "to": {"id": partner}}
    assert len(batch.create_default("companies", from_object_type="deals", inputs=[pair]).results) == 2
    batch.delete_labels("companies", from_object_type="deals", inputs=[{**pair, "types": types}])
    hub.crm.associations.delete(partner, to_object_type="companies", **ends)
    assert lenient.crm.associations.list("companies", **ends).results == []
    labels.delete_label(there.type_id, from_object_type="deals", to_object_type="companies")
    assert hub.crm.associations.request_high_usage_report(int(portal.USER_ID)).user_id == int(portal.USER_ID)


def association_limits(hub: HubSpot) -> None:
    schema, one = hub.crm.associations_schema, {"type_id": 341, "max_to_object_ids": 3}
    given = {"from_object_type": "deals", "inputs": [{**one, "category": "HUBSPOT_DEFINED"}]}
    assert schema.labels.batch_create("companies", **given).results[0].user_enforced_max_to_object_ids == 3
    assert schema.limits.batch_update("companies", **given).results[0].type_id == 341
    assert schema.limits.get_by_object_types("companies", from_object_type="deals").results[0].type_id == 341
    inputs = [{"type_id": 341, "category": "HUBSPOT_DEFINED"}]
    schema.limits.batch_delete("companies", from_object_type="deals", inputs=inputs)
    assert schema.limits.list().results == []


def properties(hub: HubSpot) -> None:
    api = hub.crm.properties
    assert api.groups.create("companies", name=NAME, label=STEM).name == NAME
    kind = {"type": "string", "field_type": "text", "group_name": NAME}
    made = api.create("companies", name=NAME, label=STEM, **kind)
    assert made.archived is False
    again = refused(
        lambda: api.create("companies", name=NAME, label=STEM, **kind),
        hubspot_sdk.ConflictError,
        category="OBJECT_ALREADY_EXISTS",
    )
    assert again["subCategory"] == "Properties.PROPERTY_WITH_NAME_EXISTS"
    assert api.update(NAME, object_type="companies", label="Other").label == "Other"
    assert len(api.list("companies").results) > 100
    rules = hub.crm.properties_validations
    rule = {"object_type_id": "0-2", "property_name": NAME}
    rules.update_by_object_type_id_property_name_and_rule_type("MAX_LENGTH", rule_arguments=["3"], **rule)
    assert rules.get_by_object_type_id_property_name_and_rule_type("MAX_LENGTH", **rule).rule_arguments == ["3"]
    assert NAME in {each.property_name for each in rules.get_by_object_type_id("0-2").results}
    refused(lambda: company(hub, **{NAME: "four"}), hubspot_sdk.BadRequestError, category="VALIDATION_ERROR")
    api.delete(NAME, object_type="companies")
    api.groups.delete(NAME, object_type="companies")


def pipelines(hub: HubSpot) -> None:
    api = hub.crm.pipelines
    stages = [{"label": "A", "display_order": 0, "metadata": {"probability": "0.5"}}]
    made = api.create("deals", label=STEM, display_order=7, stages=stages)
    won = {"label": "Won", "display_order": 1, "metadata": {"probability": "1.0"}}
    stage = api.create_stage(made.id, object_type="deals", **won)
    assert stage.metadata["isClosed"] == "true"
    assert [each.id for each in api.list_stages(made.id, object_type="deals").results][1] == stage.id
    assert [each.action for each in api.list_audit(made.id, object_type="deals").results] == ["UPDATE", "CREATE"]
    assert len(api.list_stage_audit(stage.id, object_type="deals", pipeline_id=made.id).results) == 1
    api.delete(made.id, object_type="deals")


def owners(hub: HubSpot) -> None:
    one = hub.crm.owners.list(limit=1).results[0]
    assert hub.crm.owners.get(int(one.id)).email == one.email


def schemas(hub: HubSpot) -> None:
    api = hub.crm.object_schemas
    made = api.create(
        name=NAME, labels={"singular": "Claim", "plural": "Claims"}, primary_display_property="title",
        required_properties=[], searchable_properties=[], secondary_display_properties=[],
        associated_objects=["COMPANY"], allows_sensitive_properties=False,
        properties=[{"name": "title", "label": "Title", "type": "string", "field_type": "text"}],
    )  # fmt: skip
    assert api.get(made.object_type_id).name == NAME
    link = {"from_object_type_id": made.object_type_id, "to_object_type_id": "0-3", "name": f"{NAME}_deal"}
    kind = api.create_association(made.object_type_id, **link)
    api.delete_association(kind.id, object_type=made.object_type_id)
    api.delete(made.object_type_id)


def activities(hub: HubSpot) -> None:
    types = [{"association_category": "HUBSPOT_DEFINED", "association_type_id": 192}]
    linked = [{"to": {"id": company(hub)}, "types": types}]
    objects = hub.crm.objects
    task = objects.tasks.create(properties={"hs_timestamp": WHEN, "hs_task_subject": STEM}, associations=linked)
    assert len(objects.tasks.get(task.id, associations=["companies"]).associations["companies"].results) == 1
    assert objects.meetings.create(properties={"hs_timestamp": WHEN, "hs_meeting_title": STEM}, associations=[]).id
    assert objects.quotes.create(
        properties={"hs_title": STEM, "hs_expiration_date": "2026-04-30"}, associations=[]
    ).id


def merges(hub: HubSpot) -> None:
    kept, lost = company(hub), company(hub, phone="123")
    merged = hub.crm.objects.companies.merge(primary_object_id=kept, object_id_to_merge=lost)
    assert hub.crm.objects.companies.get(lost, properties=["phone"]).id == merged.id


def lists(hub: HubSpot) -> None:
    api, member = hub.crm.lists, company(hub)
    made = api.create(name=STEM, object_type_id="0-2", processing_type="MANUAL").list
    assert api.add_memberships(made.list_id, body=[member]).record_ids_missing == []
    assert [each.record_id for each in api.list_memberships(made.list_id).results] == [member]
    read = api.batch_read_memberships(inputs=[{"object_type_id": "0-2", "record_id": member}])
    assert [each.list_id for each in read.results[0].record_list_memberships] == [made.list_id]
    folder = api.create_folder(name=STEM).folder
    api.move_list(list_id=made.list_id, new_folder_id=str(folder.id))
    assert api.rename_folder(str(folder.id), new_folder_name="Other").folder.name == "Other"
    refused(lambda: api.delete_folder(str(folder.id)), hubspot_sdk.BadRequestError)
    api.delete(made.list_id)
    api.delete_folder(str(folder.id))


def imports(hub: HubSpot) -> None:
    columns = [{"columnObjectTypeId": "0-2", "columnName": "Name", "propertyName": "name"}]
    page = {"hasHeader": True, "columnMappings": columns}
    files = [{"fileName": "a.csv", "fileFormat": "CSV", "fileImportPage": page}]
    asked = {"name": STEM, "importOperations": {"0-2": "CREATE"}, "files": files}
    sent = ("a.csv", f"Name\n{STEM}\n".encode(), "text/csv")
    made = hub.crm.imports.create(files=sent, import_request=json.dumps(asked))
    portal.control("clock", {"advance": 600})
    told = hub.crm.imports.get(int(made.id))
    assert (told.state, told.metadata.counters["CREATED_OBJECTS"]) == ("DONE", 1)
    assert hub.crm.imports.list_errors(int(made.id)).results == []


def exports(hub: HubSpot) -> None:
    made = hub.crm.exports.create_async(
        export_type="VIEW", export_name=STEM, format="CSV", language="EN", object_type="COMPANY",
        object_properties=["name"], associated_object_type=[], export_internal_values_options=["NAMES"],
        include_labeled_associations=False, include_primary_display_property_for_associated_objects=False,
        override_associated_objects_per_definition_per_row_limit=False,
    )  # fmt: skip
    portal.control("clock", {"advance": 600})
    told = hub.crm.exports.get_status(int(made.id))
    assert (told.status, str(told.result).startswith(portal.URL)) == ("COMPLETE", True)


def limits(hub: HubSpot) -> None:
    assert hub.crm.limits.get_custom_property_limits().overall_limit == 10_000
    assert hub.crm.limits.get_calculated_property_limits().overall_usage == 0
    assert hub.crm.limits.get_pipeline_limits().custom_object_types.overall_limit == 100
    assert hub.crm.limits.get_record_limits().hubspot_defined_object_types[0].limit == 15_000_000
    assert hub.crm.limits.get_association_records_limits_from_objects().results == []
    assert hub.crm.limits.get_custom_object_type_limits().limit > 0
    assert str(hub.account.get().portal_id) == portal.PORTAL_ID
    assert hub.account.get_daily_private_apps_usage().results[0].current_usage > 0
    assert hub.meta.origins.ip_ranges.list().results[0].direction == "EGRESS"
    assert "127.0.0.1/32" in hub.meta.origins.ip_ranges.list_simple()


def webhooks(hub: HubSpot) -> None:
    receiver, api, app = portal.Receiver(), hub.webhooks, int(portal.APP_ID)
    portal.real_time()
    throttling = {"max_concurrent_requests": 10}
    assert api.update_settings(app, target_url=receiver.url, throttling=throttling).target_url == receiver.url
    made = api.create_event_subscription(app, event_type="deal.creation", active=True)
    assert api.get_event_subscription(int(made.id), app_id=app).active is True
    one = deal(hub)
    receiver.delivered()
    assert [str(each["objectId"]) for each in receiver.events] == [one]
    api.delete_event_subscription(int(made.id), app_id=app)
    api.delete_settings(app)


def journal(hub: HubSpot) -> None:
    words = ("read", "subscriptions.read", "subscriptions.write", "snapshots.read", "snapshots.write")
    scope = " ".join(f"developer.webhooks_journal.{each}" for each in words)
    token = granted(grant_type="client_credentials", scope=scope)
    ClientCredentialsTokenResponse.model_validate(token)
    mine = connect(access_token=token["access_token"])
    asked = {"subscription_type": "OBJECT", "object_type_id": "0-2", "actions": ["CREATE"]}
    made = mine.webhooks.create_journal_subscription(
        portal_id=int(portal.PORTAL_ID), properties=["name"], object_ids=[], **asked
    )
    one = company(hub)
    entry = mine.webhooks.get_latest_journal_entry().json()  # a plain answer: the model is missing
    assert one in portal.text_of(entry["url"])
    assert [each.id for each in mine.webhooks.list_journal_subscriptions().results] == [made.id]
    mine.webhooks.delete_journal_subscription(made.id)


def granted(**form: str) -> dict[str, Any]:
    """The client sends its token calls as JSON, which the vendor's endpoint does not read: forms are posted here."""
    keys = {"client_id": portal.CLIENT_ID, "client_secret": portal.CLIENT_SECRET}
    return portal.posted("/oauth/2026-03/token", {**keys, **form})


def oauth(hub: HubSpot) -> None:
    keys = {"client_id": portal.CLIENT_ID, "client_secret": portal.CLIENT_SECRET}
    asked = {"grant_type": "refresh_token", "refresh_token": portal.REFRESH_TOKEN}
    as_json = refused(lambda: hub.auth.oauth.create_token(**asked, **keys), hubspot_sdk.BadRequestError)
    assert as_json["status"] == "BAD_GRANT_TYPE"
    back = "http://127.0.0.1/back"
    page = portal.redirected(f"/oauth/authorize?client_id={portal.CLIENT_ID}&redirect_uri={back}&scope=oauth")
    code = parse_qs(urlsplit(page).query)["code"][0]
    tokens = granted(grant_type="authorization_code", code=code, redirect_uri=back)
    AccessTokenResponse.model_validate(tokens)
    again = granted(grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    mine = connect(access_token=again["access_token"])
    assert len(mine.crm.owners.list(limit=1).results) == 1
    path = "/oauth/2026-03/token/introspect"
    access = portal.posted(path, {**keys, "token": again["access_token"]})
    assert PublicAccessTokenInfoResponse.model_validate(access).active is True
    refresh = portal.posted(path, {**keys, "token": tokens["refresh_token"]})
    assert PublicRefreshTokenInfoResponse.model_validate(refresh).token_use == "refresh_token"
    assert portal.posted("/oauth/2026-03/token/revoke", {**keys, "token": tokens["refresh_token"]}) is None
    assert portal.posted(path, {**keys, "token": tokens["refresh_token"]}) == {"active": False}
    portal.control("expire_tokens", {})
    refused(mine.crm.owners.list, hubspot_sdk.AuthenticationError, category="EXPIRED_AUTHENTICATION")


def errors(hub: HubSpot) -> None:
    stranger = connect(access_token="pat-nobody").crm.objects.companies
    refused(stranger.list, hubspot_sdk.AuthenticationError, category="INVALID_AUTHENTICATION")
    with portal.scopes_without("crm.objects.companies.read"):
        refused(hub.crm.objects.companies.list, hubspot_sdk.PermissionDeniedError, category="MISSING_SCOPES")
    contact = {"properties": {"email": f"{STEM}-twice@a.example"}, "associations": []}
    known = hub.crm.objects.contacts.create(**contact).id
    message = f"Contact already exists. Existing ID: {known}"
    refused(lambda: hub.crm.objects.contacts.create(**contact), hubspot_sdk.ConflictError, message=message)
    with portal.faults({"kind": "429", "path": "/crm/objects", "times": 1}):
        api = connect(max_retries=0).crm.objects.companies
        refused(lambda: api.list(limit=1), hubspot_sdk.RateLimitError, category="RATE_LIMITS")


def retries(_: HubSpot) -> None:
    hub = connect(_strict_response_validation=False)  # the model has no null values of properties
    with portal.faults({"kind": "429", "path": "/crm/objects", "times": 1}):
        assert hub.crm.objects.companies.list(limit=1).results
    with portal.faults({"kind": "drop", "path": "/crm/objects", "times": 1}):
        assert hub.crm.objects.companies.list(limit=1).results


CAPABILITIES: tuple[Callable[[HubSpot], None], ...] = (
    records, pages, search, batches, associations, association_limits, properties, pipelines, owners, schemas,
    activities, merges, lists, imports, exports, limits, webhooks, journal, oauth, errors, retries,
)  # fmt: skip

if __name__ == "__main__":
    portal.run(CAPABILITIES, connect(), sys.argv[1:])
