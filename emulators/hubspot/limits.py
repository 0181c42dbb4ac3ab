"""How many calls are still granted: by token in ten seconds, by account in a day, for search in a second."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from emulators.hubspot.errors import HubError
from emulators.hubspot.portal import Portal, Tier

_BURST = {Tier.FREE: 100, Tier.STARTER: 100, Tier.PROFESSIONAL: 190, Tier.ENTERPRISE: 190}
_DAILY = {Tier.FREE: 250_000, Tier.STARTER: 250_000, Tier.PROFESSIONAL: 625_000, Tier.ENTERPRISE: 1_000_000}
_OAUTH_BURST, _SEARCH = 110, 5


@dataclass(slots=True)
class Allowance:
    """The limits in force; `enabled` False grants everything and still sends the headers."""

    burst: int
    oauth_burst: int
    daily: int
    search: int
    window: float = 10.0  # seconds, real ones
    second: float = 1.0
    enabled: bool = True


class Limits:
    """Counts calls. Short windows run on real time, the day on the portal's clock and time zone."""

    def __init__(self, portal: Portal) -> None:
        tier = portal.settings.tier
        self.allowance = Allowance(_BURST[tier], _OAUTH_BURST, _DAILY[tier], _SEARCH)
        self._portal = portal
        self._zone = ZoneInfo(portal.settings.time_zone)
        self._lock = threading.Lock()
        self._recent: dict[str, deque[float]] = {}
        self._searches: deque[float] = deque()
        self._day, self._used = "", 0

    def spend(self, token: str, *, oauth: bool, search: bool) -> dict[str, str]:
        """Count a call; the headers of its answer, or HubError 429 whose `headers` they are."""
        with self._lock:
            now = time.monotonic()
            headers = {} if oauth else self._daily()
            if search:
                self._search(now, headers)
            else:
                headers = self._burst(token, now, headers, oauth=oauth)
            if not oauth:
                self._used += 1
                headers["X-HubSpot-RateLimit-Daily-Remaining"] = str(max(0, self.allowance.daily - self._used))
            return headers

    def set(self, values: dict[str, Any]) -> None:
        """Change what is granted (names of Allowance), or `used`, today's calls."""
        with self._lock:
            for name, value in values.items():
                if name == "used":
                    self._today()
                    self._used = int(value)
                elif name in Allowance.__slots__:
                    setattr(self.allowance, name, type(getattr(self.allowance, name))(value))
                else:
                    raise ValueError(f"unknown limit {name}; known are used, {', '.join(Allowance.__slots__)}")
            self._recent.clear()
            self._searches.clear()

    def describe(self) -> dict[str, Any]:
        """What is granted and what is used."""
        with self._lock:
            self._today()
            names = Allowance.__slots__
            return {**{name: getattr(self.allowance, name) for name in names}, "used": self._used}

    def keep(self) -> dict[str, Any]:
        """All of `describe`, and how many seconds ago the calls of the short windows were, as JSON values."""
        told, now = self.describe(), time.monotonic()
        with self._lock:
            recent = {token: [now - at for at in calls] for token, calls in self._recent.items()}
            return {"told": told, "recent": recent, "searches": [now - at for at in self._searches]}

    def restore(self, kept: dict[str, Any]) -> None:
        """What `keep` told."""
        self.set(kept["told"])
        now = time.monotonic()
        with self._lock:
            self._recent = {token: deque(now - ago for ago in ages) for token, ages in kept["recent"].items()}
            self._searches = deque(now - ago for ago in kept["searches"])

    def usage(self) -> tuple[int, int]:
        """Calls made today and calls granted a day."""
        with self._lock:
            self._today()
            return self._used, self.allowance.daily

    def _today(self) -> None:
        day = self._portal.now().astimezone(self._zone).date().isoformat()
        if day != self._day:
            self._day, self._used = day, 0

    def _daily(self) -> dict[str, str]:
        self._today()
        most = self.allowance.daily
        headers = {
            "X-HubSpot-RateLimit-Daily": str(most),
            "X-HubSpot-RateLimit-Daily-Remaining": str(max(0, most - self._used)),
        }
        if self.allowance.enabled and self._used >= most:
            raise _refused("You have reached your daily limit.", "DAILY", headers)
        return headers

    def _search(self, now: float, headers: dict[str, str]) -> None:
        _forget(self._searches, now - self.allowance.second)
        if self.allowance.enabled and len(self._searches) >= self.allowance.search:
            bad = HubError(429, "RATE_LIMITS", "You have reached your secondly limit.")
            bad.headers.update(headers)
            raise bad
        self._searches.append(now)

    def _burst(self, token: str, now: float, headers: dict[str, str], *, oauth: bool) -> dict[str, str]:
        most = self.allowance.oauth_burst if oauth else self.allowance.burst
        recent = self._recent.setdefault(token, deque())
        _forget(recent, now - self.allowance.window)
        refused = self.allowance.enabled and len(recent) >= most
        if not refused:
            recent.append(now)
        second = most // 10
        used = sum(1 for at in list(recent)[-second - 1 :] if at > now - 1.0)
        found = {
            **headers,
            "X-HubSpot-RateLimit-Max": str(most),
            "X-HubSpot-RateLimit-Remaining": str(max(0, most - len(recent))),
            "X-HubSpot-RateLimit-Interval-Milliseconds": str(round(self.allowance.window * 1000)),
            "X-HubSpot-RateLimit-Secondly": str(second),
            "X-HubSpot-RateLimit-Secondly-Remaining": str(max(0, second - used)),
        }
        if refused:
            raise _refused("You have reached your ten_secondly_rolling limit.", "TEN_SECONDLY_ROLLING", found)
        return found


def _forget(recent: deque[float], before: float) -> None:
    while recent and recent[0] <= before:
        recent.popleft()


def _refused(message: str, policy: str, headers: dict[str, str]) -> HubError:
    bad = HubError(
        429, "", message, extra={"errorType": "RATE_LIMIT", "policyName": policy, "groupName": "publicapi"}
    )
    bad.headers.update(headers)
    return bad
