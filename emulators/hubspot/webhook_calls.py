"""The endpoints by which an application's webhooks are managed: settings and subscriptions."""

from __future__ import annotations

import hmac
from typing import Any

from emulators.hubspot import webhooks
from emulators.hubspot.errors import HubError, invalid, not_found
from emulators.hubspot.portal import Portal, shown
from emulators.hubspot.router import DATED, Handler, Request, Response, Router, json_response, no_content
from emulators.hubspot.tokens import Tokens

_LEAST = 5  # of maxConcurrentRequests, by the API; the control plane takes less


def routes(router: Router, tokens: Tokens) -> None:
    """`/webhooks/v3/{app}/...`, `/webhooks/{date}/{app}/...` and `/app-webhooks/{date}/{app}/...`."""

    def add(method: str, tail: str, handler: Handler) -> None:
        guarded = _guarded(tokens, handler)
        router.add(method, "/webhooks/v3/{app}" + tail, guarded, public=True, limit="")
        for date in DATED:
            path = f"/app-webhooks/{date}/{{app}}{tail}"
            router.add(method, path, guarded, public=True, limit="", dated=False)

    add("GET", "/settings", _settings)
    add("PUT", "/settings", _configure)
    add("DELETE", "/settings", _clear)
    add("GET", "/subscriptions", _list)
    add("POST", "/subscriptions", _subscribe)
    add("POST", "/subscriptions/batch/update", _update_batch)
    add("GET", "/subscriptions/{id}", _read)
    add("PATCH", "/subscriptions/{id}", _update)
    add("DELETE", "/subscriptions/{id}", _remove)


def _guarded(tokens: Tokens, handler: Handler) -> Handler:
    """Only the application itself, by the developer's key or a token of it."""

    def answer(request: Request, portal: Portal) -> Response:
        key = request.one("hapikey")
        if not (key and tokens.app.developer_key and hmac.compare_digest(key, tokens.app.developer_key)):
            tokens.caller(request)
        if request.params["app"] != str(portal.settings.app_id):
            raise not_found()
        return handler(request, portal)

    return answer


def _settings(request: Request, portal: Portal) -> Response:
    found = webhooks.settings(portal)
    if found is None:
        raise not_found()
    return json_response(_printed(found))


def _configure(request: Request, portal: Portal) -> Response:
    body = request.document()
    url, throttling = body.get("targetUrl"), body.get("throttling")
    if not isinstance(url, str) or not isinstance(throttling, dict):
        raise invalid("Some required fields were not set: [targetUrl, throttling]")
    most = throttling.get("maxConcurrentRequests")
    if not isinstance(most, int) or isinstance(most, bool) or most < _LEAST:
        raise invalid(f"maxConcurrentRequests must be a number, at least {_LEAST}")
    return json_response(_printed(webhooks.configure(portal, url, most)))


def _clear(request: Request, portal: Portal) -> Response:
    webhooks.clear(portal)
    return no_content()


def _printed(found: webhooks.Settings) -> dict[str, Any]:
    return {
        "targetUrl": found.target_url,
        "throttling": {"maxConcurrentRequests": found.most},
        "createdAt": shown(found.created),
        "updatedAt": shown(found.updated),
    }


def _list(request: Request, portal: Portal) -> Response:
    return json_response({"results": [webhooks.printed(each) for each in webhooks.subscriptions(portal)]})


def _subscribe(request: Request, portal: Portal) -> Response:
    body = request.document()
    found = webhooks.subscribe(
        portal,
        _text(body, "eventType"),
        active=_flag(body.get("active", False)),
        property_name=_text(body, "propertyName"),
        object_type=_text(body, "objectTypeId"),
    )
    return json_response(webhooks.printed(found), 201)


def _read(request: Request, portal: Portal) -> Response:
    return json_response(webhooks.printed(webhooks.subscription(portal, request.params["id"])))


def _update(request: Request, portal: Portal) -> Response:
    active = _flag(request.document().get("active"))
    return json_response(webhooks.printed(webhooks.activate(portal, request.params["id"], active=active)))


def _remove(request: Request, portal: Portal) -> Response:
    webhooks.unsubscribe(portal, request.params["id"])
    return no_content()


def _update_batch(request: Request, portal: Portal) -> Response:
    """207 with those that are not there."""
    inputs = request.document().get("inputs")
    if not isinstance(inputs, list) or not all(isinstance(each, dict) for each in inputs):
        raise invalid("Invalid input JSON: inputs must be a list of objects")
    found: list[dict[str, Any]] = []
    errors: list[dict[str, Any]] = []
    for each in inputs:
        try:
            changed = webhooks.activate(portal, str(each.get("id", "")), active=_flag(each.get("active")))
            found.append(webhooks.printed(changed))
        except HubError as bad:
            errors.append({**bad.item(), "context": {"ids": [str(each.get("id", ""))]}})
    now = portal.now_text()
    answer: dict[str, Any] = {"status": "COMPLETE", "results": found, "startedAt": now, "completedAt": now}
    if errors:
        answer |= {"numErrors": len(errors), "errors": errors}
    return json_response(answer, 207 if errors else 200)


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise invalid(f"Invalid input JSON: {name} must be text")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise invalid("Invalid input JSON: active must be true or false")
    return value
