"""What a Bulk API 1.0 job is: an envelope around batches, each carried out as Bulk API 2.0 carries out a job."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from emulators.loopback.clock import stored
from emulators.salesforce.bulk import ingest as bulk_ingest
from emulators.salesforce.bulk import jobs
from emulators.salesforce.bulk import query as bulk_query
from emulators.salesforce.bulk.csv_text import BadUpload, table
from emulators.salesforce.bulk.jobs import INGEST, Job, Work
from emulators.salesforce.bulk1 import chunks, records
from emulators.salesforce.ids import checksum
from emulators.salesforce.org import Org

BATCH = "V1Batch"  # the kind of a batch among the jobs that bulk_jobs keeps
QUERIES = ("query", "queryAll")
MAX_RECORDS, MAX_BYTES = 10_000, 10_000_000
STATES = {
    "UploadComplete": "Queued",
    "InProgress": "InProgress",
    "JobComplete": "Completed",
    "Failed": "Failed",
    "Aborted": "NotProcessed",
}
_TABLES = (
    "e_bulk1_job (id TEXT PRIMARY KEY, body TEXT) WITHOUT ROWID",
    "e_bulk1_batch (id TEXT PRIMARY KEY, job TEXT, number INTEGER, waiting INTEGER, request BLOB) WITHOUT ROWID",
)


class Refused(Exception):
    """A call of Bulk API 1.0 is refused: an exceptionCode of the vendor's list with its text, always HTTP 400."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


@dataclass(slots=True)
class Classic:
    """One job; `state` is Open, Closed or Aborted, `content` is CSV, XML or JSON."""

    id: str
    user: str
    version: str
    created: str
    modified: str
    operation: str
    object: str
    content: str
    concurrency: str = "Parallel"
    external_id: str = ""
    assignment_rule: str = ""
    chunk: int = 0  # rows of a primary-key chunk; 0: queries are not split
    start_row: str = ""
    state: str = "Open"

    @property
    def querying(self) -> bool:
        """Whether its batches are queries."""
        return self.operation in QUERIES


def prepare(org: Org) -> None:
    """Make the tables where they do not exist yet."""
    jobs.prepare(org)
    for name in _TABLES:
        org.connection().execute(f"CREATE TABLE IF NOT EXISTS {name}")


def save(org: Org, classic: Classic) -> None:
    """Keep the job as it is now."""
    with org.transaction() as connection:
        body = json.dumps(asdict(classic))
        connection.execute("INSERT OR REPLACE INTO e_bulk1_job VALUES (?, ?)", (classic.id, body))


def find(org: Org, job_id: str) -> Classic:
    """The job of that id (15 or 18 characters); Refused InvalidJob for none."""
    prepare(org)
    sql = "SELECT body FROM e_bulk1_job WHERE substr(id, 1, 15) = ?"
    row = org.connection().execute(sql, (job_id[:15],)).fetchone()
    if row is None:
        raise Refused("InvalidJob", f"Invalid job id: {job_id}")
    return Classic(**json.loads(row[0]))


def close(org: Org, job_id: str, state: str) -> Classic:
    """Close a job, or abort it: batches that have not ended are not processed any more."""
    with org.transaction():
        classic = find(org, job_id)
        if classic.state != "Open" and not (state == "Aborted" and classic.state == "Closed"):
            verb = "Aborting" if state == "Aborted" else "Closing"
            raise Refused("InvalidJobState", f"{verb} already {classic.state} Job not allowed")
        classic.state, classic.modified = state, stored(org.clock.now())
        save(org, classic)
        if state == "Aborted":
            for batch in _kept(org, classic):
                if batch.state in ("UploadComplete", "InProgress"):
                    _put_aside(org, batch)
    return classic


# -- batches ------------------------------------------------------------------------------------------------------


def add(org: Org, classic: Classic, body: bytes) -> Job:
    """Take a batch into an open job and start its work. Refused for a closed job, a large body or a used-up day."""
    if classic.state != "Open":
        raise Refused("InvalidJobState", f"Batches cannot be added to a {classic.state} job")
    if len(body) > MAX_BYTES:
        raise Refused("ClientInputError", f"The batch exceeds the maximum size of {MAX_BYTES} bytes")
    today = jobs.since_yesterday(org, BATCH) + jobs.since_yesterday(org, INGEST)
    if today >= jobs.settings(org).batches_a_day:
        raise Refused("ExceededQuota", "ApiBatchItems Limit exceeded.")
    batch = _new(org, classic)
    if classic.querying:
        batch.query = body.decode("utf-8", "replace").strip()
    else:
        _take_records(org, classic, batch, body)
    waiting = bool(classic.querying and classic.chunk)
    _insert(org, classic, batch, body, waiting=waiting)
    if not waiting and not batch.done:
        jobs.start(org, batch, _work(org, classic, batch))
    return batch


def _new(org: Org, classic: Classic) -> Job:
    now = stored(org.clock.now())
    return Job(
        id=org.new_id("751"), kind=BATCH, user=classic.user, version=classic.version, created=now, modified=now,
        state="UploadComplete", operation=classic.operation, object=classic.object, started=now,
        external_id=classic.external_id,
    )  # fmt: skip


def _take_records(org: Org, classic: Classic, batch: Job, body: bytes) -> None:
    """Keep the records as an upload; what cannot be read fails the batch, not the call."""
    try:
        upload = records.read(classic.content, body)
        if not upload.rows:
            raise BadUpload("InvalidBatch : Unable to find any records in the batch")
        if len(upload.rows) > MAX_RECORDS:
            raise BadUpload(f"InvalidBatch : The batch has {len(upload.rows)} records, at most {MAX_RECORDS} may be")
        bulk_ingest.keep_upload(org, batch, table(upload.header, upload.rows, batch.separator, batch.newline))
    except BadUpload as bad:
        batch.error, batch.done = str(bad), True


def _insert(org: Org, classic: Classic, batch: Job, body: bytes, *, waiting: bool = False) -> None:
    with org.transaction() as connection:
        sql = "SELECT count(*) FROM e_bulk1_batch WHERE job = ?"
        number = connection.execute(sql, (classic.id,)).fetchone()[0]
        values = (batch.id, classic.id, number, waiting, zlib.compress(body, 1))
        connection.execute("INSERT INTO e_bulk1_batch VALUES (?, ?, ?, ?, ?)", values)
        jobs.save(org, batch)


def _kept(org: Org, classic: Classic) -> list[Job]:
    """The batches as they were when last looked at, in the order in which they came."""
    sql = "SELECT j.body FROM e_bulk1_batch b JOIN e_bulk_job j ON j.id = b.id WHERE b.job = ? ORDER BY b.number"
    return [Job(**json.loads(row[0])) for row in org.connection().execute(sql, (classic.id,)).fetchall()]


def batches(org: Org, classic: Classic) -> list[Job]:
    """All batches as they stand now, in the order in which they came; looking carries them on."""
    _split_waiting(org, classic)
    return [jobs.poll(org, batch, _work(org, classic, batch)) for batch in _kept(org, classic)]


def batch_of(org: Org, classic: Classic, batch_id: str) -> Job:
    """One batch as it stands now; Refused InvalidBatch for none of this job."""
    _split_waiting(org, classic)
    sql = "SELECT id FROM e_bulk1_batch WHERE job = ? AND substr(id, 1, 15) = ?"
    row = org.connection().execute(sql, (classic.id, batch_id[:15])).fetchone()
    if row is None:
        raise Refused("InvalidBatch", f"Invalid batch id: {batch_id}")
    batch = jobs.find(org, row[0], BATCH)
    return jobs.poll(org, batch, _work(org, classic, batch))


def request_of(org: Org, batch: Job) -> bytes:
    """What was sent as that batch."""
    row = org.connection().execute("SELECT request FROM e_bulk1_batch WHERE id = ?", (batch.id,)).fetchone()
    return zlib.decompress(row[0])


def _work(org: Org, classic: Classic, batch: Job) -> Work:
    """How the batch is carried out; batches of a serial job wait for the one before."""
    work: Work = bulk_ingest.work
    if classic.querying:
        work = bulk_query.work if classic.content == "CSV" else records.query_work
    if classic.concurrency != "Serial":
        return work
    sql = "SELECT id FROM e_bulk1_batch WHERE job = ? AND id < ? ORDER BY number DESC LIMIT 1"
    before = org.connection().execute(sql, (classic.id, batch.id)).fetchone()

    def after(org: Org, job: Job) -> None:
        if before is not None:
            jobs.wait(org, before[0])
        work(org, job)

    return after


# -- chunks -------------------------------------------------------------------------------------------------------


def _put_aside(org: Org, batch: Job, error: str = "") -> None:
    batch.state, batch.modified, batch.error = "Aborted", stored(org.clock.now()), error
    jobs.save(org, batch)


def _split_waiting(org: Org, classic: Classic) -> None:
    """Queries that wait to be chunked: the batch that was sent is not processed, its chunks become batches."""
    if not classic.chunk:
        return
    made: list[Job] = []
    with org.transaction() as connection:
        sql = "SELECT id FROM e_bulk1_batch WHERE job = ? AND waiting = 1 ORDER BY number"
        for (waiting,) in connection.execute(sql, (classic.id,)).fetchall():
            connection.execute("UPDATE e_bulk1_batch SET waiting = 0 WHERE id = ?", (waiting,))
            made += _split(org, classic, jobs.find(org, waiting, BATCH))
    for batch in made:
        jobs.start(org, batch, _work(org, classic, batch))


def _split(org: Org, classic: Classic, batch: Job) -> Iterator[Job]:
    if batch.state == "Aborted":
        return
    try:
        queries = chunks.split(org, classic.object, batch.query, classic.chunk, classic.start_row)
    except chunks.CannotChunk as bad:
        batch.state, batch.done, batch.error = "Failed", True, f"InvalidBatch : {bad}"
        jobs.save(org, batch)
        return
    _put_aside(org, batch)
    for query in queries:
        part = _new(org, classic)
        part.query = query
        _insert(org, classic, part, query.encode())
        yield part


# -- results ------------------------------------------------------------------------------------------------------


def outcomes(org: Org, batch: Job) -> list[tuple[str, bool, str | None]]:
    """(id, created, error) of every record in the order of the request. Refused while there are none."""
    _ended(batch)
    sql = "SELECT id, created, error FROM e_bulk_row WHERE job = ? ORDER BY line"
    rows = org.connection().execute(sql, (batch.id,)).fetchall()
    if batch.state != "JobComplete" and not rows:
        raise Refused("InvalidBatch", "Records not processed")
    return [("" if row[2] is not None else str(row[0]), bool(row[1]), row[2]) for row in rows]


def result_id(batch: Job) -> str:
    """The id of the one result of a query batch. Refused while there is none."""
    _ended(batch)
    if batch.state != "JobComplete":
        raise Refused("InvalidBatch", "Records not processed")
    id15 = "752" + batch.id[3:15]
    return id15 + checksum(id15)


def _ended(batch: Job) -> None:
    if batch.state in ("UploadComplete", "InProgress"):
        raise Refused("InvalidBatch", "Batch not completed")


def result_file(org: Org, classic: Classic, batch: Job) -> bytes:
    """What the query of a batch found, in the content type of its job."""
    if classic.content != "CSV":
        return records.shown(org, classic.content, batch)
    if not batch.processed:
        return b'"Records not found for this query"\n'
    return (jobs.folder(org) / f"{batch.id}.csv").read_bytes()
