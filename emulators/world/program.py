"""What `python -m emulators world` does: write a generated world into a folder and say what is in it."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from emulators.loopback.program import Options
from emulators.world import SIZES, generate
from emulators.world.editions import FEATURES, leave_out
from emulators.world.hubspot import translate

CRMS = ("salesforce", "hubspot", "both")
_DESCRIPTION = """\
Writes a made-up company, its partners, deals, campaigns and funds, as the
files that the emulators load. Same seed, size and day: same bytes.

for a Salesforce org, as Data Loader files:
  python -m emulators world ./world --as-of 2026-03-31
  python -m emulators salesforce --csv ./world --now 2026-03-31T09:00:00Z

for a HubSpot portal:
  python -m emulators world ./world --crm hubspot --as-of 2026-03-31
  python -m emulators hubspot --load ./world --now 2026-03-31T09:00:00Z

the same company in both, a larger one:
  python -m emulators world ./world --crm both --size medium --seed 7
"""
_EPILOG = """\
It prints one line of JSON a folder: folder, seed, size, as_of, rows. The
folder's scenarios.json says what should be decided about each partner.

exit codes:
  0  the files are written
  2  the options make no sense, or the folder holds CSV files already
"""


def parser() -> argparse.ArgumentParser:
    """The options."""
    found = Options("world", _DESCRIPTION, _EPILOG, "FOLDER [options]")
    found.add_argument("folder", type=Path, help="where the files go; made when absent, must hold no CSV file")
    found.add_argument(
        "--crm", default="salesforce", choices=CRMS,
        help="whose form: Data Loader files, a portal's files, or FOLDER/salesforce and FOLDER/hubspot (default "
        "salesforce)",
    )  # fmt: skip
    found.add_argument("--size", default="small", choices=tuple(SIZES), help="how large (default small)")
    found.add_argument("--seed", type=int, default=1, metavar="N", help="same seed, same bytes (default 1)")
    found.add_argument(
        "--as-of", type=date.fromisoformat, default=None, metavar="DAY", help="the world's today (default: today)"
    )
    found.add_argument(
        "--without", default="", metavar="A,B",
        help=f"what the portal does not have: {', '.join(FEATURES)} (only for hubspot)",
    )  # fmt: skip
    return found


def main(arguments: list[str]) -> int:
    """Write the world; 2 when the folder already holds one."""
    options = parser().parse_args(arguments)
    folder: Path = options.folder
    if any(any(each.glob("*.csv")) for each in (folder, folder / "salesforce", folder / "hubspot")):
        sys.stderr.write(f"emulators world: {folder} already holds CSV files; name an empty folder\n")
        return 2
    without = [name.strip() for name in options.without.split(",") if name.strip()]
    if without and (options.crm != "hubspot" or not set(without) <= set(FEATURES)):
        sys.stderr.write(f"emulators world: --without takes {', '.join(FEATURES)}, with --crm hubspot\n")
        return 2
    for written in _write(folder, options):
        if without:
            leave_out(written, without)
        told = json.loads((written / "scenarios.json").read_text(encoding="utf-8"))
        names = ("seed", "size", "as_of", "rows")
        sys.stdout.write(json.dumps({"folder": str(written)} | {name: told[name] for name in names}) + "\n")
    return 0


def _write(folder: Path, options: argparse.Namespace) -> list[Path]:
    """Write what was asked for; -> the folders."""
    world = (options.seed, options.size, options.as_of or datetime.now(UTC).date())
    if options.crm == "salesforce":
        return [generate(*world, folder)]
    if options.crm == "both":
        source = generate(*world, folder / "salesforce")
        return [source, translate(source, folder / "hubspot")]
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".salesforce-", dir=folder) as between:
        return [translate(generate(*world, Path(between)), folder)]
