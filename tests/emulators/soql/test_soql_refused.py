"""Which queries are refused, with which code, and where the message points; `¦` marks the place in the query."""

from __future__ import annotations

import re
import sqlite3

import pytest

from emulators.salesforce.soql import Context, SoqlError, prepare, rows_for_bulk

MALFORMED, FIELD, TYPE = "MALFORMED_QUERY", "INVALID_FIELD", "INVALID_TYPE"
OPERATOR = "INVALID_QUERY_FILTER_OPERATOR"

REFUSED = [
    # grammar
    ("¦", MALFORMED, "unexpected token: '<EOF>'"),
    ("¦DELETE FROM Account", MALFORMED, "unexpected token: 'DELETE'"),
    ("SELECT ¦* FROM Account", MALFORMED, "unexpected token: '*'"),
    ("SELECT ¦FROM Account", MALFORMED, "unexpected token: 'FROM'"),
    ("SELECT Id, ¦FROM Account", MALFORMED, "unexpected token: 'FROM'"),
    ("SELECT Id¦", MALFORMED, "unexpected token: '<EOF>'"),
    ("SELECT Id FROM¦", MALFORMED, "unexpected token: '<EOF>'"),
    ("SELECT Id FROM Account WHERE¦", MALFORMED, "unexpected token: '<EOF>'"),
    ("SELECT Id FROM Account WHERE Name¦", MALFORMED, "unexpected token: '<EOF>'"),
    ("SELECT Id FROM Account WHERE Name =¦", MALFORMED, "unexpected token: '<EOF>'"),
    ("SELECT Id FROM Account WHERE Name ¦'x'", MALFORMED, "unexpected token: ''x''"),
    ("SELECT Id FROM Account WHERE Name = ¦Acme", MALFORMED, "unexpected token: 'Acme'"),
    ("SELECT Id FROM Account WHERE Name = 'O'¦Brien''", MALFORMED, "unexpected token: 'Brien'"),
    ("SELECT Id FROM Account WHERE ¦1 = 1", MALFORMED, "unexpected token: '1'"),
    ("SELECT Id FROM Account WHERE (Name = 'x'¦", MALFORMED, "unexpected token: '<EOF>'"),
    ("SELECT Id FROM Account WHERE Name = 'x'¦)", MALFORMED, "unexpected token: ')'"),
    ("SELECT Id FROM Account WHERE Name IN (¦)", MALFORMED, "unexpected token: ')'"),
    ("SELECT Id FROM Account WHERE Name IN ¦'x'", MALFORMED, "unexpected token: ''x''"),
    ("SELECT Id FROM Account WHERE Name = ¦('x')", MALFORMED, "unexpected token: '('"),
    ("SELECT Id FROM Account WHERE Name ¦NOT LIKE 'x'", MALFORMED, "unexpected token: 'NOT'"),
    ("SELECT Id FROM Account WHERE Name = 'a' AND Industry = 'b' ¦OR Id = null", MALFORMED, "unexpected token: 'OR'"),
    ("SELECT Id FROM Account WHERE Name = 'a' OR Name = 'b' ¦AND Id = null", MALFORMED, "unexpected token: 'AND'"),
    ("SELECT Id FROM Account WHERE Name = 'a' AND ¦NOT Name = 'b'", MALFORMED, "unexpected token: 'NOT'"),
    ("SELECT Id FROM Account WHERE NOT Name = 'a' ¦AND Name = 'b'", MALFORMED, "unexpected token: 'AND'"),
    ("SELECT Id FROM Account JOIN ¦Contact ON Id = AccountId", MALFORMED, None),
    ("SELECT Id FROM Account UNION ¦SELECT Id FROM Contact", MALFORMED, None),
    ("SELECT Id FROM Account ¦ORDER Name", MALFORMED, None),
    ("SELECT Id FROM Account ORDER BY¦", MALFORMED, "unexpected token: '<EOF>'"),
    ("SELECT Id FROM Account ORDER BY Name NULLS ¦FRIST", MALFORMED, "unexpected token: 'FRIST'"),
    ("SELECT Id FROM Account LIMIT 1 ¦ORDER BY Name", MALFORMED, "unexpected token: 'ORDER'"),
    ("SELECT Id FROM Account ORDER BY Name ¦WHERE Id = null", MALFORMED, "unexpected token: 'WHERE'"),
    ("SELECT Id FROM Account LIMIT ¦ten", MALFORMED, "unexpected token: 'ten'"),
    ("SELECT Id FROM Account LIMIT ¦1.5", MALFORMED, "unexpected token: '1.5'"),
    ("SELECT Id FROM Account LIMIT ¦-1", MALFORMED, "unexpected token: '-1'"),
    ("SELECT Id FROM Account OFFSET 1 ¦LIMIT 1", MALFORMED, "unexpected token: 'LIMIT'"),
    ("SELECT Id FROM Account ¦HAVING COUNT(Id) > 1", MALFORMED, "unexpected token: 'HAVING'"),
    ("SELECT Id FROM Account ¦ALL ROWS", MALFORMED, "ALL ROWS not allowed in this context"),
    ("SELECT Id FROM Account WHERE Id = ¦:id", MALFORMED, "Bind variables only allowed in Apex code"),
    ("SELECT Id FROM Account WITH ¦MAGIC", MALFORMED, "unexpected token: 'MAGIC'"),
    ("SELECT Id FROM Account USING SCOPE ¦everybody", MALFORMED, "unexpected token: 'everybody'"),
    ("SELECT Id FROM Account FOR ¦FUN", MALFORMED, "unexpected token: 'FUN'"),
    ("SELECT LENGTH¦(Name) FROM Account", MALFORMED, "unexpected token: '('"),
    ("SELECT Id FROM Account WHERE UPPER¦(Name) = 'X'", MALFORMED, "unexpected token: '('"),
    ("SELECT Id ¦n FROM Account", MALFORMED, "only aggregate expressions use field aliasing"),
    ("SELECT DISTINCT ¦Name FROM Account", MALFORMED, "only aggregate expressions use field aliasing"),
    ("SELECT Id, COUNT(¦) FROM Account", MALFORMED, "unexpected token: ')'"),
    ("SELECT COUNT()¦, Id FROM Account", MALFORMED, "unexpected token: ','"),
    ("SELECT Id FROM Account WHERE Name = 'x' ¦'y'", MALFORMED, None),
    ("SELECT Id\nFROM Account\nWHERE Name =¦= 'x'", MALFORMED, "unexpected token: '='"),
    ("SELECT Id,\n  Name,\n  ¦Nope__c\nFROM Account", FIELD, "No such column 'Nope__c' on entity 'Account'"),
    # characters, strings, dates
    ("SELECT Id FROM Account¦;", MALFORMED, "no viable alternative at character ';'"),
    ('SELECT Id FROM Account WHERE Name = ¦"x"', MALFORMED, "no viable alternative at character '\"'"),
    ("SELECT Id FROM Account WHERE Name = 'x¦", MALFORMED, "mismatched character '<EOF>' expecting '''"),
    ("SELECT Id FROM Account WHERE Name = 'x¦\ny'", MALFORMED, "mismatched character '\\n' expecting '''"),
    ("SELECT Id FROM Account WHERE Name = 'a¦\\d'", MALFORMED, "Illegal character sequence '\\d' in string literal"),
    (
        "SELECT Id FROM Account WHERE Name = 'a¦\\u12'",
        MALFORMED,
        "Illegal character sequence '\\u' in string literal",
    ),
    ("SELECT Id FROM Account WHERE Name = ¦'50\\%'", MALFORMED, "only allowed with LIKE"),
    ("SELECT Id FROM Account WHERE CreatedDate > 2026-01-02T03:04:05¦", MALFORMED, "at character '<EOF>'"),
    ("SELECT Id FROM Account WHERE CreatedDate > 2026-01-02T03:04:05¦ 00:00", MALFORMED, "at character ' '"),
    ("SELECT Id FROM Account WHERE CreatedDate > 2026-01-02T03:04¦Z", MALFORMED, "at character 'Z'"),
    ("SELECT Id FROM Opportunity WHERE CloseDate = ¦2026-02-30", MALFORMED, "Invalid date: 2026-02-30"),
    ("SELECT Id FROM Account WHERE CreatedDate = ¦2026-02-03T25:00:00Z", MALFORMED, "Invalid date"),
    ("SELECT Id FROM Opportunity WHERE CloseDate = LAST_N_DAYS¦", MALFORMED, "unexpected token: '<EOF>'"),
    ("SELECT Id FROM Opportunity WHERE CloseDate = LAST_N_DAYS:¦x", MALFORMED, "unexpected token: 'x'"),
    ("SELECT Id FROM Opportunity WHERE CloseDate = ¦LAST_N_YEARS:99999", MALFORMED, "Invalid date literal"),
    ("SELECT Id FROM Opportunity WHERE CloseDate = ¦SOMEDAY", MALFORMED, "unexpected token: 'SOMEDAY'"),
    # names
    ("SELECT Id FROM ¦Nope__c", TYPE, "sObject type 'Nope__c' is not supported."),
    ("SELECT Nope FROM ¦Nope", TYPE, "sObject type 'Nope' is not supported."),
    ("SELECT Id FROM ¦AccountFeed", "INVALID_TYPE_FOR_OPERATION", "does not support query"),
    ("SELECT Id, ¦accountid FROM Account", FIELD, "No such column 'accountid' on entity 'Account'."),
    ("SELECT ¦Secret__c FROM Contact", FIELD, "No such column 'Secret__c' on entity 'Contact'."),
    ("SELECT Id FROM Contact WHERE ¦Secret__c = 'x'", FIELD, "No such column 'Secret__c' on entity 'Contact'."),
    ("SELECT Id FROM Contact ORDER BY ¦Secret__c", FIELD, "No such column 'Secret__c' on entity 'Contact'."),
    ("SELECT ¦ReportsTo.Secret__c FROM Contact", FIELD, "No such column 'Secret__c' on entity 'Contact'."),
    ("SELECT ¦Account FROM Opportunity", FIELD, "No such column 'Account' on entity 'Opportunity'."),
    ("SELECT ¦Acount.Name FROM Opportunity", FIELD, "Didn't understand relationship 'Acount' in field path."),
    ("SELECT Id, ¦Contact.Name FROM Opportunity", FIELD, "Didn't understand relationship 'Contact' in field path."),
    ("SELECT ¦AccountId.Name FROM Opportunity", FIELD, "Didn't understand relationship 'AccountId' in field path."),
    ("SELECT ¦What.Amount FROM Task", FIELD, "No such column 'Amount' on entity 'Name'."),
    ("SELECT ¦What.Account.Name FROM Task", FIELD, "Didn't understand relationship 'Account' in field path."),
    (
        "SELECT ¦Parent.Parent.Parent.Parent.Parent.Parent.Name FROM Account",
        MALFORMED,
        "has more than 5 levels of child-to-parent relationships",
    ),
    ("SELECT Id, (SELECT Id FROM ¦Contactz) FROM Account", TYPE, "Didn't understand relationship 'Contactz' in FROM"),
    ("SELECT Id, (SELECT Id FROM ¦Contact) FROM Account", TYPE, "Didn't understand relationship 'Contact' in FROM"),
    ("SELECT Id, (SELECT ¦Nope FROM Contacts) FROM Account", FIELD, "No such column 'Nope' on entity 'Contact'."),
    ("SELECT Id, Name, ¦id FROM Account", FIELD, "duplicate field selected: id"),
    ("SELECT Owner.Name, ¦Owner.NAME FROM Account", FIELD, "duplicate field selected: Owner.NAME"),
    # what may not be filtered, sorted, grouped, aggregated
    (
        "SELECT Id FROM Account WHERE ¦Description = 'x'",
        FIELD,
        "field 'Description' can not be filtered in a query call",
    ),
    ("SELECT Id FROM Account WHERE ¦Description != null", FIELD, "can not be filtered in a query call"),
    ("SELECT Id FROM Account WHERE ¦BillingAddress = 'x'", FIELD, "can not be filtered in a query call"),
    ("SELECT Id FROM Account ORDER BY ¦Description", FIELD, "field 'Description' can not be sorted in a query call"),
    ("SELECT Id FROM Account ORDER BY Name, ¦Tier__c", FIELD, "field 'Tier__c' can not be sorted in a query call"),
    (
        "SELECT Description FROM Account GROUP BY ¦Description",
        FIELD,
        "field 'Description' can not be grouped in a query call",
    ),
    (
        "SELECT COUNT(Id) FROM Opportunity GROUP BY ¦Amount",
        FIELD,
        "field 'Amount' can not be grouped in a query call",
    ),
    ("SELECT COUNT(Id) FROM Opportunity GROUP BY ¦CreatedDate", FIELD, "can not be grouped in a query call"),
    ("SELECT ¦SUM(Name) FROM Account", MALFORMED, "field Name does not support aggregate operator SUM"),
    ("SELECT ¦AVG(CloseDate) FROM Opportunity", MALFORMED, "field CloseDate does not support aggregate operator AVG"),
    ("SELECT ¦MAX(IsWon) FROM Opportunity", MALFORMED, "field IsWon does not support aggregate operator MAX"),
    ("SELECT ¦COUNT(Tier__c) FROM Account", MALFORMED, "field Tier__c does not support aggregate operator COUNT"),
    ("SELECT ¦Name, COUNT(Id) FROM Account", MALFORMED, "Field must be grouped or aggregated: Name"),
    ("SELECT ¦Name, COUNT(Id) FROM Account GROUP BY Industry", MALFORMED, "must be grouped or aggregated: Name"),
    (
        "SELECT COUNT(Id) FROM Account GROUP BY Industry ORDER BY ¦Name",
        MALFORMED,
        "Ordered field must be grouped or aggregated: Name",
    ),
    ("SELECT ¦CALENDAR_YEAR(CloseDate) FROM Opportunity", MALFORMED, "Field must be grouped or aggregated"),
    (
        "SELECT Industry, ¦COUNT(Id) Industry FROM Account GROUP BY Industry",
        MALFORMED,
        "dup",
    ),
    ("SELECT COUNT(Id) FROM Account ¦LIMIT 1", MALFORMED, "aggregate functions cannot also use LIMIT"),
    ("SELECT COUNT(Id) FROM Account ¦ORDER BY COUNT(Id)", MALFORMED, "functions cannot also use ORDER BY"),
    ("SELECT COUNT() FROM Account ¦GROUP BY Name", MALFORMED, "unexpected token: 'GROUP'"),
    ("SELECT COUNT() FROM Account ¦ORDER BY Name", MALFORMED, "unexpected token: 'ORDER'"),
    (
        "SELECT COUNT(Id), (SELECT Id FROM Contacts) FROM Account ¦GROUP BY Name",
        MALFORMED,
        "cannot use child relation",
    ),
    ("SELECT Id, (¦SELECT COUNT(Id) FROM Contacts) FROM Account", MALFORMED, "only root queries support aggregate"),
    ("SELECT Industry i, COUNT(Id) n FROM Account GROUP BY Industry ORDER BY ¦n", FIELD, "No such column 'n'"),
    ("SELECT COUNT(Id) FROM Account GROUP BY ¦CALENDAR_YEAR(Name)", MALFORMED, "does not support date function"),
    # types of values and operators
    (
        "SELECT Id FROM Account WHERE ¦Name = 5",
        FIELD,
        "value of filter criterion for field 'Name' must be of type string and should be enclosed in quotes",
    ),
    ("SELECT Id FROM Account WHERE ¦Name = true", FIELD, "must be of type string and should be enclosed in quotes"),
    ("SELECT Id FROM Account WHERE ¦Name = TODAY", FIELD, "must be of type string and should be enclosed in quotes"),
    ("SELECT Id FROM Account WHERE ¦Id = 5", FIELD, "must be of type string and should be enclosed in quotes"),
    (
        "SELECT Id FROM Account WHERE ¦AnnualRevenue > '5'",
        FIELD,
        "must be of type double and should not be enclosed in quotes",
    ),
    (
        "SELECT Id FROM Account WHERE ¦NumberOfEmployees = '5'",
        FIELD,
        "must be of type int and should not be enclosed",
    ),
    ("SELECT Id FROM Account WHERE ¦IsPartner = 'true'", FIELD, "must be of type boolean and should not be enclosed"),
    ("SELECT Id FROM Account WHERE ¦IsPartner = 1", FIELD, "must be of type boolean and should not be enclosed"),
    (
        "SELECT Id FROM Opportunity WHERE ¦CloseDate = '2026-01-01'",
        FIELD,
        "must be of type date and should not be enclosed in quotes",
    ),
    ("SELECT Id FROM Opportunity WHERE ¦CloseDate > 2026-01-01T00:00:00Z", FIELD, "must be of type date and"),
    ("SELECT Id FROM Opportunity WHERE ¦CreatedDate > 2026-01-01", FIELD, "must be of type dateTime and"),
    ("SELECT Id FROM Opportunity WHERE ¦CreatedDate > '2026-01-01T00:00:00Z'", FIELD, "must be of type dateTime and"),
    ("SELECT Id FROM Account WHERE ¦Name IN ('a', 5)", FIELD, "must be of type string"),
    ("SELECT Id FROM Account WHERE ¦IsPartner > true", OPERATOR, "invalid operator on boolean field"),
    ("SELECT Id FROM Account WHERE ¦Id LIKE '001%'", OPERATOR, "invalid operator on id field"),
    ("SELECT Id FROM Account WHERE ¦ParentId LIKE '001%'", OPERATOR, "invalid operator on reference field"),
    ("SELECT Id FROM Account WHERE ¦AnnualRevenue LIKE '5%'", OPERATOR, "invalid operator on currency field"),
    ("SELECT Id FROM Opportunity WHERE ¦CloseDate LIKE '2026%'", OPERATOR, "invalid operator on date field"),
    ("SELECT Id FROM Account WHERE ¦Name INCLUDES ('a')", OPERATOR, "only valid on multipicklist field"),
    ("SELECT Id FROM Account WHERE ¦Tier__c LIKE 'g%'", OPERATOR, "invalid operator on multipicklist field"),
    ("SELECT Id FROM Account WHERE ¦Tier__c > 'gold'", OPERATOR, "invalid operator on multipicklist field"),
    ("SELECT Id FROM Account WHERE ¦Id = 'abc'", OPERATOR, "invalid ID field: abc"),
    ("SELECT Id FROM Account WHERE ¦ParentId IN ('001', '')", OPERATOR, "invalid ID field: 001"),
    ("SELECT Id FROM Account WHERE AnnualRevenue > 1.39¦E8", MALFORMED, "at character 'E'"),
    ("SELECT Id FROM Account WHERE AnnualRevenue > 5¦.", MALFORMED, "at character '.'"),
    ("SELECT Id FROM Account WHERE AnnualRevenue > ¦null", MALFORMED, "unexpected token: 'null'"),
    ("SELECT Id FROM Account WHERE AnnualRevenue > ¦USD5", MALFORMED, "unexpected token: 'USD5'"),
    ("SELECT Id FROM Account WHERE ¦NumberOfEmployees > USD5", FIELD, "must be of type int"),
    # inner selects
    (
        "SELECT Id FROM Account WHERE Name = 'x' OR ¦Id IN (SELECT AccountId FROM Contact)",
        MALFORMED,
        "Semi join sub-selects are not allowed with the 'OR' operator",
    ),
    (
        "SELECT Id FROM Account WHERE Name = 'x' AND (Name = 'y' OR (¦Id IN (SELECT AccountId FROM Contact)))",
        MALFORMED,
        "Semi join sub-selects are not allowed with the 'OR' operator",
    ),
    ("SELECT Id FROM Account WHERE NOT ¦Id IN (SELECT AccountId FROM Contact)", MALFORMED, "with the 'NOT' operator"),
    (
        "SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM Contact) AND "
        "Id NOT IN (SELECT AccountId FROM Opportunity) AND ¦Id IN (SELECT WhatId FROM Task)",
        MALFORMED,
        "Maximum 2 semi join sub-selects are allowed in a query",
    ),
    (
        "SELECT Id FROM Account WHERE Id IN (SELECT ParentId FROM ¦Account)",
        MALFORMED,
        "The inner and outer selects should not be on the same object type",
    ),
    ("SELECT Id FROM Account WHERE Id IN (SELECT ¦Name FROM Contact)", MALFORMED, "can only query id fields"),
    ("SELECT Id FROM Account WHERE Id IN (¦SELECT Id, Name FROM Contact)", MALFORMED, "exactly one id field"),
    ("SELECT Id FROM Account WHERE Id IN (¦SELECT COUNT(Id) FROM Contact)", MALFORMED, "exactly one id field"),
    ("SELECT Id FROM Account WHERE ¦Name IN (SELECT AccountId FROM Contact)", MALFORMED, "should be an id field"),
    (
        "SELECT Id FROM Account WHERE Id IN (SELECT ¦Account.ParentId FROM Contact)",
        MALFORMED,
        "cannot have more than one level of relationships",
    ),
    (
        "SELECT Id FROM Account WHERE Id IN (SELECT ¦OwnerId FROM Opportunity)",
        MALFORMED,
        "should point to the same object type",
    ),
    ("SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM Contact ¦LIMIT 5)", MALFORMED, "token: 'LIMIT'"),
    ("SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM Contact ¦ORDER BY Id)", MALFORMED, "token: 'ORDER'"),
    (
        "SELECT Id FROM Account WHERE Id IN "
        "(SELECT AccountId FROM Opportunity WHERE AccountId IN (¦SELECT AccountId FROM Contact))",
        MALFORMED,
        "Nesting of semi join sub-selects is not supported",
    ),
    (
        "SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM ¦Nope)",
        TYPE,
        "sObject type 'Nope' is not supported.",
    ),
    # limits
    ("SELECT Id FROM Account ¦OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE", "Maximum SOQL offset allowed is 2000"),
    ("SELECT ¦FIELDS(ALL) FROM Account", MALFORMED, "must have a LIMIT of at most 200"),
    ("SELECT ¦FIELDS(CUSTOM) FROM Account LIMIT 201", MALFORMED, "must have a LIMIT of at most 200"),
    ("SELECT FIELDS(¦SOME) FROM Account LIMIT 1", MALFORMED, "unexpected token: 'SOME'"),
    ("SELECT Id FROM Account ¦ORDER BY Name FOR UPDATE", MALFORMED, "ORDER BY is not allowed with FOR UPDATE"),
    ("SELECT ¦toLabel(Name) FROM Account", MALFORMED, "does not support toLabel()"),
    ("SELECT ¦convertCurrency(AnnualRevenue) FROM Account", MALFORMED, "does not support convertCurrency()"),
    ("SELECT TYPEOF ¦Account WHEN Account THEN Name END FROM Opportunity", MALFORMED, "polymorphic"),
    ("SELECT TYPEOF What WHEN ¦User THEN Name END FROM Task", TYPE, "sObject type 'User' is not supported."),
    ("SELECT TYPEOF What WHEN Account THEN ¦Nope END FROM Task", FIELD, "No such column 'Nope' on entity 'Account'."),
]

BULK_REFUSED = [
    ("SELECT Name, COUNT(Id) FROM Account GROUP BY Name", "API_ERROR"),
    ("SELECT COUNT() FROM Account", "API_ERROR"),
    ("SELECT MAX(AnnualRevenue) FROM Account", "API_ERROR"),
    ("SELECT Id FROM Account OFFSET 1", "API_ERROR"),
    ("SELECT Subject, TYPEOF What WHEN Account THEN Name END FROM Task", "API_ERROR"),
    ("SELECT Id, (SELECT Id FROM Contacts) FROM Account", "API_ERROR"),
    ("SELECT Id, BillingAddress FROM Account", "API_ERROR"),
    ("SELECT FIELDS(ALL) FROM Account LIMIT 10", "API_ERROR"),
    ("SELECT Id FROM TaskStatus", "INVALIDENTITY"),
    ("SELECT Nope FROM Account", FIELD),
    ("SELECT Id FROM Nope", TYPE),
]


def place_of(message: str) -> tuple[int, int]:
    """Row and column, counted from 1, wherever the message tells them."""
    block = re.search(r"ERROR at Row:(\d+):Column:(\d+)\n", message)
    if block:
        return int(block[1]), int(block[2])
    line = re.match(r"line (\d+):(\d+) ", message)
    assert line, message
    return int(line[1]), int(line[2]) + 1


@pytest.mark.parametrize(("marked", "code", "says"), REFUSED)
def test_a_refusal_names_code_place_and_reason(
    connection: sqlite3.Connection, context: Context, marked: str, code: str, says: str | None
) -> None:
    before = marked[: marked.index("¦")]
    with pytest.raises(SoqlError) as refused:
        prepare(connection, marked.replace("¦", ""), context)
    message = refused.value.message
    assert refused.value.code == code, message
    assert place_of(message) == (before.count("\n") + 1, len(before) - before.rfind("\n"))
    assert (says or "unexpected token: '") in message


@pytest.mark.parametrize(("soql", "code"), BULK_REFUSED)
def test_bulk_refuses_what_it_cannot_stream(
    connection: sqlite3.Connection, context: Context, soql: str, code: str
) -> None:
    with pytest.raises(SoqlError) as refused:
        rows_for_bulk(connection, soql, context)
    assert refused.value.code == code


def test_the_message_has_the_documented_form(connection: sqlite3.Connection, context: Context) -> None:
    with pytest.raises(SoqlError) as refused:
        prepare(connection, "SELECT id,accountId FROM Account", context)
    assert refused.value.message == (
        "\nSELECT id,accountId FROM Account\n          ^\nERROR at Row:1:Column:11\n"
        "No such column 'accountId' on entity 'Account'. If you are attempting to use a custom field, be sure to "
        "append the '__c' after the custom field name. Please reference your WSDL or the describe call for the "
        "appropriate names."
    )


def test_only_the_surroundings_of_the_mistake_are_shown(connection: sqlite3.Connection, context: Context) -> None:
    fields = "Name,Industry,Tier__c,Ext__c,AnnualRevenue,NumberOfEmployees,IsPartner"
    with pytest.raises(SoqlError) as refused:
        prepare(
            connection, f"SELECT {fields},Nope__c,BillingCity,BillingCountry,ParentId,OwnerId FROM Account", context
        )
    assert refused.value.message.splitlines()[1:4] == [
        "AnnualRevenue,NumberOfEmployees,IsPartner,Nope__c,BillingCity,BillingCountry",
        " " * 42 + "^",
        "ERROR at Row:1:Column:79",
    ]


def test_a_hidden_field_answers_exactly_as_an_absent_one(connection: sqlite3.Connection, context: Context) -> None:
    messages = []
    for name in ("Secret__c", "Absent__c"):
        with pytest.raises(SoqlError) as refused:
            prepare(connection, f"SELECT {name} FROM Contact", context)
        messages.append((refused.value.code, refused.value.message.replace(name, "X")))
    assert messages[0] == messages[1]


@pytest.mark.parametrize(("length", "accepted"), [(100_000, True), (100_001, False)])
def test_a_statement_has_at_most_100_000_characters(
    connection: sqlite3.Connection, context: Context, length: int, accepted: bool
) -> None:
    start = "SELECT Id FROM Account WHERE Name != '"
    soql = start + "x" * (length - len(start) - 1) + "'"
    assert len(soql) == length
    if accepted:
        assert prepare(connection, soql, context).total == 4
        return
    with pytest.raises(SoqlError) as refused:
        prepare(connection, soql, context)
    assert refused.value.code == MALFORMED


def test_an_offset_of_2000_is_the_largest(connection: sqlite3.Connection, context: Context) -> None:
    assert prepare(connection, "SELECT Id FROM Account OFFSET 2000", context).total == 0


def test_endless_parentheses_are_too_complicated(connection: sqlite3.Connection, context: Context) -> None:
    with pytest.raises(SoqlError) as refused:
        prepare(connection, "SELECT Id FROM Account WHERE " + "(" * 40_000, context)
    assert refused.value.code == "QUERY_TOO_COMPLICATED"
