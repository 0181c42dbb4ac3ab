"""The same mirror, policy and day give the same bytes: in two runs, and with every table's rows in another order."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest

from connector.store.store import Store

if TYPE_CHECKING:
    from conftest import World

pytestmark = pytest.mark.slow

DAY = ("--as-of", "2026-03-31")
OUTPUTS = (
    ("measure", *DAY),
    ("touch-models", "-m", "all", *DAY),
    ("allocate", "--budget", "250000"),
    ("audit", "--quarter", "FY25-Q4"),
)

_WHEN = re.compile(r'"taken_at": ?"[^"]+"')
"""When a quarter was frozen, by the clock: the one thing that another run must tell otherwise."""


def tables(mirror: duckdb.DuckDBPyConnection) -> list[str]:
    rows = mirror.execute("SELECT table_name FROM duckdb_tables() WHERE NOT internal ORDER BY 1").fetchall()
    return [str(row[0]) for row in rows]


def shuffled(path: Path) -> int:
    """Write every table of the mirror anew, its rows in another order; -> how many tables were in another order."""
    moved = 0
    with duckdb.connect(str(path)) as mirror:
        for name in tables(mirror):
            as_text = f'SELECT t::VARCHAR FROM "{name}" t'
            before = mirror.execute(as_text).fetchall()
            mirror.execute(f'CREATE TEMP TABLE moved AS SELECT * FROM "{name}" t ORDER BY hash(t::VARCHAR || 7)')
            mirror.execute(f'DELETE FROM "{name}"')
            mirror.execute(f'INSERT INTO "{name}" SELECT * FROM moved')
            mirror.execute("DROP TABLE moved")
            moved += before != mirror.execute(as_text).fetchall()
    return moved


def said(world: World) -> dict[str, str]:
    """Everything that is decided and told from the mirror as it is, by a store that knows nothing yet."""
    workspace = world.folder / "workspace"
    (workspace / "store.sqlite").unlink(missing_ok=True)
    assert world.pmom("decide", *DAY).code == 0
    store = Store.open(workspace / "store.sqlite", "salesforce")
    found = {f"decision {id_}": row.body for id_, row in store.latest_decisions().items()}
    found |= {f"credit {id_}": row.body for id_, row in store.credits().latest().items()}
    store.close()
    for words in OUTPUTS:
        answer = world.pmom(*words)
        assert answer.code == 0, answer.err
        found[words[0]] = _WHEN.sub("", answer.out)
    return found


@pytest.fixture(scope="module")
def pulled(small: World) -> World:
    assert small.pmom("pull").code == 0
    return small


def test_everything_is_the_same_in_two_runs_and_with_the_rows_shuffled(pulled: World) -> None:
    workspace = pulled.folder / "workspace"
    kept = pulled.folder / "as pulled.duckdb"
    shutil.copy(workspace / "mirror.duckdb", kept)
    first = said(pulled)
    for change in (None, shuffled):
        shutil.copy(kept, workspace / "mirror.duckdb")
        if change is not None:
            assert change(workspace / "mirror.duckdb") >= 15
        again = said(pulled)
        assert {name for name in first if first[name] != again.get(name)} == set()
        assert again.keys() == first.keys()
    assert len(first) > 100
