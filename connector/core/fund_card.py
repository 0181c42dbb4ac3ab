"""Which fields stand on a fund request's record, and what should each hold?"""

from __future__ import annotations

from connector.core.fields import Maker, ScoreField, Value
from connector.core.funding import Funding, FundingDecision

FUND_REQUESTS = "fund_requests"
_LONGEST = 1_000
_ON = Maker(FUND_REQUESTS)

FUND_FIELDS: tuple[ScoreField, ...] = (
    _ON.words(
        "Funding_Decision",
        "Funding Decision",
        "What is proposed; people approve.",
        tuple(decision.value for decision in Funding),
    ),
    _ON.text("Decision_Reason", "Decision Reason", "Why, and what is missing.", _LONGEST, long=True),
    _ON.money("Funding_Cap", "Funding Cap", "The most that is proposed when it is capped."),
    _ON.version(),
)


def fund_card(decided: FundingDecision, policy_version: str) -> tuple[tuple[str, Value], ...]:
    """Every machine field with the value that it should hold."""
    why = decided.why
    return (
        ("Funding_Decision", decided.decision.value),
        ("Decision_Reason", why if len(why) <= _LONGEST else f"{why[: _LONGEST - 4]} ..."),
        ("Funding_Cap", decided.cap),
        ("Policy_Version", policy_version),
    )
