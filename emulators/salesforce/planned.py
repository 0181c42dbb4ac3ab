"""How a planned failure looks: in the form of the API that was called, as the vendor's application server tells it.

Sources: "Status Codes and Error Responses" (REST), "ExceptionCode" and "API Fault Element" (SOAP), "Errors" (Bulk
API). A bad gateway is no application server: SOAP callers get its page.
"""

from __future__ import annotations

from http import HTTPStatus

from emulators.loopback.http import Call, Response
from emulators.salesforce.router import Request, json_response

_PLANNED = {
    429: ("REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (Concurrent API Requests) Limit exceeded."),
    500: ("UNKNOWN_EXCEPTION", "An unexpected error occurred. Please include this ErrorId if you need help"),
    502: ("SERVER_UNAVAILABLE", "Bad gateway"),
    503: ("SERVER_UNAVAILABLE", "We are down for maintenance. Sorry for the inconvenience."),
}


def refusal(status: int, call: Call) -> Response:
    """REST: that status with a JSON error. SOAP: a fault, whose status is always 500. Bulk API 1.0: its own error."""
    code, message = _PLANNED.get(status, _PLANNED[500])
    if call.path.startswith("/services/Soap/"):
        return _fault(status, call.path, code, message)
    if call.path.startswith("/services/async/"):
        from emulators.salesforce.bulk1 import forms

        body = {"exceptionCode": "ExceededQuota" if status == 429 else "Unknown", "exceptionMessage": message}
        request = Request(call.method, call.path, headers=call.headers)
        return forms.answer("error", body, as_json=forms.wants_json(request), status=status)
    return json_response([{"message": message, "errorCode": code}], status)


def _fault(status: int, path: str, code: str, message: str) -> Response:
    from emulators.salesforce.metadata.xml import NAMESPACE
    from emulators.salesforce.soap.dialect import ENTERPRISE, PARTNER
    from emulators.salesforce.soap.faults import SoapFault
    from emulators.salesforce.xml_text import faulty

    if status == HTTPStatus.BAD_GATEWAY:
        page = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
        return Response(status, page, {"Content-Type": "text/html"})
    if path.startswith("/services/Soap/m/"):
        return faulty(NAMESPACE, code, f"{code}: {message}")
    dialect = ENTERPRISE if path.startswith("/services/Soap/c/") else PARTNER
    return dialect.refusal(SoapFault(code, message).printed())
