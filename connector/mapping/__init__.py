"""The way between the CRM's rows and the canonical records: rows in, changes out. Pure; knows names, not vendors."""

from __future__ import annotations

from connector.mapping.cells import DELETED, MERGED
from connector.mapping.rows import Mapped, Rejection, UnmappedValue, canonical_ids, to_canonical
from connector.mapping.writes import clean, keepable, to_write

__all__ = [
    "DELETED",
    "MERGED",
    "Mapped",
    "Rejection",
    "UnmappedValue",
    "canonical_ids",
    "clean",
    "keepable",
    "to_canonical",
    "to_write",
]
