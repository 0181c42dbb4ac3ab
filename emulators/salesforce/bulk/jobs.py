"""What a Bulk API 2.0 job is: kept in the org's file, carried on by a thread, taken up again after a restart."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from emulators.loopback.clock import parse_instant, stored
from emulators.salesforce.errors import ApiError, not_found
from emulators.salesforce.org import Org

QUERY, INGEST = "V2Query", "V2Ingest"
DELIMITERS = {"BACKQUOTE": "`", "CARET": "^", "COMMA": ",", "PIPE": "|", "SEMICOLON": ";", "TAB": "\t"}
ENDINGS = {"LF": "\n", "CRLF": "\r\n"}
_TABLES = (
    "e_bulk_job (id TEXT PRIMARY KEY, kind TEXT, created TEXT, body TEXT) WITHOUT ROWID",
    "e_bulk_upload (job TEXT PRIMARY KEY, body BLOB) WITHOUT ROWID",
    "e_bulk_row (job TEXT, line INTEGER, id TEXT, created INTEGER, error TEXT, PRIMARY KEY (job, line))",
)


@dataclass(slots=True)
class Settings:
    """How patient and how parallel the org is; changed by `configure`, kept in the file."""

    polls: int = 1  # status calls that still see a job at work before it may be seen complete
    seconds: float = 0.0  # of the org's time that a job takes at least
    page: int = 50_000  # rows of a result page when the caller names none
    batch: int = 10_000  # rows of an internal batch
    parallel: int = 2  # internal batches that run at the same time
    chunk: int = 200  # rows of one transaction inside a batch
    max_upload: int = 112_500_000  # bytes: 150 MB once written in base64
    query_jobs_a_day: int = 10_000
    batches_a_day: int = 15_000


def settings(org: Org) -> Settings:
    """The settings in force."""
    return Settings(**(org.state("bulk") or {}))


def configure(org: Org, **changes: int | float) -> Settings:
    """Change some settings; a name that is none is a TypeError."""
    changed = Settings(**(asdict(settings(org)) | changes))
    org.put_state("bulk", asdict(changed))
    return changed


def prepare(org: Org) -> None:
    """Make the tables of jobs where they do not exist yet."""
    for table in _TABLES:
        org.connection().execute(f"CREATE TABLE IF NOT EXISTS {table}")


def folder(org: Org) -> Path:
    """Where query results lie: beside the org's file."""
    path = Path(f"{org.path}.bulk")
    path.mkdir(exist_ok=True)
    return path


@dataclass(slots=True)
class Job:
    """One job; `state` is one of Open, UploadComplete, InProgress, Aborted, JobComplete, Failed."""

    id: str
    kind: str
    user: str
    version: str
    created: str
    modified: str
    state: str
    operation: str
    object: str
    query: str = ""
    external_id: str = ""
    delimiter: str = "COMMA"
    ending: str = "LF"
    uploaded: bool = False
    started: str = ""  # when it was handed over for work
    polls: int = 0  # status calls since then
    done: bool = False  # the work is finished, whether or not a caller has been told
    processed: int = 0
    failed: int = 0
    error: str = ""
    milliseconds: int = 0

    @property
    def separator(self) -> str:
        """The character between cells."""
        return DELIMITERS[self.delimiter]

    @property
    def newline(self) -> str:
        """The characters between lines."""
        return ENDINGS[self.ending]


def save(org: Org, job: Job) -> None:
    """Keep the job as it is now."""
    with org.transaction() as connection:
        body = json.dumps(asdict(job))
        connection.execute(
            "INSERT OR REPLACE INTO e_bulk_job VALUES (?, ?, ?, ?)", (job.id, job.kind, job.created, body)
        )


def find(org: Org, job_id: str, kind: str) -> Job:
    """The job of that id (15 or 18 characters); 404 for none or one of the other kind."""
    prepare(org)
    row = (
        org.connection()
        .execute("SELECT body FROM e_bulk_job WHERE substr(id, 1, 15) = ? AND kind = ?", (job_id[:15], kind))
        .fetchone()
    )
    if row is None:
        raise not_found()
    return Job(**json.loads(row[0]))


def listed(org: Org, kind: str) -> list[Job]:
    """All jobs of a kind that are not older than seven days, oldest first."""
    prepare(org)
    oldest = stored(org.clock.now() - timedelta(days=7))
    sql = "SELECT body FROM e_bulk_job WHERE kind = ? AND created >= ? ORDER BY created, id"
    return [Job(**json.loads(row[0])) for row in org.connection().execute(sql, (kind, oldest))]


def remove(org: Org, job: Job) -> None:
    """Forget a job and all that belongs to it."""
    with org.transaction() as connection:
        for table, column in (("e_bulk_job", "id"), ("e_bulk_upload", "job"), ("e_bulk_row", "job")):
            connection.execute(f"DELETE FROM {table} WHERE {column} = ?", (job.id,))
    for path in folder(org).glob(f"{job.id}.*"):
        path.unlink(missing_ok=True)


def since_yesterday(org: Org, kind: str) -> int:
    """How many jobs of a kind were made in the last 24 hours."""
    day = stored(org.clock.now() - timedelta(hours=24))
    sql = "SELECT count(*) FROM e_bulk_job WHERE kind = ? AND created > ?"
    return int(org.connection().execute(sql, (kind, day)).fetchone()[0])


def choice(body: dict[str, Any], name: str, allowed: dict[str, str], default: str) -> str:
    """A value of the request that must be one of a few; 400 INVALIDJOB otherwise."""
    value = str(body.get(name) or default)
    if value not in allowed:
        raise ApiError("INVALIDJOB", f"{name}: {value} is not one of {', '.join(allowed)}")
    return value


# -- work ---------------------------------------------------------------------------------------------------------

Work = Callable[[Org, Job], None]
_workers: dict[tuple[str, str], threading.Thread] = {}
_workers_lock = threading.Lock()


def start(org: Org, job: Job, work: Work) -> threading.Thread:
    """The thread that carries the job on: the running one, or a new one when it was lost in a restart."""
    key = (str(org.path), job.id)
    with _workers_lock:
        thread = _workers.get(key)
        if thread is None or not thread.is_alive():
            thread = threading.Thread(target=_run, args=(org, job.id, job.kind, work), daemon=True, name=job.id)
            _workers[key] = thread
            thread.start()
    return thread


def _run(org: Org, job_id: str, kind: str, work: Work) -> None:
    try:
        job = find(org, job_id, kind)
        if not job.done and job.state not in ("Aborted", "Failed"):
            work(org, job)
    except ApiError:
        pass  # the job was deleted meanwhile
    finally:
        org.release()


def poll(org: Org, job: Job, work: Work) -> Job:
    """What a status call does: start lost work, and tell of its end once the job has taken long enough."""
    if job.state not in ("UploadComplete", "InProgress"):
        return job
    rules = settings(org)
    thread = None if job.done else start(org, job, work)
    patient = job.polls >= rules.polls and _elapsed(org, job) >= rules.seconds
    if thread is not None and patient:
        thread.join(5.0)
    with org.transaction():
        job = find(org, job.id, job.kind)
        job.polls += 1
        if job.state in ("UploadComplete", "InProgress"):
            job.state = "InProgress" if not (job.done and patient) else "Failed" if job.error else "JobComplete"
            job.modified = stored(org.clock.now())
        save(org, job)
    return job


def _elapsed(org: Org, job: Job) -> float:
    begun: datetime = parse_instant(job.started or job.created)
    return (org.clock.now() - begun).total_seconds()


def finish(org: Org, job_id: str, kind: str, **changes: Any) -> None:
    """Note the outcome of the work; an aborted job stays aborted."""
    with org.transaction():
        job = find(org, job_id, kind)
        for name, value in changes.items():
            setattr(job, name, value)
        job.done = True
        save(org, job)


def wait(org: Org, job_id: str) -> None:
    """Until the thread of a job is through; for tests and for a server that stops."""
    thread = _workers.get((str(org.path), job_id))
    if thread is not None:
        thread.join()


def described(job: Job) -> dict[str, Any]:
    """What every answer about a job has."""
    return {
        "id": job.id,
        "operation": job.operation,
        "object": job.object,
        "createdById": job.user,
        "createdDate": job.created.replace("Z", "+0000"),
        "systemModstamp": job.modified.replace("Z", "+0000"),
        "state": job.state,
        "concurrencyMode": "Parallel",
        "contentType": "CSV",
        "apiVersion": float(job.version),
        "jobType": job.kind,
        "lineEnding": job.ending,
        "columnDelimiter": job.delimiter,
    }


def counted(job: Job) -> dict[str, Any]:
    """What the answer to a status call has besides."""
    ended = job.state in ("JobComplete", "Failed", "Aborted")
    numbers = {
        "numberRecordsProcessed": job.processed if ended else 0,
        "retries": 0,
        "totalProcessingTime": job.milliseconds if ended else 0,
    }
    return numbers | ({"errorMessage": job.error} if job.error and ended else {})
