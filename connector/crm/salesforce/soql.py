"""Conditions as SOQL text: what is quoted, how instants are written, and how long a query may be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from urllib.parse import quote

from connector.core.records import Kind
from connector.crm.base import Field, Filter, Op, Scalar
from connector.errors import Misconfigured

URI_LIMIT = 16_000  # bytes; the org refuses a request line and headers beyond 16,384
QUERY_LIMIT = 100_000  # characters of one SOQL text

_ESCAPES = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}
_CHECK = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_SIGNS = {Op.EQ: "=", Op.NE: "!=", Op.GE: ">=", Op.LT: "<"}


def text(value: str) -> str:
    """A quoted string literal."""
    return "'" + "".join(_ESCAPES.get(char, char) for char in value) + "'"


def is_id(value: str) -> bool:
    """Whether the text can be a record id; one that cannot makes the org refuse the whole query."""
    if not (value.isascii() and value.isalnum()) or len(value) not in (15, 18):
        return False
    # The last three characters tell which of each five letters are capitals, so that ids survive case folding.
    bits = [
        sum(1 << at for at, char in enumerate(value[start : start + 5]) if char.isupper()) for start in (0, 5, 10)
    ]
    return len(value) == 15 or value[15:].upper() == "".join(_CHECK[each] for each in bits)


def instant(value: datetime) -> str:
    """A datetime literal in UTC to the millisecond, rounded down; ValueError for a naive one."""
    if value.tzinfo is None:
        raise ValueError("a naive datetime names no instant")
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03d}Z"


def literal(value: Scalar, kind: Kind) -> str:
    """The value as SOQL writes it for a field of that kind; Misconfigured when it cannot be one."""
    try:
        return _literal(value, kind)
    except (ValueError, ArithmeticError) as error:
        raise Misconfigured("filter", f"{value!r} is no {kind} value", "Correct the mapping's condition") from error


def _literal(value: Scalar, kind: Kind) -> str:
    if value is None:
        return "NULL"
    if kind is Kind.BOOL:
        return _boolean(value)
    if kind in (Kind.MONEY, Kind.NUMBER, Kind.INTEGER):
        number = Decimal(str(value))
        if isinstance(value, bool) or not number.is_finite():
            raise ValueError("not a number")
        return format(number, "f")
    if kind is Kind.INSTANT:
        return instant(value if isinstance(value, datetime) else datetime.fromisoformat(str(value)))
    if kind is Kind.DATE:
        day = value.date() if isinstance(value, datetime) else value
        return (day if isinstance(day, date) else date.fromisoformat(str(day))).isoformat()
    return text(str(value))


def _boolean(value: Scalar) -> str:
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if str(value).lower() in ("true", "false"):
        return str(value).upper()
    raise ValueError("neither true nor false")


def condition(filter_: Filter, field: Field) -> str:
    """One condition; `multiple` picklists are matched by INCLUDES, where only equality and IN have a sense."""
    name, op, value = field.name, filter_.op, filter_.value
    if op is Op.EMPTY:
        return f"{name} = NULL"
    if op is Op.FILLED:
        return f"{name} != NULL"
    if op is Op.IN or isinstance(value, tuple):
        values = value if isinstance(value, tuple) else (value,)
        return f"{name} {_membership(op, field)} ({', '.join(literal(each, field.kind) for each in values)})"
    if field.multiple and op in (Op.EQ, Op.NE):
        return f"{name} {_membership(op, field)} ({literal(value, field.kind)})"
    return f"{name} {_SIGNS[op]} {literal(value, field.kind)}"


def _membership(op: Op, field: Field) -> str:
    if field.multiple:
        return "EXCLUDES" if op is Op.NE else "INCLUDES"
    return "NOT IN" if op is Op.NE else "IN"


def matches_nothing(filters: Iterable[Filter]) -> bool:
    """Whether an IN over no values makes the whole request empty (SOQL has no empty list)."""
    return any(each.op is Op.IN and each.value == () for each in filters)


def select(fields: Sequence[str], name: str, conditions: Sequence[str], order: Sequence[str] = ()) -> str:
    """The whole query."""
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    by = f" ORDER BY {', '.join(order)}" if order else ""
    return f"SELECT {', '.join(fields)} FROM {name}{where}{by}"


def quoted(query: str) -> str:
    """The query as a part of a URI."""
    return quote(query, safe="")


def uri_length(query: str) -> int:
    """Bytes of the query in a URI, with room for host, path and name."""
    return len(quoted(query)) + 200


def fits_uri(query: str) -> bool:
    """Whether the query may be sent as a GET."""
    return uri_length(query) <= URI_LIMIT


def chunks(values: Sequence[str], room: int, most: int) -> Iterator[tuple[str, ...]]:
    """The values in runs of at most `most` whose escaped and URI-quoted list takes at most `room` bytes."""
    run: list[str] = []
    used = 0
    for value in values:
        size = len(quote(text(value), safe="")) + len(quote(", ", safe=""))
        if run and (used + size > room or len(run) >= most):
            yield tuple(run)
            run, used = [], 0
        run.append(value)
        used += size
    if run:
        yield tuple(run)
