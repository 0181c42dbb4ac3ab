"""jsforce works unchanged against an emulated org."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).with_name("jsforce_smoke.cjs")
CAPABILITIES = (
    "client_credentials", "identity", "query", "auto_fetch", "find_and_select", "records", "collections", "describe",
    "limits", "recent_and_replication", "metadata_deploy", "upsert", "bulk_2", "bulk_1", "soap", "search",
    "oauth2_password", "oauth2_web_flow", "metadata_create", "metadata_read", "metadata_retrieve", "metadata_delete",
    "tooling",
)  # fmt: skip


@pytest.mark.slow
def test_jsforce_does_all_that_its_script_asks(clients: Any, org: Any) -> None:
    assert clients.node("jsforce").run(SCRIPT, org, *CAPABILITIES) == CAPABILITIES
