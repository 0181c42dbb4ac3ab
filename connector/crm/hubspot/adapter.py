"""HubSpot behind the CRM protocol."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa

from connector.crm.base import (
    Capabilities,
    FieldSpec,
    InstallStep,
    JobLedger,
    LabelSpec,
    MemoryLedger,
    ObjectSchema,
    Page,
    Progress,
    ReadRequest,
    Usage,
    Who,
    Write,
    WriteResult,
    no_progress,
)
from connector.crm.hubspot import scopes
from connector.crm.hubspot.catalog import Catalog
from connector.crm.hubspot.connection import HubSpotConnection
from connector.crm.hubspot.faults import Refusal
from connector.crm.hubspot.install import Installer, field_name
from connector.crm.hubspot.read import Reader
from connector.crm.hubspot.wire import Wire
from connector.crm.hubspot.write import Writer
from connector.errors import Misconfigured

BATCH = 100
_HOST = "app.hubspot.com"  # portals in Europe have one of their own
TOKEN_INFO = "/oauth/v2/private-apps/get/access-token-info"  # noqa: S105  a path


class HubSpotCRM:
    """One portal. The ledger is where the installer keeps what it made."""

    def __init__(
        self,
        connection: HubSpotConnection,
        ledger: JobLedger | None = None,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.wire = Wire(connection, sleep=sleep)
        self.catalog = Catalog(self.wire)
        self._reader = Reader(self.wire, self.catalog)
        self._writer = Writer(self.wire, self.catalog)
        self._installer = Installer(self.wire, self.catalog, ledger if ledger is not None else MemoryLedger())
        self._details: Mapping[str, Any] | None = None
        self._about: Mapping[str, Any] | None = None

    @property
    def capabilities(self) -> Capabilities:
        """What a portal can do."""
        return Capabilities("hubspot", BATCH, upsert=True, together=BATCH)

    def identity(self) -> str:
        """ "portal <id> as <user id>", or as the app where the portal does not tell the user; proves the token."""
        who = self.who()
        return f"portal {who.tenant} as " + (f"user {who.user}" if who.user else "an app")

    def who(self) -> Who:
        """The portal, and the user to whom the token belongs ("" where the portal does not tell)."""
        tenant = self._portal()
        token = self.wire.tokens.token()
        renewable = token.user or self.wire.tokens.renewable
        return Who(tenant, token.user if renewable else str(self._told().get("userId") or ""))

    def now(self) -> datetime:
        """The portal's clock to the second, UTC."""
        return self.wire.now()

    def schema(self, object_name: str) -> ObjectSchema | None:
        """The object as the token sees it; None when it is absent or hidden."""
        return self.catalog.schema(object_name)

    def absence(self, object_name: str) -> str:
        """Why the object is not there, as the portal told when it was asked for it."""
        return self.catalog.why_absent(object_name)

    def read(self, request: ReadRequest, progress: Progress = no_progress) -> Iterator[Page]:
        """The matching rows, page by page."""
        return self._reader.read(request, progress)

    def fetch(self, object_name: str, ids: Sequence[str], fields: Sequence[str]) -> pa.Table:
        """The named records as they are now."""
        return self._reader.fetch(object_name, ids, fields)

    def find(self, object_name: str, key_field: str, keys: Sequence[str], fields: Sequence[str]) -> pa.Table:
        """The records whose key field holds one of the keys."""
        return self._reader.find(object_name, key_field, keys, fields)

    def write(self, writes: Sequence[Write], progress: Progress = no_progress) -> Iterator[WriteResult]:
        """One outcome a write, in any order; nothing is sent to a portal other than the configured one."""
        self._portal()
        return self._writer.write(writes, progress)

    def install(
        self, specs: Sequence[FieldSpec], labels: Sequence[LabelSpec] = (), *, dry_run: bool
    ) -> tuple[InstallStep, ...]:
        """Make the properties and labels; idempotent."""
        self._portal()
        return self._installer.install(specs, labels, dry_run=dry_run)

    def uninstall(
        self, specs: Sequence[FieldSpec], labels: Sequence[LabelSpec] = (), *, dry_run: bool
    ) -> tuple[InstallStep, ...]:
        """Take away what `install` made and nothing else."""
        self._portal()
        return self._installer.uninstall(specs, labels, dry_run=dry_run)

    def lacking_scopes(self, written: Sequence[str], installed: Sequence[str]) -> tuple[tuple[str, str], ...]:
        """(scope, what does not work without it) of what a token lacks; nothing where the portal does not tell.

        `written` are objects whose records are written, `installed` those that get properties of ours.
        """
        token = self.wire.tokens.token()
        granted = token.scopes if self.wire.tokens.renewable else _texts(self._told().get("scopes"))
        return scopes.lacking(granted, written, installed) if granted else ()

    def field_name(self, spec: FieldSpec) -> str:
        """The property name of a field of ours."""
        return field_name(spec)

    def record_url(self, object_name: str, record_id: str) -> str:
        """Where a person opens the record."""
        domain, portal = self._host(), self._portal()
        if object_name == "tasks":
            return f"https://{domain}/tasks/{portal}/view/all/task/{record_id}"
        kind = self.catalog.known(object_name)
        type_id = kind.type_id if kind is not None else object_name
        return f"https://{domain}/contacts/{portal}/record/{type_id}/{record_id}"

    def usage(self) -> Usage:
        """The calls of the day as last seen."""
        return self.wire.budget.usage()

    def close(self) -> None:
        """Give back connections."""
        self.wire.close()

    def _host(self) -> str:
        """The host of the portal's own pages: as it tells, else by the region in which it keeps its records."""
        told = self._account()
        region = str(told.get("dataHostingLocation") or "")
        return str(told.get("uiDomain") or (f"app-{region}.hubspot.com" if region[:2] != "na" and region else _HOST))

    def _portal(self) -> str:
        """The portal's id; Misconfigured when another one is configured."""
        found = str(self._account().get("portalId") or "")
        wanted = self.wire.connection.portal_id
        if wanted and wanted != found:
            fix = "Set portal_id to the portal that the token belongs to, or use a token of the right portal"
            raise Misconfigured("hubspot.portal_id", f"the token leads to portal {found}, not {wanted}", fix)
        return found

    def _account(self) -> Mapping[str, Any]:
        if self._details is None:
            answer = self.catalog.account()
            if not answer.get("portalId"):
                raise Misconfigured("hubspot.base_url", "it does not answer as HubSpot does", "Leave base_url out")
            self.wire.budget.zone(str(answer.get("timeZone") or ""))
            self._details = answer
        return self._details

    def _told(self) -> Mapping[str, Any]:
        """What the portal tells about a token that a person made; nothing about a service key."""
        if self._about is None:
            try:
                body = {"tokenKey": self.wire.tokens.token().access}
                answer = self.wire.call("POST", TOKEN_INFO, body=body).json()
            except (Refusal, Misconfigured):  # a service key is not asked for there
                answer = {}
            self._about = answer if isinstance(answer, dict) else {}
        return self._about


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(str(each) for each in value) if isinstance(value, list) else ()
