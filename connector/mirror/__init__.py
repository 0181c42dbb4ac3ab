"""The local copy of the CRM's records, in one DuckDB file."""

from connector.facts.sources import SourceState
from connector.mirror.lingering import Lingering
from connector.mirror.mirror import Mirror
from connector.mirror.notes import Rejected

__all__ = ["Lingering", "Mirror", "Rejected", "SourceState"]
