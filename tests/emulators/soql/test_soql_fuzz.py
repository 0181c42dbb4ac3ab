"""Whatever text is sent as a query, the answer is a result or a refusal of the documented kind; nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.soql_corpus.corpus import Judge, entries
from emulators.salesforce.soql import SoqlError, prepare
from emulators.salesforce.soql.lexer import tokens

CODES = {
    *("INVALID_FIELD", "INVALID_QUERY_FILTER_OPERATOR", "INVALID_TYPE", "MALFORMED_QUERY"),
    *("NUMBER_OUTSIDE_VALID_RANGE", "QUERY_TOO_COMPLICATED"),
}
CORPUS = [entry.query for entry in entries()]
WHOLE = [entry.query for entry in entries() if entry.accepted]
_PLACE = re.compile(r"(?:ERROR at Row:(\d+):Column:(\d+)\n.)|(?:^line (\d+):(\d+) )")
WORDS = sorted({token.text for query in WHOLE for token in tokens(query) if token.text != "<EOF>"})
MARKS = [
    "'",
    "\\",
    "(",
    ")",
    ",",
    ":",
    "%",
    "--",
    "\n",
    "\0",
    "٣",
    "é",
    "9" * 30,
    "0000-00-00",
    "LAST_N_DAYS:",
    "\\uD800",
]
_EXAMPLES = settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

words = st.sampled_from([*WORDS, *MARKS])


@st.composite
def soups(draw: st.DrawFn) -> str:
    """Words of the language in any order, often behind a beginning that is right."""
    start = draw(st.sampled_from(["", "SELECT ", "SELECT Id FROM Account ", "SELECT Id FROM Account WHERE "]))
    return start + draw(st.sampled_from([" ", "", "  "])).join(draw(st.lists(words, max_size=14)))


@st.composite
def mutants(draw: st.DrawFn) -> str:
    """A query of the corpus with tokens left out, doubled, exchanged or replaced, or with characters changed."""
    query = draw(st.sampled_from(CORPUS))
    for _ in range(draw(st.integers(1, 3))):
        pieces = query.split(" ")
        place, other = (draw(st.integers(0, len(pieces) - 1)) for _ in range(2))
        change = draw(st.sampled_from(["drop", "double", "swap", "replace", "cut", "insert"]))
        if change == "drop":
            del pieces[place]
        elif change == "double":
            pieces.insert(place, pieces[place])
        elif change == "swap":
            pieces[place], pieces[other] = pieces[other], pieces[place]
        elif change == "replace":
            pieces[place] = draw(words)
        elif change == "cut":
            piece = pieces[place]
            pieces[place] = piece[: draw(st.integers(0, len(piece)))]
        else:
            at = draw(st.integers(0, len(pieces[place])))
            pieces[place] = pieces[place][:at] + draw(st.text(max_size=3)) + pieces[place][at:]
        query = " ".join(pieces) or "SELECT"
    return query


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    judge = Judge()
    yield judge
    judge.close()


def answered_or_refused(judge: Judge, query: str) -> None:
    try:
        prepare(judge.connection, query, judge.context)
    except SoqlError as refused:
        found = refused
    else:
        return
    assert found.code in CODES
    place = _PLACE.search(found.message)
    if found.code != "QUERY_TOO_COMPLICATED" and len(query) <= 100_000:
        assert place is not None, found.message
        row, column = (int(part) for part in place.groups() if part is not None)
        line = query.split("\n")[row - 1]
        assert column <= len(line) + 1, found.message


@_EXAMPLES
@given(query=soups())
def test_a_soup_of_words_is_answered_or_refused(judge: Judge, query: str) -> None:
    answered_or_refused(judge, query)


@_EXAMPLES
@given(query=mutants())
def test_a_mutant_of_a_query_is_answered_or_refused(judge: Judge, query: str) -> None:
    answered_or_refused(judge, query)


@_EXAMPLES
@given(query=st.text(max_size=60))
def test_any_text_is_answered_or_refused(judge: Judge, query: str) -> None:
    answered_or_refused(judge, query)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT Id FROM Account WHERE " + "NOT (" * 5000 + "Name = 'x'" + ")" * 5000,
        "SELECT Id FROM Account WHERE " + " AND ".join(["(Name = 'a' OR Name = 'b')"] * 2500),
        "SELECT Id FROM Account WHERE Name IN (" + ",".join(f"'{n:015}'" for n in range(5000)) + ")",
        "SELECT Id FROM Account WHERE Name LIKE '" + "%a" * 40_000 + "'",
        "SELECT " + ",".join(["Id"] * 30_000) + " FROM Account",
        "SELECT " + ",".join(["(SELECT Id FROM Contacts)"] * 3000) + " FROM Account",
        "SELECT Id FROM Account WHERE CloseDate = LAST_N_DAYS:" + "9" * 90_000,
        "SELECT Id FROM Account LIMIT " + "9" * 90_000,
        "SELECT " + "(SELECT Id, " * 5000,
        "(" * 99_000,
        "'" * 99_999,
        "\\" * 99_999,
    ],
    ids=range(12),
)
def test_what_is_endless_is_answered_or_refused(judge: Judge, query: str) -> None:
    assert len(query) <= 100_000
    answered_or_refused(judge, query)
