"""What the limits resources answer: allowances with what is left, and record counts."""

from __future__ import annotations

from emulators.salesforce import storage
from emulators.salesforce.bulk import jobs as bulk_jobs
from emulators.salesforce.org import Org
from emulators.salesforce.router import Request, Response, Router, json_response

_OTHERS = {
    "ConcurrentAsyncGetReportInstances": 200,
    "DailyAsyncApexExecutions": 250_000,
    "DailyBulkV2QueryFileStorageMB": 976_562,
    "DailyDurableStreamingApiEvents": 200_000,
    "DailyGenericStreamingApiEvents": 10_000,
    "DailyWorkflowEmails": 1_000,
    "FileStorageMB": 10_240,
    "HourlyAsyncReportRuns": 1_200,
    "HourlyDashboardRefreshes": 200,
    "HourlyODataCallout": 20_000,
    "HourlySyncReportRuns": 500,
    "MassEmail": 5_000,
    "SingleEmail": 5_000,
}


def routes(router: Router) -> None:
    """limits and limits/recordCount."""
    router.add("GET", "/services/data/{version}/limits", limits)
    router.add("GET", "/services/data/{version}/limits/recordCount", record_count)


def limits(request: Request, org: Org) -> Response:
    """Every allowance as Max and Remaining."""
    daily = {"Max": org.limits.daily_max, "Remaining": max(org.limits.daily_max - org.limits.used(), 0)}
    rest = {name: {"Max": most, "Remaining": left} for name, (most, left) in _rest(org).items()}
    return json_response(dict(sorted({"DailyApiRequests": daily, **rest}.items())))


def _rest(org: Org) -> dict[str, tuple[int, int]]:
    """The other allowances: what is granted, and what is left."""
    settings = bulk_jobs.settings(org)
    bulk_jobs.prepare(org)
    storage_mb = org.limits.storage_mb
    used = {
        "DailyBulkApiBatches": (settings.batches_a_day, bulk_jobs.since_yesterday(org, bulk_jobs.INGEST)),
        "DailyBulkV2QueryJobs": (settings.query_jobs_a_day, bulk_jobs.since_yesterday(org, bulk_jobs.QUERY)),
        "DataStorageMB": (storage_mb, -(-storage.stored_kb(org.connection(), org.schema) // 1024)),
    }
    left = {name: (most, max(most - spent, 0)) for name, (most, spent) in used.items()}
    return {**{name: (most, most) for name, most in _OTHERS.items()}, **left}


def record_count(request: Request, org: Org) -> Response:
    """Living records of the objects asked for, or of all."""
    asked = [name.strip() for name in request.query.get("sObjects", "").split(",") if name.strip()]
    found = [org.schema.object(name) for name in asked] if asked else list(org.schema.objects.values())
    counts = []
    for obj in found:
        if obj is not None and not org.access.hidden_object(obj.name):
            alive = " WHERE f_isdeleted = 0" if "isdeleted" in obj.fields else ""
            row = org.connection().execute(f"SELECT count(*) FROM {storage.table(obj)}{alive}").fetchone()
            if asked or row[0]:
                counts.append({"count": row[0], "name": obj.name})
    return json_response({"sObjects": counts})
