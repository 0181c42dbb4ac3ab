"""Is the plan the smallest one, in one order, and refused when it is too large?"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from connector.core.cards import field_named
from connector.core.codec import from_json, to_json
from connector.core.fields import Value
from connector.core.plan import (
    CloseTask,
    CreateTask,
    DesiredRecord,
    FieldChange,
    Plan,
    RecordValues,
    SetFields,
    diff,
    refusal,
    same,
)
from connector.core.tasks import DesiredTask, TaskClosure

NOON = datetime(2026, 6, 30, 12, tzinfo=UTC)
TASK = DesiredTask("k1", "T1", "p1", ("p1",), "u1", "Stop", "body", date(2026, 7, 7), "why")


def had(record_id: str, **values: Value) -> RecordValues:
    return RecordValues(record_id, tuple(values.items()))


def want(record_id: str, **values: Value) -> DesiredRecord:
    return DesiredRecord(record_id, tuple(values.items()), "d1", "velocity.BELOW_FLOOR")


def test_only_what_differs_is_written_with_what_is_expected_there() -> None:
    plan = diff(
        [had("p1", Symptom="None", Quotes_Counted=10)],
        [want("p1", Symptom="Awareness Gap", Quotes_Counted=10, Partner_Motion="With-Partner")],
    )
    assert plan.changes == (
        SetFields(
            "p1",
            (
                FieldChange("Symptom", "None", "Awareness Gap"),
                FieldChange("Partner_Motion", None, "With-Partner"),
            ),
            "d1",
            "velocity.BELOW_FLOOR",
        ),
    )


@pytest.mark.parametrize(
    ("name", "one", "other", "equal"),
    [
        ("Quote_to_Close_Rate", Decimal("20.0"), Decimal("20.04999999"), True),
        ("Quote_to_Close_Rate", Decimal("20.0"), Decimal("20.1"), False),
        ("Quote_to_Close_Rate", Decimal(0), None, False),
        ("Quotes_Counted", 10, Decimal("10.00000000"), True),
        ("Quotes_Counted", 0, None, False),
        ("Why", "", None, True),
        ("Why", "a\r\nb ", "a\nb", True),
        ("Why", "a", "A", False),
        ("Allowed_Motions", "Demand Gen;Enablement", "Enablement;Demand Gen", True),
        ("Allowed_Motions", "Demand Gen", "Demand Gen;Enablement", False),
        ("Allowed_Motions", None, "", True),
        ("Symptom", "A;B", "B;A", False),
        ("Lever_Since", date(2026, 1, 1), date(2026, 1, 1), True),
        ("Lever_Since", date(2026, 1, 1), date(2026, 1, 2), False),
        ("Scored_At", NOON, NOON.astimezone(timezone(timedelta(hours=2))), True),
        ("Scored_At", NOON, NOON.replace(microsecond=999), True),
        ("Exclude_From_Scoring", None, False, True),
        ("Exclude_From_Scoring", None, True, False),
    ],
)
def test_values_are_compared_as_a_crm_keeps_them(name: str, one: Value, other: Value, equal: bool) -> None:
    assert same(field_named(name), one, other) is equal
    assert same(field_named(name), other, one) is equal


def test_a_stamp_alone_is_no_reason_to_write_but_rides_along() -> None:
    old = had("p1", Symptom="None", Scored_At=NOON, Policy_Version="a@1")
    later = {"Scored_At": NOON + timedelta(days=1), "Policy_Version": "a@2"}
    assert diff([old], [want("p1", Symptom="None", **later)]).empty
    (change,) = diff([old], [want("p1", Symptom="Awareness Gap", **later)]).changes
    assert isinstance(change, SetFields)
    assert [part.name for part in change.values] == ["Symptom", "Scored_At", "Policy_Version"]


def test_a_new_policy_version_is_stamped_everywhere_when_asked() -> None:
    old, new = had("p1", Policy_Version="a@1"), want("p1", Policy_Version="a@2")
    assert diff([old], [new]).empty
    assert diff([old], [new], restamp=True).summary.records_changed == 1


def test_the_order_of_inputs_changes_nothing() -> None:
    existing = [had("p1", Symptom="None"), had("p2", Symptom="None")]
    desired = [want("p2", Symptom="Awareness Gap"), want("p1", Symptom="Strategic Gap")]
    tasks = [TASK, replace(TASK, key="k0")]
    assert diff(existing, desired, create=tasks) == diff(existing[::-1], desired[::-1], create=tasks[::-1])


def test_tasks_follow_fields_and_closures_follow_tasks() -> None:
    closure = TaskClosure("k2", "t2", "over")
    plan = diff([], [want("p1", Symptom="None")], create=[TASK], close=[closure])
    assert [change.key for change in plan.changes] == ["fields:p1", "task:k1", "close:k2"]
    assert plan.changes[1:] == (CreateTask(TASK), CloseTask(closure))
    assert (plan.summary.tasks_created, plan.summary.tasks_closed) == (1, 1)


def test_the_fingerprint_is_of_the_changes_and_not_of_their_stamps() -> None:
    def of(symptom: str, stamp: datetime, reason: str = "") -> str:
        record = replace(want("p1", Symptom=symptom, Scored_At=stamp), reason=reason)
        return diff([had("p1", Symptom="None")], [record]).fingerprint

    assert of("Awareness Gap", NOON) == of("Awareness Gap", NOON + timedelta(hours=1), "other words")
    assert of("Awareness Gap", NOON) != of("Strategic Gap", NOON)
    assert diff([had("p1", Symptom="x")], [want("p1", Symptom="y")]).fingerprint != (
        diff([had("p1", Symptom="z")], [want("p1", Symptom="y")]).fingerprint
    )


def changed(total: int, number: int, before: str | None = "Fund Demand Gen") -> Any:
    existing = [had(f"p{n}", Triage_Decision=before) for n in range(total)]
    desired = [want(f"p{n}", Triage_Decision="Hold" if n < number else before) for n in range(total)]
    return diff(existing, desired)


@pytest.mark.parametrize(
    ("total", "number", "refused"),
    [(100, 25, False), (100, 26, True), (12, 9, False), (12, 10, True), (100, 0, False)],
)
def test_too_many_changed_decisions_are_refused(default: Any, total: int, number: int, refused: bool) -> None:
    assert (refusal(changed(total, number), default.limits) is not None) is refused


def test_a_partial_plan_is_measured_against_all_partners(default: Any) -> None:
    existing = [had(f"p{n}", Triage_Decision="Hold") for n in range(12)]
    desired = [want(f"p{n}", Triage_Decision="Pilot Only") for n in range(12)]
    assert refusal(diff(existing, desired), default.limits) is not None
    assert refusal(diff(existing, desired, partners=48), default.limits) is None
    assert refusal(diff(existing, desired, partners=47), default.limits) is not None


def test_a_plan_is_the_same_after_a_turn_as_text() -> None:
    values: dict[str, Value] = {
        "Symptom": "None",
        "Quotes_Counted": 3,
        "Quote_to_Close_Rate": Decimal("20.0"),
        "Lever_Since": date(2026, 6, 30),
        "Scored_At": NOON,
        "Evidence_URL": None,
    }
    closure = TaskClosure("k2", "t2", "over")
    plan = diff([had("p1", Evidence_URL="x", Scored_At=NOON)], [want("p1", **values)], create=[TASK], close=[closure])
    assert from_json(Plan, to_json(plan)) == plan
    assert to_json(from_json(Plan, to_json(plan))) == to_json(plan)


def test_first_decisions_are_no_change(default: Any) -> None:
    plan = changed(1000, 1000, None)
    assert refusal(plan, default.limits) is None
    assert (plan.summary.first_decisions, plan.summary.decisions_changed) == (1000, 0)


@pytest.mark.parametrize(("number", "refused"), [(200, False), (201, True)])
def test_too_many_tasks_are_refused(default: Any, number: int, refused: bool) -> None:
    plan = diff([], [], create=[replace(TASK, key=f"k{n}") for n in range(number)])
    assert (refusal(plan, default.limits) is not None) is refused


def test_a_refusal_says_what_was_found_and_how_to_go_on(default: Any) -> None:
    plan = changed(100, 30)
    assert refusal(plan, default.limits) == (
        "30 of 100 decisions would change, more than limits.max_changed_share (25 %) allows. "
        f"Look at the plan; to apply it all the same, say --force {plan.fingerprint}"
    )
