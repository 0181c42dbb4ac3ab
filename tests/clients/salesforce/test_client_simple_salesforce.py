"""simple-salesforce works unchanged against an emulated org."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).with_name("simple_salesforce_smoke.py")


@pytest.mark.slow
def test_simple_salesforce_does_all_that_its_script_asks(clients: Any, org: Any) -> None:
    assert clients.python("product").run(SCRIPT, org) == ("session_login",)
