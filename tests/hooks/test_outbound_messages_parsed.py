"""What an outbound message says, whose it must be, and how little a hostile document costs."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.hooks import outbound
from connector.hooks.hint import Happened, Hint, Sender
from connector.hooks.outbound import ACK, Allowed, Message, Notification, long_id, same_id
from connector.hooks.refusals import Refusal, Told
from connector.hooks.wanted import wanted
from emulators.loopback.outgoing import Answer
from emulators.salesforce.outbound.envelope import acknowledged

ORG, ACTION = "00D300000000iTzEAI", "04k300000004CJMAA2"
ALLOWED, READ = Allowed(ORG, frozenset((ACTION,))), wanted(["Opportunity", "Account"], [])


def notification(number: int = 1, kind: str = "Opportunity", record: str = "006300000012Ab3", more: str = "") -> str:
    return (
        f"<Notification><Id>04l30000000{number:04}AAA</Id>"
        f'<sObject xsi:type="sf:{kind}" xmlns:sf="urn:sobject.enterprise.soap.sforce.com">'
        f"<sf:Id>{record}</sf:Id>{more}</sObject></Notification>"
    )


def body(*notifications: str, org: str = ORG, action: str = ACTION, head: str = "", encoding: str = "UTF-8") -> bytes:
    text = (
        f'<?xml version="1.0" encoding="{encoding}"?>{head}'
        '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
        'xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        '<soapenv:Body><notifications xmlns="http://soap.sforce.com/2005/09/outbound">'
        f"<OrganizationId>{org}</OrganizationId><ActionId>{action}</ActionId>"
        '<SessionId xsi:nil="true"/><EnterpriseUrl>https://acme.my.salesforce.com/services/Soap/c/67.0</EnterpriseUrl>'
        "<PartnerUrl>https://acme.my.salesforce.com/services/Soap/u/67.0</PartnerUrl>"
        f"{''.join(notifications)}</notifications></soapenv:Body></soapenv:Envelope>"
    )
    return text.encode()


def told(said: bytes, allowed: Allowed = ALLOWED) -> Told | Refusal:
    found = outbound.message(said)
    return found if isinstance(found, Refusal) else outbound.told(found, allowed, READ)


def test_a_message_as_the_vendor_documents_it_is_read_whole() -> None:
    more = "<sf:Name>Ärger &amp; Söhne</sf:Name><sf:SystemModstamp>2026-03-31T09:00:00.000Z</sf:SystemModstamp>"
    assert outbound.message(body(notification(more=more))) == Message(
        ORG,
        ACTION,
        (
            Notification(
                "04l300000000001AAA",
                "Opportunity",
                "006300000012Ab3",
                {"Id": "006300000012Ab3", "Name": "Ärger & Söhne", "SystemModstamp": "2026-03-31T09:00:00.000Z"},
            ),
        ),
    )


def test_a_notification_is_a_hint_with_the_long_id() -> None:
    more = (
        "<sf:LastModifiedById>005300000000001AAA</sf:LastModifiedById>"
        "<sf:SystemModstamp>2026-03-31T09:00:00.000Z</sf:SystemModstamp>"
    )
    assert told(body(notification(more=more))) == Told(
        (
            Hint(
                sender=Sender.OUTBOUND,
                object="Opportunity",
                record_id=long_id("006300000012Ab3"),
                happened=Happened.CHANGED,
                key="04l300000000001AAA",
                occurred_at=datetime(2026, 3, 31, 9, tzinfo=UTC),
                written_by="005300000000001AAA",
            ),
        )
    )


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("00D300000000iTz", "00D300000000iTzEAI"),
        ("04k300000004CJM", "04k300000004CJMAA2"),
        ("0" * 15, "0" * 15 + "AAA"),
    ],
)
def test_ids_of_15_and_18_characters_are_the_same(short: str, long: str) -> None:
    assert long_id(short) == long
    assert same_id(short, long)
    assert not same_id(short.swapcase(), long) or short.isdigit()
    assert not same_id("", "")


def test_an_organisation_named_by_15_characters_is_found_by_18() -> None:
    assert isinstance(told(body(notification()), Allowed(ORG[:15], frozenset((ACTION[:15],)))), Told)


@pytest.mark.parametrize(
    "allowed",
    [Allowed("00D300000000iTAEAI"), Allowed(ORG, frozenset(("04k300000004CJNAA2",))), Allowed("")],
    ids=["organisation", "action", "nobody"],
)
def test_messages_of_others_are_foreign(allowed: Allowed) -> None:
    assert told(body(notification()), allowed) is Refusal.FOREIGN


def test_without_named_actions_every_action_of_the_org_is_taken() -> None:
    assert isinstance(told(body(notification(), action="04k300000009999"), Allowed(ORG)), Told)


def test_objects_that_the_mapping_does_not_read_are_counted_and_case_does_not_matter() -> None:
    found = told(body(notification(1, "Case"), notification(2, "OPPORTUNITY")))
    assert isinstance(found, Told)
    assert (found.unmapped, [hint.object for hint in found.hints]) == (1, ["Opportunity"])


def test_the_same_notification_twice_is_one_hint() -> None:
    found = told(body(notification(1), notification(1)))
    assert isinstance(found, Told)
    assert len(found.hints) == 1


@pytest.mark.parametrize(("count", "good"), [(0, False), (1, True), (100, True), (101, False)])
def test_a_message_holds_one_to_a_hundred_notifications(count: int, good: bool) -> None:
    found = told(body(*(notification(number) for number in range(count))))
    assert (found is not Refusal.MALFORMED) is good


def test_the_acknowledgement_is_the_one_that_is_understood() -> None:
    assert acknowledged(Answer(200, ACK))
    assert not acknowledged(Answer(200, ACK.replace(b"true", b"false")))


LAUGHS = ['<!ENTITY lol0 "lol">', *(f'<!ENTITY lol{n} "{f"&lol{n - 1};" * 10}">' for n in range(1, 10))]
BILLION = f"<!DOCTYPE lolz [{''.join(LAUGHS)}]>"
GOOD = body(notification())
HOSTILE = {
    "empty": b"",
    "no XML": b"{}",
    "cut": GOOD[:-5],
    "another document": b"<a/>",
    "no envelope": GOOD.replace(b"soapenv:Envelope", b"soapenv:Letter"),
    "another namespace": GOOD.replace(b"2005/09/outbound", b"2006/09/outbound"),
    "a DTD": body(notification(), head="<!DOCTYPE x>"),
    "an entity": body(notification(more="<sf:Name>&x;</sf:Name>"), head='<!DOCTYPE x [<!ENTITY x "y">]>'),
    "an external entity": body(
        notification(more="<sf:Name>&x;</sf:Name>"), head='<!DOCTYPE x [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    ),
    "a billion laughs": body(notification(more="<sf:Name>&lol9;</sf:Name>"), head=BILLION),
    "UTF-16": GOOD.decode().encode("utf-16"),
    "UTF-16, little": GOOD.decode().encode("utf-16-le"),
    "UTF-32": GOOD.decode().encode("utf-32"),
    "latin-1": body(notification(more="<sf:Name>é</sf:Name>")).decode().encode("latin-1"),
    "NUL": GOOD.replace(b"006", b"0\x006"),
    "a written NUL": body(notification(more="<sf:Name>&#0;</sf:Name>")),
    "depth": b"<a>" * 330_000,
    "closed depth": b"<a>" * 140_000 + b"</a>" * 140_000,
    "many elements": body("<x/>" * 200_000),
    "no record": GOOD.replace(b"sObject", b"tObject"),
    "no type": GOOD.replace(b"xsi:type", b"xsi:kind"),
    "no id": GOOD.replace(b"<sf:Id>", b"<sf:No>").replace(b"</sf:Id>", b"</sf:No>"),
    "a strange id": body(notification(record="006'; DROP TABLE")),
    "a long id": body(notification(record="0" * 10_000)),
}


@pytest.mark.parametrize("said", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_is_no_outbound_message_is_malformed_and_cheap(said: bytes) -> None:
    began = time.process_time()
    assert outbound.message(said) is Refusal.MALFORMED
    assert time.process_time() - began < 2


@given(st.binary(max_size=60), st.integers(0, len(GOOD)))
def test_no_bytes_raise(inserted: bytes, place: int) -> None:
    found = outbound.message(GOOD[:place] + inserted + GOOD[place:])
    assert isinstance(found, Message | Refusal)


@given(st.binary(max_size=200))
def test_no_document_raises(said: bytes) -> None:
    assert outbound.message(said) is Refusal.MALFORMED
