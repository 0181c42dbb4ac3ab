"""How a bulk query is split by primary key: one query for each range of ids, in the words of the one sent."""

from __future__ import annotations

from emulators.salesforce import storage
from emulators.salesforce.ids import to18
from emulators.salesforce.org import Org
from emulators.salesforce.soql import SoqlError, parse
from emulators.salesforce.soql.ast import Query, SelectChildren
from emulators.salesforce.soql.lexer import tokens

USUAL, MOST = 100_000, 250_000


class CannotChunk(Exception):
    """The query, or the header's wish, does not go with primary-key chunking."""


def wish(header: str) -> tuple[int, str]:
    """(rows of a chunk, first id) that a Sforce-Enable-PKChunking header asks for; 0 rows: no chunking.

    The header is `true`, `false` or `chunkSize=n; startRow=id; parent=Object`, as the vendor's page has it.
    CannotChunk for a size that is none, or beyond 250,000.
    """
    size, start, on = USUAL, "", False
    for part in header.split(";"):
        name, _, value = (piece.strip() for piece in part.partition("="))
        if name.lower() == "chunksize":
            if not value.isdigit() or not 0 < int(value) <= MOST:
                raise CannotChunk(f"chunkSize {value} is not between 1 and {MOST}")
            size, on = int(value), True
        elif name.lower() == "startrow":
            start, on = to18(value) or value, True
        elif name.lower() == "parent":
            on = True
        elif name:
            on = name.lower() == "true"
    return (size, start) if on else (0, "")


def split(org: Org, object_name: str, soql: str, size: int, start: str) -> list[str]:
    """The queries of the chunks; at least one. CannotChunk when the query has more than WHERE."""
    try:
        query = parse(soql)
    except SoqlError as bad:
        raise CannotChunk(f"Failed to process query: {bad.code}: {bad.message}") from None
    _refuse(query)
    ids = _bounds(org, object_name, size, start)
    return [_within(soql, low, high) for low, high in zip(ids, [*ids[1:], ""], strict=True)]


def _refuse(query: Query) -> None:
    """Only a SELECT list and a WHERE clause, says the vendor's page."""
    numbers = query.limit is not None or query.offset is not None or query.counts_only
    clauses = query.order or query.grouping or query.security or query.locks
    if numbers or clauses or any(isinstance(item, SelectChildren) for item in query.items):
        raise CannotChunk("Failed to process query: PK chunking works with SELECT, FROM and WHERE only")


def _bounds(org: Org, object_name: str, size: int, start: str) -> list[str]:
    """The first id of every chunk; deleted records count, as they do for the vendor."""
    table = storage.table(org.object(object_name))
    rows = org.connection().execute(f"SELECT f_id FROM {table} WHERE f_id >= ? ORDER BY f_id", (start,))
    first = [row[0] for at, row in enumerate(rows) if at % size == 0]
    return first or [start]


def _within(soql: str, low: str, high: str) -> str:
    """The query with the bounds joined to its condition."""
    bounds = [f"Id >= '{low}'" if low else "", f"Id < '{high}'" if high else ""]
    limits = " AND ".join(bound for bound in bounds if bound)
    if not limits:
        return soql
    at = _where(soql)
    if at is None:
        return f"{soql} WHERE {limits}"
    return f"{soql[:at]} ({soql[at:].strip()}) AND {limits}"


def _where(soql: str) -> int | None:
    """The place after the outermost WHERE."""
    depth = 0
    for token in tokens(soql):
        depth += {"(": 1, ")": -1}.get(token.word, 0)
        if depth == 0 and token.word == "WHERE":
            return token.position + len("WHERE")
    return None
