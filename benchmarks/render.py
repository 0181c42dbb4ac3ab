"""What are the bytes of an answer: pages of CSV and JSON, rendered once for each list of fields."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from benchmarks import rows

CHUNK = 1_000
"""Pages begin and end at multiples of so many rows."""


@dataclass(frozen=True, slots=True)
class CsvBody:
    """All rows as Bulk 2.0 spells them, without the header; `offsets[i]` is where chunk i begins."""

    header: bytes
    body: memoryview
    offsets: tuple[int, ...]
    rows: int

    def page(self, start: int, count: int) -> tuple[memoryview, int]:
        """At most `count` rows from row `start` on, and how many they are."""
        first = start // CHUNK
        last = min(first + max(count // CHUNK, 1), len(self.offsets) - 1)
        return self.body[self.offsets[first] : self.offsets[last]], min(last * CHUNK, self.rows) - start


@lru_cache(maxsize=8)
def csv_body(fields: tuple[str, ...], n: int) -> CsvBody:
    """The answer to a Bulk query of those fields."""
    filled = [pc.fill_null(rows.column(name, n).csv, "") for name in fields]
    table = pa.table(filled, names=list(fields))
    options = pacsv.WriteOptions(include_header=False, quoting_style="all_valid")
    sink, offsets = io.BytesIO(), [0]
    for start in range(0, n, CHUNK):
        pacsv.write_csv(table.slice(start, CHUNK), sink, options)
        offsets.append(sink.tell())
    header = ",".join(f'"{name}"' for name in fields).encode() + b"\n"
    return CsvBody(header, sink.getbuffer().toreadonly(), tuple(offsets), n)


@lru_cache(maxsize=4)
def json_pages(fields: tuple[str, ...], n: int, page: int) -> tuple[bytes, ...]:
    """The `records` of each page of a REST query of those fields, without the envelope."""
    ids = rows.column("Id", n).csv
    url = pc.binary_join_element_wise("/services/data/v67.0/sobjects/Opportunity/", ids, "")
    parts: list[pa.Array | str] = ['{"attributes":{"type":"Opportunity","url":"', url, '"}']
    for name in fields:
        parts += [f',"{name}":', pc.fill_null(rows.column(name, n).json, "null")]
    lines = pc.binary_join_element_wise(*parts, "}", "")
    return tuple(",".join(lines.slice(start, page).to_pylist()).encode() for start in range(0, n, page))
