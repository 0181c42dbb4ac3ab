"""A watcher hears news in the file that stands there now, not in one that was deleted or replaced."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from jobs.watch import Watch


def write(file: Path) -> None:
    with closing(sqlite3.connect(file)) as held:
        held.execute("CREATE TABLE IF NOT EXISTS told (n)")
        held.execute("INSERT INTO told VALUES (1)")
        held.commit()


def test_a_replaced_file_is_listened_to_and_a_missing_one_is_not_made(tmp_path: Path) -> None:
    file, other = tmp_path / "fleet.sqlite", tmp_path / "other.sqlite"
    nobody: Any = None
    write(file)
    write(other)
    watch = Watch(nobody, nobody, frozenset(), file)
    assert [watch._changed(), watch._changed()] == [True, False]
    write(file)
    assert [watch._changed(), watch._changed()] == [True, False]
    file.unlink()
    assert watch._changed()
    assert not file.exists()
    other.rename(file)
    assert [watch._changed(), watch._changed()] == [True, False]
    write(file)
    assert [watch._changed(), watch._changed()] == [True, False]
    watch.close()
