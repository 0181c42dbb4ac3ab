"""Generated filters and orders give the rows that plain Python picks by the documented rules."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from emulators.salesforce import storage
from emulators.salesforce.ids import make_id
from emulators.salesforce.schema import FieldType, ObjectType, Schema
from emulators.salesforce.soql import Context, run

Row = dict[str, Any]
Truth = bool | None
Test = Callable[[Row], Truth]

_FIELDS = (
    FieldType("Id", "Id", "id", nillable=False),
    FieldType("Name", "Name", "string", length=80),
    FieldType("Count__c", "Count", "int"),
    FieldType("Size__c", "Size", "double"),
    FieldType("Flag__c", "Flag", "boolean"),
    FieldType("Day__c", "Day", "date"),
)
_THING = ObjectType("Thing__c", "Thing", "Things", "a00", {one.name.lower(): one for one in _FIELDS})
_SCHEMA = Schema({"thing__c": _THING})
_CONTEXT = Context(_SCHEMA, lambda *_: True, datetime(2026, 1, 1, tzinfo=UTC), ZoneInfo("UTC"), "")

_texts = st.text("aAbBéÉ%_' \\", min_size=1, max_size=3).filter(lambda text: text.strip() == text)
_numbers = st.integers(-3, 3)
_days = st.dates(datetime(2026, 1, 1).date(), datetime(2026, 1, 4).date()).map(str)  # noqa: DTZ001
_rows = st.lists(
    st.fixed_dictionaries(
        {
            "Name": st.none() | _texts,
            "Count__c": st.none() | _numbers,
            "Size__c": st.none() | _numbers.map(lambda n: n / 2),
            "Flag__c": st.booleans(),
            "Day__c": st.none() | _days,
        }
    ),
    max_size=8,
)


def _quote(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


_LITERALS: dict[str, tuple[st.SearchStrategy[Any], Callable[[Any], str]]] = {
    "Name": (_texts, _quote),
    "Count__c": (_numbers, str),
    "Size__c": (_numbers.map(lambda n: n / 2), str),
    "Day__c": (_days, str),
}
_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def _bare(text: str) -> str:
    return text.casefold().replace("é", "e")


def _key(value: Any) -> Any:
    return (_bare(value), value.casefold()) if isinstance(value, str) else value


def _same(a: Any, b: Any) -> bool:
    if a is None or b is None:
        return a is b
    return bool(_key(a) == _key(b))


def _like(text: str, pattern: str) -> bool:
    if not pattern:
        return not text
    if pattern[0] == "%":
        return any(_like(text[start:], pattern[1:]) for start in range(len(text) + 1))
    return bool(text) and pattern[0] in ("_", text[0]) and _like(text[1:], pattern[1:])


@st.composite
def _leaf(draw: st.DrawFn) -> tuple[str, Test]:
    name = draw(st.sampled_from([*_LITERALS, "Flag__c"]))
    if name == "Flag__c":
        wanted, equal = draw(st.booleans()), draw(st.booleans())
        return f"Flag__c {'=' if equal else '!='} {wanted}", lambda row: (row["Flag__c"] == wanted) is equal
    values, write = _LITERALS[name]
    operator = draw(st.sampled_from(["=", "!=", "IN", "NOT IN", "null", "not null", "LIKE", *_ORDERS]))
    if operator in ("null", "not null"):
        wanted = operator == "null"
        return f"{name} {'=' if wanted else '!='} null", lambda row: (row[name] is None) is wanted
    if operator in ("IN", "NOT IN"):
        listed = draw(st.lists(st.none() | values, min_size=1, max_size=3))
        written = ", ".join("null" if one is None else write(one) for one in listed)
        found = operator == "IN"
        return f"{name} {operator} ({written})", lambda row: any(_same(row[name], one) for one in listed) is found
    value = draw(values)
    if operator == "LIKE":
        if name != "Name":
            operator = "="
        else:
            literal = value.replace("\\", "")
            return (
                f"Name LIKE {_quote(literal)}",
                lambda row: None if row["Name"] is None else _like(row["Name"].casefold(), literal.casefold()),
            )
    if operator in ("=", "!="):
        wanted = operator == "="
        return f"{name} {operator} {write(value)}", lambda row: _same(row[name], value) is wanted
    compare = _ORDERS[operator]
    return (
        f"{name} {operator} {write(value)}",
        lambda row: None if row[name] is None else compare(_key(row[name]), _key(value)),
    )


def _not(test: Test) -> Test:
    return lambda row: None if (truth := test(row)) is None else not truth


def _all(tests: list[Test]) -> Test:
    def truth(row: Row) -> Truth:
        found = [test(row) for test in tests]
        return False if False in found else None if None in found else True

    return truth


def _any(tests: list[Test]) -> Test:
    return _not(_all([_not(test) for test in tests]))


def _grow(inner: st.SearchStrategy[tuple[str, Test]]) -> st.SearchStrategy[tuple[str, Test]]:
    several = st.lists(inner, min_size=2, max_size=3)

    def join(word: str, combine: Callable[[list[Test]], Test]) -> st.SearchStrategy[tuple[str, Test]]:
        return several.map(
            lambda terms: (f" {word} ".join(f"({text})" for text, _ in terms), combine([test for _, test in terms]))
        )

    return join("AND", _all) | join("OR", _any) | inner.map(lambda term: (f"NOT ({term[0]})", _not(term[1])))


_conditions = st.recursive(_leaf(), _grow, max_leaves=5)


def _stored(rows: list[Row]) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    storage.create_object(connection, _THING)
    for number, row in enumerate(rows):
        row["Id"] = make_id("a00", "000", number)
        names = ", ".join(storage.column(name) for name in row)
        connection.execute(f"INSERT INTO o_thing__c ({names}) VALUES (?,?,?,?,?,?)", tuple(row.values()))
    return connection


@settings(max_examples=150, deadline=None)
@given(_rows, _conditions)
def test_a_filter_keeps_the_rows_that_the_rules_keep(rows: list[Row], condition: tuple[str, Test]) -> None:
    text, test = condition
    connection = _stored(rows)
    found = [row["Id"] for row in run(connection, f"SELECT Id FROM Thing__c WHERE {text}", _CONTEXT).records]
    connection.close()
    assert sorted(found) == [row["Id"] for row in rows if test(row) is True]


@settings(max_examples=60, deadline=None)
@given(
    _rows,
    st.lists(
        st.tuples(st.sampled_from(list(_LITERALS)), st.booleans(), st.sampled_from(["", "FIRST", "LAST"])),
        min_size=1,
        max_size=3,
    ),
    st.integers(0, 9),
    st.integers(0, 3),
)
def test_an_order_sorts_as_the_rules_sort(
    rows: list[Row], keys: list[tuple[str, bool, str]], limit: int, offset: int
) -> None:
    terms = [
        f"{name} {'DESC' if descending else 'ASC'}{f' NULLS {nulls}' if nulls else ''}"
        for name, descending, nulls in keys
    ]
    connection = _stored(rows)
    soql = f"SELECT Id FROM Thing__c ORDER BY {', '.join(terms)}, Id LIMIT {limit} OFFSET {offset}"
    found = [row["Id"] for row in run(connection, soql, _CONTEXT).records]
    connection.close()
    wanted = list(rows)
    for name, descending, nulls in reversed(keys):
        valued = sorted((r for r in wanted if r[name] is not None), key=lambda r: _key(r[name]), reverse=descending)
        empty = [row for row in wanted if row[name] is None]
        wanted = valued + empty if nulls == "LAST" else empty + valued
    assert found == [row["Id"] for row in wanted[offset : offset + limit]]
