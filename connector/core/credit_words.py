"""In which words does a partner's decision tell what the partner is credited with?"""

from __future__ import annotations

from connector.core.credit import CreditSums
from connector.core.facts import Unknown
from connector.core.figures import money


def credit_story(held: CreditSums | Unknown | None, currency: str) -> tuple[str, ...]:
    """A line each: what was sourced, influenced and touched, with n, window and policy key; what is unknown."""
    if held is None:
        return ()
    if isinstance(held, Unknown):
        missing = f" ({held.missing})" if held.missing else ""
        return (f"Credit: insufficient evidence, {held.code}{missing} [attribution].",)
    window = f"closed since {held.since} [attribution.won_days]"
    lines = [
        f"Sourced: {money(held.sourced_won, currency)} won over {_deals(held.sourced_count)} {window}; "
        f"{money(held.sourced_open, currency)} open over {_deals(held.open_count)}.",
        f"Influenced: {money(held.influenced_won, currency)} won, its shares of {_deals(held.influenced_count)}; "
        f"touched {money(held.touched_won, currency)}, whole opportunities, which overlap between partners.",
    ]
    if held.unknown:
        lines.append(f"  {_deals(held.unknown)} credited without an amount, in no figure.")
    if held.evidence:
        lines.append(f"  Evidence: {', '.join(held.evidence)}.")
    return tuple(lines)


def _deals(count: int) -> str:
    return f"{count:,} opportunit{'y' if count == 1 else 'ies'}"
