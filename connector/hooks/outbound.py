"""What does a Salesforce outbound message say? Its notifications become hints: records to be read again.

The message is not signed: an address that nobody can guess, the organisation's id and the actions' ids say whose it
is, and the values of its fields are never believed ("Outbound Messages"; the schema is that of the WSDL which Setup
offers for each message).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import Element, ParseError, TreeBuilder  # only types: what parses is defusedxml

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from connector.hooks.hint import Happened, Hint, Sender
from connector.hooks.json_text import instant, word
from connector.hooks.refusals import Refusal, Told
from connector.hooks.wanted import Wanted

NAMESPACE = "http://soap.sforce.com/2005/09/outbound"
ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
MOST = 100  # notifications of one message
_DEPTH, _ELEMENTS = 8, 100_000
ACK = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    f'<soapenv:Envelope xmlns:soapenv="{ENVELOPE}"><soapenv:Body>'
    f'<notificationsResponse xmlns="{NAMESPACE}"><Ack>true</Ack></notificationsResponse>'
    "</soapenv:Body></soapenv:Envelope>"
).encode()
"""The answer that stops Salesforce from sending the message again, with status 200 and type text/xml."""


@dataclass(frozen=True, slots=True)
class Notification:
    """One record as the message tells it; ids as they came."""

    id: str
    object: str
    record_id: str
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Message:
    """One outbound message."""

    organization: str
    action: str
    notifications: tuple[Notification, ...]


@dataclass(frozen=True, slots=True)
class Allowed:
    """Whose messages are taken. No action named: all actions of the organisation."""

    organization: str
    actions: frozenset[str] = frozenset()


class _Bounded(TreeBuilder):
    """Refuses depth and size that no outbound message has, while it is read."""

    def __init__(self) -> None:
        super().__init__()
        self._depth = self._count = 0

    def start(self, tag: Any, attrs: Any, /) -> Element:
        self._depth += 1
        self._count += 1
        if self._depth > _DEPTH or self._count > _ELEMENTS:
            raise ParseError("more than any outbound message holds")
        return super().start(tag, attrs)

    def end(self, tag: Any, /) -> Element:
        self._depth -= 1
        return super().end(tag)


def long_id(text: str) -> str:
    """A Salesforce id with its three check characters; text that is no id is returned as it is."""
    if len(text) != 15 or not text.isascii() or not text.isalnum():
        return text
    parts = [text[at : at + 5] for at in (0, 5, 10)]
    numbers = [sum(1 << bit for bit, letter in enumerate(part) if letter.isupper()) for part in parts]
    return text + "".join("ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"[number] for number in numbers)


def same_id(one: str, other: str) -> bool:
    """Whether two ids of 15 or 18 characters are the same one."""
    return long_id(one) == long_id(other) and one != ""


def message(body: bytes) -> Message | Refusal:
    """The message; MALFORMED for what is no outbound message, has a DTD, or is in another encoding than UTF-8."""
    try:
        if "\0" in body.decode("utf-8"):  # the parser would find out another encoding, and believe it
            return Refusal.MALFORMED
        parser = DefusedXMLParser(target=_Bounded(), encoding="utf-8", forbid_dtd=True)
        parser.feed(body)
        root = parser.close()
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        return Refusal.MALFORMED
    found = root.find(f"{{{ENVELOPE}}}Body/{{{NAMESPACE}}}notifications") if _envelope(root) else None
    if found is None:
        return Refusal.MALFORMED
    listed = [_notification(each) for each in found.findall(f"{{{NAMESPACE}}}Notification")]
    kept = tuple(each for each in listed if each is not None)
    if not 1 <= len(listed) <= MOST or len(kept) != len(listed):
        return Refusal.MALFORMED
    return Message(_text(found, "OrganizationId"), _text(found, "ActionId"), kept)


def _envelope(root: Element) -> bool:
    return root.tag == f"{{{ENVELOPE}}}Envelope"


def _text(element: Element, name: str) -> str:
    return word((element.findtext(f"{{{NAMESPACE}}}{name}") or "").strip())


def _notification(element: Element) -> Notification | None:
    record = element.find(f"{{{NAMESPACE}}}sObject")
    if record is None:
        return None
    fields = {each.tag.rpartition("}")[2]: word((each.text or "").strip()) for each in record}
    kind = word(record.get(_TYPE, "")).rpartition(":")[2]
    number, record_id = _text(element, "Id"), fields.get("Id", "")
    if not (kind and _is_id(number) and _is_id(record_id)):
        return None
    return Notification(number, kind, record_id, fields)


def _is_id(text: str) -> bool:
    return len(text) in (15, 18) and text.isascii() and text.isalnum()


def told(found: Message, allowed: Allowed, wanted: Wanted) -> Told | Refusal:
    """What the message says; FOREIGN when it is of another organisation or of an action that is not allowed.

    A message holds no writer of a change, only who changed the record last: none is dropped as our own writing.
    """
    actions = allowed.actions
    if not same_id(found.organization, allowed.organization):
        return Refusal.FOREIGN
    if actions and not any(same_id(found.action, each) for each in actions):
        return Refusal.FOREIGN
    hints = {hint.key: hint for each in found.notifications if (hint := _hint(each, wanted))}
    unmapped = sum(wanted.object(each.object) is None for each in found.notifications)
    return Told(tuple(hints.values()), unmapped=unmapped)


def _hint(each: Notification, wanted: Wanted) -> Hint | None:
    name = wanted.object(each.object)
    if name is None:
        return None
    return Hint(
        sender=Sender.OUTBOUND,
        object=name,
        record_id=long_id(each.record_id),
        happened=Happened.CHANGED,
        key=long_id(each.id),
        occurred_at=instant(each.fields.get("SystemModstamp") or each.fields.get("LastModifiedDate")),
        written_by=each.fields.get("LastModifiedById", ""),
    )
