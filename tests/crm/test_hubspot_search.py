"""Every match once, whatever the index says about how many there are."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from connector.crm.hubspot.associations import linked
from connector.crm.hubspot.kinds import STANDARD
from connector.crm.hubspot.listing import Ask, Chunk, Records, grouped, only_missing
from connector.crm.hubspot.search import BODY, Search
from connector.crm.hubspot.wire import Answer
from connector.errors import GiveUp, Retry

COMPANIES = STANDARD["companies"]


class Script:
    """Gives its answers one after another and keeps what it was asked."""

    def __init__(self, *answers: dict[str, Any], status: int = 200) -> None:
        self.answers, self.asked, self.status = list(answers), list[Any](), status
        objects = SimpleNamespace(
            search_api=SimpleNamespace(do_search=self.answer), batch_api=SimpleNamespace(read=self.answer)
        )
        v4 = SimpleNamespace(batch_api=SimpleNamespace(get_page=self.answer))
        self.client = SimpleNamespace(crm=SimpleNamespace(objects=objects, associations=SimpleNamespace(v4=v4)))

    def answer(self, *_: str, **body: Any) -> Answer:
        self.asked.append(next(each for each in body.values() if isinstance(each, dict)))
        return Answer(self.status, json.dumps(self.answers.pop(0)).encode(), {})


def results(*ids: int, total: int = 0, after: int | None = None) -> dict[str, Any]:
    more = {} if after is None else {"paging": {"next": {"after": str(after)}}}
    return {"total": total, "results": [{"id": str(each), "properties": {}} for each in ids], **more}


def search(script: Script, *filters: dict[str, Any], properties: tuple[str, ...] = ("name",)) -> list[Chunk]:
    wire: Any = script
    return list(Search(wire, Records(wire)).found(COMPANIES, Ask(properties), filters, after=None))


def behind(script: Script) -> list[str | None]:
    groups = [each["filterGroups"] for each in script.asked]
    return [next((f["value"] for f in g[0]["filters"] if f["operator"] == "GT"), None) if g else None for g in groups]


def test_a_full_page_that_says_it_is_all_is_the_end() -> None:
    script = Script(results(1, 2, 9, total=3))
    assert [each.after for each in search(script)] == [None]


def test_a_page_that_is_shorter_than_its_total_is_no_end() -> None:
    script = Script(results(1, 2, total=5), results(7, total=3), results(total=2))
    assert [each.after for each in search(script)] == ["2", "7"]
    assert behind(script) == [None, "2", "7"]


def test_a_total_that_says_too_little_ends_nothing() -> None:
    script = Script(results(1, 2, total=0, after=2), results(3, total=1))
    assert [each.after for each in search(script)] == ["2", None]


def test_an_empty_page_that_goes_on_is_gone_past() -> None:
    script = Script(results(total=3, after=200), results(5, total=3, after=400), results(6, total=1))
    assert [each.after for each in search(script)] == ["5", None]
    assert [each.get("after") for each in script.asked] == [None, "200", None]


def test_no_matches_is_no_chunk() -> None:
    assert search(Script(results(total=4))) == []


@pytest.mark.parametrize("second", [results(3, 2), results(2, 3), results(1)])
def test_a_search_that_breaks_the_order_of_ids_is_given_up_before_rows_are_lost(second: dict[str, Any]) -> None:
    with pytest.raises(GiveUp, match="order of ids"):
        search(Script(results(1, 2, total=9), second))


def test_a_search_is_never_longer_than_the_portal_takes() -> None:
    long = {"propertyName": "name", "operator": "IN", "values": ["x" * 50] * 60}
    short = {"propertyName": "size", "operator": "HAS_PROPERTY"}
    script = Script(results(8, total=1), results(8))
    properties = tuple(f"property_{at:03d}" for at in range(300))
    (chunk,) = search(script, long, short, properties=properties)
    assert len(chunk.pages) == 1
    assert len(json.dumps(script.asked[0])) <= BODY
    assert script.asked[0]["filterGroups"] == [{"filters": [short]}]
    assert script.asked[0]["properties"] == []
    assert script.asked[1]["properties"] == list(properties)


def test_small_answers_are_put_together() -> None:
    chunks = [Chunk((b"1", b"2"), "a"), Chunk((b"3",), "b"), Chunk((b"4",), None)]
    assert list(grouped(iter(chunks), 3)) == [Chunk((b"1", b"2", b"3"), "b"), Chunk((b"4",), None)]
    assert list(grouped(iter(()), 3)) == []


def test_records_that_are_not_there_are_no_failure_and_anything_else_is() -> None:
    gone = {"errors": [{"category": "OBJECT_NOT_FOUND", "context": {"ids": ["1"]}}]}
    only_missing(Answer(207, json.dumps(gone).encode(), {}), "reading companies")
    broken = {"errors": [{"category": "INTERNAL_ERROR", "message": "try later"}]}
    with pytest.raises(Retry, match=r"reading companies: part of a batch failed .*try later"):
        only_missing(Answer(207, json.dumps(broken).encode(), {}), "reading companies")


def test_links_that_could_not_be_read_are_not_taken_for_no_links() -> None:
    none = {"results": [], "errors": [{"subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND"}]}
    wire: Any = Script(none, status=207)
    assert linked(wire, STANDARD["deals"], COMPANIES, ["1"]) == {}
    wire = Script({"results": [], "errors": [{"category": "INTERNAL_ERROR"}]}, status=207)
    with pytest.raises(Retry):
        linked(wire, STANDARD["deals"], COMPANIES, ["1"])


def test_links_are_asked_for_a_thousand_records_at_a_time() -> None:
    script = Script({"results": []}, {"results": []})
    wire: Any = script
    linked(wire, STANDARD["deals"], COMPANIES, [str(at) for at in range(1_001)])
    assert [len(each["inputs"]) for each in script.asked] == [1_000, 1]


def test_the_id_of_a_linked_record_may_be_a_number_or_a_text() -> None:
    types = [{"category": "HUBSPOT_DEFINED", "typeId": 5, "label": "Primary"}]
    to = [{"toObjectId": 7, "associationTypes": types}, {"toObjectId": "8", "associationTypes": types}]
    wire: Any = Script({"results": [{"from": {"id": 1}, "to": to}]})
    kinds = {("HUBSPOT_DEFINED", 5)}
    assert linked(wire, STANDARD["deals"], COMPANIES, ["1"]) == {"1": {"7": kinds, "8": kinds}}
