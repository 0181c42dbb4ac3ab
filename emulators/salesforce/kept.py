"""What of an org is kept in memory only, and how an org begins again on a file with that."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from emulators.loopback.clock import Clock
from emulators.salesforce import catalog
from emulators.salesforce.org import Org
from emulators.salesforce.storage import kept_state

if TYPE_CHECKING:
    from emulators.salesforce.oauth.login import Login


def memory(org: Org, login: Login) -> dict[str, Any]:
    """Seed, limits, when sessions were used last, and the application's id and secret, as JSON values."""
    return {
        "seed": org.seed,
        "limits": org.limits.keep(),
        "sessions": login.keep(),
        "app": {"client_id": login.app.client_id, "client_secret": login.app.client_secret},
    }


def open_org(path: Path, kept: dict[str, Any], clock: Clock) -> Org:
    """The org in that file with what was in memory; custom objects come back with it."""
    schema = catalog.load(kept_state(path, "without") or (), kept_state(path, "having") or ())
    org = Org.open(path, schema, clock, kept["seed"])
    org.limits.restore(kept["limits"])
    return org
