"""What comes of answers that say nothing, of paging without end, and of secrets that are echoed in disguise?"""

from __future__ import annotations

import json

import pytest

from connector.crm.answers import redacted
from connector.crm.hubspot.faults import fault_of
from connector.crm.hubspot.listing import with_results
from connector.crm.hubspot.wire import Answer
from connector.errors import Retry

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
