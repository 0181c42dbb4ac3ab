"""Answers of the portal as Arrow tables: many pages of JSON become one table, without one Python object a cell.

Arrow reads the bytes itself, with the properties asked for as its schema. A page that it refuses (a value that is no
text, half a surrogate pair) is read the slow way to the same columns.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pajson

from connector.errors import Retry

ID, ARCHIVED, ARCHIVED_AT = "pmom id", "pmom archived", "pmom archived at"
"""Columns of a decoded table beside its properties; no property has a space in its name."""


def decoded(pages: Sequence[bytes], properties: Sequence[str]) -> pa.Table:
    """The records of list, search or batch answers in their order: `ID`, `ARCHIVED`, `ARCHIVED_AT` and the
    properties, all text but `ARCHIVED` (bool); what a record does not have is null.

    Retry when a page is no JSON.
    """
    names = list(dict.fromkeys(properties))
    try:
        return _fast(pages, names)
    except pa.ArrowInvalid:
        return records_table([row for page in pages for row in parsed(page).get("results") or ()], names)


def _fast(pages: Sequence[bytes], names: list[str]) -> pa.Table:
    content = b"\n".join(pages)
    if not content.strip():
        return records_table((), names)
    if not all(page[:64].lstrip().startswith(b"{") for page in pages):
        raise pa.ArrowInvalid("a page is no object")  # Arrow's reader would end the process over a bare null
    _check_text(content)
    values = pa.struct([pa.field(name, pa.string()) for name in names])
    texts = [pa.field("id", pa.string()), pa.field("archivedAt", pa.string())]
    record = pa.struct([*texts, pa.field("archived", pa.bool_()), pa.field("properties", values)])
    source: Any = pa.BufferReader(content)
    table = pajson.read_json(
        source,
        read_options=pajson.ReadOptions(use_threads=False, block_size=len(content) + 1),
        parse_options=pajson.ParseOptions(
            explicit_schema=pa.schema([("results", pa.list_(record))]), unexpected_field_behavior="ignore"
        ),
    )
    if table.num_rows != len(pages):
        raise pa.ArrowInvalid("a page is cut")
    records: Any = pc.list_flatten(table.column("results").combine_chunks())
    held: Any = pc.struct_field(records, "properties")
    own = {ID: "id", ARCHIVED: "archived", ARCHIVED_AT: "archivedAt"}
    columns: dict[str, Any] = {name: pc.struct_field(records, inner) for name, inner in own.items()}
    columns[ARCHIVED] = pc.fill_null(columns[ARCHIVED], False)
    columns |= {name: pc.struct_field(held, [at]) for at, name in enumerate(names)}
    return pa.table(columns)


def _check_text(content: bytes) -> None:
    """Arrow takes bytes as they come: what is no UTF-8 must not become a text; ArrowInvalid where it is none."""
    ends = pa.py_buffer(struct.pack("=2i", 0, len(content)))
    whole: Any = pa.StringArray.from_buffers(1, ends, pa.py_buffer(content))
    whole.validate(full=True)


def records_table(records: Iterable[Mapping[str, Any]], properties: Sequence[str]) -> pa.Table:
    """Parsed records as the columns that `decoded` makes."""
    rows = list(records)
    if not all(isinstance(row, Mapping) for row in rows):
        raise Retry("an answer of the portal lists something that is no record")
    held = [row.get("properties") or {} for row in rows]
    columns = {
        ID: pa.array([_text(row.get("id")) for row in rows], pa.string()),
        ARCHIVED: pa.array([bool(row.get("archived")) for row in rows], pa.bool_()),
        ARCHIVED_AT: pa.array([_text(row.get("archivedAt")) for row in rows], pa.string()),
    }
    for name in dict.fromkeys(properties):
        columns[name] = pa.array([_text(each.get(name)) for each in held], pa.string())
    return pa.table(columns)


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    text = value if isinstance(value, str) else json.dumps(value) if isinstance(value, dict | list) else str(value)
    return text.encode("utf-8", "replace").decode("utf-8")


def parsed(page: bytes) -> dict[str, Any]:
    """The page as Python objects; numbers keep their digits as text. Retry when it is no JSON object."""
    try:
        found = json.loads(page.decode("utf-8", "replace"), parse_float=str, parse_int=str)
    except ValueError as error:
        raise Retry(f"an answer of the portal is cut or no JSON ({str(error)[:120]})") from error
    if not isinstance(found, dict):
        raise Retry(f"an answer of the portal is no JSON object but a {type(found).__name__}")
    return found


def after_of(page: bytes) -> str | None:
    """The `paging.next.after` of a page, read from its last bytes; None on the last page.

    The name in quotes cannot occur inside a JSON text, where its quotes would be escaped.
    """
    start = page.rfind(b'"paging"')
    if start < 0:
        return None
    try:
        tail = json.loads(b"{" + page[start:])
    except ValueError:
        tail = parsed(page)
    return next_after(tail)


def next_after(answer: Mapping[str, Any]) -> str | None:
    """The `paging.next.after` of a parsed answer; None where there is no more."""
    after = ((answer.get("paging") or {}).get("next") or {}).get("after")
    return None if after is None else str(after)
