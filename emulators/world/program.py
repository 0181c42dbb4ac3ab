"""`python -m emulators world FOLDER`: write a generated world as Data Loader files."""

from __future__ import annotations

import argparse
from datetime import date
from pathlib import Path

from emulators.world import SIZES, generate


def main(arguments: list[str]) -> int:
    """Write the world; 0 when it is written."""
    parser = argparse.ArgumentParser(
        prog="python -m emulators world",
        description="Writes one CSV an object, fields.json, scenarios.json and after_install/. Same seed, same bytes.",
    )
    parser.add_argument("folder", type=Path, help="where the files go; made when absent")
    parser.add_argument("--size", choices=tuple(SIZES), default="small")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--as-of", type=date.fromisoformat, default=date(2026, 3, 31), metavar="YYYY-MM-DD")
    said = parser.parse_args(arguments)
    said.folder.mkdir(parents=True, exist_ok=True)
    generate(said.seed, said.size, said.as_of, said.folder)
    return 0
