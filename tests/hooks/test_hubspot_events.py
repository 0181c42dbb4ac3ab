"""What HubSpot's events say: every type becomes hints about objects that the mapping reads, and nothing else does."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.hooks import hubspot_events
from connector.hooks.hint import Happened, Hint, Sender
from connector.hooks.hubspot_events import CLASSIC, TYPE_IDS, Portal
from connector.hooks.refusals import Refusal, Told
from connector.hooks.wanted import wanted

READ = wanted(
    ["companies", "deals", "contacts", "meetings", "fund_requests", "deal_stages"],
    ["dealstage", "pmom_override_decision"],
    writers=["7000001"],
)
PORTAL = Portal("portal", "48000001", READ)
AT = 1_769_040_000_000
DEAL: dict[str, Any] = {
    "eventId": 1030198139,
    "subscriptionId": 1160452,
    "portalId": 48000001,
    "appId": 7000001,
    "occurredAt": AT,
    "subscriptionType": "deal.creation",
    "attemptNumber": 0,
    "objectId": 267448862446,
    "changeFlag": "CREATED",
    "changeSource": "CRM_UI",
    "sourceId": "userId:52530071",
}


def event(**changed: Any) -> dict[str, Any]:
    made = {**DEAL, **changed}
    return {name: value for name, value in made.items() if value is not None}


def told(*events: Any) -> Told:
    found = hubspot_events.told(json.dumps(events).encode(), (PORTAL,))
    assert not isinstance(found, Refusal)
    return found["portal"]


def named(*events: Any) -> list[tuple[str, str, Happened]]:
    return [(each.object, each.record_id, each.happened) for each in told(*events).hints]


def test_a_captured_event_is_one_hint() -> None:
    assert told(DEAL) == Told(
        (
            Hint(
                sender=Sender.HUBSPOT,
                object="deals",
                record_id="267448862446",
                happened=Happened.CHANGED,
                key="48000001/1160452/1030198139/1769040000000//F/deals/267448862446",
                occurred_at=datetime(2026, 1, 22, tzinfo=UTC),
            ),
        )
    )


@pytest.mark.parametrize(
    ("kind", "happened"),
    [
        ("creation", Happened.CHANGED),
        ("propertyChange", Happened.CHANGED),
        ("restore", Happened.CHANGED),
        ("deletion", Happened.DELETED),
    ],
)
@pytest.mark.parametrize("generic", [False, True])
def test_every_kind_of_event_tells_what_happened(kind: str, happened: Happened, generic: bool) -> None:
    more = {"objectTypeId": "0-3"} if generic else {}
    said = event(subscriptionType=f"{'object' if generic else 'deal'}.{kind}", propertyName="dealstage", **more)
    assert named(said) == [("deals", "267448862446", happened)]


def test_a_privacy_deletion_is_a_deletion() -> None:
    assert named(event(subscriptionType="contact.privacyDeletion", objectId=5)) == [
        ("contacts", "5", Happened.DELETED)
    ]


def test_a_merge_tells_every_record_of_it_once() -> None:
    merge = event(
        subscriptionType="company.merge", objectId=None, primaryObjectId=1, mergedObjectIds=[2, 3, 1], newObjectId=9
    )
    assert named(merge) == [("companies", str(number), Happened.MERGED) for number in (9, 1, 2, 3)]


@pytest.mark.parametrize("removed", [True, False])
def test_a_classic_association_tells_both_ends(removed: bool) -> None:
    link = event(
        subscriptionType="deal.associationChange", objectId=None, associationType="DEAL_TO_COMPANY",
        fromObjectId=1, toObjectId=2, associationRemoved=removed, isPrimaryAssociation=False,
    )  # fmt: skip
    assert named(link) == [("deals", "1", Happened.LINKED), ("companies", "2", Happened.LINKED)]


def test_both_directions_of_an_association_are_different_news() -> None:
    ahead = event(
        subscriptionType="deal.associationChange", objectId=None, associationType="DEAL_TO_COMPANY",
        fromObjectId=1, toObjectId=2,
    )  # fmt: skip
    back = event(
        subscriptionType="company.associationChange", objectId=None, associationType="COMPANY_TO_DEAL",
        fromObjectId=2, toObjectId=1, subscriptionId=1160453,
    )  # fmt: skip
    assert sorted(named(ahead, back)) == sorted(
        [("deals", "1", Happened.LINKED), ("companies", "2", Happened.LINKED)] * 2
    )


def test_a_generic_association_names_its_objects_by_type_id() -> None:
    link = event(
        subscriptionType="object.associationChange", objectId=None, fromObjectTypeId="0-47", toObjectTypeId="2-77",
        fromObjectId=1, toObjectId=2,
    )  # fmt: skip
    assert named(link) == [("meetings", "1", Happened.LINKED), ("2-77", "2", Happened.LINKED)]


def test_an_end_that_is_not_read_is_left_out() -> None:
    link = event(
        subscriptionType="deal.associationChange", objectId=None, associationType="DEAL_TO_LINE_ITEM",
        fromObjectId=1, toObjectId=2,
    )  # fmt: skip
    assert named(link) == [("deals", "1", Happened.LINKED)]


def test_a_custom_object_goes_by_its_type_id_only_where_custom_objects_are_read() -> None:
    custom = event(subscriptionType="object.creation", objectTypeId="2-77", objectId=4)
    assert named(custom) == [("2-77", "4", Happened.CHANGED)]
    plain = Portal("portal", "48000001", wanted(["deals", "deal_stages"], []))
    found = hubspot_events.told(json.dumps([custom]).encode(), (plain,))
    assert found == {"portal": Told(unmapped=1)}


@pytest.mark.parametrize("kind", ["ticket.creation", "conversation.newMessage", "object.creation"])
def test_objects_that_the_mapping_does_not_read_are_counted_and_left(kind: str) -> None:
    assert told(event(subscriptionType=kind, objectTypeId="0-5")) == Told(unmapped=1)


def test_our_own_fields_are_an_echo_whoever_wrote_them() -> None:
    ours = event(subscriptionType="deal.propertyChange", propertyName="pmom_deal_credit")
    assert told(ours) == Told(echoes=1)


def test_our_fields_that_people_write_and_the_mapping_reads_are_no_echo() -> None:
    theirs = event(subscriptionType="company.propertyChange", propertyName="pmom_override_decision")
    assert len(told(theirs).hints) == 1


def test_what_our_app_wrote_is_an_echo_and_what_another_app_or_person_wrote_is_not() -> None:
    change = {"subscriptionType": "deal.propertyChange", "propertyName": "dealstage", "changeSource": "INTEGRATION"}
    assert told(event(**change, sourceId="7000001")) == Told(echoes=1)
    assert len(told(event(**change, sourceId="7000002")).hints) == 1
    assert len(told(event(**{**change, "changeSource": "CRM_UI"}, sourceId="7000001")).hints) == 1  # no app's id
    assert len(told(event(**change, sourceId=None)).hints) == 1


def test_the_same_news_has_the_same_key_at_every_attempt() -> None:
    assert told(DEAL).hints[0].key == told(event(attemptNumber=7)).hints[0].key
    assert len(told(DEAL, event(attemptNumber=7)).hints) == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"subscriptionId": 1},
        {"eventId": 1},
        {"objectId": 1},
        {"occurredAt": AT + 1},
        {"subscriptionType": "deal.propertyChange", "propertyName": "amount"},
    ],
    ids=lambda changed: "/".join(changed),
)
def test_other_news_has_another_key(changed: dict[str, Any]) -> None:
    assert told(DEAL).hints[0].key != told(event(**changed)).hints[0].key


def test_events_of_a_portal_of_the_same_app_go_to_its_connection_and_others_are_left() -> None:
    other = Portal("other", "48000002", READ)
    body = json.dumps([DEAL, event(portalId=48000002), event(portalId=3)]).encode()
    found = hubspot_events.told(body, (PORTAL, other))
    assert not isinstance(found, Refusal)
    assert {name: (len(each.hints), each.unmapped) for name, each in found.items()} == {
        "portal": (1, 1),
        "other": (1, 0),
    }


HOSTILE = {
    "no JSON": b"x",
    "empty": b"",
    "an object": b"{}",
    "numbers": b"[1]",
    "UTF-16": json.dumps([DEAL]).encode("utf-16"),
    "latin-1": b'[{"a":"\xe9"}]',
    "NaN": b'[{"eventId":NaN}]',
    "a number of 10,000 digits": b'[{"eventId":' + b"1" * 10_000 + b"}]",
    "nesting": b"[" * 1_000_000,
    "closed nesting": b"[" * 1_000_000 + b"]" * 1_000_000,
    "nested objects": b'{"a":' * 200_000,
    "NUL": b"[\x00]",
    "too many": b"[" + b"{}," * 1000 + b"{}]",
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_is_no_list_of_events_is_malformed(body: bytes) -> None:
    assert hubspot_events.told(body, (PORTAL,)) is Refusal.MALFORMED


@pytest.mark.parametrize(
    "changed",
    [
        {"subscriptionType": None},
        {"subscriptionType": 5},
        {"objectId": None},
        {"objectId": -1},
        {"objectId": True},
        {"objectId": 10**30},
        {"objectId": "1; DROP"},
        {"objectId": [1]},
        {"objectId": 1.5},
        {"subscriptionType": "object.creation", "objectTypeId": "deals"},
        {"subscriptionType": "deal.merge", "objectId": None, "mergedObjectIds": {"a": 1}},
    ],
    ids=str,
)
def test_an_event_in_a_form_that_is_not_known_is_counted_and_does_not_hold_up_the_others(
    changed: dict[str, Any],
) -> None:
    found = told(event(**changed), DEAL)
    assert (found.strange, len(found.hints)) == (1, 1)


def test_a_moment_beyond_all_calendars_is_none() -> None:
    assert [told(event(occurredAt=at)).hints[0].occurred_at for at in (10**18, -5, "x", None)] == [None] * 4


SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just(267448862446) | st.just(48000001)
JSON = SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(st.text(max_size=3), SCALARS, max_size=2)
KEYS = st.sampled_from([*DEAL, "mergedObjectIds", "objectTypeId", "fromObjectId"])


@settings(max_examples=60)
@given(st.lists(st.dictionaries(KEYS, JSON, max_size=8), max_size=4))
def test_no_list_of_objects_is_more_than_it_holds_or_raises(events: list[dict[str, Any]]) -> None:
    found = hubspot_events.told(json.dumps(events).encode(), (PORTAL,))
    assert not isinstance(found, Refusal)
    each = found["portal"]
    assert len(each.hints) + each.echoes + each.unmapped + each.strange <= max(len(events), 1) * 8
    assert all(hint.object and hint.record_id.isdigit() for hint in each.hints)


def test_the_names_of_objects_are_those_of_the_adapter() -> None:
    from connector.crm.hubspot.kinds import STANDARD

    assert {each.type_id: name for name, each in STANDARD.items()}.items() <= TYPE_IDS.items()
    assert set(CLASSIC.values()) <= set(STANDARD)
