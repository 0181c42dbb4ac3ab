"""What an outbound message looks like, and which answers acknowledge it ("Understanding Notifications")."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from emulators.loopback.outgoing import Answer
from emulators.salesforce.outbound.messages import Message, Waiting
from emulators.salesforce.schema import FieldType, ObjectType
from emulators.salesforce.soap.dialect import ENTERPRISE, plain
from emulators.salesforce.soap.rows import scalar
from emulators.salesforce.xml_text import DECLARATION, ENVELOPE, INSTANCE, BadXml, parse, text_of

NAMESPACE = "http://soap.sforce.com/2005/09/outbound"
HEADERS = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '""', "Accept": "text/xml"}
_SCHEMA = "http://www.w3.org/2001/XMLSchema"
_VERSION = "67.0"


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends: the org and its address; a session id goes along only where a message asks for it."""

    org_id: str
    base_url: str


def printed(
    sender: Sender, message: Message, obj: ObjectType, found: Sequence[tuple[Waiting, dict[str, Any]]], session: str
) -> bytes:
    """The document with one Notification for each (notification, record as it is now)."""
    where = f"{sender.base_url}/services/Soap/{{}}/{_VERSION}/{sender.org_id[:15]}"
    parts = [
        plain("OrganizationId", sender.org_id),
        plain("ActionId", message.action_id),
        plain("SessionId", session or None),
        plain("EnterpriseUrl", where.format("c")),
        plain("PartnerUrl", where.format("u")),
        *(_notification(waiting, message, obj, record) for waiting, record in found),
    ]
    text = (
        f'{DECLARATION}<soapenv:Envelope xmlns:soapenv="{ENVELOPE}" xmlns:xsd="{_SCHEMA}" xmlns:xsi="{INSTANCE}">'
        f'<soapenv:Body><notifications xmlns="{NAMESPACE}">{"".join(parts)}</notifications></soapenv:Body>'
        "</soapenv:Envelope>"
    )
    return text.encode()


def _notification(waiting: Waiting, message: Message, obj: ObjectType, record: dict[str, Any]) -> str:
    """Fields without a value are left out."""
    fields = [field for name in message.fields if (field := obj.field(name)) is not None]
    values = [(field.name, _text(field, record.get(field.name))) for field in fields]
    inner = "".join(f"<sf:{name}>{text}</sf:{name}>" for name, text in values if text is not None)
    kind = f'xsi:type="sf:{obj.name}" xmlns:sf="{ENTERPRISE.objects}"'
    return (
        f"<Notification><Id>{waiting.id}</Id><sObject {kind}><sf:Id>{waiting.record}</sf:Id>{inner}</sObject>"
        "</Notification>"
    )


def _text(field: FieldType, value: Any) -> str | None:
    if value is None:
        return None
    return text_of(bool(value) if field.type == "boolean" else scalar(value, field))


def acknowledged(answer: Answer) -> bool:
    """Whether it is a SOAP envelope with Ack true and status 200; JSON, an empty body and anything else are not."""
    if answer.status != 200:
        return False
    try:
        root = parse(answer.body)
    except BadXml:
        return False
    body = root.first("Body") if (root.tag, root.namespace) == ("Envelope", ENVELOPE) else None
    told = body.children[0] if body and body.children else None
    return told is not None and told.namespace == NAMESPACE and told.get("Ack").lower() in ("true", "1")
