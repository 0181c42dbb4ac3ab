"""Which addresses are there, and what do they take and answer? An OpenAPI 3.1 document, made from the forms."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from connector.web.answers import Accepted, Alive, Event, HubSpotEvent, Problem, Ready

_FORMS: tuple[type[BaseModel], ...] = (Accepted, Alive, Event, HubSpotEvent, Problem, Ready)
_REFUSED = {
    400: "The body is not in the form that is documented here.",
    401: "No signature, a wrong one, or one of another time.",
    404: "No such connection, or its address for this sender is not set up, or a wrong secret in the address.",
    413: "The body is longer than `[web] body_kb`.",
    415: "Another content type, or an encoded body.",
    503: "The inbox cannot be written now: nothing was kept. Send it again.",
}
_CONNECTION = {
    "name": "connection",
    "in": "path",
    "required": True,
    "description": "The connection's name",
    "schema": {"type": "string", "pattern": "^[a-z0-9][a-z0-9-]*$"},
}
_XML = {"type": "string", "contentMediaType": "text/xml"}


def document(version: str, server: str | None) -> dict[str, Any]:
    """The document; `server` is the public address where one is set."""
    made: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": "pmom",
            "version": version,
            "summary": "Where CRMs and others say that a record has changed.",
            "description": "A post is a hint: the record is read again from the CRM. See docs/webhooks.md.",
        },
        "paths": _paths(),
        "components": {"schemas": _schemas(), "securitySchemes": _SCHEMES},
    }
    if server:
        made["servers"] = [{"url": server}]
    return made


def _schemas() -> dict[str, Any]:
    _, found = models_json_schema(
        [(form, "serialization" if form in (Accepted, Alive, Problem, Ready) else "validation") for form in _FORMS],
        ref_template="#/components/schemas/{model}",
    )
    schemas: dict[str, Any] = found["$defs"]
    return schemas


_SCHEMES = {
    "hubspot": {"type": "apiKey", "in": "header", "name": "X-HubSpot-Signature-v3"},
    "signature": {
        "type": "apiKey",
        "in": "header",
        "name": "X-PMOM-Signature",
        "description": 'With X-PMOM-Timestamp t: "sha256=" and hex HMAC-SHA-256 of t, a dot and the body.',
    },
    "plain": {
        "type": "apiKey",
        "in": "header",
        "name": "X-PMOM-Secret",
        "description": "The secret itself; only with `[webhooks] events_plain`.",
    },
}


def _paths() -> dict[str, Any]:
    return {
        "/hooks/hubspot/{connection}": {
            "post": _post(
                "hubspot",
                "HubSpot's webhook events",
                _json_body({"type": "array", "items": _ref(HubSpotEvent), "maxItems": 1000}),
                {"204": {"description": "Every event is kept, or rightly left aside."}},
                [{"hubspot": []}],
                [_header("X-HubSpot-Request-Timestamp")],
            )
        },
        "/hooks/salesforce/{connection}/{secret}": {
            "post": _post(
                "outbound",
                "A Salesforce outbound message",
                {"text/xml": {"schema": _XML}},
                {"200": {"description": "Acknowledged.", "content": {"text/xml": {"schema": _XML}}}},
                None,
                [{**_CONNECTION, "name": "secret", "description": "The secret", "schema": {"type": "string"}}],
            )
        },
        "/hooks/events/{connection}": {
            "post": _post(
                "events",
                "Events of other senders",
                _json_body(_one_or_many(Event)),
                {"200": _json("Every event is kept, or rightly left aside.", Accepted)},
                [{"signature": []}, {"plain": []}],
                [_header("X-PMOM-Timestamp")],
            )
        },
        "/healthz": {"get": _get("alive", "Does the process live?", {"200": _json("It does.", Alive)})},
        "/readyz": {
            "get": _get(
                "ready",
                "Is it of use?",
                {"200": _json("Ready, or degraded.", Ready), "503": _json("Not ready.", Ready)},
            )
        },
        "/metrics": {
            "get": _get(
                "metrics",
                "Figures for Prometheus",
                {"200": {"description": "The figures.", "content": {"text/plain": {"schema": {"type": "string"}}}}},
            )
        },
        "/openapi.json": {
            "get": _get(
                "openapi",
                "This document",
                {"200": {"description": "It.", "content": {"application/json": {"schema": {"type": "object"}}}}},
            )
        },
    }


def _post(
    name: str,
    summary: str,
    content: dict[str, Any],
    taken: dict[str, Any],
    security: list[dict[str, Any]] | None,
    headers: list[dict[str, Any]],
) -> dict[str, Any]:
    made = {
        "operationId": name,
        "summary": summary,
        "parameters": [_CONNECTION, *headers],
        "requestBody": {"required": True, "content": content},
        "responses": {**taken, **{str(status): _json(text, Problem) for status, text in _REFUSED.items()}},
    }
    return made if security is None else {**made, "security": security}


def _get(name: str, summary: str, responses: dict[str, Any]) -> dict[str, Any]:
    return {"operationId": name, "summary": summary, "responses": responses}


def _header(name: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": False, "schema": {"type": "string"}}


def _json_body(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _one_or_many(form: type[BaseModel]) -> dict[str, Any]:
    return {"anyOf": [_ref(form), {"type": "array", "items": _ref(form), "minItems": 1, "maxItems": 1000}]}


def _ref(form: type[BaseModel]) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{form.__name__}"}


def _json(description: str, form: type[BaseModel]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": _ref(form)}}}
