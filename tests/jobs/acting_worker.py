"""A worker whose work is acted: it notes when it begins and ends, and waits in between. Run as a program.

acting_worker.py CONFIG LEDGER SECONDS: `poison` in an order's key kills the process, `fails` raises.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from connector.config.deployment import Deployment
from jobs import process
from jobs.desk import Desk
from jobs.orders import Kind, Order


@dataclass(frozen=True)
class Acted:
    """As much of a context as the worker looks at."""

    progress: Any = None

    @property
    def crm(self) -> Any:
        return SimpleNamespace(usage=lambda: SimpleNamespace(used=1, limit=10))


class Warm:
    """A connection to nowhere."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def context(self, *, progress: Any) -> Iterator[Any]:
        yield Acted(progress)

    def close(self) -> None:
        pass


def work_for(ledger: Path, seconds: float) -> Any:
    def write(what: str, order: Order) -> None:
        line = f"{time.time():.6f} {what} {os.getpid()} {order.connection} {order.id}\n"
        descriptor = os.open(ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(descriptor, line.encode())
        os.close(descriptor)

    def work(ctx: Any, order: Order, desk: Desk) -> dict[str, Any]:
        write("begin", order)
        if order.kind is Kind.DRAIN:
            desk.settled(order.connection)
            inbox = desk.fleet.inbox()
            highest = max(
                (each.highest for each in inbox.waiting() if each.connection == order.connection), default=0
            )
            held = inbox.take(order.connection, highest)
        if "poison" in order.key or order.partner == "poison":
            os.kill(os.getpid(), signal.SIGKILL)
        if order.partner == "fails":
            raise ValueError("a defect")
        until = time.monotonic() + (30 if order.partner == "long" else seconds)
        while time.monotonic() < until:
            time.sleep(0.02)
            ctx.progress("acting", 1, 2)
        write("end", order)
        if order.kind is Kind.DRAIN:
            inbox.done([each.id for each in held], held[0].received_at if held else None)
        return {}

    return work


def main() -> None:
    config, ledger, seconds = Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])
    process.run(Deployment.load(config), warmed=Warm, work=work_for(ledger, seconds))


if __name__ == "__main__":
    main()
