"""Why is a message not taken? One word for each reason, and what was told where it is taken."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from connector.hooks.hint import Hint


class Refusal(StrEnum):
    """A reason, as answers, logs and counters name it."""

    UNKNOWN = "unknown"  # no such connection, or a wrong secret in the address: not told apart
    UNSIGNED = "unsigned"
    BAD_SIGNATURE = "bad_signature"
    STALE = "stale"  # signed too long ago, or for a moment that is still to come
    MALFORMED = "malformed"
    FOREIGN = "foreign"  # of an organisation or action that the settings do not name
    TOO_LARGE = "too_large"
    MEDIA_TYPE = "media_type"
    METHOD = "method"
    UNKEPT = "unkept"  # the inbox cannot be written now: the sender must try again
    RESTING = "resting"  # the connection's settings cannot be read now: the sender must try again
    FAULT = "fault"  # ours


@dataclass(frozen=True, slots=True)
class Told:
    """What one message came to: its hints, and how many of its events are none."""

    hints: tuple[Hint, ...] = ()
    echoes: int = 0  # about our own writing
    unmapped: int = 0  # about objects that the mapping does not read
    strange: int = 0  # in a form that is not known
