"""The vendor's client for Node works unchanged against an emulated portal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).with_name("node_client_smoke.cjs")
CAPABILITIES = (
    "records", "pages", "search", "batches", "associations", "properties", "pipelines", "owners", "schemas",
    "activities", "lists", "imports", "exports_", "webhooks", "oauth", "errors", "retries", "plainRequests",
)  # fmt: skip


@pytest.mark.slow
def test_hubspots_client_for_node_does_all_that_its_script_asks(clients: Any, portal: Any) -> None:
    assert clients.node("@hubspot/api-client").run(SCRIPT, portal) == CAPABILITIES
