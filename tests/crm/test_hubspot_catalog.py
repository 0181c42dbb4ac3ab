"""What the portal's schema becomes, in how few calls, and what is said of what is hidden."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from connector.core.records import Kind
from connector.crm.base import Field, Filter, Op, ReadRequest
from connector.crm.hubspot.catalog import Catalog, Label, ObjectKind, property_field, slug
from connector.crm.hubspot.faults import Complaint, MissingScopes, NotFound, Refusal
from connector.crm.hubspot.read import Reader
from connector.crm.hubspot.wire import Answer
from connector.errors import Misconfigured

# The shape of a definition recorded from HubSpot in 2022 (MIT licence, (c) 2022 Grouparoo, Inc.).
RECORDED = {
    "updatedAt": "2021-10-25T19:36:37.202Z",
    "name": "date_field",
    "label": "date_field",
    "type": "date",
    "fieldType": "date",
    "groupName": "contactinformation",
    "options": [],
    "displayOrder": -1,
    "calculated": False,
    "externalOptions": False,
    "archived": False,
    "hasUniqueValue": False,
    "hidden": False,
    "showCurrencySymbol": False,
    "modificationMetadata": {"archivable": True, "readOnlyDefinition": False, "readOnlyValue": False},
    "formField": True,
}


def definition(name: str, kind: str = "string", shape: str = "text", **more: Any) -> dict[str, Any]:
    return {"name": name, "label": name.title(), "type": kind, "fieldType": shape, **more}


class Portal:
    """Answers what each call was given; an exception is raised."""

    def __init__(self, **answers: Any) -> None:
        self.answers, self.calls = answers, list[str]()
        crm: Any = SimpleNamespace()
        for path in (
            "properties.core_api.get_all",
            "schemas.core_api.get_all",
            "pipelines.pipelines_api.get_all",
            "owners.owners_api.get_page",
            "objects.basic_api.get_page",
            "associations.v4.schema.definitions_api.get_all",
        ):
            *heads, name = path.split(".")
            at = crm
            for head in heads:
                at.__dict__.setdefault(head, SimpleNamespace())
                at = getattr(at, head)
            setattr(at, name, self.answering(heads[0]))
        self.client = SimpleNamespace(crm=crm)

    def answering(self, what: str) -> Callable[..., Answer]:
        return lambda *asked, **more: self.told(
            "_".join((what, *asked)) + ("_archived" if more.get("archived") else "")
        )

    def call(self, method: str, path: str, *, query: Any = (), body: object = None) -> Answer:
        return self.told(path.rpartition("/")[2])

    def told(self, key: str) -> Answer:
        self.calls.append(key)
        found = self.answers.get(key.replace("-", "_"), [])
        if isinstance(found, Exception):
            raise found
        body = found if isinstance(found, dict) else {"results": found}
        return Answer(200, json.dumps(body).encode(), {})


def catalog(**answers: Any) -> tuple[Catalog, Portal]:
    portal = Portal(**answers)
    return Catalog(portal), portal  # type: ignore[arg-type]


def refused(status: int = 404) -> Refusal:
    return NotFound("GET x", status, Complaint("OBJECT_NOT_FOUND", "", "Unable to infer object type"))


def test_a_recorded_definition_becomes_a_field() -> None:
    assert property_field(RECORDED) == Field("date_field", "date_field", Kind.DATE, createable=True, updateable=True)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (definition("amount", "number", "number"), {"kind": Kind.MONEY}),
        (definition("size", "number", "number"), {"kind": Kind.NUMBER}),
        (definition("cost", "number", "number", showCurrencySymbol=True), {"kind": Kind.MONEY}),
        (definition("cost", "number", "number", numberDisplayHint="currency"), {"kind": Kind.MONEY}),
        (definition("open", "bool", "booleancheckbox"), {"kind": Kind.BOOL}),
        (definition("at", "datetime", "date"), {"kind": Kind.INSTANT}),
        (definition("hs_object_id", "number", "number"), {"kind": Kind.ID, "unique_key": True, "nullable": False}),
        (
            definition(
                "hubspot_owner_id", "enumeration", "select", referencedObjectType="OWNER", externalOptions=True
            ),
            {"kind": Kind.ID, "references": ("owners",), "options": (), "restricted": False},
        ),
        (
            definition("type", "enumeration", "select", options=[{"value": "A"}, {"value": "B"}]),
            {"kind": Kind.TEXT, "options": ("A", "B"), "restricted": True, "multiple": False},
        ),
        (definition("kinds", "enumeration", "checkbox", options=[{"value": "A"}]), {"multiple": True}),
        (definition("key", hasUniqueValue=True), {"unique_key": True, "length": 65_536}),
        (definition("sum", "number", "calculation_equation"), {"calculated": True, "updateable": False}),
        (definition("x", modificationMetadata={"readOnlyValue": True}), {"calculated": False, "createable": False}),
    ],
)
def test_what_a_definition_says_is_what_the_field_says(raw: dict[str, Any], expected: dict[str, Any]) -> None:
    made = property_field(raw)
    assert {name: getattr(made, name) for name in expected} == expected


def test_a_schema_costs_one_call_however_often_it_is_asked_for() -> None:
    found, portal = catalog(properties_companies=[definition("name"), definition("old", archived=True)])
    schema = found.schema("Companies")
    assert schema is not None
    assert found.schema("0-2") is schema
    assert (schema.name, schema.cursor, schema.deletes, schema.merges) == (
        "companies",
        "hs_lastmodifieddate",
        True,
        True,
    )
    assert schema.field("NAME") is not None
    assert schema.field("old") is None
    assert portal.calls == ["properties_companies", "objects_companies"]
    found.forget()
    assert found.schema("companies") == schema
    assert portal.calls == ["properties_companies", "objects_companies"] * 2


def test_a_link_costs_one_call_for_its_pair_and_only_when_it_is_named() -> None:
    labels = [
        {"category": "HUBSPOT_DEFINED", "typeId": 5, "label": "Primary"},
        {"category": "USER_DEFINED", "typeId": 9, "label": "Sourcing partner"},
        {"category": "HUBSPOT_DEFINED", "typeId": 341, "label": None},
    ]
    found, portal = catalog(properties_deals=[], associations_deals_companies=labels)
    schema = found.schema("deals")
    assert schema is not None
    assert "assoc_companies" in {each.name for each in schema.fields}
    for name in ("assoc_companies", "assoc_companies__primary", "ASSOC_Companies__Sourcing_partner"):
        link = schema.field(name)
        assert link is not None
        assert (link.name, link.kind, link.multiple, link.calculated, link.references) == (
            name.lower(),
            Kind.ID,
            True,
            True,
            ("companies",),
        )
    assert schema.field("assoc_companies__other") is None
    assert found.labels("deals", "companies")[1] == Label("USER_DEFINED", 9, "Sourcing partner")
    assert portal.calls == ["properties_deals", "objects_deals", "associations_deals_companies"]


def test_links_that_the_token_may_not_see_are_no_fields() -> None:
    found, _ = catalog(properties_deals=[], associations_deals_contacts=MissingScopes("GET x", ("crm.contacts",)))
    schema = found.schema("deals")
    assert schema is not None
    assert schema.field("assoc_contacts") is None
    assert found.labels("deals", "contacts") == ()


def test_a_custom_object_goes_by_its_name_whatever_its_id() -> None:
    raw = {
        "name": "Fund_Requests",
        "objectTypeId": "2-12",
        "fullyQualifiedName": "p9_fund_requests",
        "labels": {"plural": "Fund requests"},
    }
    found, _ = catalog(schemas=[raw], properties_2_12=[definition("amount", "number", "number")])
    kind = ObjectKind("fund_requests", "2-12", "2-12", custom=True, label="Fund requests")
    assert [found.kind_of(name) for name in ("fund_requests", "2-12", "P9_Fund_Requests", "p9_none")] == [
        kind
    ] * 3 + [None]
    schema = found.schema("fund_requests")
    assert schema is not None
    assert (schema.label, schema.cursor, schema.merges) == ("Fund requests", "hs_lastmodifieddate", False)


def test_a_portal_without_custom_objects_has_none() -> None:
    found, _ = catalog(schemas=MissingScopes("GET x", ("crm.schemas.custom.read",)))
    assert found.schema("fund_requests") is None
    told = "hidden: the token lacks the scope crm.schemas.custom.read; custom objects need an Enterprise subscription"
    assert found.why_absent("fund_requests") == told


def test_an_object_whose_scope_is_missing_is_hidden_and_the_scope_is_told() -> None:
    found, portal = catalog(properties_quotes=MissingScopes("GET x", ("crm.objects.quotes.read",)))
    assert found.schema("quotes") is None
    assert found.kind_of("quotes") is None
    with pytest.raises(
        Misconfigured, match=r"hubspot quotes: hidden: the token lacks the scope crm\.objects\.quotes"
    ):
        list(Reader(portal, found).read(ReadRequest("quotes", ("x",)), lambda *_: None))  # type: ignore[arg-type]


def test_an_object_whose_definitions_alone_may_be_read_is_hidden_too() -> None:
    found, portal = catalog(objects_quotes=MissingScopes("GET x", ("crm.objects.quotes.read",)))
    assert [found.schema("quotes"), found.schema("quotes")] == [None, None]
    assert found.why_absent("quotes") == "hidden: the token lacks the scope crm.objects.quotes.read"
    assert found.properties("quotes") == {}
    assert portal.calls == ["properties_quotes", "objects_quotes"]


def test_an_object_that_the_portal_lacks_is_absent_and_other_faults_are_raised() -> None:
    found, _ = catalog(properties_meetings=refused(), properties_tasks=Refusal("GET x", 409, Complaint("", "", "")))
    assert found.schema("meetings") is None
    with pytest.raises(Refusal):
        found.schema("tasks")


def test_a_labels_text_becomes_part_of_a_name() -> None:
    assert [slug(text) for text in ("Sourcing partner", "Primary", " Services/Delivery (EU) ")] == [
        "sourcing_partner",
        "primary",
        "services_delivery_eu",
    ]


def read(
    portal: Portal, name: str, fields: tuple[str, ...], where: tuple[Filter, ...] = ()
) -> Iterator[tuple[Any, ...]]:
    reader = Reader(portal, Catalog(portal))  # type: ignore[arg-type]
    for page in reader.read(ReadRequest(name, fields, where), lambda *_: None):
        yield from (tuple(row.values())[:-2] for row in page.rows.to_pylist())


def test_owners_are_people_here_and_people_who_left() -> None:
    one = {"id": "1", "userId": 7, "email": "a@x.example", "firstName": "Ann", "lastName": "Lee", "archived": False}
    two = {"id": "2", "userIdIncludingInactive": 8, "email": "b@x.example", "createdAt": "2026-01-01T00:00:00Z"}
    portal = Portal(owners=[one], owners_archived=[two | {"archived": True}])
    fields = ("id", "user_id", "name", "is_active", "created_at")
    rows = [
        ("1", "7", "Ann Lee", True, None),
        ("2", "8", "b@x.example", False, datetime(2026, 1, 1, tzinfo=UTC)),
    ]
    assert list(read(portal, "owners", fields)) == rows
    assert list(read(portal, "owners", fields, (Filter("is_active", Op.EQ, True),))) == rows[:1]
    reader = Reader(portal, Catalog(portal))  # type: ignore[arg-type]
    assert reader.fetch("owners", ["2", "3"], ("name",)).to_pylist() == [{"name": "b@x.example"}]


def test_a_stage_is_won_when_it_is_closed_and_certain() -> None:
    stages = [
        {"id": "a", "label": "Open", "displayOrder": 0, "metadata": {"isClosed": "false", "probability": "1.0"}},
        {"id": "b", "label": "Won", "displayOrder": 1, "metadata": {"isClosed": "true", "probability": "1.0"}},
        {"id": "c", "label": "Lost", "displayOrder": 2, "metadata": {"isClosed": "true", "probability": "0.0"}},
    ]
    portal = Portal(pipelines_deals=[{"id": "default", "label": "Sales", "stages": stages}])
    fields = ("id", "pipeline_label", "position", "is_closed", "is_won", "probability")
    assert list(read(portal, "deal_stages", fields)) == [
        ("a", "Sales", 0, False, False, Decimal(1)),
        ("b", "Sales", 1, True, True, Decimal(1)),
        ("c", "Sales", 2, True, False, Decimal(0)),
    ]


def test_exchange_rates_are_told_both_ways_round_with_the_company_currency() -> None:
    rate = {"id": "5", "fromCurrencyCode": "EUR", "toCurrencyCode": "USD", "effectiveAt": "2026-02-01T00:00:00Z"}
    portal = Portal(details={"companyCurrency": "USD"}, exchange_rates=[rate | {"conversionRate": 1.25}])
    fields = ("id", "currency", "conversion_rate", "units_per_company_currency", "start_date", "is_company_currency")
    assert list(read(portal, "exchange_rates", fields)) == [
        ("USD", "USD", Decimal(1), Decimal(1), None, True),
        ("5", "EUR", Decimal("1.25"), Decimal("0.8"), date(2026, 2, 1), False),
    ]


def test_campaigns_have_their_spend_and_the_portals_own_properties() -> None:
    held = {"hs_name": "Spring", "hs_start_date": "2026-03-01", "hs_spend_items_sum_amount": "12.5", "region": "EU"}
    portal = Portal(
        campaigns=[{"id": "g-1", "properties": held, "createdAt": "2026-01-01T00:00:00Z"}],
        properties_campaigns=[definition("region"), definition("hs_name")],
    )
    fields = ("id", "hs_name", "hs_start_date", "hs_spend_items_sum_amount", "region", "hs_goal", "created_at")
    assert list(read(portal, "campaigns", fields)) == [
        ("g-1", "Spring", date(2026, 3, 1), Decimal("12.5"), "EU", None, datetime(2026, 1, 1, tzinfo=UTC))
    ]


@pytest.mark.parametrize("name", ["owners", "campaigns", "exchange_rates", "deal_stages", "deal_stage_history"])
def test_what_a_portal_hides_beside_its_records_has_no_schema(name: str) -> None:
    hidden = MissingScopes("GET x", ("a.scope",))
    found, _ = catalog(
        owners=hidden, campaigns=hidden, exchange_rates=hidden, pipelines_deals=hidden, properties_deals=hidden
    )
    assert found.schema(name) is None
    assert found.why_absent(name) == "hidden: the token lacks the scope a.scope"
