"""What the tests of the SOAP API share: one running org and a caller that writes envelopes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from xml.sax.saxutils import escape

import pytest
import requests

from emulators.salesforce.oauth import login as oauth
from emulators.salesforce.oauth import passwords
from emulators.salesforce.org import Org
from emulators.salesforce.schema import FieldType
from emulators.salesforce.server import Emulator
from emulators.salesforce.xml_text import Node, parse

PASSWORD, SECURITY_TOKEN = "its password", "ItsSecurityToken"
USERNAME = "integration@emulated.example"


class Soap:
    """Calls a running emulator's SOAP endpoints with a session."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator, self.org = emulator, emulator.org
        self.http = requests.Session()
        self.http.trust_env = False
        self.session = emulator.login.issue(self.org.user_id)

    def post(self, body: str | bytes, letter: str = "u", version: str = "59.0", **headers: str) -> requests.Response:
        """A raw body to an endpoint."""
        sent = {"Content-Type": "text/xml", "SOAPAction": '""', **headers}
        text = body.encode() if isinstance(body, str) else body
        where = f"{self.emulator.url}/services/Soap/{letter}/{version}"
        return self.http.post(where, data=text, headers=sent, timeout=20)

    def send(
        self, name: str, inner: str = "", header: str = "", letter: str = "u", version: str = "59.0",
        session: str | None = None,
    ) -> requests.Response:  # fmt: skip
        """An operation; `inner` are its arguments, `header` further SOAP headers."""
        kind = {"u": "partner", "c": "enterprise"}[letter]
        token = escape(self.session if session is None else session)
        text = (
            '<?xml version="1.0" encoding="utf-8"?>'
            '<env:Envelope xmlns:env="http://schemas.xmlsoap.org/soap/envelope/" '
            f'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:urn="urn:{kind}.soap.sforce.com" '
            f'xmlns:ens="urn:sobject.{kind}.soap.sforce.com"><env:Header><urn:SessionHeader><urn:sessionId>{token}'
            f"</urn:sessionId></urn:SessionHeader>{header}</env:Header><env:Body><urn:{name}>{inner}</urn:{name}>"
            "</env:Body></env:Envelope>"
        )
        return self.post(text, letter, version)

    def call(
        self, name: str, inner: str = "", header: str = "", letter: str = "u", version: str = "59.0"
    ) -> list[Node]:
        """The results of an operation that must succeed."""
        answer = self.send(name, inner, header, letter, version)
        assert answer.status_code == 200, answer.text
        body = parse(answer.content).first("Body")
        assert body is not None
        assert [node.tag for node in body.children] == [f"{name}Response"]
        return body.children[0].children

    def plain(self, node: Node) -> object:
        """An element as text, or as (name, value) pairs; None for nil."""
        if node.nil:
            return None
        return [(child.tag, self.plain(child)) for child in node.children] if node.children else node.text

    def fault(self, answer: requests.Response) -> tuple[int, str, str]:
        """Status, faultcode and faultstring of a refusal."""
        body = parse(answer.content).first("Body")
        found = body.first("Fault") if body else None
        assert found is not None, answer.text
        return answer.status_code, found.get("faultcode"), found.get("faultstring")

    def make(self, kind: str, **values: str) -> str:
        """A new record; its id."""
        inner = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in values.items())
        result = self.call("create", f"<urn:sObjects><ens:type>{kind}</ens:type>{inner}</urn:sObjects>")[0]
        assert result.get("success") == "true", self.plain(result)
        return result.get("id")

    def query(self, soql: str, header: str = "", letter: str = "u", name: str = "query") -> Node:
        """The QueryResult."""
        return self.call(name, f"<urn:queryString>{escape(soql)}</urn:queryString>", header, letter)[0]


@pytest.fixture(scope="module")
def soap(tmp_path_factory: pytest.TempPathFactory, opened: Callable[[Path], Org]) -> Iterator[Soap]:
    """A caller to one org for the whole file; accounts have a visible external id Key__c."""
    org = opened(tmp_path_factory.mktemp("soap"))
    key = FieldType("Key__c", "Key", "string", length=40, custom=True, unique=True, external_id=True, id_lookup=True)
    org.add_custom_field("Account", key)
    passwords.put(org, org.user_id, PASSWORD, SECURITY_TOKEN)
    with Emulator(org, oauth.App("an-app", "its-secret"), control_token="of-these-tests") as emulator:
        found = Soap(emulator)
        yield found
        found.http.close()
