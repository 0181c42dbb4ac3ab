"""The policy's rules of the quarterly audit of the levers, as types."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRules:
    """Section 5: a quarterly "Audit of the Levers"."""

    grace_business_days: int  # after the quarter's last day, in which records of it may still come
    persona_quarters: int  # a persona that nobody confirmed for more than so many quarters is stale
    large_deals: Decimal  # median won deal to the benchmark's at which a transactional partner looks strategic
    stuck_quarters: int  # quarters with one lever and no better symptom
    unattended_days: int  # days that a lever may stand without anything being done
