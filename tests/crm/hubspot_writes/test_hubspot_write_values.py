"""How values are spelled for HubSpot, and when two of its spellings say the same."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from connector.crm.hubspot.blame import Blame, blame_of
from connector.crm.hubspot.encode import same_text, wire_text

EAST = timezone(timedelta(hours=5))
WEST = timezone(timedelta(hours=-5))


@pytest.mark.parametrize(
    ("value", "type_", "text"),
    [
        (None, "string", ""),
        (True, "bool", "true"),
        (False, "bool", "false"),
        (7, "number", "7"),
        (Decimal("1E+3"), "number", "1000"),
        (Decimal("1E-7"), "number", "0.0000001"),
        (Decimal("12.50"), "number", "12.50"),
        (date(2026, 5, 6), "date", "2026-05-06"),
        (date(2026, 5, 6), "datetime", "2026-05-06T00:00:00.000Z"),
        (datetime(2026, 5, 6, 7, 8, 9, 999_999, tzinfo=UTC), "datetime", "2026-05-06T07:08:09.999Z"),
        (datetime(2026, 5, 6, 2, 0, tzinfo=EAST), "datetime", "2026-05-05T21:00:00.000Z"),
        (datetime(2026, 5, 6, 4, 59, tzinfo=EAST), "date", "2026-05-05"),
        (datetime(2026, 5, 6, 5, 0, tzinfo=EAST), "date", "2026-05-06"),
        (datetime(2026, 5, 6, 19, 0, tzinfo=WEST), "date", "2026-05-07"),
        (datetime(26, 1, 1, tzinfo=UTC), "datetime", "0026-01-01T00:00:00.000Z"),
        ("a;b", "enumeration", "a;b"),
        (" as it is ", "string", " as it is "),
    ],
)
def test_each_value_has_one_spelling(value: Any, type_: str, text: str) -> None:
    assert wire_text(value, type_) == text


@pytest.mark.parametrize(
    "value", [datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None), Decimal("NaN"), Decimal("Infinity"), "\ud800"]
)
def test_what_hubspot_cannot_keep_has_none(value: Any) -> None:
    with pytest.raises(ValueError, match=r"time zone|no number|half a character"):
        wire_text(value, "string")


@pytest.mark.parametrize(
    ("sent", "held", "type_", "same"),
    [
        ("12.50", "12.5", "number", True),
        ("12.50", "12.51", "number", False),
        ("2026-05-06", "1778025600000", "date", True),
        ("2026-05-06T00:00:00.000Z", "2026-05-06T00:00:00Z", "datetime", True),
        ("2026-05-06T00:00:00.001Z", "2026-05-06T00:00:00Z", "datetime", False),
        ("b;a", "a;b", "enumeration", True),
        ("a", "a;b", "enumeration", False),
        ("", None, "string", True),
        ("", "", "string", True),
        ("x", None, "string", False),
        ("x ", "x", "string", True),
        ("x", "X", "string", False),
    ],
)
def test_hubspots_own_spelling_of_what_was_sent_is_the_same(sent: str, held: str, type_: str, same: bool) -> None:
    assert same_text(sent, held, type_) is same


def test_an_error_blames_by_its_most_precise_code() -> None:
    inside = '[{"isValid":false,"message":"gold is not offered","error":"INVALID_OPTION","name":"tier"}]'
    refused = {"category": "VALIDATION_ERROR", "message": f"Property values were not valid: {inside}"}
    assert blame_of(refused) == Blame("INVALID_OPTION", "gold is not offered", ("tier",), category="VALIDATION_ERROR")
    missing = {"category": "OBJECT_NOT_FOUND", "message": "gone", "context": {"ids": ["1", "2"]}}
    assert blame_of(missing) == Blame(
        "OBJECT_NOT_FOUND", "gone", ids=frozenset({"1", "2"}), category="OBJECT_NOT_FOUND"
    )
    detail = {"message": "city is needed", "code": "MISSING_REQUIRED_PROPERTY", "in": "properties"}
    traced = {"category": "VALIDATION_ERROR", "errors": [detail], "context": {"objectWriteTraceId": ["t"]}}
    assert blame_of(traced) == Blame(
        "MISSING_REQUIRED_PROPERTY", "city is needed", traces=frozenset({"t"}), category="VALIDATION_ERROR"
    )
    assert blame_of({}) == Blame("UNKNOWN", "")
