"""What the org does by itself: derived fields, history, partner rows, cascades, merges, field-level security."""

from __future__ import annotations

from typing import Any

import pytest

from emulators.salesforce.schema import FieldType

SCORE = FieldType("Score__c", "Score", "double", precision=5, scale=2, custom=True, always_visible=False)


def deal(caller: Any, **values: Any) -> str:
    return str(
        caller.make("Opportunity", **{"Name": "d", "StageName": "Prospecting", "CloseDate": "2026-06-30", **values})
    )


def test_a_stage_decides_about_closed_won_and_probability(caller: Any) -> None:
    record_id = deal(caller, Amount=200, StageName="Proposal/Price Quote")
    fields = "IsClosed, IsWon, Probability, ForecastCategoryName, ExpectedRevenue, FiscalYear, FiscalQuarter"

    def facts() -> list[Any]:
        row = caller.query(f"SELECT {fields} FROM Opportunity")[0]
        return [row[name.strip()] for name in fields.split(",")]

    assert facts() == [False, False, 75.0, "Pipeline", 150.0, 2026, 2]
    caller.call("PATCH", f"/sobjects/Opportunity/{record_id}", {"StageName": "Closed Won"})
    assert facts() == [True, True, 100.0, "Closed", 200.0, 2026, 2]
    caller.call("PATCH", f"/sobjects/Opportunity/{record_id}", {"StageName": "Closed Lost"})
    assert facts() == [True, False, 0.0, "Omitted", 0.0, 2026, 2]


def test_history_has_a_row_for_the_start_and_for_each_tracked_change(caller: Any) -> None:
    record_id = deal(caller, Amount=100)
    for change in ({"Amount": 150}, {"NextStep": "call"}, {"StageName": "Qualification"}, {"Amount": 150}):
        caller.org.clock.advance(60)
        caller.call("PATCH", f"/sobjects/Opportunity/{record_id}", change)
    rows = caller.query(
        "SELECT StageName, Amount, PrevAmount, CreatedDate FROM OpportunityHistory ORDER BY CreatedDate"
    )
    assert [(row["StageName"], row["Amount"], row["PrevAmount"], row["CreatedDate"]) for row in rows] == [
        ("Prospecting", 100.0, None, "2026-03-31T09:00:00.000+0000"),
        ("Prospecting", 150.0, 100.0, "2026-03-31T09:01:00.000+0000"),
        ("Qualification", 150.0, 150.0, "2026-03-31T09:03:00.000+0000"),
    ]


def test_a_partner_of_a_deal_shows_in_three_views_and_in_reverse(caller: Any) -> None:
    customer, partner = caller.make("Account", Name="customer"), caller.make("Account", Name="partner")
    opportunity = deal(caller, AccountId=customer)
    made = caller.make("Partner", OpportunityId=opportunity, AccountToId=partner, Role="VAR/Reseller", IsPrimary=True)
    shown = caller.query("SELECT Id, OpportunityId, AccountToId, Role, IsPrimary FROM OpportunityPartner")
    assert [(row["Id"], row["AccountToId"], row["Role"], row["IsPrimary"]) for row in shown] == [
        (made, partner, "VAR/Reseller", True)
    ]
    both = caller.query("SELECT AccountFromId, AccountToId, Role FROM AccountPartner ORDER BY Id")
    assert [(row["AccountFromId"], row["AccountToId"], row["Role"]) for row in both] == [
        (customer, partner, "VAR/Reseller"),
        (partner, customer, "Vendor"),
    ]
    caller.call("DELETE", f"/sobjects/Partner/{made}")
    assert caller.query("SELECT Id FROM OpportunityPartner") == caller.query("SELECT Id FROM AccountPartner") == []


def test_a_deal_has_one_primary_partner(caller: Any) -> None:
    opportunity = deal(caller, AccountId=caller.make("Account", Name="customer"))
    for name in "ab":
        other = caller.make("Account", Name=name)
        caller.make("Partner", OpportunityId=opportunity, AccountToId=other, Role="Consultant", IsPrimary=True)
    rows = caller.query("SELECT AccountTo.Name, IsPrimary FROM OpportunityPartner ORDER BY AccountTo.Name")
    assert [(row["AccountTo"]["Name"], row["IsPrimary"]) for row in rows] == [("a", False), ("b", True)]


def test_opportunity_partners_are_made_only_through_partner(caller: Any) -> None:
    values = {"OpportunityId": deal(caller), "AccountToId": caller.make("Account", Name="x")}
    status, body = caller.call("POST", "/sobjects/OpportunityPartner", values)
    assert (status, body[0]["errorCode"]) == (400, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY")


def test_a_task_is_closed_by_its_status_and_knows_its_account(caller: Any) -> None:
    account = caller.make("Account", Name="x")
    task = caller.make("Task", Subject="Call", WhatId=deal(caller, AccountId=account))
    row = caller.org.get("Task", task)
    found = (row["Status"], row["Priority"], row["IsClosed"], row["AccountId"], row["OwnerId"])
    assert found == ("Not Started", "Normal", 0, account, caller.org.user_id)
    caller.call("PATCH", f"/sobjects/Task/{task}", {"Status": "Completed"})
    row = caller.org.get("Task", task)
    assert (row["IsClosed"], row["CompletedDateTime"]) == (1, "2026-03-31T09:00:00.000Z")


def test_an_event_ends_when_its_duration_is_over(caller: Any) -> None:
    event = caller.make("Event", Subject="Meeting", StartDateTime="2026-04-01T10:00:00Z", DurationInMinutes=45)
    row = caller.org.get("Event", event)
    assert (row["EndDateTime"], row["ActivityDate"]) == ("2026-04-01T10:45:00.000Z", "2026-04-01")
    status, body = caller.call("POST", "/sobjects/Event", {"Subject": "Meeting"})
    assert (status, body[0]["errorCode"]) == (400, "REQUIRED_FIELD_MISSING")


def test_a_claim_takes_its_partner_from_the_request_and_adds_up_there(caller: Any) -> None:
    partner = caller.make("Account", Name="p")
    request = caller.make("PartnerFundRequest", Title="r", ChannelPartnerId=partner, Status="Approved")
    claim = caller.make("PartnerFundClaim", Title="c", Amount=70, RequestId=request, Status="Approved")
    assert caller.org.get("PartnerFundClaim", claim)["ChannelPartnerId"] == partner
    caller.make("PartnerFundClaim", Title="d", Amount=30, RequestId=request, Status="Paid")
    caller.make("PartnerFundClaim", Title="e", Amount=5, RequestId=request)
    row = caller.org.get("PartnerFundRequest", request)
    assert (row["TotalApprovedFcs"], row["TotalReimbursedFcs"]) == (100.0, 30.0)
    status, body = caller.call("POST", "/sobjects/PartnerFundClaim", {"Title": "f", "Amount": 1})
    assert (status, body[0]["fields"]) == (400, ["RequestId"])


def test_a_campaign_starts_with_two_statuses_and_members_respond(caller: Any) -> None:
    campaign = caller.make("Campaign", Name="x")
    lead = caller.make("Lead", LastName="l", Company="c")
    member = caller.make("CampaignMember", CampaignId=campaign, LeadId=lead)
    assert caller.org.get("CampaignMember", member)["Status"] == "Sent"
    caller.call("PATCH", f"/sobjects/CampaignMember/{member}", {"Status": "Responded"})
    row = caller.org.get("CampaignMember", member)
    assert (row["HasResponded"], row["FirstRespondedDate"], row["Type"]) == (1, "2026-03-31", "Lead")
    status, body = caller.call("POST", "/sobjects/CampaignMember", {"CampaignId": campaign, "LeadId": lead})
    assert (status, body[0]["message"]) == (400, "Already a campaign member.")


def test_deleting_an_account_takes_its_children_along_and_undelete_brings_them_back(caller: Any) -> None:
    account = caller.make("Account", Name="x")
    contact = caller.make("Contact", LastName="y", AccountId=account)
    child = caller.make("Account", Name="child", ParentId=account)
    opportunity = deal(caller, AccountId=account)
    task = caller.make("Task", WhatId=opportunity)
    caller.org.clock.advance(60)
    caller.call("DELETE", f"/sobjects/Account/{account}")
    gone = [("Account", account), ("Contact", contact), ("Opportunity", opportunity), ("Task", task)]
    assert [caller.org.get(*which)["IsDeleted"] for which in gone] == [1, 1, 1, 1]
    survivor = caller.org.get("Account", child)
    found = (survivor["IsDeleted"], survivor["ParentId"], survivor["SystemModstamp"])
    assert found == (0, None, "2026-03-31T09:01:00.000Z")
    caller.control("POST", "undelete", {"object": "Account", "id": account})
    assert [caller.org.get(*which)["IsDeleted"] for which in gone] == [0, 0, 0, 0]


def test_a_merge_names_the_survivor_and_moves_the_children(caller: Any) -> None:
    master, loser = caller.make("Account", Name="master"), caller.make("Account", Name="loser")
    contact = caller.make("Contact", LastName="y", AccountId=loser)
    caller.org.clock.advance(60)
    caller.control("POST", "merge", {"object": "Account", "master": master, "losers": [loser]})
    row = caller.org.get("Account", loser)
    assert (row["IsDeleted"], row["MasterRecordId"]) == (1, master)
    moved = caller.org.get("Contact", contact)
    assert (moved["AccountId"], moved["IsDeleted"]) == (master, 0)
    assert (moved["SystemModstamp"], moved["LastModifiedDate"]) == (
        "2026-03-31T09:01:00.000Z",
        "2026-03-31T09:00:00.000Z",
    )


def test_a_custom_field_stays_hidden_until_a_permission_set_shows_it(caller: Any, granting: Any) -> None:
    caller.org.add_custom_field("Account", SCORE)
    names = lambda: [f["name"] for f in caller.call("GET", "/sobjects/Account/describe")[1]["fields"]]  # noqa: E731
    select = {"q": "SELECT Score__c FROM Account"}
    assert "Score__c" not in names()
    assert caller.call("GET", "/query", params=select)[1][0]["errorCode"] == "INVALID_FIELD"
    refused = caller.call("POST", "/sobjects/Account", {"Name": "x", "Score__c": 1})[1][0]
    assert (refused["errorCode"], refused["fields"]) == ("INVALID_FIELD_FOR_INSERT_UPDATE", ["Score__c"])
    granting(caller.org, caller.org.user_id, "Account.Score__c", edit=False)
    assert "Score__c" in names()
    assert caller.call("GET", "/query", params=select)[0] == 200
    assert caller.call("POST", "/sobjects/Account", {"Name": "x", "Score__c": 1})[0] == 400
    granting(caller.org, caller.org.user_id, "Account.Score__c")
    assert caller.call("POST", "/sobjects/Account", {"Name": "x", "Score__c": 1})[0] == 201


def test_permissions_end_with_the_assignment(caller: Any, granting: Any) -> None:
    caller.org.add_custom_field("Account", SCORE)
    granting(caller.org, caller.org.user_id, "Account.Score__c")
    assert caller.query("SELECT Score__c FROM Account") == []
    assignment = caller.query("SELECT Id FROM PermissionSetAssignment")[0]["Id"]
    assert caller.call("DELETE", f"/sobjects/PermissionSetAssignment/{assignment}")[0] == 204
    assert caller.call("GET", "/query", params={"q": "SELECT Score__c FROM Account"})[0] == 400


def test_a_field_of_activity_belongs_to_task_and_event(caller: Any, granting: Any) -> None:
    caller.org.add_custom_field(
        "Activity", FieldType("Key__c", "Key", "string", 40, custom=True, always_visible=False)
    )
    granting(caller.org, caller.org.user_id, "Activity.Key__c")
    caller.make("Task", Subject="Call", Key__c="k")
    assert caller.query("SELECT Key__c FROM Task")[0]["Key__c"] == "k"
    assert caller.query("SELECT Key__c FROM Event") == []


def test_a_standard_field_or_object_can_be_hidden_by_the_control_plane(caller: Any) -> None:
    caller.control("POST", "access", {"object": "Account", "field": "Industry", "readable": False})
    caller.control("POST", "access", {"object": "LoginHistory", "readable": False})
    assert (
        caller.call("GET", "/query", params={"q": "SELECT Industry FROM Account"})[1][0]["errorCode"]
        == "INVALID_FIELD"
    )
    assert caller.call("POST", "/sobjects/Account", {"Name": "x", "Industry": "Energy"})[0] == 400
    assert caller.call("GET", "/sobjects/LoginHistory/describe")[0] == 404
    assert (
        caller.call("GET", "/query", params={"q": "SELECT Id FROM LoginHistory"})[1][0]["errorCode"] == "INVALID_TYPE"
    )


@pytest.mark.parametrize(
    ("feature", "object_name", "field"),
    [("prm", "PartnerFundRequest", "IsPartner"), ("multicurrency", "CurrencyType", "CurrencyIsoCode")],
)
def test_a_feature_left_out_takes_its_objects_and_fields_along(
    start: Any, feature: str, object_name: str, field: str
) -> None:
    org = start(without=(feature,))
    assert org.call("GET", f"/sobjects/{object_name}/describe")[0] == 404
    assert field not in [one["name"] for one in org.call("GET", "/sobjects/Account/describe")[1]["fields"]]
    assert org.call("POST", "/sobjects/Account", {"Name": "x", field: "USD"})[1][0]["errorCode"] == "INVALID_FIELD"
    org.make("Task", Subject="Call", WhatId=deal(org))


def test_a_currency_must_be_active(caller: Any) -> None:
    assert caller.call("POST", "/sobjects/Account", {"Name": "x", "CurrencyIsoCode": "EUR"})[0] == 400
    values = {"IsoCode": "EUR", "ConversionRate": 0.9, "DecimalPlaces": 2, "IsActive": True}
    caller.org.insert("CurrencyType", values, caller.org.system())
    assert caller.call("POST", "/sobjects/Account", {"Name": "x", "CurrencyIsoCode": "EUR"})[0] == 201


def test_an_undone_transaction_takes_its_fields_and_rights_back(caller: Any, granting: Any) -> None:
    def install() -> None:
        caller.org.add_custom_field("Account", SCORE)
        granting(caller.org, caller.org.user_id, "Account.Score__c")
        assert caller.org.visible(caller.org.user_id)(caller.org.object("Account"), SCORE)
        raise RuntimeError("undo")

    with pytest.raises(RuntimeError, match="undo"), caller.org.transaction():
        install()
    assert caller.org.object("Account").field("Score__c") is None
    assert not caller.org.visible(caller.org.user_id)(caller.org.object("Account"), SCORE)
    assert caller.query("SELECT Id FROM PermissionSet WHERE IsOwnedByProfile = false") == []
    caller.org.add_custom_field("Account", SCORE)
    caller.make("Account", Name="x")


def test_a_collection_deletes_a_partner_whatever_view_its_id_came_from(caller: Any) -> None:
    made = caller.make(
        "Partner", OpportunityId=deal(caller), AccountToId=caller.make("Account", Name="p"), Role="Consultant"
    )
    results = caller.call("DELETE", f"/composite/sobjects?ids={made}")[1]
    assert results == [{"id": made, "success": True, "errors": []}]
    assert caller.query("SELECT Id FROM OpportunityPartner") == []


def test_a_member_carries_the_persons_name_and_company(caller: Any) -> None:
    contact = caller.make("Contact", FirstName="A", LastName="B", AccountId=caller.make("Account", Name="Co"))
    caller.make("CampaignMember", CampaignId=caller.make("Campaign", Name="x"), ContactId=contact)
    row = caller.query("SELECT Name, CompanyOrAccount, Type FROM CampaignMember")[0]
    assert (row["Name"], row["CompanyOrAccount"], row["Type"]) == ("A B", "Co", "Contact")
