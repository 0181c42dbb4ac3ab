"""How are questions about all partners, or about the named ones, asked of whole tables?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import pyarrow as pa

from connector.facts.sources import Tables
from connector.facts.statements import Statements
from connector.facts.windows import Windows, calendar, moments

_WANTED = """
CREATE OR REPLACE TEMP TABLE wanted AS
WITH company AS (SELECT id, survivor FROM aliases WHERE family = 'company'),
asked AS (SELECT p.id FROM partners p {narrowed})
SELECT id, id AS partner_id FROM asked
UNION ALL SELECT c.id, c.survivor FROM company c JOIN asked ON asked.id = c.survivor
"""
_NARROWED = "WHERE p.id IN (SELECT coalesce(c.survivor, r.id) FROM requested r LEFT JOIN company c ON c.id = r.id)"


def set_moments(tables: Tables, spans: Windows) -> None:
    """Set the moments of a computation, and the calendar of its year."""
    for name, literal in moments(spans).items():
        tables.run(f"SET VARIABLE {name} = {literal}")
    year = f"{spans.zone} {spans.today.year}"
    if tables.kept.get("year") != year:
        tables.load("calendar", calendar(spans.zone, spans.today.year))
        tables.kept["year"] = year


def timing(questions: Statements) -> tuple[Statements, Statements]:
    """The questions on which the fits of the day rest, and all others."""
    first, rest = (
        replace(
            questions,
            stages=tuple(each for each in questions.stages if (each[0] in _TIMING) is timed),
            answers=tuple(each for each in questions.answers if (each[0] in _TIMING) is timed),
        )
        for timed in (True, False)
    )
    return first, rest


_TIMING = {"linked_accounts", "deals", "cycles", "quotes"}


def ask(tables: Tables, questions: Statements, partner_ids: Sequence[str] | None) -> dict[str, pa.Table]:
    """The answers of all partners or of the named ones, from whole tables; the moments must be set."""
    with staged(tables, questions, partner_ids, questions.stages):
        return asked(tables, questions)


@contextmanager
def staged(
    tables: Tables, questions: Statements, partner_ids: Sequence[str] | None, stages: Iterable[tuple[str, str]]
) -> Iterator[None]:
    """With these stages made; afterwards all that the questions may have are gone."""
    tables.run(f"CREATE OR REPLACE TEMP TABLE rates AS {questions.rates}")
    want(tables, partner_ids)
    try:
        make_stages(tables, stages)
        yield
    finally:
        for name, _ in questions.stages:
            tables.run(f"DROP TABLE IF EXISTS temp.{name}")


def make_stages(tables: Tables, stages: Iterable[tuple[str, str]]) -> None:
    """Make the tables that answers rest on, in order."""
    for name, sql in stages:
        tables.run(f"CREATE OR REPLACE TEMP TABLE {name} AS {sql}")


def asked(tables: Tables, questions: Statements) -> dict[str, pa.Table]:
    """The answers, where the stages are there."""
    return {name: tables.query(sql) for name, sql in questions.answers}


def want(tables: Tables, partner_ids: Sequence[str] | None) -> None:
    """Fill `wanted` with the ids of every partner, or of the named ones, under every id they ever had."""
    if partner_ids is None:
        tables.run(_WANTED.format(narrowed=""))
        return
    tables.load("requested", pa.table({"id": pa.array(sorted(set(partner_ids)), pa.string())}))
    tables.run(_WANTED.format(narrowed=_NARROWED))
    tables.run("DROP TABLE temp.requested")
