"""HubSpot's signatures: recorded vectors, the vendor's own client as a second opinion, and every changed byte."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from hubspot.utils.signature import Signature
from hypothesis import given
from hypothesis import strategies as st

from connector.hooks.compare import SKEW
from connector.hooks.hubspot_signatures import Post, Version, decoded, refused, v1, v2, v3
from connector.hooks.refusals import Refusal

SDK_SECRET, SDK_URI = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy", "https://www.example.com/webhook_uri"
SDK_BODY = b"{'example_field':'example_value'}"  # of the vendor's Python and Ruby clients' own tests
URI, SECRET, BODY, NOW = (
    "https://pmom.acme.invalid/hooks/hubspot/portal",
    "a-client-secret",
    b'[{"a":1}]',
    1_790_000_000,
)
STAMP = str(NOW * 1000)
GOOD = Post(BODY, v3(SECRET, "POST", URI, BODY, STAMP), STAMP)


def told(post: Post, **changed: object) -> Refusal | None:
    options = {"uri": URI, "secrets": (SECRET,), "now": float(NOW), "oldest": Version.V3}
    return refused(post, **{**options, **changed})  # type: ignore[arg-type]


def test_the_recorded_vectors_are_met() -> None:
    assert v1(SDK_SECRET, SDK_BODY) == "69fc6631a867edd4f9e9e627fc5c1148e3fbdd8b21837b6d2b8901c1fa57f750"
    assert v2(SDK_SECRET, "POST", SDK_URI, SDK_BODY) == (
        "4fe4e3a7d3cf09db53be39d0a58130e2aaba074ec123a9e355b876a689a1c383"
    )
    assert v2(SDK_SECRET, "GET", SDK_URI, b"") == "eee2dddcc73c94d699f5e395f4b9d454a069a6855fbfa152e91e88823087200e"
    assert [v3(SDK_SECRET, "POST", SDK_URI, SDK_BODY, stamp) for stamp in ("1693657560000", "1700000300000")] == [
        "K36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y=",
        "RnbPH7+UMKVkbV32P8bz450N4M56aPmcru1+D3kSDtw=",
    ]


def test_bodies_of_any_script_and_escaped_addresses_are_signed_as_documented() -> None:
    body = '[{"propertyValue":"Zoë Ünal 東京"}]'.encode()
    assert v3("s", "POST", "https://example.com/h", body, "1790000002000") == (
        "nSG6AT+fpU/e63s/aIfUQScj0OZYPKmAkDDj2cj+rSA="
    )
    escaped = "https://example.com/hooks/hubspot?src=hs%3Aapp%2Fv3&x=%28a%29%20b"
    assert decoded(escaped) == "https://example.com/hooks/hubspot?src=hs:app/v3&x=(a)%20b"
    assert v3("s", "POST", escaped, b"[]", "1790000003000") == "pAu2BcGzijgVasQI9pGOmCCOc6J8buAWrDcVRXlgDps="


def test_exactly_the_listed_escapes_are_decoded() -> None:
    every = "".join(f"%{number:02X}" for number in range(256))
    kept = decoded(every)
    assert {chr(int(part, 16)) for part in every.split("%")[1:] if f"%{part}" not in kept} == set(":/?@!$'()*,;")
    assert decoded("%3a%2f") == ":/"
    assert decoded("%253A") == "%253A"


@given(st.text(), st.text(min_size=1), st.sampled_from(["POST", "GET"]))
def test_the_vendors_client_signs_the_same(body: str, secret: str, method: str) -> None:
    try:
        body.encode(), secret.encode()
    except UnicodeEncodeError:
        return
    args = (secret, body)
    assert v1(secret, body.encode()) == Signature.get_signature(*args, signature_version="v1")
    assert v2(secret, method, URI, body.encode()) == Signature.get_signature(*args, "v2", URI, method)
    assert v3(secret, method, URI, body.encode(), STAMP) == Signature.get_signature(*args, "v3", URI, method, STAMP)


def test_what_the_vendors_client_believes_is_believed_but_for_the_far_future() -> None:
    for ahead, expected in ((-200, None), (200, None), (31_536_000, Refusal.STALE)):
        stamp = str(int((time.time() + ahead) * 1000))
        post = Post(BODY, v3(SECRET, "POST", URI, BODY, stamp), stamp)
        assert Signature.is_valid(post.signature_v3, SECRET, BODY.decode(), URI, "POST", "v3", stamp)
        assert told(post, now=time.time()) is expected


def test_a_good_message_is_taken() -> None:
    assert told(GOOD) is None


@given(st.integers(0, len(BODY) - 1), st.integers(1, 255))
def test_any_changed_byte_of_the_body_refuses(place: int, change: int) -> None:
    body = bytearray(BODY)
    body[place] ^= change
    assert told(replace(GOOD, body=bytes(body))) is Refusal.BAD_SIGNATURE


@given(st.integers(0, 43), st.characters())
def test_any_changed_letter_of_the_signature_refuses(place: int, letter: str) -> None:
    signature = GOOD.signature_v3[:place] + letter + GOOD.signature_v3[place + 1 :]
    assert told(replace(GOOD, signature_v3=signature)) is (
        None if signature == GOOD.signature_v3 else Refusal.BAD_SIGNATURE
    )


@given(st.text(max_size=20))
def test_any_other_timestamp_refuses(stamp: str) -> None:
    found = told(replace(GOOD, timestamp=stamp))
    assert found is (None if stamp == STAMP else Refusal.BAD_SIGNATURE if stamp else Refusal.UNSIGNED)


@pytest.mark.parametrize("sign", [1, -1], ids=["past", "future"])
def test_three_hundred_seconds_are_near_enough_and_no_more(sign: int) -> None:
    assert told(GOOD, now=NOW + sign * SKEW) is None
    assert told(GOOD, now=NOW + sign * (SKEW + 0.01)) is Refusal.STALE


@pytest.mark.parametrize(
    "changed",
    [{"uri": URI + "/"}, {"uri": URI.replace("https", "http")}, {"secrets": ("another",)}, {"secrets": ()}],
    ids=["path", "scheme", "secret", "none"],
)
def test_another_address_or_secret_refuses(changed: dict[str, object]) -> None:
    assert told(GOOD, **changed) is Refusal.BAD_SIGNATURE


def test_another_method_refuses() -> None:
    assert told(replace(GOOD, method="PUT")) is Refusal.BAD_SIGNATURE


def test_during_rotation_both_secrets_are_believed() -> None:
    assert told(GOOD, secrets=("the-new-one", SECRET)) is None
    assert told(GOOD, secrets=(SECRET, "the-old-one")) is None


OLD = {
    Version.V1: Post(BODY, signature=v1(SECRET, BODY), version="v1"),
    Version.V2: Post(BODY, signature=v2(SECRET, "POST", URI, BODY), version="v2"),
}


@pytest.mark.parametrize(
    ("oldest", "taken"),
    [(Version.V3, []), (Version.V2, [Version.V2]), (Version.V1, [Version.V1, Version.V2])],
)
def test_older_versions_are_believed_only_where_the_settings_say_so(oldest: Version, taken: list[Version]) -> None:
    assert [version for version, post in OLD.items() if told(post, oldest=oldest) is None] == taken


def test_a_wrong_version_3_is_not_saved_by_a_right_version_1() -> None:
    both = replace(OLD[Version.V1], signature_v3="x" * 44, timestamp=STAMP)
    assert told(both, oldest=Version.V1) is Refusal.BAD_SIGNATURE


@pytest.mark.parametrize("version", ["", "v3", "v0", "V1"])
def test_an_unknown_version_is_no_signature(version: str) -> None:
    assert told(replace(OLD[Version.V1], version=version), oldest=Version.V1) is Refusal.UNSIGNED


def test_nothing_signed_is_unsigned() -> None:
    assert told(Post(BODY)) is Refusal.UNSIGNED
    assert told(Post(BODY), oldest=Version.V1) is Refusal.UNSIGNED
