"""tap-salesforce works unchanged against an emulated org.

Its log-in address is fixed to login.salesforce.com, and no setting moves it: the tap runs where an HTTPS proxy leads
that name to the emulator, and goes on at the instance_url that the token's answer gives it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).with_name("tap_salesforce_smoke.py")
CAPABILITIES = ("refresh_token", "discover_rest", "sync_rest", "discover_bulk", "sync_bulk")


@pytest.mark.slow
def test_tap_salesforce_discovers_and_syncs_by_rest_and_by_bulk(clients: Any, org: Any, led: Any) -> None:
    domain = led(org, "login.salesforce.com")
    assert clients.python("tap-salesforce").run(SCRIPT, org, **domain) == CAPABILITIES
