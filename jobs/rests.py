"""How long does a connection rest, and is it to be tried again? A wrong clock makes no rest longer than was meant."""

from __future__ import annotations

from datetime import datetime, timedelta

from connector.store.fleet import AHEAD, Fleet
from jobs.verdicts import LONGEST_REST

REST_NOTE = "rest"  # the name under which the fleet's notes keep for how many seconds a connection was to rest


def let_rest(fleet: Fleet, connection: str, reason: str, at: datetime, seconds: float) -> datetime:
    """Let the connection rest for so long; when it is tried again."""
    retry_at = at + timedelta(seconds=seconds)
    fleet.note(connection, {REST_NOTE: seconds}, at)
    fleet.pause(connection, reason, at, retry_at)
    return retry_at


def due(fleet: Fleet, connection: str, at: datetime) -> bool:
    """Whether a connection that rests is to be tried again; no other one is, nor one that a person paused.

    An end of the rest that lies further ahead than it was to be long was written by a clock that was ahead: the rest
    begins now, once.
    """
    state = fleet.state(connection)
    if not state.paused or state.retry_at is None:
        return False
    notes = {note.name: note.value for note in fleet.notes() if note.connection == connection}
    longest = timedelta(seconds=float(notes.get(REST_NOTE) or LONGEST_REST))
    if state.retry_at > at + longest + AHEAD:
        fleet.pause(connection, state.reason, at, at + longest)
        return False
    return state.retry_at <= at
