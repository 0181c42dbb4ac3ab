"""The corpus of queries: the emulator gives each the verdict and the code that the vendor's rules give it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks.soql_corpus.corpus import Entry, Judge, entries
from benchmarks.soql_corpus.differences import NEEDS, rules
from emulators.salesforce import storage
from emulators.salesforce.ids import make_id
from emulators.salesforce.soql import run

CORPUS = entries()
CODES = {"INVALID_FIELD", "INVALID_QUERY_FILTER_OPERATOR", "INVALID_TYPE", "MALFORMED_QUERY"}


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    judge = Judge()
    for obj in judge.schema.objects.values():
        statement = f"INSERT INTO {storage.table(obj)} (f_id) VALUES (?)"
        judge.connection.execute(statement, (make_id(obj.key_prefix, "000", 1),))
    yield judge
    judge.close()


@pytest.mark.parametrize("rule", sorted({entry.rule for entry in CORPUS}))
def test_every_query_of_a_rule_gets_its_verdict_and_code(judge: Judge, rule: str) -> None:
    examples = [entry for entry in CORPUS if entry.rule == rule]
    told = [(entry.query, judge.code(entry.query)) for entry in examples]
    assert told == [(entry.query, entry.code) for entry in examples]


def test_every_accepted_query_is_answered_to_its_last_row(judge: Judge) -> None:
    for entry in CORPUS:
        if entry.accepted:
            result = run(judge.connection, entry.query, judge.context)
            assert result.is_count or len(list(result.records)) == result.total, entry.query


def test_the_corpus_is_large_balanced_and_explained() -> None:
    refused = [entry for entry in CORPUS if not entry.accepted]
    assert len(CORPUS) >= 300
    assert 0.4 <= len(refused) / len(CORPUS) <= 0.6
    assert {entry.code for entry in refused} == CODES | {"NUMBER_OUTSIDE_VALID_RANGE"}
    assert all(entry.why and not entry.why.endswith(".") for entry in CORPUS)


def test_no_query_stands_twice_and_every_rule_is_told_once() -> None:
    assert len({entry.query for entry in CORPUS}) == len(CORPUS)
    assert set(rules()) == {entry.rule for entry in CORPUS}
    assert {rule.needs for rule in rules().values()} == set(NEEDS)


def test_an_entry_without_a_code_is_accepted() -> None:
    assert Entry("select", "", "SELECT Id FROM Account", "why").accepted
    assert not Entry("token", "MALFORMED_QUERY", "SELECT", "why").accepted
