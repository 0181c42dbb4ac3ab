"""Schemathesis finds no server error and no refusal of another form than the vendor's, on any operation."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

_MADE = importlib.util.spec_from_file_location("contract_openapi", Path(__file__).with_name("contract_openapi.py"))
assert _MADE is not None
assert _MADE.loader is not None
contract_openapi = importlib.util.module_from_spec(_MADE)
_MADE.loader.exec_module(contract_openapi)

PHASES = "coverage"  # one deliberate case for each rule of each schema, right and wrong; the rest is by chance


@pytest.mark.slow
def test_no_operation_answers_with_a_server_error_or_in_another_form(
    clients: Any, portal: Any, tmp_path: Path
) -> None:
    paper = tmp_path / "openapi.json"
    paper.write_text(json.dumps(contract_openapi.document()), encoding="utf-8")
    tester = clients.python("schemathesis")
    lines = tester.run(
        "-m", portal, "schemathesis.cli", "run", str(paper),
        "--url", portal.url, "--phases", PHASES, "--seed", "1", "--generation-deterministic", "--no-color",
        "--checks", "not_a_server_error,response_schema_conformance",
        "--header", f"Authorization: Bearer {portal.ready['access_token']}",
        "--tls-verify", str(portal.ready["ca_file"]), "--request-timeout", "30",
    )  # fmt: skip
    told = "\n".join(lines)
    assert "118 selected / 118 total" in told
    assert "118 passed" in told
    assert "failed" not in told
