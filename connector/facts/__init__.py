"""What the records say about every partner: lazy relations over the mirror's tables."""

from connector.facts.gather import compute
from connector.facts.sources import SourceState, Tables

__all__ = ["SourceState", "Tables", "compute"]
