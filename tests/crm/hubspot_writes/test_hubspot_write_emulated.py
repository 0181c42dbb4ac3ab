"""The same writes, installs and uninstalls against the emulated portal: what it does nobody here has chosen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests

from connector.config.mapping_file import load_named
from connector.core.records import Kind
from connector.crm.base import Action, FieldSpec, LabelSpec, MemoryLedger, StepStatus, Write, WriteResult
from connector.crm.hubspot.adapter import HubSpotCRM
from connector.crm.hubspot.connection import ApiVersion, HubSpotConnection
from connector.crm.retry import Patience
from connector.sync.cards import specs
from emulators.hubspot import validations
from emulators.hubspot.portal import Portal, Settings
from emulators.hubspot.server import Emulator
from emulators.hubspot.tokens import App
from emulators.loopback.clock import Clock

START = datetime(2026, 3, 31, 9, 0, tzinfo=UTC)
LABEL = LabelSpec("deals", "companies", "Sourcing partner", "Sourced deal")
SPECS = tuple(each for each in specs(load_named("hubspot")) if each.object != "fund_requests")  # no such schema here


@dataclass
class Bench:
    """The adapter, its portal and the hands of those who work in it."""

    crm: HubSpotCRM
    emulator: Emulator
    ledger: MemoryLedger

    def control(self, name: str, body: Any) -> Any:
        with requests.Session() as session:
            session.trust_env = False
            headers = {"X-Emulator-Token": "control"}
            answer = session.post(
                f"{self.emulator.url}/__emulator__/{name}", json=body, headers=headers, timeout=20, verify=False
            )
        assert answer.status_code == 200, answer.text
        return answer.json() if answer.content else None

    def write(self, *writes: Write) -> dict[str, WriteResult]:
        found = {each.ref: each for each in self.crm.write(writes)}
        assert found.keys() == {each.ref for each in writes}
        return found

    def make(self, object_name: str, *rows: dict[str, Any]) -> list[str]:
        writes = [Write(str(at), object_name, Action.CREATE, tuple(values.items())) for at, values in enumerate(rows)]
        found = self.write(*writes)
        assert {each.status for each in found.values()} == {"applied"}, found
        return [str(found[str(at)].id) for at in range(len(rows))]

    def values(self, object_name: str, record_id: str | None, *names: str) -> dict[str, Any]:
        rows = self.crm.fetch(object_name, [str(record_id)], names).to_pylist()
        return dict(rows[0]) if rows else {}


def open_bench(folder: Path, settings: Settings | None = None, version: ApiVersion = "2026-03") -> Bench:
    portal = Portal.open(folder / "portal.db", settings, Clock(START, frozen=False), 3)
    portal.put_state("lag", [0, 0])
    app = App("an-app", "its-secret", "pat-na1-static", "a-refresh-token")
    emulator = Emulator(portal, app, ca_folder=None, control_token="control")
    emulator.limits.set({"enabled": False})
    emulator.start()
    ledger = MemoryLedger()
    connection = HubSpotConnection(
        access_token="pat-na1-static",
        base_url=emulator.url,
        patience=Patience(first=0.01, longest=20.0, total=30.0),
        burst=100_000,
        api_version=version,
    )
    return Bench(HubSpotCRM(connection, ledger, sleep=lambda _: None), emulator, ledger)


@pytest.fixture(params=["2026-03", "v3"])
def bench(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Bench]:
    made = open_bench(tmp_path, version=request.param)
    yield made
    made.crm.close()
    made.emulator.stop()


def statuses(steps: Any) -> set[StepStatus]:
    return {step.status for step in steps}


@pytest.mark.slow
def test_everything_that_the_product_needs_is_installed_used_and_taken_away(bench: Bench) -> None:
    crm = bench.crm
    before = crm.schema("companies")
    assert statuses(crm.install(SPECS, [LABEL], dry_run=True)) == {StepStatus.WOULD_CREATE}
    assert statuses(crm.install(SPECS, [LABEL], dry_run=False)) == {StepStatus.CREATED}
    assert statuses(crm.install(SPECS, [LABEL], dry_run=False)) == {StepStatus.PRESENT}
    moment = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
    values = {
        "pmom_triage_decision": SPECS[4].options[0],
        "pmom_allowed_motions": ";".join(SPECS[5].options[:2]),
        "pmom_quote_to_close_rate": Decimal("12.5"),
        "pmom_lever_since": date(2026, 3, 4),
        "pmom_scored_at": moment,
        "pmom_exclude_from_scoring": True,
        "pmom_why": "because\nof this",
    }
    (one,) = bench.make("companies", {"name": "Alder"})
    found = bench.write(Write("w", "companies", Action.UPDATE, tuple(values.items()), id=one))["w"]
    assert (found.status, found.id) == ("applied", one)
    assert bench.values("companies", one, *values) == values
    (deal,) = bench.make("deals", {"dealname": "D", "assoc_companies__sourcing_partner": one})
    assert bench.values("deals", deal, "assoc_companies__sourcing_partner") == {
        "assoc_companies__sourcing_partner": one
    }
    due = Write(
        "t",
        "tasks",
        Action.UPSERT,
        (("hs_task_subject", "Call"), ("hs_timestamp", moment), ("assoc_companies", one), ("assoc_deals", deal)),
        key_field="pmom_task_key",
        key="k1",
    )
    first, second = bench.write(due)["t"], bench.write(due)["t"]
    assert (first.status, first.created, second.status, second.created) == ("applied", True, "applied", False)
    linked = bench.values("tasks", first.id, "assoc_companies", "assoc_deals")
    assert (first.id, linked) == (second.id, {"assoc_companies": one, "assoc_deals": deal})
    kept = {step.name: step.detail for step in crm.uninstall([], [LABEL], dry_run=False)}
    assert kept == {"label 'Sourcing partner' from deals to companies": f"in use, for example on deals {deal}"}
    bench.write(Write("off", "deals", Action.DELETE, id=deal))
    assert statuses(crm.uninstall(SPECS, [LABEL], dry_run=False)) == {StepStatus.REMOVED}
    assert crm.schema("companies") == before
    assert statuses(crm.uninstall(SPECS, [LABEL], dry_run=False)) == {StepStatus.SKIPPED}
    assert statuses(crm.install(SPECS, [LABEL], dry_run=False)) == {StepStatus.CREATED}


def test_three_hundred_creates_and_updates_find_their_own_results(bench: Bench) -> None:
    ids = bench.make("companies", *({"name": f"c{at}"} for at in range(300)))
    assert [bench.values("companies", ids[at], "name") for at in (0, 150, 299)] == [
        {"name": "c0"},
        {"name": "c150"},
        {"name": "c299"},
    ]
    calls = bench.crm.usage().calls
    writes = [Write(each, "companies", Action.UPDATE, (("city", f"x{each}"),), id=each) for each in ids]
    found = bench.write(*writes)
    assert {ref: each.id for ref, each in found.items()} == {each: each for each in ids}
    assert bench.crm.usage().calls - calls == 3
    assert bench.values("companies", ids[77], "city") == {"city": f"x{ids[77]}"}


def test_an_administrators_rule_refuses_its_records_only(bench: Bench) -> None:
    rule = {"rule": "CONDITIONAL_REQUIRED", "property": "city", "when": "type", "values": ["PARTNER"]}
    ids = bench.make("companies", *({"name": f"c{at}"} for at in range(100)))
    validations.put(bench.emulator.portal, "0-2", rule)
    kinds = ["PARTNER" if at in (5, 60) else "VENDOR" for at in range(100)]
    writes = [
        Write(f"w{at}", "companies", Action.UPDATE, (("type", kind),), id=ids[at]) for at, kind in enumerate(kinds)
    ]
    found = bench.write(*writes)
    refused = {ref: (each.status.value, each.code) for ref, each in found.items() if each.status != "applied"}
    assert refused == {f"w{at}": ("refused", "MISSING_CONDITIONAL_REQUIRED_PROPERTY") for at in (5, 60)}
    assert bench.values("companies", ids[61], "type") == {"type": "VENDOR"}
    created = bench.write(
        Write("bad", "companies", Action.CREATE, (("name", "x"), ("type", "PARTNER"))),
        Write("good", "companies", Action.CREATE, (("name", "y"), ("type", "VENDOR"))),
    )
    assert {ref: each.status.value for ref, each in created.items()} == {"bad": "refused", "good": "applied"}


def test_each_record_of_a_batch_has_its_own_outcome(bench: Bench) -> None:
    key = FieldSpec("companies", "Key", "Key", Kind.TEXT, "Key.", unique_key=True)
    bench.crm.install([key], dry_run=False)
    taken, good, gone, other = bench.make("companies", {"pmom_key": "taken"}, {"name": "g"}, {"name": "x"}, {})
    assert bench.write(Write("off", "companies", Action.DELETE, id=gone))["off"].status == "applied"
    assert bench.write(Write("off", "companies", Action.DELETE, id=gone))["off"].status == "applied"

    def update(ref: str, record_id: str, **values: Any) -> Write:
        return Write(ref, "companies", Action.UPDATE, tuple(values.items()), id=record_id)

    found = bench.write(
        update("good", good, city="Oslo"),
        update("gone", gone, city="Oslo"),
        update("never", "999999999", city="Oslo"),
        update("twin", other, pmom_key="taken"),
        update("number", taken, numberofemployees="many"),
        Write("new twin", "companies", Action.CREATE, (("name", "n"), ("pmom_key", "taken"))),
        Write("new", "companies", Action.CREATE, (("name", "n"), ("pmom_key", "free"))),
        Write("task", "tasks", Action.CREATE, (("hs_task_subject", "no due date"),)),
        Write("nothing", "companies", Action.DELETE, id="999999999"),
    )
    assert {ref: each.status.value for ref, each in found.items()} == {
        "good": "applied",
        "gone": "refused",
        "never": "refused",
        "twin": "refused",
        "number": "refused",
        "new twin": "refused",
        "new": "applied",
        "task": "refused",
        "nothing": "refused",
    }
    codes = {ref: each.code for ref, each in found.items() if each.code}
    assert (codes["gone"], codes["never"], codes["nothing"]) == ("OBJECT_NOT_FOUND",) * 3
    assert (codes["new twin"], found["number"].fields) == ("CONFLICT", ("numberofemployees",))
    assert bench.values("companies", good, "city") == {"city": "Oslo"}


def test_custom_objects_are_written_to_by_their_own_name(bench: Bench) -> None:
    schema = {
        "name": "fund_requests",
        "labels": {"singular": "Fund request", "plural": "Fund requests"},
        "primaryDisplayProperty": "title",
        "requiredProperties": ["title"],
        "properties": [{"name": "title", "label": "Title", "type": "string", "fieldType": "text"}],
        "associatedObjects": ["COMPANY"],
    }
    bench.crm.wire.call("POST", "/crm/v3/schemas", body=schema)
    lane = FieldSpec("fund_requests", "Lane", "Lane", Kind.TEXT, "Lane.", options=("fast", "slow"))
    label = LabelSpec("fund_requests", "companies", "Payee")
    assert statuses(bench.crm.install([lane], [label], dry_run=False)) == {StepStatus.CREATED}
    (one,) = bench.make("companies", {"name": "Alder"})
    named = {"title": "T", "pmom_lane": "fast", "assoc_companies__payee": one}
    (made,) = bench.make("fund_requests", named)
    assert bench.values("fund_requests", made, *named) == named
    lacking = bench.write(Write("w", "fund_requests", Action.CREATE, (("pmom_lane", "slow"),)))["w"]
    assert lacking.status == "refused"
    kept = [step.status for step in bench.crm.uninstall([lane], [label], dry_run=False)]
    assert kept == [StepStatus.REMOVED, StepStatus.REMOVED, StepStatus.KEPT]


def test_a_run_that_stops_anywhere_is_ended_by_running_again(bench: Bench) -> None:
    key = FieldSpec("tasks", "Task_Key", "Task key", Kind.TEXT, "Key.", unique_key=True)
    bench.crm.install([key], dry_run=False)
    (one,) = bench.make("companies", {"name": "Alder"})
    values = (("hs_task_subject", "Call"), ("hs_timestamp", START), ("assoc_companies", one))
    writes = [
        Write(f"w{at}", "tasks", Action.UPSERT, values, key_field="pmom_task_key", key=f"k{at}") for at in range(250)
    ]
    for taken in (1, 100, 101):
        results = bench.crm.write(writes)
        assert {next(results).status for _ in range(taken)} == {"applied"}
        del results
    assert {each.status for each in bench.write(*writes).values()} == {"applied"}
    keys = [each.key for each in writes if each.key]
    found = bench.crm.find("tasks", "pmom_task_key", keys, ("pmom_task_key", "assoc_companies")).to_pylist()
    assert sorted(each["pmom_task_key"] for each in found) == sorted(keys)
    assert {each["assoc_companies"] for each in found} == {one}


def test_a_portal_that_lacks_labels_and_custom_objects_is_told(tmp_path: Path) -> None:
    bench = open_bench(tmp_path, Settings(without=("labels", "custom_objects")))
    try:
        lane = FieldSpec("fund_requests", "Lane", "Lane", Kind.TEXT, "Lane.")
        steps = {each.name: each for each in bench.crm.install([*SPECS[:2], lane], [LABEL], dry_run=False)}
        label = steps["label 'Sourcing partner' from deals to companies"]
        assert (label.status, "Professional or Enterprise" in label.detail) == (StepStatus.SKIPPED, True)
        assert steps["fund_requests.pmom_lane"].status is StepStatus.SKIPPED
        assert steps["companies.pmom_partner_motion"].status is StepStatus.CREATED
    finally:
        bench.crm.close()
        bench.emulator.stop()
