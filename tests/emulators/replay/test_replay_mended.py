"""What recordings have taught the emulators."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from emulators.loopback.http import Call
from emulators.replay.targets import OrgUnderFire, PortalUnderFire


@pytest.fixture
def org(tmp_path: Path) -> Iterator[Any]:
    made = OrgUnderFire(tmp_path)
    yield made
    made.close()


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[Any]:
    made = PortalUnderFire(tmp_path)
    yield made
    made.close()


def ask(target: Any, method: str, path: str, body: object = None) -> Any:
    headers = {**target.vocabulary.headers, "content-type": "application/json"}
    return target.handle(Call(method, path, headers, b"" if body is None else json.dumps(body).encode()))


def test_an_updated_contact_tells_neither_its_id_nor_its_creation_among_its_properties(portal: Any) -> None:
    one = {"id": "13", "properties": {"email": "a@b.example", "lastname": ""}}
    told = json.loads(ask(portal, "POST", "/crm/v3/objects/contacts/batch/update", {"inputs": [one]}).body)
    names = set(told["results"][0]["properties"]) - {"hs_updated_by_user_id"}
    assert names == {"email", "hs_email_domain", "lastmodifieddate", "lastname"}
    told = json.loads(ask(portal, "PATCH", "/crm/v3/objects/companies/11", {"properties": {"name": "B"}}).body)
    assert {"hs_object_id", "createdate"} <= set(told["properties"])


def test_associations_of_a_custom_object_tell_their_cardinality(portal: Any) -> None:
    body = {"name": "things", "labels": {"singular": "T", "plural": "Ts"}, "primaryDisplayProperty": "t",
            "properties": [{"name": "t", "label": "T", "type": "string", "fieldType": "text"}],
            "associatedObjects": ["COMPANY"]}  # fmt: skip
    told = json.loads(ask(portal, "POST", "/crm/v3/schemas", body).body)["associations"]
    assert {(each["cardinality"], each["inverseCardinality"]) for each in told} == {("ONE_TO_MANY", "ONE_TO_MANY")}


def test_describes_tell_compound_fields_defaults_scopes_and_pages(org: Any) -> None:
    body = json.loads(ask(org, "GET", "/services/data/v67.0/sobjects/Contact/describe").body)
    fields = {each["name"]: each for each in body["fields"]}
    told = {name: (fields[name]["compoundFieldName"], fields[name]["extraTypeInfo"])
            for name in ("LastName", "MailingCity", "MailingStreet", "Email")}  # fmt: skip
    assert told == {
        "LastName": ("Name", "personname"),
        "MailingCity": ("MailingAddress", None),
        "MailingStreet": ("MailingAddress", "plaintextarea"),
        "Email": (None, None),
    }
    assert [each["name"] for each in body["supportedScopes"]] == ["everything", "mine", "team"]
    assert body["urls"]["uiNewRecord"].endswith("/003/e")


def test_a_read_record_tells_when_it_was_last_modified(org: Any) -> None:
    record_id = org.vocabulary.parameters["record"][0]
    headers = ask(org, "GET", f"/services/data/v67.0/sobjects/Account/{record_id}").headers
    assert headers["Last-Modified"] == "Tue, 31 Mar 2026 09:00:00 GMT"


def test_a_converted_lead_cannot_be_changed(org: Any) -> None:
    system = org.org.system()
    lead = org.org.insert("Lead", {"LastName": "A", "Company": "B"}, system)
    assert ask(org, "PATCH", f"/services/data/v67.0/sobjects/Lead/{lead}", {"Title": "C"}).status == 204
    org.org.update("Lead", lead, {"IsConverted": True}, system)
    refused = ask(org, "PATCH", f"/services/data/v67.0/sobjects/Lead/{lead}", {"Title": "D"})
    assert (refused.status, json.loads(refused.body)[0]["errorCode"]) == (400, "CANNOT_UPDATE_CONVERTED_LEAD")
