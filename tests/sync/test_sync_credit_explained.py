"""What `pmom explain` says of an opportunity comes from the rows and versions that decided its credit."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from rich.console import Console

from connector.cli.explain_deal import deal_explained, explained_either
from connector.cli.explain_partner import Link, _shown_links

if TYPE_CHECKING:
    from conftest import Office


def test_every_claim_and_piece_of_evidence_is_told_with_what_speaks_against_it(office: Office) -> None:
    finder, late, helper = (office.partner(name) for name in ("Finder", "Late", "Helper"))
    now, customer = office.crm.now_at, office.customer()
    opened = now - timedelta(days=20)
    deal = office.crm.add(
        "Opportunity",
        {
            "Id": "006000000000001", "Name": "Big one", "StageName": "Proposal", "IsClosed": False, "IsWon": False,
            "Amount": Decimal(5000), "AccountId": customer, "CreatedDate": opened, "CloseDate": date(2026, 6, 1),
        },
    )  # fmt: skip
    claims = [
        office.crm.add(
            "Deal_Registration__c",
            {
                "Partner__c": partner, "Opportunity__c": deal, "Status__c": "Approved", "CreatedDate": at,
                "Submitted_At__c": at, "Approved_At__c": at,
            },
        )
        for partner, at in ((finder, opened), (late, opened + timedelta(days=15)))
    ]  # fmt: skip
    person = office.crm.add("Contact", {"AccountId": helper})
    call = office.crm.add(
        "Task",
        {
            "WhatId": deal, "WhoId": person, "Type": "Call", "IsClosed": True, "CompletedDateTime": now,
            "CreatedDate": now,
        },
    )  # fmt: skip
    office.sync()
    told = deal_explained(office.ctx, deal)
    version = office.ctx.policy.version
    assert told.story == (
        "Partner credit: Sourced (version 1).",
        "Sourced by Finder: 5000 in the corporate currency at the rate of 2026-03-31.",
        f"  Finder's registration {claims[0]} of 2026-03-11 12:00 UTC: nothing speaks against it; the earliest such"
        " claim counts.",
        f"  Late's registration {claims[1]} of 2026-03-26 12:00 UTC: submitted more than the days of grace after the"
        " opening [attribution.grace_days = 14].",
        "  What would make Late the source: only an earlier submission on record; once the sourcing is final, with"
        " Credit: Dispute on Reassess.",
        "Influenced by nobody with enough evidence.",
        "Not enough from Helper: 0 strong, weak evidence on 1 day [attribution.min_strong = 1, min_weak_days = 2].",
        f"  2026-03-31 call (weak), {call}",
        "Who sourced it is final since 2026-03-25 [attribution.sourced_lock_days = 14].",
        "Influence is final once it is closed [attribution.influence_lock_days = 0]; until then evidence counts.",
        f"Version 1, 2026-03-31, policy {version}: first credit.",
    )
    shown = io.StringIO()
    Console(file=shown, width=100).print(told.as_text())
    assert shown.getvalue().count(office.crm.record_url("Task", call)) == 1
    assert dict(told.links)[call] == office.crm.record_url("Task", call)
    assert explained_either(office.ctx, "big one") == told
    assert told.as_json()["credited"][0]["amount"] == "5000.00"
    assert office.sync().planned.plan.empty


def test_explaining_asks_the_crm_for_nothing(office: Office) -> None:
    partner = office.quoting("Partner", won=2, of=10)
    office.sync()
    wanted = explained_either(office.ctx, "partner").as_json()
    assert wanted["record"] == f"memory:Account/{partner}"
    assert '"~"' not in json.dumps(wanted, default=str)  # marks that only reading it again needs
    assert wanted["decision"]["name"] == "Partner"

    nobody: Any = None
    assert explained_either(replace(office.ctx, crm=nobody), "partner").as_json() == wanted


def test_a_record_is_shown_once_under_all_that_rests_on_it() -> None:
    links = (
        Link("Quote-to-close", "d1", "memory:d1"), Link("Quote-to-close", "d2", "memory:d2"),
        Link("Market fit", "d1", "memory:d1"), Link("Awareness Gap", "u1", None), Link("At work now", "d1", None),
        *(Link("Confidence Gap", f"m{n}", f"memory:m{n}") for n in range(4)),
    )  # fmt: skip
    assert _shown_links(links) == [
        "",
        "Behind Quote-to-close, Market fit, At work now:",
        "  memory:d1",
        "Behind Quote-to-close:",
        "  memory:d2",
        "Behind Awareness Gap:",
        "  u1",
        "Behind Confidence Gap (2 of 4; --json has all):",
        "  memory:m0",
        "  memory:m1",
    ]
