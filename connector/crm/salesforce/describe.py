"""What the connecting user may see of an object, and whether it changed since we last looked."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from connector.core.records import Kind
from connector.crm.base import Field, ObjectSchema
from connector.crm.salesforce.faults import Refusal
from connector.crm.salesforce.http import Wire

KINDS = {
    "id": Kind.ID,
    "reference": Kind.ID,
    "boolean": Kind.BOOL,
    "int": Kind.INTEGER,
    "long": Kind.INTEGER,
    "currency": Kind.MONEY,
    "double": Kind.NUMBER,
    "percent": Kind.NUMBER,
    "date": Kind.DATE,
    "datetime": Kind.INSTANT,
}
UNREADABLE = frozenset({"address", "location", "base64", "complexvalue"})
"""Compound and binary types: their parts are fields of their own, and Bulk refuses the compound."""
CURSORS = ("SystemModstamp", "LastModifiedDate", "CreatedDate", "LoginTime")
NOT_IN_BULK = frozenset(
    {
        "acceptedeventrelation",
        "casestatus",
        "contractstatus",
        "declinedeventrelation",
        "orderstatus",
        "partnerrole",
        "recentlyviewed",
        "solutionstatus",
        "taskpriority",
        "taskstatus",
        "undecidedeventrelation",
    }
)
DERIVED = re.compile(
    r"NumberOf(Leads|ConvertedLeads|Contacts|Responses|Opportunities|WonOpportunities)|Amount(All|Won)Opportunities"
    r"|Hierarchy\w+|Total(Approved|Reimbursed|Allocated)\w+|LastActivityDate|\w+InDays|LastLoginDate"
)
"""Standard fields that the org computes without calling them calculated: they change without a new modstamp."""
FRESH = 300.0  # seconds for which a describe is taken as it is; afterwards the org is asked whether it changed


@dataclass(frozen=True, slots=True)
class Description:
    """An object's schema with what only this vendor's code needs."""

    schema: ObjectSchema
    parents: dict[str, tuple[str, ...]]  # relationship name in lower case -> target objects
    types: dict[str, str]  # field name -> describe type
    help: dict[str, str]  # field name -> inline help
    bulk: bool  # may be read by a Bulk query
    soft_deletes: bool
    merges: bool


@dataclass(slots=True)
class _Kept:
    found: Description | None
    asked: float
    etag: str | None
    modified: str | None


class Describer:
    """Describes of one org, kept in memory and renewed by conditional requests."""

    def __init__(self, wire: Wire, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._wire, self._clock = wire, clock
        self._kept: dict[str, _Kept] = {}

    def get(self, name: str, *, fresh: bool = False) -> Description | None:
        """The object, or None where it is absent or hidden; with `fresh` no kept answer is used."""
        kept = None if fresh else self._kept.get(name.lower())
        if kept is not None and self._clock() - kept.asked < FRESH:
            return kept.found
        renewed = self._ask(name, kept)
        self._kept[name.lower()] = renewed
        return renewed.found

    def _ask(self, name: str, kept: _Kept | None) -> _Kept:
        headers = {}
        if kept is not None and kept.etag:
            headers["If-None-Match"] = kept.etag
        if kept is not None and kept.modified:
            headers["If-Modified-Since"] = kept.modified
        try:
            answer = self._wire.raw("GET", f"sobjects/{name}/describe", kind="describe", headers=headers)
        except Refusal as error:
            if error.status == 404 or error.code in ("NOT_FOUND", "INVALID_TYPE"):
                return _Kept(None, self._clock(), None, None)
            raise
        if answer.status_code == 304 and kept is not None:
            return _Kept(kept.found, self._clock(), kept.etag, kept.modified)
        found = description(answer.json())
        return _Kept(found, self._clock(), answer.headers.get("ETag"), answer.headers.get("Last-Modified"))

    def resolve(self, name: str, path: str) -> Field | None:
        """The field at the end of a path such as "Owner.AccountId", under the path's own name in the org's case."""
        described = self.get(name)
        if described is None:
            return None
        head, _, rest = path.partition(".")
        if not rest:
            return described.schema.field(head)
        for target in described.parents.get(head.lower(), ()):
            found = self.resolve(target, rest)
            if found is not None:
                return _renamed(found, f"{head}.{found.name}")
        return None


def _renamed(found: Field, name: str) -> Field:
    return Field(name, found.label, found.kind, nullable=True, length=found.length, references=found.references)


def description(body: dict[str, Any]) -> Description:
    """The describe answer as a schema; compound and binary fields are left out."""
    raw = [each for each in body["fields"] if each["type"] not in UNREADABLE]
    names = {each["name"] for each in raw}
    filterable = {each["name"] for each in raw if each.get("filterable", True) and each.get("sortable", True)}
    schema = ObjectSchema(
        name=body["name"],
        label=body.get("label") or body["name"],
        fields=tuple(_field(each) for each in raw),
        createable=bool(body.get("createable")),
        updateable=bool(body.get("updateable")),
        cursor=next((cursor for cursor in CURSORS if cursor in filterable), None),
        deletes="IsDeleted" in names,
        merges="MasterRecordId" in names,
        announced=bool(body.get("triggerable", True)),
    )
    return Description(
        schema=schema,
        parents={
            each["relationshipName"].lower(): tuple(each.get("referenceTo") or ())
            for each in raw
            if each.get("relationshipName")
        },
        types={each["name"]: each["type"] for each in raw},
        help={each["name"]: each.get("inlineHelpText") or "" for each in raw},
        bulk=bool(body.get("queryable", True)) and body["name"].lower() not in NOT_IN_BULK,
        soft_deletes="IsDeleted" in names,
        merges="MasterRecordId" in names,
    )


def _field(raw: dict[str, Any]) -> Field:
    kind = KINDS.get(raw["type"], Kind.TEXT)
    number = kind in (Kind.MONEY, Kind.NUMBER, Kind.INTEGER)
    return Field(
        name=raw["name"],
        label=raw.get("label") or raw["name"],
        kind=kind,
        nullable=bool(raw.get("nillable", True)),
        createable=bool(raw.get("createable")),
        updateable=bool(raw.get("updateable")),
        calculated=_computed(raw),
        unique_key=bool(raw.get("idLookup") or raw.get("externalId")),
        length=(raw.get("length") or None) if kind is Kind.TEXT else None,
        scale=raw.get("scale", 0) if number else None,
        options=tuple(each["value"] for each in raw.get("picklistValues") or () if each.get("active", True)),
        restricted=bool(raw.get("restrictedPicklist")),
        multiple=raw["type"] == "multipicklist",
        references=tuple(raw.get("referenceTo") or ()),
    )


def _computed(raw: dict[str, Any]) -> bool:
    derived = not raw.get("updateable") and DERIVED.fullmatch(raw["name"]) is not None
    return derived or bool(raw.get("calculated"))
