"""When things of a world happen: days before its own today, in the org's time zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

TIME_ZONE = "America/Los_Angeles"
_ZONE = ZoneInfo(TIME_ZONE)


def text(at: datetime) -> str:
    """The instant as a Data Loader file keeps it: UTC with milliseconds."""
    return at.isoformat(timespec="milliseconds")[:23] + "Z"


@dataclass(frozen=True, slots=True)
class Calendar:
    """The world's today. `days` count backwards: 1 is yesterday, -1 tomorrow."""

    today: date

    def day(self, days: float) -> date:
        """The day that many days ago."""
        return self.today - timedelta(days=int(days))

    def at(self, days: float, hour: int = 15, minute: int = 0, second: int = 0) -> datetime:
        """That day at that time in UTC; mid-afternoon UTC is the same day everywhere in the org."""
        return datetime.combine(self.day(days), time(hour, minute, second), UTC)

    def local(self, days: float, hour: int, minute: int = 0) -> datetime:
        """That day at that wall-clock time of the org's zone, in UTC."""
        return datetime.combine(self.day(days), time(hour, minute), _ZONE).astimezone(UTC)

    def clock_change(self) -> date:
        """The last Sunday before today on which the org's zone changed its clocks."""
        day = self.today - timedelta(days=1)
        while self._offset(day) == self._offset(day + timedelta(days=1)):
            day -= timedelta(days=1)
        return day

    @staticmethod
    def _offset(day: date) -> timedelta | None:
        return datetime.combine(day, time(0), _ZONE).utcoffset()
