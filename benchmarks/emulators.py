"""How fast the two emulators start, take in 1,000,000 records, and serve pages, beside lower bounds of the same run.

Each runs as its users run it, in a process of its own: `python -m emulators salesforce --csv DIR`, `python -m
emulators hubspot --load DIR`. What they do is compared with what cannot be avoided: Python's csv and sqlite3 putting
the same cells into tables that check nothing, and a server of static bytes that sends the very same pages.
"""

from __future__ import annotations

import csv
import json
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
import requests

from benchmarks import folders
from benchmarks.measure import ContenderFailed

RECORDS = 1_000_000
SERVED = 20_000  # records behind the pages
_OPTIONS = {"Salesforce": ("salesforce", "--csv"), "HubSpot": ("hubspot", "--load")}
Say = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Load:
    """One load, from the start of the process until its ready line; the bound has no process of its own."""

    name: str
    records: int  # of objects; links and history come on top
    seconds: float
    cpu_s: float
    peak_mb: float
    bound_s: float
    bound_cpu_s: float


@dataclass(frozen=True, slots=True)
class Pages:
    """One kind of page: records a second in one keep-alive connection, and from a server of static bytes."""

    name: str
    per_page: int
    rows_per_s: float
    bound_rows_per_s: float


@dataclass(frozen=True, slots=True)
class Found:
    """Everything measured."""

    starts: dict[str, tuple[float, float]]  # seconds: with a new file, with one that is there
    loads: tuple[Load, ...]
    pages: tuple[Pages, ...]


@dataclass(frozen=True, slots=True)
class _Running:
    told: dict[str, Any]
    seconds: float
    process: psutil.Process


@contextmanager
def _started(name: str, *options: str) -> Iterator[_Running]:
    """An emulator that has said it is ready."""
    kind, _ = _OPTIONS[name]
    command = [sys.executable, "-m", "emulators", kind, "--http", *options]
    begun = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            seconds = time.perf_counter() - begun
            if not line:
                raise ContenderFailed(f"{name} did not start")
            yield _Running(json.loads(line), seconds, psutil.Process(process.pid))
        finally:
            process.terminate()


def starts(name: str, rounds: int) -> tuple[float, float]:
    """Seconds until the ready line: with a new file, and with a file that is there (medians)."""
    fresh, again = [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(prefix="pmom-bench-") as folder:
            for times in (fresh, again):
                with _started(name, "--db", f"{folder}/kept.db") as running:
                    times.append(running.seconds)
    return statistics.median(fresh), statistics.median(again)


def load(name: str, files: Path, records: int) -> Load:
    """What it costs to take in a folder of files, and what the same cells cost unchecked."""
    with tempfile.TemporaryDirectory(prefix="pmom-bench-") as folder:
        with _started(name, "--db", f"{folder}/kept.db", _OPTIONS[name][1], str(files)) as running:
            used = running.process.cpu_times()
            peak = _high_water_mb(running.process.pid)
            seconds, cpu = running.seconds, used.user + used.system
        wall, own = time.perf_counter(), time.process_time()
        _put_in_unchecked(files, Path(folder) / "bare.db")
        wall, own = time.perf_counter() - wall, time.process_time() - own
    return Load(name, records, seconds, cpu, peak, wall, own)


def _high_water_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmHWM:"))


def _put_in_unchecked(files: Path, database: Path) -> None:
    """The lower bound: the csv module reads, executemany puts texts into tables without keys, checks or indexes."""
    connection = sqlite3.connect(database)
    connection.execute("PRAGMA synchronous=OFF")
    for path in sorted(files.glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.reader(file)
            columns = ", ".join(f'"{name}"' for name in next(rows))
            connection.execute(f'CREATE TABLE "{path.stem}" ({columns})')
            marks = ", ".join("?" * (columns.count(",") + 1))
            connection.executemany(f'INSERT INTO "{path.stem}" VALUES ({marks})', rows)
    connection.commit()
    connection.close()


# -- pages --------------------------------------------------------------------------------------------------------

Ask = Callable[[], requests.Response]


def salesforce_pages(files: Path, seconds: float) -> Iterator[Pages]:
    """A query's first page, the page after it, and a bulk query's result."""
    names = (*folders.OPPORTUNITY, "AccountId")
    soql = f"SELECT {', '.join(names)} FROM Opportunity ORDER BY SystemModstamp, Id"
    with (
        tempfile.TemporaryDirectory(prefix="pmom-bench-") as folder,
        _started("Salesforce", "--csv", str(files), "--db", f"{folder}/o.db", "--daily-limit", "9999999") as running,
        _session() as session,
    ):
        told = running.told
        form = {"grant_type": "client_credentials", "client_id": told["client_id"]}
        form["client_secret"] = told["client_secret"]
        token = session.post(f"{told['url']}/services/oauth2/token", data=form, timeout=30).json()["access_token"]
        session.headers["Authorization"] = f"Bearer {token}"
        base = f"{told['url']}/services/data/v62.0"

        def first() -> requests.Response:
            return session.get(f"{base}/query", params={"q": f"{soql} LIMIT 2000"}, timeout=60)

        answer = session.get(f"{base}/query", params={"q": soql}, timeout=60).json()
        following = told["url"] + answer["nextRecordsUrl"]
        job = _bulk_job(session, base, soql.partition(" ORDER")[0])
        yield _measured("Salesforce query, 20 fields", 2000, first, seconds)
        yield _measured("Salesforce queryMore", 2000, lambda: session.get(following, timeout=60), seconds)
        results = f"{base}/jobs/query/{job}/results"
        rows = int(session.get(results, timeout=60).headers["Sforce-NumberOfRecords"])
        yield _measured("Salesforce Bulk 2.0 result", rows, lambda: session.get(results, timeout=60), seconds)


def _bulk_job(session: requests.Session, base: str, soql: str) -> str:
    job = session.post(f"{base}/jobs/query", json={"operation": "query", "query": soql}, timeout=30).json()["id"]
    while session.get(f"{base}/jobs/query/{job}", timeout=30).json()["state"] != "JobComplete":
        time.sleep(0.02)
    return str(job)


def hubspot_pages(files: Path, seconds: float) -> Iterator[Pages]:
    """A page of the list, of a search, and a batch read."""
    with (files / "deals.csv").open(encoding="utf-8", newline="") as file:
        names = next(csv.reader(file))
    with (
        tempfile.TemporaryDirectory(prefix="pmom-bench-") as folder,
        _started("HubSpot", "--load", str(files), "--db", f"{folder}/p.db", "--no-limits") as running,
        _session() as session,
    ):
        session.headers["Authorization"] = f"Bearer {running.told['access_token']}"
        base = f"{running.told['url']}/crm/v3/objects/deals"
        many = {"limit": "100", "properties": ",".join(names)}

        def page() -> requests.Response:
            return session.get(base, params=many, timeout=60)

        inputs = [{"id": each["id"]} for each in page().json()["results"]]
        wanted = {"propertyName": "hs_lastmodifieddate", "operator": "GTE", "value": "1650000000000"}
        sought = {"filterGroups": [{"filters": [wanted]}], "sorts": ["hs_lastmodifieddate"]}
        search = {**sought, "limit": 200, "properties": names}
        batch = {"inputs": inputs, "properties": names}
        yield _measured("HubSpot list, 20 properties", 100, page, seconds)
        yield _measured(
            "HubSpot search", 200, lambda: session.post(f"{base}/search", json=search, timeout=60), seconds
        )
        read = f"{base}/batch/read"
        yield _measured("HubSpot batch read", 100, lambda: session.post(read, json=batch, timeout=60), seconds)


def _session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.headers["Accept-Encoding"] = "identity"
    return session


def _measured(name: str, rows: int, ask: Ask, seconds: float) -> Pages:
    answer = ask()
    answer.raise_for_status()
    ours = _rate(ask, seconds)
    with _static(answer.content) as url, _session() as session:
        bound = _rate(lambda: session.get(url, timeout=60), seconds)
    return Pages(name, rows, ours * rows, bound * rows)


def _rate(ask: Ask, seconds: float) -> float:
    """Answers a second, one after another."""
    count, begun = 0, time.perf_counter()
    while (took := time.perf_counter() - begun) < seconds or count < 3:
        ask().raise_for_status()
        count += 1
    return count / took


@contextmanager
def _static(body: bytes) -> Iterator[str]:
    """A server of those bytes, whatever is asked."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing is printed."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def run(records: int, rounds: int, say: Say, seconds: float = 2.0) -> Found:
    """Measure everything; the folders are made first and are not counted."""
    with tempfile.TemporaryDirectory(prefix="pmom-bench-") as place:
        large, small = Path(place) / "large", Path(place) / "small"
        made: dict[str, Callable[[Path, int], object]] = {
            "Salesforce": folders.org_folder, "HubSpot": folders.portal_folder,
        }  # fmt: skip
        say("making the files")
        for name, make in made.items():
            make(large / name, records)
            make(small / name, min(records, SERVED))
        began, loads = {}, []
        for name in made:
            say(f"starts of {name}")
            began[name] = starts(name, rounds)
            say(f"{records:,} records into {name}")
            loads.append(load(name, large / name, records))
        say("pages")
        pages = [*salesforce_pages(small / "Salesforce", seconds), *hubspot_pages(small / "HubSpot", seconds)]
    return Found(began, tuple(loads), tuple(pages))
