"""Signatures of webhooks, by the test vectors of HubSpot's own clients and by its table of decoded characters."""

from __future__ import annotations

import pytest

from emulators.hubspot import webhook_signatures

# vectors of the unit tests of hubspot-api-client for Python (v1, v2, v3) and for Ruby (the second v3), Apache-2.0
SECRET = "y" * 8 + "-" + "-".join(["yyyy"] * 3) + "-" + "y" * 12
BODY = b"{'example_field':'example_value'}"
URI = "https://www.example.com/webhook_uri"


def test_version_1_is_a_digest_of_secret_and_body() -> None:
    expected = "69fc6631a867edd4f9e9e627fc5c1148e3fbdd8b21837b6d2b8901c1fa57f750"
    assert webhook_signatures.v1(SECRET, BODY) == expected


@pytest.mark.parametrize(
    ("method", "body", "expected"),
    [
        ("POST", BODY, "4fe4e3a7d3cf09db53be39d0a58130e2aaba074ec123a9e355b876a689a1c383"),
        ("GET", b"", "eee2dddcc73c94d699f5e395f4b9d454a069a6855fbfa152e91e88823087200e"),
    ],
)
def test_version_2_takes_method_and_address_in(method: str, body: bytes, expected: str) -> None:
    assert webhook_signatures.v2(SECRET, method, URI, body) == expected


@pytest.mark.parametrize(
    ("timestamp", "expected"),
    [
        ("1693657560000", "K36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y="),
        ("1700000300000", "RnbPH7+UMKVkbV32P8bz450N4M56aPmcru1+D3kSDtw="),
    ],
)
def test_version_3_takes_the_time_in(timestamp: str, expected: str) -> None:
    assert webhook_signatures.v3(SECRET, "POST", URI, BODY, timestamp) == expected


def test_version_3_decodes_only_the_documented_characters() -> None:
    uri = "https://example.com/hooks/hubspot?src=hs%3Aapp%2Fv3&x=%28a%29%20b"
    assert webhook_signatures.decoded(uri) == "https://example.com/hooks/hubspot?src=hs:app/v3&x=(a)%20b"
    expected = "pAu2BcGzijgVasQI9pGOmCCOc6J8buAWrDcVRXlgDps="
    assert webhook_signatures.v3("s", "POST", uri, b"[]", "1790000003000") == expected


def test_version_3_signs_the_bytes_of_other_alphabets() -> None:
    body = '[{"propertyValue":"Zoë Ünal 東京"}]'.encode()
    expected = "nSG6AT+fpU/e63s/aIfUQScj0OZYPKmAkDDj2cj+rSA="
    assert webhook_signatures.v3("s", "POST", "https://example.com/h", body, "1790000002000") == expected
