"""An org with a frozen clock, and calls to it without a socket."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from emulators.loopback.clock import Clock
from emulators.salesforce import replication
from emulators.salesforce.bulk import resources as bulk
from emulators.salesforce.catalog import load
from emulators.salesforce.errors import ApiError, DmlError
from emulators.salesforce.metadata import resources as metadata
from emulators.salesforce.org import Org
from emulators.salesforce.router import Request, Response, Router, error_response

START = datetime(2026, 3, 31, 12, 0, 0, tzinfo=UTC)


@dataclass(slots=True)
class Caller:
    """Calls handlers as the server does."""

    org: Org
    router: Router
    version: str = "67.0"
    user: str = ""

    def __call__(
        self, method: str, target: str, body: object = None, headers: dict[str, str] | None = None
    ) -> Response:
        address = urlsplit(target if target.startswith("/") else f"/services/data/v{self.version}/{target}")
        kind = "application/json" if not isinstance(body, bytes) else "text/csv"
        sent = {"content-type": kind} | {name.lower(): value for name, value in (headers or {}).items()}
        payload = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        try:
            route, params = self.router.find(method, address.path)
            request = Request(
                method, address.path, params=params, headers=sent, body=payload, user=self.user or self.org.user_id,
                query=dict(parse_qsl(address.query, keep_blank_values=True)), version=params.get("version", ""),
                base_url="https://127.0.0.1:1",
            )  # fmt: skip
            return route.handler(request, self.org)
        except (ApiError, DmlError) as refused:
            return error_response(refused)

    def json(self, method: str, target: str, body: object = None) -> Any:
        """The parsed body of a call that must succeed."""
        answer = self(method, target, body)
        assert answer.status < 300, answer.body
        return json.loads(answer.body)

    def refused(self, method: str, target: str, body: object = None) -> tuple[int, str]:
        """Status and code of a call that must fail."""
        answer = self(method, target, body)
        assert answer.status >= 400, answer
        return answer.status, json.loads(answer.body)[0]["errorCode"]

    def finish(self, kind: str, job: str) -> Any:
        """Poll until the job has ended."""
        for _ in range(50):
            seen = self.json("GET", f"jobs/{kind}/{job}")
            if seen["state"] in ("JobComplete", "Failed", "Aborted"):
                return seen
        raise AssertionError(seen)

    def ingest(self, rows: str | bytes, **body: object) -> Any:
        """A whole ingest job; -> its last status."""
        job = self.json("POST", "jobs/ingest", body)["id"]
        payload = rows if isinstance(rows, bytes) else rows.encode()
        assert self("PUT", f"jobs/ingest/{job}/batches", payload).status == 201
        self.json("PATCH", f"jobs/ingest/{job}", {"state": "UploadComplete"})
        return self.finish("ingest", job)

    def rows(self, target: str) -> list[dict[str, str]]:
        """The rows of a CSV answer."""
        return list(csv.DictReader(io.StringIO(self("GET", target).body.decode(), newline="")))


@pytest.fixture
def org(tmp_path: Path) -> Org:
    return Org.open(tmp_path / "org.db", load(), Clock(START, frozen=True))


@pytest.fixture
def call(org: Org) -> Caller:
    router = Router()
    for module in (bulk, metadata, replication):
        module.routes(router)
    return Caller(org, router)
