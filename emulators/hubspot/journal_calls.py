"""The endpoints of the webhooks journal: files by offset, subscriptions with their filters, snapshots."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from emulators.hubspot import app_tokens, definitions, journal, journal_events, records
from emulators.hubspot.bodies import objects, text, texts
from emulators.hubspot.errors import HubError, invalid, not_found
from emulators.hubspot.journal import File
from emulators.hubspot.portal import Portal
from emulators.hubspot.presenting import all_values
from emulators.hubspot.router import Handler, Request, Response, Router, json_response, no_content

_SNAPSHOTS = "journal_snapshots"  # state: status id -> initiatedAt


def routes(router: Router) -> None:
    """The dated paths, and the v4 ones that came before them; `journal-local` answers like `journal`."""
    add = _Adder(router)
    for base in (
        "/webhooks-journal/journal/2026-03",
        "/webhooks-journal/journal-local/2026-03",
        "/webhooks/v4/journal",
    ):
        for place in ("earliest", "latest"):
            add("GET", f"{base}/{place}", _single(place), app_tokens.READ)
            add("GET", f"{base}/batch/{place}/{{count}}", _several(place), app_tokens.READ)
        add("GET", f"{base}/offset/{{offset}}/next", _next, app_tokens.READ)
        add("GET", f"{base}/batch/{{offset}}/next/{{count}}", _next_several, app_tokens.READ)
        add("POST", f"{base}/batch/read", _batch_read, app_tokens.READ)
        add("GET", f"{base}/status/{{id}}", _status, app_tokens.SNAPSHOTS_READ)
    for base in ("/webhooks-journal/subscriptions/2026-03", "/webhooks/v4/subscriptions"):
        read, write = app_tokens.SUBSCRIPTIONS_READ, app_tokens.SUBSCRIPTIONS_WRITE
        add("GET", base, _subscriptions, read)
        add("POST", base, _subscribe, write)
        add("GET", base + "/{id}", _subscription, read)
        add("DELETE", base + "/{id}", _unsubscribe, write)
        add("DELETE", base + "/portals/{portal}", _unsubscribe_portal, write)
        add("POST", base + "/filters", _add_filter, write)
        add("GET", base + "/filters/{id}", _filter, read)
        add("DELETE", base + "/filters/{id}", _drop_filter, write)
        add("GET", base + "/filters/subscription/{id}", _filters, read)
    for path in ("/webhooks-journal/snapshots/2026-03/crm", "/webhooks/v4/snapshots/crm"):
        add("POST", path, _snapshots, app_tokens.SNAPSHOTS_WRITE)
    router.add("GET", "/webhooks-journal/files/{offset}", _file, public=True, limit="", dated=False)


class _Adder:
    """Registers handlers behind the check of the application's own token."""

    def __init__(self, router: Router) -> None:
        self._router = router

    def __call__(self, method: str, path: str, handler: Handler, scope: str) -> None:
        def guarded(request: Request, portal: Portal) -> Response:
            app_tokens.demand(request, portal, scope)
            return handler(request, portal)

        self._router.add(method, path, guarded, public=True, limit="", dated=False)


def _single(place: str) -> Handler:
    """The first or the last file; 204 while there is none."""

    def answer(request: Request, portal: Portal) -> Response:
        found = _installed(request, portal)
        return _link(request, portal, found[:1] if place == "earliest" else found[-1:])

    return answer


def _several(place: str) -> Handler:
    """The first or last files, oldest first."""

    def answer(request: Request, portal: Portal) -> Response:
        found, count = _installed(request, portal), _count(request)
        return _links(request, portal, found[:count] if place == "earliest" else found[-count:])

    return answer


def _next(request: Request, portal: Portal) -> Response:
    """The file after this offset; 204 while there is none."""
    return _link(request, portal, _after(request, portal)[:1])


def _next_several(request: Request, portal: Portal) -> Response:
    return _links(request, portal, _after(request, portal)[: _count(request)])


def _batch_read(request: Request, portal: Portal) -> Response:
    """The files of these offsets; 207 when some are not there."""
    known = {each.offset: each for each in _installed(request, portal)}
    wanted = texts(request.document(), "inputs")
    missing = [each for each in wanted if each not in known]
    return _links(request, portal, [known[each] for each in wanted if each in known], missing)


def _installed(request: Request, portal: Portal) -> list[File]:
    """All files; none of a portal in which the application is not installed."""
    wanted = request.one("installPortalId")
    return journal.files(portal) if wanted in ("", str(portal.settings.portal_id)) else []


def _after(request: Request, portal: Portal) -> list[File]:
    found = _installed(request, portal)
    at = next((place for place, each in enumerate(found) if each.offset == request.params["offset"]), None)
    if at is None:
        raise not_found(f"Offset {request.params['offset']} was not found; the journal keeps three days")
    return found[at + 1 :]


def _count(request: Request) -> int:
    spelled = request.params["count"]
    if not spelled.isdecimal() or not 1 <= int(spelled) < 2**31:
        raise invalid(f"count must be a number, at least 1, not {spelled!r}")
    return int(spelled)


def _link(request: Request, portal: Portal, found: Sequence[File]) -> Response:
    return json_response(found[0].printed(portal, request.base_url)) if found else no_content()


def _links(request: Request, portal: Portal, found: Sequence[File], missing: Sequence[str] = ()) -> Response:
    now = portal.now_text()
    results = [each.printed(portal, request.base_url) for each in found]
    answer: dict[str, Any] = {"status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now}
    if missing:
        bad = HubError(207, "OBJECT_NOT_FOUND", "Some offsets were not found", context={"offsets": list(missing)})
        answer |= {"numErrors": len(missing), "errors": [bad.item()]}
    return json_response(answer, 207 if missing else 200)


def _file(request: Request, portal: Portal) -> Response:
    """The file itself: 403 for a link that is not good or not good any more, as object stores answer."""
    offset, stamp = request.params["offset"], request.one("expires")
    good = request.one("signature") == journal.signature(portal, offset, stamp)
    if not good or int(stamp) <= portal.now().timestamp():
        raise HubError(403, "", "Request has expired")
    found = journal.content(portal, offset)
    if found is None:
        raise not_found()
    return json_response(found)


def _subscriptions(request: Request, portal: Portal) -> Response:
    return json_response({"results": journal_events.subscriptions(portal)})


def _subscribe(request: Request, portal: Portal) -> Response:
    return json_response(journal_events.subscribe(portal, request.document()))


def _subscription(request: Request, portal: Portal) -> Response:
    return json_response(journal_events.subscription(portal, request.params["id"]))


def _unsubscribe(request: Request, portal: Portal) -> Response:
    gone = journal_events.subscription(portal, request.params["id"])
    journal_events.keep(portal, [each for each in journal_events.subscriptions(portal) if each["id"] != gone["id"]])
    return no_content()


def _unsubscribe_portal(request: Request, portal: Portal) -> Response:
    if request.params["portal"] == str(portal.settings.portal_id):
        journal_events.keep(portal, [])
    return no_content()


def _add_filter(request: Request, portal: Portal) -> Response:
    return json_response({"filterId": journal_events.add_filter(portal, request.document())})


def _filter(request: Request, portal: Portal) -> Response:
    return json_response(_printed(_known_filter(request, portal)))


def _filters(request: Request, portal: Portal) -> Response:
    number = journal_events.subscription(portal, request.params["id"])["id"]
    found = [each for each in journal_events.filters(portal) if each["subscriptionId"] == number]
    return json_response([_printed(each) for each in found])


def _drop_filter(request: Request, portal: Portal) -> Response:
    gone = _known_filter(request, portal)
    left = [each for each in journal_events.filters(portal) if each["id"] != gone["id"]]
    portal.put_state(journal_events.FILTERS, left)
    return no_content()


def _known_filter(request: Request, portal: Portal) -> dict[str, Any]:
    found = next((each for each in journal_events.filters(portal) if str(each["id"]) == request.params["id"]), None)
    if found is None:
        raise not_found()
    return found


def _printed(each: dict[str, Any]) -> dict[str, Any]:
    return {name: each[name] for name in ("id", "filter", "createdAt")}


def _snapshots(request: Request, portal: Portal) -> Response:
    """What these records are now goes into the journal; 404 when one of them is not there."""
    wanted = objects(request.document(), "snapshotRequests")
    if not wanted:
        raise invalid("Some required fields were not set: [snapshotRequests]")
    answers: list[dict[str, Any]] = []
    with portal.transaction():
        for each in wanted:
            obj = definitions.required_type(portal, text(each, "objectTypeId"))
            record_id = text(each, "objectId")
            record = records.read(portal.connection, obj.type_id, [record_id]).get(record_id)
            if text(each, "portalId") != str(portal.settings.portal_id) or record is None:
                raise not_found()
            values, known = all_values(record, obj), definitions.of(portal, obj.type_id)
            told = {name: values.get(name) for name in texts(each, "properties") if name in known}
            journal_events.snapshot(portal, obj.type_id, record.id, told)
            answers.append(_begun(portal, obj.type_id, record.id))
    return json_response({"snapshotResponses": answers})


def _begun(portal: Portal, type_id: str, record_id: str) -> dict[str, Any]:
    kept = dict(portal.state(_SNAPSHOTS) or {})
    status = str(uuid.UUID(int=portal.rng.getrandbits(128), version=4))
    kept[status] = portal.now_ms()
    portal.put_state(_SNAPSHOTS, kept)
    number = {"portalId": portal.settings.portal_id, "objectId": int(record_id)}
    return {**number, "objectTypeId": type_id, "snapshotStatusId": status}


def _status(request: Request, portal: Portal) -> Response:
    at = (portal.state(_SNAPSHOTS) or {}).get(request.params["id"])
    if at is None:
        raise not_found()
    return json_response({"id": request.params["id"], "status": "COMPLETED", "initiatedAt": at, "completedAt": at})
