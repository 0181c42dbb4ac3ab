"""What do other senders say? A small signed form for Flow HTTP callouts, middleware and scripts (docs/webhooks.md).

Signed: HMAC-SHA-256 over the timestamp, a dot and the raw body, so that nothing can be changed and nothing replayed
later than five minutes; within them the event's own id makes a replay harmless. A sender that cannot compute this may
show a plain secret in a header, where the settings allow it.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Any

from connector.hooks.compare import SKEW, moment, one_of
from connector.hooks.hint import Happened, Hint, Sender
from connector.hooks.json_text import NotJson, instant, parsed, word
from connector.hooks.refusals import Refusal, Told
from connector.hooks.wanted import Wanted

MOST = 1000  # events of one request
_KEYS = frozenset(("object", "id", "happened", "occurred_at", "event_id", "property", "written_by"))


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """What the header holds: "sha256=" and the hexadecimal HMAC; `timestamp` is seconds since 1970 as text."""
    return "sha256=" + hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def refused(body: bytes, *, timestamp: str, signed: str, secrets: Sequence[str], now: float) -> Refusal | None:
    """Why the message is not that of somebody who knows a secret, or None when it is. `now`: seconds since 1970."""
    if not signed or not timestamp or not secrets:
        return Refusal.UNSIGNED
    signed_at = moment(timestamp)
    if signed_at is None:
        return Refusal.BAD_SIGNATURE
    expected = [signature(secret, timestamp, body).encode() for secret in secrets]
    if not one_of(signed.encode("utf-8", "replace"), expected):
        return Refusal.BAD_SIGNATURE
    return Refusal.STALE if abs(now - signed_at) > SKEW else None


def refused_plain(shown: str, secrets: Sequence[str]) -> Refusal | None:
    """As `refused`, for a secret that is shown in a header: whoever reads the message can write others."""
    if not shown:
        return Refusal.UNSIGNED
    known = one_of(shown.encode("utf-8", "replace"), [each.encode() for each in secrets])
    return None if known else Refusal.BAD_SIGNATURE


def told(body: bytes, wanted: Wanted) -> Told | Refusal:
    """What one event, or a list of events, says; MALFORMED when any of them lacks something or holds unknown keys."""
    try:
        found = parsed(body)
    except NotJson:
        return Refusal.MALFORMED
    events = found if isinstance(found, list) else [found]
    if not 1 <= len(events) <= MOST or not all(map(_whole, events)):
        return Refusal.MALFORMED
    echoes = [event for event in events if _echo(event, wanted)]
    others = [event for event in events if not _echo(event, wanted)]
    hints = [hint for event in others if (hint := _hint(event, wanted))]
    return Told(tuple({hint.key: hint for hint in hints}.values()), len(echoes), len(others) - len(hints))


def _whole(event: object) -> bool:
    """Whether it is an event: known keys, words where words belong."""
    if not isinstance(event, dict) or not event.keys() <= _KEYS:
        return False
    named = all(word(event.get(name)) for name in ("object", "id", "event_id"))
    words = all(isinstance(event.get(name, ""), str) for name in ("property", "written_by"))
    timed = event.get("occurred_at") is None or instant(event["occurred_at"]) is not None
    return named and words and timed and event.get("happened", Happened.CHANGED) in list(Happened)


def _echo(event: Mapping[str, Any], wanted: Wanted) -> bool:
    return wanted.echo(word(event.get("property", "")), word(event.get("written_by", "")))


def _hint(event: Mapping[str, Any], wanted: Wanted) -> Hint | None:
    name = wanted.object(event["object"])
    if name is None:
        return None
    happened = Happened(event.get("happened", Happened.CHANGED))
    return Hint(
        sender=Sender.EVENTS,
        object=name,
        record_id=event["id"],
        happened=happened,
        key=f"{event['event_id']}/{name}/{event['id']}/{happened}",  # ids that senders give twice lose no record
        occurred_at=instant(event.get("occurred_at")),
        property=word(event.get("property", "")),
        written_by=word(event.get("written_by", "")),
    )
