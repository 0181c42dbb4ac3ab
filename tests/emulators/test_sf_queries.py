"""Query pages: sizes, locators, and rows that stay as they were."""

from __future__ import annotations

from typing import Any

import pytest

BAD = (400, [{"message": "invalid query locator", "errorCode": "INVALID_QUERY_LOCATOR"}])


@pytest.fixture
def many(caller: Any) -> Any:
    """An org with 4,001 accounts."""
    caller.org.load_raw("Account", ({"Name": f"{place:04d}"} for place in range(4001)))
    return caller


def page(caller: Any, soql: str, **headers: str) -> dict[str, Any]:
    answer = caller.raw("GET", "/services/data/v67.0/query/", params={"q": soql}, headers=headers)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def follow(caller: Any, body: dict[str, Any]) -> dict[str, Any]:
    answer = caller.raw("GET", body["nextRecordsUrl"])
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_an_empty_answer_is_done(caller: Any) -> None:
    assert page(caller, "SELECT Id FROM Account") == {"totalSize": 0, "done": True, "records": []}


def test_pages_hold_2000_rows_and_the_last_one_ends(many: Any) -> None:
    first = page(many, "SELECT Id, Name FROM Account ORDER BY Name")
    second = follow(many, first)
    third = follow(many, second)
    assert [len(body["records"]) for body in (first, second, third)] == [2000, 2000, 1]
    assert [body["done"] for body in (first, second, third)] == [False, False, True]
    assert {body["totalSize"] for body in (first, second, third)} == {4001}
    assert first["nextRecordsUrl"].startswith("/services/data/v67.0/query/01g")
    assert first["nextRecordsUrl"].endswith("-2000")
    assert "nextRecordsUrl" not in third
    assert [row["Name"] for row in second["records"][:2]] == ["2000", "2001"]


@pytest.mark.parametrize(("asked", "given"), [(1, 200), (200, 200), (500, 500), (2000, 2000), (9999, 2000)])
def test_a_page_size_may_be_asked_for_within_bounds(many: Any, asked: int, given: int) -> None:
    body = page(many, "SELECT Id FROM Account", **{"Sforce-Query-Options": f"batchSize={asked}"})
    assert len(body["records"]) == given
    assert body["nextRecordsUrl"].endswith(f"-{given}")


def test_exactly_a_page_is_done_at_once(caller: Any) -> None:
    caller.org.load_raw("Account", ({"Name": str(place)} for place in range(2000)))
    assert page(caller, "SELECT Id FROM Account")["done"] is True


def test_later_pages_do_not_change_while_records_do(many: Any) -> None:
    first = page(many, "SELECT Id, Name FROM Account ORDER BY Name")
    ids = [row["Id"] for row in many.query("SELECT Id FROM Account WHERE Name IN ('2000','4000')")]
    for record_id in ids:
        many.call("DELETE", f"/sobjects/Account/{record_id}")
    second = follow(many, first)
    assert second["records"][0]["Name"] == "2000"
    assert follow(many, first) == second  # and a page may be read again


def test_a_wrong_locator_is_refused(many: Any) -> None:
    body = page(many, "SELECT Id FROM Account")
    cursor = body["nextRecordsUrl"].rpartition("/")[2].rpartition("-")[0]
    for locator in (f"{cursor}-2001", "01g510000000999AAA-2000", "nonsense"):
        assert many.call("GET", f"/query/{locator}") == BAD


def test_a_locator_lives_two_days(many: Any, start: Any) -> None:
    body = page(many, "SELECT Id FROM Account")
    many.org.clock.advance(2 * 86_400)
    many.login()
    assert len(follow(many, body)["records"]) == 2000
    many.org.clock.advance(1)
    assert many.call("GET", "/query/" + body["nextRecordsUrl"].rpartition("/")[2]) == BAD


def test_the_eleventh_cursor_drops_the_oldest(many: Any) -> None:
    bodies = [page(many, f"SELECT Id FROM Account LIMIT {2001 + place}") for place in range(11)]
    locators = [body["nextRecordsUrl"].rpartition("/")[2] for body in bodies]
    assert many.call("GET", f"/query/{locators[0]}") == BAD
    assert many.call("GET", f"/query/{locators[1]}")[0] == 200


def test_query_all_shows_the_recycle_bin(caller: Any) -> None:
    record_id = caller.make("Account", Name="x")
    caller.call("DELETE", f"/sobjects/Account/{record_id}")
    soql = {"q": "SELECT Id, IsDeleted FROM Account"}
    assert caller.call("GET", "/query", params=soql)[1]["totalSize"] == 0
    assert caller.call("GET", "/queryAll", params=soql)[1]["records"][0]["IsDeleted"] is True


def test_counting_answers_a_size_without_rows(many: Any) -> None:
    assert page(many, "SELECT COUNT() FROM Account") == {"totalSize": 4001, "done": True, "records": []}


def test_a_query_must_be_given(caller: Any) -> None:
    body = [{"message": "A query string has to be specified", "errorCode": "MALFORMED_QUERY"}]
    assert caller.call("GET", "/query") == (400, body)


def test_column_metadata_name_entity_and_columns(caller: Any) -> None:
    soql = {"q": "SELECT Id, AnnualRevenue, IsDeleted FROM Account", "columns": "true"}
    body = caller.call("GET", "/query", params=soql)[1]
    assert (body["entityName"], body["keyPrefix"], body["idSelected"], body["groupBy"]) == (
        "Account",
        "001",
        True,
        False,
    )
    found = [(one["columnName"], one["apexType"], one["numberType"]) for one in body["columnMetadata"]]
    assert found == [("Id", "Id", False), ("AnnualRevenue", "Double", True), ("IsDeleted", "Boolean", False)]
    keys = "aggregate apexType booleanType columnName custom displayName foreignKeyName insertable joinColumns"
    assert list(body["columnMetadata"][0]) == [*keys.split(), "numberType", "textType", "updatable"]
