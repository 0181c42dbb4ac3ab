"""What of a portal is kept in memory only, and how a portal begins again on a file with that."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from emulators.hubspot.portal import Portal
from emulators.loopback.clock import Clock

if TYPE_CHECKING:
    from random import Random

    from emulators.hubspot.limits import Limits
    from emulators.hubspot.server import Emulator


def memory(emulator: Emulator) -> dict[str, Any]:
    """Seed and chance, limits, retired versions and the application, as JSON values."""
    portal, app = emulator.portal, emulator.app
    return {
        "seed": portal.seed,
        "last_id": portal.last_id,
        "chance": portal.rng.getstate(),
        "correlations": emulator.correlations.getstate(),
        "limits": emulator.limits.keep(),
        "retired": sorted(emulator.router.retired),
        "app": {
            "client_id": app.client_id,
            "client_secret": app.client_secret,
            "access_token": app.access_token,
            "refresh_token": app.refresh_token,
            "developer_key": app.developer_key,
        },
    }


def open_portal(path: Path, kept: dict[str, Any], clock: Clock) -> Portal:
    """The portal in that file, its chance and its ids where they stood."""
    portal = Portal.open(path, None, clock, kept["seed"])
    _stand(portal.rng, kept["chance"])
    portal.id_taken(kept["last_id"])
    return portal


def recall(limits: Limits, correlations: Random, kept: dict[str, Any]) -> None:
    """Limits and correlation ids as they stood."""
    _stand(correlations, kept["correlations"])
    limits.restore(kept["limits"])


def _stand(chance: Random, kept: list[Any]) -> None:
    version, numbers, rest = kept
    chance.setstate((version, tuple(numbers), rest))
