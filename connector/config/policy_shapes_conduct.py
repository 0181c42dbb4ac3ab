"""Which values do the policy's sections `raci` and `audit` take? Whether the matrix holds is `core.raci`'s."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

from connector.core import policy_audit, policy_raci
from connector.core.policy_raci import CLASSES
from connector.core.records import PERSONAS

Role = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)]
TaskType = Literal["T1", "T2", "T3", "T4", "T5", "T6", "T7", "T8", "T9", "T10", "T11", "T12"]


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True)


class ActivityShape(_Shape):
    """One row of the matrix."""

    activity: Role
    applies: str
    accountable: Annotated[str, StringConstraints(strip_whitespace=True, max_length=80)]
    responsible: tuple[Role, ...]
    consulted: tuple[Role, ...] = ()
    informed: tuple[Role, ...] = ()
    tasks: tuple[TaskType, ...] = ()
    worked_by: Literal["accountable", "responsible"] = "accountable"

    @field_validator("applies")
    @classmethod
    def _a_class_or_a_persona(cls, word: str) -> str:
        if word not in (*CLASSES, *PERSONAS):
            raise ValueError(f'"{word}" is no class of partners. Write {", ".join(CLASSES)}, or a persona.')
        return word


class RaciShape(_Shape):
    """The matrix."""

    max_both: Annotated[int, Field(strict=True, ge=0, le=100)]
    cohort_role: Literal["PMM", "PAM"]
    people: dict[Role, str]
    activities: tuple[ActivityShape, ...]


class AuditShape(_Shape):
    """The quarterly audit."""

    grace_business_days: Annotated[int, Field(strict=True, ge=0, le=60)]
    persona_quarters: Annotated[int, Field(strict=True, ge=1, le=40)]
    large_deals: Annotated[Decimal, Field(ge=1, le=1000)]
    stuck_quarters: Annotated[int, Field(strict=True, ge=1, le=40)]
    unattended_days: Annotated[int, Field(strict=True, ge=0, le=3650)]


def raci_of(shape: RaciShape) -> policy_raci.Raci:
    """The core's matrix."""
    return policy_raci.Raci(
        max_both=shape.max_both,
        cohort_role=shape.cohort_role,
        people=tuple(sorted(shape.people.items())),
        activities=tuple(policy_raci.Activity(**dict(row)) for row in shape.activities),
    )


def audit_of(shape: AuditShape) -> policy_audit.AuditRules:
    """The core's rules of the audit."""
    return policy_audit.AuditRules(**dict(shape))
