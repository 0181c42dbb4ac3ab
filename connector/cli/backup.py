"""Keep a copy of what the connector remembers in one file, and get it back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer

from connector.cli.console import Voice, plain
from connector.cli.tables import Column, Fitted
from connector.errors import Misconfigured

if TYPE_CHECKING:
    from connector.config.deployment import Deployment, Named
    from connector.sync.backup import Manifest, Part


class Speaking(Protocol):
    """Whatever knows the settings file and how answers are given."""

    config: Path
    voice: Voice


def register(app: typer.Typer, state: Speaking) -> None:
    """Add `backup` and `restore` to the commands."""

    @app.command()
    def backup(
        file: Annotated[Path, typer.Argument(help="The file to write, such as pmom-monday.zip.")],
        force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
        wait: Annotated[
            float, typer.Option("--wait", min=0, help="Seconds to wait for a worker that has a mirror open.")
        ] = 120.0,
    ) -> None:
        """Copy stores, mirrors and the inbox of all connections into one file, while the workers go on.

        The file holds records of the CRM and is readable by its owner only. Settings, policies and secrets are
        not in it. Databases on a PostgreSQL server are copied with pg_dump instead.
        """
        from importlib.metadata import version

        from connector.config.deployment import Deployment
        from connector.sync.backup import back_up
        from connector.sync.context import wall_clock

        parts = parts_of(Deployment.load(state.config))
        with state.voice.busy("Copying"):
            made = back_up(parts, file, at=wall_clock(), version=version("pmom-connector"), force=force, wait=wait)
        state.voice.answer(file=str(file), bytes=file.stat().st_size, **_json(made))
        state.voice.show(_table(f"Backed up into {plain(str(file))}", made))

    @app.command()
    def restore(
        file: Annotated[Path, typer.Argument(help="A file that `pmom backup` wrote.")],
        force: Annotated[bool, typer.Option("--force", help="Replace databases that are there.")] = False,
    ) -> None:
        """Put the databases of a backup back; stop `pmom serve` and `pmom work` first.

        Everything is checked before anything is replaced. What was there is kept as ...before-restore. The next
        sync reads what has changed in the CRM since the backup.
        """
        from connector.config.deployment import Deployment
        from connector.sync.restore import kept_beside
        from connector.sync.restore import restore as step

        parts = parts_of(Deployment.load(state.config))
        earlier = set(kept_beside(parts))
        with state.voice.busy("Checking and copying"):
            made = step(parts, file, known=_known, force=force)
        kept = [str(path) for path in kept_beside(parts) if path not in earlier]
        state.voice.answer(file=str(file), kept=kept, **_json(made))
        state.voice.show(_table(f"Restored from {plain(str(file))}, made {made.made_at:%Y-%m-%d %H:%M} (UTC)", made))
        if kept:
            state.voice.show("What was there is kept; delete it when all is well:\n" + "\n".join(map(plain, kept)))


def parts_of(deployment: Deployment) -> tuple[Part, ...]:
    """The databases of a deployment in the order in which they are copied; Misconfigured when one is on a server."""
    from connector.store.engine import local_file
    from connector.sync.backup import Form, Part

    if deployment.jobs.database and local_file(deployment.jobs.database) is None:
        raise _on_a_server(deployment.settings.where("jobs", "database"), deployment.jobs.database)
    queue, fleet = local_file(deployment.durable), local_file(deployment.fleet)
    assert queue is not None
    assert fleet is not None
    parts = [Part("_jobs/fleet", Form.SQLITE, fleet, "fleet_version")]
    if queue != fleet:  # the queue first: it may know less than the inbox, never more
        parts.insert(0, Part("_jobs/queue", Form.SQLITE, queue))
    for named in deployment.connections:
        parts.append(Part(f"{named.name}/store", Form.SQLITE, _store(named), "store_version"))
        parts.append(Part(f"{named.name}/mirror", Form.DUCKDB, named.settings.workspace.mirror))
    return tuple(parts)


def _store(named: Named) -> Path:
    from connector.store.engine import local_file

    place = named.settings.workspace
    if place.database is None:
        return place.store
    found = local_file(place.database)
    if found is None:
        raise _on_a_server(named.settings.where("workspace", "database"), place.database)
    return found


def _on_a_server(where: str, url: str) -> Misconfigured:
    plain_url = url.replace("postgresql+psycopg://", "postgresql://", 1)
    fix = (
        f"Use PostgreSQL's own: pg_dump --format=custom --file=pmom.dump {plain_url}, and pg_restore (see "
        "docs/operations.md). A mirror needs no backup: the next sync reads it anew."
    )
    return Misconfigured(where, "this database is on a server, and pmom copies only files", fix)


def _known(name: str, revision: str) -> bool:
    """Whether this program can read that schema."""
    from connector.store.versions import FLEET, STORE

    schema = STORE if name.endswith("/store") else FLEET
    number, newest = schema.number(revision), schema.number(schema.newest)
    return number is not None and newest is not None and number <= newest


def _json(made: Manifest) -> dict[str, Any]:
    copies = [
        {"name": each.name, "bytes": each.bytes, "sha256": each.sha256, "revision": each.revision}
        for each in made.copies
    ]
    return {"made_at": made.made_at.isoformat(), "version": made.version, "databases": copies}


def _table(title: str, made: Manifest) -> Fitted:
    columns = (Column("database"), Column("megabytes", right=True), Column("schema", spare=1))
    rows = [(plain(each.name), f"{each.bytes / 1e6:,.1f}", plain(each.revision)) for each in made.copies]
    return Fitted(title, columns, rows)
