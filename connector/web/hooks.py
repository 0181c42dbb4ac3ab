"""What have the CRMs to say? Three addresses that verify a post, record its hints durably, and only then answer.

An answer that stops a sender from sending again (2xx, the Ack) is given when the hints are durable, or when nothing
of the post is to be kept. A replay is answered as the first delivery was: the inbox keeps the same news once, and a
refusal would only make an honest sender go on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import structlog
from flask import Blueprint, Response, g, jsonify, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from connector.errors import PmomError
from connector.hooks import compare, events, hubspot_events, hubspot_signatures, outbound
from connector.hooks.hint import Sender
from connector.hooks.hubspot_events import Portal
from connector.hooks.refusals import Refusal, Told
from connector.web.figures import NOBODY, Figures
from connector.web.inbox_writer import InboxWriter
from connector.web.log import Sparing
from connector.web.tally import Tally
from connector.web.tenants import HubSpotDoor, Tenant

log = structlog.get_logger("pmom.web")

STATUS = {
    Refusal.UNKNOWN: 404,
    Refusal.FOREIGN: 404,
    Refusal.UNSIGNED: 401,
    Refusal.BAD_SIGNATURE: 401,
    Refusal.STALE: 401,
    Refusal.MALFORMED: 400,
    Refusal.METHOD: 405,
    Refusal.TOO_LARGE: 413,
    Refusal.MEDIA_TYPE: 415,
    Refusal.FAULT: 500,
    Refusal.UNKEPT: 503,
    Refusal.RESTING: 503,
}
_ALIKE = {Refusal.FOREIGN: Refusal.UNKNOWN}  # what a stranger may not tell apart
_RETRY_AFTER = "5"  # seconds
_JSON, _XML = "application/json", "text/xml"
Said = dict[str, Told]
"""Connection -> what a post says to it."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What posts are taken with. `rests`: whether a connection is there and cannot be loaded now."""

    tenants: Mapping[str, Tenant]
    writer: InboxWriter
    tally: Tally
    figures: Figures
    clock: Callable[[], datetime]
    body_bytes: int = 1024 * 1024  # the longest body
    rests: Callable[[str], bool] = lambda name: False


def blueprint(desk: Desk) -> Blueprint:
    """`/hooks/hubspot/<connection>`, `/hooks/salesforce/<connection>/<secret>` and `/hooks/events/<connection>`."""
    hooks = Blueprint("hooks", __name__)
    sparing = Sparing()

    @hooks.post("/hooks/hubspot/<connection>")
    def hubspot(connection: str) -> Response:
        return _taken(desk, sparing, Sender.HUBSPOT, connection, _hubspot)

    @hooks.post("/hooks/salesforce/<connection>/<secret>")
    def salesforce(connection: str, secret: str) -> Response:
        return _taken(
            desk, sparing, Sender.OUTBOUND, connection, lambda desk, tenant: _outbound(desk, tenant, secret)
        )

    @hooks.post("/hooks/events/<connection>")
    def generic(connection: str) -> Response:
        return _taken(desk, sparing, Sender.EVENTS, connection, _events)

    return hooks


def problem(reason: Refusal | str, status: int) -> Response:
    """A refusal as everybody may see it."""
    made = jsonify(error=str(reason), request_id=g.get("request_id", ""))
    made.status_code = status
    if status == 503:
        made.headers["Retry-After"] = _RETRY_AFTER
    return made


def _taken(
    desk: Desk,
    sparing: Sparing,
    sender: Sender,
    connection: str,
    read: Callable[[Desk, Tenant | None], Said | Refusal],
) -> Response:
    begun, rests = time.perf_counter(), desk.rests(connection)
    tenant = desk.tenants.get(connection)
    name = tenant.name if tenant else NOBODY  # never what a stranger wrote: it would be a label for ever
    said = Refusal.RESTING if rests else _kept(desk, read(desk, tenant), sender)
    if isinstance(said, Refusal):
        desk.tally.add(name, f"refused_{said}")
        desk.figures.post(name, sender, said, time.perf_counter() - begun)
        held = sparing.held_back(f"{name}/{said}")
        if held is not None:
            log.warning("post refused", connection=name, sender=sender, reason=said, not_said=held)
        return problem(_ALIKE.get(said, said), STATUS[said])
    desk.figures.post(name, sender, "taken", time.perf_counter() - begun)
    log.info("post taken", connection=name, sender=sender, **_numbers(said))
    return _answer(sender, said)


def _kept(desk: Desk, said: Said | Refusal, sender: Sender) -> Said | Refusal:
    """As it was said, when it is durable."""
    if isinstance(said, Refusal):
        return said
    try:
        desk.writer.keep([(name, hint) for name, told in said.items() for hint in told.hints])
    except PmomError as error:
        log.error("inbox not written", sender=sender, error=type(error).__name__, message=str(error))
        return Refusal.UNKEPT
    for name, told in said.items():
        for what in ("echoes", "unmapped", "strange"):
            desk.tally.add(name, f"told_{what}", getattr(told, what))
    return said


def _numbers(said: Said) -> dict[str, int]:
    found = {"hints": sum(len(told.hints) for told in said.values())}
    for what in ("echoes", "unmapped", "strange"):
        found[what] = sum(getattr(told, what) for told in said.values())
    return found


def _answer(sender: Sender, said: Said) -> Response:
    if sender is Sender.HUBSPOT:
        return Response(status=204)
    if sender is Sender.OUTBOUND:
        return Response(outbound.ACK, 200, content_type="text/xml; charset=utf-8")
    numbers = _numbers(said)
    return jsonify(accepted=numbers["hints"], echoes=numbers["echoes"], unmapped=numbers["unmapped"])


def _body(desk: Desk, media_type: str) -> bytes | Refusal:
    """The body byte for byte; a longer one than is allowed is not read."""
    if request.mimetype != media_type or request.content_encoding not in (None, "", "identity"):
        return Refusal.MEDIA_TYPE
    if request.mimetype_params.get("charset", "utf-8").lower() not in ("utf-8", "utf8"):
        return Refusal.MEDIA_TYPE
    if (request.content_length or 0) > desk.body_bytes:
        return Refusal.TOO_LARGE
    request.max_content_length = desk.body_bytes + 1  # of a body without length: what is longer is cut off there
    try:
        body = request.get_data(cache=False)
        return body if len(body) <= desk.body_bytes else Refusal.TOO_LARGE
    except RequestEntityTooLarge:
        return Refusal.TOO_LARGE
    except HTTPException:  # cut off, or not what its headers promise
        return Refusal.MALFORMED


def _hubspot(desk: Desk, tenant: Tenant | None) -> Said | Refusal:
    door = tenant.hubspot if tenant else None
    if tenant is None or door is None:
        return Refusal.UNKNOWN
    body = _body(desk, _JSON)
    if isinstance(body, Refusal):
        return body
    heads = request.headers
    post = hubspot_signatures.Post(
        body,
        heads.get("X-HubSpot-Signature-v3", ""),
        heads.get("X-HubSpot-Request-Timestamp", ""),
        heads.get("X-HubSpot-Signature", ""),
        heads.get("X-HubSpot-Signature-Version", ""),
    )
    refused = hubspot_signatures.refused(
        post, uri=door.uri, secrets=door.secrets, now=desk.clock().timestamp(), oldest=door.oldest
    )
    return refused or hubspot_events.told(body, _portals(desk, tenant, door))


def _portals(desk: Desk, tenant: Tenant, door: HubSpotDoor) -> tuple[Portal, ...]:
    """The connection that was named, and those of other portals with the same app: an app has one target address."""
    doors = [(each, each.hubspot) for each in desk.tenants.values() if each.hubspot and each is not tenant]
    same = [(each, other) for each, other in doors if set(other.secrets) & set(door.secrets)]
    return tuple(Portal(each.name, other.portal_id, each.wanted) for each, other in ((tenant, door), *same))


def _outbound(desk: Desk, tenant: Tenant | None, secret: str) -> Said | Refusal:
    door = tenant.outbound if tenant else None
    known = [each.encode() for each in door.secrets] if door else [b"nobody has this address"]
    right = compare.one_of(secret.encode("utf-8", "replace"), known)  # also when there is no such connection
    if tenant is None or door is None or not right:
        return Refusal.UNKNOWN
    body = _body(desk, _XML)
    found = body if isinstance(body, Refusal) else outbound.message(body)
    told = found if isinstance(found, Refusal) else outbound.told(found, door.allowed, tenant.wanted)
    return told if isinstance(told, Refusal) else {tenant.name: told}


def _events(desk: Desk, tenant: Tenant | None) -> Said | Refusal:
    door = tenant.events if tenant else None
    if tenant is None or door is None:
        return Refusal.UNKNOWN
    body = _body(desk, _JSON)
    if isinstance(body, Refusal):
        return body
    heads = request.headers
    shown = heads.get("X-PMOM-Secret", "")
    if shown and door.plain:
        refused = events.refused_plain(shown, door.secrets)
    else:
        refused = events.refused(
            body,
            timestamp=heads.get("X-PMOM-Timestamp", ""),
            signed=heads.get("X-PMOM-Signature", ""),
            secrets=door.secrets,
            now=desk.clock().timestamp(),
        )
    told = refused or events.told(body, tenant.wanted)
    return told if isinstance(told, Refusal) else {tenant.name: told}
