"""What a person may ask of a policy: what it says, in what two differ, whether it holds, and what it would change."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from connector.cli.console import Voice, clean, plain
from connector.cli.tables import MOST_ROWS, Column, Fitted, counted, cut
from connector.cli.words import AsOf
from connector.errors import Misused

if TYPE_CHECKING:  # `pmom --help` must not wait for the libraries behind these
    from connector.config.policy import MatrixProblem
    from connector.config.policy_document import Differing, Said
    from connector.core.backtest import Backtest, Money, Moved


class Speaking(Protocol):
    """What the options before the command said."""

    config: Path
    voice: Voice


Opened = Callable[[], AbstractContextManager[Any]]

Named = Annotated[
    str | None, typer.Option("--policy", "-p", help="A shipped name or a file; else the settings' own.")
]


def register(app: typer.Typer, state: Speaking, opened: Opened) -> None:
    """Add `pmom policy ...` to the commands."""
    policy = typer.Typer(
        help="Read the written policy, compare two, check who answers for what, and see what a change would do.",
        no_args_is_help=True,
    )
    app.add_typer(policy, name="policy")

    @policy.command()
    def show(
        key: Annotated[
            str | None, typer.Argument(help="A key such as velocity.floor, or the beginning of several.")
        ] = None,
        name: Named = None,
    ) -> None:
        """Print each key's value, the sentence or reason it comes from, and what it means."""
        said = _chosen(_said(name or _of_settings(state)), key)
        state.voice.answer(keys=[asdict(each) for each in said])
        state.voice.show(_shown(said, long=len(said) <= _FEW))

    @policy.command()
    def diff(
        one: Annotated[str, typer.Argument(help="A shipped name (default, literal) or a file.")],
        other: Annotated[str, typer.Argument(help="Another one.")],
    ) -> None:
        """List every key with which two policies do not agree, both values and where each comes from."""
        from connector.config.policy import load
        from connector.config.policy_document import differing

        versions = (load(one).version, load(other).version)
        found = differing(one, other)
        state.voice.answer(one=versions[0], other=versions[1], differing=[_differing_json(each) for each in found])
        state.voice.show(_differing_table(found, versions))

    @policy.command()
    def lint(
        name: Annotated[str | None, typer.Argument(help="A shipped name or a file; else the settings' own.")] = None,
    ) -> None:
        """Check the policy and its matrix: one accountable role each, nobody's work, roles that nobody knows."""
        from connector.config.policy import linted

        read, found = linted(name or _of_settings(state))
        state.voice.answer(policy=read.version, findings=[asdict(each) for each in found])
        state.voice.show(_linted(read.version, len(read.raci.activities), found))

    @policy.command()
    def backtest(
        settings: Annotated[
            list[str] | None,
            typer.Option(
                "--set", metavar="KEY=VALUE", help="A key set anew, such as velocity.floor=0.25; repeatable."
            ),
        ] = None,
        name: Annotated[str | None, typer.Option("--policy", "-p", help="Compare with this policy instead.")] = None,
        as_of: AsOf = None,
    ) -> None:
        """Say whom another policy would decide otherwise, and which live money that touches; keeps nothing."""
        from connector.config.policy_document import changed, differing_values
        from connector.sync.backtest import backtest as compare

        if not settings and name is None:
            raise Misused("policy backtest", "it is not said what to compare with", "Give --set or --policy.")
        base = name or _of_settings(state)
        other = changed(base, settings or [])
        with opened() as ctx:
            result = compare(ctx, other, as_of)
        keys = differing_values(_of_settings(state), base, settings or [])
        credit = [key for key, *_ in keys if key.startswith("attribution.")]
        said = {"credit": f"{_NOT_SETTLED} ({', '.join(credit)})"} if credit else {}
        rows = [dict(zip(_CHANGED, row, strict=True)) for row in keys]
        state.voice.answer(**_backtest_json(result), **said, changed=rows)
        state.voice.show(_backtest_tables(result, keys))
        for line in said.values():
            state.voice.show(line)


_NOT_SETTLED = (
    "Who sourced and who influenced is not settled anew here: both sides stand on the credit in force, whose locks "
    "another policy would not open; look at `pmom decide` in a copy of the workspace"
)
_FEW = 5
_KEY, _VALUE = 22, 16  # so broad at least, so that the columns of most tables stand below each other
_CHANGED = ("key", "now", "other")


def _of_settings(state: Speaking) -> str:
    """The policy that the settings name; the shipped default where there are no settings."""
    if not state.config.is_file():
        return "default"
    from connector import wiring
    from connector.config.settings import Settings

    return str(wiring.policy_of(Settings.load(state.config)))


def _said(name: str) -> dict[str, Said]:
    from connector.config.policy import load
    from connector.config.policy_document import said

    load(name)  # its errors first
    return said(name)


def _chosen(said: dict[str, Said], key: str | None) -> list[Said]:
    if key is None:
        return list(said.values())
    wanted = key.removeprefix("gates.")
    found = [each for name, each in said.items() if name == wanted or name.startswith((f"{wanted}.", f"{wanted}["))]
    if not found:
        from connector.config.toml_lines import closest

        fix = closest(wanted, said) or "`pmom policy show` lists all."
        raise Misused("policy show", f"no key is called {key}", fix)
    return found


def _shown(said: Sequence[Said], *, long: bool) -> RenderableType:
    if not long:
        return Group(*(part for head, keys in _sections(said) for part in _section(head, keys)))
    parts: list[RenderableType] = []
    for each in said:
        parts += [Text(f"{clean(each.key)} = {clean(each.value)}", style="bold")]
        parts += [Padding(Text(clean(line)), (0, 0, 0, 2)) for line in (each.meaning, each.source) if line]
        parts += [Text(f"  {clean(each.where)}", style="dim"), ""]
    return Group(*parts[:-1])


def _sections(said: Sequence[Said]) -> list[tuple[str, list[Said]]]:
    """The keys under the table that they stand in, in the file's order; each table once."""
    found: dict[str, list[Said]] = {}
    for each in said:
        found.setdefault(_split(each.key)[0], []).append(each)
    return list(found.items())


def _split(key: str) -> tuple[str, str]:
    """The table and the key in it; names of rows stand in square brackets and may hold dots."""
    at = key.rfind(".", key.rfind("]") + 1)
    return (key[:at], key[at + 1 :]) if at > 0 else ("", key)


def _section(head: str, keys: Sequence[Said]) -> Iterator[RenderableType]:
    """One table's keys, their values and where these come from; what is long wraps, nothing is cut."""
    if head:
        yield Text(clean(head), style="bold")
    columns = (Column("", whole=True), Column("", least=16, most=30, wrap=True),
               Column("", least=24, wrap=True))  # fmt: skip
    rows = [
        (f"{plain(_split(each.key)[1]):<{_KEY}}", f"{plain(each.value):<{_VALUE}}", plain(each.source))
        for each in keys
    ]
    yield Fitted("", columns, rows, headed=False)
    yield ""


def _differing_json(each: Differing) -> dict[str, Any]:
    sides = {"one": each.one, "other": each.other}
    return {"key": each.key, **{name: None if side is None else asdict(side) for name, side in sides.items()}}


def _differing_table(found: Sequence[Differing], versions: tuple[str, str]) -> RenderableType:
    head = f"{plain(versions[0])} and {plain(versions[1])}: {counted(len(found), 'key')} differ."
    parts: list[RenderableType] = [
        head.replace("1 key differ", "1 key differs") if found else f"{head[:-1]}: the same rules."
    ]
    for each in found:
        meaning = (each.one or each.other).meaning if (each.one or each.other) else ""  # type: ignore[union-attr]
        parts += ["", Text(clean(each.key), style="bold")]
        parts += [Padding(Text(clean(meaning), style="dim"), (0, 0, 0, 2))] if meaning else []
        for version, side in zip(versions, (each.one, each.other), strict=True):
            name = version.partition("@")[0]
            said = "does not have it" if side is None else f"{side.value}  ({side.source or side.where})"
            parts.append(Padding(Text(f"{clean(name)}: {clean(said)}"), (0, 0, 0, 2)))
    return Group(*parts)


def _linted(version: str, rows: int, found: Sequence[MatrixProblem]) -> RenderableType:
    parts: list[RenderableType] = [
        Text(
            f"{each.level}  {clean(each.where)}: {clean(each.key)}: {clean(each.found)}. {clean(each.fix)}",
            style="yellow",
        )
        for each in found
    ]
    warned = f", {counted(len(found), 'warning')}" if found else ""
    return Group(*parts, f"{plain(version)} holds together: {counted(rows, 'row')} of who answers for what{warned}.")


def _money_json(money: Money) -> dict[str, Any]:
    return {"items": money.items, "amount": str(money.amount), "without_amount": money.unknown}


def _backtest_json(result: Backtest) -> dict[str, Any]:
    return {
        "as_of": result.as_of.isoformat(),
        "policy": result.policy,
        "other": result.other,
        "currency": result.currency,
        "partners": result.partners,
        "stale": result.stale,
        "decisions_changed": result.decisions,
        "levers_changed": result.levers,
        "classes": [
            {
                "from": each.before,
                "to": each.after,
                "partners": each.partners,
                **{name: _money_json(getattr(each, name)) for name in ("live", "closed", "opened")},
            }
            for each in result.classes
        ],
        "moved": [_moved_json(each) for each in result.moved],
    }


def _moved_json(each: Moved) -> dict[str, Any]:
    return {
        "partner": each.partner_id,
        "name": each.name,
        "from": each.before,
        "to": each.after,
        "lever_from": each.lever_before,
        "lever_to": each.lever_after,
        "reasons_from": list(each.reasons_before),
        "reasons_to": list(each.reasons_after),
        "motions_closed": list(each.motions_closed),
        "motions_opened": list(each.motions_opened),
        **{name: _money_json(getattr(each, name)) for name in ("live", "closed", "opened")},
    }


def money_words(money: Money, currency: str) -> str:
    """`12,000 USD (2 items, 1 without an amount)`."""
    if not money.items:
        return "none"
    unknown = f", {money.unknown} without an amount" if money.unknown else ""
    return f"{money.amount:,.0f} {currency} ({counted(money.items, 'item')}{unknown})"


def _backtest_tables(result: Backtest, keys: Sequence[tuple[str, str, str]]) -> RenderableType:
    head = [f"As of {result.as_of}, {counted(result.partners, 'partner')} decided twice from the same records."]
    head += [f"  {plain(key)}: {plain(now)} -> {plain(other)}" for key, now, other in keys]
    if result.stale:
        about = f"{counted(result.stale, 'partner')} judged on nothing: the records are too old on that day."
        head.append(f"[yellow]{about}[/yellow]")
    if not result.moved:
        return Group(*head, "Nobody would be decided otherwise.")
    head += [f"{counted(result.decisions, 'decision')} and {counted(result.levers, 'lever')} would change."]
    money = [
        (plain(each.before), plain(each.after), f"{each.partners:,}",
         *(plain(money_words(part, result.currency)) for part in (each.live, each.closed, each.opened)))
        for each in result.classes
    ]  # fmt: skip
    tables: list[RenderableType] = [Fitted("Live fund requests and campaigns, by decision", _MONEY, money)]
    end = Text("Nothing was kept or written.", style="dim")
    return Group(*head, "", *tables, *_who(result.moved), "", end)


def _who(moved: Sequence[Moved]) -> Iterator[RenderableType]:
    """Who would be decided otherwise, a table for each pair of decisions; at most so many each."""
    classes: dict[tuple[str, str], list[Moved]] = {}
    for each in moved:
        classes.setdefault((each.before, each.after), []).append(each)
    most = max(_FEW, MOST_ROWS // len(classes))
    for (before, after), several in classes.items():
        rows = [
            (plain(each.name), plain("; ".join(each.reasons_after)), plain(_levers(each))) for each in several[:most]
        ]
        title = f"{before} -> {after}: {counted(len(several), 'partner')}"
        yield ""
        yield cut(Fitted(plain(title), _WHO, rows), len(rows), len(several), "partners")


def _levers(each: Moved) -> str:
    """The lever, and which it was where it would be another."""
    if each.lever_before == each.lever_after:
        return each.lever_after
    return f"{each.lever_before} -> {each.lever_after}"


_MONEY = (
    Column("from", least=13, wrap=True),
    Column("to", least=13, wrap=True),
    Column("partners", right=True),
    Column("live", least=11, spare=1, wrap=True),
    Column("would be closed", least=11, wrap=True),
    Column("would be opened", least=11, wrap=True),
)
_WHO = (
    Column("partner", least=24, most=48),
    Column("because", least=20, wrap=True),
    Column("lever", least=14, spare=1, wrap=True),
)
