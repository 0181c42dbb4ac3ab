"""Which partners show every row of the essay's tables, each boundary from both sides, with what should be decided."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from emulators.world.asking import Plea, asks
from emulators.world.recipes import Expect, Funded, Partner, Recipe

INSUFFICIENT = "Insufficient Evidence"
PILOT = "Pilot Only"
ENABLE = "Fund Enablement Instead"
DEFER = "Defer – Market Fit"
REWORK = "Rework – Proof of Performance"
SHADOW = "Stop Campaigns + Technical Shadowing"
LEAD_THOUGHT = "With-Partner Thought Leadership"
RERECRUIT = "Re-recruit"

GOALS = {"regions": ["EMEA"], "verticals": ["Healthcare"]}
"""The corporate goals under which `scenarios.json` holds."""


def _velocity(verdict: str, decision: str, n: int, won: int, **rest: Any) -> Expect:
    detail = {"velocity": {"counted": n, "won": won}, "demand_gen_allowed": decision == "Fund Demand Gen"}
    return Expect(velocity=verdict, decision=decision, detail=detail, **rest)


def _proof(verdict: str, decision: str, **detail: Any) -> Expect:
    return Expect(proof=verdict, decision=decision, detail={"proof": detail})


def _spread(count: int, first: int, last: int) -> tuple[int, ...]:
    return tuple(first + round((last - first) * at / (count - 1)) for at in range(count))


_FAIL = _velocity("Fail", ENABLE, 10, 1)
VELOCITY = (
    Recipe("fund_demand_gen", "every gate passes and nothing is wrong", tiny=True,
           also=asks(Plea("Autumn webinar"), Plea("Roadshow", expected=8000, status="Draft"))),
    Recipe("velocity_fail", "1 of 10 matured quotes won: 10 % < 20 %", _FAIL, quotes=(10, 1), tiny=True,
           also=asks(Plea("Sales academy", motion="Enablement"))),
    Recipe("velocity_at_20", "2 of 10 is exactly 20 %, which passes",
           _velocity("Pass", "Fund Demand Gen", 10, 2), quotes=(10, 2), tiny=True),
    Recipe("velocity_below_20", "4 of 21 is 19.05 %: fails without rounding up",
           _velocity("Fail", ENABLE, 21, 4), quotes=(21, 4)),
    Recipe("velocity_thin", "0 of 9 quotes is too few to judge, not a failure",
           _velocity(INSUFFICIENT, PILOT, 9, 0), quotes=(9, 0), tiny=True),
    Recipe("velocity_matures_today", "the tenth quote is 90 days old and counts",
           _velocity("Pass", "Fund Demand Gen", 10, 2), quotes=(10, 2), quote_days=(*_spread(9, 340, 120), 90)),
    Recipe("velocity_matures_tomorrow", "the tenth quote is 89 days old and does not count yet",
           _velocity(INSUFFICIENT, PILOT, 9, 2), quotes=(10, 2), quote_days=(*_spread(9, 340, 120), 89)),
    Recipe("velocity_first_day", "the tenth quote was issued on the first day of the window, 365 days ago",
           _velocity("Pass", "Fund Demand Gen", 10, 2), quotes=(10, 2), quote_days=(365, *_spread(9, 340, 120))),
    Recipe("velocity_day_before", "the tenth quote was issued 366 days ago, before the window",
           _velocity(INSUFFICIENT, PILOT, 9, 1), quotes=(10, 2), quote_days=(366, *_spread(9, 340, 120))),
    Recipe("quote_revisions", "three revisions of one quote are one opportunity: 10, not 12",
           _velocity("Pass", "Fund Demand Gen", 10, 2), quotes=(10, 2), revisions=3),
    Recipe("draft_quotes", "quotes that were never issued are no quotes",
           _velocity(INSUFFICIENT, PILOT, 0, 0, symptom="Confidence Gap", lever=SHADOW), quotes=(12, 5),
           quote_status="Draft"),
    Recipe("late_evening_quote", "issued at 23:30 local, 90 days ago: only a reader in UTC thinks 89",
           _velocity("Pass", "Fund Demand Gen", 10, 2), quotes=(10, 2), quote_days=(*_spread(9, 340, 120), 90),
           quote_time=(23, 30)),
    Recipe("linked_by_role", "the partner stands on its deals by role only, not by a field", link="role"),
    Recipe("mere_consultant", "a consultant on other people's deals: their quotes are not the partner's",
           Expect(velocity=INSUFFICIENT, decision=PILOT, market_fit=None, proof=None, symptom=None, lever=None),
           link="consultant"),
)  # fmt: skip

MARKET_FIT = (
    Recipe("market_fit_fail", "sells to retail in Brazil, while the goals are EMEA or healthcare",
           Expect(market_fit="Fail", decision=DEFER), market=("Brazil", "Retail"), tiny=True,
           also=asks(Plea("Retail fair"))),
    Recipe("market_fit_by_vertical", "Brazil, but healthcare: geographic or vertical is enough",
           market=("Brazil", "Healthcare")),
    Recipe("market_fit_declared", "customers without country or industry, footprint declared by a person",
           market=("", ""), regions="EMEA", tiny=True),
    Recipe("no_footprint", "customers without country or industry and nothing declared",
           Expect(market_fit=INSUFFICIENT, decision=PILOT), market=("", ""), tiny=True),
    Recipe("unmapped_footprint", "a country and an industry that no taxonomy knows must be reported",
           Expect(market_fit=None, decision=None), market=("Freedonia", "Zeppelin Repair")),
    Recipe("velocity_and_market_fail", "two gates fail: velocity speaks first",
           Expect(velocity="Fail", market_fit="Fail", decision=ENABLE), quotes=(10, 1), market=("Brazil", "Retail")),
)  # fmt: skip

_GOLDEN_FIVE = (Funded(60000, 20000, 140), Funded(10000, 10000, 190), Funded(90000, 10000, 240))
_TWO = (Funded(40000, 10000, 140), Funded(40000, 10000, 190))
PROOF = (
    Recipe("proof_pooled", "160k over 40k is 4.0 pooled although one of three missed 3:1",
           _proof("Pass", "Fund Demand Gen", pooled="4.0", met="2 of 3", each="Fail", total_cost="2.0 Fail"),
           campaigns=_GOLDEN_FIVE, tiny=True),
    Recipe("proof_fail", "20k from 10k three times is 2.0", _proof("Fail", REWORK, pooled="2.0", met="0 of 3"),
           campaigns=(Funded(20000, 10000, 140), Funded(20000, 10000, 190), Funded(20000, 10000, 240)), tiny=True,
           also=asks(Plea("Round table", motion="Thought Leadership"), Plea("Mail shot"))),
    Recipe("proof_at_three", "exactly 3.0 passes", _proof("Pass", "Fund Demand Gen", pooled="3.0", met="3 of 3"),
           campaigns=(Funded(30000, 10000, 140), Funded(30000, 10000, 190), Funded(30000, 10000, 240))),
    Recipe("proof_below_three", "one cent short of 3:1 fails", _proof("Fail", REWORK, met="2 of 3"),
           campaigns=(Funded("29999.99", 10000, 140), Funded(30000, 10000, 190), Funded(30000, 10000, 240))),
    Recipe("proof_immature_third", "the third campaign ended 20 days ago: two of three have matured",
           _proof(INSUFFICIENT, PILOT, counted=2), campaigns=(Funded(1000, 10000, 20), *_TWO)),
    Recipe("proof_older_third", "the newest has not matured, an older one takes its place",
           _proof("Pass", "Fund Demand Gen", pooled="4.0"),
           campaigns=(Funded(1000, 10000, 20), *_TWO, Funded(40000, 10000, 240))),
    Recipe("proof_matures_today", "the third campaign ended 90 days ago and counts",
           _proof("Pass", "Fund Demand Gen", counted=3), campaigns=(Funded(40000, 10000, 90), *_TWO)),
    Recipe("proof_matures_tomorrow", "the third campaign ended 89 days ago",
           _proof(INSUFFICIENT, PILOT, counted=2), campaigns=(Funded(40000, 10000, 89), *_TWO)),
    Recipe("proof_zero_spend", "50k from nothing spent is no infinite ratio: the campaign is left out",
           _proof(INSUFFICIENT, PILOT, counted=2, excluded="ZERO_SPEND"), campaigns=(*_TWO, Funded(50000, 0, 240))),
    Recipe("proof_no_rate", "spend in Swiss francs, for which the org has no rate",
           _proof(INSUFFICIENT, PILOT, code="FX_RATE_MISSING"),
           campaigns=(*_TWO, Funded(40000, 10000, 240, currency="CHF"))),
    Recipe("proof_in_euro", "spend in euro at the dated rate of each campaign's end",
           _proof("Pass", "Fund Demand Gen"),
           campaigns=(*_TWO, Funded(40000, 8000, 240, currency="EUR"))),
    Recipe("proof_amounts_missing", "2 of 9 credited deals, more than 20 %, have no amount",
           _proof(INSUFFICIENT, PILOT, code="AMOUNT_MISSING"),
           campaigns=(*_TWO, Funded(40000, 10000, 240, empty_amounts=2))),
    Recipe("proof_amounts_nearly_missing", "2 of 10 credited deals, exactly 20 %, have no amount",
           _proof("Pass", "Fund Demand Gen"),
           campaigns=(*_TWO, Funded(40000, 10000, 240, empty_amounts=2, deals=4))),
    Recipe("proof_budget_only", "a planned cost is no evidence of spend",
           _proof(INSUFFICIENT, PILOT), campaigns=(*_TWO, Funded(40000, None, 240, budgeted=10000))),
    Recipe("proof_claim_approved", "the third claim is approved but not paid yet: it stands for the spend",
           _proof("Pass", "Fund Demand Gen", pooled="4.0"),
           campaigns=(*_TWO, Funded(40000, 10000, 240, claim="Approved"))),
    Recipe("proof_request_only", "an approved request without a claim is a promise, no spend",
           _proof(INSUFFICIENT, PILOT), campaigns=(*_TWO, Funded(40000, None, 240, approved=10000))),
)  # fmt: skip

_GAP = Expect(velocity=INSUFFICIENT, proof=INSUFFICIENT, decision=PILOT, symptom="Confidence Gap", lever=SHADOW,
              detail={"demand_gen_allowed": False, "tasks": ["T1", "T2"]})  # fmt: skip
_MEETS = Recipe("confidence_gap", "12 meetings held, not one quote, and a campaign runs", _GAP, quotes=(0, 0), wins=0,
                campaigns=(), meetings=12, regions="EMEA", live=True)  # fmt: skip


def _disguised_meetings(partner: Partner) -> None:
    build, calendar = partner.build, partner.build.calendar
    for at in range(3):
        build.meeting(partner.topic, partner.contact, calendar.at(50 + at), outcome="No Show")
        build.meeting(partner.topic, partner.contact, calendar.at(60 + at), internal=True)
        build.meeting(
            partner.topic, partner.contact, calendar.at(70, 14), calendar_id="cal-one-meeting", child=at > 0
        )


SYMPTOMS = (
    replace(_MEETS, tiny=True),
    replace(_MEETS, key="confidence_at_8", why="8 meetings are enough to say so", meetings=8, live=False,
            expect=replace(_GAP, detail={"demand_gen_allowed": False})),
    replace(_MEETS, key="confidence_below_8", why="7 meetings say nothing", meetings=7, live=False,
            expect=replace(_GAP, symptom=None, lever=None, detail={"confidence_gap": INSUFFICIENT})),
    replace(_MEETS, key="confidence_disguised", meetings=6, live=False, also=_disguised_meetings,
            why="15 calendar entries are 7 meetings: no-shows, internal ones and copies do not count",
            expect=replace(_GAP, symptom=None, lever=None,
                           detail={"confidence_gap": INSUFFICIENT, "meetings": 7})),
    replace(_MEETS, key="confidence_too_soon", why="8 meetings in the last month: the quotes may still come",
            meeting_days=tuple(range(5, 29, 3)), live=False,
            expect=replace(_GAP, symptom=None, lever=None, detail={"meetings": 0})),
    Recipe("strategic_gap", "won deals of half the size of direct ones",
           Expect(symptom="Strategic Gap", lever=LEAD_THOUGHT), scale="0.5", tiny=True),
    Recipe("strategic_not_small", "won deals of three quarters the size of direct ones", scale="0.75"),
    Recipe("strategic_few_wins", "small deals, but only 7 of them",
           Expect(symptom=None, lever=None, detail={"strategic_gap": INSUFFICIENT}), scale="0.5", wins=2),
    Recipe("awareness_gap", "no login and no deal for 100 days",
           Expect(symptom="Awareness Gap", lever=RERECRUIT), quiet=True, logins=(120,), tiny=True),
    Recipe("awareness_never_logged_in", "a portal user who never came, and no deal for 100 days",
           Expect(symptom="Awareness Gap", lever=RERECRUIT), quiet=True, logins=(None,)),
    Recipe("awareness_one_of_two", "one user is away for good, the other came yesterday",
           quiet=True, logins=(400, 1)),
    Recipe("awareness_day_90", "the last login was 90 days ago to the day", Expect(symptom=None, lever=None),
           quiet=True, logins=(90,)),
    Recipe("awareness_registration", "nobody logs in, but a deal was registered 10 days ago",
           Expect(), quiet=True, logins=(), also=lambda partner: _register(partner, 10)),
    Recipe("onboarding", "signed 30 days ago: nothing can be known yet",
           Expect(velocity=INSUFFICIENT, proof=INSUFFICIENT, market_fit="Pass", decision=PILOT, symptom=None,
                  lever="Onboard"),
           agreement=30, quotes=(0, 0), wins=0, campaigns=(), meetings=0, open_deals=False, regions="EMEA",
           tiny=True, also=asks(Plea("First event", 8000, expected=30000))),
    Recipe("several_symptoms", "dormant, and before that meetings without quotes and small deals",
           Expect(velocity=INSUFFICIENT, symptom="Awareness Gap", lever=RERECRUIT, decision=PILOT,
                  detail={"also": ["Confidence Gap", "Strategic Gap"], "demand_gen_allowed": False}),
           quotes=(0, 0), scale="0.5", wins=9, quiet=True, logins=(200,), meeting_days=tuple(range(105, 205, 10))),
)  # fmt: skip


def _register(partner: Partner, days: int) -> None:
    calendar = partner.build.calendar
    partner.build.registration(partner.id, partner.customers[0], partner.topic, calendar.at(days), "Approved")


_WITH = Expect(motion="With-Partner", owner_role="PAM")
_SILENT = Expect(velocity="Not Applicable", decision="Fund Demand Gen", motion=None, owner_role=None)
OWNERSHIP = (
    Recipe("persona_msp", "a managed service provider is transactional", persona="MSP"),
    Recipe("persona_distributor", "a distributor is transactional", persona="Distributor"),
    Recipe("persona_referral", "a referral partner never quotes", replace(_SILENT, motion="Through-Partner",
           owner_role="PMM"), persona="Referral", quotes=(0, 0), meetings=0),
    Recipe("persona_gsi", "a global integrator: the account manager owns the relationship",
           replace(_WITH, velocity=None), persona="GSI", owner="pam2", tiny=True),
    Recipe("persona_alliance", "an alliance is strategic", replace(_WITH, velocity=None), persona="Alliance"),
    Recipe("persona_si", "an integrator is strategic", _WITH, persona="SI"),
    Recipe("persona_isv", "a software vendor never quotes; marked strategic", replace(_SILENT, motion="With-Partner",
           owner_role="PAM"), persona="ISV", strategic=True, quotes=(0, 0), meetings=0),
    Recipe("persona_agency", "an agency, not marked strategic", persona="Agency"),
    Recipe("persona_agency_strategic", "an agency marked strategic", _WITH, persona="Agency", strategic=True),
    Recipe("persona_two_roles", "VAR and GSI without a primary: strategic wins", replace(_WITH, velocity=None),
           persona="VAR;GSI"),
    Recipe("persona_unmapped", "nobody said what kind of partner it is",
           Expect(motion="Unmapped", owner_role=None, detail={"tasks": []}), persona="", tiny=True),
    Recipe("pam_left", "the account manager left: the manager takes over",
           replace(_WITH, velocity=None, detail={"owner": "manager", "owner_step": "manager"}), persona="GSI",
           owner="pam_left"),
    Recipe("pam_left_alone", "the account manager left and had no manager: the queue takes over",
           replace(_WITH, velocity=None, detail={"owner_step": "fallback"}), persona="GSI", owner="pam_alone"),
    Recipe("no_marketer", "nobody markets with this partner", Expect(detail={"owner_step": "fallback"}), marketer=""),
)  # fmt: skip

PEOPLE_SAY = (
    Recipe("override_valid", "velocity fails, but a director funds demand generation for another 30 days",
           Expect(velocity="Overridden", decision="Fund Demand Gen",
                  detail={"overridden": True, "computed": ENABLE, "computed_velocity": "Fail"}),
           quotes=(10, 1), override=("Fund Demand Gen", "Launch partner of the new region", 30), tiny=True),
    Recipe("override_last_day", "the override holds on its last day",
           Expect(velocity="Overridden", decision="Fund Demand Gen",
                  detail={"overridden": True, "computed": ENABLE, "computed_velocity": "Fail"}),
           quotes=(10, 1), override=("Fund Demand Gen", "Launch partner of the new region", 0)),
    Recipe("override_expired", "the override ended yesterday: the computed decision applies",
           Expect(velocity="Fail", decision=ENABLE, detail={"overridden": False, "tasks": ["T11"]}),
           quotes=(10, 1), override=("Fund Demand Gen", "Launch partner of the new region", -1)),
    Recipe("excluded", "a person took this partner out of scoring",
           Expect(None, None, None, None, None, None, None, None, {"excluded": True}), excluded=True),
    Recipe("live_against_velocity", "demand generation runs while velocity fails",
           Expect(velocity="Fail", decision=ENABLE, detail={"demand_gen_allowed": False, "tasks": ["T1"],
                                                            "audit": "D1", "amount": "15000.00"}),
           quotes=(10, 1), live=True),
    Recipe("request_waiting", "a fund request waits for a decision", Expect(detail={"tasks": ["T5"]}),
           also=asks(Plea("Spring webinar", 8000, expected=None, conversion="", match="", starts=None))),
)  # fmt: skip

SCENARIOS = (*VELOCITY, *MARKET_FIT, *PROOF, *SYMPTOMS, *OWNERSHIP, *PEOPLE_SAY)
