"""What do people do in a CRM while it storms? A sequence of changes that only the seed gives, the same for both CRMs.

Records are told by names: those of the world by their id in the org, new ones by the name that the sequence gives.
"""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from benchmarks.storms.sides import Prepared, Side

Values = Mapping[str, object]
_OUTCOMES = ("Fund Demand Gen", "Pilot Only", "Insufficient Evidence")


@dataclass(frozen=True, slots=True)
class Act:
    """One change: `what` is done to the record `name` with `values`; both CRMs know how."""

    what: str
    name: str
    values: Values


@dataclass(frozen=True, slots=True)
class Known:
    """Records of the world that the changes are about, as ids of the org: partners, their deals, customers."""

    partners: tuple[str, ...]
    deals: tuple[tuple[str, str], ...]  # (deal, partner)
    customers: tuple[str, ...]


def known(made: Prepared) -> Known:
    """From the files of the world."""
    world = made.folder / "worlds" / "salesforce"

    def rows(name: str) -> list[dict[str, str]]:
        with (world / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    accounts = [row for row in rows("Account") if row["IsDeleted"] == "false"]
    partners = {row["Id"] for row in accounts if row["IsPartner"] == "true"}
    deals = [row for row in rows("Opportunity") if row["Partner__c"] in partners and row["IsDeleted"] == "false"]
    return Known(
        tuple(sorted(partners)),
        tuple((row["Id"], row["Partner__c"]) for row in deals),
        tuple(row["Id"] for row in accounts if row["IsPartner"] == "false"),
    )


def sequence(seed: int, made: Prepared, count: int) -> tuple[Act, ...]:
    """So many changes, and a few that follow from them at once."""
    return tuple(_acts(random.Random(f"changes/{seed}"), made, known(made), count))


def _acts(chance: random.Random, made: Prepared, there: Known, count: int) -> Iterator[Act]:
    opened: list[tuple[str, str]] = []  # new deals and their partners
    for number in range(count):
        kinds = (
            *("amount", "amount", "close", "close", "quote", "meeting", "open", "register"),
            *("override", "exclude", "persona", "bystander", "delete"),
        )
        what = chance.choice(kinds)
        deal, partner = chance.choice([*there.deals, *opened, *opened])
        day = made.day - timedelta(days=chance.randrange(2, 30))
        values: dict[str, object] = {}
        name = deal
        match what:
            case "amount":
                values = {"amount": chance.randrange(1_000, 90_000)}
            case "close":
                values = {"won": chance.random() < 0.7, "day": made.day - timedelta(days=chance.randrange(0, 3))}
            case "quote":
                name = f"quote {number}"
                values = {"deal": deal, "until": made.day + timedelta(days=30)}
            case "meeting":
                name, values = f"meeting {number}", {"deal": deal, "day": day}
            case "open":
                name = f"deal {number}"
                partner = chance.choice(there.partners)
                values = {"partner": partner, "account": chance.choice(there.customers), "day": made.day}
                values["amount"] = chance.randrange(1_000, 90_000)
                opened.append((name, partner))
            case "register":
                name, values = f"registration {number}", {"deal": deal, "partner": partner, "day": day}
                values["until"] = made.day + timedelta(days=chance.choice((12, 80)))
            case "override":
                name, values = (
                    partner,
                    {
                        "outcome": chance.choice((*_OUTCOMES, None)),
                        "until": made.day + timedelta(days=chance.choice((9, 90))),
                    },
                )
            case "exclude":
                name, values = partner, {"on": chance.random() < 0.4}
            case "persona":
                name, values = partner, {"persona": chance.choice(("VAR", "GSI", "MSP"))}
            case "bystander":
                name, values = partner, {"text": f"{chance.randrange(10**9)}"}
            case "delete":
                if not opened:
                    continue
                name, _ = opened.pop(chance.randrange(len(opened)))
        yield Act(what, name, values)
        if chance.random() < 0.3:  # somebody else writes on the partner's record at the same second
            yield Act("bystander", partner, {"text": f"{chance.randrange(10**9)}"})


def perform(side: Side, act: Act, ids: Mapping[str, str]) -> None:
    """Do it in that CRM. `ids`: id in the org -> id there."""
    portal = side.name == "hubspot"

    def at(name: object) -> str:
        return side.names.get(str(name)) or (ids[str(name)] if portal else str(name))

    (_IN_PORTAL if portal else _IN_ORG)[act.what](side, act, at)


At = Callable[[object], str]


def _edit(side: Side, kind: str, record: str, **values: object) -> None:
    side.insist("edit", {"object": kind, "id": record, side.vendor.cells: values})


def _insert(side: Side, kind: str, name: str, values: Values) -> str:
    body = {"object": kind, side.vendor.cells: values}
    side.names[name] = str(side.insist("insert", body)["id"])
    return side.names[name]


def _org(object_name: str, of: Callable[[Act, At], dict[str, object]]) -> Callable[[Side, Act, At], None]:
    return lambda side, act, at: _edit(side, object_name, at(act.name), **of(act, at))


def _org_new(object_name: str, of: Callable[[Act, At], dict[str, object]]) -> Callable[[Side, Act, At], None]:
    def make(side: Side, act: Act, at: At) -> None:
        _insert(side, object_name, act.name, of(act, at))

    return make


def _moment(day: object, hour: int = 15) -> str:
    return f"{day}T{hour:02}:00:00.000Z"


def _overridden(act: Act, name: Callable[[str], str]) -> dict[str, object]:
    if act.values["outcome"] is None:
        return {name(each): None for each in ("Override_Decision", "Override_Reason", "Override_Expires")}
    said = {"Override_Decision": act.values["outcome"], "Override_Reason": "A joint launch"}
    return {name(key): value for key, value in (said | {"Override_Expires": str(act.values["until"])}).items()}


def _ours(name: str) -> str:
    return f"PMOM_{name}__c"


def _theirs(name: str) -> str:
    return f"pmom_{name.lower()}"


_IN_ORG: dict[str, Callable[[Side, Act, At], None]] = {
    "amount": _org("Opportunity", lambda act, at: {"Amount": act.values["amount"]}),
    "close": _org(
        "Opportunity",
        lambda act, at: {
            "StageName": "Closed Won" if act.values["won"] else "Closed Lost",
            "CloseDate": str(act.values["day"]),
        },
    ),
    "quote": _org_new(
        "Quote",
        lambda act, at: {
            "Name": act.name,
            "OpportunityId": at(act.values["deal"]),
            "Status": "Presented",
        },
    ),
    "meeting": _org_new(
        "Event",
        lambda act, at: {
            "Subject": act.name,
            "WhatId": at(act.values["deal"]),
            "StartDateTime": _moment(act.values["day"]),
            "EndDateTime": _moment(act.values["day"], 16),
            "Type": "Meeting",
            "Meeting_Outcome__c": "Held",
            "Calendar_Id__c": act.name,
        },
    ),
    "open": _org_new(
        "Opportunity",
        lambda act, at: {
            "Name": act.name,
            "AccountId": at(act.values["account"]),
            "Partner__c": at(act.values["partner"]),
            "StageName": "Qualification",
            "CloseDate": str(act.values["day"]),
            "Amount": act.values["amount"],
            "Type": "New Business",
        },
    ),
    "register": _org_new(
        "Deal_Registration__c",
        lambda act, at: {
            "Partner__c": at(act.values["partner"]),
            "Opportunity__c": at(act.values["deal"]),
            "Status__c": "Approved",
            "Submitted_At__c": _moment(act.values["day"]),
            "Approved_At__c": _moment(act.values["day"], 17),
            "Expires_On__c": str(act.values["until"]),
        },
    ),
    "override": _org("Account", lambda act, at: _overridden(act, _ours)),
    "exclude": _org("Account", lambda act, at: {_ours("Exclude_From_Scoring"): act.values["on"]}),
    "persona": _org("Account", lambda act, at: {_ours("Partner_Persona"): act.values["persona"]}),
    "bystander": _org("Account", lambda act, at: {"Phone": act.values["text"]}),
    "delete": lambda side, act, at: side.insist("delete", {"object": "Opportunity", "id": at(act.name)}),
}


def _stages(side: Side) -> dict[str, str]:
    told = json.loads((side.crm.world / "pipelines.json").read_text(encoding="utf-8"))
    return {stage["label"]: stage["id"] for stage in told["deals"][0]["stages"]}


def _link(side: Side, kind: str, record: str, to: str, other: str, label: str = "") -> None:
    body = {"object": kind, "id": record, "to_object": to, "to_id": other}
    side.insist("associate", body | ({"label": label} if label else {}))


def _portal_close(side: Side, act: Act, at: At) -> None:
    stage = _stages(side)["Closed Won" if act.values["won"] else "Closed Lost"]
    _edit(side, "deals", at(act.name), dealstage=stage, closedate=_moment(act.values["day"]))


def _portal_quote(side: Side, act: Act, at: At) -> None:
    values = {"hs_title": act.name, "hs_status": "APPROVAL_NOT_NEEDED", "quote_state": "presented"}
    made = _insert(side, "quotes", act.name, values | {"hs_expiration_date": _moment(act.values["until"])})
    _link(side, "quotes", made, "deals", at(act.values["deal"]))


def _portal_meeting(side: Side, act: Act, at: At) -> None:
    start, end = _moment(act.values["day"]), _moment(act.values["day"], 16)
    values = {"hs_meeting_title": act.name, "hs_timestamp": start, "hs_meeting_start_time": start}
    values |= {"hs_meeting_end_time": end, "hs_meeting_outcome": "COMPLETED", "calendar_id": act.name}
    made = _insert(side, "meetings", act.name, values)
    _link(side, "meetings", made, "deals", at(act.values["deal"]))


def _portal_open(side: Side, act: Act, at: At) -> None:
    values = {
        "dealname": act.name,
        "pipeline": "default",
        "dealstage": _stages(side)["Qualification"],
        "amount": str(act.values["amount"]),
        "closedate": _moment(act.values["day"]),
        "dealtype": "newbusiness",
        "partner_company_id": at(act.values["partner"]),
    }
    made = _insert(side, "deals", act.name, values)
    _link(side, "deals", made, "companies", at(act.values["account"]))


def _portal_register(side: Side, act: Act, at: At) -> None:
    values = {
        "registration_name": act.name,
        "partner_company_id": at(act.values["partner"]),
        "deal_id": at(act.values["deal"]),
        "registration_status": "approved",
        "submitted_at": _moment(act.values["day"]),
        "approved_at": _moment(act.values["day"], 17),
        "expires_on": str(act.values["until"]),
    }
    _insert(side, "deal_registrations", act.name, values)


def _portal(of: Callable[[Act, At], dict[str, object]], kind: str = "companies") -> Callable[[Side, Act, At], None]:
    def change(side: Side, act: Act, at: At) -> None:
        said = {name: "" if value is None else value for name, value in of(act, at).items()}
        _edit(side, kind, at(act.name), **said)

    return change


_IN_PORTAL: dict[str, Callable[[Side, Act, At], None]] = {
    "amount": _portal(lambda act, at: {"amount": str(act.values["amount"])}, "deals"),
    "close": _portal_close,
    "quote": _portal_quote,
    "meeting": _portal_meeting,
    "open": _portal_open,
    "register": _portal_register,
    "override": _portal(lambda act, at: _overridden(act, _theirs)),
    "exclude": _portal(lambda act, at: {_theirs("Exclude_From_Scoring"): str(act.values["on"]).lower()}),
    "persona": _portal(lambda act, at: {_theirs("Partner_Persona"): act.values["persona"]}),
    "bystander": _portal(lambda act, at: {"phone": act.values["text"]}),
    "delete": lambda side, act, at: side.insist("delete", {"object": "deals", "id": at(act.name)}),
}
