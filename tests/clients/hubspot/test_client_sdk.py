"""The vendor's pre-release hubspot-sdk, which speaks dated versions, works unchanged against an emulated portal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).with_name("sdk_smoke.py")
CAPABILITIES = (
    "records", "pages", "search", "batches", "associations", "association_limits", "properties", "pipelines",
    "owners", "schemas", "activities", "merges", "lists", "imports", "exports", "limits", "webhooks", "journal",
    "oauth", "errors", "retries",
)  # fmt: skip


@pytest.mark.slow
def test_hubspot_sdk_does_all_that_its_script_asks(clients: Any, portal: Any) -> None:
    assert clients.python("hubspot-sdk").run(SCRIPT, portal) == CAPABILITIES
