"""simple-salesforce works unchanged against an emulated org."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).with_name("simple_salesforce_smoke.py")
CAPABILITIES = (
    "session_id", "client_credentials", "jwt_bearer", "query", "query_all", "records", "describe", "replication",
    "deploy", "upsert", "restful", "bulk_2", "search", "tree_and_graph", "password", "tooling", "metadata",
    "retrieve", "bulk_1",
)  # fmt: skip


@pytest.mark.slow
def test_simple_salesforce_does_all_that_its_script_asks(clients: Any, org: Any, led: Any) -> None:
    domain = led(org, "acme.my.salesforce.com")
    assert clients.python("product").run(SCRIPT, org, **domain) == CAPABILITIES
