"""Duplicate rules: what is found, what is refused, and what lets a save through."""

from __future__ import annotations

from typing import Any

ALLOW = {"Sforce-Duplicate-Rule-Header": "allowSave=true"}
RULE = {"object": "Account", "name": "Account_Duplicate_Rule", "fields": ["Name"]}


def _found(account: str, allow: bool = True, message: str = "Use one of these records?") -> dict[str, Any]:
    record = {"attributes": {"type": "Account", "url": f"/services/data/v67.0/sobjects/Account/{account}"}}
    match = {"additionalInformation": [], "fieldDiffs": [], "matchConfidence": 100.0}
    return {
        "allowSave": allow,
        "duplicateRule": "Account_Duplicate_Rule",
        "duplicateRuleEntityType": "Account",
        "errorMessage": message,
        "matchResults": [
            {
                "entityType": "Account",
                "errors": [],
                "matchEngine": "ExactMatchEngine",
                "matchRecords": [{**match, "record": {**record, "Id": account}}],
                "rule": "Account_Match_Rule",
                "size": 1,
                "success": True,
            }
        ],
    }


def test_a_duplicate_is_told_with_the_record_that_is_there(caller: Any) -> None:
    account = caller.make("Account", Name="Umbra")
    caller.control("POST", "duplicate_rules", RULE)
    status, body = caller.call("POST", "/sobjects/Account", {"Name": "uMBRA"})
    message = "Use one of these records?"
    assert (status, body) == (
        400,
        [{"duplicateResut": _found(account), "errorCode": "DUPLICATES_DETECTED", "message": message}],
    )


def test_collections_tell_it_in_the_records_result(caller: Any) -> None:
    account = caller.make("Account", Name="Umbra")
    caller.control("POST", "duplicate_rules", RULE)
    records = [{"attributes": {"type": "Account"}, "Name": name} for name in ("Umbra", "Lumen")]
    _, body = caller.call("POST", "/composite/sobjects", {"records": records})
    error = {"statusCode": "DUPLICATES_DETECTED", "message": "Use one of these records?", "fields": []}
    assert body[0] == {"success": False, "errors": [{**error, "duplicateResult": _found(account)}]}
    assert body[1]["success"] is True


def test_the_header_lets_an_alert_through_but_not_a_block(caller: Any) -> None:
    caller.make("Account", Name="Umbra")
    caller.control("POST", "duplicate_rules", RULE)
    assert caller.call("POST", "/sobjects/Account", {"Name": "Umbra"}, headers=ALLOW)[0] == 201
    caller.control("DELETE", "duplicate_rules")
    caller.control("POST", "duplicate_rules", {**RULE, "on_create": "block", "message": "No."})
    status, body = caller.call("POST", "/sobjects/Account", {"Name": "Umbra"}, headers=ALLOW)
    assert (status, body[0]["duplicateResut"]["allowSave"], body[0]["message"]) == (400, False, "No.")


def test_an_update_is_looked_at_only_where_a_compared_field_changes(caller: Any) -> None:
    caller.make("Account", Name="Umbra")
    twin = caller.make("Account", Name="Umbra")
    caller.control("POST", "duplicate_rules", RULE)
    assert caller.call("PATCH", f"/sobjects/Account/{twin}", {"Phone": "1"})[0] == 204
    other = caller.make("Account", Name="Lumen")
    assert caller.call("PATCH", f"/sobjects/Account/{other}", {"Name": "Umbra"})[0] == 400


def test_fuzzy_names_meet_and_exact_ones_do_not(caller: Any) -> None:
    caller.make("Account", Name="Umbra, Inc.")
    caller.control("POST", "duplicate_rules", RULE)
    assert caller.call("POST", "/sobjects/Account", {"Name": "UMBRA Incorporated"})[0] == 201
    caller.control("DELETE", "duplicate_rules")
    caller.control("POST", "duplicate_rules", {**RULE, "fields": [{"field": "Name", "method": "fuzzy"}]})
    assert caller.call("POST", "/sobjects/Account", {"Name": "umbra gmbh"})[0] == 400


def test_leads_are_compared_with_contacts_and_empty_fields_match_nothing(caller: Any) -> None:
    contact = caller.make("Contact", LastName="Berg", Email="berg@umbra.example")
    caller.make("Contact", LastName="Tal")
    rule = {"object": "Lead", "match_object": "Contact", "fields": ["Email"], "name": "Lead_Duplicate_Rule"}
    caller.control("POST", "duplicate_rules", rule)
    lead = {"LastName": "Berg", "Company": "Umbra"}
    _, body = caller.call("POST", "/sobjects/Lead", {**lead, "Email": "Berg@umbra.example"})
    found = body[0]["duplicateResut"]["matchResults"][0]
    assert (found["entityType"], found["matchRecords"][0]["record"]["Id"]) == ("Contact", contact)
    assert caller.call("POST", "/sobjects/Lead", lead)[0] == 201


def test_a_rule_can_be_switched_off_and_read(caller: Any) -> None:
    caller.make("Account", Name="Umbra")
    rule = caller.control("POST", "duplicate_rules", RULE)["id"]
    assert caller.query("SELECT DeveloperName, IsActive FROM DuplicateRule")[0]["IsActive"] is True
    assert caller.query("SELECT Field, MatchingMethod FROM MatchingRuleItem")[0]["MatchingMethod"] == "Exact"
    caller.control("POST", "duplicate_rules", {"id": rule, "active": False})
    assert caller.call("POST", "/sobjects/Account", {"Name": "Umbra"})[0] == 201
