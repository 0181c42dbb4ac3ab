"""Which records changed or went in a span of time: getUpdated and getDeleted, with their documented bounds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import unquote_plus

from emulators.loopback.clock import stored
from emulators.salesforce.errors import ApiError
from emulators.salesforce.org import Org
from emulators.salesforce.router import Request, Response, Router, json_response
from emulators.salesforce.schema import ObjectType
from emulators.salesforce.storage import table

_ROOT = "/services/data/{version}/sobjects/{object}"
UPDATED_DAYS, DELETED_DAYS = 30, 15
MOST_IDS = 600_000


def routes(router: Router) -> None:
    """Register the paths; they must come before `sobjects/{object}/{id}`."""
    router.add("GET", f"{_ROOT}/updated", updated)
    router.add("GET", f"{_ROOT}/deleted", deleted)


def updated(request: Request, org: Org) -> Response:
    """Ids of records made or changed in the span, deleted ones left out."""
    obj = _object(request, org)
    start, end = _span(request, org, UPDATED_DAYS)
    sql = (
        f"SELECT f_id FROM {table(obj)} WHERE f_systemmodstamp >= ? AND f_systemmodstamp < ?"
        f"{' AND f_isdeleted = 0' if obj.field('IsDeleted') else ''} ORDER BY f_systemmodstamp, f_id LIMIT ?"
    )
    ids = [row[0] for row in org.connection().execute(sql, (stored(start), stored(end), MOST_IDS + 1))]
    _not_too_many(len(ids))
    return json_response({"ids": ids, "latestDateCovered": _told(_covered(org, end))})


def deleted(request: Request, org: Org) -> Response:
    """Ids of records deleted in the span with the moment; undeleted ones left out."""
    obj = _object(request, org)
    start, end = _span(request, org, DELETED_DAYS)
    sql = "SELECT id, at FROM e_deleted WHERE object = ? AND at >= ? AND at < ? ORDER BY at, id LIMIT ?"
    rows = org.connection().execute(sql, (obj.name, stored(start), stored(end), MOST_IDS + 1)).fetchall()
    _not_too_many(len(rows))
    return json_response(
        {
            "deletedRecords": [{"id": row[0], "deletedDate": row[1].replace("Z", "+0000")} for row in rows],
            "earliestDateAvailable": _told(org.clock.now() - timedelta(days=DELETED_DAYS)),
            "latestDateCovered": _told(_covered(org, end)),
        }
    )


def _object(request: Request, org: Org) -> ObjectType:
    obj = org.object(request.params["object"])
    if not obj.replicateable:
        raise ApiError("INVALID_TYPE_FOR_OPERATION", f"object type {obj.name} is not replicateable")
    return obj


def _span(request: Request, org: Org, days: int) -> tuple[datetime, datetime]:
    """Start and end to the minute, as the vendor cuts them; refused when too old, empty or backwards."""
    start, end = _instant(request, "start"), _instant(request, "end")
    now = org.clock.now()
    if start < now - timedelta(days=days):
        text = f"startDate before org replication enabled date or more than {days} days ago: {_told(start)}"
        raise ApiError("INVALID_REPLICATION_DATE", text)
    if end < start + timedelta(minutes=1):
        raise ApiError("INVALID_REPLICATION_DATE", "endDate must be at least one minute after startDate")
    return start, end


def _instant(request: Request, name: str) -> datetime:
    text = request.query.get(name, "")
    if not text:
        raise ApiError("MISSING_ARGUMENT", f"{name} is a required parameter")
    try:
        at = datetime.fromisoformat(unquote_plus(text).replace("Z", "+00:00").replace(" ", "+"))
    except ValueError:
        raise ApiError("INVALID_REPLICATION_DATE", f"{name}: {text} is not a date and time") from None
    if at.tzinfo is None:
        raise ApiError("INVALID_REPLICATION_DATE", f"{name}: {text} has no time zone")
    try:
        return at.astimezone(UTC).replace(second=0, microsecond=0)
    except OverflowError:  # in UTC it would be before the year 1 or after 9999
        raise ApiError("INVALID_REPLICATION_DATE", f"{name}: {text} is not a date and time") from None


def _covered(org: Org, end: datetime) -> datetime:
    """Writes of the running minute may still come: what is told reaches at most to its start."""
    return min(end, org.clock.now().replace(second=0, microsecond=0))


def _told(at: datetime) -> str:
    return stored(at).replace("Z", "+0000")


def _not_too_many(count: int) -> None:
    if count > MOST_IDS:
        raise ApiError("EXCEEDED_ID_LIMIT", f"more than {MOST_IDS} ids; ask for a shorter span")
