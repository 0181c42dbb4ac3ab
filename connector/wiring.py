"""The only place that chooses: settings to CRM, mirror, store, mapping, policy and clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from connector.config import mapping_file, policy
from connector.config.fieldmap import FieldMap
from connector.config.settings import Settings
from connector.core.policy import Policy
from connector.crm.base import CRM, JobLedger, MemoryLedger, Progress, no_progress
from connector.errors import Misconfigured
from connector.mirror import Mirror
from connector.store.store import Store
from connector.sync.context import Context, Pace, wall_clock

CONNECTION = "salesforce"


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
        mapping_file.load_named(settings.mapping.salesforce, settings.base),
        policy.load(_beside(settings.policy.file, settings.base)),
    )


def _beside(name: str, base: Path) -> str | Path:
    """A shipped policy's name as it is; a path begins at the settings' folder."""
    return name if name in policy.shipped() else base / name


def crm(settings: Settings, ledger: JobLedger | None = None) -> CRM:
    """The CRM that the settings name."""
    from connector.crm.salesforce.adapter import SalesforceCRM  # the vendor's client takes half a second to import
    from connector.crm.salesforce.auth import SalesforceConnection

    org = settings.connection()
    return SalesforceCRM(
        SalesforceConnection(
            instance_url=org.instance_url,
            client_id=org.client_id,
            client_secret=org.client_secret.get_secret_value() if org.client_secret else None,
            private_key=org.private_key.get_secret_value() if org.private_key else None,
            username=org.username,
            auth=org.auth,
            login_url=org.login_url,
            audience=org.audience,
            api_version=org.api_version,
            ca_file=str(org.ca_file) if org.ca_file else None,
            token_file=str(org.token_file) if org.token_file else None,
            connect_timeout=org.connect_timeout,
            read_timeout=org.read_timeout,
            budget_share=org.budget_share,
            budget_reserve=org.budget_reserve,
            rest_rows=org.rest_rows,
            bulk_page_rows=org.bulk_page_rows,
            bulk_writes=org.bulk_writes,
            first_poll=org.first_poll,
            longest_poll=org.longest_poll,
            job_deadline=org.job_deadline,
        ),
        ledger if ledger is not None else MemoryLedger(),
    )


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


@contextmanager
def opened(
    path: Path, *, progress: Progress = no_progress, clock: Callable[[], datetime] = wall_clock
) -> Iterator[Context]:
    """Everything that a sync works with; given back when the block ends."""
    said = texts(path)
    workspace(said.settings)
    with ExitStack() as stack:
        store = stack.enter_context(closing(Store.open(said.settings.workspace.store, CONNECTION)))
        mirror = stack.enter_context(Mirror.open(said.settings.workspace.mirror))
        org = stack.enter_context(closing(crm(said.settings, store.ledger())))
        sync = said.settings.sync
        yield Context(
            connection=CONNECTION,
            crm=org,
            mirror=mirror,
            store=store,
            fieldmap=said.fieldmap,
            policy=said.policy,
            pace=Pace(
                overlap=timedelta(minutes=sync.overlap_minutes),
                holdback=timedelta(seconds=sync.holdback_seconds),
                refresh=timedelta(hours=sync.calculated_refresh_hours),
                reconcile=timedelta(days=sync.reconcile_days),
            ),
            clock=clock,
            progress=progress,
            admin_user=said.settings.tasks.admin_user,
        )
