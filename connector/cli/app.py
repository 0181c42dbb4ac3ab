"""Which words a person may type, and what each answers with.

Exit codes: 0 done; 2 wrong usage; 3 something a person wrote or set up is wrong; 4 the CRM cannot be reached or
refuses; 5 a safety limit or a stale plan stopped the run before anything was written; 6 done, and some changes did
not get through; 7 another process holds the workspace; 8 a database cannot be reached or written; 1 anything
else.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from connector.cli import allocate as allocate_command
from connector.cli import audit as audit_commands
from connector.cli import backup as backup_commands
from connector.cli import measure as measure_command
from connector.cli import policy as policy_commands
from connector.cli import show
from connector.cli import status as status_command
from connector.cli import touch_models as touch_commands
from connector.cli.console import Voice, err, out
from connector.cli.ending import INTERRUPTED, failed, interrupts, stopped
from connector.cli.flags import untyped
from connector.cli.words import CRMS, AsOf, Connected, DryRun, Force, LetGo, Named, Size, connected, day
from connector.errors import Misconfigured, Misused, Refused

app = typer.Typer(
    name="pmom",
    help="Pull partner records out of the CRM, decide with a written policy, write the answers back.\n\n"
    "A first run: init, check, install, pull, decide, plan, apply. After that: sync. To see it work on an "
    "emulated org: demo.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, 2 wrong usage, 3 setup is wrong, 4 the CRM refuses or is away, 5 stopped before "
    "writing, 6 done but some changes did not get through, 7 the workspace is in use, 8 a database is out of reach.",
)

PATIENCE = 15.0
"""Seconds that a command waits for a mirror which `pmom work` is about to give back."""
INCOMPLETE = 6


class State:
    """What the options before the command said."""

    config: Path = Path("config.toml")
    voice: Voice = Voice()
    interrupted: bool = False


state = State()


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        out.print(f"pmom {version('pmom-connector')}")
        raise typer.Exit


@app.callback()
def options(
    config: Annotated[
        Path, typer.Option("--config", "-c", help="The settings file.", envvar="PMOM_CONFIG", show_default=True)
    ] = Path("config.toml"),
    as_json: Annotated[bool, typer.Option("--json", help="Answer with one JSON document on stdout.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bars.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version and stop.")
    ] = False,
) -> None:
    """Options that every command takes; they stand before it."""
    state.config = config
    state.voice = Voice(as_json=as_json, quiet=quiet)


@app.command()
def init(
    crm: Annotated[
        Connected, typer.Argument(parser=connected, metavar=CRMS, help="The CRM to connect: salesforce or hubspot.")
    ] = Connected.SALESFORCE,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that are there.")] = False,
) -> None:
    """Write a settings file and a policy of your own to start from."""
    from connector.config.settings import render_example

    policy = state.config.parent / "policy.toml"
    settings = render_example(crm.value).replace('file = "default"', 'file = "policy.toml"', 1)
    for path, text in ((state.config, settings), (policy, _POLICY)):
        if path.exists() and not force:
            raise Misconfigured(str(path), "it is already there", "Move it away, or say --force to overwrite it.")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise Misconfigured(
                str(path), f"cannot be written ({error.strerror})", "Name another place with --config."
            ) from error
    state.voice.answer(config=str(state.config), policy=str(policy))
    state.voice.show(
        f"Wrote {state.config} (fill in the {crm.value} table) and {policy} (this quarter's goals). "
        "Then run `pmom check`."
    )


_POLICY = """# Your policy: the shipped one, and what differs from it. `docs/policy.md` explains every key.
extends = "default"
name = "ours"

# The essay's second gate asks whether a partner's footprint aligns with this quarter's corporate goals.
# Until goals are written here, that gate answers "Insufficient Evidence".
#
# [[market_fit.goals]]
# name = "Q3"
# start = 2026-07-01
# end = 2026-10-01
# regions = ["EMEA"]
# verticals = ["Healthcare"]
"""


_GOALS = "Look for goals in force on this day instead of today."


@app.command()
def check(
    everything: Annotated[
        bool, typer.Option("--all", "--notes", help="Also each note that waits for an install or is harmless.")
    ] = False,
    as_of: Annotated[date | None, typer.Option("--as-of", parser=day, metavar="YYYY-MM-DD", help=_GOALS)] = None,
) -> None:
    """Compare settings, mapping and policy with themselves and with the live CRM; changes nothing."""
    from connector import wiring
    from connector.cli.goals import in_force, unknown_verticals
    from connector.config.check import check as compare
    from connector.sync.context import wall_clock

    said = wiring.texts(state.config)
    org, gate, today = wiring.crm(said.settings), said.policy.market_fit, as_of or wall_clock().date()
    with closing(org), state.voice.busy("Comparing the mapping with what the CRM says about itself"):
        identity = org.identity()
        report = compare(said.fieldmap, org)
        strange = unknown_verticals(gate, today, said.fieldmap, org, said.settings.workspace.mirror)
    goals = in_force(gate, today)
    state.voice.answer(identity=identity, policy=said.policy.version, goals_in_force=goals, **show.check_json(report))
    state.voice.answer(unknown_verticals=[dict(zip(("goal", "vertical", "near"), s, strict=True)) for s in strange])
    told, crm = show.goals_told(goals, today, strange), said.settings.crm()
    state.voice.show(show.check_tables(report, identity, said.policy.version, crm, goals=told, everything=everything))
    if show.has_errors(report):
        raise typer.Exit(Misconfigured.exit_code)


@app.command()
def install(crm: Named = None, dry_run: DryRun = False) -> None:
    """Make the custom fields and what belongs to them in the CRM; running it again changes nothing."""
    with _at_the_crm(crm) as (org, fields, labels):
        doing = "Looking at" if dry_run else "Making"
        with state.voice.busy(
            f"{doing} {show.counted(len(fields), 'field')} and {show.counted(len(labels), 'label')}"
        ):
            steps = org.install(fields, labels, dry_run=dry_run)
    _told(steps, show.installed(steps, dry_run=dry_run), dry_run=dry_run)


@app.command()
def uninstall(
    crm: Named = None,
    dry_run: DryRun = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Take away what `pmom install` made, with the values in it; nothing that people made is touched."""
    with _at_the_crm(crm) as (org, fields, labels):
        if not (dry_run or yes):
            _ask(org, fields, labels)
        with state.voice.busy("Looking" if dry_run else "Taking away what the install made"):
            steps = org.uninstall(fields, labels, dry_run=dry_run)
    _told(steps, show.uninstalled(steps), dry_run=dry_run)


def _ask(org: Any, fields: Any, labels: Any) -> None:
    """Go on only when a person at a terminal says yes, knowing what goes."""
    if state.voice.as_json or not (sys.stdin.isatty() and err.is_terminal):
        fix = "Look with `pmom uninstall --dry-run`, then say --yes."
        raise Misused("uninstall", "it takes fields away with their values, and nobody can be asked", fix)
    with state.voice.busy("Looking at what would go"):
        steps = org.uninstall(fields, labels, dry_run=True)
    going = show.going(steps, fields, [org.field_name(each) for each in fields])
    if going[0] and not typer.confirm(show.question(*going), err=True):
        raise Refused("nothing was taken away")


@contextlib.contextmanager
def _at_the_crm(crm: Connected | None) -> Iterator[Any]:
    """The CRM, the fields and the labels that the product needs in it."""
    from connector import wiring
    from connector.sync.cards import specs

    said = wiring.texts(state.config)
    name = said.settings.crm()
    if crm is not None and crm.value != name:
        fix = f"Say `{name}`, or name the other settings file with --config."
        raise Misused(crm.value, f"{state.config} connects {name}", fix)
    wiring.workspace(said.settings)
    with (
        closing(wiring.store(said.settings)) as store,
        closing(wiring.crm(said.settings, store.ledger())) as org,
    ):
        yield org, specs(said.fieldmap), said.fieldmap.write.labels


def _told(steps: Any, end: Any, *, dry_run: bool) -> None:
    from connector.crm.base import StepStatus

    state.voice.answer(dry_run=dry_run, steps=show.install_json(steps))
    state.voice.show(show.steps_table(steps))
    state.voice.show(end)
    if any(each.status is StepStatus.CLASH for each in steps):
        raise typer.Exit(Misconfigured.exit_code)


@app.command()
def pull(
    full: Annotated[bool, typer.Option("--full", help="Read everything anew.")] = False,
    refresh: Annotated[bool, typer.Option("--refresh", help="Read formula fields anew now.")] = False,
    reconcile: Annotated[bool, typer.Option("--reconcile", help="Compare ids now, for hard deletes.")] = False,
) -> None:
    """Bring the local mirror up to date with the CRM."""
    from connector.sync import pull as step
    from connector.sync.runs import pulled_summary, run

    with _opened() as ctx:
        result = run(
            ctx,
            "pull",
            lambda run_id: step.pull(ctx, str(run_id), full=full, refresh=refresh, reconcile=reconcile),
            pulled_summary,
        )
        usage = ctx.crm.usage()
    state.voice.answer(**pulled_summary(result), objects=[show.object_json(each) for each in result.objects])
    state.voice.show(show.pulled_tables(result, usage))


@app.command()
def decide(
    as_of: AsOf = None,
    everybody: Annotated[bool, typer.Option("--everybody", help="Not only partners with news.")] = False,
    let_go: LetGo = False,
) -> None:
    """Decide about partners from the mirror, and keep the decisions."""
    from connector.sync import decide as step
    from connector.sync.runs import decided_summary, run

    with _opened() as ctx:
        result = run(
            ctx,
            "decide",
            lambda run_id: step.decide(ctx, run_id, as_of=as_of, everybody=everybody, let_go=let_go),
            decided_summary,
        )
        rows = show.partner_rows(ctx)
        goals = show.goals_missing(ctx, result)
    state.voice.answer(
        **decided_summary(result), goals_in_force=not goals, decisions=[show.partner_json(row) for row in rows]
    )
    state.voice.show(show.decided_table(result, rows, goals))


@app.command()
def plan() -> None:
    """Show what would be written to the CRM; writes nothing there."""
    from connector.sync import plan as step
    from connector.sync.runs import planned_summary, run

    with _opened() as ctx:
        result = run(ctx, "plan", lambda run_id: step.plan(ctx, run_id), planned_summary)
        names = show.names_of(ctx)
    state.voice.answer(**planned_summary(result), changes=show.changes_json(result.plan, names))
    state.voice.show(show.plan_tables(result, names))


@app.command()
def apply(force: Force = None) -> None:
    """Write the plan that was looked at last; every change gets an outcome."""
    from connector.sync import apply as step
    from connector.sync.plan import waiting
    from connector.sync.runs import applied_summary, run

    with _opened() as ctx:
        planned = waiting(ctx)
        result = run(ctx, "apply", lambda run_id: step.apply(ctx, run_id, planned, force=force), applied_summary)
        names = show.names_of(ctx)
    state.voice.answer(**applied_summary(result), problems=show.problems_json(result))
    if planned.refusal:
        state.voice.show(show.limit_told(planned.refusal, forced=True))
    state.voice.show(show.applied_tables(result, names))
    if not result.complete:
        raise typer.Exit(INCOMPLETE)


@app.command()
def sync(as_of: AsOf = None, force: Force = None, full: bool = False, let_go: LetGo = False) -> None:
    """Pull, decide, plan and apply in one go, touching only what has changed."""
    from connector.sync.runs import run, sync_summary
    from connector.sync.runs import sync as step

    with _opened() as ctx:
        result = run(
            ctx,
            "sync",
            lambda run_id: step(ctx, run_id, as_of=as_of, force=force, full=full, let_go=let_go),
            sync_summary,
        )
        names, usage = show.names_of(ctx), ctx.crm.usage()
        goals = show.goals_missing(ctx, result.decided)
    state.voice.answer(**sync_summary(result), goals_in_force=not goals)
    state.voice.show(show.sync_tables(result, names, usage, goals))
    if result.applied is not None and not result.applied.complete:
        raise typer.Exit(INCOMPLETE)


@app.command()
def explain(
    wanted: Annotated[str, typer.Argument(help="A partner's or deal's id or name, or how a partner's name begins.")],
) -> None:
    """Say what was decided about a partner or credited on a deal, why, on what evidence, and what would change it."""
    from connector.cli.explain_deal import explained_either

    with _opened() as ctx:
        told = explained_either(ctx, wanted)
    state.voice.answer(**told.as_json())
    state.voice.show(told.as_text())


@app.command()
def runs(limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many.")] = 20) -> None:
    """List the latest runs."""
    from connector import wiring

    said = wiring.texts(state.config)
    wiring.workspace(said.settings)
    store = wiring.store(said.settings)
    try:
        rows = store.runs(limit)
    finally:
        store.close()
    state.voice.answer(runs=[show.run_json(row) for row in rows])
    state.voice.show(show.runs_table(rows))


@app.command()
def demo(
    folder: Annotated[Path, typer.Option("--dir", help="Where the demo keeps its files.")] = Path(".demo"),
    size: Annotated[Size, typer.Option("--size", help="How large a market.")] = Size.SMALL,
    seed: Annotated[int, typer.Option("--seed", help="Another seed, another market.")] = 1,
    keep: Annotated[bool, typer.Option("--keep", help="Let both CRMs run until Ctrl-C, to go on by hand.")] = False,
) -> None:
    """Run the main job on an emulated Salesforce org and HubSpot portal on this machine, start to end."""
    from connector.cli.demo import run_demo

    run_demo(state.voice, folder, size=size.value, seed=seed, keep=keep)


def _opened() -> Any:
    """The workspace, opened with a progress bar that shows what is going on."""
    from contextlib import contextmanager

    from connector import wiring

    @contextmanager
    def both() -> Any:
        with state.voice.working() as report, wiring.opened(state.config, progress=report, patience=PATIENCE) as ctx:
            yield ctx

    return both()


policy_commands.register(app, state, lambda: _opened())
audit_commands.register(app, state, lambda: _opened())
touch_commands.register(app, state, lambda: _opened())
allocate_command.register(app, state, lambda: _opened())
measure_command.register(app, state, lambda: _opened())
backup_commands.register(app, state)
status_command.register(app, state)


def _note_interrupt() -> None:
    state.interrupted = True


def main() -> None:
    """Run the command; every error of ours becomes one message and its exit code."""
    state.interrupted = False
    with interrupts(_note_interrupt):
        try:
            command = untyped(typer.main.get_command(app))
            code = command(args=_hoisted(sys.argv[1:]), standalone_mode=False)  # an Exit comes back as its code
            if code == INTERRUPTED:  # so typer tells a Ctrl-C
                stopped(state.voice)
            state.voice.finish()
            sys.exit(code if isinstance(code, int) else 0)
        except (typer.Abort, KeyboardInterrupt):
            stopped(state.voice)
        except Exception as error:
            failed(error, state.voice, interrupted=state.interrupted)


_ANYWHERE = ("--json", "--quiet", "-q")


def _hoisted(words: list[str]) -> list[str]:
    """The words with the options that every command takes brought to the front, where typer wants them."""
    ours = [word for word in words if word in _ANYWHERE]
    return [*ours, *(word for word in words if word not in _ANYWHERE)]
