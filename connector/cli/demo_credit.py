"""How is credit shown in the demo: sums that add up to what was won, and every story's opportunity in both CRMs?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from rich.table import Table

from connector.cli import show
from connector.cli.console import plain
from connector.core.credit import INFLUENCED, SOURCED, DealCredit
from connector.facts.bookings import Bookings
from connector.sync.context import Context
from connector.sync.credit import deal_credits

_NAMES = {
    "sourced": "sourced by a partner",
    "influenced": "not sourced, influenced by partners",
    "direct": "direct: neither",
}


@dataclass(frozen=True, slots=True)
class Told:
    """One opportunity with a story: what was expected and what was settled."""

    scenario: str
    why: str
    expected: tuple[Any, ...]
    found: tuple[Any, ...]
    differs: str  # why this CRM cannot know what the other does; empty when it can

    @property
    def as_expected(self) -> bool:
        """Whether the credit is what a careful reader expects in this CRM."""
        return self.expected == self.found

    @property
    def shown(self) -> str:
        """The credit in a word and its amounts."""
        kind, _, sourced, influenced = self.found
        parts = [f"{Decimal(sourced):,.0f} sourced"] if sourced else []
        parts += [f"{sum(Decimal(amount) for _, amount in influenced):,.0f} influenced"] if influenced else []
        amounts = f" ({', '.join(parts)})" if parts else ""
        return f"{kind or 'none'}{amounts}"


def told(ctx: Context, stories: Sequence[Mapping[str, Any]]) -> list[Told]:
    """The stories with what is settled about each; a world without such opportunities has none."""
    credits = {each.opportunity_id: each for each in deal_credits(ctx, [story["id"] for story in stories])}
    return [
        Told(
            story["scenario"],
            story["why"],
            _expected(story),
            _found(credits.get(story["id"])),
            story.get("hubspot", {}).get("why", "") if ctx.fieldmap.name == "hubspot" else "",
        )
        for story in stories
    ]


def _expected(story: Mapping[str, Any]) -> tuple[Any, ...]:
    credit = story["credit"]
    shares = tuple(sorted((who, amount) for who, amount in credit["influenced"]))
    return credit["type"], credit["source"], credit["sourced"], shares


def _found(credit: DealCredit | None) -> tuple[Any, ...]:
    if credit is None:
        return "", "", "", ()
    shares = tuple(sorted((each.part.partner_id, str(each.amount)) for each in credit.of(INFLUENCED)))
    source = credit.source or ""
    return credit.type.value, source, str(credit.amount(SOURCED)) if source else "", shares


def sums_table(found: Sequence[tuple[str, Bookings]]) -> Table:
    """What was won, by class, a pair of columns a CRM."""
    first = found[0][1]
    title = plain(f"Won {first.since} to {first.until}, {first.currency} [attribution.won_days]")
    columns = [part for name, _ in found for part in (name, "n")]
    made = show.plain_table(title, "class", *columns)
    for at, (name, _) in enumerate(first.parts):
        parts = [each.parts[at][1] for _, each in found]
        made.add_row(_NAMES[name], *(word for part in parts for word in (f"{part.amount:,.2f}", f"{part.count:,}")))
    wholes = [each.whole for _, each in found]
    made.add_row("won", *(word for part in wholes for word in (f"{part.amount:,.2f}", f"{part.count:,}")))
    made.add_row("(beside: shares of all influence)", *(w for _, each in found for w in (f"{each.shares:,.2f}", "")))
    return made


def stories_table(titles: Sequence[str], found: Sequence[Sequence[Told]]) -> Table:
    """One row a story, with what stands on the opportunity in each CRM."""
    made = show.plain_table("Opportunities with a story", "story", "what happened", *titles)
    for row in zip(*found, strict=True):
        made.add_row(row[0].scenario.removeprefix("credit_"), row[0].why, *(each.shown for each in row))
    return made


def differences(title: str, found: Sequence[Told]) -> Iterator[str]:
    """Where that CRM cannot know what the other does, and why."""
    for each in found:
        if each.differs:
            yield f"{title} differs on {each.scenario.removeprefix('credit_')}: {each.differs}."
    yield f"{title} shows no campaign's members and dates no label, so less influence can be proven there."
