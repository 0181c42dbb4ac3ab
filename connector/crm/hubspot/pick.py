"""The records that somebody names, by id or by a key: in batches where the portal can, else by search."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from connector.crm.base import Filter, Op
from connector.crm.hubspot import conditions
from connector.crm.hubspot.kinds import ID_FIELD
from connector.crm.hubspot.listing import Records
from connector.crm.hubspot.pages import ARCHIVED, ID
from connector.crm.hubspot.question import Question, empty_rows
from connector.crm.hubspot.search import Search


def fetched(records: Records, question: Question, ids: Sequence[str]) -> pa.Table:
    """The live records with these ids. A merged id leads to its survivor, which does not answer for it."""
    asked = [each for each in dict.fromkeys(ids) if each.isascii() and each.isdigit()]
    return _rows(question, records.batch(question.kind, asked, question.ask), asked)


def found(records: Records, search: Search, question: Question, keys: Sequence[str]) -> pa.Table:
    """The live records whose key, the question's last field, is one of the keys, case aside."""
    key = question.wanted[-1]
    asked = [each for each in dict.fromkeys(keys) if each]
    if key.name == ID_FIELD:
        return fetched(records, question, asked)
    if key.unique_key:
        rows = _rows(question, records.batch(question.kind, asked, question.ask, id_property=key.name))
    else:
        rows = _rows(question, _searched(search, question, asked))
    held = pa.table({key.name: rows.column(rows.num_columns - 1)})
    kept = conditions.holding(held, [Filter(key.name, Op.IN, tuple(asked))], {key.name: key})
    return rows if kept is None else rows.filter(kept)


def _searched(search: Search, question: Question, keys: Sequence[str]) -> Iterator[bytes]:
    key = question.wanted[-1]
    size = max(1, min(conditions.MOST_VALUES, 1_500 // max((len(each) for each in keys), default=1)))
    for start in range(0, len(keys), size):
        condition = Filter(key.name, Op.IN, tuple(keys[start : start + size]))
        filters = conditions.pushed([condition], {key.name: key})
        for chunk in search.found(question.kind, question.ask, filters, after=None):
            yield from chunk.pages


def _rows(question: Question, pages: Iterator[bytes], only: Sequence[str] | None = None) -> pa.Table:
    answers = tuple(pages)
    if not answers:
        return empty_rows(question.names, question.wanted)
    raw = question.table(answers)
    raw = raw.filter(pc.invert(raw.column(ARCHIVED)))
    if only is not None:
        raw = raw.filter(pc.is_in(raw.column(ID), value_set=pa.array(only, pa.string())))
    first = list({each: at for at, each in reversed(list(enumerate(raw.column(ID).to_pylist())))}.values())
    rows = question.part(raw.take(pa.array(sorted(first), pa.int64())), deleted=False).rows
    return rows.select(range(len(question.names)))
