"""Single records: shapes of success, and every documented refusal from both sides."""

from __future__ import annotations

from typing import Any

import pytest

from emulators.salesforce.schema import FieldType, PicklistValue

UNKNOWN = "001510000000999"


def refusal(code: str, message: str, *fields: str) -> list[dict[str, Any]]:
    return [{"message": message, "errorCode": code, "fields": list(fields)}]


def test_a_created_record_has_its_id_and_address(caller: Any) -> None:
    answer = caller.raw("POST", "/services/data/v67.0/sobjects/Account", json={"Name": "Example"})
    body = answer.json()
    assert (answer.status_code, body) == (201, {"id": body["id"], "success": True, "errors": []})
    assert answer.headers["Location"] == f"/services/data/v67.0/sobjects/Account/{body['id']}"
    assert answer.headers["Content-Type"] == "application/json;charset=UTF-8"
    assert answer.headers["Sforce-Limit-Info"] == "api-usage=1/100000"


def test_a_record_reads_as_recorded_from_a_real_org(caller: Any) -> None:
    record_id = caller.make("Account", Name="Smith", AccountNumber="a@example.test", AnnualRevenue=12)
    status, body = caller.call("GET", f"/sobjects/Account/{record_id}", version="42.0")
    assert status == 200
    assert body["attributes"] == {"type": "Account", "url": f"/services/data/v42.0/sobjects/Account/{record_id}"}
    assert list(body)[:5] == ["attributes", "Id", "IsDeleted", "MasterRecordId", "Name"]
    found = {
        name: body[name] for name in ("Id", "IsDeleted", "Name", "BillingAddress", "AnnualRevenue", "CreatedDate")
    }
    assert found == {
        "Id": record_id,
        "IsDeleted": False,
        "Name": "Smith",
        "BillingAddress": None,
        "AnnualRevenue": 12.0,
        "CreatedDate": "2026-03-31T09:00:00.000+0000",
    }
    assert body["OwnerId"] == body["CreatedById"] == body["LastModifiedById"] == caller.org.user_id


def test_a_record_answers_only_the_fields_asked_for(caller: Any) -> None:
    record_id = caller.make("Account", Name="Example")
    status, body = caller.call("GET", f"/sobjects/Account/{record_id}?fields=Name,Owner.Name")
    assert (status, body["Name"], body["Owner"]["Name"]) == (200, "Example", "Integration User")
    assert "Industry" not in body


def test_every_update_moves_the_stamps_even_without_a_change(caller: Any) -> None:
    record_id = caller.make("Account", Name="Example")
    caller.org.clock.advance(60)
    assert caller.call("PATCH", f"/sobjects/Account/{record_id}", {"Name": "Example"}) == (204, None)
    row = caller.org.get("Account", record_id)
    assert (row["CreatedDate"], row["SystemModstamp"]) == ("2026-03-31T09:00:00.000Z", "2026-03-31T09:01:00.000Z")
    assert row["LastModifiedDate"] == row["SystemModstamp"]


def test_an_unknown_field_is_refused(caller: Any) -> None:
    expected = refusal("INVALID_FIELD", "No such column 'foo' on sobject of type Account")
    assert caller.call("POST", "/sobjects/Account", {"Name": "x", "foo": 1}) == (400, expected)


def test_an_unknown_object_is_not_found(caller: Any) -> None:
    body = [{"errorCode": "NOT_FOUND", "message": "The requested resource does not exist"}]
    assert caller.call("POST", "/sobjects/Nothing__c", {"Name": "x"}) == (404, body)
    assert caller.call("GET", "/sobjects/Nothing__c/describe") == (404, body)


def test_required_fields_are_named(caller: Any) -> None:
    expected = refusal("REQUIRED_FIELD_MISSING", "Required fields are missing: [Name]", "Name")
    assert caller.call("POST", "/sobjects/Account", {"Site": "x"}) == (400, expected)
    record_id = caller.make("Account", Name="x")
    assert caller.call("PATCH", f"/sobjects/Account/{record_id}", {"Name": None}) == (400, expected)
    assert caller.call("PATCH", f"/sobjects/Account/{record_id}", {"Site": None}) == (204, None)


def test_fields_that_only_the_org_writes_are_refused(caller: Any) -> None:
    status, body = caller.call("POST", "/sobjects/Account", {"Name": "x", "CreatedDate": "2026-01-01T00:00:00Z"})
    expected = (
        "Unable to create/update fields: CreatedDate. Please check the security settings of this field and verify "
        "that it is read/write for your profile or permission set."
    )
    assert (status, body) == (400, refusal("INVALID_FIELD_FOR_INSERT_UPDATE", expected, "CreatedDate"))


def test_an_id_in_the_body_is_refused(caller: Any) -> None:
    status, body = caller.call("POST", "/sobjects/Account", {"Name": "x", "Id": UNKNOWN})
    message = "The Id field should not be specified in the sobject data."
    assert (status, body) == (400, [{"message": message, "errorCode": "INVALID_FIELD"}])


@pytest.mark.parametrize(("length", "status"), [(255, 201), (256, 400)])
def test_a_name_has_at_most_255_characters(caller: Any, length: int, status: int) -> None:
    found, body = caller.call("POST", "/sobjects/Account", {"Name": "é" * length})
    assert found == status
    if status == 400:
        text = f"Account Name: data value too large: {'é' * 256} (max length=255)"
        assert body == refusal("STRING_TOO_LONG", text, "Name")


@pytest.mark.parametrize(("amount", "status"), [(10**16 - 1, 201), (10**16, 400), (-(10**16), 400)])
def test_an_amount_has_at_most_16_digits_before_the_point(caller: Any, amount: int, status: int) -> None:
    values = {"Name": "x", "StageName": "Prospecting", "CloseDate": "2026-06-30", "Amount": amount}
    found, body = caller.call("POST", "/sobjects/Opportunity", values)
    assert found == status
    assert status == 201 or body[0]["errorCode"] == "NUMBER_OUTSIDE_VALID_RANGE"


def test_numbers_are_rounded_to_the_fields_scale(caller: Any) -> None:
    record_id = caller.make("Opportunity", Name="x", StageName="Prospecting", CloseDate="2026-06-30", Amount=0.125)
    assert caller.org.get("Opportunity", record_id)["Amount"] == 0.13


@pytest.mark.parametrize(("whole", "status"), [(2**31 - 1, 201), (2**31, 400)])
def test_an_integer_has_31_bits(caller: Any, whole: int, status: int) -> None:
    assert caller.call("POST", "/sobjects/Account", {"Name": "x", "NumberOfEmployees": whole})[0] == status


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("CloseDate", "2026-02-30", "date from VALUE_STRING value 2026-02-30"),
        ("CloseDate", "soon", "date from VALUE_STRING value soon"),
        ("Amount", "many", "double from VALUE_STRING value many"),
        ("IsPrivate", "perhaps", "boolean from VALUE_STRING value perhaps"),
        ("IsPrivate", None, "boolean from VALUE_NULL value null"),
    ],
)
def test_json_of_another_type_refuses_the_call(caller: Any, name: str, value: Any, kind: str) -> None:
    values = {"Name": "x", "StageName": "Prospecting", "CloseDate": "2026-06-30", name: value}
    status, body = caller.call("POST", "/sobjects/Opportunity", values)
    assert (status, body[0]["errorCode"]) == (400, "JSON_PARSER_ERROR")
    assert body[0]["message"].startswith(f"Cannot deserialize instance of {kind}")


def test_malformed_json_is_refused(caller: Any) -> None:
    headers = {"Content-Type": "application/json"}
    answer = caller.raw("POST", "/services/data/v67.0/sobjects/Account", data=b'{"Name": ', headers=headers)
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "JSON_PARSER_ERROR")


def test_another_media_type_is_refused(caller: Any) -> None:
    headers = {"Content-Type": "text/plain"}
    answer = caller.raw("POST", "/services/data/v67.0/sobjects/Account", data=b'{"Name": "x"}', headers=headers)
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (415, "UNSUPPORTED_MEDIA_TYPE")


def test_another_method_is_refused(caller: Any) -> None:
    status, body = caller.call("PUT", f"/sobjects/Account/{UNKNOWN}", {})
    assert status == 405
    message = "HTTP Method 'PUT' not allowed. Allowed are GET,PATCH,DELETE"
    assert body == [{"message": message, "errorCode": "METHOD_NOT_ALLOWED"}]


@pytest.mark.parametrize(("extra", "status"), [(-800, 200), (0, 431), (1, 414)])
def test_an_address_has_at_most_16384_bytes(caller: Any, extra: int, status: int) -> None:
    head = "/services/data/v67.0/query?q=SELECT+Id+FROM+Account+WHERE+Name='"
    assert caller.raw("GET", head + "x" * (16_384 - len(head) - 1 + extra) + "'").status_code == status


def test_a_restricted_picklist_takes_only_its_values(caller: Any) -> None:
    status, body = caller.call("POST", "/sobjects/PartnerFundRequest", {"Title": "x", "Status": "Maybe"})
    text = "Status: bad value for restricted picklist field: Maybe"
    assert (status, body) == (400, refusal("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", text, "Status"))
    record_id = caller.make("PartnerFundRequest", Title="x", Status="approved")
    assert caller.org.get("PartnerFundRequest", record_id)["Status"] == "Approved"


def test_an_open_picklist_takes_any_value(caller: Any) -> None:
    assert caller.call("POST", "/sobjects/Account", {"Name": "x", "Industry": "Basket weaving"})[0] == 201


def test_a_multi_select_keeps_the_defined_order(keyed: Any, granting: Any) -> None:
    options = tuple(PicklistValue(name, name) for name in ("A", "B", "C"))
    field = FieldType("Tags__c", "Tags", "multipicklist", custom=True, restricted_picklist=True, picklist=options,
                      always_visible=False)  # fmt: skip
    keyed.org.add_custom_field("Account", field)
    granting(keyed.org, keyed.org.user_id, "Account.Tags__c")
    record_id = keyed.make("Account", Name="x", Tags__c="C;A")
    assert keyed.org.get("Account", record_id)["Tags__c"] == "A;C"
    status, body = keyed.call("PATCH", f"/sobjects/Account/{record_id}", {"Tags__c": "A;D"})
    assert (status, body[0]["message"]) == (400, "Tags: bad value for restricted picklist field: D")


def test_an_email_needs_the_shape_of_one(caller: Any) -> None:
    status, body = caller.call("POST", "/sobjects/Contact", {"LastName": "x", "Email": "badone"})
    assert (status, body) == (400, refusal("INVALID_EMAIL_ADDRESS", "Email: invalid email address: badone", "Email"))
    assert caller.call("POST", "/sobjects/Contact", {"LastName": "x", "Email": "good@one.example"})[0] == 201


def test_look_ups_are_checked(caller: Any) -> None:
    account, contact = caller.make("Account", Name="x"), caller.make("Contact", LastName="x")
    values = {"LastName": "y"}

    def code(account_id: str) -> str:
        return str(caller.call("POST", "/sobjects/Contact", {**values, "AccountId": account_id})[1][0]["errorCode"])

    assert code("abc") == "MALFORMED_ID"
    assert code(contact) == "FIELD_INTEGRITY_EXCEPTION"
    assert code(UNKNOWN) == "INVALID_CROSS_REFERENCE_KEY"
    caller.call("DELETE", f"/sobjects/Account/{account}")
    assert code(account) == "ENTITY_IS_DELETED"


def test_an_id_of_15_characters_is_kept_with_18(caller: Any) -> None:
    account = caller.make("Account", Name="x")
    contact = caller.make("Contact", LastName="y", AccountId=account[:15])
    assert caller.org.get("Contact", contact)["AccountId"] == account
    assert caller.call("GET", f"/sobjects/Contact/{contact[:15]}")[1]["Id"] == contact


def test_a_text_is_trimmed_and_an_empty_one_is_null(caller: Any) -> None:
    record_id = caller.make("Account", Name="  x ", Site="", Description="  y\n")
    row = caller.org.get("Account", record_id)
    assert (row["Name"], row["Site"], row["Description"]) == ("x", None, "  y")


def test_deleted_unknown_and_malformed_ids_differ(caller: Any) -> None:
    record_id = caller.make("Account", Name="x")
    assert caller.call("DELETE", f"/sobjects/Account/{record_id}") == (204, None)
    deleted = (404, refusal("ENTITY_IS_DELETED", "entity is deleted"))
    unknown = (404, refusal("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id"))
    absent = (404, [{"errorCode": "NOT_FOUND", "message": "The requested resource does not exist"}])
    text = "Provided external ID field does not exist or is not accessible: 23foo"
    assert caller.call("DELETE", f"/sobjects/Account/{record_id}") == deleted
    assert caller.call("PATCH", f"/sobjects/Account/{record_id}", {"Name": "y"}) == deleted
    assert caller.call("PATCH", f"/sobjects/Account/{UNKNOWN}", {"Name": "y"}) == unknown
    assert caller.call("GET", f"/sobjects/Account/{record_id}") == absent
    assert caller.call("GET", f"/sobjects/Account/{UNKNOWN}") == absent
    assert caller.call("GET", "/sobjects/Account/23foo") == (404, [{"errorCode": "NOT_FOUND", "message": text}])


def test_an_external_id_makes_then_changes_the_same_record(keyed: Any) -> None:
    path = "/sobjects/Account/Key__c/a%2Fb c"
    status, body = keyed.call("PATCH", path, {"Name": "x"})
    record_id = body["id"]
    assert (status, body) == (201, {"id": record_id, "success": True, "errors": [], "created": True})
    assert keyed.org.get("Account", record_id)["Key__c"] == "a/b c"
    again = {"id": record_id, "success": True, "errors": [], "created": False}
    assert keyed.call("PATCH", path, {"Name": "y"}) == (200, again)
    assert (
        keyed.call("PATCH", path.upper().replace("/SOBJECTS", "/sobjects"), {"Name": "z"}, version="46.0")[0] == 200
    )
    assert keyed.call("PATCH", path, {"Name": "z"}, version="45.0") == (204, None)
    assert keyed.call("GET", path)[1]["Name"] == "z"
    assert keyed.call("DELETE", path) == (204, None)
    assert keyed.call("GET", path)[0] == 404


def test_a_field_that_is_no_external_id_cannot_be_a_key(keyed: Any) -> None:
    text = "Provided external ID field does not exist or is not accessible: Site"
    expected = (404, [{"errorCode": "NOT_FOUND", "message": text}])
    assert keyed.call("PATCH", "/sobjects/Account/Site/x", {"Name": "x"}) == expected


def test_several_records_of_one_external_id_are_listed(caller: Any, granting: Any) -> None:
    field = FieldType("Ref__c", "Ref", "string", length=40, custom=True, external_id=True, id_lookup=True,
                      always_visible=False)  # fmt: skip
    caller.org.add_custom_field("Account", field)
    granting(caller.org, caller.org.user_id, "Account.Ref__c")
    ids = [caller.make("Account", Name="x", Ref__c="r") for _ in range(2)]
    addresses = [f"/services/data/v67.0/sobjects/Account/{record_id}" for record_id in ids]
    assert caller.call("PATCH", "/sobjects/Account/Ref__c/r", {"Name": "y"}) == (300, addresses)


def test_a_unique_value_is_taken_once_whatever_its_case(keyed: Any) -> None:
    first = keyed.make("Account", Name="x", Key__c="k")
    status, body = keyed.call("POST", "/sobjects/Account", {"Name": "y", "Key__c": "K"})
    text = f"duplicate value found: Key__c duplicates value on record with id: {first[:15]}"
    assert (status, body) == (400, refusal("DUPLICATE_VALUE", text))
    keyed.call("DELETE", f"/sobjects/Account/{first}")
    keyed.make("Account", Name="y", Key__c="K")


def test_a_parent_can_be_named_by_its_external_id(keyed: Any) -> None:
    account = keyed.make("Account", Name="x", Key__c="k")
    contact = keyed.make("Contact", LastName="y", Account={"Key__c": "K"})
    assert keyed.org.get("Contact", contact)["AccountId"] == account
    status, body = keyed.call("POST", "/sobjects/Contact", {"LastName": "y", "Account": {"Key__c": "none"}})
    text = "Foreign key external ID: none not found for field Key__c in entity Account"
    assert (status, body) == (400, refusal("INVALID_FIELD", text))


def test_a_validation_rule_refuses_the_record_that_meets_it(caller: Any) -> None:
    rule = {"object": "Account", "field": "Site", "op": "eq", "value": "Mars", "message": "No sites on Mars."}
    caller.control("POST", "rules", rule)
    refused = caller.call("POST", "/sobjects/Account", {"Name": "x", "Site": "Mars"})
    assert refused == (400, refusal("FIELD_CUSTOM_VALIDATION_EXCEPTION", "No sites on Mars."))
    assert caller.call("POST", "/sobjects/Account", {"Name": "x", "Site": "Venus"})[0] == 201
    caller.control("DELETE", "rules")
    assert caller.call("POST", "/sobjects/Account", {"Name": "x", "Site": "Mars"})[0] == 201


def test_post_can_stand_for_patch(caller: Any) -> None:
    record_id = caller.make("Account", Name="x")
    assert caller.call("POST", f"/sobjects/Account/{record_id}?_HttpMethod=PATCH", {"Name": "y"}) == (204, None)
    assert caller.org.get("Account", record_id)["Name"] == "y"
