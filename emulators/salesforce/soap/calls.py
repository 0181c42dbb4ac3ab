"""One SOAP call as its operation sees it: who calls, in which version, with which headers and arguments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from emulators.salesforce.oauth.login import Login
from emulators.salesforce.org import Actor, Org
from emulators.salesforce.router import Request
from emulators.salesforce.schema import ObjectType
from emulators.salesforce.soap.dialect import Dialect
from emulators.salesforce.soap.faults import SoapFault, unknown_type
from emulators.salesforce.xml_text import Node

MOST_RECORDS = 200  # of a write
MOST_IDS = 2000  # of a retrieve


@dataclass(frozen=True, slots=True)
class SoapCall:
    """An operation (`node`) with the headers that came with it; `user` is empty for login."""

    org: Org
    login: Login
    dialect: Dialect
    version: str
    base_url: str
    headers: Node | None
    node: Node
    token: str = ""
    user: str = ""

    def option(self, header: str, name: str) -> str:
        """One value of a SOAP header in lower case; empty without it."""
        found = self.headers.first(header) if self.headers else None
        return found.get(name).lower() if found else ""

    def actor(self) -> Actor:
        """Who acts; DuplicateRuleHeader may allow duplicates."""
        allowed = self.option("DuplicateRuleHeader", "allowSave") in ("true", "1")
        return Actor(self.user, allow_duplicates=allowed, version=self.version)

    def all_or_none(self) -> bool:
        """Whether AllOrNoneHeader asks for everything or nothing."""
        return self.option("AllOrNoneHeader", "allOrNone") in ("true", "1")

    def text(self, name: str) -> str:
        """A required argument; MISSING_ARGUMENT without it."""
        found = self.node.get(name)
        if not found:
            raise SoapFault("MISSING_ARGUMENT", f"{name} not specified")
        return found

    def nodes(self, name: str, most: int = MOST_RECORDS) -> list[Node]:
        """A repeated argument; EXCEEDED_ID_LIMIT above what one call takes."""
        found = self.node.all(name)
        if len(found) > most:
            text = f"record limit reached. cannot submit more than {most} records into this call"
            raise SoapFault("EXCEEDED_ID_LIMIT", text)
        return found

    def object(self, name: str) -> ObjectType:
        """The object of that name, or the fault for none."""
        obj = self.org.schema.object(name)
        if obj is None or self.org.access.hidden_object(obj.name):
            raise unknown_type(name)
        return obj

    def as_rest(
        self,
        path: str,
        params: Mapping[str, str] = {},
        query: Mapping[str, str] = {},
        headers: Mapping[str, str] = {},
    ) -> Request:
        """The same caller's call to a REST resource, for what both APIs answer alike."""
        return Request(
            "GET", f"/services/data/v{self.version}/{path}", params=dict(params), query=dict(query),
            headers=dict(headers), user=self.user, version=self.version, base_url=self.base_url,
        )  # fmt: skip
