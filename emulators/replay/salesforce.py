"""How recordings of Salesforce are played against an org, and why some answers differ from those of API 42.0."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from emulators.loopback.clock import Clock
from emulators.loopback.http import Call, Response
from emulators.replay.playing import xml_tree
from emulators.replay.recordings import Exchange
from emulators.replay.shapes import Difference
from emulators.salesforce import catalog
from emulators.salesforce.oauth import login as oauth
from emulators.salesforce.oauth import passwords
from emulators.salesforce.org import Org
from emulators.salesforce.schema import FieldType, PicklistValue
from emulators.salesforce.server import Emulator

_CONTROL = "of-the-replay"
_SOAP = "/services/Soap/"
# as in the recordings
_USERNAME, _PASSWORD, _SESSION = "user@example.com", "REDACTED", "00D4S000000oz4e!REDACTED"
_CONVERTED = ("accountId", "contactId")
_WITHOUT = (
    "campaigninfluence",
    "multicurrency",
    "prm",
    "recordtypes",
    "teamselling",
)  # the edition lacks them
_TOPICS, _ABSENT = {"0TO": "Topic", "0FT": "TopicAssignment"}, ", an object that is not in the catalogue"
_OBJECT = re.compile(r"(?<!composite)/sobjects/(\w+)")
_ALONE = re.compile(r" WHERE (\w+) = '([^']*)'\Z")
_FROM, _TYPE = re.compile(r" FROM (\w+)"), re.compile(r'"attributes": \{"type": "(\w+)"')


class OrgStage:
    """An org in `folder` with the custom fields that the recording's describes tell of."""

    compared: tuple[str, ...] = ("sforce-limit-info", "location", "etag", "last-modified")

    def __init__(self, folder: Path, exchanges: Sequence[Exchange], all_exchanges: Sequence[Exchange]) -> None:
        self.names: dict[str, str] = {}
        self._exchanges = exchanges
        self.org = Org.open(folder / "org.db", catalog.load(_WITHOUT), Clock(exchanges[0].at, frozen=True), seed=1)
        self.emulator = Emulator(self.org, oauth.App("an-app", "its-secret"), control_token=_CONTROL)
        self._token = self.emulator.login.issue(self.org.user_id)
        self.org.update("User", self.org.user_id, {"Username": _USERNAME}, self.org.system())
        passwords.put(self.org, self.org.user_id, _PASSWORD)
        self.names[_SESSION] = self._token
        self._found(all_exchanges)
        self._first: dict[str, dict[str, Any]] = {}
        self._foresee()

    def close(self) -> None:
        """Let the file go."""
        self.emulator.stop()

    def foreign(self, exchange: Exchange) -> str:
        """Objects that the catalogue has not."""
        if exchange.method == "DELETE" and exchange.query.get("ids", "")[:3] in _TOPICS:
            return _TOPICS[exchange.query["ids"][:3]] + _ABSENT
        absent = [name for name in _named(exchange) if self.org.schema.object(name) is None]
        return absent[0] + _ABSENT if absent and exchange.status < 400 else ""

    def prepare(self, exchange: Exchange) -> None:
        """The time of the recording, and records that it has not made itself."""
        if exchange.at > self.org.clock.now():
            self.org.clock.set(exchange.at)
        if exchange.method == "POST":
            return
        for record in _records(exchange.response):
            if "Id" in record:
                self._make(record["Id"])

    def headers(self, exchange: Exchange) -> dict[str, str]:
        """A session takes the place of the recorded one; SOAP calls carry theirs in the body."""
        if exchange.path.startswith(_SOAP):
            return {"content-type": "text/xml", "soapaction": '""'}
        return {"authorization": f"Bearer {self._token}", "content-type": "application/json"}

    def send(self, call: Call) -> Response:
        """The org's answer."""
        found = self.emulator.handle(call)[0]
        if found is None:
            raise ValueError(f"no answer to {call.method} {call.target}")
        return found

    def learn(self, exchange: Exchange, emulated: Any) -> None:
        """Results stand in the order of the records that were sent; a converted lead tells what it became."""
        if exchange.path.startswith(_SOAP):
            self._learn_converted(xml_tree(exchange.response), emulated)
            return
        recorded = exchange.response if isinstance(exchange.response, list) else [exchange.response]
        answered = emulated if isinstance(emulated, list) else [emulated]
        if exchange.method == "POST":
            for one, other in zip(recorded, answered, strict=False):
                if isinstance(one, dict) and isinstance(other, dict) and one.get("id") and other.get("id"):
                    self._name(one["id"], other["id"])

    def _learn_converted(self, recorded: Any, emulated: Any) -> None:
        ends = []
        for each in (recorded, emulated):
            body = each["Envelope"]["Body"]
            ends.append(body.get("convertLeadResponse", {}).get("result", {}))
        for name in _CONVERTED:
            if ends[0].get(name) and ends[1].get(name):
                self._name(ends[0][name], ends[1][name])

    def explained(self, exchange: Exchange, difference: Difference) -> str:
        """One of the reasons below, or none."""
        for kind, path, calls, why in _WHY:
            if kind.fullmatch(difference.kind) and path.fullmatch(difference.path) and calls.search(exchange.path):
                return why
        return ""

    def _described(self, everywhere: Sequence[Exchange]) -> Iterator[dict[str, Any]]:
        """Describes of this recording, and of objects that only others describe."""
        here = [each.response for each in self._exchanges if each.path.endswith("/describe")]
        yield from here
        named = {body["name"] for body in here}
        told = {name for each in self._exchanges for record in _records(each.response) for name in record}
        for each in everywhere:
            body = each.response
            if each.path.endswith("/describe") and body["name"] not in named:
                yield {**body, "fields": [field for field in body["fields"] if field["name"] in told]}

    def _found(self, everywhere: Sequence[Exchange]) -> None:
        """Custom fields as the describes tell them, shown to the user by a permission set."""
        made: list[str] = []
        for body in self._described(everywhere):
            obj = self.org.schema.object(body["name"])
            for each in body["fields"] if obj else ():
                if each["custom"] and obj and obj.field(each["name"]) is None:
                    self.org.add_custom_field(body["name"], _field(each))
                    made.append(f"{body['name']}.{each['name']}")
        system = self.org.system()
        values = {"Name": "Recorded", "Label": "Recorded"}
        granted = self.org.insert("PermissionSet", values, system)
        for field in made:
            shown = {"ParentId": granted, "SobjectType": field.split(".")[0], "Field": field}
            self.org.insert("FieldPermissions", {**shown, "PermissionsRead": True, "PermissionsEdit": True}, system)
        assigned = {"AssigneeId": self.org.user_id, "PermissionSetId": granted}
        self.org.insert("PermissionSetAssignment", assigned, system)

    def _foresee(self) -> None:
        """What is told of each record first, for those that the recording does not make."""
        for exchange in self._exchanges:
            alone = _ALONE.search(unquote(exchange.query.get("q", "")))
            for record in _records(exchange.response):
                if alone and len(exchange.response.get("records", ())) == 1:
                    record = {**record, alone[1]: alone[2]}
                known = self._first.setdefault(record["Id"], {})
                known.update({name: value for name, value in record.items() if name not in known})

    def _make(self, recorded_id: str) -> None:
        """The record, after those that it refers to; nothing when it is there already."""
        record = self._first.get(recorded_id)
        if recorded_id in self.names or record is None:
            return
        obj = self.org.object(record["attributes"]["type"])
        values: dict[str, Any] = {}
        for name, value in record.items():
            field = obj.field(name)
            if field is None or value is None or not field.createable or field.type == "address" or name == "OwnerId":
                continue
            if field.reference_to:
                self._make(value)
                value = self.names.get(value)
            if value is not None:
                values[name] = value
        for field in obj.fields.values():
            required = field.createable and not (field.nillable or field.default_on_create or field.reference_to)
            if required and field.name not in values and field.type == "string":
                values[field.name] = "Recorded"
        body = {"object": obj.name, "values": values}
        headers = {"x-emulator-token": _CONTROL, "content-type": "application/json"}
        answer = self.send(Call("POST", "/__emulator__/insert", headers, json.dumps(body).encode()))
        if answer.status != 200:
            raise ValueError(f"{obj.name} {recorded_id} cannot be made: {answer.body!r}")
        self._name(recorded_id, json.loads(answer.body)["id"])

    def _name(self, recorded: str, emulated: str) -> None:
        self.names[recorded] = emulated
        self.names[recorded[:15]] = emulated[:15]


def _named(exchange: Exchange) -> list[str]:
    """The objects that the call's path, query and records name."""
    text = unquote(exchange.query.get("q", "")) + (json.dumps(exchange.request) if exchange.request else "")
    return _OBJECT.findall(exchange.path) + _FROM.findall(text) + _TYPE.findall(text) + _told(exchange.response)


def _told(body: Any) -> list[str]:
    return [each["attributes"]["type"] for each in _records(body)]


def _records(body: Any) -> Iterator[dict[str, Any]]:
    """Records of a query's answer or of a read, with their attributes."""
    listed = body.get("records", [body]) if isinstance(body, dict) else []
    for each in listed:
        if isinstance(each, dict) and "attributes" in each and "Id" in each:
            yield each


def _field(body: dict[str, Any]) -> FieldType:
    """A custom field from its describe."""
    picked = tuple(PicklistValue(each["value"], each["label"], each["active"]) for each in body["picklistValues"])
    return FieldType(
        name=body["name"],
        label=body["label"],
        type=body["type"],
        length=body["length"],
        precision=body["precision"],
        scale=body["scale"],
        nillable=body["nillable"],
        createable=body["createable"],
        updateable=body["updateable"],
        filterable=body["filterable"],
        sortable=body["sortable"],
        groupable=body["groupable"],
        custom=True,
        unique=body["unique"],
        external_id=body["externalId"],
        case_sensitive=body["caseSensitive"],
        calculated=body["calculated"],
        restricted_picklist=body["restrictedPicklist"],
        picklist=picked,
        reference_to=tuple(body["referenceTo"]),
        relationship_name=body["relationshipName"],
        help=body["inlineHelpText"],
        always_visible=False,
    )


_Why = tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str], str]


def _why(kind: str, path: str, calls: str, why: str) -> _Why:
    return re.compile(kind), re.compile(path), re.compile(calls), why


_SINCE = "came to Salesforce after API 42.0, and this emulator shows it in every version"
_CLEAN = "fields of Data.com, operating hours and individuals are not in the catalogue"
_OTHER = "objects that the catalogue has not (feeds, shares, histories ...) or that edition lacks"
_RECORD = r"/sobjects/\w+/\w{15,18}$"
_WHY = (
    _why("lacking|more", r"childRelationships\[\]", r"/describe$", _OTHER),
    _why("lacking", r"fields\[\]", r"/describe$", _CLEAN),
    _why("more", r"fields\[\]", r"/describe$", "fields that the recorded user's profile hides, or younger ones"),
    _why("more", r"recordTypeInfos\[\]\.developerName", r"/describe$", _SINCE),
    _why(
        "lacking",
        r"supportedScopes\[\]",
        r"/describe$",
        "scopes of queues and campaigns are not emulated",
    ),
    _why(
        "lacking",
        r"(CleanStatus|Dandb\w+|(Company)?DunsNumber|Jigsaw\w*|Naics\w+|OperatingHoursId|SicDesc|Tradestyle|"
        r"YearStarted|IndividualId)",
        _RECORD,
        _CLEAN,
    ),
    _why("more", r"DoNotCall|HasOptedOutOfEmail", _RECORD, "fields that the recorded user's profile hides"),
    _why("type", r"LastReferencedDate|LastViewedDate", _RECORD, "views of records by people are not emulated"),
    _why("type", r"PhotoUrl", _RECORD, "pictures of Social Accounts and Contacts are not emulated"),
)
