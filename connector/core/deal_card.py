"""Which fields stand on an opportunity record, and what should each hold?

Added up over opportunities they equal the partners' own fields, so that a report of the CRM reproduces every number.
"""

from __future__ import annotations

from collections.abc import Callable

from connector.core.credit import INFLUENCED, SOURCED, Credited, CreditType, DealCredit
from connector.core.fields import Maker, ScoreField, Value
from connector.core.figures import plain
from connector.core.policy import Attribution
from connector.core.records import Kind

_ON = Maker("opportunities")

DEAL_FIELDS: tuple[ScoreField, ...] = (
    _ON.words(
        "Partner_Credit_Type",
        "Partner Credit",
        "What partners are to this deal.",
        tuple(kind.value for kind in CreditType),
    ),
    _ON.link("Sourcing_Partner", "Sourcing Partner", "The one partner that brought the deal.", "partners"),
    _ON.text("Influencing_Partners", "Influencing Partners", "Partners with enough dated evidence.", 255),
    _ON.number("Influence_Evidence_Count", "Influence Evidence", "Pieces of evidence of influence.", 9, 0),
    _ON.money("Sourced_Amount", "Sourced Amount", "The amount, when a partner sourced the deal."),
    _ON.money("Influenced_Amount", "Influenced Amount", "The influencing partners' shares together."),
    _ON.plain("Credit_Locked_At", "Sourcing Locked At", "Later only a dispute changes who sourced.", Kind.INSTANT),
    _ON.text("Credit_Reason", "Credit Reason", "Why, in the codes that `pmom explain` spells out.", 255),
    _ON.number("Credit_Version", "Credit Version", "How often the credit was settled.", 9, 0),
    _ON.version(),
    _ON.human(
        "Credit_Dispute",
        "Credit: Dispute",
        "Open: somebody disputes it. Reassess: settle it anew in spite of the lock.",
        options=("Open", "Reassess"),
    ),
    _ON.human("Credit_Dispute_Reason", "Credit: Dispute Reason", "Why it is disputed or settled anew.", length=255),
)


def deal_card(
    credit: DealCredit, rules: Attribution, policy_version: str, called: Callable[[str], str | None]
) -> tuple[tuple[str, Value], ...]:
    """Every machine field with the value that it should hold.

    `called`: a partner's id -> its name; None for one that is no partner any more: a CRM refuses a link to a record
    that is gone, so its id stands in the reason only.
    """
    influenced, source = credit.of(INFLUENCED), credit.source
    gone = source is not None and called(source) is None
    return (
        ("Partner_Credit_Type", credit.type.value),
        ("Sourcing_Partner", None if gone else source),
        ("Influencing_Partners", ", ".join(_shown(each, called) for each in influenced) or None),
        ("Influence_Evidence_Count", sum(each.part.pieces for each in influenced)),
        ("Sourced_Amount", credit.amount(SOURCED)),
        ("Influenced_Amount", credit.amount(INFLUENCED)),
        ("Credit_Locked_At", credit.sourcing_locks_at(rules.sourced_lock_days)),
        ("Credit_Reason", "; ".join([_reason(credit), *([f"PARTNER_GONE {source}"] if gone else [])])),
        ("Credit_Version", credit.version),
        ("Policy_Version", policy_version),
    )


def _shown(each: Credited, called: Callable[[str], str | None]) -> str:
    amount = "" if each.amount is None else f" ({plain(each.amount)})"
    return f"{called(each.part.partner_id) or each.part.partner_id}{amount}"


def _reason(credit: DealCredit) -> str:
    said = dict.fromkeys(f"{each.part.role}.{each.part.reason}" for each in credit.credited)
    lacking = dict.fromkeys(each.lacking for each in credit.credited if each.lacking)
    words = [*said, *lacking, *(["DISPUTE_OPEN"] if credit.disputed else [])]
    return "; ".join(words) or "NO_EVIDENCE"
