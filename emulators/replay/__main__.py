"""How the emulators are proved: `python -m emulators replay recordings` and `python -m emulators replay fuzz`."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from emulators.replay.fuzz import storm
from emulators.replay.recordings import FOLDER
from emulators.replay.stages import replayed
from emulators.replay.sweep import sweep
from emulators.replay.targets import OrgUnderFire, PortalUnderFire

_DESCRIPTION = """\
Proves the emulators: what real services were recorded to answer is asked of
both, and requests that no client should send are thrown at both.

  python -m emulators replay recordings --only hubspot
  python -m emulators replay fuzz --requests 10000 --seed 2
"""
_EPILOG = """\
python -m emulators replay ACT --help tells the options of each.

exit codes:
  0  nothing was found
  1  a difference without a reason, or an answer that the vendor would not give
  2  the options make no sense
"""


def parser() -> argparse.ArgumentParser:
    """The options."""
    found = argparse.ArgumentParser(
        prog="python -m emulators replay",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    acts = found.add_subparsers(dest="act", required=True, metavar="ACT")
    played = acts.add_parser("recordings", help="play recorded exchanges and tell every difference")
    played.add_argument("--folder", type=Path, default=FOLDER, metavar="DIR", help="where the recordings are")
    played.add_argument("--only", choices=["salesforce", "hubspot"], help="one of the two")
    played.set_defaults(run=_play)
    fuzz = acts.add_parser("fuzz", help="throw malformed requests at both emulators")
    fuzz.add_argument("--requests", type=int, default=10_000, metavar="N", help="at each (default 10,000)")
    fuzz.add_argument("--seed", type=int, default=1, metavar="N", help="same seed, same requests (default 1)")
    fuzz.add_argument(
        "--share", type=float, default=0.0, metavar="S",
        help="also each route in every way, or this share of the ways, as 0.05 (default 0: not at all)",
    )  # fmt: skip
    fuzz.add_argument("--only", choices=["salesforce", "hubspot"], help="one of the two")
    fuzz.set_defaults(run=_fuzz)
    return found


def main(arguments: list[str]) -> int:
    """0 when nothing was found, 1 otherwise, 2 for options that make no sense."""
    options = parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = options.run
    return run(options)


def _play(options: argparse.Namespace) -> int:
    reports = replayed(options.folder, options.only)
    for report in reports:
        sys.stdout.write(report.told() + "\n")
    return 1 if any(report.unexplained for report in reports) else 0


def _fuzz(options: argparse.Namespace) -> int:
    found = 0
    for kind in (OrgUnderFire, PortalUnderFire):
        if options.only in (None, kind.name):
            with tempfile.TemporaryDirectory(prefix="emulator-") as folder:
                target = kind(Path(folder))
                outcome = storm(target, options.requests, random.Random(options.seed))
                swept = sweep(target, random.Random(options.seed), options.share) if options.share else None
                target.close()
            sys.stdout.write(outcome.told(target.name) + "\n")
            if swept is not None:
                sys.stdout.write(swept.outcome.told(f"{target.name}, each of {len(swept.statuses)} routes") + "\n")
            found += len(outcome.found) + (0 if swept is None else len(swept.outcome.found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
