"""What a portal under fire has besides records, so that no route is hit in vain."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from emulators.hubspot.tokens import App
from emulators.loopback.http import Call, Response
from emulators.replay.odd import Vocabulary

Answer = Callable[[Call], Response | None]
_SCOPES = ("read", "subscriptions.read", "subscriptions.write", "snapshots.read", "snapshots.write")
_JOURNAL = ("/webhooks-journal/", "/webhooks/v4/")
_PAGE = {
    "hasHeader": True,
    "columnMappings": [{"columnObjectTypeId": "0-2", "columnName": "N", "propertyName": "name"}],
}
IMPORT = {
    "name": "I",
    "importOperations": {"0-2": "CREATE"},
    "dateFormat": "YEAR_MONTH_DAY",
    "files": [{"fileName": "a.csv", "fileFormat": "CSV", "fileImportPage": _PAGE}],
}
EXPORT = {
    "exportType": "VIEW",
    "format": "CSV",
    "exportName": "E",
    "objectType": "companies",
    "objectProperties": ["name"],
    "language": "EN",
}


@dataclass(frozen=True, slots=True)
class Furniture:
    """Ids of what was made, and the token that only the journal takes."""

    journal_token: str
    parameters: dict[str, tuple[str, ...]]  # as of a Vocabulary


def furnish(answer: Answer, app: App, app_id: int, portal_id: int) -> Furniture:
    """Make one of each; the records of the portal come afterwards, so that the journal tells of them."""
    calls = _Calls(answer, app)
    app_path = f"/webhooks/v3/{app_id}"
    throttling = {"maxConcurrentRequests": 10, "period": "SECONDLY"}
    calls.ask("PUT", f"{app_path}/settings", {"targetUrl": "https://127.0.0.1:9/x", "throttling": throttling})
    event = {"eventType": "company.propertyChange", "propertyName": "city", "active": False}
    subscription = calls.ask("POST", f"{app_path}/subscriptions", event)["id"]
    wanted = {"subscriptionType": "OBJECT", "objectTypeId": "0-2", "portalId": portal_id, "actions": ["CREATE"]}
    journal = calls.ask("POST", "/webhooks-journal/subscriptions/2026-03", {**wanted, "properties": ["name"]})["id"]
    condition = {"filterType": "CRM_OBJECT_PROPERTY", "property": "name", "operator": "EQ", "values": ["A"]}
    filtered = {"subscriptionId": journal, "filter": {"conditions": [condition]}}
    narrowed = calls.ask("POST", "/webhooks-journal/subscriptions/2026-03/filters", filtered)
    made = {"name": "Hit", "objectTypeId": "0-2", "processingType": "MANUAL"}
    lists = [calls.ask("POST", "/crm/v3/lists", {**made, "name": f"Hit {n}"})["list"]["listId"] for n in range(2)]
    folder = calls.ask("POST", "/crm/v3/lists/folders", {"name": "F"})["folder"]["id"]
    export = calls.ask("POST", "/crm/v3/exports/export/async", EXPORT)["id"]
    campaign = calls.ask("POST", "/marketing/v3/campaigns", {"properties": {"hs_name": "C"}})["id"]
    item = {"name": "B", "amount": 5, "order": 0}
    items = [
        calls.ask("POST", f"/marketing/v3/campaigns/{campaign}/{kind}", item)["id"] for kind in ("budget", "spend")
    ]
    imported = calls.form("/crm/v3/imports", multipart())["id"]
    known = {
        "lists/id": lists, "lists/source": lists, "lists/folder": [folder], "lists/parent": [folder, "0"],
        "lists/type": ["0-2"], "lists/record": ["11"], "lists/name": ["Hit 0"], "imports/id": [imported],
        "exports/id": [export], "/{app}/id": [subscription], "filters/subscription/id": [journal],
        "filters/id": [narrowed.get("filterId", narrowed.get("id", 0))], "subscriptions/id": [journal],
        "portal": [portal_id], "app": [app_id], "count": [1, 100], "campaign": [campaign], "budget/item": items[:1],
        "spend/item": items[1:], "rule": ["MAX_LENGTH", "MIN_NUMBER"], "user": ["52000001"],
        "token": [app.refresh_token],
        "associations/kind": [1, 5, 341],
    }  # fmt: skip
    parameters = {name: tuple(str(each) for each in many) for name, many in known.items()}
    return Furniture(calls.journal_token, parameters)


def with_files(furniture: Furniture, answer: Answer) -> Furniture:
    """The same, with the offset of the journal's first file."""
    found = answer(Call("GET", "/webhooks-journal/journal/2026-03/earliest", _bearer(furniture.journal_token)))
    body = json.loads(found.body) if found is not None and found.body else {}
    offset = str(body.get("currentOffset", "00000000-0000-0000-0000-000000000000"))
    return replace(furniture, parameters={**furniture.parameters, "offset": (offset,)})


def equipped(words: Vocabulary, furniture: Furniture, app: App) -> Vocabulary:
    """The words of a portal, with what leads to its furniture, and forms for the routes that take no JSON."""
    keys = {"client_id": app.client_id, "client_secret": app.client_secret}
    grants = (
        {"grant_type": "refresh_token", "refresh_token": app.refresh_token},
        {"grant_type": "authorization_code", "code": "x", "redirect_uri": "http://127.0.0.1/"},
        {"grant_type": "client_credentials", "scope": "developer.webhooks_journal.read"},
        {"token": app.refresh_token, "token_type_hint": "access_token"},
    )
    forms = tuple(("POST /oauth", urlencode({**keys, **each}).encode()) for each in grants)
    return replace(
        words,
        parameters={**words.parameters, **furniture.parameters},
        queries=(*words.queries, "listIds", "includeFilters", "listName", "folderId", "installPortalId", "client_id",
                 "redirect_uri", "state", "legacyListId", "newFolderName", "direction", "service", "expires"),
        special=tuple((part, _bearer(furniture.journal_token)) for part in _JOURNAL),
        forms=(*forms, ("POST /crm/v3/imports", multipart()), ("POST /crm/imports", multipart())),
    )  # fmt: skip


def multipart() -> bytes:
    """The form of an import of one company."""
    parts = (
        ('name="importRequest"', json.dumps(IMPORT)),
        ('name="files"; filename="a.csv"\r\nContent-Type: text/csv', "N\nA\n"),
    )
    made = "".join(f"--cut\r\nContent-Disposition: form-data; {head}\r\n\r\n{body}\r\n" for head, body in parts)
    return f"{made}--cut--\r\n".encode()


def _bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


class _Calls:
    """Calls that must succeed."""

    def __init__(self, answer: Answer, app: App) -> None:
        self._answer, self._token = answer, app.access_token
        scope = " ".join(f"developer.webhooks_journal.{each}" for each in _SCOPES)
        keys = {"client_id": app.client_id, "client_secret": app.client_secret}
        form = urlencode({"grant_type": "client_credentials", "scope": scope, **keys})
        self.journal_token = str(self._sent("POST", "/oauth/v1/token", {}, form.encode())["access_token"])

    def ask(self, method: str, path: str, body: object) -> Any:
        """JSON of the answer."""
        token = self.journal_token if any(part in path for part in _JOURNAL) else self._token
        headers = {**_bearer(token), "content-type": "application/json"}
        return self._sent(method, path, headers, json.dumps(body).encode())

    def form(self, path: str, body: bytes) -> Any:
        """JSON of the answer to a form."""
        return self._sent(
            "POST", path, {**_bearer(self._token), "content-type": "multipart/form-data; boundary=cut"}, body
        )

    def _sent(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Any:
        found = self._answer(Call(method, path, headers, body))
        if found is None or found.status >= 300:
            raise ValueError(f"the portal cannot be furnished: {method} {path} {found and found.body!r}")
        return json.loads(found.body or b"{}")
