"""The program: TLS, keep-alive, compression, restarts, many writers, and a client that others wrote."""

from __future__ import annotations

import gzip
import http.client
import json
import os
import signal
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import SalesforceExpiredSession, SalesforceMalformedRequest


def test_only_who_trusts_the_authority_file_connects(start: Any, tmp_path: Path) -> None:
    caller = start(tls=True)
    assert caller.emulator.url.startswith("https://127.0.0.1:")
    assert caller.call("GET", "/limits")[0] == 200
    parts = urlsplit(caller.emulator.url)
    stranger = http.client.HTTPSConnection("127.0.0.1", parts.port, context=ssl.create_default_context(), timeout=5)
    with pytest.raises(ssl.SSLCertVerificationError):
        stranger.request("GET", "/services/data")
    friend = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    connection = http.client.HTTPSConnection("localhost", parts.port, context=friend, timeout=5)
    connection.request("GET", "/services/data")
    assert connection.getresponse().status == 200
    connection.close()


def test_a_connection_serves_many_calls(caller: Any) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", urlsplit(caller.emulator.url).port, timeout=5)
    connection.connect()
    port = connection.sock.getsockname()
    for _ in range(3):
        connection.request("GET", "/services/data")
        connection.getresponse().read()
        assert connection.sock.getsockname() == port
    connection.close()


def test_bodies_are_compressed_when_asked_and_read_when_sent(caller: Any) -> None:
    path = "/services/data/v67.0/sobjects"
    assert caller.raw("GET", path).headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in caller.raw("GET", path, headers={"Accept-Encoding": "identity"}).headers
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    body = gzip.compress(b'{"Name": "x"}')
    assert caller.raw("POST", f"{path}/Account", data=body, headers=headers).status_code == 201
    refused = caller.raw("POST", f"{path}/Account", data=b"not gzip", headers=headers)
    assert (refused.status_code, refused.json()[0]["errorCode"]) == (400, "INVALID_INPUT")


def test_a_chunked_body_is_read(caller: Any) -> None:
    chunks = iter([b'{"Name":', b' "x"}'])
    headers = {"Content-Type": "application/json"}
    answer = caller.raw("POST", "/services/data/v67.0/sobjects/Account", data=chunks, headers=headers)
    assert answer.status_code == 201


def test_a_restart_keeps_records_fields_permissions_sessions_and_cursors(start: Any, granting: Any) -> None:
    from emulators.salesforce.schema import FieldType

    first = start()
    field = FieldType("Score__c", "Score", "double", precision=5, scale=2, custom=True, always_visible=False)
    first.org.add_custom_field("Account", field)
    granting(first.org, first.org.user_id, "Account.Score__c")
    record_id = first.make("Account", Name="x", Score__c=1.5)
    first.org.load_raw("Contact", ({"LastName": str(place)} for place in range(2001)))
    following = first.call("GET", "/query", params={"q": "SELECT Id FROM Contact"})[1]["nextRecordsUrl"]
    token = first.http.headers["Authorization"]
    first.emulator.stop()

    second = start()
    second.http.headers["Authorization"] = token
    assert second.call("GET", f"/sobjects/Account/{record_id}")[1]["Score__c"] == 1.5
    assert len(second.raw("GET", following).json()["records"]) == 1
    assert second.make("Account", Name="y") != record_id


def test_eight_writers_at_once_lose_nothing(caller: Any) -> None:
    token, failures = caller.http.headers["Authorization"], []

    def write(number: int) -> None:
        with requests.Session() as http:
            http.trust_env = False
            for place in range(10):
                answer = http.post(
                    f"{caller.emulator.url}/services/data/v67.0/sobjects/Account",
                    json={"Name": f"{number}-{place}"},
                    headers={"Authorization": token},
                    timeout=20,
                )
                if answer.status_code != 201:
                    failures.append(answer.text)

    writers = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert failures == []
    names = {row["Name"] for row in caller.query("SELECT Name FROM Account")}
    assert names == {f"{number}-{place}" for number in range(8) for place in range(10)}
    assert caller.org.connection().execute("PRAGMA integrity_check").fetchone()[0] == "ok"


@pytest.fixture
def client(start: Any) -> Any:
    caller = start(tls=True)
    token = caller.http.headers["Authorization"].removeprefix("Bearer ")
    found = Salesforce(session_id=token, instance_url=caller.emulator.url, session=caller.http, version="67.0")
    found.caller = caller
    return found


def test_simple_salesforce_reads_and_writes(client: Any) -> None:
    made = client.Account.create({"Name": "x", "Industry": "Energy"})
    assert made["success"] is True
    assert client.Account.get(made["id"])["Industry"] == "Energy"
    assert client.Account.update(made["id"], {"Name": "y"}) == 204
    assert client.query("SELECT Name FROM Account")["records"][0]["Name"] == "y"
    assert client.Account.describe()["keyPrefix"] == "001"
    assert client.limits()["DailyApiRequests"]["Max"] == 100_000
    assert client.describe()["maxBatchSize"] == 200
    assert client.Account.delete(made["id"]) == 204
    assert client.api_usage["api-usage"].total == 100_000


def test_simple_salesforce_pages_and_upserts(client: Any, granting: Any) -> None:
    from emulators.salesforce.schema import FieldType

    org = client.caller.org
    field = FieldType("Key__c", "Key", "string", 40, custom=True, external_id=True, id_lookup=True, unique=True)
    org.add_custom_field("Account", field)
    assert client.Account.upsert("Key__c/1", {"Name": "x"}) == 201
    assert client.Account.upsert("Key__c/1", {"Name": "y"}) == 200
    assert client.Account.get_by_custom_id("Key__c", "1")["Name"] == "y"
    org.load_raw("Contact", ({"LastName": str(place)} for place in range(4500)))
    assert len(client.query_all("SELECT Id FROM Contact")["records"]) == 4500


def test_simple_salesforce_understands_the_refusals(client: Any) -> None:
    with pytest.raises(SalesforceMalformedRequest) as bad:
        client.Account.create({"Site": "x"})
    assert bad.value.content[0]["errorCode"] == "REQUIRED_FIELD_MISSING"
    client.caller.control("POST", "expire_tokens")
    with pytest.raises(SalesforceExpiredSession):
        client.query("SELECT Id FROM Account")


def _run(folder: Path, *options: str) -> tuple[subprocess.Popen[bytes], dict[str, str]]:
    ready = folder / "ready.json"
    ready.unlink(missing_ok=True)
    command = [sys.executable, "-m", "emulators", "salesforce", "--db", str(folder / "org.db"), *options]
    program = subprocess.Popen([*command, "--ready-file", str(ready)], stdout=subprocess.PIPE)
    for _ in range(400):
        if ready.exists() or program.poll() is not None:
            break
        time.sleep(0.025)
    return program, json.loads(ready.read_text())


def _stop(program: subprocess.Popen[bytes]) -> int:
    program.send_signal(signal.SIGTERM)
    assert program.stdout is not None
    program.stdout.close()
    return program.wait(10)


@pytest.mark.slow
def test_the_program_tells_where_it_is_and_stops_when_told(tmp_path: Path) -> None:
    program, line = _run(tmp_path, "--now", "2026-03-31T09:00:00Z", "--freeze", "--without", "prm,quotes")
    with requests.Session() as http:
        http.trust_env = False
        http.verify = line["ca_file"]
        form = {"grant_type": "client_credentials", "client_id": line["client_id"]}
        answer = http.post(
            f"{line['url']}/services/oauth2/token", data={**form, "client_secret": line["client_secret"]}, timeout=10
        )
        http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        missing = http.get(f"{line['url']}/services/data/v67.0/sobjects/PartnerFundClaim/describe", timeout=10)
    assert missing.status_code == 404
    assert line["now"] == "2026-03-31T09:00:00.000Z"
    assert _stop(program) == 0


@pytest.mark.slow
def test_a_world_is_loaded_once(tmp_path: Path) -> None:
    options = ("--http", "--world", "tiny", "--now", "2026-03-31T09:00:00Z", "--control-token", "t")
    for _ in range(2):
        program, line = _run(tmp_path, *options)
        with requests.Session() as http:
            http.trust_env = False
            headers = {"X-Emulator-Token": "t"}
            body = {"object": "Account", "values": {"Name": "mine"}}
            assert http.post(f"{line['url']}/__emulator__/insert", json=body, headers=headers, timeout=10).ok
        assert _stop(program) == 0
    import sqlite3

    with sqlite3.connect(tmp_path / "org.db") as connection:
        mine = connection.execute("SELECT count(*) FROM o_account WHERE f_name = 'mine'").fetchone()[0]
        total = connection.execute("SELECT count(*) FROM o_account").fetchone()[0]
    connection.close()
    assert mine == 2
    assert total > 10


def test_options_that_make_no_sense_are_named(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "emulators", "salesforce", "--db", str(tmp_path / "o.db"), "--without", "prn"]
    found = subprocess.run(command, capture_output=True, timeout=20, check=False, env=dict(os.environ))
    assert found.returncode == 2
    assert b"unknown feature prn" in found.stderr
