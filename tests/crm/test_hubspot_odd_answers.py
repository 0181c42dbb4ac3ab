"""What comes of answers that say nothing, of paging without end, and of secrets that are echoed in disguise?"""

from __future__ import annotations

import json
from typing import Any

import pytest

from connector.crm.answers import redacted
from connector.crm.hubspot.faults import fault_of
from connector.crm.hubspot.kinds import STANDARD
from connector.crm.hubspot.limiter import fresh, packed, unpacked
from connector.crm.hubspot.listing import with_results
from connector.crm.hubspot.pages import decoded
from connector.crm.hubspot.search import _numbers
from connector.crm.hubspot.wire import Answer
from connector.errors import GiveUp, Retry

TOKEN = "pat-na1-0123456789abcdef"


@pytest.mark.parametrize("body", [b"", b"{}", b"null", b'{"status":"error"}', b'{"results":null}'])
def test_an_answer_without_results_is_no_word_about_the_records(body: bytes) -> None:
    with pytest.raises(Retry, match="deals: the portal answered 200 without results"):
        with_results(Answer(200, body, {}), "deals")


def test_an_empty_list_of_results_is_an_answer() -> None:
    answer = Answer(200, b'{ "results" : [] }', {})
    assert with_results(answer, "deals") is answer


def test_a_secret_written_with_escapes_is_found_after_parsing() -> None:
    escaped = TOKEN.replace("-", "\\u002d")
    fault = fault_of("GET /x", 400, f'{{"message":"bad key {escaped}"}}'.encode(), {}, secrets=(TOKEN,))
    assert TOKEN not in fault.complaint.message
    assert fault.complaint.message == "bad key ***"


def test_taking_a_bearer_out_leaves_the_json_around_it() -> None:
    body = json.dumps({"message": f"Bearer {TOKEN}", "policyName": "DAILY"}, separators=(",", ":"))
    assert json.loads(redacted(body)) == {"message": "Bearer ***", "policyName": "DAILY"}


@pytest.mark.parametrize(
    "page", [b'{"results":[1]}', b'{"results":["x"]}', b'{"results":[[]]}', b"null", b"[]", b"7"]
)
def test_a_page_of_something_else_is_told_and_kills_nobody(page: bytes) -> None:
    with pytest.raises(Retry):
        decoded([page], ["name"])


@pytest.mark.parametrize(
    "said",
    [
        {"results": [{"id": "abc"}]},
        {"results": [{}]},
        {"results": [7]},
        {"results": [], "total": "many"},
        {"results": [], "paging": {"next": {"after": "abc"}}},
    ],
)
def test_a_search_on_whose_numbers_nothing_can_rest_is_given_up(said: dict[str, Any]) -> None:
    with pytest.raises(GiveUp, match="deals: the portal's search answers with"):
        _numbers(STANDARD["deals"], said)


@pytest.mark.parametrize("damaged", ["[]", '[[0,10,0,0,0,0],[5,1,0,0,0,0],[0,0,null,0,"",""],1]', "7", "null", '"x"'])
def test_a_damaged_count_of_calls_counts_for_nothing(damaged: str) -> None:
    with pytest.raises((ValueError, TypeError, LookupError)):
        unpacked(damaged, 4.0)
    whole = packed(fresh(90, 4.0))
    assert packed(unpacked(whole, 4.0)) == whole
