"""Which values may a person type behind a command, and what is said about those that mean nothing?"""

from __future__ import annotations

import contextlib
import difflib
import re
from datetime import date
from enum import StrEnum
from typing import Annotated

import typer


class Size(StrEnum):
    """How large the demo's market is."""

    TINY = "tiny"
    SMALL = "small"
    MEDIUM = "medium"


class Connected(StrEnum):
    """The CRMs that can be connected."""

    SALESFORCE = "salesforce"
    HUBSPOT = "hubspot"


def day(text: str) -> date:
    """A day as people should write it; other notations are told how."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        pass
    found = re.fullmatch(r"(\d{1,2})[./](\d{1,2})[./](\d{4})", text.strip())
    example = "2026-03-31"
    if found and "." in text:
        with contextlib.suppress(ValueError):
            example = date(int(found[3]), int(found[2]), int(found[1])).isoformat()
    raise typer.BadParameter(f"{text!r} is no day: write it as {example}.")


def connected(text: str) -> Connected:
    """The CRM of that name; a misspelt one gets the nearest."""
    try:
        return Connected(text.lower())
    except ValueError:
        near = difflib.get_close_matches(text.lower(), [each.value for each in Connected], n=1, cutoff=0.5)
        hint = f"Did you mean {near[0]}?" if near else f"Known: {', '.join(each.value for each in Connected)}."
        raise typer.BadParameter(f"{text!r} cannot be connected. {hint}") from None


CRMS = "CRM"

AsOf = Annotated[
    date | None,
    typer.Option("--as-of", parser=day, metavar="YYYY-MM-DD", help="Decide as of this day instead of today."),
]
Force = Annotated[
    str | None,
    typer.Option("--force", metavar="FINGERPRINT", help="Apply this very plan although a safety limit stops it."),
]


LetGo = Annotated[
    bool, typer.Option("--let-go", help="Accept that many partners are no longer partners by the mapping.")
]


Named = Annotated[
    Connected | None,
    typer.Argument(parser=connected, metavar=CRMS, help="The CRM, to be sure: the settings say which it is."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done; do nothing.")]
