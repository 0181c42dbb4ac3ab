"""How the SOAP API refuses a whole call: faults with the vendor's exception codes ("API Fault Element")."""

from __future__ import annotations

import re

from emulators.salesforce.errors import ApiError, DmlError
from emulators.salesforce.xml_text import text_of

_PLACE = re.compile(r"ERROR at Row:(\d+):Column:(\d+)")
_PLACED = frozenset({"InvalidFieldFault", "InvalidSObjectFault", "MalformedQueryFault", "MalformedSearchFault"})
_KINDS = {
    "INVALID_FIELD": "InvalidFieldFault",
    "INVALID_ID_FIELD": "InvalidIdFault",
    "INVALID_LOGIN": "LoginFault",
    "INVALID_QUERY_LOCATOR": "InvalidQueryLocatorFault",
    "INVALID_TYPE": "InvalidSObjectFault",
    "MALFORMED_ID": "InvalidIdFault",
    "MALFORMED_QUERY": "MalformedQueryFault",
    "MALFORMED_SEARCH": "MalformedSearchFault",
}
_CUSTOM = "Please reference your WSDL or the describe call for the appropriate names."


class SoapFault(Exception):
    """The call is refused with an exception code of the WSDL."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message

    def printed(self) -> str:
        """The fault element; `sf` is the WSDL's fault namespace."""
        kind = _KINDS.get(self.code, "UnexpectedErrorFault")
        text = text_of(self.message)
        inner = f"<sf:exceptionCode>{self.code}</sf:exceptionCode><sf:exceptionMessage>{text}</sf:exceptionMessage>"
        if kind in _PLACED:
            place = _PLACE.search(self.message)
            row, column = place.groups() if place else ("-1", "-1")
            inner += f"<sf:row>{row}</sf:row><sf:column>{column}</sf:column>"
        return (
            f"<soapenv:Fault><faultcode>sf:{self.code}</faultcode><faultstring>{self.code}: {text}</faultstring>"
            f'<detail><sf:{kind} xsi:type="sf:{kind}">{inner}</sf:{kind}></detail></soapenv:Fault>'
        )


class ClientFault(Exception):
    """The message itself is no call of this WSDL: a fault of SOAP's own kind, without details."""

    def printed(self) -> str:
        """The fault element."""
        text = text_of(str(self))
        return (
            f"<soapenv:Fault><faultcode>soapenv:Client</faultcode><faultstring>{text}</faultstring></soapenv:Fault>"
        )


def from_error(bad: ApiError | DmlError) -> SoapFault:
    """What the org refuses, as a fault; codes that only REST has take the WSDL's nearest."""
    if isinstance(bad, DmlError):
        return SoapFault(bad.status_code, bad.message)
    return SoapFault(_ONLY_REST.get(bad.code, bad.code), bad.message)


def unknown_type(name: str) -> SoapFault:
    """No such object, or none that the user may see."""
    text = f"sObject type '{name}' is not supported. If you are attempting to use a custom object, be sure to append "
    return SoapFault("INVALID_TYPE", f"{text}the '__c' after the entity name. {_CUSTOM}")


def unknown_field(object_name: str, name: str) -> SoapFault:
    """No such field, or none that the user may see."""
    text = f"No such column '{name}' on entity '{object_name}'. If you are attempting to use a custom field, be sure "
    return SoapFault("INVALID_FIELD", f"{text}to append the '__c' after the custom field name. {_CUSTOM}")


_ONLY_REST = {"NOT_FOUND": "INVALID_TYPE", "INVALID_INPUT": "INVALID_SOAP_HEADER"}
