"""Answers in XML: records, queries, errors and versions for callers who ask for it, JSON for all others."""

from __future__ import annotations

from typing import Any

import pytest

from emulators.salesforce.xml_text import parse

XML = {"Accept": "application/xml"}
DATA = "/services/data/v67.0"


def told(client: Any, path: str, **options: Any) -> Any:
    answer = client.raw("GET", path, headers=XML, **options)
    assert answer.headers["Content-Type"] == "application/xml;charset=UTF-8"
    return parse(answer.content)


def test_a_record_is_an_element_of_its_type(client: Any) -> None:
    made = client.make("Account", Name="A & B")
    root = told(client, f"{DATA}/sobjects/Account/{made}", params={"fields": "Name,Industry"})
    assert (root.tag, root.attributes["type"]) == ("Account", "Account")
    assert root.attributes["url"] == f"{DATA}/sobjects/Account/{made}"
    assert [(child.tag, child.text, child.nil) for child in root.children] == [
        ("Name", "A & B", False), ("Industry", "", True),
    ]  # fmt: skip


def test_a_query_lists_records_with_their_parents_and_children(client: Any) -> None:
    account = client.make("Account", Name="Parent")
    client.make("Contact", LastName="One", AccountId=account)
    soql = f"SELECT Name, (SELECT LastName, Account.Name FROM Contacts) FROM Account WHERE Id = '{account}'"
    root = told(client, f"{DATA}/query", params={"q": soql})
    assert (root.tag, root.get("totalSize"), root.get("done")) == ("QueryResult", "1", "true")
    contact = root.first("records").first("Contacts").first("records")
    assert (contact.attributes["type"], contact.get("LastName")) == ("Contact", "One")
    assert contact.first("Account").get("Name") == "Parent"


def test_a_refusal_is_a_list_of_errors(client: Any) -> None:
    root = told(client, f"{DATA}/query", params={"q": "SELECT Nope FROM Account"})
    assert (root.tag, root.first("Error").get("errorCode")) == ("Errors", "INVALID_FIELD")


def test_a_create_is_a_result(client: Any) -> None:
    answer = client.raw("POST", f"{DATA}/sobjects/Account", headers=XML, json={"Name": "X"})
    root = parse(answer.content)
    assert (answer.status_code, root.tag, root.get("success"), len(root.get("id"))) == (201, "Result", "true", 18)


def test_versions_are_listed(client: Any) -> None:
    root = told(client, "/services/data")
    assert (root.tag, root.children[-1].get("version")) == ("Versions", "67.0")


@pytest.mark.parametrize(
    ("accept", "xml"),
    [
        ("application/xml", True), ("text/xml, application/json", True), ("*/*", False),
        ("application/json, application/xml", False), ("text/html, application/xml;q=0.9, */*;q=0.8", True),
    ],
)  # fmt: skip
def test_the_first_kind_that_the_org_has_is_taken(client: Any, accept: str, xml: bool) -> None:
    answer = client.raw("GET", "/services/data", headers={"Accept": accept})
    assert ("xml" in answer.headers["Content-Type"]) is xml


def test_resources_without_an_xml_form_answer_in_json(client: Any) -> None:
    answer = client.raw("GET", f"{DATA}/limits", headers=XML)
    assert answer.headers["Content-Type"] == "application/json;charset=UTF-8"
