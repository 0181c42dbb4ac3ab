"""What does work need besides its connection?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from connector.config.operation import Jobs
from connector.store.fleet import Fleet
from jobs.orders import Order
from jobs.queue import Queue

if TYPE_CHECKING:
    from connector.sync.context import Context


@dataclass(frozen=True, slots=True)
class Desk:
    """What work needs besides its connection. `settled` waits out a burst of hints."""

    fleet: Fleet
    queue: Queue
    jobs: Jobs
    settled: Callable[[str], None]


Work = Callable[["Context", Order, Desk], dict[str, Any]]
"""Does one piece of work; the figures it came to."""
