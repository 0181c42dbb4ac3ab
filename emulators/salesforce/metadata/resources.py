"""What the Metadata API answers over REST: deployments in multipart bodies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulators.loopback.json_text import parse as parse_json
from emulators.salesforce.errors import ApiError
from emulators.salesforce.metadata import deploy as deploys
from emulators.salesforce.metadata import soap as metadata_soap
from emulators.salesforce.org import Org
from emulators.salesforce.rights.permissions import refuse_setup
from emulators.salesforce.router import Request, Response, Router, json_response

if TYPE_CHECKING:
    from emulators.salesforce.oauth.login import Login

_ROOT = "/services/data/{version}/metadata/deployRequest"


def routes(router: Router, login: Login | None = None) -> None:
    """Register the paths of REST and of SOAP."""
    router.add("POST", _ROOT, create)
    router.add("GET", _ROOT + "/{id}", status)
    router.add("PATCH", _ROOT + "/{id}", cancel)
    metadata_soap.routes(router, login)


# -- REST ---------------------------------------------------------------------------------------------------------


def create(request: Request, org: Org) -> Response:
    """A new deployment of a zip, or the quick deployment of one that was validated."""
    refuse_setup(org, request.user)
    if request.content_type == "application/json":
        validated = str(request.document().get("validatedDeployRequestId") or "")
        deployment = deploys.quick(org, request.user, validated)
    else:
        parts = _parts(request)
        options = parse_json(parts["json"]).get("deployOptions") or {}
        if not isinstance(options, dict):
            raise ApiError("JSON_PARSER_ERROR", "deployOptions must be an object")
        deployment = deploys.create(org, request.user, parts["file"], options)
    return json_response(_answer(org, deployment, details=False), 201)


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
        for name in ("json", "entity_content", "file"):
            if f'name="{name}"'.encode() in head or f"name={name};".encode() in head:
                found["json" if name == "entity_content" else name] = body  # clients differ in the name
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
    refuse_setup(org, request.user)
    deployment = deploys.poll(org, request.params["id"])
    details = request.query.get("includeDetails", "").lower() == "true"
    return json_response(_answer(org, deployment, details=details))


def cancel(request: Request, org: Org) -> Response:
    """Cancel a deployment that has not ended."""
    refuse_setup(org, request.user)
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
