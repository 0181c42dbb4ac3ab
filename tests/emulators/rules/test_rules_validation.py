"""Validation rules: several at once, at a field or for the page, on and off."""

from __future__ import annotations

from typing import Any

CODE = "FIELD_CUSTOM_VALIDATION_EXCEPTION"
NO_PHONE = {"object": "Account", "field": "Phone", "op": "is_null", "message": "Phone?", "error_field": "phone"}
SHORT = {"object": "Account", "any": [{"field": "Name", "op": "eq", "value": "x"}], "message": "Name!"}


def test_a_record_is_told_everything_that_is_wrong_with_it(caller: Any) -> None:
    caller.control("POST", "rules", NO_PHONE)
    caller.control("POST", "rules", SHORT)
    assert caller.call("POST", "/sobjects/Account", {"Name": "x"}) == (
        400,
        [
            {"message": "Phone?", "errorCode": CODE, "fields": ["Phone"]},
            {"message": "Name!", "errorCode": CODE, "fields": []},
        ],
    )


def test_collections_list_all_errors_of_a_record(caller: Any) -> None:
    caller.control("POST", "rules", NO_PHONE)
    caller.control("POST", "rules", SHORT)
    _, body = caller.call(
        "POST", "/composite/sobjects", {"records": [{"attributes": {"type": "Account"}, "Name": "x"}]}
    )
    assert [error["message"] for error in body[0]["errors"]] == ["Phone?", "Name!"]


def test_a_rule_that_is_off_refuses_nothing(caller: Any) -> None:
    rule = caller.control("POST", "rules", NO_PHONE)["id"]
    caller.control("POST", "rules", {"id": rule, "active": False})
    assert caller.call("POST", "/sobjects/Account", {"Name": "y"})[0] == 201
    caller.control("POST", "rules", {"id": rule, "active": True})
    assert caller.call("POST", "/sobjects/Account", {"Name": "y"})[0] == 400


def test_all_conditions_must_hold_together(caller: Any) -> None:
    both = [{"field": "Type", "op": "not_null"}, {"field": "NumberOfEmployees", "op": "lt", "value": 10}]
    caller.control("POST", "rules", {"object": "Account", "all": both, "message": "Too small."})
    small = {"Name": "z", "NumberOfEmployees": 9}
    assert caller.call("POST", "/sobjects/Account", small)[0] == 201
    assert caller.call("POST", "/sobjects/Account", {**small, "Type": "Prospect"})[0] == 400
    assert caller.call("POST", "/sobjects/Account", {**small, "Type": "Prospect", "NumberOfEmployees": 10})[0] == 201
