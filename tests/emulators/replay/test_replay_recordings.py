"""Every recorded exchange that concerns what is emulated is played, and nothing differs without a reason."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from emulators.replay.__main__ import main
from emulators.replay.recordings import FOLDER, read
from emulators.replay.shapes import Difference, differences, renamed
from emulators.replay.stages import replayed


@pytest.mark.slow
def test_all_recordings_are_played_and_every_difference_is_explained() -> None:
    salesforce, hubspot = replayed(FOLDER)
    assert [salesforce.unexplained, hubspot.unexplained] == [[], []]
    assert (salesforce.recorded, salesforce.played, hubspot.recorded, hubspot.played) == (940, 880, 1178, 839)
    assert sum(salesforce.foreign.values()) == 940 - 880
    assert hubspot.foreign == Counter(
        {
            "legacy contacts API (v1)": 187,
            "legacy contact lists API (v1)": 136,
            "legacy associations API (v1)": 14,
            "legacy account API (v1)": 2,
        }
    )
    kinds = {each.difference.kind for report in (salesforce, hubspot) for each in report.findings}
    assert kinds & {"status", "code", "header"} == set()
    assert salesforce.alike >= 582
    assert hubspot.alike >= 277


def test_the_command_tells_shares_and_reasons(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recordings", "--only", "hubspot"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "hubspot: 1178 exchanges recorded, 839 of them concern what is emulated"
    assert told[1].startswith("  played 839 of 839 (100.0%), ")


def test_recordings_name_their_source_and_hold_no_credentials() -> None:
    notice = (FOLDER / "README.md").read_text() + (FOLDER / "LICENSE.txt").read_text()
    assert "Copyright (c) 2022 Grouparoo" in notice
    sent = [repr(each) for name in ("hubspot", "salesforce") for _, group in read(FOLDER / f"{name}.jsonl.xz")
            for each in group]  # fmt: skip
    assert [text for text in sent if "hapikey" in text or "uthorization" in text] == []


@pytest.mark.parametrize(
    ("recorded", "emulated", "found"),
    [
        ({"a": 1}, {"a": 2.5}, []),
        ({"a": 1}, {"a": "1"}, [Difference("a", "type", "number", "string")]),
        ({"a": 1}, {}, [Difference("a", "lacking", "number", "")]),
        ({}, {"a": None}, [Difference("a", "more", "", "null")]),
        ({"errorCode": "A"}, {"errorCode": "B"}, [Difference("errorCode", "code", "A", "B")]),
        ([1, 2], [1], [Difference("", "length", "2", "1")]),
        ([{"id": "r1", "x": 1}, {"id": "r2"}], [{"id": "e2"}, {"id": "e1", "x": 3}], []),
        ([{"id": "r1"}, {"id": "r2"}], [{"id": "e1"}], [Difference("[]", "lacking", "e2", "")]),
    ],
)
def test_bodies_differ_by_shape_and_code_alone(recorded: Any, emulated: Any, found: list[Difference]) -> None:
    assert list(differences(recorded, emulated, {"r1": "e1", "r2": "e2"})) == found


def test_ids_are_renamed_wherever_they_stand() -> None:
    assert renamed({"ids": ["12", "9"], "url": "/x/12?y=9"}, {"12": "7", "9": "8"}) == {
        "ids": ["7", "8"],
        "url": "/x/7?y=8",
    }
