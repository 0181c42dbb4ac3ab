"""What may stand in a log: no secret by name, by form or by value, and no flood."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from connector.config.settings import Log
from connector.web.log import Redactor, Sparing, configure


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root, queue = logging.getLogger(), logging.getLogger("waitress.queue")
    handlers, level, quiet = list(root.handlers), root.level, queue.level
    found = io.StringIO()
    yield found
    root.handlers[:], root.level = handlers, level
    queue.setLevel(quiet)
    logging.getLogger("pmom").setLevel(logging.NOTSET)
    structlog.reset_defaults()


def test_a_line_carries_what_is_bound_and_hides_what_is_secret(stream: io.StringIO) -> None:
    configure(Log(format="json"), secrets=["the-path-secret"], stream=stream)
    with structlog.contextvars.bound_contextvars(run_id=7, connection="emea"):
        structlog.get_logger().info(
            "asked", client_secret="hush", where="/hooks/x/the-path-secret", who="ann@acme.invalid", tokens_left=5
        )
    line = json.loads(stream.getvalue())
    del line["timestamp"]
    assert line == {
        "event": "asked",
        "level": "info",
        "run_id": 7,
        "connection": "emea",
        "client_secret": "[secret]",
        "where": "/hooks/x/[secret]",
        "who": "[e-mail]",
        "tokens_left": 5,
    }


def test_lines_of_other_libraries_take_the_same_way(stream: io.StringIO) -> None:
    configure(Log(format="json"), stream=stream)
    logging.getLogger("waitress").warning("Authorization: Bearer abcdefghijkl from %s", "bob@acme.invalid")
    logging.getLogger("waitress.queue").warning("Task queue depth is 3")
    logging.getLogger("sqlalchemy").debug("never")
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [(line["level"], line["event"]) for line in lines] == [
        ("warning", "Authorization: Bearer [secret] from [e-mail]")
    ]


def test_an_exception_is_told_without_its_secrets(stream: io.StringIO) -> None:
    configure(Log(format="json"), secrets=["a-secret-value"], stream=stream)
    try:
        raise ValueError("no a-secret-value for ann@acme.invalid")
    except ValueError as error:
        structlog.get_logger().error("failed", exc_info=error)
    told = json.loads(stream.getvalue())["exception"]
    assert "ValueError: no [secret] for [e-mail]" in told


@pytest.mark.parametrize(("level", "said"), [("warning", []), ("info", ["a"]), ("debug", ["a", "b"])])
def test_the_level_is_kept(stream: io.StringIO, level: str, said: list[str]) -> None:
    configure(Log.model_validate({"level": level, "format": "json"}), stream=stream)
    structlog.get_logger().info("a")
    structlog.get_logger().debug("b")
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == said


def test_text_is_for_people(stream: io.StringIO) -> None:
    configure(Log(), stream=stream)
    structlog.get_logger().info("post taken", connection="emea")
    assert "post taken" in stream.getvalue()
    assert "connection=emea" in stream.getvalue()


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("postgresql+psycopg://pmom:hunter22@db/pmom", "postgresql+psycopg://pmom:[secret]@db/pmom"),
        ("POST /hooks/salesforce/emea/abcdefgh HTTP/1.1", "POST /hooks/salesforce/emea/[secret] HTTP/1.1"),
        ("access_token=00Dabc!def&x=1", "access_token=[secret]&x=1"),
        ('{"refresh_token": "abcdef"}', '{"refresh_token": "[secret]"}'),
        ("ann.o'neil+x@mail.acme.invalid wrote", "ann.o'[e-mail] wrote"),
        ("the token: 00Dabc4def", "the token: [secret]"),
        ("hubspot.access_token: HubSpot does not take it", "hubspot.access_token: HubSpot does not take it"),
        ("/oauth2/token: invalid_client: invalid client", "/oauth2/token: invalid_client: invalid client"),
        ("nothing to hide: 12 of 30", "nothing to hide: 12 of 30"),
    ],
)
def test_secrets_are_known_by_their_form(text: str, seen: str) -> None:
    assert Redactor().text(text) == seen


SECRET = "7f3c-a-known-secret"
VALUES = st.recursive(
    st.text(max_size=5) | st.just(f"x{SECRET}y") | st.integers() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(VALUES)
def test_a_known_secret_stands_nowhere_however_deep(value: object) -> None:
    assert SECRET not in repr(Redactor([SECRET]).value("found", value))


@pytest.mark.parametrize("name", ["password", "client_secret", "Authorization", "x_signature", "api_key", "cookie"])
def test_what_is_named_like_a_secret_is_hidden(name: str) -> None:
    assert Redactor().value(name, ["a"]) == "[secret]"
    assert Redactor().value(name, None) is None


def test_a_flood_is_told_in_few_lines_and_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    at = [100.0]
    monkeypatch.setattr("connector.web.log.time.monotonic", lambda: at[0])
    sparing = Sparing(2)
    assert [sparing.held_back("a") for _ in range(5)] == [0, 0, None, None, None]
    assert sparing.held_back("b") == 0
    at[0] += 1
    assert [sparing.held_back("a") for _ in range(3)] == [3, 0, None]
