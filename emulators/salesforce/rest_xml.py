"""The answers of record, query and search resources as XML, for callers whose Accept header asks for that.

Source: "Response format" and the XML examples of the REST API guide (Query, sObject Rows, Versions, "Status Codes
and Error Responses"). Attributes of a record stand as attributes of its element; other resources answer in JSON.
"""

from __future__ import annotations

import json
from typing import Any
from xml.sax.saxutils import quoteattr

from emulators.loopback.http import Call, Response
from emulators.salesforce.xml_text import DECLARATION, INSTANCE, text_of

_XML, _JSON = ("application/xml", "text/xml"), ("application/json", "text/json", "*/*")
_TYPE = "application/xml;charset=UTF-8"


def as_asked(call: Call, response: Response) -> Response:
    """The same answer as XML where XML is what the caller wants first and the resource has it."""
    if not call.path.startswith("/services/data") or not _wanted(call.headers.get("accept", "")):
        return response
    if not response.headers.get("Content-Type", "").startswith("application/json"):
        return response
    text = _document(json.loads(response.body))
    if text is None:
        return response
    return Response(response.status, f"{DECLARATION}{text}".encode(), {**response.headers, "Content-Type": _TYPE})


def _wanted(accept: str) -> bool:
    kinds = [each.partition(";")[0].strip().lower() for each in accept.split(",")]
    return next((kind for kind in kinds if kind in _XML + _JSON), "") in _XML


def _document(body: Any) -> str | None:
    """The root element; None for what is told in JSON only."""
    if isinstance(body, list):
        return _list(body)
    if "attributes" in body:
        return _element(str(body["attributes"]["type"]), body, root=True)
    if {"totalSize", "done", "records"} <= body.keys():
        return _element("QueryResult", body, root=True)
    if "searchRecords" in body:
        return _element("SearchResults", body["searchRecords"], root=True)
    return _element("Result", body, root=True) if {"id", "success", "errors"} <= body.keys() else None


def _list(items: list[Any]) -> str | None:
    if items and all(isinstance(each, dict) for each in items):
        if all("errorCode" in each for each in items):
            return f"<Errors>{''.join(_element('Error', each) for each in items)}</Errors>"
        if all({"label", "url", "version"} == each.keys() for each in items):
            return f"<Versions>{''.join(_element('Version', each) for each in items)}</Versions>"
    return None


def _element(name: str, value: Any, *, root: bool = False) -> str:
    spaces = f' xmlns:xsi="{INSTANCE}"' if root else ""
    if value is None:
        return f'<{name} xsi:nil="true"/>'
    if isinstance(value, list):
        return "".join(_element(name, each) for each in value) if not root else _several(name, value, spaces)
    if not isinstance(value, dict):
        return f"<{name}>{text_of(value)}</{name}>"
    about = value.get("attributes") or {}
    told = "".join(f" {key}={quoteattr(str(text))}" for key, text in about.items())
    inner = "".join(_element(key, each) for key, each in value.items() if key != "attributes")
    return f"<{name}{spaces}{told}>{inner}</{name}>"


def _several(name: str, items: list[Any], spaces: str) -> str:
    return f"<{name}{spaces}>{''.join(_element(item['attributes']['type'], item) for item in items)}</{name}>"
