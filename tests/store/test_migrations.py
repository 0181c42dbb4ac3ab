"""A store that any earlier program left opens, keeps its rows, and then equals a new one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from connector.errors import Misconfigured
from connector.store import engine as databases
from connector.store.fleet import Fleet
from connector.store.store import DecisionRow, OutcomeRow, Store
from connector.store.versions import FLEET, STORE, Schema

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)

# The tables as each program made them: never to be changed. {id} and {moment} are the database's own words.
FIRST = """
CREATE TABLE decisions (id {id}, connection VARCHAR(64) NOT NULL, partner_id VARCHAR(64) NOT NULL,
  run_id INTEGER NOT NULL, as_of DATE NOT NULL, digest VARCHAR(64) NOT NULL, body TEXT NOT NULL, PRIMARY KEY (id));
CREATE INDEX ix_decisions_partner ON decisions (connection, partner_id, id);
CREATE TABLE latest_decisions (connection VARCHAR(64) NOT NULL, partner_id VARCHAR(64) NOT NULL,
  digest VARCHAR(64) NOT NULL, body TEXT NOT NULL, previous TEXT NOT NULL, PRIMARY KEY (connection, partner_id));
CREATE TABLE ledger (connection VARCHAR(64) NOT NULL, "key" VARCHAR(200) NOT NULL, value TEXT NOT NULL,
  PRIMARY KEY (connection, "key"));
CREATE TABLE meta ("key" VARCHAR(64) NOT NULL, value TEXT NOT NULL, PRIMARY KEY ("key"));
CREATE TABLE outcomes (id {id}, plan_id INTEGER NOT NULL, run_id INTEGER NOT NULL, change VARCHAR(200) NOT NULL,
  status VARCHAR(16) NOT NULL, record_id VARCHAR(64), "before" TEXT DEFAULT '{{}}' NOT NULL,
  "after" TEXT DEFAULT '{{}}' NOT NULL, code VARCHAR(100) DEFAULT '' NOT NULL, message TEXT DEFAULT '' NOT NULL,
  at {moment} NOT NULL, PRIMARY KEY (id));
CREATE INDEX ix_outcomes_plan_id ON outcomes (plan_id);
CREATE TABLE plans (id {id}, connection VARCHAR(64) NOT NULL, run_id INTEGER NOT NULL, made_at {moment} NOT NULL,
  fingerprint VARCHAR(64) NOT NULL, state VARCHAR(16) NOT NULL, body TEXT NOT NULL, PRIMARY KEY (id));
CREATE TABLE runs (id {id}, connection VARCHAR(64) NOT NULL, kind VARCHAR(16) NOT NULL, state VARCHAR(16) NOT NULL,
  started_at {moment} NOT NULL, finished_at {moment}, summary TEXT DEFAULT '{{}}' NOT NULL, PRIMARY KEY (id));
CREATE TABLE states (connection VARCHAR(64) NOT NULL, name VARCHAR(64) NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY (connection, name));
INSERT INTO meta VALUES ('version', '1');
INSERT INTO runs VALUES (1, 'acme', 'sync', 'done', '{noon}', '{noon}', '{{"n": 1}}');
INSERT INTO decisions VALUES (1, 'acme', 'p1', 1, '2026-03-31', 'd1', '{{"is": "kept"}}');
INSERT INTO latest_decisions VALUES ('acme', 'p1', 'd1', '{{"is": "kept"}}', '{{}}');
INSERT INTO ledger VALUES ('acme', 'job', '7');
INSERT INTO states VALUES ('acme', 'tasks', '[1]');
INSERT INTO plans VALUES (1, 'acme', 1, '{noon}', 'f1', 'applied', '{{}}');
INSERT INTO outcomes VALUES (1, 1, 1, 'fields:p1', 'applied', 'p1', '{{}}', '{{"a": 2}}', '', '', '{noon}');
"""
CURSORS = """
CREATE TABLE cursors (connection VARCHAR(64) NOT NULL, stream VARCHAR(128) NOT NULL, signature VARCHAR(64) NOT NULL,
  position {moment}, detail TEXT DEFAULT '{{}}' NOT NULL, PRIMARY KEY (connection, stream));
INSERT INTO cursors VALUES ('acme', 'Account', 's', '{noon}', '{{}}');
"""
CREDITS = """
CREATE TABLE latest_credits (connection VARCHAR(64) NOT NULL, opportunity_id VARCHAR(64) NOT NULL,
  version INTEGER NOT NULL, body TEXT NOT NULL, sourced_final BOOLEAN NOT NULL, final_close DATE,
  PRIMARY KEY (connection, opportunity_id));
CREATE TABLE credit_versions (id {id}, connection VARCHAR(64) NOT NULL, opportunity_id VARCHAR(64) NOT NULL,
  version INTEGER NOT NULL, run_id INTEGER NOT NULL, as_of DATE NOT NULL, policy_version VARCHAR(64) NOT NULL,
  reason VARCHAR(32) NOT NULL, {words} body TEXT NOT NULL, PRIMARY KEY (id));
CREATE INDEX ix_credit_versions_opportunity ON credit_versions (connection, opportunity_id, version);
INSERT INTO credit_versions (id, connection, opportunity_id, version, run_id, as_of, policy_version, reason, body)
  VALUES (1, 'acme', 'o1', 1, 1, '2026-03-31', 'v1', 'first', '{{"is": "kept"}}');
INSERT INTO latest_credits VALUES ('acme', 'o1', 1, '{{"is": "kept"}}', {false}, NULL);
"""
WORDS = "words TEXT DEFAULT '' NOT NULL,"
AUDITS = """
CREATE TABLE audits (id {id}, connection VARCHAR(64) NOT NULL, quarter VARCHAR(16) NOT NULL, version INTEGER NOT NULL,
  kind VARCHAR(16) NOT NULL, run_id INTEGER NOT NULL, taken_at {moment} NOT NULL, digest VARCHAR(64) NOT NULL,
  head TEXT NOT NULL, PRIMARY KEY (id), UNIQUE (connection, quarter, version));
CREATE TABLE audit_lines (connection VARCHAR(64) NOT NULL, quarter VARCHAR(16) NOT NULL, version INTEGER NOT NULL,
  partner_id VARCHAR(64) NOT NULL, status VARCHAR(16) NOT NULL, digest VARCHAR(64) NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY (connection, quarter, version, partner_id));
CREATE TABLE audit_signoffs (id {id}, connection VARCHAR(64) NOT NULL, quarter VARCHAR(16) NOT NULL,
  version INTEGER NOT NULL, digest VARCHAR(64) NOT NULL, "by" VARCHAR(200) NOT NULL, note TEXT NOT NULL,
  at {moment} NOT NULL, PRIMARY KEY (id));
INSERT INTO audits VALUES (1, 'acme', '2026-Q1', 1, 'snapshot', 1, '{noon}', 'd', '{{}}');
INSERT INTO audit_lines VALUES ('acme', '2026-Q1', 1, 'p1', 'ok', 'd', '{{}}');
"""
EARLIER = {
    "the first": (FIRST + CURSORS, ""),
    "cursors in the mirror": (FIRST, ""),
    "credit in versions": (FIRST + CREDITS, ""),
    "credit with cursors left over": (FIRST + CURSORS + CREDITS, ""),
    "credit with a person's words": (FIRST + CREDITS, WORDS),
    "audits": (FIRST + CREDITS + AUDITS, WORDS),
}


def left_by(where: str, program: str) -> None:
    """Make the database as that program left it."""
    text, words = EARLIER[program]
    engine = databases.opened(where)
    server = engine.dialect.name == "postgresql"
    said = {
        "id": "SERIAL NOT NULL" if server else "INTEGER NOT NULL",
        "moment": "TIMESTAMP WITH TIME ZONE" if server else "DATETIME",
        "noon": "2026-03-31 12:00:00.000000" + ("+00" if server else ""),
        "false": "false" if server else "0",
        "words": words,
    }
    with databases.writing(engine) as held:
        for each in text.format(**said).split(";"):
            if each.strip():
                held.exec_driver_sql(each)
    engine.dispose()


def shape(where: str) -> dict[str, Any]:
    """Tables with their columns, keys and indexes, whatever the order in which they were made."""
    engine = databases.opened(where)
    found = {}
    with databases.reading(engine) as held:
        look = sa.inspect(held)
        for name in look.get_table_names():
            columns = sorted((c["name"], str(c["type"]), c["nullable"], c["default"]) for c in look.get_columns(name))
            unique = sorted(tuple(each["column_names"]) for each in look.get_unique_constraints(name))
            indexes = sorted((str(i["name"]), tuple(i["column_names"])) for i in look.get_indexes(name))
            found[name] = (columns, look.get_pk_constraint(name)["constrained_columns"], unique, indexes)
    engine.dispose()
    return found


@pytest.fixture
def new_shape(request: pytest.FixtureRequest, where: str, tmp_path: Path) -> dict[str, Any]:
    """What a new store looks like in the same kind of database."""
    if "://" not in where:
        Store.open(tmp_path / "new.sqlite", "acme").close()
        return shape(str(tmp_path / "new.sqlite"))
    Store.open(where, "acme").close()
    found, engine = shape(where), databases.opened(where)
    with databases.writing(engine) as held:
        held.exec_driver_sql("DROP SCHEMA public CASCADE")
        held.exec_driver_sql("CREATE SCHEMA public")
    engine.dispose()
    return found


@pytest.mark.parametrize("program", EARLIER)
def test_a_store_of_every_earlier_program_keeps_its_rows_and_equals_a_new_one(
    program: str, where: str, new_shape: dict[str, Any]
) -> None:
    left_by(where, program)
    with closing(Store.open(where, "acme")) as store:
        assert store.latest_decisions() == {"p1": DecisionRow("p1", "d1", '{"is": "kept"}', "{}")}
        assert store.decision_history("p1") == ((1, date(2026, 3, 31), '{"is": "kept"}'),)
        assert (store.ledger().get("job"), store.state("tasks")) == ("7", "[1]")
        assert store.outcomes() == (OutcomeRow("fields:p1", "applied", "p1", "{}", '{"a": 2}', "", "", NOON),)
        assert [(run.id, run.finished_at, run.summary) for run in store.runs()] == [(1, NOON, {"n": 1})]
        history = store.credits().history("o1")
        assert [(each.reason, each.body, each.words) for each in history] == (
            [("first", '{"is": "kept"}', "")] if CREDITS in EARLIER[program][0] else []
        )
        assert len(store.audits().versions()) == len(store.audits().lines("2026-Q1", 1)) == (program == "audits")
    assert shape(where) == new_shape
    Store.open(where, "acme").close()


def test_a_store_at_a_revision_between_goes_on_from_there(
    where: str, statement: Callable[[str], list[tuple[Any, ...]]]
) -> None:
    left_by(where, "credit in versions")
    statement("CREATE TABLE store_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
    statement("INSERT INTO store_version VALUES ('store3')")
    with closing(Store.open(where, "acme")) as store:
        assert store.credits().history("o1")[0].words == ""
    assert statement("SELECT version_num FROM store_version") == [(STORE.newest,)]


@pytest.mark.parametrize("found", ["store99", "another0", "store"])
def test_a_revision_that_this_program_does_not_know_is_refused_and_left_alone(
    found: str, where: str, statement: Callable[[str], list[tuple[Any, ...]]]
) -> None:
    Store.open(where, "acme").close()
    statement(f"UPDATE store_version SET version_num = '{found}'")
    before = shape(where)
    with pytest.raises(Misconfigured, match=f"newer pmom \\(schema {found}, this one knows {STORE.newest}"):
        Store.open(where, "acme")
    assert (shape(where), statement("SELECT version_num FROM store_version")) == (before, [(found,)])


def test_an_unnumbered_store_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    where = str(tmp_path / "store.sqlite")
    left_by(where, "audits")
    engine = databases.opened(where)
    with databases.writing(engine) as held:
        held.exec_driver_sql("UPDATE meta SET value = '99'")
    engine.dispose()
    with pytest.raises(Misconfigured, match="newer pmom"):
        Store.open(where, "acme")


def test_a_newer_fleet_database_is_refused(where: str, statement: Callable[[str], list[tuple[Any, ...]]]) -> None:
    Fleet.open(where).close()
    statement("UPDATE fleet_version SET version_num = 'fleet99'")
    with pytest.raises(Misconfigured, match="fleet database: it was written by a newer pmom"):
        Fleet.open(where)


def test_many_that_open_an_earlier_store_at_once_bring_it_up_once(where: str) -> None:
    left_by(where, "the first")
    opened: list[Store] = []
    threads = [threading.Thread(target=lambda: opened.append(Store.open(where, "acme"))) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert [store.state("tasks") for store in opened] == ["[1]"] * 4
    for store in opened:
        store.close()


@pytest.mark.parametrize("schema", [STORE, FLEET], ids=lambda schema: schema.name)
def test_the_newest_revision_is_the_head_of_the_scripts(schema: Schema) -> None:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    import connector.store.migrations as scripts

    (folder,) = scripts.__path__
    config = Config()
    config.set_main_option("script_location", folder)
    config.set_main_option("version_locations", f"{folder}/{schema.name}")
    config.set_main_option("path_separator", "newline")
    found = ScriptDirectory.from_config(config)
    assert found.get_heads() == [schema.newest]
    numbers = [schema.number(each.revision) for each in found.walk_revisions()]
    assert numbers == list(range(len(numbers), 0, -1))


def test_opening_a_store_of_today_imports_no_alembic(tmp_path: Path) -> None:
    script = (
        "import sys; from connector.store.store import Store\n"
        "for _ in range(2): Store.open(sys.argv[1], 'acme').close()\n"
        "print('alembic' in sys.modules)"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "store.sqlite")]
    told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert told.stdout.strip() == "False"


@pytest.mark.slow
@pytest.mark.kill
def test_a_kill_in_the_middle_of_a_migration_leaves_the_store_as_it_was(
    where: str, new_shape: dict[str, Any]
) -> None:
    """The process is killed before every statement that a migration says, one after the other."""
    left_by(where, "the first")
    before, statements = shape(where), 0
    while True:
        child = os.fork()
        if child == 0:
            _open_and_die_at(where, statements)
        _, status = os.waitpid(child, 0)
        if os.waitstatus_to_exitcode(status) == 0:
            break
        assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL
        assert shape(where) == before
        statements += 1
    assert statements >= 8
    assert shape(where) == new_shape


def _open_and_die_at(where: str, statement: int) -> None:
    seen = 0

    @sa.event.listens_for(sa.Engine, "before_cursor_execute")
    def count(held: Any, cursor: Any, text: str, *rest: Any) -> None:
        nonlocal seen
        if text.lstrip().upper().startswith(("CREATE", "ALTER", "DROP", "INSERT", "UPDATE", "DELETE")):
            if seen == statement:
                os.kill(os.getpid(), signal.SIGKILL)
            seen += 1

    try:
        Store.open(where, "acme")
    finally:
        os._exit(0 if sys.exc_info()[0] is None else 9)
