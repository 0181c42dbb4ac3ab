"""Field history: rows for tracked fields, none for others."""

from __future__ import annotations

from typing import Any


def test_a_tracked_field_leaves_a_row_and_another_does_not(caller: Any) -> None:
    caller.control("POST", "tracking", {"object": "Account", "fields": ["Phone", "OwnerId"]})
    account = caller.make("Account", Name="Umbra", Phone="1")
    caller.call("PATCH", f"/sobjects/Account/{account}", {"Phone": "2", "Name": "Lumen"})
    admin = caller.query("SELECT Id, Name FROM User WHERE Name = 'Org Admin'")[0]
    caller.call("PATCH", f"/sobjects/Account/{account}", {"OwnerId": admin["Id"]})
    rows = caller.query("SELECT Field, DataType, OldValue, NewValue FROM AccountHistory ORDER BY Id")
    assert [tuple(row[name] for name in ("Field", "DataType", "OldValue", "NewValue")) for row in rows] == [
        ("created", "Text", None, None),
        ("Phone", "Phone", "1", "2"),
        ("Owner", "Text", "Integration User", "Org Admin"),
        ("Owner", "EntityId", caller.org.user_id, admin["Id"]),
    ]


def test_histories_hang_on_their_record(caller: Any) -> None:
    caller.control("POST", "tracking", {"object": "Opportunity", "fields": ["Amount"]})
    deal = {"Name": "Deal", "StageName": "Prospecting", "CloseDate": "2026-04-01", "Amount": 1}
    record = caller.make("Opportunity", **deal)
    caller.call("PATCH", f"/sobjects/Opportunity/{record}", {"Amount": 2})
    soql = "SELECT (SELECT Field, NewValue FROM Histories ORDER BY Id) FROM Opportunity"
    rows = caller.query(soql)[0]["Histories"]["records"]
    assert [row["Field"] for row in rows] == ["created", "Amount"]
