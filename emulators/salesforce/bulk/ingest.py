"""How an uploaded file becomes records: internal batches side by side, locks on parents, an outcome for every row."""

from __future__ import annotations

import random
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from emulators.salesforce.bulk import jobs
from emulators.salesforce.bulk.csv_text import BadUpload, Upload, read, table
from emulators.salesforce.bulk.jobs import Job, Settings
from emulators.salesforce.dml import SeveralRecords
from emulators.salesforce.errors import ApiError, DmlError
from emulators.salesforce.ids import to18
from emulators.salesforce.org import Actor, Org
from emulators.salesforce.schema import FieldType, ObjectType

OPERATIONS = ("insert", "update", "upsert", "delete", "hardDelete")
_PARENTS = frozenset(
    {"accountid", "opportunityid", "campaignid", "whatid", "parentid", "requestid", "allocationid", "budgetid"}
)
NULL = "#N/A"


@dataclass(frozen=True, slots=True)
class Column:
    """What a column of the file sets: a field, or a parent found by a field of its own."""

    field: FieldType
    parent_type: str = ""
    parent_key: str = ""


def keep_upload(org: Org, job: Job, body: bytes) -> None:
    """Store the file; the job has one."""
    with org.transaction() as connection:
        connection.execute("INSERT OR REPLACE INTO e_bulk_upload VALUES (?, ?)", (job.id, zlib.compress(body, 1)))
        job.uploaded = True
        jobs.save(org, job)


def upload_of(org: Org, job: Job) -> Upload:
    """The job's file, parsed; BadUpload when it cannot be read, empty when there is none."""
    row = org.connection().execute("SELECT body FROM e_bulk_upload WHERE job = ?", (job.id,)).fetchone()
    if row is None:
        return Upload((), [])
    return read(zlib.decompress(row[0]), job.separator, job.newline)


def work(org: Org, job: Job) -> None:
    """Process the rows that have no outcome yet, then finish the job; callable again after a crash."""
    begun = time.monotonic()
    try:
        upload = upload_of(org, job)
        columns = _columns(org, job, upload)
    except BadUpload as bad:
        jobs.finish(org, job.id, job.kind, error=str(bad))
        return
    except ApiError as bad:
        jobs.finish(org, job.id, job.kind, error=f"InvalidBatch : {bad.message}")
        return
    rules = jobs.settings(org)
    locked = _locked(org, job, upload, columns, rules)
    first = _next_line(org, job)
    for start in range(first, len(upload.rows), rules.chunk):
        if jobs.find(org, job.id, job.kind).state == "Aborted":
            return
        _process(org, job, upload, columns, locked, range(start, min(start + rules.chunk, len(upload.rows))))
    failed = _count(org, job, "error IS NOT NULL")
    took = int((time.monotonic() - begun) * 1000)
    jobs.finish(org, job.id, job.kind, processed=len(upload.rows), failed=failed, milliseconds=took)


def _next_line(org: Org, job: Job) -> int:
    return _count(org, job, "1")


def _count(org: Org, job: Job, where: str) -> int:
    sql = f"SELECT count(*) FROM e_bulk_row WHERE job = ? AND {where}"
    return int(org.connection().execute(sql, (job.id,)).fetchone()[0])


def _columns(org: Org, job: Job, upload: Upload) -> list[Column]:
    obj = org.object(job.object)
    columns = [_column(org, obj, name) for name in upload.header]
    visible = org.visible(job.user)
    for name, column in zip(upload.header, columns, strict=True):
        if not visible(obj, column.field):
            raise BadUpload(f"InvalidBatch : Field name not found : {name}")
    if job.operation in ("update", "delete", "hardDelete") and "id" not in {name.lower() for name in upload.header}:
        raise BadUpload("InvalidBatch : Field name not found : Id")
    key = job.external_id.lower()
    if job.operation == "upsert" and key not in {name.lower() for name in upload.header}:
        raise BadUpload(f"InvalidBatch : Field name not found : {job.external_id}")
    return columns


def _column(org: Org, obj: ObjectType, name: str) -> Column:
    """A field, `Parent__r.Ext__c`, or `Type:Parent.Ext__c` where the parent may be of several types."""
    missing = BadUpload(f"InvalidBatch : Field name not found : {name}")
    path, _, key = name.partition(".")
    if not key:
        field = obj.field(path)
        if field is None:
            raise missing
        return Column(field)
    kind, _, way = path.rpartition(":")
    for field in obj.fields.values():
        if field.relationship_name and field.relationship_name.lower() == way.lower():
            parent = org.schema.object(kind or field.reference_to[0])
            if parent is None or parent.name not in field.reference_to or parent.field(key) is None:
                raise missing
            return Column(field, parent.name, key)
    raise missing


def _values(columns: list[Column], cells: list[str], *, creating: bool) -> dict[str, Any]:
    """What the row sets: an empty cell nothing, #N/A null."""
    values: dict[str, Any] = {}
    for column, cell in zip(columns, cells, strict=True):
        if cell == "" or column.field.type == "id":
            continue
        if cell == NULL:
            if not creating:
                values[column.field.name] = None
        elif column.parent_key:
            way = str(column.field.relationship_name)
            values[way] = {"attributes": {"type": column.parent_type}, column.parent_key: cell}
        else:
            values[column.field.name] = cell
    return values


def _process(org: Org, job: Job, upload: Upload, columns: list[Column], locked: dict[int, str], lines: range) -> None:
    """One transaction: the rows that succeed stay, whatever becomes of the others."""
    actor = Actor(job.user)
    with org.transaction() as connection:
        for number in lines:
            record_id, created, error = _one(org, job, upload, columns, locked.get(number), number, actor)
            connection.execute(
                "INSERT INTO e_bulk_row VALUES (?, ?, ?, ?, ?)", (job.id, number, record_id, created, error)
            )


def _one(
    org: Org, job: Job, upload: Upload, columns: list[Column], parent: str | None, number: int, actor: Actor
) -> tuple[str, bool, str | None]:
    cells = upload.rows[number]
    key = _key(job, upload, cells)
    shown = to18(key) or "" if job.operation != "insert" else ""
    try:
        if parent is not None:
            text = f"unable to obtain exclusive access to this record or 1 records: {parent}"
            raise DmlError("UNABLE_TO_LOCK_ROW", text)
        with org.save_point():
            record_id, created = _apply(org, job, key, columns, cells, actor)
        return record_id, created, None
    except SeveralRecords as several:
        text = f"{job.external_id}: more than one record found for external id field: {several.ids}"
        return shown, False, DmlError("DUPLICATE_EXTERNAL_ID", text, [job.external_id]).as_csv()
    except DmlError as refused:
        return shown, False, refused.as_csv()


def _key(job: Job, upload: Upload, cells: list[str]) -> str:
    wanted = job.external_id.lower() if job.operation == "upsert" else "id"
    at = next((at for at, name in enumerate(upload.header) if name.lower() == wanted), None)
    return "" if at is None else cells[at]


def _apply(org: Org, job: Job, key: str, columns: list[Column], cells: list[str], actor: Actor) -> tuple[str, bool]:
    values = _values(columns, cells, creating=job.operation == "insert")
    if job.operation == "insert":
        return org.insert(job.object, values, actor), True
    if job.operation == "upsert":
        mine = {name: value for name, value in values.items() if name.lower() != job.external_id.lower()}
        return org.upsert(job.object, job.external_id, None if key in ("", NULL) else key, mine, actor)
    if not key:
        raise DmlError("MISSING_ARGUMENT", f"Id not specified in an {job.operation} call", ["Id"])
    if job.operation == "update":
        org.update(job.object, key, values, actor)
    elif job.operation == "delete":
        org.delete(job.object, key, actor)
    else:
        org.hard_delete(job.object, to18(key) or key, actor)
    return to18(key) or key, False


# -- locks --------------------------------------------------------------------------------------------------------


def _locked(org: Org, job: Job, upload: Upload, columns: list[Column], rules: Settings) -> dict[int, str]:
    """Rows that find their parent locked: line -> the parent's id.

    Batches that run side by side commit chunk by chunk. Two chunks at the same place that touch one parent meet:
    the row of the later batch loses. A file sorted by parent keeps a parent inside one batch, or at the end of one
    and the start of the next, and so never meets itself.
    """
    if len(upload.rows) <= rules.batch or rules.parallel < 2:
        return {}
    lost: dict[int, str] = {}
    parents = list(_parents(org, job, upload, columns))
    wave = rules.batch * rules.parallel
    for start in range(0, len(parents), wave):
        for offset in range(0, rules.batch, rules.chunk):
            _meet(parents, start + offset, min(start + wave, len(parents)), rules, lost)
    return lost


def _meet(parents: list[frozenset[str]], at: int, end: int, rules: Settings, lost: dict[int, str]) -> None:
    held: set[str] = set()
    for batch in range(at, end, rules.batch):
        mine: set[str] = set()
        for number in range(batch, min(batch + rules.chunk, end)):
            taken = sorted(parents[number] & held)
            if taken:
                lost[number] = taken[0]
            else:
                mine |= parents[number]
        held |= mine


def _parents(org: Org, job: Job, upload: Upload, columns: list[Column]) -> Iterator[frozenset[str]]:
    """For every row the ids (or outside keys) of the parents that its write locks."""
    obj = org.object(job.object)
    locks = [field for field in obj.fields.values() if _locks(field)]
    places = {column.field.name: at for at, column in enumerate(columns) if column.field in locks}
    known = _known_parents(org, job, obj, [field for field in locks if field.name not in places])
    for cells in upload.rows:
        given = {cells[at] for at in places.values() if cells[at] not in ("", NULL)}
        yield frozenset({to18(value) or value for value in given} | known(_key(job, upload, cells)))


def _locks(field: FieldType) -> bool:
    return field.type == "reference" and (field.cascade_delete or field.name.lower() in _PARENTS)


def _known_parents(org: Org, job: Job, obj: ObjectType, fields: list[FieldType]) -> Any:
    """Look up the parents that the file does not name; nothing for inserts."""
    if job.operation == "insert" or not fields:
        return lambda key: set()
    key_field = job.external_id if job.operation == "upsert" else "Id"
    names = ", ".join(f"f_{field.name.lower()}" for field in fields)
    sql = f"SELECT {names} FROM o_{obj.name.lower()} WHERE f_{key_field.lower()} = ?"

    def look(key: str) -> set[str]:
        row = org.connection().execute(sql, (to18(key) or key,)).fetchone()
        return {value for value in row if value} if row else set()

    return look


# -- result files -------------------------------------------------------------------------------------------------


def results(org: Org, job: Job, which: str) -> bytes:
    """One of the three result files; rows come in another order than they were sent."""
    try:
        upload = upload_of(org, job)
    except BadUpload:
        upload = Upload((), [])
    rows = org.connection().execute("SELECT line, id, created, error FROM e_bulk_row WHERE job = ?", (job.id,))
    outcome = {row[0]: row for row in rows}
    order = list(range(len(upload.rows)))
    random.Random(job.id).shuffle(order)
    if which == "unprocessedrecords":
        left = [upload.rows[number] for number in order if number not in outcome]
        return table(upload.header, left, job.separator, job.newline)
    good = which == "successfulResults"
    header = ("sf__Id", "sf__Created" if good else "sf__Error", *upload.header)
    lines = []
    for number in order:
        row = outcome.get(number)
        if row is not None and (row[3] is None) == good:
            second = ("true" if row[2] else "false") if good else row[3]
            lines.append([row[1], second, *upload.rows[number]])
    return table(header, lines, job.separator, job.newline)
