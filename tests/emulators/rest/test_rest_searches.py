"""SOSL finds words in fields, refuses what is no SOSL, and answers in the documented shape."""

from __future__ import annotations

from typing import Any

import pytest

from emulators.salesforce.search.resources import search


@pytest.fixture(scope="module")
def stocked(client: Any) -> Any:
    """An org with a few records whose words differ."""
    account = client.make(
        "Account", Name="Heron Wharf Logistics", Phone="(415) 555-1212", Description="moves blue1 crates"
    )
    client.make("Account", Name="Heron Mill", Website="https://mill.example")
    client.make(
        "Contact", FirstName="John", LastName="Smithson", Email="john.smithson@heron.example", AccountId=account
    )
    client.make(
        "Opportunity", Name="Wharf extension", StageName="Prospecting", CloseDate="2026-06-30", AccountId=account
    )
    return client


def find(client: Any, text: str) -> list[str]:
    status, body = client.call("GET", "/search", params={"q": text})
    assert status == 200, body
    return [f"{one['attributes']['type']}:{one.get('Name', '')}" for one in body["searchRecords"]]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("heron", ["Heron Mill", "Heron Wharf Logistics"]),
        ("HERON wharf", ["Heron Wharf Logistics"]),
        ("her", []),
        ("her*", ["Heron Mill", "Heron Wharf Logistics"]),
        ("h?ron mill", ["Heron Mill"]),
        ("her?", []),
        ('"heron wharf"', ["Heron Wharf Logistics"]),
        ('"wharf heron"', []),
        ("mill OR wharf", ["Heron Mill", "Heron Wharf Logistics"]),
        ("heron AND NOT mill", ["Heron Wharf Logistics"]),
        ("heron AND (crates OR nothing)", ["Heron Wharf Logistics"]),
        ("blue1", ["Heron Wharf Logistics"]),
        ("blue", ["Heron Wharf Logistics"]),
        ("4155551212", ["Heron Wharf Logistics"]),
        ("415 1212", ["Heron Wharf Logistics"]),
        (r"\(415\) 555\-1212", ["Heron Wharf Logistics"]),
    ],
)
def test_words_wildcards_phrases_and_operators(stocked: Any, text: str, names: list[str]) -> None:
    found = find(stocked, f"FIND {{{text}}} RETURNING Account(Name ORDER BY Name)")
    assert found == [f"Account:{name}" for name in names]


@pytest.mark.parametrize(
    ("group", "names"),
    [("ALL", ["Account:Heron Wharf Logistics"]), ("NAME", []), ("PHONE", ["Account:Heron Wharf Logistics"])],
)
def test_a_group_of_fields_is_searched(stocked: Any, group: str, names: list[str]) -> None:
    assert find(stocked, f"FIND {{555}} IN {group} FIELDS RETURNING Account(Name)") == names


def test_without_returning_every_object_answers_with_its_ids(stocked: Any) -> None:
    status, body = stocked.call("GET", "/search", params={"q": "FIND {wharf}"})
    assert status == 200
    assert [(one["attributes"]["type"], sorted(one)) for one in body["searchRecords"]] == [
        ("Account", ["Id", "attributes"]),
        ("Opportunity", ["Id", "attributes"]),
    ]


def test_several_objects_come_in_their_order_with_their_conditions(stocked: Any) -> None:
    text = (
        "FIND {heron OR wharf} RETURNING Opportunity(Name), Account(Name, Phone WHERE Phone != null LIMIT 1) LIMIT 2"
    )
    assert find(stocked, text) == ["Opportunity:Wharf extension", "Account:Heron Wharf Logistics"]


def test_emails_are_found_by_their_parts(stocked: Any) -> None:
    assert find(stocked, "FIND {john.smithson@heron.example} IN EMAIL FIELDS RETURNING Contact(Name)") == [
        "Contact:John Smithson"
    ]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("SELECT Id FROM Account", "MALFORMED_SEARCH"),
        ("FIND {heron", "MALFORMED_SEARCH"),
        ("FIND {he-ron}", "MALFORMED_SEARCH"),
        ("FIND {heron AND}", "MALFORMED_SEARCH"),
        ("FIND {h}", "INVALID_SEARCH"),
        ("FIND {*}", "INVALID_SEARCH"),
        ("FIND {heron} IN SOME FIELDS", "MALFORMED_SEARCH"),
        ("FIND {heron} RETURNING Account(Nme)", "INVALID_FIELD"),
        ("FIND {heron} RETURNING Acount(Name)", "INVALID_TYPE"),
        ("FIND {heron} RETURNING OpportunityHistory", "INVALID_TYPE"),
        ("FIND {heron} RETURNING Account(WHERE Name = 'x')", "MALFORMED_SEARCH"),
        ("FIND {heron} RETURNING Account(Name) LIMIT many", "MALFORMED_SEARCH"),
        ("FIND {heron} RETURNING Account(COUNT(Id))", "MALFORMED_SEARCH"),
        ("FIND {heron} RETURNING Account(Id, (SELECT Id FROM Contacts))", "MALFORMED_SEARCH"),
        ("FIND {" + "(" * 51 + "heron" + ")" * 51 + "}", "MALFORMED_SEARCH"),
    ],
)
def test_what_is_no_search_is_refused(stocked: Any, text: str, code: str) -> None:
    status, body = stocked.call("GET", "/search", params={"q": text})
    assert (status, body[0]["errorCode"]) == (400, code)


@pytest.mark.parametrize("words", ["strasse", "STRASSE*", "gross strasse", "größe OR strasse"])
def test_letters_are_folded_beyond_ascii(stocked: Any, words: str) -> None:
    if not find(stocked, "FIND {straße} RETURNING Account(Name)"):
        stocked.make("Account", Name="Groß Straße")
    assert find(stocked, f"FIND {{{words}}} RETURNING Account(Name)") == ["Account:Groß Straße"]


@pytest.mark.parametrize("joint", [" ", " OR "])
def test_hundreds_of_words_are_searched_too(stocked: Any, joint: str) -> None:
    assert find(stocked, f"FIND {{{joint.join(['mill'] * 500)}}} RETURNING Account(Name)") == ["Account:Heron Mill"]


def test_many_wildcards_cost_little(stocked: Any) -> None:
    stocked.make("Account", Name="a" * 200)
    assert find(stocked, "FIND {" + "a*" * 60 + "b} RETURNING Account(Name)") == []
    assert len(find(stocked, "FIND {" + "a*" * 60 + "a} RETURNING Account(Name)")) == 1


def test_a_short_term_is_named(stocked: Any) -> None:
    _, body = stocked.call("GET", "/search", params={"q": "FIND {h}"})
    assert body == [{"message": "search term must be longer than one character: h", "errorCode": "INVALID_SEARCH"}]


@pytest.mark.parametrize(("version", "kind"), [("36.0", list), ("37.0", dict)])
def test_the_answer_became_an_object_with_version_37(stocked: Any, version: str, kind: type) -> None:
    _, body = stocked.call("GET", "/search", params={"q": "FIND {heron}"}, version=version)
    assert isinstance(body, kind)


def test_deleted_records_are_not_found(stocked: Any) -> None:
    gone = stocked.make("Account", Name="Vanished Ltd")
    assert find(stocked, "FIND {vanished} RETURNING Account(Name)") == ["Account:Vanished Ltd"]
    stocked.call("DELETE", f"/sobjects/Account/{gone}")
    assert find(stocked, "FIND {vanished} RETURNING Account(Name)") == []


def test_metadata_tells_labels(stocked: Any) -> None:
    text = "FIND {mill} RETURNING Account(Name) WITH METADATA"
    _, body = stocked.call("GET", "/search", params={"q": text})
    fields = [{"name": "Name", "label": "Account Name"}]
    assert body["metadata"] == {"entityMetadata": [{"entityName": "Account", "fieldMetadata": fields}]}


def test_parameters_search_without_sosl(stocked: Any) -> None:
    params = [("q", "heron"), ("sobject", "Account"), ("sobject", "Contact"), ("Account.fields", "Name")]
    params += [("Account.limit", "1"), ("Account.orderBy", "Name")]
    status, body = stocked.call("GET", "/parameterizedSearch", params=params)
    assert status == 200
    assert [one.get("Name", one["attributes"]["type"]) for one in body["searchRecords"]] == ["Heron Mill", "Contact"]


def test_a_body_searches_as_parameters_do(stocked: Any) -> None:
    objects = [{"name": "Account", "fields": ["Name"], "where": "Phone = null", "limit": 5}]
    status, body = stocked.call("POST", "/parameterizedSearch", {"q": "heron", "sobjects": objects, "in": "NAME"})
    assert (status, [one["Name"] for one in body["searchRecords"]]) == (200, ["Heron Mill"])


def test_other_protocols_search_by_the_same_function(stocked: Any) -> None:
    found = search(stocked.org, stocked.org.user_id, "FIND {mill} RETURNING Account(Name)")
    assert [one["Name"] for one in found] == ["Heron Mill"]
