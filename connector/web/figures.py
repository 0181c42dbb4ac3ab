"""What can be measured of the running deployment? Posts of this process, and what the database knows of the others.

What workers and other processes know is read from the fleet database when the page is asked for, so that every
process shows the same and no files are shared between processes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from connector.errors import PmomError
from connector.store.fleet import Fleet
from connector.store.inbox import Inbox

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
NOBODY = ""  # the connection of posts that name none which exists


class Figures:
    """One process's figures, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._posts = Counter(
            "pmom_posts",
            "Posts to the webhook addresses, by what became of them.",
            ("connection", "sender", "outcome"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "pmom_post_seconds",
            "Seconds from a post's arrival in the application to its answer.",
            ("sender",),
            buckets=_BUCKETS,
            registry=self.registry,
        )

    def post(self, connection: str, sender: str, outcome: str, seconds: float) -> None:
        """One post was answered."""
        self._posts.labels(connection, sender, outcome).inc()
        self._seconds.labels(sender).observe(seconds)

    def turned_away(self, outcome: str) -> None:
        """One request was refused before it reached the application."""
        self._posts.labels(NOBODY, "unknown", outcome).inc()

    def watch(self, collector: Collector) -> None:
        """Ask that one too whenever the page is asked for."""
        self.registry.register(collector)

    def page(self) -> bytes:
        """The page that Prometheus reads."""
        return generate_latest(self.registry)


class FleetFigures(Collector):
    """What the fleet database knows, read when it is asked for; `pmom_database_up` is 0 when it does not answer."""

    def __init__(
        self,
        fleet: Fleet,
        inbox: Inbox,
        connections: tuple[str, ...],
        clock: Callable[[], datetime],
        stale_after: timedelta,
    ) -> None:
        self._fleet, self._inbox, self._names = fleet, inbox, connections
        self._clock, self._stale_after = clock, stale_after

    def describe(self) -> list[Metric]:
        """Nothing is read while the registry is made."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The figures as they are now."""
        try:
            found = [*self._inbox_figures(), *self._fleet_figures(), *self._last_known()]
        except PmomError:
            yield _gauge("pmom_database_up", "Whether the fleet database answers.", 0)
            return
        yield _gauge("pmom_database_up", "Whether the fleet database answers.", 1)
        yield from found

    def _inbox_figures(self) -> Iterator[Metric]:
        now, waiting = self._clock(), {each.connection: each for each in self._inbox.waiting()}
        depth = GaugeMetricFamily("pmom_inbox_waiting", "Hints that are not read yet.", labels=["connection"])
        lag = GaugeMetricFamily("pmom_inbox_lag_seconds", "Age of the oldest of them.", labels=["connection"])
        for name in dict.fromkeys((*self._names, *waiting)):
            held = waiting.get(name)
            depth.add_metric([name], held.count if held else 0)
            lag.add_metric([name], max(0.0, (now - held.oldest).total_seconds()) if held else 0)
        hints = CounterMetricFamily(
            "pmom_hints", "Hints that came, and how they ended.", labels=["connection", "sender", "state"]
        )
        for each in self._inbox.counts():
            hints.add_metric([each.connection, each.sender.value, each.state], each.count)
        yield from (depth, lag, hints)

    def _fleet_figures(self) -> Iterator[Metric]:
        states = self._fleet.states()
        active = GaugeMetricFamily(
            "pmom_connection_active", "1 while a connection works, 0 while it rests.", labels=["connection"]
        )
        for name in self._names:
            active.add_metric([name], 0 if name in states and states[name].paused else 1)
        workers = self._fleet.workers(self._clock(), self._stale_after)
        yield active
        yield _gauge("pmom_workers_alive", "Workers heard of lately.", sum(each.alive for each in workers))
        yield _gauge("pmom_workers_silent", "Workers that fell silent.", sum(not each.alive for each in workers))

    def _last_known(self) -> Iterator[Metric]:
        counts = CounterMetricFamily(
            "pmom_events", "Counters of the whole deployment.", labels=["connection", "name"]
        )
        for each in self._fleet.counters():
            counts.add_metric([each.connection, each.name], each.count)
        last = GaugeMetricFamily(
            "pmom_last_known", "Last known figures, such as the budget left.", labels=["connection", "name"]
        )
        for note in self._fleet.notes():
            if isinstance(note.value, int | float):
                last.add_metric([note.connection, note.name], float(note.value))
        yield from (counts, last)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)
