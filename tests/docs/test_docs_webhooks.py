"""The examples of the page about webhooks run as they stand, and its tables are those of the program."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.config.deployment import Deployment
from connector.config.settings import Settings
from connector.config.webhooks import Webhooks
from connector.hooks.refusals import Refusal
from connector.web.application import served
from connector.web.hooks import STATUS
from connector.web.serve import Running

PAGE = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text(encoding="utf-8")
SECRET = secrets.token_urlsafe(32)


def blocks(language: str) -> list[str]:
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```", PAGE, re.MULTILINE | re.DOTALL)
    return ["\n".join(line.removeprefix(indent) for line in text.splitlines()) for indent, text in found]


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    (tmp_path / "events").write_text(SECRET, encoding="utf-8")
    config = tmp_path / "config.toml"
    config.write_text(
        'name = "emea"\n[salesforce]\ninstance_url = "https://acme.my.salesforce.com"\nclient_id = "x"\n'
        '[web]\nport = 1\n[webhooks]\nevents_secret_file = "events"\n',
        encoding="utf-8",
    )
    deployment = Deployment.load(config)
    free = deployment.web.model_copy(update={"port": 0})
    deployment = Deployment(
        deployment.path, deployment.connections, free, deployment.jobs, deployment.schedule, deployment.settings
    )
    found = Running(served(deployment), deployment)
    thread = threading.Thread(target=found.run)
    thread.start()
    yield found
    found.end()
    thread.join(10)
    found.close()


@pytest.mark.parametrize(("language", "number"), [("python", 0), ("sh", 1)], ids=["python", "shell"])
def test_the_examples_of_a_signed_post_are_accepted(running: Running, language: str, number: int) -> None:
    if language == "sh":
        assert shutil.which("curl")
        assert shutil.which("openssl")
    command = [sys.executable, "-"] if language == "python" else ["sh", "-s"]
    told = {"PMOM_EVENTS_SECRET": SECRET, "PMOM_EVENTS_URL": f"{running.url}/hooks/events/emea"}
    done = subprocess.run(
        command, input=blocks(language)[number], env={"PATH": os.environ["PATH"], **told},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout.strip()) == (0, '{"accepted":1,"echoes":0,"unmapped":0}'), done.stderr


def test_the_way_to_make_a_secret_makes_one_that_is_long_enough() -> None:
    code = re.fullmatch(r'python -c "(.*)"', blocks("sh")[0].strip())
    assert code is not None
    done = subprocess.run([sys.executable, "-c", code[1]], capture_output=True, text=True, check=True)
    assert len(done.stdout.strip()) >= 32


@pytest.mark.parametrize("text", blocks("toml"))
def test_every_setting_of_the_page_exists(text: str) -> None:
    for table, values in tomllib.loads(text).items():
        kind = Settings.model_fields[table].annotation
        assert kind is not None
        kind.model_validate(values)  # type: ignore[attr-defined]


def test_every_setting_that_is_named_in_a_sentence_exists() -> None:
    named = set(re.findall(r"`((?:hubspot|outbound|events)_[a-z_]+)`", PAGE))
    assert named <= set(Webhooks.model_fields) | {"hubspot_owner_id", "event_id"}


def test_every_refusal_stands_in_the_table_with_its_status() -> None:
    rows = [line.split("|")[1:3] for line in PAGE.splitlines() if re.match(r"\| \d{3}", line)]
    told = {word: status for status, words in rows for word in re.findall(r"`(\w+)`", words)}
    public = set(Refusal) - {Refusal.FOREIGN}  # told as unknown
    assert set(told) == set(public)
    assert all(str(STATUS[Refusal(word)]) in status for word, status in told.items())
