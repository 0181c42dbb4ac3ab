"""Why is an opportunity credited to whom, and what would change that? In sentences, from what decided it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from connector.core.credit import DISPUTED, INFLUENCED, SOURCED, Credited, DealCredit
from connector.core.figures import plain
from connector.core.policy import Attribution

Named = Callable[[str], str]
"""A partner's id -> its name."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A registration or referral on the opportunity; `code` is "HELD" or the first thing that speaks against it."""

    partner_id: str
    kind: str
    source_id: str
    submitted_at: datetime
    code: str


@dataclass(frozen=True, slots=True)
class Piece:
    """One dated piece of evidence of influence, at the close or now."""

    partner_id: str
    kind: str
    source_id: str
    day: date
    strong: bool


@dataclass(frozen=True, slots=True)
class Version:
    """When a version came, under which policy, why, and what a person said to it."""

    number: int
    as_of: date
    policy_version: str
    reason: str
    words: str = ""


@dataclass(frozen=True, slots=True)
class Records:
    """What the records say about one opportunity on the day of the last decisions."""

    claims: tuple[Claim, ...]
    pieces: tuple[Piece, ...]
    versions: tuple[Version, ...]  # newest first
    close_date: date | None  # of a closed one
    rate_day: date
    day: date


def credit_story(held: DealCredit, records: Records, rules: Attribution, called: Named) -> tuple[str, ...]:
    """Lines; those that begin with two blanks belong to the line before. Each number carries its policy key."""
    return (
        f"Partner credit: {held.type.value} ({f'version {held.version}' if held.version else 'not kept yet'}).",
        *_sourcing(held, records, rules, called),
        *_influence(held, records, rules, called),
        *_locks(held, records, rules),
        *_versions(records.versions),
    )


def _amount(each: Credited, records: Records) -> str:
    if each.amount is None:
        return f"amount unknown: {_LACKING.get(each.lacking, each.lacking)}"
    return f"{plain(each.amount)} in the corporate currency at the rate of {records.rate_day}"


_LACKING = {
    "AMOUNT_MISSING": "the opportunity has none",
    "FX_RATE_MISSING": "its currency has no rate on that day",
    "SHARES_OVER_100": "the agreed shares add up to more than 100 percent",
}


def _sourcing(held: DealCredit, records: Records, rules: Attribution, called: Named) -> Iterator[str]:
    source, tied = held.of(SOURCED), held.of(DISPUTED)
    if source:
        yield f"Sourced by {called(source[0].part.partner_id)}: {_amount(source[0], records)}."
    elif tied:
        names = " and ".join(called(each.part.partner_id) for each in tied)
        yield f"Disputed: {names} claimed it at the same moment, so nobody is credited."
    else:
        yield "Sourced by nobody: it counts as our own."
    if held.disputed:
        yield "A person disputes it (Credit: Dispute is Open); the figures stand until it is set to Reassess."
    for claim in sorted(records.claims, key=lambda c: (c.submitted_at, c.source_id)):
        who = (
            f"{called(claim.partner_id)}'s {claim.kind} {claim.source_id} of {claim.submitted_at:%Y-%m-%d %H:%M} UTC"
        )
        yield f"  {who}: {_verdict(claim.code, rules)}."
        if claim.code != "HELD":
            yield f"  What would make {called(claim.partner_id)} the source: {_remedy(claim.code)}."
    if not records.claims:
        yield "  No registration or accepted referral claims it."


def _verdict(code: str, rules: Attribution) -> str:
    extension = f"attribution.window_days = {rules.window_days}, extension_days = {rules.extension_days}"
    said = {
        "HELD": "nothing speaks against it; the earliest such claim counts",
        "LATE_SUBMISSION": "submitted more than the days of grace after the opening"
        f" [attribution.grace_days = {rules.grace_days}]",
        "LATE_APPROVAL": "approved only after the sourcing was final"
        f" [attribution.sourced_lock_days = {rules.sourced_lock_days}]",
        "EXPIRED": f"no longer in force when the opportunity was opened [{extension}]",
        "PRIOR_DEAL": "another opportunity of the customer was open without this partner"
        f" [attribution.prior_activity = {rules.prior_activity}]",
        "PRIOR_ACTIVITY": "somebody else was active at the customer in the days before"
        f" [attribution.lookback_days = {rules.lookback_days}, prior_activity = {rules.prior_activity}]",
    }
    return said.get(code, code)


def _remedy(code: str) -> str:
    return {
        "LATE_SUBMISSION": "only an earlier submission on record",
        "LATE_APPROVAL": "only an earlier approval on record",
        "EXPIRED": "an expiry date on the registration that covers the opening, within the extension",
        "PRIOR_DEAL": "a record that it stands on that other opportunity too",
        "PRIOR_ACTIVITY": "a record that those activities were its own",
    }.get(code, "an earlier claim that holds") + "; once the sourcing is final, with Credit: Dispute on Reassess"


def _influence(held: DealCredit, records: Records, rules: Attribution, called: Named) -> Iterator[str]:
    influencers = {each.part.partner_id: each for each in held.of(INFLUENCED)}
    if not influencers:
        yield "Influenced by nobody with enough evidence."
    others = sorted({piece.partner_id for piece in records.pieces} - set(influencers), key=called)
    for partner, each in influencers.items():
        how = "a share agreed in writing" if each.part.agreed is not None else _counted(records, partner)
        yield f"Influenced by {called(partner)} ({how}): {_amount(each, records)}."
        yield from _listed(records.pieces, partner)
        left = [id_ for id_ in each.part.evidence if id_ not in {p.source_id for p in records.pieces}]
        if left:
            yield f"  Final on what was on record then: {', '.join(left)}."
    claiming = {each.part.partner_id for each in held.credited if each.part.role != INFLUENCED}
    for partner in others:
        if partner in claiming:
            yield f"{called(partner)} helped too, and who claims the sourcing is not credited with influence beside."
        else:
            need = f"attribution.min_strong = {rules.min_strong}, min_weak_days = {rules.min_weak_days}"
            yield f"Not enough from {called(partner)}: {_counted(records, partner)} [{need}]."
        yield from _listed(records.pieces, partner)


def _counted(records: Records, partner: str) -> str:
    ours = [piece for piece in records.pieces if piece.partner_id == partner]
    strong = len({piece.source_id for piece in ours if piece.strong})
    weak = len({piece.day for piece in ours if not piece.strong})
    return f"{strong} strong, weak evidence on {weak} day{'' if weak == 1 else 's'}"


def _listed(pieces: Sequence[Piece], partner: str) -> Iterator[str]:
    for piece in sorted(pieces, key=lambda p: (p.day, p.source_id)):
        if piece.partner_id == partner:
            yield f"  {piece.day} {piece.kind} ({'strong' if piece.strong else 'weak'}), {piece.source_id}"


def _locks(held: DealCredit, records: Records, rules: Attribution) -> Iterator[str]:
    at = held.sourcing_locks_at(rules.sourced_lock_days)
    tense = "is final since" if at.date() <= records.day else "becomes final on"
    yield f"Who sourced it {tense} {at:%Y-%m-%d} [attribution.sourced_lock_days = {rules.sourced_lock_days}]."
    key = f"[attribution.influence_lock_days = {rules.influence_lock_days}]"
    if records.close_date is None:
        yield f"Influence is final once it is closed {key}; until then evidence counts."
    else:
        yield f"It closed on {records.close_date}: what was written down later is no influence {key}."


_REASONS = {
    "first": "first credit",
    "evidence": "the records changed",
    "policy": "the policy changed",
    "merged": "partners were merged",
    "reassessed": "a person had it settled anew",
    "gone": "the opportunity is gone or gives no credit any more",
}


def _versions(versions: Sequence[Version]) -> Iterator[str]:
    for each in versions:
        words = f': "{each.words}"' if each.words else ""
        reason = _REASONS.get(each.reason, each.reason)
        yield f"Version {each.number}, {each.as_of}, policy {each.policy_version}: {reason}{words}."
