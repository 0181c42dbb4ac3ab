"""Records that match conditions, all of them and each once, though search shows no more than 10,000 results a query.

Every page is a query of its own for the ids above the last one seen, in their order. So neither the cap, nor many
records with one modified date, nor records that leave the results meanwhile can lose a row or lead in a circle.
The index lags behind the records: its `total` and the length of a page say nothing certain, and results that no
longer match are kept, since they are what the records are now.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from connector.crm.hubspot.conditions import SearchFilter
from connector.crm.hubspot.kinds import ID_FIELD, ObjectKind
from connector.crm.hubspot.listing import Ask, Chunk, Records, with_results
from connector.crm.hubspot.pages import next_after
from connector.crm.hubspot.wire import Answer, Wire
from connector.errors import GiveUp, Retry

SEARCH_PAGE = 200  # records
BODY = 3_000  # characters that a search may have
ROOM = 150  # of them for the place to go on from
CAP = 10_000  # results that one query shows
LAG = 60.0  # seconds in which the index should have caught up


class Search:
    """Searches one portal."""

    def __init__(self, wire: Wire, records: Records) -> None:
        self._wire, self._records = wire, records

    def found(
        self, kind: ObjectKind, ask: Ask, filters: Sequence[SearchFilter], *, after: str | None
    ) -> Iterator[Chunk]:
        """The records that match, in order of ids, from behind the id `after` on."""
        filters = _short(filters)
        whole = not ask.history and len(json.dumps(_body(filters, ask.properties, None))) + ROOM <= BODY
        offset: str | None = None
        while True:
            answer = self._page(kind, _body(filters, ask.properties if whole else (), after, offset))
            said = answer.json()
            ids, total, more = _numbers(kind, said), said.get("total") or 0, next_after(said)
            if ids:
                after, offset = _behind(kind, ids, after), None
                ended = more is None and int(total) <= len(ids)
                texts = [str(each) for each in ids]
                pages = (answer.data,) if whole else tuple(self._records.batch(kind, texts, ask))
                yield Chunk(pages, None if ended else after)
            else:
                if more is not None and more == offset:
                    raise GiveUp(f"{kind.name}: the portal's search does not go on behind {more}")
                ended, offset = more is None, more
            if ended:
                return
            if offset is not None and int(offset) + SEARCH_PAGE > CAP:
                raise Retry(f"{kind.name}: search shows nothing but records that are gone; its index lags", after=LAG)

    def _page(self, kind: ObjectKind, body: dict[str, Any]) -> Answer:
        answer: Answer = self._wire.client.crm.objects.search_api.do_search(
            kind.api, public_object_search_request=body
        )
        return with_results(answer, kind.name)


def _numbers(kind: ObjectKind, said: Mapping[str, Any]) -> list[int]:
    """The ids of a page; GiveUp when they, its total or its place are no numbers: going on rests on them."""
    try:
        for number in (said.get("total"), next_after(said)):
            int(number or 0)
        return [int(each["id"]) for each in said["results"]]
    except (ValueError, TypeError, KeyError) as error:
        raise GiveUp(f"{kind.name}: the portal's search answers with ids or a total that are no numbers") from error


def _body(
    filters: Sequence[SearchFilter], properties: Sequence[str], after: str | None, offset: str | None = None
) -> dict[str, Any]:
    behind = [] if after is None else [{"propertyName": ID_FIELD, "operator": "GT", "value": after}]
    groups = [{"filters": [*filters, *behind]}] if filters or behind else []
    body: dict[str, Any] = {
        "filterGroups": groups,
        "sorts": [{"propertyName": ID_FIELD, "direction": "ASCENDING"}],
        "properties": list(properties),
        "limit": SEARCH_PAGE,
    }
    return body if offset is None else body | {"after": offset}


def _short(filters: Sequence[SearchFilter]) -> list[SearchFilter]:
    """The conditions that fit into a search: the longest are left to be checked on the rows."""
    kept = list(filters)
    while kept and len(json.dumps(_body(kept, (), None))) + ROOM > BODY:
        kept.remove(max(kept, key=lambda each: len(json.dumps(each))))
    return kept


def _behind(kind: ObjectKind, ids: list[int], after: str | None) -> str:
    """The last id of a page; GiveUp when the page does not keep the order on which going on rests."""
    if ids != sorted(ids) or (after is not None and ids[0] <= int(after)):
        raise GiveUp(f"{kind.name}: search does not keep the order of ids; records could be lost")
    return str(ids[-1])
