"""What HubSpot keeps of a sent value, and what it works out by itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from emulators.hubspot import calculated, catalog, currencies, definitions, owners, values
from emulators.hubspot.catalog import Definition, Option
from emulators.hubspot.portal import Portal, Settings, Tier
from emulators.hubspot.records import Record
from emulators.loopback.clock import Clock

AT = datetime(2026, 3, 31, 9, 0, tzinfo=UTC)
NOW = "2026-03-31T09:00:00.000Z"


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[Portal]:
    found = Portal.open(tmp_path / "p.db", None, Clock(AT, frozen=True))
    yield found
    found.release()


def own(portal: Portal, object_name: str, name: str) -> Definition:
    obj = definitions.object_type(portal, object_name)
    assert obj is not None
    return definitions.of(portal, obj.type_id)[name]


def custom(kind: str, field_type: str, *options: str) -> Definition:
    return Definition("x", "X", kind, field_type, "g", options=tuple(Option(each, each) for each in options))


@pytest.mark.parametrize("spelled", ["companies", "company", "COMPANY", "0-2", "Companies"])
def test_an_object_answers_to_all_its_spellings(portal: Portal, spelled: str) -> None:
    found = definitions.object_type(portal, spelled)
    assert found is not None
    assert (found.type_id, found.name, found.created, found.modified, found.mergeable, found.custom) == (
        "0-2",
        "companies",
        "createdate",
        "hs_lastmodifieddate",
        True,
        False,
    )


def test_an_unknown_object_is_none(portal: Portal) -> None:
    assert definitions.object_type(portal, "firms") is None


def test_an_edition_without_campaigns_does_not_have_the_object(tmp_path: Path) -> None:
    free = Portal.open(tmp_path / "free.db", Settings(tier=Tier.FREE), Clock(AT, frozen=True))
    paid = Portal.open(tmp_path / "paid.db", Settings(tier=Tier.PROFESSIONAL), Clock(AT, frozen=True))
    found = [definitions.object_type(each, "campaigns") is not None for each in (free, paid)]
    assert found == [False, True]
    free.release()
    paid.release()


def test_every_property_lies_in_a_group_that_is_there() -> None:
    lost = {
        (obj.name, each.name)
        for obj in catalog.OBJECTS
        for each in catalog.properties(obj.name).values()
        if each.group not in {group.name for group in catalog.groups(obj.name)}
    }
    assert lost == set()


def test_every_association_has_a_way_back() -> None:
    lonely = [pair for pair in catalog.ASSOCIATION_TYPES if pair[::-1] not in catalog.ASSOCIATION_TYPES]
    assert lonely == []


@pytest.mark.parametrize(
    ("kind", "sent", "kept"),
    [
        (("number", "number"), "5000.00", "5000.00"),
        (("number", "number"), 3000, "3000"),
        (("number", "number"), -1.5, "-1.5"),
        (("number", "number"), "1e3", "1e3"),
        (("bool", "booleancheckbox"), True, "true"),
        (("bool", "booleancheckbox"), "FALSE", "false"),
        (("date", "date"), "2026-12-31", "2026-12-31"),
        (("date", "date"), 1798675200000, "2026-12-31"),
        (("date", "date"), "2026-12-31T00:00:00Z", "2026-12-31"),
        (("datetime", "date"), "2026-12-31", "2026-12-31T00:00:00.000Z"),
        (("datetime", "date"), "2026-12-31T10:00:00+02:00", "2026-12-31T08:00:00.000Z"),
        (("datetime", "date"), "1798675200001", "2026-12-31T00:00:00.001Z"),
        (("string", "text"), " kept as sent ", " kept as sent "),
        (("string", "text"), None, ""),
        (("number", "number"), "", ""),
        (("string", "text"), "x" * 65_536, "x" * 65_536),
    ],
)
def test_values_are_kept_in_hubspots_form(portal: Portal, kind: tuple[str, str], sent: object, kept: str) -> None:
    assert values.stored(custom(*kind), sent, portal) == kept


@pytest.mark.parametrize(
    ("kind", "sent", "error", "message"),
    [
        (("number", "number"), "1,000", "INVALID_DOUBLE", "1,000 was not a valid number."),
        (("number", "number"), " 5", "INVALID_DOUBLE", " 5 was not a valid number."),
        (
            ("bool", "booleancheckbox"),
            "yes",
            "INVALID_OPTION",
            "yes was not one of the allowed options: [true, false]",
        ),
        (("date", "date"), "soon", "INVALID_LONG", "soon was not a valid long."),
        (("date", "date"), 1798712179200, "INVALID_DATE", "1798712179200 is at 10:16:19.200 UTC, not midnight!"),
        (("datetime", "date"), "2026-12-31T10:00:00", "INVALID_LONG", "2026-12-31T10:00:00 was not a valid long."),
    ],
)
def test_values_of_another_form_are_refused(
    portal: Portal, kind: tuple[str, str], sent: object, error: str, message: str
) -> None:
    assert values.stored(custom(*kind), sent, portal) == values.Problem("x", error, message)


def test_a_text_of_one_character_too_many_is_refused(portal: Portal) -> None:
    found = values.stored(custom("string", "textarea"), "x" * 65_537, portal)
    assert isinstance(found, values.Problem)
    assert found.error == "PROPERTY_VALUE_TOO_LONG"


def test_an_option_is_known_by_its_value_and_case(portal: Portal) -> None:
    one = custom("enumeration", "select", "LOW", "HIGH")
    assert values.stored(one, "LOW", portal) == "LOW"
    text = "low was not one of the allowed options: [LOW, HIGH]"
    assert values.stored(one, "low", portal) == values.Problem("x", "INVALID_OPTION", text)


def test_checkboxes_take_several_values_and_add_to_what_was_there(portal: Portal) -> None:
    many = custom("enumeration", "checkbox", "A", "B", "C")
    assert values.stored(many, "A;B;A", portal) == "A;B"
    assert values.stored(many, ";C", portal, "A") == "A;C"
    assert isinstance(values.stored(many, "A;D", portal), values.Problem)


def test_a_stage_must_be_in_one_of_the_pipelines(portal: Portal) -> None:
    stage = own(portal, "deals", "dealstage")
    assert values.stored(stage, "contractsent", portal) == "contractsent"
    text = (
        "registered is not a valid pipeline stage ID. Valid options are: pipelineId=default : [appointmentscheduled,"
        " qualifiedtobuy, presentationscheduled, decisionmakerboughtin, contractsent, closedwon, closedlost]"
    )
    assert values.stored(stage, "registered", portal) == values.Problem("dealstage", "INVALID_OPTION", text)


def test_an_owner_must_be_there(portal: Portal) -> None:
    owner = own(portal, "companies", "hubspot_owner_id")
    refused = values.stored(owner, "77", portal)
    assert isinstance(refused, values.Problem)
    assert refused.error == "INVALID_OWNER_ID"
    owners.put(portal, {"id": "77", "email": "a@b.example"})
    assert values.stored(owner, "77", portal) == "77"


def test_an_email_address_is_checked_and_lower_cased(portal: Portal) -> None:
    email = own(portal, "contacts", "email")
    assert values.stored(email, "Ann@Example.COM", portal) == "ann@example.com"
    text = "Email address ann@ is invalid"
    assert values.stored(email, "ann@", portal) == values.Problem("email", "INVALID_EMAIL", text)


def deal(portal: Portal, **properties: str) -> dict[str, str]:
    record = Record("0-3", "1", dict(properties), "2026-03-01T00:00:00.000Z", NOW)
    calculated.refresh(portal, "0-3", record)
    return record.properties


def test_probabilities_are_printed_with_all_their_digits(portal: Portal) -> None:
    found = deal(portal, dealstage="qualifiedtobuy", amount="15000")
    long = "0.40000000000000002220446049250313080847263336181640625"
    assert found["hs_deal_stage_probability"] == long
    assert found["hs_projected_amount"] == "6000.00000000000033306690738754696212708950042724609375000"
    assert (found["pipeline"], found["amount_in_home_currency"], found["hs_closed_amount"]) == (
        "default",
        "15000",
        "0",
    )
    assert (found["hs_is_closed"], found["hs_is_closed_won"], found["hs_is_closed_lost"]) == (
        "false",
        "false",
        "false",
    )


@pytest.mark.parametrize(
    ("stage", "closed", "won", "lost", "closed_amount"),
    [
        ("contractsent", "false", "false", "false", "0"),
        ("closedwon", "true", "true", "false", "10"),
        ("closedlost", "true", "false", "true", "0"),
    ],
)
def test_won_and_lost_follow_from_the_stage(
    portal: Portal, stage: str, closed: str, won: str, lost: str, closed_amount: str
) -> None:
    found = deal(portal, dealstage=stage, amount="10")
    names = ("hs_is_closed", "hs_is_closed_won", "hs_is_closed_lost", "hs_closed_amount")
    assert tuple(found[name] for name in names) == (closed, won, lost, closed_amount)


def test_a_deal_without_a_stage_has_no_probability(portal: Portal) -> None:
    found = deal(portal, amount="10")
    assert "hs_is_closed" not in found
    assert "hs_deal_stage_probability" not in found
    assert (found["hs_is_closed_won"], found["hs_projected_amount"]) == ("false", "0")


@pytest.mark.parametrize(
    ("closes", "days"),
    [("2026-03-02T23:59:59.999Z", "1"), ("2026-03-03T00:00:00.000Z", "2"), ("2026-02-01T00:00:00.000Z", "0")],
)
def test_days_to_close_are_whole_days_and_never_below_nought(portal: Portal, closes: str, days: str) -> None:
    assert deal(portal, closedate=closes)["days_to_close"] == days


def test_a_deal_in_another_currency_takes_the_rate_of_the_day(portal: Portal) -> None:
    currencies.put(portal, "EUR", "1.10", "2026-01-01")
    currencies.put(portal, "EUR", "1.25", "2026-06-01")
    found = deal(portal, amount="100.00", deal_currency_code="EUR")
    assert (found["hs_exchange_rate"], found["amount_in_home_currency"]) == ("1.10", "110.0000")


def test_stages_remember_when_they_were_entered_and_left(portal: Portal) -> None:
    record = Record("0-3", "1", {"dealstage": "qualifiedtobuy"}, "2026-03-01T00:00:00.000Z", NOW)
    calculated.refresh(portal, "0-3", record)
    record.properties["dealstage"], record.modified = "closedwon", "2026-03-31T09:00:01.500Z"
    calculated.refresh(portal, "0-3", record)
    found = {name: text for name, text in record.properties.items() if name.startswith("hs_v2_")}
    assert found == {
        "hs_v2_date_entered_qualifiedtobuy": NOW,
        "hs_v2_date_exited_qualifiedtobuy": "2026-03-31T09:00:01.500Z",
        "hs_v2_latest_time_in_qualifiedtobuy": "1500",
        "hs_v2_cumulative_time_in_qualifiedtobuy": "1500",
        "hs_v2_date_entered_closedwon": "2026-03-31T09:00:01.500Z",
        "hs_v2_date_entered_current_stage": "2026-03-31T09:00:01.500Z",
    }


def test_a_probability_set_by_hand_lasts_until_the_stage_changes(portal: Portal) -> None:
    record = Record("0-3", "1", {"dealstage": "qualifiedtobuy"}, "2026-03-01T00:00:00.000Z", NOW)
    calculated.refresh(portal, "0-3", record)
    record.properties["hs_deal_stage_probability"] = "0.5"
    calculated.refresh(portal, "0-3", record)
    assert record.properties["hs_deal_stage_probability"] == "0.5"
    record.properties["dealstage"] = "closedlost"
    calculated.refresh(portal, "0-3", record)
    assert record.properties["hs_deal_stage_probability"] == "0"


def test_a_task_is_completed_when_its_status_says_so(portal: Portal) -> None:
    record = Record("0-27", "1", {"hs_task_status": "NOT_STARTED", "hs_timestamp": NOW}, NOW, NOW)
    calculated.refresh(portal, "0-27", record)
    assert record.properties["hs_task_is_completed"] == "0"
    assert "hs_task_completion_date" not in record.properties
    record.properties["hs_task_status"], record.modified = "COMPLETED", "2026-04-01T00:00:00.000Z"
    calculated.refresh(portal, "0-27", record)
    names = ("hs_task_is_completed", "hs_task_completion_date", "hs_task_missed_due_date")
    assert tuple(record.properties[name] for name in names) == ("1", "2026-04-01T00:00:00.000Z", "true")
