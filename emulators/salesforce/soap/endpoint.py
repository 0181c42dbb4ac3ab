"""Where SOAP calls arrive: /services/Soap/u (partner) and /services/Soap/c (enterprise), and who answers which."""

from __future__ import annotations

import re
from collections.abc import Callable

from emulators.loopback.http import Response
from emulators.salesforce import rest
from emulators.salesforce.errors import ApiError, DmlError
from emulators.salesforce.oauth.login import Login
from emulators.salesforce.org import Org
from emulators.salesforce.router import Handler, Request, Router
from emulators.salesforce.soap import converting, describing, reading, session, writing
from emulators.salesforce.soap.calls import SoapCall
from emulators.salesforce.soap.dialect import ENTERPRISE, PARTNER, Dialect
from emulators.salesforce.soap.faults import ClientFault, SoapFault, from_error
from emulators.salesforce.xml_text import ENVELOPE, BadXml, Node, parse

_OPERATIONS: dict[str, Callable[[SoapCall], str]] = {
    "login": session.log_in,
    "logout": session.log_out,
    "getUserInfo": session.user_info,
    "getServerTimestamp": session.server_timestamp,
    "query": reading.run,
    "queryAll": reading.run_all,
    "queryMore": reading.more,
    "search": reading.find,
    "retrieve": reading.retrieve,
    "getUpdated": reading.updated,
    "getDeleted": reading.deleted,
    "create": writing.create,
    "update": writing.update,
    "upsert": writing.upsert,
    "delete": writing.delete,
    "undelete": writing.undelete,
    "emptyRecycleBin": writing.empty_recycle_bin,
    "merge": writing.merge,
    "convertLead": converting.convert,
    "describeGlobal": describing.everything,
    "describeSObject": describing.one,
    "describeSObjects": describing.several,
}
# operations of the WSDL that this org does not have; any other name is no operation at all
_ABSENT = re.compile(
    r"changeOwnPassword|deleteByExample|describe(AllTabs|AppMenu|ApprovalLayout|AvailableQuickActions|CompactLayouts|"
    r"DataCategoryGroup(s|Structures)|GlobalTheme|KnowledgeSettings|Layout|Nouns|PathAssistants|PrimaryCompactLayouts|"
    r"QuickActions(ForRecordType)?|SearchLayouts|SearchScopeOrder|SearchableEntities|SoftphoneLayout|SoqlListViews|"
    r"Tabs|Theme|VisualForm)|executeListView|findDuplicates(ByIds)?|invalidateSessions|performQuickActions|process|"
    r"render(Stored)?EmailTemplate|resetPassword|retrieve(Mass)?QuickActionTemplates|sendEmail(Message)?|setPassword"
)


def routes(router: Router, login: Login) -> None:
    """Register the paths; the id of the org may follow the version."""
    for dialect in (PARTNER, ENTERPRISE):
        for path in ("{number}", "{number}/{organization}"):
            router.add("POST", f"/services/Soap/{dialect.letter}/{path}", _handler(dialect, login), session=False)


def _handler(dialect: Dialect, login: Login) -> Handler:
    def answer(request: Request, org: Org) -> Response:
        try:
            return _answer(dialect, login, request, org)
        except (SoapFault, ClientFault) as fault:
            return dialect.refusal(fault.printed())
        except BadXml as bad:
            return dialect.refusal(ClientFault(bad.problem).printed())
        except (ApiError, DmlError) as refused:
            return dialect.refusal(from_error(refused).printed())

    return answer


def _answer(dialect: Dialect, login: Login, request: Request, org: Org) -> Response:
    header, node = _opened(dialect, request)
    version = _version(request.params["number"])
    known = _OPERATIONS.get(node.tag)
    if known is None and not _ABSENT.fullmatch(node.tag):
        raise _no_operation(node)
    call = SoapCall(org, login, dialect, version, request.base_url, header, node)
    if node.tag == "login":
        return dialect.answer(_wrapped(call, session.log_in), None)
    token, user = _caller(login, header)
    org.limits.spend()
    if known is None:
        raise SoapFault("FUNCTIONALITY_NOT_ENABLED", f"{node.tag} is not enabled in this org")
    call = SoapCall(org, login, dialect, version, request.base_url, header, node, token, user)
    with org.acting(user):
        inner = _wrapped(call, known)
    usage = None if node.tag == "logout" else (org.limits.used(), org.limits.daily_max)
    return dialect.answer(inner, usage)


def _wrapped(call: SoapCall, operation: Callable[[SoapCall], str]) -> str:
    name = f"{call.node.tag}Response"
    inner = operation(call)
    return f"<{name}>{inner}</{name}>" if inner else f"<{name}/>"


def _opened(dialect: Dialect, request: Request) -> tuple[Node | None, Node]:
    """The headers and the operation of an envelope."""
    if "soapaction" not in request.headers:
        raise ClientFault("SOAPAction HTTP header missing")
    if not request.body.strip():
        raise ClientFault("Premature end of file.")
    root = parse(request.body)
    if (root.tag, root.namespace) != ("Envelope", ENVELOPE):
        raise ClientFault(f"unexpected element: {root.tag}, expected {{{ENVELOPE}}}Envelope")
    body = root.first("Body")
    if body is None or not body.children:
        raise ClientFault("the SOAP body holds no operation")
    node = body.children[0]
    if node.namespace != dialect.namespace:
        raise _no_operation(node)
    return root.first("Header"), node


def _no_operation(node: Node) -> ClientFault:
    name = f"{{{node.namespace}}}{node.tag}"
    return ClientFault(f"No operation available for request {name}, please check the WSDL for the service.")


def _version(number: str) -> str:
    """The version of the path; retired ones and those to come are refused."""
    whole, _, part = number.partition(".")
    if part == "0" and whole.isdecimal() and rest.OLDEST <= int(whole) <= rest.LATEST:
        return number
    raise SoapFault("UNSUPPORTED_API_VERSION", "Invalid Api version specified on URL")


def session_of(request: Request) -> str:
    """The session id in a SOAP call's envelope; empty without one, and for any other call."""
    if not request.path.startswith("/services/Soap/"):
        return ""
    try:
        return _token(parse(request.body).first("Header"))
    except BadXml:
        return ""


def _token(header: Node | None) -> str:
    found = header.first("SessionHeader") if header else None
    return found.get("sessionId") if found else ""


def _caller(login: Login, header: Node | None) -> tuple[str, str]:
    """The session id and its user; REST's access tokens are session ids."""
    token = _token(header)
    user = login.user_of(token)
    if user is None:
        text = "Invalid Session ID found in SessionHeader: Illegal Session. Session not found, missing session key"
        raise SoapFault("INVALID_SESSION_ID", text)
    return token, user
