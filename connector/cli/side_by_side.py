"""Do two CRMs that hold the same partners yield the same decisions, byte for byte apart from ids and influence?"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from connector.cli import show
from connector.cli.console import plain
from connector.core.decisions import Decision
from connector.sync.context import Context

_WORD = re.compile(r"[0-9A-Za-z-]{8,}(?::[a-z-]+(?::[0-9A-Za-z-]+)?)?")
"""An id, and what follows it where one record makes several rows ("301:deal:7")."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One partner as decided in both CRMs; `same` compares the whole decisions, ids aside."""

    name: str
    left: Decision
    right: Decision
    same: bool


def compared(left: Context, right: Context, ids: Mapping[str, str]) -> list[Pair]:
    """The partners of both, by their ids on the left. `ids` leads from an id on the left to the right one."""
    ours, theirs = (ctx.store.latest_decisions() for ctx in (left, right))
    names = {row["id"]: row["name"] for row in left.mirror.query("SELECT id, name FROM partners").to_pylist()}
    twins = {right_id: left_id for left_id, right_id in ids.items()}
    found = []
    for key in sorted(ours):
        other = theirs.get(ids.get(key, ""))
        if other is None:
            raise KeyError(f"{names.get(key, key)} was decided in one CRM only")
        same = neutral(ours[key].body, {}) == neutral(other.body, twins)
        pair = (Decision.from_json(ours[key].body), Decision.from_json(other.body))
        found.append(Pair(plain(names.get(key, key)), *pair, same))
    return found


_INFLUENCE = ("influenced_won", "influenced_count", "touched_won", "unknown", "evidence")
"""Credit that one of the CRMs cannot tell alike: HubSpot dates no association and shows no campaign's members."""


def neutral(body: str, ids: Mapping[str, str]) -> str:
    """The decision's JSON with ids replaced; without credited influence, and the moment of the last reading."""

    def word(match: re.Match[str]) -> str:
        stem = match[0].partition(":")[0]
        return ids.get(stem, stem if ":" in match[0] and stem.isalnum() and any(map(str.isdigit, stem)) else match[0])

    said: dict[str, Any] = json.loads(_WORD.sub(word, body))
    said.pop("freshness", None)
    for name in _INFLUENCE:
        (said.get("credit") or {}).pop(name, None)
    return json.dumps(said, ensure_ascii=False, sort_keys=True)


def table(pairs: list[Pair], left: str, right: str, *, most: int = 16) -> Table:
    """A partner of every decision and lever, side by side."""
    headings = ("partner", f"{left}: decision", "lever", f"{right}: decision", "lever", "same")
    shown = show.plain_table("The same partners in both CRMs", *headings)
    for pair in list(_some(pairs))[:most]:
        sides = (part for side in (pair.left, pair.right) for part in (side.outcome.value, side.lever.value))
        shown.add_row(pair.name[:34], *sides, "yes" if pair.same else "NO")
    return shown


def _some(pairs: list[Pair]) -> Iterator[Pair]:
    """Every difference first, then the first partner of each decision and lever."""
    yield from (pair for pair in pairs if not pair.same)
    kinds = {(pair.left.outcome, pair.left.lever): pair for pair in reversed(pairs) if pair.same}
    yield from (kinds[kind] for kind in sorted(kinds))
