"""The relations' SQL, kept in the mirror: to compile it, and to load the library that does, takes over a second."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

from connector.core.codec import from_json, to_json
from connector.facts.sources import Tables
from connector.facts.statements import Shape, Statements, statements


def kept_statements(tables: Tables, form: Shape) -> Statements:
    """As `statements`, from what an earlier process of the same program left in the mirror where there is such."""
    known: dict[Shape, Statements] = tables.kept.setdefault("statements", {})
    if form not in known:
        known[form] = _from_mirror(tables, form)
    return known[form]


def _from_mirror(tables: Tables, form: Shape) -> Statements:
    digest = sha256(f"{_program()} {to_json(form)}".encode()).hexdigest()
    tables.run("CREATE TABLE IF NOT EXISTS compiled (digest VARCHAR, body VARCHAR)")
    found = tables.query("SELECT body FROM compiled WHERE digest = ?", [digest]).column("body").to_pylist()
    if found:
        return from_json(Statements, str(found[0]))
    made = statements(form)
    tables.run("DELETE FROM compiled")
    tables.run("INSERT INTO compiled VALUES (?, ?)", [digest, to_json(made)])
    return made


@cache
def _program() -> str:
    """Another one when anything that the SQL is made by is another."""
    sources = b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")))
    return " ".join((sha256(sources).hexdigest(), version("ibis-framework"), version("sqlglot"), version("duckdb")))
