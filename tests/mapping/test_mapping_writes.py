"""Does a change become the write that the CRM expects, with text that it will keep?"""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.config.mapping_file import load_named
from connector.core.cards import field_named
from connector.core.plan import CloseTask, CreateTask, FieldChange, SetFields
from connector.core.scorecard import MACHINE_FIELDS
from connector.core.tasks import DesiredTask, TaskClosure
from connector.crm.base import Action, Write
from connector.mapping import clean, keepable, to_write

WHERE = load_named("salesforce").write
NAMES = {"partners": {name: f"PMOM_{name}__c" for name in MACHINE_FIELDS}}
TASK = DesiredTask(
    key="salesforce.001.T1.2026-03-01",
    type="T1",
    partner_id="001",
    partners=("001",),
    owner_id="005",
    subject="Stop demand generation",
    body="Why\nbecause",
    due=date(2026, 3, 8),
    reason="velocity",
)


def test_changed_fields_become_one_update_of_the_record() -> None:
    change = SetFields(
        "001",
        (
            FieldChange("Triage_Decision", None, "Hold"),
            FieldChange("Quote_to_Close_Rate", Decimal("10.0"), Decimal("20.0")),
            FieldChange("Symptom", "None", None),
        ),
    )
    assert to_write(change, WHERE, NAMES) == Write(
        ref="fields:001",
        object="Account",
        action=Action.UPDATE,
        values=(
            ("PMOM_Triage_Decision__c", "Hold"),
            ("PMOM_Quote_to_Close_Rate__c", Decimal("20.0")),
            ("PMOM_Symptom__c", None),
        ),
        id="001",
    )


def test_where_a_description_is_shown_as_html_what_people_wrote_is_not_obeyed() -> None:
    target = replace(WHERE, task=replace(WHERE.task, html=True))
    body = 'Why: <b onload="x">\n& then'
    values = dict(to_write(CreateTask(replace(TASK, body=body)), target, NAMES).values)
    assert values[WHERE.task.description] == "Why: &lt;b onload=&quot;x&quot;&gt;<br>&amp; then"
    assert dict(to_write(CreateTask(replace(TASK, body=body)), WHERE, NAMES).values)["Description"] == body


def test_a_subject_is_one_line_whatever_ends_its_lines() -> None:
    for end in ("\n", "\r\n", "\r"):
        write = to_write(CreateTask(replace(TASK, subject=f"Two{end}lines")), WHERE, NAMES)
        assert dict(write.values)["Subject"] == "Two lines"


def test_a_task_is_created_with_its_key() -> None:
    assert to_write(CreateTask(TASK), WHERE, NAMES) == Write(
        ref="task:salesforce.001.T1.2026-03-01",
        object="Task",
        action=Action.CREATE,
        values=(
            ("Subject", "Stop demand generation"),
            ("Description", "Why\nbecause"),
            ("WhatId", "001"),
            ("OwnerId", "005"),
            ("ActivityDate", date(2026, 3, 8)),
            ("Status", "Not Started"),
            ("Priority", "Normal"),
            ("PMOM_Task_Key__c", "salesforce.001.T1.2026-03-01"),
        ),
    )


def test_a_task_without_owner_or_partner_leaves_them_to_the_crm() -> None:
    write = to_write(CreateTask(replace(TASK, owner_id=None, partner_id=None)), WHERE, NAMES)
    assert {"OwnerId", "WhatId"} & {name for name, _ in write.values} == set()


def test_where_the_crm_upserts_tasks_the_key_is_the_writes_key() -> None:
    upserting = replace(WHERE, task=replace(WHERE.task, upsert=True))
    write = to_write(CreateTask(TASK), upserting, NAMES)
    assert (write.action, write.key_field, write.key) == (Action.UPSERT, "PMOM_Task_Key__c", TASK.key)
    assert "PMOM_Task_Key__c" not in dict(write.values)


def test_a_task_is_closed_by_its_status_alone() -> None:
    write = to_write(CloseTask(TaskClosure("k", "00T", "over")), WHERE, NAMES)
    assert write == Write("close:k", "Task", Action.UPDATE, (("Status", "Completed"),), id="00T")


@pytest.mark.parametrize(("length", "kept"), [(255, 255), (256, 255)])
def test_a_subject_is_one_line_of_at_most_255_characters(length: int, kept: int) -> None:
    write = to_write(CreateTask(replace(TASK, subject="a\n" + "x" * (length - 2))), WHERE, NAMES)
    subject = str(dict(write.values)["Subject"])
    assert (len(subject), "\n" in subject, subject.endswith("…")) == (kept, False, length > 255)


@pytest.mark.parametrize(("length", "kept"), [(1000, "x" * 1000), (1001, "x" * 999 + "…")])
def test_a_reason_is_cut_to_the_fields_length(length: int, kept: str) -> None:
    assert field_named("Why").length == 1000
    assert keepable("Why", "x" * length) == kept


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("a\x00b\x07c", "abc"),
        ("a\r\nb\rc\td", "a\nb\nc\td"),
        ("  a  ", "a"),
        ("a\u202eb\u2066c", "abc"),
        ("a\ud800b\uffffc", "abc"),
        ("Zoë 👩‍👧 Ünï", "Zoë 👩‍👧 Ünï"),
    ],
)
def test_text_loses_what_nobody_sees(text: str, kept: str) -> None:
    assert clean(text) == kept


@pytest.mark.parametrize(
    ("text", "length", "kept"),
    [
        ("abcdef", 6, "abcdef"),
        ("abcdef", 5, "abcd…"),
        ("abc def", 5, "abc…"),
        ("abe\u0301fg", 4, "ab…"),
        ("ab👩‍👧cd", 5, "ab…"),
        ("ab👍🏽cd", 4, "ab…"),
    ],
)
def test_a_cut_never_splits_what_is_seen_as_one(text: str, length: int, kept: str) -> None:
    assert clean(text, length) == kept


def test_what_is_left_empty_clears_the_field() -> None:
    assert keepable("Why", "\x00 ") is None
    assert keepable("Quotes_Counted", 7) == 7


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=60), st.integers(1, 40))
def test_cleaning_twice_changes_nothing_more(text: str, length: int) -> None:
    once = clean(text, length)
    assert clean(once, length) == once
    assert len(once) <= length
    assert [c for c in once if unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t"] == []
