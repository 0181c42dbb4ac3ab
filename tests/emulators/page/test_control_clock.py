"""The control plane answers whatever it is asked, and its clock stays within what both CRMs can write down."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import requests

from emulators.loopback.clock import Clock, parse_instant
from emulators.replay.targets import OrgUnderFire, PortalUnderFire


@pytest.fixture(params=(OrgUnderFire, PortalUnderFire), ids=lambda kind: kind.name)
def plane(request: Any, tmp_path: Path) -> Any:
    made = request.param(tmp_path)
    made.emulator.start()

    def post(name: str, body: str) -> requests.Response:
        headers = {"X-Emulator-Token": made.emulator.plane.token}
        return requests.post(f"{made.emulator.url}/__emulator__/{name}", body, headers=headers, timeout=20)

    yield post
    made.emulator.stop()


@pytest.mark.parametrize(
    "body",
    [
        '{"advance": 1e300}',
        '{"advance": -1e300}',
        '{"advance": 99999999999}',
        '{"advance": -99999999999}',
        '{"now": "9999-12-31T23:59:59Z"}',
        '{"now": "4000-01-01T00:00:00Z"}',
        '{"now": "1969-12-31T23:59:59Z"}',
        '{"now": "0001-01-01T00:00:00+14:00"}',
    ],
)
def test_a_clock_beyond_its_years_is_refused_and_stays(plane: Any, body: str) -> None:
    before = plane("clock", '{"frozen": true}').json()
    assert plane("clock", body).status_code == 400
    assert plane("clock", "{}").json() == before


@pytest.mark.parametrize("now", ["1970-01-01T00:00:00.000Z", "3999-12-31T00:00:00.000Z"])
def test_the_first_and_the_last_day_are_taken(plane: Any, now: str) -> None:
    assert plane("clock", f'{{"now": "{now}", "frozen": true}}').json() == {"now": now, "frozen": True}


def test_a_clock_that_would_begin_beyond_its_years_is_refused() -> None:
    with pytest.raises(ValueError, match="from 1970 to 3999, not to 4000"):
        Clock(parse_instant("4000-01-01T00:00:00Z"))
    with pytest.raises(ValueError, match="beyond all calendars"):
        parse_instant("0001-01-01T00:00:00+14:00")
