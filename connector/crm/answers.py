"""What do all vendors' answers have in common: secrets that must not be repeated, gateways' pages, Retry-After?"""

from __future__ import annotations

import re
from collections.abc import Mapping

from connector.crm.retry import Again, Unanswered

_TOKEN = re.compile(
    r"\b00D[A-Za-z0-9]{12,15}![\w.]+"  # a Salesforce session
    r"|\bpat-[a-z0-9]{2,6}-[0-9A-Za-z-]{8,}"  # a HubSpot service key or private app
    r"|(?<=Bearer )[^\s\"'\\,;}]+"  # not the JSON around it
)


def redacted(text: str, *secrets: str | None) -> str:
    """The text without access tokens and without the given secrets: a CRM, or a proxy before it, may echo them."""
    for secret in secrets:
        text = text.replace(secret, "***") if secret else text
    return _TOKEN.sub("***", text)


def plain(content: bytes | str, *secrets: str | None) -> str:
    """A body that is not JSON, in at most 200 characters fit for a message."""
    text = content.decode("utf-8", "replace") if isinstance(content, bytes) else content
    return "a page that is not JSON" if "<" in text[:200] else redacted(text.strip(), *secrets)[:200]


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The Retry-After header in seconds; None when absent or written as a date. Header names in any case."""
    value = next((text for name, text in headers.items() if name.lower() == "retry-after"), "")
    return float(value) if value.isascii() and value.isdigit() else None


def lost(message: str, idempotent: bool) -> Exception:
    """The error for a call whose answer did not arrive whole."""
    return Again(message, promptly=True) if idempotent else Unanswered(message)
