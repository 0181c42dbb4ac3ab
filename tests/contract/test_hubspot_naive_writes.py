"""Where the vendor's bare client loses, doubles or harms data by writing or by asking too often, and ours not."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests
from hubspot.crm.companies import ApiException
from hubspot.crm.properties import ApiException as PropertyException
from urllib3.exceptions import MaxRetryError

from connector.core.records import Kind
from connector.crm.base import Action, FieldSpec, ReadRequest, StepStatus, Write, WriteResult, WriteStatus
from connector.errors import BudgetExhausted

APPLIED, REFUSED = WriteStatus.APPLIED, WriteStatus.REFUSED


def outcomes(crm: Any, *writes: Any) -> dict[str, WriteResult]:
    return {each.ref: each for each in crm.write(writes)}


def names(hs: Any) -> list[str]:
    pages = hs.crm.read(ReadRequest("companies", ("name",), since=hs.start, deleted=False))
    return sorted(each for page in pages for each in page.rows.column(0).to_pylist())


@contextmanager
def limited(hs: Any, **limits: Any) -> Iterator[None]:
    """The portal refuses calls beyond these."""
    hs.emulator.control("limits", {"enabled": True, **limits})
    try:
        yield
    finally:
        hs.emulator.control("limits", {"enabled": False, "burst": 190, "search": 5, "window": 10.0, "second": 1.0})


def repeated(times: int, call: Callable[[], Any]) -> None:
    for _ in range(times):
        call()


def fast(seconds: float) -> None:
    """Waits a tenth as long."""
    time.sleep(seconds / 10)


def test_the_results_of_a_batch_belong_to_their_inputs(hs: Any, naive: Any) -> None:
    """Batches answer in another order than they were asked: pairing by place gives records each other's ids."""
    inputs = [{"properties": {"name": f"naive {at}"}} for at in range(20)]
    answer = naive.crm.companies.batch_api.create({"inputs": inputs})
    by_place = {each["properties"]["name"]: made.id for each, made in zip(inputs, answer.results, strict=True)}
    assert by_place != {made.properties["name"]: made.id for made in answer.results}
    ours = hs.fill(20, "ours")
    kept = hs.crm.fetch("companies", ours, ("hs_object_id", "name")).to_pylist()
    assert {row["name"]: row["hs_object_id"] for row in kept} == {f"ours {at}": each for at, each in enumerate(ours)}


def test_a_batch_that_succeeded_in_part_is_not_taken_for_done(hs: Any, naive: Any) -> None:
    """HTTP 207 raises nothing: a client that counts its inputs believes that all of them were written."""
    kept, gone = hs.fill(2)
    hs.delete("companies", gone)
    inputs = [{"id": each, "properties": {"city": "Oslo"}} for each in (kept, gone)]
    answer = naive.crm.companies.batch_api.update({"inputs": inputs})
    assert (answer.status, [each.id for each in answer.results]) == ("COMPLETE", [kept])
    found = outcomes(
        hs.crm, hs.update("kept", kept, website="x.example"), hs.update("gone", gone, website="x.example")
    )
    assert {ref: (each.status, each.code) for ref, each in found.items()} == {
        "kept": (APPLIED, ""),
        "gone": (REFUSED, "OBJECT_NOT_FOUND"),
    }


def test_an_archive_of_nothing_is_not_taken_for_one(hs: Any, naive: Any) -> None:
    """DELETE answers 204 for ids that never were."""
    assert naive.crm.companies.basic_api.archive("999999999") is None
    found = outcomes(hs.crm, hs.deletion("off", "999999999"))["off"]
    assert (found.status, found.code) == (REFUSED, "OBJECT_NOT_FOUND")


def test_a_creation_that_answers_201_is_not_sent_again(hs: Any) -> None:
    """A client that waits for 200 makes a second record."""
    url, said = f"{hs.emulator.url}/crm/objects/2026-03/companies", hs.emulator.said
    with requests.Session() as session:
        session.trust_env = False
        session.headers["Authorization"] = f"Bearer {said['access_token']}"
        for _ in range(2):
            answer = session.post(url, json={"properties": {"name": "naive"}}, verify=said["ca_file"], timeout=20)
            if answer.status_code == 200:
                break
    assert outcomes(hs.crm, hs.creation("c", name="ours"))["c"].status is APPLIED
    assert names(hs) == ["naive", "naive", "ours"]


def test_an_administrators_rule_refuses_its_record_and_no_other(hs: Any, naive: Any) -> None:
    """One record that breaks a validation rule makes HubSpot refuse the batch: 99 good ones are lost with it."""
    rule = {"object": "companies", "rule": "CONDITIONAL_REQUIRED", "property": "city", "when": "type"}
    kinds = ("VENDOR", "PARTNER", "VENDOR")
    hs.emulator.control("rules", rule | {"values": ["PARTNER"]})
    try:
        inputs = [{"properties": {"name": "naive", "type": kind}} for kind in kinds]
        with pytest.raises(ApiException, match="400"):
            naive.crm.companies.batch_api.create({"inputs": inputs})
        assert names(hs) == []
        creates = [
            Write(f"{at}", "companies", Action.CREATE, (("name", f"ours {at}"), ("type", kind)))
            for at, kind in enumerate(kinds)
        ]
        found = outcomes(hs.crm, *creates)
    finally:
        hs.emulator.control("rules", method="DELETE")
    assert {ref: (each.status, each.code) for ref, each in found.items()} == {
        "0": (APPLIED, ""),
        "1": (REFUSED, "MISSING_CONDITIONAL_REQUIRED_PROPERTY"),
        "2": (APPLIED, ""),
    }
    assert names(hs) == ["ours 0", "ours 2"]


def test_options_that_people_added_stay(hs: Any, naive: Any) -> None:
    """PATCH replaces the whole list of options: what people added is gone, and their records mean nothing."""
    spec = FieldSpec("companies", f"Lane_{hs.start:%j}", "Lane", Kind.TEXT, "Which lane.", options=("fast",))
    wider = FieldSpec("companies", spec.name, "Lane", Kind.TEXT, "Which lane.", options=("fast", "slow"))
    name, properties = hs.crm.field_name(spec), naive.crm.properties.core_api

    def options() -> list[str]:
        return [each.value for each in properties.get_by_name("companies", name).options]

    def patch(*values: str) -> None:
        listed = [
            {"label": each, "value": each, "displayOrder": at, "hidden": False} for at, each in enumerate(values)
        ]
        properties.update("companies", name, {"options": listed})

    hs.crm.install([spec], dry_run=False)
    patch("fast", "by_sea")
    patch("fast", "slow")
    assert options() == ["fast", "slow"]
    patch("fast", "by_sea")
    steps = {step.name: step.status for step in hs.crm.install([wider], dry_run=False)}
    assert steps[f"companies.{name}"] is StepStatus.CHANGED
    assert options() == ["fast", "by_sea", "slow"]


def test_a_new_property_is_waited_for(hs: Any, naive: Any) -> None:
    """A definition shows some hundred milliseconds after it was made: who looks at once makes it again, in vain."""
    hs.emulator.control("lag", {"seconds": 5})
    body = {"name": f"own_{hs.start:%j}", "label": "Own", "type": "string", "fieldType": "text"}
    properties = naive.crm.properties.core_api
    properties.create("companies", body | {"groupName": "companyinformation"})
    listed = {each.name for each in properties.get_all("companies").results}
    assert body["name"] not in listed
    with pytest.raises(PropertyException, match="PROPERTY_WITH_NAME_EXISTS"):
        properties.create("companies", body | {"groupName": "companyinformation"})
    spec = FieldSpec("companies", f"Wait_{hs.start:%j}", "Wait", Kind.TEXT, "Waited for.")
    crm = hs.open(sleep=hs.advance)  # time passes as it is waited for
    steps = {step.name: step.status for step in crm.install([spec], dry_run=False)}
    assert steps[f"companies.{crm.field_name(spec)}"] is StepStatus.CREATED
    assert crm.schema("companies").field(crm.field_name(spec)) is not None


def test_searches_beyond_five_a_second_are_waited_for(hs: Any, naive: Any) -> None:
    """A refused search names no time to wait, and the client's retry leaves POST alone: its answer is missing."""
    hs.fill(3)

    def search(crm: Any, times: int) -> list[int]:
        asked = ReadRequest("companies", ("name",), since=hs.start, deleted=False)
        return [page.rows.num_rows for _ in range(times) for page in crm.read(asked)]

    with limited(hs, second=30.0):
        with pytest.raises(ApiException) as caught:
            repeated(6, lambda: naive.crm.companies.search_api.do_search({"filterGroups": [], "limit": 1}))
        assert (caught.value.status, "Retry-After" in caught.value.headers) == (429, False)
        assert "policyName" not in caught.value.body
        hs.emulator.control("limits", {"second": 1.0})
        hs.emulator.control("reset_calls")
        assert search(hs.open(sleep=fast, searches=1000.0), 7) == [3] * 7
        assert 429 in hs.emulator.statuses()  # this connection was told that it may search as often as it likes
        hs.emulator.control("limits", {"second": 1.0})  # begins to count anew
        hs.emulator.control("reset_calls")
        assert search(hs.open(sleep=time.sleep, searches=4.0), 7) == [3] * 7
        assert 429 not in hs.emulator.statuses()


def test_calls_beyond_the_burst_are_held_back_by_what_the_headers_say(hs: Any, naive: Any) -> None:
    """The client reads no headers and repeats at once: three more refusals, then the pull breaks off."""
    (record,) = hs.fill(1)
    with limited(hs, burst=8, window=30.0):
        with pytest.raises(MaxRetryError, match="too many 429"):
            repeated(9, lambda: naive.crm.companies.basic_api.get_by_id(record))
        hs.emulator.control("limits", {"window": 0.5})
        hs.emulator.control("reset_calls")
        crm = hs.open(sleep=time.sleep, burst=8)
        repeated(20, lambda: crm.fetch("companies", [record], ("name",)))
        assert 429 not in hs.emulator.statuses()


def test_the_last_calls_of_a_day_are_left_to_others(hs: Any, naive: Any) -> None:
    """The client goes on until the account has no call left for anybody."""
    (record,) = hs.fill(1)

    def used() -> int:
        return int(hs.emulator.control("state", method="GET")["limits"]["used"])

    with limited(hs):
        hs.spend(996, of=1_000)
        with pytest.raises(MaxRetryError, match="too many 429"):
            repeated(10, lambda: naive.crm.companies.basic_api.get_by_id(record))
        assert used() == 1_000
        hs.spend(890, of=1_000)
        crm = hs.open()
        with pytest.raises(BudgetExhausted, match=r"10% kept for others"):
            repeated(20, lambda: crm.fetch("companies", [record], ("name",)))
        assert used() <= 901
    hs.spend(0, of=1_000_000)
