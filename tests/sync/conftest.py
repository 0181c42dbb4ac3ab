"""A small org in memory, with the objects and fields that the shipped mapping names, and a context around it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from connector.config import mapping_file, policy
from connector.config.fieldmap import FieldMap
from connector.core.policy import Goal, Policy
from connector.core.records import Kind, table
from connector.crm.base import Field, ObjectSchema, Scalar
from connector.crm.memory import MemoryCRM
from connector.mirror import Mirror
from connector.store.store import Store
from connector.sync.apply import Applied, apply
from connector.sync.cards import specs
from connector.sync.context import Context
from connector.sync.decide import Decided, decide
from connector.sync.plan import Planned, plan
from connector.sync.pull import Pulled, pull
from connector.sync.runs import SyncReport, sync

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)
ABSENT = ("SBQQ__Quote__c",)


def schemas(fieldmap: FieldMap) -> dict[str, ObjectSchema]:
    """Objects with just the fields that the mapping reads, each of the kind of its canonical column."""
    fields: dict[str, dict[str, Field]] = {}
    for source in fieldmap.sources:
        known = fields.setdefault(source.object, {"Id": Field("Id", "Id", Kind.ID, nullable=False)})
        for predicate in source.where:
            if "." not in predicate.field:
                kind = Kind.BOOL if any(isinstance(value, bool) for value in predicate.values) else Kind.TEXT
                known.setdefault(predicate.field, _field(predicate.field, kind))
        for rule in source.columns:
            column = table(source.table).column(rule.column)
            for name in rule.fields:
                if "." not in name and not name.startswith("PMOM_"):
                    known[name] = _field(name, Kind.TEXT if rule.values else column.kind)
    made = {
        name: ObjectSchema(
            name, name, tuple(of.values()), cursor="SystemModstamp" if "SystemModstamp" in of else None
        )
        for name, of in fields.items()
        if name not in ABSENT
    }
    task = [_field(name, Kind.TEXT) for name in ("Subject", "Description", "Priority", "Status", "LastModifiedById")]
    made["Task"] = replace(
        made["Task"],
        fields=tuple({f.name: f for f in (*made["Task"].fields, *task, _field("ActivityDate", Kind.DATE))}.values()),
    )
    return made


def _field(name: str, kind: Kind) -> Field:
    kind = {"Id": Kind.ID, "CreatedDate": Kind.INSTANT, "SystemModstamp": Kind.INSTANT}.get(name, kind)
    return Field(name, name, kind, createable=True, updateable=True)


@dataclass(slots=True)
class Office:
    """The org and everything around it, with the few verbs that the tests speak."""

    ctx: Context
    crm: MemoryCRM
    runs: int = 0

    def partner(self, name: str, **values: Scalar) -> str:
        known = {"Name": name, "IsPartner": True, "CreatedDate": NOON - timedelta(days=900), "OwnerId": "usr-pam"}
        return self.crm.add("Account", {**known, **values})

    def customer(self, name: str = "Customer", country: str = "DE") -> str:
        return self.crm.add("Account", {"Name": name, "IsPartner": False, "BillingCountry": country})

    def deal(self, partner: str | None, *, won: bool | None, amount: str | None = "1000", **values: Scalar) -> str:
        """A deal quoted 200 days ago; won, lost or (None) still open."""
        made = NOON - timedelta(days=210)
        deal = self.crm.add(
            "Opportunity",
            {
                "Name": "Deal",
                "StageName": {True: "Closed Won", False: "Closed Lost", None: "Proposal"}[won],
                "IsClosed": won is not None,
                "IsWon": bool(won),
                "Amount": None if amount is None else Decimal(amount),
                "CreatedDate": made,
                "CloseDate": date(2025, 12, 1),
                "Partner__c": partner,
                **values,
            },
        )
        self.crm.add(
            "Quote", {"OpportunityId": deal, "Status": "Presented", "CreatedDate": NOON - timedelta(days=200)}
        )
        return deal

    def quoting(self, name: str, *, won: int, of: int) -> str:
        """A partner with so many quoted deals of which so many were won."""
        partner, customer = self.partner(name, PMOM_Partner_Persona__c="VAR"), self.customer()
        for number in range(of):
            self.deal(partner, won=number < won, AccountId=customer)
        return partner

    def edit(self, object_name: str, record_id: str, **values: Scalar) -> None:
        """Somebody else changes a record a minute later."""
        self.crm.advance(timedelta(minutes=1))
        self.crm.records[object_name][record_id].values.update(values)
        self.crm.records[object_name][record_id].values["SystemModstamp"] = self.crm.now_at

    def card(self, partner: str) -> dict[str, Scalar]:
        """Our fields on a partner record, without prefix and suffix."""
        held = self.crm.records["Account"][partner].values
        return {n.removeprefix("PMOM_").removesuffix("__c"): v for n, v in held.items() if n.startswith("PMOM_")}

    def tasks(self) -> list[dict[str, Scalar]]:
        made = self.crm.records.get("Task", {}).values()
        return [record.values for record in made if record.values.get("PMOM_Task_Key__c") and not record.deleted]

    def next_run(self) -> int:
        self.runs += 1
        return self.ctx.store.begin_run("test", self.crm.now_at)

    def pull(self, **how: bool) -> Pulled:
        return pull(self.ctx, str(self.next_run()), **how)

    def decide(self, **how: bool) -> Decided:
        return decide(self.ctx, self.next_run(), **how)

    def plan(self) -> Planned:
        return plan(self.ctx, self.next_run())

    def apply(self, planned: Planned, force: str | None = None) -> Applied:
        return apply(self.ctx, self.next_run(), planned, force=force)

    def sync(self, force: str | None = None) -> SyncReport:
        return sync(self.ctx, self.next_run(), force=force)


@pytest.fixture(scope="session")
def fieldmap() -> FieldMap:
    return mapping_file.load_named("salesforce")


@pytest.fixture(scope="session")
def rules() -> Policy:
    shipped = policy.load("default")
    goal = Goal(name="Q1", start=date(2026, 1, 1), end=date(2026, 4, 1), regions=("EMEA",), verticals=())
    return replace(shipped, market_fit=replace(shipped.market_fit, goals=(goal,)))


@pytest.fixture
def office(tmp_path: Path, fieldmap: FieldMap, rules: Policy) -> Iterator[Office]:
    crm = MemoryCRM(schemas(fieldmap), now_at=NOON)
    crm.install(specs(fieldmap), dry_run=False)
    crm.add("User", {"Id": "usr-pam", "Name": "Pat", "IsActive": True})
    for name, closed, won in (("Closed Won", True, True), ("Closed Lost", True, False), ("Proposal", False, False)):
        crm.add("OpportunityStage", {"MasterLabel": name, "ApiName": name, "IsClosed": closed, "IsWon": won})
    store = Store.open(tmp_path / "store.sqlite", "memory")
    with Mirror.open(tmp_path / "mirror.duckdb") as mirror:
        ctx = Context("memory", crm, mirror, store, fieldmap, rules, clock=lambda: crm.now_at)
        yield Office(ctx, crm)
    store.close()
