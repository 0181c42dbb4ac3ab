"""`pmom`: the commands of connector.cli, and those that need the queue or the web: serve, work and jobs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from connector.cli import app as cli
from connector.cli.console import plain
from jobs.orders import Kind

if TYPE_CHECKING:
    from connector.config.deployment import Deployment
    from connector.store.fleet import Fleet
    from jobs.queue import Queue

INCOMPLETE = 6

asked = typer.Typer(
    name="jobs",
    help="Look at work that waits, runs, was done or is dead; start, cancel and retry it; let connections rest.\n\n"
    "States: waiting, delayed (tried again later), running, done, again (the next try is named), paused (its "
    "connection rests), left out (its connection rested), refused (a person must look), dead (set aside), cancelled.",
    no_args_is_help=True,
)


class State(StrEnum):
    """What may be listed."""

    WAITING = "waiting"
    DELAYED = "delayed"
    RUNNING = "running"
    DONE = "done"
    DEAD = "dead"
    CANCELLED = "cancelled"


JobId = Annotated[str, typer.Argument(metavar="JOB", help="The job's id, as `pmom jobs list` shows it.")]
Named = Annotated[str, typer.Argument(metavar="CONNECTION", help="The connection's name.")]
Maybe = Annotated[str | None, typer.Argument(metavar="CONNECTION", help="One connection; without: all.")]


class Desk(NamedTuple):
    """What the commands work with."""

    deployment: Deployment
    fleet: Fleet
    queue: Queue


def _deployment() -> Deployment:
    from connector.config.deployment import Deployment

    return Deployment.load(cli.state.config, spare=True)


@contextmanager
def _desk() -> Iterator[Desk]:
    from connector import wiring
    from jobs.queue import Queue

    deployment = _deployment()
    with closing(wiring.fleet(deployment)) as fleet, closing(Queue.open(deployment.durable)) as queue:
        yield Desk(deployment, fleet, queue)


def _known(desk: Desk, connection: str) -> str:
    """That name, when a connection has it; Misconfigured otherwise."""
    desk.deployment.path_of(connection)
    return connection


@cli.app.command()
def serve() -> None:
    """Take what the CRMs send, until stopped; what is taken is worked on by `pmom work`."""
    from connector.web.serve import serve as begin

    begin(_deployment())


@cli.app.command()
def work(
    workers: Annotated[
        int | None,
        typer.Option("--workers", "-w", min=1, max=64, help="Processes; without it what the settings say."),
    ] = None,
    once: Annotated[
        bool, typer.Option("--once", help="Sync every connection, do what waits, then end; 6 when not all went well.")
    ] = False,
    parent: Annotated[int | None, typer.Option("--parent", hidden=True)] = None,
) -> None:
    """Do what is due by schedule, by hints and by hand, until stopped. A kill at any moment is harmless."""
    from connector.web import log as logs
    from jobs import parent as family
    from jobs import process

    deployment = _deployment()
    logs.configure(deployment.settings.log, secrets=deployment.secrets())
    wanted = 1 if once else workers or deployment.jobs.workers
    if wanted > 1:
        family.keep(cli.state.config, wanted)
    elif not process.run(deployment, once=once, parent=parent):
        raise typer.Exit(INCOMPLETE)


@asked.command("list")
def list_jobs(
    state: Annotated[State | None, typer.Option("--state", metavar="STATE", help="Only these.")] = None,
    kind: Annotated[
        Kind | None, typer.Option("--kind", metavar="KIND", help="Only work of that kind, such as sync or drain.")
    ] = None,
    connection: Annotated[str | None, typer.Option("--connection", help="Only that connection's.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many, the newest first.")] = 20,
) -> None:
    """List jobs, connections that rest, and workers."""
    from datetime import timedelta

    from connector.store.fleet import ACTIVE
    from jobs import listing
    from jobs.requests import now

    with _desk() as desk:
        chosen = (state.value,) if state else ()
        jobs = desk.queue.jobs(states=chosen, kind=kind, connection=connection, limit=limit)
        progress = listing.progress_of(desk.fleet.notes())
        states = listing.resting(desk.deployment.resting) | desk.fleet.states()
        workers = desk.fleet.workers(now(), timedelta(seconds=desk.deployment.jobs.stale_after))
        named = {name: states.get(name, ACTIVE) for name in desk.deployment.names}
    cli.state.voice.answer(
        jobs=[listing.job_json(job, progress.get(job.id)) for job in jobs],
        connections=[listing.connection_json(name, found) for name, found in named.items()],
        workers=[{"name": each.name, "alive": each.alive, "at": each.at.isoformat()} for each in workers],
    )
    rests, table = listing.connections_table(states, now()), listing.jobs_table(jobs, progress)
    cli.state.voice.show(listing.whole(table, rests, listing.workers_line(workers)))


@asked.command()
def show(job: JobId) -> None:
    """Show one job: what it is, how far it is, what it came to or why it is dead."""
    from jobs import listing, requests

    with _desk() as desk:
        found = requests.known(desk.queue, job)
        progress = listing.progress_of(desk.fleet.notes())
    said = listing.job_json(found, progress.get(job))
    cli.state.voice.answer(job=said)
    cli.state.voice.show(listing.job_story(found, said))


@asked.command()
def start(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="sync, recalculate, audit, retention or probe.")],
    connection: Maybe = None,
    partner: Annotated[str, typer.Option("--partner", help="Recalculate only that partner (its id).")] = "",
    full: Annotated[bool, typer.Option("--full", help="Sync: read everything anew.")] = False,
) -> None:
    """Ask for work now, before all that is due by itself. Asked twice while it waits, it is done once."""
    from connector.errors import Misconfigured, Misused, Refused
    from jobs import requests

    if kind == Kind.DRAIN:
        raise Misconfigured("pmom jobs start", "a drain begins when there are hints", "Start a sync instead.")
    wanted = next((each for each in requests.STARTED if each == kind), None)
    if wanted is None:
        there = ", ".join(requests.STARTED)
        raise Misused("pmom jobs start", f"there is no work called {kind!r}", f"There are: {there}.")
    with _desk() as desk:
        chosen = [_known(desk, connection)] if connection else list(desk.deployment.names)
        states = {name: state for name in chosen if (state := desk.fleet.state(name)).paused}
        for name, state in states.items():
            if state.retry_at is None and wanted is not Kind.PROBE:
                raise Refused(
                    f"{name} rests until a person resumes it: {state.reason}. Say `pmom jobs resume {name}`."
                )
        jobs = [requests.start(desk.queue, wanted, name, partner=partner, full=full) for name in chosen]
    cli.state.voice.answer(started=[job.id for job in jobs])
    for job in jobs:
        cli.state.voice.show(f"Asked for: {plain(job.id)}")
    for name, state in states.items():
        cli.state.voice.show(plain(f"{name} rests, and is tried at once: {state.reason}"))


@asked.command()
def retry(job: JobId) -> None:
    """Do dead or cancelled work once more."""
    from jobs import requests

    with _desk() as desk:
        found = requests.retry(desk.queue, job)
    cli.state.voice.answer(retried=job, job=found.id)
    cli.state.voice.show(f"Asked for: {plain(found.id)}")


@asked.command()
def cancel(job: JobId) -> None:
    """Take work out of the queue; what runs ends between two steps, and nothing half-done is lost."""
    from jobs import requests

    with _desk() as desk:
        found = requests.cancel(desk.queue, desk.fleet, job)
    cli.state.voice.answer(cancelled=found.id)
    cli.state.voice.show(f"Cancelled: {plain(found.id)}")


@asked.command()
def pause(
    connection: Named, reason: Annotated[str, typer.Option("--reason", help="Why; shown to everybody.")] = ""
) -> None:
    """Let a connection rest until it is resumed; what is sent about it meanwhile is kept."""
    from jobs import listing, requests

    with _desk() as desk:
        name = _known(desk, connection)
        requests.pause(desk.fleet, name, reason)
        state = desk.fleet.state(name)
    cli.state.voice.answer(connection=listing.connection_json(name, state))
    cli.state.voice.show(f"{plain(name)} rests: {plain(state.reason)}")


@asked.command()
def resume(connection: Named) -> None:
    """Let a connection work again; what it missed is read first."""
    from jobs import listing, requests

    with _desk() as desk:
        name = _known(desk, connection)
        job = requests.resume(desk.queue, desk.fleet, name)
        state = desk.fleet.state(name)
    cli.state.voice.answer(connection=listing.connection_json(name, state), job=job.id)
    cli.state.voice.show(f"{plain(name)} is tried again; asked for: {plain(job.id)}")


cli.app.add_typer(asked)


def main() -> None:
    """Run the command; every error of ours becomes one message and its exit code."""
    cli.main()
