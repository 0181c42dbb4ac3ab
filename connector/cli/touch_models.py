"""What a person may ask about touch models: who gets how much by which, how sure that is, and whether it helped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from connector.cli.console import Voice, plain
from connector.cli.tables import MOST_ROWS, Column, Fitted, cut
from connector.cli.words import AsOf
from connector.errors import Misused

if TYPE_CHECKING:  # `pmom --help` must not wait for the libraries behind these
    from connector.core.policy_touch import TouchModelRules
    from connector.facts.touch_credit import LiftAnswer, LiftLine, Line, ModelCredit, TouchCredit
    from connector.measure.floors import Reason


class By(StrEnum):
    """What touches are looked at by."""

    PARTNER = "partner"
    CAMPAIGN = "campaign"
    MOTION = "motion"


class Speaking(Protocol):
    """What the options before the command said."""

    voice: Voice


Opened = Callable[[], AbstractContextManager[Any]]


def register(app: typer.Typer, state: Speaking, opened: Opened) -> None:
    """Add `pmom touch-models` to the commands."""

    @app.command(name="touch-models")
    def touch_models(
        by: Annotated[By, typer.Option("--by", help="Whose touches.")] = By.PARTNER,
        model: Annotated[
            list[str] | None,
            typer.Option(
                "--model", "-m", help="A model, or `all`; repeatable. Else those of the policy.", metavar="MODEL"
            ),
        ] = None,
        as_of: AsOf = None,
    ) -> None:
        """Part what was won among the touches before it, by several models side by side.

        Rules: first, last, last-non-direct, linear, unique, participation, time-decay, u (40/20/40), u-lead (50/50),
        w, full-path, j, inverse-j, custom. Models that learn from wins and losses, and refuse where there are too
        few: markov, shapley. Beside them stands the win lift: what each name does to the chance to win, the rest held
        equal. These figures decide nothing; who sourced and who influenced is on the partner's card.
        """
        from connector.facts.touch_credit import touch_credit
        from connector.facts.touch_paths import touch_paths
        from connector.sync.decide import moment, pulled

        with opened() as ctx:
            pulled(ctx)
            rules = ctx.policy.touch_models
            wanted = _wanted(model, rules)
            at = moment(ctx, as_of or ctx.today())
            found = touch_paths(ctx.mirror, ctx.policy, at, by.value, staged="custom" in wanted)
            told = touch_credit(found, rules, wanted)
        state.voice.answer(**as_json(told, ctx.policy.version))
        state.voice.show(as_tables(told, rules))


def _wanted(asked: Sequence[str] | None, rules: TouchModelRules) -> tuple[str, ...]:
    """The models asked for, each once; Misused for a name that is none."""
    import difflib

    from connector.facts.touch_credit import MODELS

    if not asked:
        return rules.models
    names = tuple(dict.fromkeys(name.strip().lower() for name in asked))
    if names == ("all",):
        return tuple(name for name in MODELS if name != "custom" or rules.custom)
    for name in names:
        if name not in MODELS:
            near = difflib.get_close_matches(name, MODELS, n=1, cutoff=0.5)
            fix = f"Did you mean {near[0]}?" if near else f"Known: {', '.join(MODELS)}; or all."
            raise Misused("--model", f"{name!r} is no touch model", fix)
    return names


def as_json(told: TouchCredit, policy: str) -> dict[str, Any]:
    """Everything, as plain values; money as text."""
    judged = told.standing
    return {
        "by": told.by,
        "policy": policy,
        "window": {"start": told.window.start.isoformat(), "end": told.window.end.isoformat()},
        "opportunities": {
            "won": told.won,
            "lost": told.lost,
            "won_untouched": told.untouched_won,
            "won_without_amount": told.missing_amounts,
            "won_without_rate": told.unconverted,
        },
        "won_amount": str(told.won_amount),
        "touches_an_opportunity": judged.mean_touches,
        "models": [_model_json(each, told.titles) for each in told.models],
        "win_lift": _lift_json(told.lift, told.titles),
        "note": _exposure(),
    }


def _model_json(model: ModelCredit, titles: dict[str, str]) -> dict[str, Any]:
    return {
        "model": model.model,
        "state": model.state.value,
        "why": [_reason_json(each) for each in model.reasons],
        "overlapping": model.overlapping,
        "unattributed": str(model.unattributed),
        "grouped": model.grouped,
        "credit": [
            {
                "id": line.id,
                "name": titles.get(line.id, line.id),
                "amount": str(line.amount),
                "share": line.share,
                "low": line.low,
                "high": line.high,
                "won": line.won,
                "effect": line.effect,
            }
            for line in model.lines
        ],
    }


def _lift_json(lift: LiftAnswer, titles: dict[str, str]) -> dict[str, Any]:
    return {
        "state": lift.state.value,
        "why": [_reason_json(each) for each in lift.reasons],
        "association_adjusted_for": list(lift.adjusted_for),
        "n": lift.n,
        "won": lift.won,
        "lines": [
            {
                "id": line.id,
                "name": titles.get(line.id, line.id),
                "lift": line.lift,
                "low": line.low,
                "high": line.high,
                "n": line.n,
                "won": line.won,
            }
            for line in lift.lines
        ],
    }


def _reason_json(reason: Reason) -> dict[str, Any]:
    return {"code": reason.lack.value, "found": reason.found, "asked": reason.asked}


def _exposure() -> str:
    from connector.facts.touch_credit import EXPOSURE

    return EXPOSURE


def as_tables(told: TouchCredit, rules: TouchModelRules) -> RenderableType:
    """Names as rows, models as columns, and below what each model rests on."""
    span = f"closed {told.window.start} to {told.window.end}"
    head = f"Opportunities: {told.won:,} won and {told.lost:,} lost, {span} (touch_models.window_days)."
    if told.won + told.lost == 0:
        return Group(head, "Nothing was closed in that time, so there is nothing to part.")
    parts: list[RenderableType] = [head, *_left_out(told), "", _table(told)]
    parts += ["", *_rules(told, rules), *(_state(each, told, rules) for each in told.models if _speaks(each))]
    parts.append(_lift_state(told.lift, rules))
    return Group(*parts, "", Text(_exposure(), style="dim"))


def _left_out(told: TouchCredit) -> list[RenderableType]:
    said = []
    if told.untouched_won:
        said.append(
            f"{told.untouched_won:,} of the won ones have no touch by a {told.by} on record: nobody's credit."
        )
    if told.missing_amounts:
        said.append(f"{told.missing_amounts:,} won ones have no amount: they count as wins and bring no money.")
    if told.unconverted:
        said.append(f"{told.unconverted:,} won ones are in a currency without a rate on their day: likewise.")
    return [Text(line, style="yellow") for line in said]


def _table(told: TouchCredit) -> RenderableType:
    shown = [model for model in told.models if model.lines]
    by_model = [{line.id: line for line in model.lines} for model in shown]
    lifts = {line.id: line for line in told.lift.lines}
    ids = sorted({key for lines in by_model for key in lines}, key=lambda key: _rank(key, by_model))
    columns = [Column(told.by, least=22, most=34), Column("won on", right=True)]
    columns += [
        Column(f"{each.model}*" if each.overlapping else each.model, spare=2 + at, right=True)
        for at, each in enumerate(shown)
    ]
    columns.append(Column("win lift", spare=1, whole=True))
    rows = [
        (
            plain(_title(key, told)),
            f"{max((lines[key].won for lines in by_model if key in lines), default=0):,}",
            *(_cell(lines.get(key)) for lines in by_model),
            _lift_cell(lifts.get(key)),
        )
        for key in ids[:MOST_ROWS]
    ]
    if any(model.unattributed for model in shown):
        nobody = [f"{model.unattributed:,.0f}" if model.unattributed else "" for model in shown]
        rows.append(("nobody", "", *nobody, ""))
    title = f"What was won ({told.won_amount:,.2f}) by {told.by}"
    return cut(Fitted(title, tuple(columns), rows), min(len(ids), MOST_ROWS), len(ids), f"{told.by}s")


def _rank(key: str, by_model: Sequence[dict[str, Line]]) -> tuple[bool, Any, str]:
    from connector.facts.touch_credit import OTHERS

    first = next((lines[key].amount for lines in by_model if key in lines), 0)
    return key == OTHERS, -first, key


def _title(key: str, told: TouchCredit) -> str:
    from connector.facts.touch_credit import OTHERS

    return f"other {told.by}s" if key == OTHERS else told.titles.get(key) or key


def _cell(line: Line | None) -> str:
    if line is None:
        return ""
    return f"{line.amount:,.0f}" + ("" if line.share is None else f" ({line.share:.0%})")


def _lift_cell(line: LiftLine | None) -> str:
    if line is None:
        return ""
    said = f"{100 * line.lift:+.1f} pp ({100 * line.low:+.1f} to {100 * line.high:+.1f})"
    return said if line.low > 0 or line.high < 0 else f"[dim]{said}[/dim]"


def _speaks(model: ModelCredit) -> bool:
    """Whether a model needs a line of its own."""
    return model.overlapping or model.model in ("markov", "shapley")


def _rules(told: TouchCredit, rules: TouchModelRules) -> list[str]:
    names = [each.model for each in told.models if not _speaks(each)]
    if not names:
        return []
    return [
        f"{', '.join(names)}: by rule. A share stands in brackets where it rests on {rules.min_won_each} wins or "
        f"more and is known within {rules.max_half_width:.0%} of itself (touch_models.max_half_width)."
    ]


def _state(model: ModelCredit, told: TouchCredit, rules: TouchModelRules) -> str:
    if model.overlapping:
        return f"{model.model}*: every touched opportunity counts whole for everybody; never add these up."
    why = "; ".join(_why(each, rules) for each in model.reasons)
    tail = f" {model.grouped} stand under other {told.by}s: too few wins or too wide." if model.grouped else ""
    return f"{model.model}: {model.state.value}{f' ({why})' if why else ''}.{tail}"


def _why(reason: Reason, rules: TouchModelRules) -> str:
    found, asked = reason.found, reason.asked
    return {
        "FEW_WON": f"{found:,.0f} won, {asked:,.0f} are asked (touch_models.min_won)",
        "LOSSES_NOT_RECORDED": f"{found:.1%} lost, {asked:.0%} are asked (touch_models.min_lost_share)",
        "FEW_TOUCHES": f"{found:.2f} touches an opportunity, {asked:g} are asked (touch_models.min_mean_touches)",
        "MANY_STATES": f"{found:,.0f} states for {asked * rules.won_per_state:,.0f} won, one for every "
        f"{rules.won_per_state} is asked (touch_models.won_per_state)",
        "NOT_YET_MANY_WON": f"{found:,.0f} won, from {asked:,.0f} on it is not (touch_models.available_won)",
    }[reason.lack.value]


def _lift_state(lift: LiftAnswer, rules: TouchModelRules) -> str:
    why = "; ".join(_why(each, rules) for each in lift.reasons)
    said = f"win lift: {lift.state.value}" + (f" ({why})" if why else "")
    if not lift.lines:
        return said + "."
    adjusted = ", ".join(lift.adjusted_for)
    return (
        f"{said}: association, adjusted for {adjusted}; {lift.n:,} opportunities ({lift.won:,} won) "
        f"still open {rules.landmark_days} days after opening (touch_models.landmark_days), "
        f"{rules.lift_interval:.0%} interval; dim: none can be told."
    )
