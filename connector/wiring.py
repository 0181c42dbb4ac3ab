"""The only place that chooses: settings to CRM, mirror, store, mapping, policy and clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from connector.config import mapping_file, policy
from connector.config.connections import Connection, HubSpot, Salesforce
from connector.config.deployment import Deployment
from connector.config.fieldmap import FieldMap
from connector.config.settings import Settings
from connector.core.policy import Policy
from connector.crm.base import CRM, JobLedger, MemoryLedger, Progress, no_progress
from connector.errors import Misconfigured
from connector.mirror import Lingering
from connector.store.fleet import Fleet
from connector.store.store import Store
from connector.sync.context import Context, Pace, wall_clock


@dataclass(frozen=True, slots=True)
class Texts:
    """What an admin wrote, read and checked for its shape."""

    settings: Settings
    fieldmap: FieldMap
    policy: Policy


def texts(path: Path) -> Texts:
    """Read settings, mapping and policy; Misconfigured names what is wrong in any of them."""
    settings = Settings.load(path)
    return Texts(
        settings,
        mapping_file.load_named(getattr(settings.mapping, settings.crm()), settings.base),
        policy.load(_policy(settings)),
    )


def policy_of(settings: Settings) -> str | Path:
    """The policy that the settings name: a shipped name, or a path."""
    return _policy(settings)


def _policy(settings: Settings) -> str | Path:
    found = _beside(settings.policy.file, settings.base)
    if isinstance(found, Path) and not found.is_file():
        where = f"{settings.where('policy', 'file')}: policy.file"
        raise Misconfigured(where, f"there is no file {found}", "Correct the name, or make the file.")
    return found


def _beside(name: str, base: Path) -> str | Path:
    """A shipped policy's name as it is; a path begins at the settings' folder."""
    return name if name in policy.shipped() else base / name


def crm(settings: Settings, ledger: JobLedger | None = None) -> CRM:
    """The CRM that the settings name."""
    found = settings.connection()
    kept = ledger if ledger is not None else MemoryLedger()
    if isinstance(found, HubSpot):
        return _hubspot(found, settings, kept)
    assert isinstance(found, Salesforce)
    return _salesforce(found, kept)


def _salesforce(org: Salesforce, ledger: JobLedger) -> CRM:
    from connector.crm.salesforce.adapter import SalesforceCRM  # the vendor's client takes half a second to import
    from connector.crm.salesforce.auth import SalesforceConnection

    return SalesforceCRM(SalesforceConnection(**_plain(org)), ledger)


def _hubspot(portal: HubSpot, settings: Settings, ledger: JobLedger) -> CRM:
    from connector.crm.hubspot.adapter import HubSpotCRM
    from connector.crm.hubspot.connection import HubSpotConnection

    budget = str(workspace(settings) / "hubspot-calls.sqlite")
    return HubSpotCRM(HubSpotConnection(**_plain(portal), budget_file=budget), ledger)


def _plain(part: Connection) -> dict[str, Any]:
    """The settings of a connection as its adapter takes them: secrets and paths as text, without secrets' files."""
    values = {name: getattr(part, name) for name in type(part).model_fields}
    for name in part.secrets():
        del values[f"{name}_file"]
        values[name] = values[name].get_secret_value() if values[name] else None
    return {name: str(value) if isinstance(value, Path) else value for name, value in values.items()}


def workspace(settings: Settings) -> Path:
    """The folder of the mirror and the store, readable by its owner only."""
    folder = settings.workspace.dir
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Misconfigured(
            settings.where("workspace", "dir"),
            f"the folder {folder} cannot be made ({error.strerror})",
            "Name a folder that this user may write to.",
        ) from error
    return folder


def store(settings: Settings) -> Store:
    """The connection's memory, in its database or its folder; made when absent."""
    place, name = settings.workspace, settings.connection_name()
    if place.database is None:
        return Store.open(place.store, name)
    secret = place.database_password
    return Store.open(place.database, name, secret.get_secret_value() if secret else None)


def has_store(settings: Settings) -> bool:
    """Whether the connection has a memory yet: looking at it must not make one. A server is taken to have it."""
    return settings.workspace.database is not None or settings.workspace.store.is_file()


def fleet(deployment: Deployment) -> Fleet:
    """The deployment's own database, with its inbox; made when absent."""
    where = deployment.fleet
    if isinstance(where, Path):
        try:
            where.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            found = f"the folder {where.parent} cannot be made ({error.strerror})"
            raise Misconfigured(deployment.settings.where("jobs"), found, "Name another with [jobs] dir.") from error
    return Fleet.open(where)


class Connected:
    """A connection that stays warm between jobs: the CRM's client with its token, sockets and schemas, and the store.

    The mirror, which has one writer, is given back after a job; where nobody else works (`alone`), only when no
    other job has come for a moment, so that events that follow each other find the desks of the facts laid out.
    Settings, mapping and policy are read again when one of their files has changed; the client is then made anew.
    One job at a time.
    """

    def __init__(
        self, path: Path, *, clock: Callable[[], datetime] = wall_clock, alone: Callable[[], bool] = lambda: False
    ) -> None:
        self._path, self._clock, self._alone = path, clock, alone
        self._stamp: Stamp = ()
        self._open: ExitStack = ExitStack()
        self._warm: tuple[Texts, Store, CRM, dict[str, Any]] | None = None
        self._mirror = Lingering()

    @contextmanager
    def context(self, *, progress: Progress = no_progress, patience: float = 0.0) -> Iterator[Context]:
        """Everything that a job works with. Raises Busy when another has the mirror for longer than `patience`."""
        said, kept, org, known = self._warmed()
        place, sync = said.settings.workspace, said.settings.sync
        mirror = self._mirror.taken(place.mirror, f"{place.memory_mb}MB", patience=patience)
        try:
            yield Context(
                connection=said.settings.connection_name(),
                crm=org,
                mirror=mirror,
                store=kept,
                fieldmap=said.fieldmap,
                policy=said.policy,
                pace=Pace(
                    overlap=timedelta(minutes=sync.overlap_minutes),
                    holdback=timedelta(seconds=sync.holdback_seconds),
                    refresh=timedelta(hours=sync.calculated_refresh_hours),
                    reconcile=timedelta(days=sync.reconcile_days),
                    keep_plans=timedelta(days=said.settings.retention.plans_days),
                    keep_trail=timedelta(days=said.settings.retention.trail_years * 365.25),
                ),
                clock=self._clock,
                progress=progress,
                admin_user=said.settings.tasks.admin_user,
                kept=known,
            )
        except BaseException:
            self._mirror.close()
            raise
        self._mirror.left(linger=self._alone())

    def close(self) -> None:
        """Give back the mirror, the client and the store; the next job begins cold."""
        self._mirror.close()
        self._warm, self._stamp = None, ()
        self._open.close()

    def _warmed(self) -> tuple[Texts, Store, CRM, dict[str, Any]]:
        if self._warm is None or _stamp(self._warm[0].settings, self._path) != self._stamp:
            self.close()
            said = texts(self._path)
            self._stamp = _stamp(said.settings, self._path)
            workspace(said.settings)
            kept = self._open.enter_context(closing(store(said.settings)))
            org = self._open.enter_context(closing(crm(said.settings, kept.ledger())))
            self._warm = said, kept, org, {}
        return self._warm


Stamp = tuple[tuple[str, int, int], ...]
"""Files with their size and when they were last written."""


def _stamp(settings: Settings, path: Path) -> Stamp:
    """All that an admin may have written: the settings' folder, and those of mapping and policy."""
    named = (getattr(settings.mapping, settings.crm()), settings.policy.file)
    folders = {path.parent, *((settings.base / name).parent for name in named)}
    found = []
    for file in sorted({path, *(each for folder in folders if folder.is_dir() for each in folder.glob("*.toml"))}):
        with suppress(FileNotFoundError):
            told = file.stat()
            found.append((str(file), told.st_size, told.st_mtime_ns))
    return tuple(found)


@contextmanager
def opened(
    path: Path,
    *,
    progress: Progress = no_progress,
    clock: Callable[[], datetime] = wall_clock,
    patience: float = 0.0,
) -> Iterator[Context]:
    """Everything that a sync works with; given back when the block ends.

    Raises Busy when another process has the mirror for longer than `patience` seconds.
    """
    with (
        closing(Connected(path, clock=clock)) as connected,
        connected.context(progress=progress, patience=patience) as ctx,
    ):
        yield ctx
