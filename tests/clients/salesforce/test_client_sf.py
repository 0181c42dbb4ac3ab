"""The Salesforce CLI works unchanged against an emulated org."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).with_name("sf_smoke.cjs")
CAPABILITIES = (
    "org_login_access_token", "org_display", "data_query", "data_records", "data_tree", "project_deploy",
    "org_assign_permset", "data_bulk", "sobject_describe", "sobject_list", "org_list_limits", "org_list_metadata",
    "project_retrieve", "api_request_rest",
)  # fmt: skip


@pytest.mark.slow
def test_the_command_line_does_all_that_its_script_asks(clients: Any, org: Any) -> None:
    told = clients.node("@salesforce/cli").run(SCRIPT, org, *CAPABILITIES)
    assert sorted(told) == sorted(CAPABILITIES)  # bulk jobs end when they end
