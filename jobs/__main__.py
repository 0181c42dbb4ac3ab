"""`python -m jobs --every 15`: sync now, then every so many minutes, until stopped."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from jobs.scheduler import scheduler, sync_once


def main(arguments: list[str] | None = None) -> None:
    """Sync until the process is stopped."""
    parser = argparse.ArgumentParser(prog="python -m jobs", description="Sync now, then every so many minutes.")
    parser.add_argument("--config", type=Path, default=Path(os.environ.get("PMOM_CONFIG", "config.toml")))
    parser.add_argument("--every", type=int, default=15, metavar="MINUTES", help="1 to 1440 (default 15)")
    parser.add_argument("--once", action="store_true", help="one sync, then end; exit code 1 when it did not go well")
    said = parser.parse_args(arguments)
    if not 1 <= said.every <= 1440:
        parser.error("--every takes 1 to 1440 minutes")
    well = sync_once(said.config)
    if said.once:
        raise SystemExit(0 if well else 1)
    scheduler(said.config, minutes=said.every).start()


if __name__ == "__main__":
    main()
