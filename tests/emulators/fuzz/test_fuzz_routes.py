"""Every route of both emulators, wrong in every way: never a failure, never a hang, never a half-done write."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from emulators.replay.odd import OddCalls, spoilt_at
from emulators.replay.sweep import crowd, malformed, sweep
from emulators.replay.targets import OrgUnderFire, PortalUnderFire


@pytest.fixture(params=(OrgUnderFire, PortalUnderFire), ids=lambda kind: kind.name)
def target(request: Any, tmp_path: Path) -> Iterator[Any]:
    made = request.param(tmp_path)
    yield made
    made.close()


def numbered(target: Any) -> tuple[tuple[str, str], ...]:
    """Routes without their forms under dated versions: the handlers are the same."""
    return tuple(route for route in target.vocabulary.routes if "/2026-" not in route[1])


@pytest.mark.slow
def test_every_route_is_hit_in_every_way_and_nothing_is_found(target: Any) -> None:
    routes = numbered(target)
    swept = sweep(target, random.Random(20261123), 0.04, routes=routes)
    assert swept.outcome.found == []
    assert set(swept.statuses) == set(routes)
    assert len(swept.unreached()) < 0.25 * len(routes)


def test_a_crowd_of_threads_finds_nothing(target: Any) -> None:
    assert crowd(target, threads=6, requests=60, seed=3) == []


def test_a_routes_requests_are_wrong_one_place_at_a_time(target: Any) -> None:
    odd = OddCalls(target.vocabulary, random.Random(1))
    route = next(route for route in numbered(target) if route[0] == "POST" and odd.documents(route))
    made = list(malformed(odd, route))
    assert [certain for certain, _ in made].count(True) == len(odd.documents(route)) + len(odd.forms(route))
    assert len({(call.method, call.target, call.body, str(call.headers)) for _, call in made}) > 100


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        (0, "!"),
        (1, {"a": "!", "b": [1, {"c": 2}]}),
        (2, {"a": 0, "b": "!"}),
        (3, {"a": 0, "b": ["!", {"c": 2}]}),
        (5, {"a": 0, "b": [1, {"c": "!"}]}),
        (6, {"a": 0, "b": [1, {"c": 2}]}),
    ],
)
def test_one_place_of_a_document_is_spoilt(place: int, expected: object) -> None:
    assert spoilt_at({"a": 0, "b": [1, {"c": 2}]}, place, "!") == expected
