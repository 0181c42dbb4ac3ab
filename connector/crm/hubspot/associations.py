"""Which records are linked to each of these records, by which labels: read in batches of 1000."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from connector.crm.hubspot.faults import NotFound
from connector.crm.hubspot.kinds import Link, ObjectKind
from connector.crm.hubspot.listing import only_missing, with_results
from connector.crm.hubspot.pages import next_after
from connector.crm.hubspot.wire import Answer, Wire
from connector.errors import GiveUp

BATCH = 1_000  # records a call
NO_LINKS = "NO_ASSOCIATIONS_FOUND"

Types = dict[str, set[tuple[str, int]]]
"""Linked record -> the types (category, type id) by which it is linked."""


def link_columns(wire: Wire, kind: ObjectKind, links: Mapping[str, Link], ids: Sequence[str]) -> dict[str, Any]:
    """For each link field, a text for each id: the linked ids ascending, joined by ';', each once; null for none."""
    found: dict[str, dict[str, Types]] = {}
    for target in {link.target.name: link.target for link in links.values()}.values():
        found[target.name] = linked(wire, kind, target, ids)
    return {
        name: pa.array([_joined(found[link.target.name].get(each), link) for each in ids], pa.string())
        for name, link in links.items()
    }


def linked(wire: Wire, kind: ObjectKind, target: ObjectKind, ids: Sequence[str]) -> dict[str, Types]:
    """The linked records of each record that has any."""
    found: dict[str, Types] = {}
    waiting: list[tuple[str, str | None]] = [(each, None) for each in dict.fromkeys(ids)]
    while waiting:
        asked, waiting = waiting[:BATCH], waiting[BATCH:]
        for result in _read(wire, kind, target, asked):
            source = str(result["from"]["id"])
            _take(found.setdefault(source, {}), result.get("to") or ())
            after = next_after(result)
            if after is not None:
                if (source, after) in asked:
                    raise GiveUp(f"{kind.name}: the links of {source} do not go on behind {after}")
                waiting.append((source, after))
    return found


def _read(
    wire: Wire, kind: ObjectKind, target: ObjectKind, asked: Iterable[tuple[str, str | None]]
) -> list[dict[str, Any]]:
    inputs = [{"id": each} if after is None else {"id": each, "after": after} for each, after in asked]
    try:
        answer: Answer = wire.client.crm.associations.v4.batch_api.get_page(
            kind.api,
            target.api,
            batch_input_public_fetch_associations_batch_request={"inputs": inputs},
        )
    except NotFound:
        return []
    if answer.status == 207:
        only_missing(answer, f"reading links from {kind.name} to {target.name}", NO_LINKS)
    return list(with_results(answer, f"links from {kind.name} to {target.name}").json()["results"])


def _take(found: Types, to: Iterable[Mapping[str, Any]]) -> None:
    for each in to:
        types = found.setdefault(str(each["toObjectId"]), set())
        for one in each.get("associationTypes") or ():
            types.add((str(one.get("category") or ""), int(one["typeId"])))


def _joined(found: Types | None, link: Link) -> str | None:
    chosen = [each for each, types in (found or {}).items() if link.types is None or types & link.types]
    return ";".join(sorted(chosen, key=lambda each: (len(each), each))) or None
