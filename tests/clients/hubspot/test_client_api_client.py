"""hubspot-api-client works unchanged against an emulated portal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).with_name("api_client_smoke.py")
CAPABILITIES = (
    "records", "pages", "search", "batches", "associations", "association_limits", "properties", "pipelines",
    "owners", "schemas", "activities", "merges", "lists", "imports", "exports", "webhooks", "oauth", "errors",
    "retries", "plain_requests",
)  # fmt: skip


@pytest.mark.slow
def test_hubspot_api_client_does_all_that_its_script_asks(clients: Any, portal: Any) -> None:
    assert clients.python("product").run(SCRIPT, portal) == CAPABILITIES
