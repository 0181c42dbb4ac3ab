"""Which scopes does writing need that the token was not given, as far as the portal tells a token's scopes?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from connector.crm.hubspot.kinds import STANDARD

_BY_CONTACTS = ("tasks", "meetings", "notes", "calls", "emails")
"""HubSpot keeps no scopes of their own for these."""


def lacking(granted: Iterable[str], written: Iterable[str], installed: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """(scope, what does not work without it), each scope once.

    `written` are objects whose records are written, `installed` those that get properties of ours.
    """
    held = set(granted)
    found = dict(each for each in _needed(written, installed) if each[0] not in held)
    return tuple(found.items())


def _needed(written: Iterable[str], installed: Iterable[str]) -> Iterator[tuple[str, str]]:
    for name in written:
        yield f"crm.objects.{_word(name)}.write", f"nothing can be written to {name}"
    for name in installed:
        yield f"crm.schemas.{_word(name)}.write", f"an install makes no properties on {name}"


def _word(name: str) -> str:
    if name.lower() in _BY_CONTACTS:
        return "contacts"
    return name.lower() if name.lower() in STANDARD else "custom"
