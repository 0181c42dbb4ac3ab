"""In which of the two WSDLs a call speaks, and how answers are wrapped: envelope, headers and namespaces."""

from __future__ import annotations

from dataclasses import dataclass

from emulators.loopback.http import Response
from emulators.salesforce.xml_text import DECLARATION, ENVELOPE, INSTANCE, text_of

_SCHEMA = "http://www.w3.org/2001/XMLSchema"
_TYPE = "text/xml; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Dialect:
    """A WSDL: `letter` stands in the path; `typed` records name their own type instead of one for all."""

    letter: str
    name: str
    typed: bool

    @property
    def namespace(self) -> str:
        """Of operations and results."""
        return f"urn:{self.name}.soap.sforce.com"

    @property
    def objects(self) -> str:
        """Of records."""
        return f"urn:sobject.{self.name}.soap.sforce.com"

    @property
    def faults(self) -> str:
        """Of faults' details."""
        return f"urn:fault.{self.name}.soap.sforce.com"

    def answer(self, inner: str, usage: tuple[int, int] | None) -> Response:
        """A result; `usage` (calls used, calls allowed) is told by LimitInfoHeader."""
        spaces = f' xmlns="{self.namespace}" xmlns:xsi="{INSTANCE}"'
        spaces += f' xmlns:sf="{self.objects}"' if "sf:" in inner else ""
        spaces += f' xmlns:xsd="{_SCHEMA}"' if '"xsd:' in inner else ""
        return Response(200, _envelope(spaces, _limits(usage), inner), {"Content-Type": _TYPE})

    def refusal(self, inner: str) -> Response:
        """A fault: always status 500."""
        spaces = f' xmlns:sf="{self.faults}" xmlns:xsi="{INSTANCE}"'
        return Response(500, _envelope(spaces, "", inner), {"Content-Type": _TYPE})


PARTNER = Dialect("u", "partner", typed=False)
ENTERPRISE = Dialect("c", "enterprise", typed=True)


def nil(name: str) -> str:
    """An element that says that it has no value."""
    return f'<{name} xsi:nil="true"/>'


def plain(name: str, value: object) -> str:
    """One plain value; nil for None."""
    return nil(name) if value is None else f"<{name}>{text_of(value)}</{name}>"


def _limits(usage: tuple[int, int] | None) -> str:
    if usage is None:
        return ""
    inner = f"<current>{usage[0]}</current><limit>{usage[1]}</limit><type>API REQUESTS</type>"
    return f"<soapenv:Header><LimitInfoHeader><limitInfo>{inner}</limitInfo></LimitInfoHeader></soapenv:Header>"


def _envelope(spaces: str, header: str, inner: str) -> bytes:
    text = (
        f'{DECLARATION}<soapenv:Envelope xmlns:soapenv="{ENVELOPE}"{spaces}>{header}'
        f"<soapenv:Body>{inner}</soapenv:Body></soapenv:Envelope>"
    )
    return text.encode()
