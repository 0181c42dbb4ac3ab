"""The contract of the vendor's client as an OpenAPI document, by which testers of others throw calls at a portal."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

CONTRACT = Path(__file__).parents[2] / "emulators" / "recordings" / "hubspot_operations.json"

_TYPES = {"type": "string", "enum": ["companies", "deals", "contacts"]}
_TEXT = {"type": "string", "minLength": 1}
_ID = {"anyOf": [{"type": "string", "enum": ["11", "12", "default", "closedwon"]}, _TEXT]}
_VALUES = {"type": "object", "additionalProperties": {"type": ["string", "null", "number"]}}
_RECORD = {
    "type": "object",
    "properties": {
        "properties": _VALUES,
        "id": {"type": "string"},
        "idProperty": {"type": "string"},
        "associations": {"type": "array"},
    },
}
_BODY = {
    "type": "object",
    "properties": {
        "inputs": {"type": "array", "items": _RECORD},
        "properties": _VALUES,
        "filterGroups": {"type": "array", "items": {"type": "object"}},
        "limit": {"type": "integer"},
        "name": {"type": "string"},
        "label": {"type": "string"},
        "displayOrder": {"type": "integer"},
        "stages": {"type": "array", "items": {"type": "object"}},
        "metadata": {"type": "object"},
    },
}
_REFUSED = {
    "type": "object",
    "required": ["status", "message", "correlationId"],
    "properties": {"status": {"enum": ["error"]}},
}


def document() -> dict[str, Any]:
    """All operations with the statuses of the contract; every other answer must be a refusal in the vendor's form."""
    paths: dict[str, Any] = {}
    for operation in json.loads(CONTRACT.read_text(encoding="utf-8"))["operations"]:
        paths.setdefault(operation["path"], {})[operation["http"].lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "HubSpot", "version": "1"},
        "paths": paths,
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
        "security": [{"token": []}],
    }


def _operation(operation: dict[str, Any]) -> dict[str, Any]:
    done = {status: _answer({"type": "object"}) for status in operation["models"]} or {"204": {"description": "done"}}
    told: dict[str, Any] = {
        "operationId": f"{operation['module']}.{operation['api']}.{operation['name']}",
        "parameters": [*_in_path(operation["path"]), *(_in_query() if operation["http"] == "GET" else ())],
        "responses": {**done, "default": _answer(_REFUSED)},
    }
    if operation["body"]:
        listed = "association_spec" in operation["body"]
        body = {"anyOf": [_BODY, {"type": "array", "items": {"type": "object"}}]} if listed else _BODY
        told["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return told


def _answer(schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": "an answer", "content": {"application/json": {"schema": schema}}}


def _in_path(path: str) -> list[dict[str, Any]]:
    def schema(name: str) -> dict[str, Any]:
        return _TYPES if name.lower().endswith("objecttype") else _ID if name.endswith("Id") else _TEXT

    names = re.findall(r"\{(\w+)\}", path)
    return [{"name": name, "in": "path", "required": True, "schema": schema(name)} for name in names]


def _in_query() -> list[dict[str, Any]]:
    kinds = {
        "limit": {"type": "integer"},
        "after": {"type": "string"},
        "properties": {"type": "array", "items": {"type": "string"}},
        "archived": {"type": "boolean"},
    }
    return [{"name": name, "in": "query", "schema": schema} for name, schema in kinds.items()]
