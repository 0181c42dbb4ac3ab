"""Salesforce behind the CRM protocol."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from connector.crm.base import (
    Capabilities,
    FieldSpec,
    Filter,
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
from connector.crm.salesforce.auth import SalesforceConnection
from connector.crm.salesforce.describe import Describer
from connector.crm.salesforce.faults import Refusal
from connector.crm.salesforce.http import DATA, Wire, parsed_date
from connector.crm.salesforce.install import Installer
from connector.crm.salesforce.package import api_name
from connector.crm.salesforce.read import Reader
from connector.crm.salesforce.soql import instant
from connector.crm.salesforce.uninstall import Uninstaller
from connector.crm.salesforce.write import BATCH, Writer
from connector.errors import GiveUp

DELETED_DAYS = 15  # how far back an org tells what was deleted


class SalesforceCRM:
    """One org. The ledger, when it outlives the process, lets Bulk jobs be taken up again after a crash."""

    def __init__(
        self,
        connection: SalesforceConnection,
        ledger: JobLedger | None = None,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.wire = Wire(connection, sleep=sleep)
        kept = ledger if ledger is not None else MemoryLedger()
        self._describer = Describer(self.wire)
        self._reader = Reader(self.wire, self._describer, kept)
        self._writer = Writer(self.wire, self._describer, kept)
        self._installer = Installer(self.wire, self._describer, self._reader)
        self._uninstaller = Uninstaller(self.wire, self._describer, self._reader, self._installer.user)

    @property
    def capabilities(self) -> Capabilities:
        """What the org can do."""
        return Capabilities("salesforce", BATCH)

    def identity(self) -> str:
        """ "salesforce <org id> <user id>"; also learns the request budget where the user may see it."""
        try:
            daily = self.wire.json("GET", "limits", kind="limits").get("DailyApiRequests")
            if daily:
                self.wire.budget.told(int(daily["Max"]) - int(daily["Remaining"]), int(daily["Max"]))
        except Refusal as error:
            if error.status != 403:  # the limits need a permission of their own; the header tells them as well
                raise
        who = self.who()
        return f"salesforce {who.tenant} {who.user}"

    def who(self) -> Who:
        """The org and the integration user; costs no call where the token tells them."""
        token = self.wire.tokens.token()
        if token.org and token.user:
            return Who(token.org, token.user)
        claims = self.wire.raw("GET", "/services/oauth2/userinfo", kind="identity").json()
        return Who(str(claims["organization_id"]), str(claims["user_id"]))

    def now(self) -> datetime:
        """The org's clock to the second, UTC, asked for anew each time: it costs no request of the budget."""
        sent = time.monotonic()
        header = self.wire.open_call(DATA).headers.get("Date")
        if header is None:
            raise GiveUp(f"{self.wire.connection.instance_url}: answers without a Date; is a proxy removing it?")
        told: datetime = parsed_date(header)
        return told.astimezone(UTC) + timedelta(seconds=(time.monotonic() - sent) / 2)

    def schema(self, object_name: str) -> ObjectSchema | None:
        """The object as the connecting user sees it; None when it is absent or hidden."""
        described = self._describer.get(object_name)
        return None if described is None else described.schema

    def absence(self, object_name: str) -> str:
        """Salesforce gives no reasons: what is hidden looks like what is not there."""
        return ""

    def read(self, request: ReadRequest, progress: Progress = no_progress) -> Iterator[Page]:
        """The matching rows, page by page; above `rest_rows` through a Bulk job."""
        return self._reader.read(request, progress)

    def fetch(self, object_name: str, ids: Sequence[str], fields: Sequence[str]) -> pa.Table:
        """The named records as they are now; a missing or deleted one is simply not there."""
        return self._reader.pick(object_name, "Id", ids, fields)

    def find(self, object_name: str, key_field: str, keys: Sequence[str], fields: Sequence[str]) -> pa.Table:
        """The live records whose key field holds one of the keys."""
        return self._reader.pick(object_name, key_field, keys, fields)

    def ids(self, object_name: str, where: Sequence[Filter] = (), progress: Progress = no_progress) -> Iterator[str]:
        """The ids of all live records: what a mirror holds beyond them was deleted for good."""
        return self._reader.ids(object_name, where, progress)

    def deleted_since(self, object_name: str, since: datetime) -> tuple[str, ...]:
        """Ids deleted since then, also from the recycle bin; reaches back 15 days at most (GiveUp beyond)."""
        now = self.now()
        if now - since > timedelta(days=DELETED_DAYS):
            raise GiveUp(
                f"{object_name}: the org tells deletions of {DELETED_DAYS} days only; compare the ids instead"
            )
        since = min(since, now - timedelta(minutes=1))
        params = {"start": instant(since), "end": instant(now)}
        answer: dict[str, Any] = self.wire.json(
            "GET", f"sobjects/{object_name}/deleted/", kind="query", params=params
        )
        return tuple(str(each["id"]) for each in answer["deletedRecords"])

    def write(self, writes: Sequence[Write], progress: Progress = no_progress) -> Iterator[WriteResult]:
        """One outcome a write, in any order."""
        return self._writer.write(writes, progress)

    def install(
        self, specs: Sequence[FieldSpec], labels: Sequence[LabelSpec] = (), *, dry_run: bool
    ) -> tuple[InstallStep, ...]:
        """Make the custom fields and permission sets; idempotent, and nothing is made while a field clashes."""
        return self._installer.install(specs, labels, dry_run=dry_run)

    def uninstall(
        self, specs: Sequence[FieldSpec], labels: Sequence[LabelSpec] = (), *, dry_run: bool
    ) -> tuple[InstallStep, ...]:
        """Take away the fields and permission sets that an install made; what others made or use is kept."""
        return self._uninstaller.uninstall(specs, labels, dry_run=dry_run)

    def field_name(self, spec: FieldSpec) -> str:
        """The API name of a field of ours."""
        return api_name(spec)

    def record_url(self, object_name: str, record_id: str) -> str:
        """Where a person opens the record."""
        return f"{self.wire.connection.instance_url.rstrip('/')}/lightning/r/{object_name}/{record_id}/view"

    def usage(self) -> Usage:
        """The request budget as last seen."""
        return self.wire.budget.usage()

    def close(self) -> None:
        """Give back connections."""
        self.wire.close()
