"""What a run about hints came to is told as the other runs are."""

from __future__ import annotations

from connector.cli.runs_view import came_to


def test_hints_with_news_tell_what_followed() -> None:
    summary = {"hints": 3, "fetched": 2, "different": 1, "partners": 1, "outcomes": {"applied": 4}}
    assert came_to("hints", summary) == ["3 hints", "2 records read, 1 with news", "1 partner decided", "4 applied"]


def test_an_echo_is_told_as_no_news() -> None:
    assert came_to("hints", {"hints": 1, "fetched": 1, "different": 0}) == ["1 hint", "1 record read, 0 with news"]


def test_hints_before_the_first_sync_tell_what_they_wait_for() -> None:
    assert came_to("hints", {"hints": 1, "waits": "deals was never read"}) == [
        "1 hint",
        "not read: deals was never read",
    ]
