"""Schemathesis finds no server error, and no status or form that the document of `pmom serve` does not tell."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from connector.config.deployment import Deployment
from connector.store.store import Store
from connector.web.application import served
from connector.web.serve import Running

SECRET, PATH_SECRET = "e" * 40, "p" * 40
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    (tmp_path / ".pmom").mkdir()
    config = tmp_path / "config.toml"
    config.write_text(
        'name = "emea"\n[salesforce]\ninstance_url = "https://acme.my.salesforce.com"\nclient_id = "x"\n'
        '[webhooks]\noutbound_organization = "00D000000000001"\nevents_plain = true\n',
        encoding="utf-8",
    )
    monkeypatch.setenv("PMOM_WEBHOOKS__EVENTS_SECRET", SECRET)
    monkeypatch.setenv("PMOM_WEBHOOKS__OUTBOUND_SECRET", PATH_SECRET)
    read = Deployment.load(config)
    store = Store.open(tmp_path / ".pmom" / "store.sqlite", "emea")  # a connection that is well: 503 is an answer too
    store.end_run(store.begin_run("sync", datetime.now(UTC)), "done", {}, datetime.now(UTC))
    store.close()
    web = read.web.model_copy(update={"port": 0})
    found = Deployment(read.path, read.connections, web, read.jobs, read.schedule, read.settings)
    server = Running(served(found), found)
    thread = threading.Thread(target=server.run)
    thread.start()
    yield server
    server.end()
    thread.join(10)
    server.close()


@pytest.mark.slow
def test_no_request_is_answered_other_than_the_document_says(clients: Any, running: Running, tmp_path: Path) -> None:
    document = requests.get(f"{running.url}/openapi.json", timeout=10).json()
    for methods in document["paths"].values():
        for parameter in methods.get("post", {}).get("parameters", []):
            if parameter["in"] == "path":  # of names made up at random hardly one exists
                known = ["emea", "nobody"] if parameter["name"] == "connection" else [PATH_SECRET, "wrong"]
                parameter["schema"] = {"type": "string", "enum": known}
    paper = tmp_path / "openapi.json"
    paper.write_text(json.dumps(document), encoding="utf-8")
    command = [
        *clients.python("schemathesis").command, "-m", "schemathesis.cli", "run", str(paper), "--url", running.url,
        "--phases", "examples,coverage,fuzzing", "--max-examples", "25", "--seed", "1", "--generation-deterministic",
        "--no-color", "--checks", CHECKS, "--header", f"X-PMOM-Secret: {SECRET}", "--request-timeout", "30",
    ]  # fmt: skip
    around = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    done = subprocess.run(command, env=around, cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-500:]
    assert "7 selected / 7 total" in done.stdout
