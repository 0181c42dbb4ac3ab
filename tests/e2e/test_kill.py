"""kill -9 at any moment of a pull or a sync, then running again, ends where an undisturbed run ends."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from connector.cli.stage import HUBSPOT, SALESFORCE, Vendor
from connector.mirror import Mirror

if TYPE_CHECKING:
    from conftest import World

pytestmark = [pytest.mark.slow, pytest.mark.kill]

KILLS = 5
READING = {SALESFORCE.name: "/query", HUBSPOT.name: "/crm/"}
WRITING = {SALESFORCE.name: "/composite", HUBSPOT.name: "/batch/"}
SLOW = {SALESFORCE.name: "/services/data/.*/composite.*", HUBSPOT.name: "/crm/.*/batch/(update|create|upsert).*"}

both = pytest.mark.parametrize("vendor", [SALESFORCE, HUBSPOT], ids=lambda vendor: vendor.name)


def mirrored(world: World) -> dict[str, list[object]]:
    """Every canonical row, in order."""
    with Mirror.open(world.folder / "workspace" / "mirror.duckdb") as mirror:
        return {name: mirror.query(f'SELECT * FROM "{name}" ORDER BY ALL').to_pylist() for name in mirror.counts()}


@both
def test_a_pull_that_was_killed_again_and_again_ends_like_one_that_was_not(
    make_world: Callable[..., World], vendor: Vendor
) -> None:
    tiny = make_world("tiny", vendor)
    assert tiny.pmom("pull").code == 0
    undisturbed = mirrored(tiny)
    tiny.fresh_workspace()
    tiny.faults({"path": f"{READING[vendor.name]}.*", "kind": "slow", "seconds": 0.1, "every_n": 1})
    for calls in random.Random(7).sample(range(1, 20), KILLS):
        assert tiny.kill_at(calls, READING[vendor.name], "pull")
    tiny.faults()
    assert tiny.pmom("pull").code == 0
    assert mirrored(tiny) == undisturbed


@both
def test_syncs_that_were_killed_lose_no_change_and_double_no_task(
    make_world: Callable[..., World], vendor: Vendor
) -> None:
    undisturbed, disturbed = make_world("tiny", vendor), make_world("tiny", vendor)
    for world in (undisturbed, disturbed):
        assert world.pmom("sync", "--as-of", "2026-03-31").code == 0
        world.next_day()
        world.override("velocity_fail", "proof_fail")
        world.settle()
        assert world.pmom("sync", "--as-of", "2026-04-01").code == 0
        assert world.tasks() == []
        world.next_day()
        world.override("market_fit_fail")
        world.settle()
    assert undisturbed.pmom("sync", "--as-of", "2026-04-02").code == 0
    writing = SLOW[vendor.name]
    disturbed.faults(
        {"path": writing, "kind": "slow", "seconds": 0.5, "every_n": 1},
        {"path": writing, "kind": "drop_after", "every_n": 3},
    )
    reading, written = READING[vendor.name], WRITING[vendor.name]
    places = ((reading, 5), (reading, 12), (written, 1), (written, 2), (written, 3))
    killed = [disturbed.kill_at(calls, part, "sync", "--as-of", "2026-04-02") for part, calls in places]
    disturbed.faults()
    assert all(killed[:3])  # the later places may come too late: what is left to write grows less
    disturbed.settle()
    assert disturbed.pmom("sync", "--as-of", "2026-04-02").code == 0
    assert disturbed.written() == undisturbed.written()
    keys = disturbed.task_keys()
    assert keys == undisturbed.task_keys()
    assert len(keys) == len(set(keys)) == 2
    disturbed.settle()
    assert disturbed.pmom("sync", "--as-of", "2026-04-02").said["applied"] is None
