"""The relations' SQL, kept in the mirror: to compile it, and to load the library that does, takes over a second."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

from connector.core.codec import from_json, to_json
from connector.facts.sources import Tables
from connector.facts.statements import (
    CreditShape,
    CreditStatements,
    FundShape,
    FundStatements,
    Shape,
    Statements,
    credit_statements,
    fund_statements,
    statements,
)

F = TypeVar("F")
S = TypeVar("S")


def kept_statements(tables: Tables, form: Shape) -> Statements:
    """As `statements`, from what an earlier process of the same program left in the mirror where there is such."""
    return _kept(tables, "compiled", form, Statements, statements)


def kept_credit_statements(tables: Tables, form: CreditShape) -> CreditStatements:
    """As `credit_statements`, likewise."""
    return _kept(tables, "compiled_credits", form, CreditStatements, credit_statements)


def kept_fund_statements(tables: Tables, form: FundShape) -> FundStatements:
    """As `fund_statements`, likewise."""
    return _kept(tables, "compiled_funds", form, FundStatements, fund_statements)


def _kept(tables: Tables, name: str, form: F, kind: type[S], make: Callable[[F], S]) -> S:
    known: dict[F, S] = tables.kept.setdefault(name, {})
    if form not in known:
        known[form] = _from_mirror(tables, name, form, kind, make)
    return known[form]


def _from_mirror(tables: Tables, name: str, form: F, kind: type[S], make: Callable[[F], S]) -> S:
    digest = sha256(f"{_program()} {to_json(form)}".encode()).hexdigest()
    tables.run(f"CREATE TABLE IF NOT EXISTS {name} (digest VARCHAR, body VARCHAR)")
    found = tables.query(f"SELECT body FROM {name} WHERE digest = ?", [digest]).column("body").to_pylist()
    if found:
        return from_json(kind, str(found[0]))
    made = make(form)
    tables.run(f"DELETE FROM {name}")
    tables.run(f"INSERT INTO {name} VALUES (?, ?)", [digest, to_json(made)])
    return made


@cache
def _program() -> str:
    """Another one when anything that the SQL is made by is another."""
    sources = b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")))
    return " ".join((sha256(sources).hexdigest(), version("ibis-framework"), version("sqlglot"), version("duckdb")))
