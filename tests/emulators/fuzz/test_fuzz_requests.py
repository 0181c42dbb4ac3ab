"""Malformed requests are refused as the vendors refuse them, and leave every record as it was."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emulators.loopback.http import Call
from emulators.loopback.json_text import parse
from emulators.replay.__main__ import main
from emulators.replay.fuzz import Outcome, storm, throw
from emulators.replay.odd import OddCalls
from emulators.replay.targets import OrgUnderFire, PortalUnderFire

KINDS = (OrgUnderFire, PortalUnderFire)


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def target(request: Any, tmp_path: Path) -> Iterator[Any]:
    made = request.param(tmp_path)
    yield made
    made.close()


def test_a_thousand_malformed_requests_find_nothing(target: Any) -> None:
    outcome = storm(target, 1000, random.Random(20260331))
    assert (outcome.sent, outcome.found) == (1000, [])


@settings(max_examples=200, derandomize=True, database=None, deadline=None,
          suppress_health_check=list(HealthCheck))  # fmt: skip
@given(chance=st.randoms(use_true_random=False))
def test_requests_that_hypothesis_makes_find_nothing(target: Any, chance: random.Random) -> None:
    outcome = Outcome()
    throw(target, OddCalls(target.vocabulary, chance).call(), outcome, target.kept())
    assert outcome.found == []


def test_the_same_seed_makes_the_same_requests(target: Any) -> None:
    one, other = (OddCalls(target.vocabulary, random.Random(5)) for _ in range(2))
    assert [one.call() for _ in range(50)] == [other.call() for _ in range(50)]


class _Broken:
    """A target that fails, lies about JSON and half carries out what it refuses."""

    name = "broken"

    def __init__(self, target: Any) -> None:
        self._target, self.vocabulary, self.writes = target, target.vocabulary, 0

    def handle(self, call: Call) -> Any:
        self.writes += 1
        answer = self._target.handle(call)
        answer.status, answer.body, answer.headers = 500, b"{NaN}", {"Content-Type": "application/json"}
        return answer

    def expects(self, call: Call, response: Any) -> bool:
        return False

    def kept(self) -> object:
        return self.writes

    def sound(self) -> str:
        return "records are gone"


def test_a_failing_emulator_is_told(target: Any) -> None:
    outcome = storm(_Broken(target), 1, random.Random(1))
    begun = [line.split(" <- ")[0].split(" (")[0] for line in outcome.found]
    assert begun == ["status 500", "a body that is no JSON", "refused, but the store has changed",
                     "afterwards: records are gone"]  # fmt: skip


def test_the_command_tells_its_figures(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fuzz", "--requests", "20", "--only", "hubspot"]) == 0
    assert capsys.readouterr().out.startswith("hubspot: 20 malformed requests, 0 answered wrongly; ")


@pytest.mark.parametrize("body", [b"[" * 100_000, b"NaN", b'{"a":-Infinity}', b"1e999", b"9" * 5000, b'"\xff"', b""])
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse(body)


def test_halves_of_surrogate_pairs_become_question_marks() -> None:
    assert parse(b'{"\\ud800":["a\\udfff","\\ud83d\\ude00"]}') == {"?": ["a?", "\U0001f600"]}
