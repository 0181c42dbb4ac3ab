"""What the Metadata API answers over SOAP: deployments, retrieves, components one by one, types and lists."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from emulators.salesforce.errors import ApiError
from emulators.salesforce.metadata import crud, types
from emulators.salesforce.metadata import deploy as deploys
from emulators.salesforce.metadata import retrieve as retrieves
from emulators.salesforce.metadata.plan import SUPPORTED
from emulators.salesforce.metadata.xml import NAMESPACE
from emulators.salesforce.org import Org
from emulators.salesforce.rights.permissions import refuse_setup
from emulators.salesforce.router import Request, Response, Router
from emulators.salesforce.xml_text import BadXml, Node, element, enveloped, faulty, parse

if TYPE_CHECKING:
    from emulators.salesforce.oauth.login import Login

MOST_QUERIES = 3


class _Fault(Exception):
    """A SOAP fault."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


def routes(router: Router, login: Login | None = None) -> None:
    """Register the endpoint; without a login any session of the org's file counts."""

    def soap(request: Request, org: Org) -> Response:
        return _answer(request, org, login)

    router.add("POST", "/services/Soap/m/{rest...}", soap, session=False)


def _answer(request: Request, org: Org, login: Login | None) -> Response:
    try:
        envelope = parse(request.body)
        user = _user(org, envelope, login)
        org.limits.spend()
        refuse_setup(org, user)
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
        if bad.http == 403:
            return faulty(NAMESPACE, bad.code, f"{bad.code}: {bad.message}")
        return faulty(NAMESPACE, "INVALID_CROSS_REFERENCE_KEY" if bad.http == 404 else bad.code, bad.message)


def _user(org: Org, envelope: Node, login: Login | None) -> str:
    header = envelope.first("Header")
    session = header.first("SessionHeader") if header else None
    token = session.get("sessionId") if session else ""
    if login is not None:
        user = login.user_of(token)
    else:
        row = org.connection().execute("SELECT user_id FROM e_session WHERE token = ?", (token,)).fetchone()
        user = None if row is None else str(row[0])
    if user is None:
        text = "INVALID_SESSION_ID: Invalid Session ID found in SessionHeader: Illegal Session"
        raise _Fault("INVALID_SESSION_ID", text)
    return user


# -- deployments --------------------------------------------------------------------------------------------------


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


def _check_deploy(org: Org, user: str, call: Node) -> str:
    deployment = deploys.poll(org, call.get("asyncProcessId"))
    details = call.get("includeDetails").lower() == "true"
    return element("result", deploys.result(org, deployment, details=details))


def _cancel(org: Org, user: str, call: Node) -> str:
    deployment = deploys.cancel(org, call.get("String") or call.get("asyncProcessId"))
    return element("result", {"done": False, "id": deployment.id})


def _quick(org: Org, user: str, call: Node) -> str:
    return element("result", deploys.quick(org, user, call.get("validationId")).id)


# -- retrieves ----------------------------------------------------------------------------------------------------


def _retrieve(org: Org, user: str, call: Node) -> str:
    request = call.first("retrieveRequest") or call.first("request")
    asked = request.first("unpackaged") if request else None
    if request is None or asked is None:
        raise _Fault("INVALID_CROSS_REFERENCE_KEY", "Only unpackaged components can be retrieved from this org")
    members: dict[str, list[str]] = {}
    for kind in asked.all("types"):
        members.setdefault(kind.get("name"), []).extend(member.text.strip() for member in kind.all("members"))
    version = asked.get("version") or request.get("apiVersion") or "67.0"
    folder = request.get("singlePackage").lower() not in ("true", "1")
    made = retrieves.create(org, members, version, folder=folder)
    return element("result", {"done": False, "id": made.id, "state": "Queued"})


def _check_retrieve(org: Org, user: str, call: Node) -> str:
    with_zip = call.get("includeZip", "true").lower() not in ("false", "0")
    return element("result", retrieves.result(retrieves.poll(org, call.get("asyncProcessId")), with_zip=with_zip))


def _check(org: Org, user: str, call: Node) -> str:
    """The AsyncResult that clients of old ask for; of deployments and retrieves."""
    found = []
    for node in call.all("asyncProcessId"):
        id_ = node.text.strip()
        work = retrieves.poll(org, id_) if id_.startswith("09S") else deploys.poll(org, id_)
        done = work.status in (*deploys.FINAL, "Succeeded")
        state = "InProgress" if not done else "Error" if work.status in ("Failed", "Canceled") else "Completed"
        found.append({"done": done, "id": work.id, "state": state})
    return element("result", found)


# -- components ---------------------------------------------------------------------------------------------------


def _saving(how: str) -> Callable[[Org, str, Node], str]:
    def act(org: Org, user: str, call: Node) -> str:
        nodes = _few(call.all("metadata"))
        return element("result", [crud.save(org, node.type, node, how) for node in nodes])

    return act


def _few(nodes: list[Node]) -> list[Node]:
    if len(nodes) > crud.MOST:
        text = f"record limit reached. cannot submit more than {crud.MOST} records into this call"
        raise _Fault("LIMIT_EXCEEDED", text)
    return nodes


def _kind(call: Node) -> str:
    kind = call.get("type")
    if kind not in SUPPORTED:
        raise _Fault("INVALID_TYPE", f"This type of metadata is not emulated: {kind or 'none'}")
    return kind


def _read(org: Org, user: str, call: Node) -> str:
    kind = _kind(call)
    records = [crud.read(org, kind, node.text.strip()) for node in _few(call.all("fullNames"))]
    return f"<result>{''.join(records)}</result>"


def _delete(org: Org, user: str, call: Node) -> str:
    names = [node.text.strip() for node in _few(call.all("fullNames"))]
    return element("result", [crud.delete(org, call.get("type"), name) for name in names])


def _rename(org: Org, user: str, call: Node) -> str:
    name = call.get("oldFullName")
    error = {"message": f"Renaming a {call.get('type')} is not emulated", "statusCode": "INVALID_TYPE_FOR_OPERATION"}
    return element("result", {"errors": error, "fullName": name, "success": False})


def _describe(org: Org, user: str, call: Node) -> str:
    return element("result", types.described())


def _list(org: Org, user: str, call: Node) -> str:
    queries = call.all("queries")
    if len(queries) > MOST_QUERIES:
        raise _Fault("LIMIT_EXCEEDED", f"At most {MOST_QUERIES} queries may be made in a call")
    kinds = [query.get("type") for query in queries]
    return element("result", [types.properties(org, kind, name) for kind in kinds for name in types.names(org, kind)])


_ACTIONS: dict[str, Callable[[Org, str, Node], str]] = {
    "deploy": _deploy,
    "checkDeployStatus": _check_deploy,
    "cancelDeploy": _cancel,
    "deployRecentValidation": _quick,
    "retrieve": _retrieve,
    "checkRetrieveStatus": _check_retrieve,
    "checkStatus": _check,
    "createMetadata": _saving("create"),
    "updateMetadata": _saving("update"),
    "upsertMetadata": _saving("upsert"),
    "readMetadata": _read,
    "deleteMetadata": _delete,
    "renameMetadata": _rename,
    "describeMetadata": _describe,
    "listMetadata": _list,
}
