"""When does a sync run by itself? Every so many minutes, one at a time, and never twice for one slot.

APScheduler is only the clock: its jobs live in memory, because what must survive a crash is in the mirror and the
store, and a sync that was cut off is taken up by the next one. Run one scheduler a workspace; a second one finds the
mirror in use and leaves its slot to the first.
"""

from __future__ import annotations

from pathlib import Path

import structlog
from apscheduler.schedulers.blocking import BlockingScheduler

from connector import wiring
from connector.errors import Busy, PmomError
from connector.sync.runs import run, sync, sync_summary

log = structlog.get_logger()


def sync_once(config: Path) -> bool:
    """One sync; what goes wrong with the world is logged and left to the next slot. Whether it went well."""
    try:
        with wiring.opened(config) as ctx:
            report = run(ctx, "sync", lambda run_id: sync(ctx, run_id), sync_summary)
    except Busy:
        log.info("sync skipped", reason="the workspace is in use")
        return False
    except PmomError as error:
        log.error("sync failed", error=type(error).__name__, message=str(error))
        return False
    applied = report.applied
    log.info(
        "sync done",
        changed_rows=report.pulled.changed,
        decided=report.decided.partners,
        outcomes=applied.counts if applied else {},
    )
    return applied is None or applied.complete


def scheduler(config: Path, *, minutes: int) -> BlockingScheduler:
    """A scheduler that syncs now and then every `minutes`; late slots are made up for once."""
    made = BlockingScheduler(timezone="UTC")
    made.add_job(
        sync_once,
        "interval",
        args=[config],
        minutes=minutes,
        id="sync",
        coalesce=True,
        max_instances=1,
        misfire_grace_time=3600,
    )
    return made
