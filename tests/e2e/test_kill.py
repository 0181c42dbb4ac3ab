"""kill -9 at any moment of a pull or a sync, then running again, ends where an undisturbed run ends."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from connector.mirror import Mirror

if TYPE_CHECKING:
    from conftest import World

pytestmark = [pytest.mark.slow, pytest.mark.kill]

KILLS = 5


def mirrored(world: World) -> dict[str, list[object]]:
    """Every canonical row, in order."""
    with Mirror.open(world.folder / "workspace" / "mirror.duckdb") as mirror:
        return {name: mirror.query(f'SELECT * FROM "{name}" ORDER BY ALL').to_pylist() for name in mirror.counts()}


def test_a_pull_that_was_killed_again_and_again_ends_like_one_that_was_not(tiny: World) -> None:
    assert tiny.pmom("pull").code == 0
    undisturbed = mirrored(tiny)
    tiny.fresh_workspace()
    tiny.faults({"path": "/services/data/.*/query.*", "kind": "slow", "seconds": 0.15, "every_n": 1})
    for calls in random.Random(7).sample(range(1, 20), KILLS):
        assert tiny.kill_at(calls, "/query", "pull")
    tiny.faults()
    assert tiny.pmom("pull").code == 0
    assert mirrored(tiny) == undisturbed


def override(world: World, *scenarios: str) -> None:
    """People override partners for a few days: their decisions change, and a notice of the expiry is due."""
    for scenario in scenarios:
        world.edit(
            "Account",
            world.story(scenario)["id"],
            PMOM_Override_Decision__c="Fund Demand Gen",
            PMOM_Override_Reason__c="A joint launch",
            PMOM_Override_Expires__c="2026-04-09",
        )


def test_syncs_that_were_killed_lose_no_change_and_double_no_task(make_world: Callable[[str], World]) -> None:
    undisturbed, disturbed = make_world("tiny"), make_world("tiny")
    for world in (undisturbed, disturbed):
        assert world.pmom("sync", "--as-of", "2026-03-31").code == 0
        world.next_day()
        override(world, "velocity_fail", "proof_fail")
        assert world.pmom("sync", "--as-of", "2026-04-01").code == 0
        assert world.tasks() == []
        world.next_day()
        override(world, "market_fit_fail")
    assert undisturbed.pmom("sync", "--as-of", "2026-04-02").code == 0
    disturbed.faults(
        {"path": "/services/data/.*/composite.*", "kind": "slow", "seconds": 0.5, "every_n": 1},
        {"path": "/services/data/.*/composite.*", "kind": "drop_after", "every_n": 3},
    )
    places = (("/describe", 9), ("/query", 12), ("/composite", 1), ("/composite", 2), ("/composite", 3))
    killed = [disturbed.kill_at(calls, part, "sync", "--as-of", "2026-04-02") for part, calls in places]
    disturbed.faults()
    assert all(killed[:3])  # the later places may come too late: what is left to write grows less
    assert disturbed.pmom("sync", "--as-of", "2026-04-02").code == 0
    assert disturbed.cards() == undisturbed.cards()
    keys = [task["PMOM_Task_Key__c"] for task in disturbed.tasks()]
    assert keys == [task["PMOM_Task_Key__c"] for task in undisturbed.tasks()]
    assert len(keys) == len(set(keys)) == 2
    assert disturbed.pmom("sync", "--as-of", "2026-04-02").said["applied"] is None
