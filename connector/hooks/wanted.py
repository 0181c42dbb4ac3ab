"""Which news concern a connection? Those about objects that its mapping reads, and not those of our own writing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a connection reads, and how our own writing is told; made by `wanted`."""

    objects: Mapping[str, str]  # name without case -> the name as the mapping writes it
    inputs: frozenset[str]  # fields of ours that people write and the mapping reads, without case
    prefix: str = "pmom_"  # of our own fields, without case
    writers: frozenset[str] = frozenset()  # the app or user by whom the connector writes

    def object(self, name: str) -> str | None:
        """The object as the mapping writes it; None when it is not read."""
        return self.objects.get(name.lower())

    def echo(self, field: str, written_by: str) -> bool:
        """Whether the message proves that this is our own writing: by the writer, or a field only we write."""
        if written_by and written_by in self.writers:
            return True
        name = field.lower()
        return name.startswith(self.prefix) and name not in self.inputs


def wanted(
    objects: Iterable[str], fields: Iterable[str], *, prefix: str = "pmom_", writers: Iterable[str] = ()
) -> Wanted:
    """From the objects and fields that a mapping names."""
    ours = frozenset(name.lower() for name in fields if name.lower().startswith(prefix))
    return Wanted({name.lower(): name for name in objects}, ours, prefix, frozenset(filter(None, writers)))
