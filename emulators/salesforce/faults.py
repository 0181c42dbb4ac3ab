"""With which error a record is refused by plan."""

from __future__ import annotations

from emulators.loopback.faults import Kind, Rule
from emulators.salesforce.errors import DmlError


def record_error(rule: Rule, record_id: str | None) -> DmlError:
    """The vendor's error for a rule that struck a record."""
    if rule.kind is Kind.LOCK_ROW:
        text = f"unable to obtain exclusive access to this record or 1 records: {record_id or '(new)'}"
        return DmlError("UNABLE_TO_LOCK_ROW", text)
    return DmlError(rule.code, rule.message)
