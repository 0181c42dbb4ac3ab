"""How is a proposed split of a budget shown to the people who decide about it?"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import asdict
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.text import Text

from connector.cli.tables import MOST_ROWS, Column, Fitted, counted, cut, plain_table
from connector.core.decisions import FUNDED_MOTIONS
from connector.core.figures import money

if TYPE_CHECKING:
    from connector.cli.console import Voice
    from connector.sync.allocate import Moved, Proposal
    from connector.sync.context import Context

_SENTENCE = Decimal(1000)
"""The amount that the marginal return is told for."""

_MOST_CHANGES = 5


class _Desk(Protocol):
    @property
    def voice(self) -> Voice: ...


def _amount(text: str) -> Decimal:
    """An amount of money as people type it: `250000`, `250,000` or `250k`."""
    plain = text.strip().replace(",", "").replace("_", "").lower()
    factor = {"k": 1_000, "m": 1_000_000}.get(plain[-1:], 1)
    try:
        amount = Decimal(plain.rstrip("km")) * factor
    except InvalidOperation:
        raise typer.BadParameter(f"{text!r} is no amount; write 250000 or 250k") from None
    if not amount.is_finite() or amount <= 0:
        raise typer.BadParameter(f"{text!r} is no amount above zero")
    return amount


def _motion(text: str) -> str:
    found = next((motion for motion in FUNDED_MOTIONS if motion.casefold() == text.strip().casefold()), None)
    if found is None:
        raise typer.BadParameter(f"{text!r} is no motion; there are {', '.join(FUNDED_MOTIONS)}")
    return found


def register(app: typer.Typer, desk: _Desk, opened: Any) -> None:
    """Add `allocate` to the commands. `opened()` gives the workspace's context."""

    @app.command()
    def allocate(
        budget: Annotated[
            Decimal,
            typer.Option("--budget", "-b", parser=_amount, metavar="AMOUNT", help="To split: 250000 or 250k."),
        ],
        motion: Annotated[
            list[str] | None,
            typer.Option(
                "--motion", "-m", parser=_motion, metavar="MOTION", help="Only this motion; may be repeated."
            ),
        ] = None,
        increment: Annotated[
            Decimal | None,
            typer.Option(
                "--increment", parser=_amount, metavar="AMOUNT", help="The smallest amount \\[allocation.increment]."
            ),
        ] = None,
    ) -> None:
        """Propose how to split a budget over partners and motions, from what their campaigns brought.

        The latest decisions say who may get money for what, the policy the hurdle and the caps.

        It proposes: nothing is written to the CRM, and people decide.
        """
        from connector.sync.allocate import propose

        work: AbstractContextManager[Context] = opened()
        with work as ctx:
            found = propose(ctx, budget, motions=tuple(dict.fromkeys(motion or ())), increment=increment)
        desk.voice.answer(**as_json(found))
        desk.voice.show(as_text(found))


def as_json(found: Proposal) -> dict[str, Any]:
    """The whole proposal; amounts are texts, so that no digit is lost."""
    told: dict[str, Any] = _plain(asdict(found))
    return {**told, "sentence": sentence(found)}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value if isinstance(value, bool | int | str | None) else str(value)


def sentence(found: Proposal) -> str:
    """What the next amount would bring, for the person who signs the budget."""
    if not found.campaigns:
        return "No campaign was counted yet, so there is no return to allocate by: fund pilots first."
    if found.marginal <= 0:
        return (
            f"More budget would stay unspent: no line with room left is expected to reach the hurdle "
            f"[allocation.hurdle] as of {found.as_of}."
        )
    brought = money(found.marginal * _SENTENCE, found.currency)
    return (
        f"The next {money(_SENTENCE, found.currency)} would bring about {brought} of pipeline "
        f"({found.marginal}:1, from {counted(found.campaigns, 'campaign')} as of {found.as_of})."
    )


def as_text(found: Proposal) -> RenderableType:
    """Tables and sentences for a terminal."""
    return Group(
        _lines(found), Text(""), *(Text(line) for line in (_sum(found), sentence(found), *_notes(found))),
        *(Text(_moved(move, found)) for move in (found.less, found.more) if move is not None),
        Text(""), _left_out(found),
        Text("A proposal: nothing was written. People decide.", style="dim"),
    )  # fmt: skip


def _lines(found: Proposal) -> RenderableType:
    columns = (
        Column("partner", least=20),
        Column("motion", least=12),
        Column("amount", right=True),
        Column("expected pipeline", right=True),
        Column("interval", least=18, right=True, spare=1),
        Column("first", right=True, spare=2),
        Column("next", right=True, spare=3),
        Column("observed", right=True, spare=4),
        Column("campaigns", right=True),
        Column("", spare=5),
    )
    rows = [
        (
            _one_line(line.name), line.motion, f"{line.amount:,.0f}", f"{line.pipeline:,.0f}",
            f"{line.low:,.0f} to {line.high:,.0f}", f"{line.ratio:.1f}:1", f"{line.next_ratio:.1f}:1",
            "-" if line.observed is None else f"{line.observed:.1f}:1", str(line.campaigns),
            "exploring" if line.exploring else "",
        )
        for line in found.lines[:MOST_ROWS]
    ]  # fmt: skip
    title = f"{money(found.budget, found.currency)} in increments of {money(found.increment, found.currency)}"
    return cut(Fitted(title, columns, rows), len(rows), len(found.lines), "lines")


def _one_line(name: str) -> str:
    """A name as it fits a row: names may hold line breaks, and brackets that are no markup."""
    return escape(" ".join(name.split()))


def _sum(found: Proposal) -> str:
    left = found.budget - found.spent
    spent = f"{money(found.spent, found.currency)} in {counted(len(found.lines), 'line')}"
    tried = f"{money(found.explored, found.currency)} of it exploring [allocation.exploration]"
    brought = (
        f"expected pipeline {money(found.pipeline, found.currency)} "
        f"({found.low:,.0f} to {found.high:,.0f} [allocation.interval])"
    )
    return f"{spent}, {tried}; {brought}; {money(left, found.currency)} stay unspent."


def _notes(found: Proposal) -> list[str]:
    notes = []
    if found.limits:
        more = f" and {len(found.limits) - _MOST_CHANGES} more" if len(found.limits) > _MOST_CHANGES else ""
        notes.append(f"Caps used up: {', '.join(found.limits[:_MOST_CHANGES])}{more}.")
    if found.ignored:
        notes.append(
            f"{counted(found.ignored, 'campaign')} left out for want of amounts [track_record.max_missing_amounts]."
        )
    if not found.exact:
        notes.append(
            "The caps cross each other: the split is the linear programme's, rounded down to whole increments."
        )
    return notes


def _moved(move: Moved, found: Proposal) -> str:
    by = "less" if move.budget < found.budget else "more"
    gain = move.pipeline - found.pipeline
    changes = ", ".join(f"{name} {motion} {amount:+,.0f}" for name, motion, amount in move.changes[:_MOST_CHANGES])
    more = len(move.changes) - _MOST_CHANGES
    listed = f" ({changes}{f', and {more} more' if more > 0 else ''})" if changes else ""
    return (
        f"With 10 % {by} ({money(move.budget, found.currency)}): {gain:+,.0f} {found.currency} of pipeline{listed}."
    )


def _left_out(found: Proposal) -> RenderableType:
    table = plain_table("Without money", "partner", "reason", "why")
    for each in found.left_out[:MOST_ROWS]:
        table.add_row(_one_line(each.name), each.code, escape(each.said))
    shown = min(len(found.left_out), MOST_ROWS)
    return cut(table, shown, len(found.left_out), "partners") if found.left_out else Text("")
