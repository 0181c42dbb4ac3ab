"""composite, batch, graph and tree answer as their pages say."""

from __future__ import annotations

from typing import Any

import pytest

BASE = "/services/data/v67.0"
UNDONE = "The transaction was rolled back since another operation in the same transaction failed."


def create(name: str, reference: str, version: str = "67.0", **body: Any) -> dict[str, Any]:
    return {
        "method": "POST",
        "url": f"/services/data/v{version}/sobjects/{name}",
        "referenceId": reference,
        "body": body,
    }


def halted(reference: str, text: str = UNDONE) -> dict[str, Any]:
    body = [{"errorCode": "PROCESSING_HALTED", "message": text}]
    return {"body": body, "httpHeaders": {}, "httpStatusCode": 400, "referenceId": reference}


def count(client: Any, name: str) -> int:
    return len(client.query(f"SELECT Id FROM Account WHERE Name = '{name}'"))


def test_a_reference_to_an_answer_without_that_value_is_told_and_the_rest_goes_on(client: Any) -> None:
    calls = [
        create("Account", "first", Name="Alder One"),
        create("Contact", "second", LastName="Reed", AccountId="@{first.records[0].Id}"),
        create("Account", "third", Name="Alder Two"),
    ]
    status, body = client.call("POST", "/composite", {"compositeRequest": calls})
    answers = body["compositeResponse"]
    text = "Invalid reference specified. No value for first.records[0].Id found in first"
    assert (status, [one["httpStatusCode"] for one in answers]) == (200, [201, 400, 201])
    assert answers[1] == halted("second", text)


@pytest.mark.parametrize(("version", "status"), [("51.0", 400), ("52.0", 201)])
def test_a_reference_to_an_empty_field_is_one_to_nothing_until_version_51(
    client: Any, version: str, status: int
) -> None:
    account = client.make("Account", Name="Empty")
    calls = [
        {"method": "GET", "url": f"/services/data/v{version}/sobjects/Account/{account}", "referenceId": "read"},
        create("Account", "copy", version, Name="Copied", Industry="@{read.Industry}"),
    ]
    _, body = client.call("POST", "/composite", {"compositeRequest": calls}, version=version)
    assert [one["httpStatusCode"] for one in body["compositeResponse"]] == [200, status]


@pytest.mark.parametrize(("version", "status"), [("51.0", 200), ("52.0", 400)])
def test_a_reference_id_with_a_strange_character_refuses_the_request_from_version_52(
    client: Any, version: str, status: int
) -> None:
    calls = [create("Account", "a-b", version, Name="Dashed")]
    assert client.call("POST", "/composite", {"compositeRequest": calls}, version=version)[0] == status


def test_all_or_none_undoes_what_was_good(client: Any) -> None:
    calls = [create("Account", "good", Name="Undone"), create("Account", "bad", Industry="Energy")]
    _, body = client.call("POST", "/composite", {"allOrNone": True, "compositeRequest": calls})
    assert body["compositeResponse"][0] == halted("good")
    assert body["compositeResponse"][1]["body"][0]["errorCode"] == "REQUIRED_FIELD_MISSING"
    assert count(client, "Undone") == 0


@pytest.mark.parametrize(("calls", "status"), [(25, 200), (26, 400)])
def test_a_composite_holds_25_calls(client: Any, calls: int, status: int) -> None:
    body = {
        "compositeRequest": [{"method": "GET", "url": f"{BASE}/limits", "referenceId": f"r{n}"} for n in range(calls)]
    }
    assert client.call("POST", "/composite", body)[0] == status


@pytest.mark.parametrize(("queries", "status"), [(5, 200), (6, 400)])
def test_five_of_them_may_be_queries_or_collections(client: Any, queries: int, status: int) -> None:
    url = f"{BASE}/query?q=SELECT+Id+FROM+Account+LIMIT+1"
    body = {"compositeRequest": [{"method": "GET", "url": url, "referenceId": f"r{n}"} for n in range(queries)]}
    assert client.call("POST", "/composite", body)[0] == status


@pytest.mark.parametrize(("name", "status"), [("If-Modified-Since", 200), ("Authorization", 400)])
def test_headers_of_the_request_itself_may_not_be_given_to_a_subrequest(client: Any, name: str, status: int) -> None:
    call = {"method": "GET", "url": f"{BASE}/limits", "referenceId": "r", "httpHeaders": {name: "x"}}
    assert client.call("POST", "/composite", {"compositeRequest": [call]})[0] == status


def test_a_describe_that_has_not_changed_is_304_inside_too(client: Any) -> None:
    call = {
        "method": "GET",
        "url": f"{BASE}/sobjects/Account/describe",
        "referenceId": "r",
        "httpHeaders": {"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"},
    }
    _, body = client.call("POST", "/composite", {"compositeRequest": [call]})
    assert (body["compositeResponse"][0]["httpStatusCode"], body["compositeResponse"][0]["body"]) == (304, None)


def test_a_composite_does_not_hold_another(client: Any) -> None:
    call = {"method": "POST", "url": f"{BASE}/composite", "referenceId": "r", "body": {"compositeRequest": []}}
    _, body = client.call("POST", "/composite", {"compositeRequest": [call]})
    assert body["compositeResponse"][0]["httpStatusCode"] == 404


@pytest.mark.parametrize(("halt", "last"), [(False, 200), (True, 412)])
def test_a_batch_goes_on_after_an_error_unless_told_to_halt(client: Any, halt: bool, last: int) -> None:
    urls = ("v67.0/limits", "v67.0/sobjects/Account/001000000000000AAA", "/services/data/v67.0/limits")
    calls = [{"method": "GET", "url": url} for url in urls]
    status, body = client.call("POST", "/composite/batch", {"batchRequests": calls, "haltOnError": halt})
    assert (status, body["hasErrors"]) == (200, True)
    assert [one["statusCode"] for one in body["results"]] == [200, 404, last]
    if halt:
        assert body["results"][2]["result"][0]["errorCode"] == "BATCH_PROCESSING_HALTED"


def test_a_batch_takes_rich_input_and_leaves_binary_parts_alone(client: Any) -> None:
    account = client.make("Account", Name="Before")
    call = {
        "method": "PATCH",
        "url": f"v67.0/sobjects/Account/{account}",
        "richInput": {"Name": "After"},
        "binaryPartName": "part",
        "binaryPartNameAlias": "alias",
    }
    _, body = client.call("POST", "/composite/batch", {"batchRequests": [call]})
    assert body == {"hasErrors": False, "results": [{"statusCode": 204, "result": None}]}
    assert count(client, "After") == 1


def test_a_batch_without_a_method_is_refused_as_a_whole(client: Any) -> None:
    assert client.call("POST", "/composite/batch", {"batchRequests": [{"url": "v67.0/limits"}]})[0] == 400


def test_graphs_stand_and_fall_by_themselves(client: Any) -> None:
    good = [
        create("Account", "account", Name="Graph Good"),
        create("Contact", "contact", LastName="Reed", AccountId="@{account.id}"),
    ]
    bad = [create("Account", "account", Name="Graph Bad"), create("Contact", "contact", FirstName="Only")]
    graphs = [{"graphId": "1", "compositeRequest": good}, {"graphId": "2", "compositeRequest": bad}]
    status, body = client.call("POST", "/composite/graph", {"graphs": graphs})
    first, second = body["graphs"]
    assert (status, first["graphId"], first["isSuccessful"]) == (200, "1", True)
    assert [one["httpStatusCode"] for one in first["graphResponse"]["compositeResponse"]] == [201, 201]
    assert (second["graphId"], second["isSuccessful"]) == ("2", False)
    assert second["graphResponse"]["compositeResponse"][0] == halted("account")
    assert (count(client, "Graph Good"), count(client, "Graph Bad")) == (1, 0)


def test_after_fifteen_failed_graphs_the_rest_is_halted(client: Any) -> None:
    bad = {"compositeRequest": [create("Account", "account", Industry="Energy")]}
    good = {"compositeRequest": [create("Account", "account", Name="Too Late")]}
    graphs = [{"graphId": f"{n}", **bad} for n in range(15)] + [{"graphId": "last", **good}]
    _, body = client.call("POST", "/composite/graph", {"graphs": graphs})
    last = body["graphs"][-1]
    assert last["isSuccessful"] is False
    assert last["graphResponse"]["compositeResponse"][0]["body"][0]["errorCode"] == "PROCESSING_HALTED"
    assert count(client, "Too Late") == 0


@pytest.mark.parametrize(("depth", "status"), [(15, 200), (16, 400)])
def test_a_graph_is_fifteen_nodes_deep(client: Any, depth: int, status: int) -> None:
    nodes = [create("Account", "r0", Name="Deep 0")]
    nodes += [create("Account", f"r{n}", Name=f"Deep {n}", ParentId=f"@{{r{n - 1}.id}}") for n in range(1, depth)]
    graphs = [{"graphId": "1", "compositeRequest": nodes}]
    assert client.call("POST", "/composite/graph", {"graphs": graphs})[0] == status


@pytest.mark.parametrize(("version", "status"), [("49.0", 404), ("50.0", 200)])
def test_graphs_came_with_version_50(client: Any, version: str, status: int) -> None:
    graphs = [{"graphId": "1", "compositeRequest": [create("Account", "r", Name="Since")]}]
    assert client.call("POST", "/composite/graph", {"graphs": graphs}, version=version)[0] == status


def test_a_graph_takes_no_queries(client: Any) -> None:
    node = {"method": "GET", "url": f"{BASE}/query?q=SELECT+Id+FROM+Account", "referenceId": "r"}
    graphs = [{"graphId": "1", "compositeRequest": [node]}]
    assert client.call("POST", "/composite/graph", {"graphs": graphs})[0] == 400


def leaf(kind: str, reference: str, **values: Any) -> dict[str, Any]:
    return {"attributes": {"type": kind, "referenceId": reference}, **values}


def test_a_tree_is_made_level_by_level(client: Any) -> None:
    contacts = {"records": [leaf("Contact", "ref2", LastName="Smith"), leaf("Contact", "ref3", LastName="Evans")]}
    records = [leaf("Account", "ref1", Name="Tree One", Contacts=contacts), leaf("Account", "ref4", Name="Tree Two")]
    status, body = client.call("POST", "/composite/tree/Account", {"records": records})
    assert (status, body["hasErrors"]) == (201, False)
    assert [one["referenceId"] for one in body["results"]] == ["ref1", "ref4", "ref2", "ref3"]
    found = client.query("SELECT LastName FROM Contact WHERE Account.Name = 'Tree One' ORDER BY LastName")
    assert [one["LastName"] for one in found] == ["Evans", "Smith"]


def test_a_tree_with_a_bad_leaf_leaves_nothing_and_tells_that_leaf_alone(client: Any) -> None:
    contacts = {"records": [leaf("Contact", "ref2", LastName="Smith", Email="123")]}
    records = [leaf("Account", "ref1", Name="Tree Bad", Contacts=contacts)]
    status, body = client.call("POST", "/composite/tree/Account/", {"records": records})
    error = {
        "statusCode": "INVALID_EMAIL_ADDRESS",
        "message": "Email: invalid email address: 123",
        "fields": ["Email"],
    }
    assert (status, body) == (400, {"hasErrors": True, "results": [{"referenceId": "ref2", "errors": [error]}]})
    assert count(client, "Tree Bad") == 0


def test_a_reference_id_used_twice_is_told_twice(client: Any) -> None:
    records = [leaf("Account", "ref1", Name="Twice"), leaf("Account", "ref1", Name="Twice")]
    status, body = client.call("POST", "/composite/tree/Account", {"records": records})
    assert (status, [one["referenceId"] for one in body["results"]]) == (400, ["ref1", "ref1"])


@pytest.mark.parametrize(("records", "status"), [(200, 201), (201, 400)])
def test_a_tree_has_two_hundred_records(client: Any, records: int, status: int) -> None:
    leaves = [leaf("Account", f"r{n}", Name=f"Leaf {n}") for n in range(records)]
    assert client.call("POST", "/composite/tree/Account", {"records": leaves})[0] == status


@pytest.mark.parametrize(("levels", "status"), [(5, 201), (6, 400)])
def test_a_tree_has_five_levels(client: Any, levels: int, status: int) -> None:
    record = leaf("Account", f"r{levels}", Name="Lowest")
    for level in range(levels - 1, 0, -1):
        record = leaf("Account", f"r{level}", Name=f"Level {level}", ChildAccounts={"records": [record]})
    assert client.call("POST", "/composite/tree/Account", {"records": [record]})[0] == status


def test_a_record_without_reference_id_refuses_the_tree(client: Any) -> None:
    records = [{"attributes": {"type": "Account"}, "Name": "Nameless"}]
    problem = {"message": "Include a reference ID for each record in the request.", "errorCode": "INVALID_INPUT"}
    assert client.call("POST", "/composite/tree/Account", {"records": records}) == (400, [problem])
