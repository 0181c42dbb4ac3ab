"""The signed form for other senders: any flipped byte refuses, and only whole events are taken."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.hooks import events
from connector.hooks.compare import SKEW, one_of
from connector.hooks.hint import Happened, Hint, Sender
from connector.hooks.refusals import Refusal, Told
from connector.hooks.wanted import wanted

NOW, STAMP = 1_790_000_000, "1790000000"
SECRETS = ("a" * 40, "b" * 40)
BODY = b'{"object":"Opportunity","id":"006","event_id":"1"}'
SIGNED = events.signature(SECRETS[0], STAMP, BODY)
READ = wanted(["Opportunity"], ["PMOM_Override_Decision__c"], writers=["005000000000001AAA"])


def refused(body: bytes = BODY, timestamp: str = STAMP, signed: str = SIGNED, now: float = NOW) -> Refusal | None:
    return events.refused(body, timestamp=timestamp, signed=signed, secrets=SECRETS, now=now)


def test_the_signature_is_an_hmac_over_timestamp_dot_and_body() -> None:
    digest = hmac.new(SECRETS[0].encode(), b"1790000000." + BODY, hashlib.sha256).hexdigest()
    assert f"sha256={digest}" == SIGNED
    assert refused() is None


def test_the_secret_before_is_believed_too() -> None:
    assert refused(signed=events.signature(SECRETS[1], STAMP, BODY)) is None
    assert refused(signed=events.signature("c" * 40, STAMP, BODY)) is Refusal.BAD_SIGNATURE


@given(st.integers(0, len(BODY) - 1), st.integers(1, 255))
def test_any_flipped_byte_of_the_body_refuses(place: int, change: int) -> None:
    body = bytearray(BODY)
    body[place] ^= change
    assert refused(bytes(body)) is Refusal.BAD_SIGNATURE


@given(st.text(max_size=80))
def test_any_other_signature_refuses(signed: str) -> None:
    assert refused(signed=signed) is (Refusal.BAD_SIGNATURE if signed else Refusal.UNSIGNED)


@given(st.text(max_size=20))
def test_any_other_timestamp_refuses(stamp: str) -> None:
    expected = None if stamp == STAMP else Refusal.BAD_SIGNATURE if stamp else Refusal.UNSIGNED
    assert refused(timestamp=stamp) is expected


@pytest.mark.parametrize("sign", [1, -1], ids=["past", "future"])
def test_five_minutes_are_near_enough_and_no_more(sign: int) -> None:
    assert refused(now=NOW + sign * SKEW) is None
    assert refused(now=NOW + sign * (SKEW + 1)) is Refusal.STALE


def test_without_a_secret_nobody_is_believed() -> None:
    assert events.refused(BODY, timestamp=STAMP, signed=SIGNED, secrets=(), now=NOW) is Refusal.UNSIGNED


def test_a_plain_secret_is_believed_whole_only() -> None:
    told = [events.refused_plain(shown, SECRETS) for shown in (SECRETS[0], SECRETS[1], SECRETS[0][:-1], "", "ü")]
    bad = Refusal.BAD_SIGNATURE
    assert told == [None, None, bad, Refusal.UNSIGNED, bad]


@given(st.binary(), st.lists(st.binary(), max_size=4))
def test_one_of_is_equality_with_any(found: bytes, expected: list[bytes]) -> None:
    assert one_of(found, expected) is (found in expected)


def told(said: Any) -> Told | Refusal:
    return events.told(json.dumps(said).encode(), READ)


WHOLE = {
    "object": "opportunity",
    "id": "006000000000001AAA",
    "event_id": "0f3c",
    "happened": "deleted",
    "occurred_at": "2026-03-31T11:00:00+02:00",
    "property": "StageName",
    "written_by": "005000000000009AAA",
}
FEW = {"object": "Opportunity", "id": "006", "event_id": "1"}


def test_an_event_is_a_hint() -> None:
    assert told(WHOLE) == Told(
        (
            Hint(
                sender=Sender.EVENTS,
                object="Opportunity",
                record_id="006000000000001AAA",
                happened=Happened.DELETED,
                key="0f3c/Opportunity/006000000000001AAA/deleted",
                occurred_at=datetime(2026, 3, 31, 9, tzinfo=UTC),
                property="StageName",
                written_by="005000000000009AAA",
            ),
        )
    )


def test_several_events_are_several_hints_and_the_same_one_twice_is_one() -> None:
    found = told([FEW, {**FEW, "id": "007"}, FEW, {**FEW, "object": "Case"}])
    assert isinstance(found, Told)
    assert ([hint.record_id for hint in found.hints], found.unmapped) == (["006", "007"], 1)


def test_our_own_writing_is_an_echo_where_the_message_proves_it() -> None:
    assert told({**FEW, "property": "PMOM_Triage_Decision__c"}) == Told(echoes=1)
    assert told({**FEW, "written_by": "005000000000001AAA"}) == Told(echoes=1)
    assert isinstance(told({**FEW, "property": "PMOM_Override_Decision__c"}), Told)
    assert told({**FEW, "property": "PMOM_Override_Decision__c"}) != Told(echoes=1)


@pytest.mark.parametrize(
    "said",
    [
        [],
        5,
        None,
        "x",
        [[]],
        {},
        {**FEW, "more": 1},
        {**FEW, "id": ""},
        {**FEW, "id": 6},
        {**FEW, "id": "0\x006"},
        {**FEW, "id": "x" * 256},
        {**FEW, "id": "\ud800"},
        {**FEW, "object": None},
        {**FEW, "event_id": ""},
        {**FEW, "happened": "exploded"},
        {**FEW, "happened": []},
        {**FEW, "occurred_at": "yesterday"},
        {**FEW, "occurred_at": "2026-03-31T09:00:00"},
        {**FEW, "occurred_at": 1e300},
        {**FEW, "property": 5},
        [FEW, {}],
        [FEW] * 1001,
    ],
    ids=lambda said: repr(said)[:40],
)
def test_half_an_event_is_malformed(said: Any) -> None:
    assert told(said) is Refusal.MALFORMED


@pytest.mark.parametrize(
    "body",
    [b"", b"[" * 1_000_000, b'{"a":' * 300_000, b"\xff\xfe", b"1" * 100_000, b'{"id":Infinity}', b"\x00"],
    ids=["empty", "brackets", "braces", "bytes", "digits", "infinity", "NUL"],
)
def test_hostile_bodies_are_malformed(body: bytes) -> None:
    assert events.told(body, READ) is Refusal.MALFORMED
