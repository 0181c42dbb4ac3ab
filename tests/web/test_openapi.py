"""The OpenAPI document is that of the application: the same addresses, the same forms, no secret."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from connector.hooks import events
from connector.hooks.refusals import Refusal
from connector.hooks.wanted import wanted
from connector.web import answers, hooks, openapi

DOCUMENT = openapi.document("0.1.0", "https://pmom.acme.invalid")


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"]
        value = list(value.values())
    for each in value if isinstance(value, list) else ():
        yield from references(each)


def test_every_address_of_the_application_is_described_and_no_other(site: Any) -> None:
    rules = {
        (re.sub(r"<(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in site.served.app.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }
    described = {(path, method) for path, methods in DOCUMENT["paths"].items() for method in methods}
    assert described == rules


def test_the_page_is_the_document_with_the_public_address(site: Any) -> None:
    page = site.client.get("/openapi.json").get_json()
    assert page["openapi"] == "3.1.0"
    assert page["paths"] == json.loads(json.dumps(DOCUMENT["paths"]))
    assert page["servers"] == [{"url": "https://pmom.acme.invalid"}]


def test_every_reference_leads_to_a_form() -> None:
    known = {f"#/components/schemas/{name}" for name in DOCUMENT["components"]["schemas"]}
    assert set(references(DOCUMENT)) <= known


def test_every_parameter_of_a_path_is_described() -> None:
    for path, methods in DOCUMENT["paths"].items():
        for operation in methods.values():
            told = {each["name"] for each in operation.get("parameters", []) if each["in"] == "path"}
            assert told == set(re.findall(r"{(\w+)}", path))


def test_every_refusal_has_a_status_and_every_status_of_a_post_is_described() -> None:
    assert set(hooks.STATUS) == set(Refusal)
    said = {str(status) for status in hooks.STATUS.values()} - {"405", "500"}
    for path, methods in DOCUMENT["paths"].items():
        if path.startswith("/hooks/"):
            assert {status for status in methods["post"]["responses"] if status >= "400"} == said


def test_answers_are_in_the_forms_that_are_described(site: Any) -> None:
    event = {"object": "Opportunity", "id": "006", "event_id": "1"}
    answers.Accepted.model_validate(site.events(event).get_json())
    answers.Problem.model_validate(site.events({}).get_json())
    answers.Problem.model_validate(site.client.get("/nowhere").get_json())
    answers.Alive.model_validate(site.client.get("/healthz").get_json())
    answers.Ready.model_validate(site.client.get("/readyz").get_json())


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"happened": "merged"},
        {"occurred_at": 5},
        {"occurred_at": "2026-03-31T09:00:00Z"},
        {"more": 1},
        {"id": ""},
    ],
    ids=str,
)
def test_the_form_of_an_event_is_the_one_that_is_taken(change: dict[str, Any]) -> None:
    event = {"object": "Opportunity", "id": "006", "event_id": "1", **change}
    taken = events.told(json.dumps(event).encode(), wanted(["Opportunity"], [])) is not Refusal.MALFORMED
    try:
        answers.Event.model_validate(event)
        fits = True
    except ValidationError:
        fits = False
    assert taken is fits
