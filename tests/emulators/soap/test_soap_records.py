"""Records over SOAP: written, read, found, deleted, merged and converted."""

from __future__ import annotations

from typing import Any

import pytest

from emulators.salesforce import duplicates
from emulators.salesforce.soap.rows import java_double

ALL_OR_NONE = "<urn:AllOrNoneHeader><urn:allOrNone>true</urn:allOrNone></urn:AllOrNoneHeader>"
BATCH = "<urn:QueryOptions><urn:batchSize>200</urn:batchSize></urn:QueryOptions>"


def sobject(kind: str, inner: str, name: str = "sObjects") -> str:
    return f"<urn:{name}><ens:type>{kind}</ens:type>{inner}</urn:{name}>"


def ids(*texts: str) -> str:
    return "".join(f"<urn:ids>{text}</urn:ids>" for text in texts)


def test_a_query_tells_records_parents_and_children_as_the_partner_wsdl_does(soap: Any) -> None:
    account = soap.make("Account", Name="A & B", AnnualRevenue="12500000", Key__c="query-1")
    soap.make("Contact", LastName="One", AccountId=account)
    result = soap.query(
        "SELECT Name, Id, AnnualRevenue, Website, CreatedDate, Parent.Name, Owner.Name, "
        "(SELECT LastName FROM Contacts), (SELECT Name FROM Opportunities) FROM Account WHERE Key__c = 'query-1'"
    )
    child = [("type", "Contact"), ("Id", None), ("LastName", "One")]
    record = [
        ("type", "Account"), ("Id", account), ("Name", "A & B"), ("Id", account), ("AnnualRevenue", "1.25E7"),
        ("Website", None), ("CreatedDate", "2026-03-31T09:00:00.000Z"), ("Parent", None),
        ("Owner", [("type", "User"), ("Id", None), ("Name", "Integration User")]),
        ("Contacts", [("done", "true"), ("queryLocator", None), ("records", child), ("size", "1")]),
        ("Opportunities", None),
    ]  # fmt: skip
    assert soap.plain(result) == [("done", "true"), ("queryLocator", None), ("records", record), ("size", "1")]
    assert (result.type, result.first("records").type) == ("QueryResult", "sObject")


def test_the_enterprise_wsdl_has_records_of_their_own_types(soap: Any) -> None:
    inner = (
        '<urn:sObjects xsi:type="ens:Account"><ens:Name>Ent</ens:Name><ens:Key__c>ent-1</ens:Key__c></urn:sObjects>'
    )
    made = soap.call("create", inner, letter="c")[0].get("id")
    result = soap.query("SELECT Id, Name, Website FROM Account WHERE Key__c = 'ent-1'", letter="c")
    record = result.first("records")
    assert (record.type, record.namespace) == ("Account", "urn:enterprise.soap.sforce.com")
    assert soap.plain(record) == [("Id", made), ("Name", "Ent")]


def test_aggregates_say_their_types(soap: Any) -> None:
    soap.make("Account", Name="Sum", AnnualRevenue="2", Key__c="sum-1")
    where = "FROM Account WHERE Key__c = 'sum-1'"
    record = soap.query(f"SELECT COUNT(Id) n, SUM(AnnualRevenue) {where}").first("records")
    assert soap.plain(record) == [("type", "AggregateResult"), ("Id", None), ("n", "1"), ("expr0", "2.0")]
    assert [node.type for node in record.children[2:]] == ["int", "double"]
    assert soap.plain(soap.query(f"SELECT COUNT() {where}")) == [
        ("done", "true"),
        ("queryLocator", None),
        ("size", "1"),
    ]


def test_pages_follow_a_locator_that_may_be_read_again(soap: Any) -> None:
    for start in (0, 200):
        rows = "".join(sobject("Campaign", f"<Name>Page {start + number:03}</Name>") for number in range(200))
        soap.call("create", rows)
    soap.make("Campaign", Name="Page 400")
    first = soap.query("SELECT Name FROM Campaign ORDER BY Name", header=BATCH)
    assert (first.get("done"), first.get("size"), len(first.all("records"))) == ("false", "401", 200)
    locator = first.get("queryLocator")
    more = f"<urn:queryLocator>{locator}</urn:queryLocator>"
    for _ in range(2):
        second = soap.call("queryMore", more)[0]
        assert (second.all("records")[0].get("Name"), len(second.all("records"))) == ("Page 200", 200)
    third = soap.call("queryMore", f"<urn:queryLocator>{second.get('queryLocator')}</urn:queryLocator>")[0]
    assert (third.get("done"), [row.get("Name") for row in third.all("records")]) == ("true", ["Page 400"])
    whole = soap.query("SELECT Name FROM Campaign")
    assert (whole.get("done"), len(whole.all("records"))) == ("true", 401)
    answer = soap.send("queryMore", "<urn:queryLocator>01g000000000000AAA-200</urn:queryLocator>")
    assert soap.fault(answer) == (500, "sf:INVALID_QUERY_LOCATOR", "INVALID_QUERY_LOCATOR: invalid query locator")
    assert "<sf:InvalidQueryLocatorFault" in answer.text


def test_a_bad_query_is_told_with_its_place(soap: Any) -> None:
    answer = soap.send("query", "<urn:queryString>SELECT Nme FROM Account</urn:queryString>")
    assert soap.fault(answer)[:2] == (500, "sf:INVALID_FIELD")
    assert "<sf:row>1</sf:row><sf:column>8</sf:column></sf:InvalidFieldFault>" in answer.text
    assert soap.fault(soap.send("query"))[1] == "sf:MISSING_ARGUMENT"


def test_each_record_has_its_result_unless_all_or_none_is_asked_for(soap: Any) -> None:
    rows = sobject("Account", "<Name>Good</Name>") + sobject("Account", "<Website>x</Website>")
    errors = [
        ("fields", "Name"),
        ("message", "Required fields are missing: [Name]"),
        ("statusCode", "REQUIRED_FIELD_MISSING"),
    ]
    good, bad = soap.call("create", rows)
    assert (good.get("success"), good.get("id")[:3]) == ("true", "001")
    assert soap.plain(bad) == [("errors", errors), ("id", None), ("success", "false")]
    undone, _ = soap.call("create", rows, header=ALL_OR_NONE)
    assert undone.first("errors").get("statusCode") == "ALL_OR_NONE_OPERATION_ROLLED_BACK"


@pytest.mark.parametrize(("count", "status"), [(200, 200), (201, 500)])
def test_a_call_takes_200_records(soap: Any, count: int, status: int) -> None:
    answer = soap.send("delete", ids(*["001000000000000AAA"] * count))
    assert answer.status_code == status
    if status == 500:
        text = "EXCEEDED_ID_LIMIT: record limit reached. cannot submit more than 200 records into this call"
        assert soap.fault(answer) == (500, "sf:EXCEEDED_ID_LIMIT", text)


def test_an_unknown_field_or_object_refuses_the_whole_call(soap: Any) -> None:
    answer = soap.send("create", sobject("Account", "<Name>A</Name><Nope__c>1</Nope__c>"))
    assert soap.fault(answer)[:2] == (500, "sf:INVALID_FIELD")
    assert "No such column 'Nope__c' on entity 'Account'." in answer.text
    answer = soap.send("create", sobject("Nope__c", "<Name>A</Name>"))
    assert soap.fault(answer)[1] == "sf:INVALID_TYPE"
    assert "<sf:InvalidSObjectFault" in answer.text


def test_updates_empty_only_what_fields_to_null_names(soap: Any) -> None:
    account = soap.make("Account", Name="Acme", Website="a.example", Phone="1", Fax="2")
    nulls = "<ens:fieldsToNull>Website</ens:fieldsToNull><Phone/><Fax xsi:nil='true'/>"
    row = f"<Id>{account[:15]}</Id>{nulls}<Name>B</Name>"
    result = soap.call("update", sobject("Account", row))[0]
    assert soap.plain(result) == [("id", account), ("success", "true")]
    fields = "<urn:fieldList>Name, Website, Phone, Fax</urn:fieldList><urn:sObjectType>Account</urn:sObjectType>"
    found, absent = soap.call("retrieve", fields + ids(account, "001000000000000AAA"))
    told = [("type", "Account"), ("Id", account), ("Name", "B"), ("Website", None), ("Phone", "1"), ("Fax", "2")]
    assert (soap.plain(found), absent.nil) == (told, True)
    missing = soap.call("update", sobject("Account", "<Name>C</Name>"))[0]
    assert missing.first("errors").get("statusCode") == "MISSING_ARGUMENT"


def test_an_upsert_says_whether_it_made_the_record(soap: Any) -> None:
    key = "<urn:externalIDFieldName>Key__c</urn:externalIDFieldName>"
    row = sobject("Account", "<Name>Up</Name><Key__c>up-1</Key__c>")
    created, changed = (soap.call("upsert", key + row)[0] for _ in range(2))
    assert soap.plain(created) == [("created", "true"), ("id", created.get("id")), ("success", "true")]
    assert soap.plain(changed) == [("created", "false"), ("id", created.get("id")), ("success", "true")]
    twice = soap.call("upsert", key + row + row)
    assert {each.first("errors").get("statusCode") for each in twice} == {"DUPLICATE_VALUE"}
    wrong = soap.send("upsert", f"<urn:externalIDFieldName>Website</urn:externalIDFieldName>{row}")
    assert soap.fault(wrong)[1] == "sf:INVALID_FIELD"


def test_a_look_up_may_be_given_by_foreign_key(soap: Any) -> None:
    account = soap.make("Account", Name="Parent", Key__c="parent-1")
    parent = "<Account><ens:type>Account</ens:type><Key__c>parent-1</Key__c></Account>"
    made = soap.call("create", sobject("Contact", f"<LastName>Child</LastName>{parent}"))[0].get("id")
    assert soap.org.get("Contact", made)["AccountId"] == account


def test_deleted_records_come_back_until_the_bin_is_emptied(soap: Any) -> None:
    account = soap.make("Account", Name="Gone", Key__c="gone-1")
    done = [("id", account), ("success", "true")]
    for name in ("delete", "undelete", "delete"):
        assert soap.plain(soap.call(name, ids(account))[0]) == done
    soql = "SELECT Id FROM Account WHERE Key__c = 'gone-1'"
    assert [soap.query(soql, name=name).get("size") for name in ("query", "queryAll")] == ["0", "1"]
    span = "<urn:startDate>2026-03-31T08:00:00Z</urn:startDate><urn:endDate>2026-03-31T10:00:00Z</urn:endDate>"
    about = f"<urn:sObjectType>Account</urn:sObjectType>{span}"
    listed = soap.call("getDeleted", about)[0].all("deletedRecords")
    assert account in [each.get("id") for each in listed]
    assert {each.get("deletedDate") for each in listed} == {"2026-03-31T09:00:00.000Z"}
    assert account not in [each.text for each in soap.call("getUpdated", about)[0].all("ids")]
    assert soap.plain(soap.call("emptyRecycleBin", ids(account))[0]) == done
    assert soap.query(soql, name="queryAll").get("size") == "0"
    again = soap.call("undelete", ids(account))[0]
    assert again.get("success") == "false"


def test_a_merge_keeps_the_master_with_its_new_values(soap: Any) -> None:
    master, loser = (soap.make("Account", Name=name) for name in ("Master", "Loser"))
    contact = soap.make("Contact", LastName="Moves", AccountId=loser)
    record = sobject("Account", f"<Id>{master}</Id><Website>m.example</Website>", name="masterRecord")
    inner = f"<urn:request>{record}<urn:recordToMergeIds>{loser}</urn:recordToMergeIds></urn:request>"
    result = soap.call("merge", inner)[0]
    assert (result.get("id"), result.get("mergedRecordIds"), result.get("success")) == (master, loser, "true")
    assert soap.org.get("Account", master)["Website"] == "m.example"
    assert soap.org.get("Contact", contact)["AccountId"] == master
    assert soap.org.get("Account", loser)["MasterRecordId"] == master


@pytest.mark.parametrize("wanted", [True, False])
def test_a_lead_becomes_an_account_a_contact_and_perhaps_an_opportunity(soap: Any, wanted: bool) -> None:
    lead = soap.make("Lead", FirstName="Ann", LastName="Lead", Company="Acme", City="Ulm")
    inner = (
        "<urn:leadConverts><urn:convertedStatus>Closed - Converted</urn:convertedStatus><urn:doNotCreateOpportunity>"
        f"{str(not wanted).lower()}</urn:doNotCreateOpportunity><urn:leadId>{lead}</urn:leadId></urn:leadConverts>"
    )
    result = soap.call("convertLead", inner)[0]
    assert (result.get("success"), result.get("leadId")) == ("true", lead)
    account = soap.org.get("Account", result.get("accountId"))
    contact = soap.org.get("Contact", result.get("contactId"))
    assert (account["Name"], account["BillingCity"], contact["Name"]) == ("Acme", "Ulm", "Ann Lead")
    assert soap.org.get("Lead", lead)["ConvertedContactId"] == contact["Id"]
    opportunity = result.first("opportunityId")
    assert opportunity.nil is not wanted
    if wanted:
        row = soap.org.get("Opportunity", opportunity.text)
        assert (row["Name"], row["CloseDate"], row["AccountId"]) == ("Acme-", "2026-03-31", account["Id"])
    again = soap.call("convertLead", inner)[0]
    assert again.first("errors").get("statusCode") == "CANNOT_UPDATE_CONVERTED_LEAD"


def test_describes_are_those_of_rest(soap: Any) -> None:
    everything = soap.call("describeGlobal")[0]
    assert "Account" in [each.get("name") for each in everything.all("sobjects")]
    one = soap.call("describeSObject", "<urn:sObjectType>Account</urn:sObjectType>")[0]
    names = [each.get("name") for each in one.all("fields")]
    assert (one.get("keyPrefix"), names[0], "Key__c" in names) == ("001", "Id", True)
    kinds = "<urn:sObjectType>Contact</urn:sObjectType><urn:sObjectType>Lead</urn:sObjectType>"
    assert [each.get("name") for each in soap.call("describeSObjects", kinds)] == ["Contact", "Lead"]
    assert soap.fault(soap.send("describeSObject", "<urn:sObjectType>No</urn:sObjectType>"))[1] == "sf:INVALID_TYPE"


def test_a_search_finds_records(soap: Any) -> None:
    made = soap.make("Account", Name="Zebrafish")
    text = "<urn:searchString>FIND {Zebrafish} RETURNING Account(Id, Name)</urn:searchString>"
    record = soap.call("search", text)[0].first("searchRecords").first("record")
    assert soap.plain(record) == [("type", "Account"), ("Id", made), ("Id", made), ("Name", "Zebrafish")]
    assert soap.fault(soap.send("search", "<urn:searchString>FIND</urn:searchString>"))[1] == "sf:MALFORMED_SEARCH"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.0"), (100.0, "100.0"), (0.001, "0.001"), (0.0009, "9.0E-4"), (9999999.99, "9999999.99"),
        (10000000.0, "1.0E7"), (-123456789.5, "-1.234567895E8"), (1e-10, "1.0E-10"),
    ],
)  # fmt: skip
def test_decimals_are_written_as_java_writes_them(value: float, text: str) -> None:
    assert java_double(value) == text


def test_instants_and_locators_beyond_all_numbers_are_refused(soap: Any) -> None:
    locator = f"<urn:queryLocator>01g000000000001AAA-{'9' * 30}</urn:queryLocator>"
    assert soap.fault(soap.send("queryMore", locator))[1] == "sf:INVALID_QUERY_LOCATOR"
    start, end = "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"
    span = f"<urn:startDate>{start}</urn:startDate><urn:endDate>{end}</urn:endDate>"
    for name in ("getUpdated", "getDeleted"):
        answer = soap.send(name, f"<urn:sObjectType>Account</urn:sObjectType>{span}")
        assert soap.fault(answer)[1] == "sf:INVALID_REPLICATION_DATE"


RULE = {"object": "Contact", "name": "Same_Email", "fields": ["Email"], "on_create": "alert"}


def test_a_duplicate_is_told_with_what_it_duplicates(soap: Any) -> None:
    first = soap.make("Contact", LastName="Berg", Email="same@example.com")
    rule = duplicates.add(soap.org, soap.org.object("Contact"), RULE)
    fields = "<ens:type>Contact</ens:type><LastName>Burg</LastName><Email>same@example.com</Email>"
    result = soap.call("create", f"<urn:sObjects>{fields}</urn:sObjects>")[0]
    soap.org.rulebook.change("e_duplicate_rule", rule, None)
    error = result.first("errors")
    assert error is not None
    assert (error.type, error.get("statusCode")) == ("DuplicateError", "DUPLICATES_DETECTED")
    found = error.first("duplicateResult")
    assert [child.tag for child in found.children] == [
        "allowSave", "duplicateRule", "duplicateRuleEntityType", "errorMessage", "matchResults",
    ]  # fmt: skip
    match = found.first("matchResults")
    assert [child.tag for child in match.children] == [
        "entityType", "matchEngine", "matchRecords", "rule", "size", "success",
    ]  # fmt: skip
    record = match.first("matchRecords").first("record")
    assert (record.type, soap.plain(record)) == ("sObject", [("type", "Contact"), ("Id", first), ("Id", first)])


@pytest.mark.parametrize("letter", ["u", "c", "m"])
@pytest.mark.parametrize(
    ("kind", "code"),
    [("429", "REQUEST_LIMIT_EXCEEDED"), ("500", "UNKNOWN_EXCEPTION"), ("503", "SERVER_UNAVAILABLE")],
)
def test_a_planned_status_is_a_fault(soap: Any, letter: str, kind: str, code: str) -> None:
    soap.org.faults.replace([{"kind": kind, "times": 1}])
    answer = soap.post("<x/>", letter)
    assert soap.fault(answer)[:2] == (500, f"sf:{code}")


@pytest.mark.parametrize(("kind", "status"), [("502", 502), ("html_error", 503)])
def test_what_stands_before_the_servers_answers_with_a_page(soap: Any, kind: str, status: int) -> None:
    soap.org.faults.replace([{"kind": kind, "times": 1}])
    answer = soap.post("<x/>")
    assert (answer.status_code, answer.headers["Content-Type"][:9]) == (status, "text/html")
