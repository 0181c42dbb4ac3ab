"""How long does a webhook's sender wait at 200 posts a second, verified and durable, and how long for nothing at all?

Open loop: every post has a planned moment, and its latency counts from there, so that a stall counts for every post
that it delays. The sender is another process with a fixed number of connections. Half the posts are HubSpot batches
(signature v3), half outbound messages, of 1 to 30 records; before and after, the peer answers 204 on the same server
(Flask and waitress) without reading, verifying or recording: what is left of the time is ours.
"""

from __future__ import annotations

import http.client
import itertools
import json
import math
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.measure import ContenderFailed
from benchmarks.report import Table, Target
from connector.config.deployment import Deployment
from connector.hooks import hubspot_signatures, outbound
from connector.store.inbox import Inbox
from connector.web.serve import serve

RATE, SECONDS = 200, 20.0  # posts a second; seconds
P99 = 50.0  # milliseconds, promised
CONNECTIONS = 32
SIZES = (1, 1, 2, 3, 5, 10, 30)  # records of a post, in turn
ORG, PORTAL = "00D000000000001EAA", 48_000_001
CLIENT_SECRET, PATH_SECRET = "a-client-secret", "s" * 43
Say = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Found:
    """One course of posts: milliseconds from the planned moment to the answer."""

    name: str
    posts: int
    refused: int
    p50: float
    p99: float
    longest: float
    late: float  # milliseconds by which the sender itself was late, at the 99th percentile


def run(say: Say, *, rate: int = RATE, seconds: float = SECONDS) -> tuple[Found, ...]:
    """The peer, ours, and the peer once more."""
    found = []
    for name in ("nothing done", "ours", "nothing done, again"):
        say(name)
        with tempfile.TemporaryDirectory(prefix="pmom-bench-") as folder, _served(Path(folder), name) as url:
            found.append(_sent(name, url, rate, seconds))
            if name == "ours":
                _check(Path(folder), rate, seconds)
    return tuple(found)


def table(found: tuple[Found, ...], command: str) -> tuple[Table, list[Target]]:
    """As the report shows it."""
    lines = tuple(
        (
            each.name,
            f"{each.posts:,}",
            str(each.refused),
            f"{each.p50:.1f}",
            f"{each.p99:.1f}",
            f"{each.longest:.1f}",
            f"{each.late:.1f}",
        )
        for each in found
    )
    ours = next(each for each in found if each.name == "ours")
    promise = f"webhooks: 99 of 100 posts answered within {P99:.0f} ms of their planned moment, {RATE} a second"
    told = f"{ours.p99:.1f} ms, {ours.refused} refused"
    columns = ("contender", "posts", "refused", "p50 ms", "p99 ms", "longest ms", "sender late p99 ms")
    notes = ("Every post of ours was verified and is in the inbox when it is answered; counted afterwards.",)
    target = Target(promise, told, ours.p99 < P99 and not ours.refused)
    return Table("Webhooks: from the planned moment to the answer", command, columns, lines, notes), [target]


@dataclass(frozen=True, slots=True)
class Post:
    """One post as it goes over the wire."""

    path: str
    body: bytes
    headers: dict[str, str]


def posts(public_url: str, rate: int, seconds: float, begins: float) -> Iterator[Post]:
    """The posts in their order; HubSpot's are signed for the moment at which they are planned."""
    for number in range(int(rate * seconds)):
        size = SIZES[number // 2 % len(SIZES)]
        if number % 2:
            yield _outbound(number, size)
        else:
            yield _hubspot(public_url, number, size, int((begins + number / rate) * 1000))


def _hubspot(public_url: str, number: int, size: int, at: int) -> Post:
    path = "/hooks/hubspot/portal"
    batch = [
        {
            "eventId": number * 100 + each,
            "subscriptionId": 1,
            "portalId": PORTAL,
            "appId": 2,
            "occurredAt": at,
            "subscriptionType": "deal.propertyChange",
            "attemptNumber": 0,
            "objectId": number * 100 + each + 1,
            "propertyName": "dealstage",
            "propertyValue": "closedwon",
            "changeSource": "CRM_UI",
            "sourceId": "userId:1",
        }
        for each in range(size)
    ]
    body, stamp = json.dumps(batch, separators=(",", ":")).encode(), str(at)
    signed = hubspot_signatures.v3(CLIENT_SECRET, "POST", public_url + path, body, stamp)
    heads = {"X-HubSpot-Signature-v3": signed, "X-HubSpot-Request-Timestamp": stamp}
    return Post(path, body, {"Content-Type": "application/json", **heads})


def _outbound(number: int, size: int) -> Post:
    notifications = "".join(
        f'<Notification><Id>04l{number * 100 + each:012}</Id><sObject xsi:type="sf:Opportunity" '
        f'xmlns:sf="urn:sobject.enterprise.soap.sforce.com"><sf:Id>006{number * 100 + each:012}</sf:Id>'
        "<sf:StageName>Closed Won</sf:StageName></sObject></Notification>"
        for each in range(size)
    )
    body = (
        f'<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="{outbound.ENVELOPE}" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>'
        f'<notifications xmlns="{outbound.NAMESPACE}"><OrganizationId>{ORG}</OrganizationId>'
        f"<ActionId>04k000000000001AAA</ActionId>{notifications}</notifications></soapenv:Body></soapenv:Envelope>"
    )
    return Post(f"/hooks/salesforce/org/{PATH_SECRET}", body.encode(), {"Content-Type": "text/xml; charset=utf-8"})


@contextmanager
def _served(folder: Path, name: str) -> Iterator[str]:
    command = [sys.executable, "-m", "benchmarks.webhooks", "ours" if name == "ours" else "nothing", str(folder)]
    if name == "ours":
        _settings(folder)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            if not url:
                raise ContenderFailed(f"{name} did not start")
            yield url
        finally:
            process.terminate()


def _settings(folder: Path) -> None:
    (folder / "client").write_text(CLIENT_SECRET)
    (folder / "path").write_text(PATH_SECRET)
    (folder / "portal.toml").write_text(
        f'name = "portal"\n[workspace]\ndir = "portal"\n[hubspot]\nportal_id = "{PORTAL}"\n[webhooks]\n'
        'hubspot_client_secret_file = "client"\n'
    )
    (folder / "org.toml").write_text(
        'name = "org"\n[workspace]\ndir = "org"\n[salesforce]\ninstance_url = "https://acme.my.salesforce.com"\n'
        f'client_id = "x"\n[webhooks]\noutbound_secret_file = "path"\noutbound_organization = "{ORG}"\n'
    )
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (folder / "pmom.toml").write_text(
        f'connections = ["portal.toml", "org.toml"]\n[web]\nport = {port}\npublic_url = "http://pmom.invalid"\n'
        '[jobs]\ndir = "jobs"\n[log]\nlevel = "warning"\n'
    )


def _sent(name: str, url: str, rate: int, seconds: float) -> Found:
    """All posts, sent by another process that knows when each is due."""
    command = [sys.executable, "-m", "benchmarks.webhooks", "send", url, str(rate), str(seconds)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ContenderFailed(f"{name}: {done.stderr[-500:]}")
    return Found(name, **json.loads(done.stdout))


def _check(folder: Path, rate: int, seconds: float) -> None:
    """Every hint of every post is in the inbox, once."""
    expected = sum(SIZES[number // 2 % len(SIZES)] for number in range(int(rate * seconds)))
    inbox = Inbox.open(folder / "jobs" / "fleet.sqlite")
    try:
        kept = sum(each.count for each in inbox.waiting())
    finally:
        inbox.close()
    if kept != expected:
        raise ContenderFailed(f"{kept} hints are kept of {expected}")


def send(url: str, rate: int, seconds: float) -> dict[str, float]:
    """Send every post at its moment; the percentiles in milliseconds."""
    lead = 1.0
    begins, wall = time.perf_counter() + lead, time.time() + lead
    planned = list(posts("http://pmom.invalid", rate, seconds, wall))
    begins += max(0.0, time.perf_counter() - begins + lead)
    waits: list[float] = []
    lates: list[float] = []
    refused: list[int] = []
    numbers = itertools.count()
    threads = [
        threading.Thread(target=_connection, args=(url, planned, numbers, begins, rate, waits, lates, refused))
        for _ in range(CONNECTIONS)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    ordered = sorted(waits)
    return {
        "posts": len(planned),
        "refused": len(refused) + len(planned) - len(waits),
        "p50": _at(ordered, 0.5),
        "p99": _at(ordered, 0.99),
        "longest": ordered[-1],
        "late": _at(sorted(lates), 0.99),
    }


def _connection(
    url: str,
    planned: list[Post],
    numbers: Iterator[int],
    begins: float,
    rate: int,
    waits: list[float],
    lates: list[float],
    refused: list[int],
) -> None:
    parts = urlsplit(url)
    line = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=30)
    while (number := next(numbers)) < len(planned):
        due, post = begins + number / rate, planned[number]
        time.sleep(max(0.0, due - time.perf_counter()))
        lates.append((time.perf_counter() - due) * 1000)
        line.request("POST", post.path, post.body, post.headers)
        answer = line.getresponse()
        answer.read()
        waits.append((time.perf_counter() - due) * 1000)
        if answer.status not in (200, 204):
            refused.append(answer.status)
    line.close()


def _at(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, math.ceil(len(ordered) * share) - 1)]


def _nothing() -> None:
    """The peer: the same server and framework, a route that answers at once."""
    import waitress
    from flask import Flask, Response

    app = Flask("nothing")

    @app.post("/hooks/<path:rest>")
    def answer(rest: str) -> Response:
        return Response(status=204)

    server: Any = waitress.create_server(app, host="127.0.0.1", port=0, threads=8)
    print(f"http://127.0.0.1:{server.effective_port}", flush=True)
    server.run()


def main(words: list[str]) -> None:
    """One of the processes of a measurement."""
    if words[0] == "nothing":
        _nothing()
    elif words[0] == "send":
        print(json.dumps(send(words[1], int(words[2]), float(words[3]))))
    else:
        serve(Deployment.load(Path(words[1]) / "pmom.toml"), heard=lambda url: print(url, flush=True))


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main(sys.argv[1:])
