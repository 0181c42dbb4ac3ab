"""The relations say what a naive reading of the same rows says, whatever the rows and their order."""

from __future__ import annotations

import importlib.util
import random
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.core.facts import (
    PartnerFacts,
)
from connector.core.policy import Policy
from connector.facts.gather import compute
from connector.mirror import Mirror


def beside(name: str) -> Any:
    """A module of this folder that is no test: tests are imported by path, so it is too."""
    made = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert made is not None
    assert made.loader is not None
    module = importlib.util.module_from_spec(made)
    sys.modules[name] = module  # dataclasses look there for what their annotations mean
    made.loader.exec_module(module)
    return module


NAIVE, WORLDS = beside("naive_facts"), beside("small_world")
AS_OF = NAIVE.AS_OF


def _untimed(facts: PartnerFacts) -> PartnerFacts:
    """Durations have an oracle of their own."""
    return replace(facts, cycle=None, quote_prior=None)


@pytest.mark.slow
@settings(
    max_examples=6,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    seed=st.integers(0, 10**9),
    basis=st.sampled_from(["vendor_paid", "total_cost"]),
    denominator=st.sampled_from(["matured", "decided", "all_issued"]),
)
def test_the_relations_say_what_a_naive_reading_of_the_rows_says(
    seed: int, basis: str, denominator: str, policy: Policy, fill_mirror: Callable[..., None]
) -> None:
    chance = random.Random(seed)
    world = WORLDS.small_world(chance)
    policy = replace(
        policy,
        track_record=replace(policy.track_record, spend_basis=basis),
        velocity=replace(policy.velocity, denominator=denominator),
    )
    expected = NAIVE.Naive(world, policy).every()
    with Mirror.open(":memory:", threads=1) as mirror:
        fill_mirror(mirror, world)
        found = list(compute(mirror, policy, AS_OF))
        assert [_untimed(facts) for facts in found] == expected
        one = chance.choice(expected)
        again = list(compute(mirror, policy, AS_OF, [one.partner_id]))
        assert again == [facts for facts in found if facts.partner_id == one.partner_id]
    for rows in world.values():
        chance.shuffle(rows)
    with Mirror.open(":memory:", threads=2) as mirror:
        fill_mirror(mirror, world)
        assert repr(list(compute(mirror, policy, AS_OF))) == repr(found)
