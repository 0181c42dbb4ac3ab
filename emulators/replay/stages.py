"""What all recordings of a folder show: each is played on a fresh emulator."""

from __future__ import annotations

import tempfile
from pathlib import Path

from emulators.replay.hubspot import PortalStage
from emulators.replay.playing import Report, play
from emulators.replay.recordings import read
from emulators.replay.salesforce import OrgStage


def replayed(folder: Path, only: str | None = None) -> list[Report]:
    """A report for each vendor; OSError when a recording is not there."""
    found: list[Report] = []
    if only in (None, "salesforce"):
        found.append(_orgs(folder / "salesforce.jsonl.xz"))
    if only in (None, "hubspot"):
        found.append(_portals(folder / "hubspot.jsonl.xz"))
    return found


def _orgs(path: Path) -> Report:
    report, recordings = Report("salesforce"), list(read(path))
    everything = [exchange for _, exchanges in recordings for exchange in exchanges]
    for _, exchanges in recordings:
        with tempfile.TemporaryDirectory(prefix="emulator-") as folder:
            stage = OrgStage(Path(folder), exchanges, everything)
            play(stage, exchanges, report, stage.emulator.pattern)
            stage.close()
    return report


def _portals(path: Path) -> Report:
    report = Report("hubspot")
    for _, exchanges in read(path):
        with tempfile.TemporaryDirectory(prefix="emulator-") as folder:
            portal = PortalStage(Path(folder), exchanges)
            play(portal, exchanges, report, portal.emulator.pattern)
            portal.close()
    return report
