"""All records of an object, or the named ones, as the bytes of answers: lists page by page and batches of ids.

A list has no conditions and no order but the ids', takes 100 records a call and knows no upper bound. More
properties than fit into an address travel in the body of batch reads, one for each page of ids.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

from connector.crm.hubspot.faults import NotFound
from connector.crm.hubspot.kinds import ObjectKind
from connector.crm.hubspot.pages import after_of
from connector.crm.hubspot.wire import Answer, Wire
from connector.errors import GiveUp, Retry

T = TypeVar("T")
LIST_PAGE = 100  # records
HISTORY_PAGE = 50  # records, when their history comes along
URL_PROPERTIES = 6_000  # characters that the properties may take in an address
MISSING = ("OBJECT_NOT_FOUND", "NOT_FOUND")


@dataclass(frozen=True, slots=True)
class Ask:
    """What is wanted of each record: properties, and properties with all their earlier values."""

    properties: tuple[str, ...]
    history: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Records a page."""
        return HISTORY_PAGE if self.history else LIST_PAGE

    @property
    def fits_address(self) -> bool:
        """Whether a list can be asked for these properties."""
        return len(quote(",".join((*self.properties, *self.history)), safe="")) <= URL_PROPERTIES


@dataclass(frozen=True, slots=True)
class Chunk:
    """The answers to one step of a read, and the place behind it (None: nothing follows)."""

    pages: tuple[bytes, ...]
    after: str | None


class Records:
    """Reads records of one portal."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def listed(self, kind: ObjectKind, ask: Ask, *, archived: bool, after: str | None) -> Iterator[Chunk]:
        """Every record in order of ids, from behind `after` on."""
        direct = ask if ask.fits_address else Ask(())
        while True:
            answer = self._list_page(kind, direct, ask.size, archived, after)
            before, after = after, after_of(answer.data)
            if after is not None and after == before:
                raise GiveUp(f"{kind.name}: the portal's list does not go on behind {after}")
            if direct is ask:
                yield Chunk((answer.data,), after)
            else:
                yield Chunk(tuple(self.batch(kind, ids_of(answer), ask, archived=archived)), after)
            if after is None:
                return

    def _list_page(self, kind: ObjectKind, ask: Ask, size: int, archived: bool, after: str | None) -> Answer:
        wanted: dict[str, Any] = {"limit": size, "archived": archived}
        if after is not None:
            wanted["after"] = after
        if ask.properties:
            wanted["properties"] = [",".join(ask.properties)]
        if ask.history:
            wanted["properties_with_history"] = [",".join(ask.history)]
        answer: Answer = self._wire.client.crm.objects.basic_api.get_page(kind.api, **wanted)
        return with_results(answer, kind.name)

    def batch(
        self,
        kind: ObjectKind,
        ids: Sequence[str],
        ask: Ask,
        *,
        archived: bool = False,
        id_property: str | None = None,
    ) -> Iterator[bytes]:
        """The records with these ids, or values of `id_property`, in any order; unknown ones are not there."""
        for start in range(0, len(ids), ask.size):
            body: dict[str, Any] = {
                "inputs": [{"id": each} for each in ids[start : start + ask.size]],
                "properties": list(ask.properties),
                "propertiesWithHistory": list(ask.history),
            }
            if id_property is not None:
                body["idProperty"] = id_property
            try:
                answer: Answer = self._wire.client.crm.objects.batch_api.read(
                    kind.api, batch_read_input_simple_public_object_id=body, archived=archived
                )
            except NotFound:
                continue
            if answer.status == 207:
                only_missing(answer, f"reading {kind.name}")
            yield with_results(answer, kind.name).data


_RESULTS = re.compile(rb'"results"\s*:\s*\[')


def with_results(answer: Answer, name: str) -> Answer:
    """The answer; Retry when it lists nothing, not even an empty list: that is no word about the records."""
    if not _RESULTS.search(answer.data):
        raise Retry(f"{name}: the portal answered {answer.status} without results")
    return answer


def ids_of(answer: Answer) -> list[str]:
    """The ids of the records in an answer."""
    return [str(each["id"]) for each in (answer.json() or {}).get("results") or ()]


def only_missing(answer: Answer, where: str, *more: str) -> None:
    """Retry when a batch failed in part for another reason than that records are not there, or one of `more`."""
    for each in (answer.json() or {}).get("errors") or ():
        said = f"{each.get('category') or ''} {each.get('subCategory') or ''}"
        if not any(known in said for known in (*MISSING, *more)):
            raise Retry(f"{where}: part of a batch failed ({said.strip()}: {each.get('message') or 'no message'})")


def ahead(steps: Iterator[T]) -> Iterator[T]:
    """The same steps, each asked for while the one before is worked on."""
    with ThreadPoolExecutor(1, thread_name_prefix="hubspot-read") as pool:
        waiting = pool.submit(next, steps, None)
        while (step := waiting.result()) is not None:
            waiting = pool.submit(next, steps, None)
            yield step


def grouped(chunks: Iterator[Chunk], pages: int) -> Iterator[Chunk]:
    """Several steps as one, so that few large tables are made of many small answers."""
    held: list[bytes] = []
    last: Chunk | None = None
    for last in chunks:
        held.extend(last.pages)
        if len(held) >= pages:
            yield Chunk(tuple(held), last.after)
            held = []
    if held and last is not None:
        yield Chunk(tuple(held), last.after)
