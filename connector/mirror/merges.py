"""Which record stands for one that was merged away."""

from __future__ import annotations

from collections.abc import Mapping


def survivors(merged: Mapping[str, str]) -> dict[str, str]:
    """For each merged id the last record of its chain of merges.

    A record that names itself was not merged. In a ring of records that name each other, the smallest id is the
    survivor. Ids that stand for themselves are not in the answer.
    """
    found: dict[str, str] = {}
    for start in sorted(merged):
        path: list[str] = []
        at = start
        while at not in found and merged.get(at, at) != at and at not in path:
            path.append(at)
            at = merged[at]
        last = found.get(at, min(path[path.index(at) :]) if at in path else at)
        found.update(dict.fromkeys(path, last))
    return {id_: survivor for id_, survivor in found.items() if id_ != survivor}
