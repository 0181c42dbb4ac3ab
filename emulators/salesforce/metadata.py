"""What the Metadata API answers: deployments over REST (multipart) and over SOAP."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from emulators.loopback.json_text import parse as parse_json
from emulators.salesforce import metadata_deploy as deploys
from emulators.salesforce.errors import ApiError
from emulators.salesforce.metadata_xml import NAMESPACE
from emulators.salesforce.org import Org
from emulators.salesforce.router import Request, Response, Router, json_response
from emulators.salesforce.xml_text import BadXml, Node, element, enveloped, faulty, parse

_ROOT = "/services/data/{version}/metadata/deployRequest"


def routes(router: Router) -> None:
    """Register the paths."""
    router.add("POST", _ROOT, create)
    router.add("GET", _ROOT + "/{id}", status)
    router.add("PATCH", _ROOT + "/{id}", cancel)
    router.add("POST", "/services/Soap/m/{rest...}", soap, session=False)


# -- REST ---------------------------------------------------------------------------------------------------------


def create(request: Request, org: Org) -> Response:
    """A new deployment of a zip, or the quick deployment of one that was validated."""
    if request.content_type == "application/json":
        deployment = _quick(request, org)
    else:
        parts = _parts(request)
        options = parse_json(parts["json"]).get("deployOptions") or {}
        if not isinstance(options, dict):
            raise ApiError("JSON_PARSER_ERROR", "deployOptions must be an object")
        deployment = deploys.create(org, request.user, parts["file"], options)
    return json_response(_answer(org, deployment, details=False), 201)


def _quick(request: Request, org: Org) -> deploys.Deployment:
    earlier = deploys.find(org, str(request.document().get("validatedDeployRequestId") or ""))
    if not earlier.options["checkOnly"] or earlier.status != "Succeeded":
        raise ApiError("INVALID_ID_FIELD", f"{earlier.id} is not a validation that succeeded")
    options = earlier.options | {"checkOnly": False}
    return deploys.create(org, request.user, deploys.package_of(org, earlier), options, validated=earlier.id)


def _parts(request: Request) -> dict[str, bytes]:
    """The parts of a multipart body by name; 400 when `json` or `file` is missing or unreadable.

    The vendor's page names the first part `json`; its own command line sends it as `entity_content`.
    """
    _, _, rest = request.headers.get("content-type", "").partition("boundary=")
    boundary = rest.split(";")[0].strip().strip('"').encode()
    if request.content_type != "multipart/form-data" or not boundary:
        text = f"Unsupported content type: {request.content_type or 'none'}. Use multipart/form-data."
        raise ApiError("UNSUPPORTED_MEDIA_TYPE", text, http=415)
    found: dict[str, bytes] = {}
    for piece in (b"\r\n" + request.body).split(b"\r\n--" + boundary)[1:-1]:
        head, _, body = piece.partition(b"\r\n\r\n")
        for name in ("json", "file"):
            if f'name="{name}"'.encode() in head or f"name={name};".encode() in head:
                found[name] = body
        if b'name="entity_content"' in head:
            found["json"] = body
    for name in ("json", "file"):
        if name not in found:
            raise ApiError("INVALID_MULTIPART_REQUEST", f"the part {name} is missing")
    try:
        if not isinstance(parse_json(found["json"]), dict):
            raise ValueError("no object")
    except ValueError as bad:
        raise ApiError("JSON_PARSER_ERROR", f"the part json: {bad}") from None
    return found


def status(request: Request, org: Org) -> Response:
    """Where a deployment stands."""
    deployment = deploys.poll(org, request.params["id"])
    details = request.query.get("includeDetails", "").lower() == "true"
    return json_response(_answer(org, deployment, details=details))


def cancel(request: Request, org: Org) -> Response:
    """Cancel a deployment that has not ended."""
    wanted = request.document().get("deployResult")
    if not isinstance(wanted, dict) or wanted.get("status") != "Canceling":
        raise ApiError("INVALID_FIELD", "deployResult.status must be Canceling")
    return json_response(_answer(org, deploys.cancel(org, request.params["id"]), details=False), 202)


def _answer(org: Org, deployment: deploys.Deployment, *, details: bool) -> dict[str, Any]:
    return {
        "id": deployment.id,
        "validatedDeployRequestId": deployment.validated or None,
        "deployOptions": deployment.options,
        "deployResult": deploys.result(org, deployment, details=details),
    }


# -- SOAP ---------------------------------------------------------------------------------------------------------


class _Fault(Exception):
    """A SOAP fault."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


def soap(request: Request, org: Org) -> Response:
    """`deploy`, `checkDeployStatus` and `cancelDeploy`; the session stands in the envelope's header."""
    try:
        envelope = parse(request.body)
        user = _user(org, envelope)
        org.limits.spend()
        body = envelope.first("Body")
        call = body.children[0] if body and body.children else None
        action = _ACTIONS.get(call.tag) if call else None
        if call is None or action is None:
            raise _Fault("INVALID_OPERATION", f"Unknown operation {call.tag if call else ''}")
        return enveloped(NAMESPACE, f"<{call.tag}Response>{action(org, user, call)}</{call.tag}Response>")
    except _Fault as fault:
        return faulty(NAMESPACE, fault.code, fault.text)
    except BadXml as bad:
        return faulty(NAMESPACE, "INVALID_SOAP", bad.problem)
    except ApiError as bad:
        return faulty(NAMESPACE, "INVALID_CROSS_REFERENCE_KEY" if bad.http == 404 else bad.code, bad.message)


def _user(org: Org, envelope: Node) -> str:
    header = envelope.first("Header")
    session = header.first("SessionHeader") if header else None
    token = session.get("sessionId") if session else ""
    row = org.connection().execute("SELECT user_id FROM e_session WHERE token = ?", (token,)).fetchone()
    if row is None:
        raise _Fault(
            "INVALID_SESSION_ID", "INVALID_SESSION_ID: Invalid Session ID found in SessionHeader: Illegal Session"
        )
    return str(row[0])


def _deploy(org: Org, user: str, call: Node) -> str:
    try:
        body = base64.b64decode(call.get("ZipFile"), validate=False)
    except binascii.Error:
        raise _Fault("INVALID_TYPE", "ZipFile is not base64") from None
    given = call.first("DeployOptions")
    options: dict[str, Any] = {}
    for child in given.children if given else []:
        text = child.text.strip()
        if child.tag in deploys.OPTIONS and child.tag != "runTests":
            options[child.tag] = text.lower() == "true" if text.lower() in ("true", "false") else text or None
    deployment = deploys.create(org, user, body, options)
    return element("result", {"done": False, "id": deployment.id, "state": "Queued"})


def _check(org: Org, user: str, call: Node) -> str:
    deployment = deploys.poll(org, call.get("asyncProcessId"))
    details = call.get("includeDetails").lower() == "true"
    return element("result", deploys.result(org, deployment, details=details))


def _cancel(org: Org, user: str, call: Node) -> str:
    deployment = deploys.cancel(org, call.get("String") or call.get("asyncProcessId"))
    return element("result", {"done": False, "id": deployment.id})


_ACTIONS = {"deploy": _deploy, "checkDeployStatus": _check, "cancelDeploy": _cancel}
