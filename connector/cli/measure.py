"""Do partners close faster than direct, by which definition, and who of many does? As tables and as JSON."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from connector.cli.console import Voice, plain
from connector.cli.tables import MOST_ROWS, Column, Fitted, counted, cut
from connector.cli.words import AsOf
from connector.core.cycle_words import DEFINITION_WORDS, cycle_story
from connector.errors import Misconfigured

if TYPE_CHECKING:
    from connector.facts.cycle_report import CycleReport, Found, Line, Side
    from connector.sync.context import Context


class Speaking(Protocol):
    """Whatever knows how answers are given."""

    voice: Voice


class Opened(Protocol):
    """Opens the workspace."""

    def __call__(self) -> AbstractContextManager[Any]:
        """The context of the opened workspace."""
        ...


def register(app: typer.Typer, state: Speaking, opened: Opened) -> None:
    """Add `measure` to the commands."""

    @app.command()
    def measure(
        partner: Annotated[
            str | None, typer.Argument(help="A partner's id, name, or the beginning of its name; without: all.")
        ] = None,
        as_of: AsOf = None,
    ) -> None:
        """Compare cycle times with direct ones by all six named definitions, side by side with n.

        The answer changes with the definition, often its sign: means and medians compare different deals, and call
        a partner with no effect 15 % faster more often than not. The one written to partner records is the policy's
        \\[cycle_time.definition].

        Without a partner, those that are faster are listed so that few of them are there by chance
        \\[cycle_time.false_discovery_rate]. An association, not causal. Reads the last pull; writes nothing.
        """
        from connector.sync.decide import pulled

        with opened() as ctx:
            pulled(ctx)
            report = _report(ctx, partner, as_of)
        state.voice.answer(**as_json(report))
        state.voice.show(as_tables(report))


def _report(ctx: Context, partner: str | None, as_of: Any) -> CycleReport:
    from connector.cli.explain_partner import partner_named
    from connector.facts.cycle_report import cycle_report
    from connector.sync.decide import moment

    chosen = None if partner is None else partner_named(ctx, partner, "measure")
    try:
        return cycle_report(ctx.mirror, ctx.policy, moment(ctx, as_of or ctx.today()), chosen)
    except KeyError:
        raise Misconfigured(
            "measure",
            f"{partner} stands on no opportunity of the window",
            "Look at cycle_time.window_days and cycle_time.partner_side in the policy.",
        ) from None


def as_json(report: CycleReport) -> dict[str, Any]:
    """Everything as plain values; shares are fractions, unknown ones null."""
    return {
        "group": report.name,
        "definition": report.definition,
        "since": report.since.isoformat(),
        "until": report.until.isoformat(),
        "definitions": [_line_json(line, report.definition) for line in report.lines],
        "partner_side": _side_json(report.group),
        "direct_side": _side_json(report.direct),
        "log_rank_chance": report.alike,
        "verdict": None if report.cycle is None else {"status": report.cycle.status.value, "code": report.cycle.code},
        "faster": [_found_json(each) for each in report.faster],
        "partners": report.partners,
        "judged": report.judged,
        "causal": False,
    }


def _line_json(line: Line, used: str) -> dict[str, Any]:
    return {
        "definition": line.definition,
        "used": line.definition == used,
        "delta": None if line.ratio is None else 1 - line.ratio,
        "low": None if line.high is None else 1 - line.high,
        "high": None if line.low is None else 1 - line.low,
        "chance_faster": line.chance_faster,
        "chance_claimed": line.chance_claimed,
        "n": line.n,
        "won": line.wins,
        "direct_n": line.direct_n,
        "direct_won": line.direct_wins,
    }


def _side_json(side: Side) -> dict[str, Any]:
    return {
        "n": side.n,
        "won": side.won,
        "lost": side.lost,
        "open": side.open,
        "win_rate": side.win_rate,
        "won_by": list(side.won_by),
        "mean_days_to_loss": side.lost_days,
    }


def _found_json(each: Found) -> dict[str, Any]:
    fact = each.cycle.fact
    return {
        "partner_id": each.partner_id,
        "name": each.name,
        "delta": None if each.cycle.delta is None else str(each.cycle.delta),
        "status": each.cycle.status.value,
        "n": fact.n,
        "won": fact.wins,
        "false_discovery_rate": each.rate,
        "listed": each.listed,
    }


def as_tables(report: CycleReport) -> RenderableType:
    """The definitions side by side, what became of both sides, and who stands out."""
    days = (report.until - report.since).days
    shown: list[RenderableType] = [
        _definitions(report, f"{plain(report.name)} against direct, started within {days} days"),
        Text("* by the policy [cycle_time.definition]. An association, not causal.", style="dim"),
        "",
        _sides(report),
        "",
    ]
    if report.cycle is not None:
        shown.append(Text("\n".join(cycle_story(report.cycle))))
    else:
        shown.append(_faster(report))
    return Group(*shown)


def _definitions(report: CycleReport, title: str) -> RenderableType:
    """The definitions side by side; what each compares stands below, where words have room."""
    columns = (
        Column("definition", whole=True), Column("faster by", right=True), Column("interval", right=True),
        Column("P(faster)", right=True), Column("P(as claimed)", right=True, spare=2), Column("n", right=True),
        Column("won", right=True), Column("direct n", right=True), Column("direct won", right=True, spare=1),
    )  # fmt: skip
    rows = []
    for line in report.lines:
        mark = " *" if line.definition == report.definition else ""
        rows.append((
            f"{line.definition}{mark}",
            _percent(None if line.ratio is None else 1 - line.ratio),
            _interval(line.low, line.high),
            _chance(line.chance_faster),
            _chance(line.chance_claimed),
            *(f"{number:,}" for number in (line.n, line.wins, line.direct_n, line.direct_wins)),
        ))  # fmt: skip
    said = [Text(f"{line.definition}: {DEFINITION_WORDS[line.definition]}.", style="dim") for line in report.lines]
    return Group(Fitted(title, columns, rows), *said)


def _interval(low: float | None, high: float | None) -> str:
    """Of the ratio of times, as how much faster: its ends change places."""
    return "" if low is None or high is None else f"{100 * (1 - high):.1f} to {_percent(1 - low)}"


def _sides(report: CycleReport) -> RenderableType:
    numbers = ("n", "won", "lost", "open", "win rate", "won by day 90", "by day 180", "mean days to a loss")
    rows = []
    for name, side in ((plain(report.name), report.group), ("direct", report.direct)):
        by = [_percent(share) for share in side.won_by] or ["", ""]
        lost = "" if side.lost_days is None else f"{side.lost_days:.0f}"
        counts = (f"{number:,}" for number in (side.n, side.won, side.lost, side.open))
        rows.append((name, *counts, _percent(side.win_rate), *by, lost))
    columns = (Column("side", least=10), *(Column(name, right=True) for name in numbers))
    return Fitted("Beside it, because who loses fast looks fast", columns, rows)


def _faster(report: CycleReport) -> RenderableType:
    listed = [each for each in report.faster if each.listed]
    judged = f"of {report.judged:,} that can be judged \\[cycle_time.false_discovery_rate]"
    title = f"{counted(len(listed), 'partner')} faster than direct, {judged}"
    if not listed:
        return f"{title}."
    numbers = ("faster by", "n", "won", "false-discovery rate")
    columns = (
        Column("partner", least=20),
        *(Column(name, right=True) for name in numbers),
        Column("status", spare=1, whole=True),
    )
    rows = []
    for each in listed[:MOST_ROWS]:
        fact = each.cycle.fact
        delta = None if each.cycle.delta is None else float(each.cycle.delta)
        figures = (_percent(delta), f"{fact.n:,}", f"{fact.wins:,}", f"{each.rate:.3f}")
        rows.append((plain(each.name), *figures, each.cycle.status.value))
    return cut(Fitted(title, columns, rows), len(rows), len(listed), "partners")


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share * 100:.1f} %"


def _chance(share: float | None) -> str:
    """Never rounded to certainty."""
    if share is None or 0.001 <= share <= 0.999:
        return _percent(share)
    return "> 99.9 %" if share > 0.5 else "< 0.1 %"
