"""What a portal keeps beside its records, as objects of rows: owners, deal stages, campaigns and exchange rates.

They are small and have no cursor: each is read whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from connector.core.records import Kind
from connector.crm.base import BadCell, Field, Filter, ObjectSchema, Op, Page, Progress, ReadRequest
from connector.crm.hubspot import conditions
from connector.crm.hubspot.absent import named, seen
from connector.crm.hubspot.kinds import ID_FIELD, property_field
from connector.crm.hubspot.pages import ID, next_after, records_table
from connector.crm.hubspot.values import typed
from connector.crm.hubspot.wire import Wire
from connector.errors import GiveUp, Retry

if TYPE_CHECKING:
    from connector.crm.hubspot.catalog import Catalog

PAGE = 100
CAMPAIGNS = "/marketing/v3/campaigns"
OWNER_ID = "hubspot_owner_id"
RATES = "/settings/v3/currencies/exchange-rates"
Row = Mapping[str, Any]


def _field(name: str, kind: Kind = Kind.TEXT, *references: str) -> Field:
    return Field(name, name.replace("_", " ").capitalize(), kind, references=references)


_ID = Field("id", "Id", Kind.ID, nullable=False, unique_key=True)
_STAMPS = (_field("created_at", Kind.INSTANT), _field("updated_at", Kind.INSTANT))
OWNERS = (
    _ID,
    _field("user_id", Kind.ID, "users"),
    *(_field(name) for name in ("email", "first_name", "last_name", "name")),
    _field("is_active", Kind.BOOL),
    *_STAMPS,
)
STAGES = (
    _ID,
    *(_field(name) for name in ("label", "pipeline_id", "pipeline_label")),
    _field("position", Kind.INTEGER),
    *(_field(name, Kind.BOOL) for name in ("is_closed", "is_won")),
    _field("probability", Kind.NUMBER),
)
EXCHANGE_RATES = (
    _ID,
    _field("currency"),
    *(_field(name, Kind.NUMBER) for name in ("conversion_rate", "units_per_company_currency")),
    _field("start_date", Kind.DATE),
    _field("is_company_currency", Kind.BOOL),
)
CAMPAIGN_PROPERTIES = (
    *(
        _field(name)
        for name in ("hs_name", "hs_campaign_status", "hs_currency_code", "hs_notes", "hs_utm", "hs_goal")
    ),
    *(_field(name, Kind.DATE) for name in ("hs_start_date", "hs_end_date")),
    *(_field(name, Kind.MONEY) for name in ("hs_budget_items_sum_amount", "hs_spend_items_sum_amount")),
    _field("hs_owner", Kind.ID, "owners"),
)

HISTORY = "deal_stage_history"
HISTORY_FIELDS = (
    _ID,
    _field("deal_id", Kind.ID, "deals"),
    *(_field(name) for name in ("stage", "stage_label")),
    *(_field(name, Kind.INSTANT) for name in ("at", "modified_at")),
)


def history_schema() -> ObjectSchema:
    """The earlier stages of deals; they have a cursor and are read with the deals."""
    label = "Deal stage history"
    return ObjectSchema(
        HISTORY, label, HISTORY_FIELDS, createable=False, updateable=False, cursor="modified_at", announced=False
    )


@dataclass(frozen=True, slots=True)
class Source:
    """How one of them is seen and read."""

    label: str
    probe: Callable[[Wire, Catalog], Any]  # None where it is hidden
    fields: Callable[[Catalog], tuple[Field, ...]]
    rows: Callable[[Wire, Catalog, Sequence[str]], Iterator[Row]]


def source_schema(wire: Wire, catalog: Catalog, name: str) -> ObjectSchema | None:
    """The schema of one of `SOURCES`; None when it is hidden or the portal has no such feature."""
    source = SOURCES[name]
    if source.probe(wire, catalog) is None:
        return None
    fields = source.fields(catalog)
    return ObjectSchema(
        name, source.label, fields, createable=False, updateable=False, deletes=False, announced=False
    )


def source_rows(wire: Wire, catalog: Catalog, request: ReadRequest, progress: Progress) -> Iterator[Page]:
    """All rows that the conditions hold for, as one page; none where there are none."""
    schema = seen(catalog.schema(request.object), request.object, catalog.why_absent(request.object))
    wanted = [named(schema, each) for each in request.fields]
    for each in request.where:
        named(schema, each.field)
    rows, bad = _table(wire, catalog, schema, wanted, request.where)
    if rows.num_rows:
        rows = rows.rename_columns(list(request.fields))
        rows = rows.append_column("pmom_deleted", pa.array([False] * rows.num_rows, pa.bool_()))
        rows = rows.append_column("pmom_merged_into", pa.nulls(rows.num_rows, pa.string()))
        progress(schema.name, rows.num_rows, rows.num_rows)
        yield Page(rows, None, rows.num_rows, bad)


def source_table(
    wire: Wire, catalog: Catalog, name: str, key: str, keys: Sequence[str], fields: Sequence[str]
) -> pa.Table:
    """The rows whose key is one of the keys."""
    schema = seen(catalog.schema(name), name, catalog.why_absent(name))
    wanted = [named(schema, each) for each in fields]
    rows, _ = _table(wire, catalog, schema, wanted, [Filter(named(schema, key).name, Op.IN, tuple(keys))])
    return rows.rename_columns(list(fields))


def _table(
    wire: Wire, catalog: Catalog, schema: ObjectSchema, wanted: Sequence[Field], where: Sequence[Filter]
) -> tuple[pa.Table, tuple[BadCell, ...]]:
    tested = {each.field: named(schema, each.field) for each in where}
    columns = list({each.name: each for each in [*wanted, *tested.values()]}.values())
    names = [each.name for each in columns]
    found = SOURCES[schema.name].rows(wire, catalog, names)
    raw = records_table(({"id": row.get("id"), "properties": row} for row in found), names)
    typed_columns, bad = {}, list[BadCell]()
    for each in columns:
        typed_columns[each.name], cells = typed(pa.chunked_array(raw.column(each.name)), each, raw.column(ID))
        bad.extend(cells)
    rows = pa.table(typed_columns or {ID: raw.column(ID)})
    kept = conditions.holding(rows, [_as(each, tested[each.field]) for each in where], {f.name: f for f in columns})
    shown = rows if kept is None else rows.filter(kept)
    return shown.select([each.name for each in wanted]), tuple(bad)


def _as(condition: Filter, field: Field) -> Filter:
    return Filter(field.name, condition.op, condition.value)


def _paged(ask: Callable[[str | None], Any]) -> Iterator[Row]:
    after: str | None = None
    while True:
        found = ask(after)
        if not isinstance(found, dict) or not isinstance(found.get("results"), list):
            raise Retry("the portal answered a list without results")
        yield from found["results"]
        before, after = after, next_after(found)
        if after is None:
            return
        if after == before:
            raise GiveUp(f"a list of the portal does not go on behind {after}")


def _owner_page(wire: Wire, *, archived: bool, limit: int, after: str | None) -> Any:
    behind = {} if after is None else {"after": after}
    return wire.client.crm.owners.owners_api.get_page(limit=limit, archived=archived, **behind)


def _owner_fields(catalog: Catalog) -> tuple[Field, ...]:
    """The owner's own fields and, by their names, the properties of the user behind the owner."""
    own = {each.name for each in OWNERS}
    raw = catalog.properties("users") or {}
    return (*OWNERS, *(property_field(each) for name, each in raw.items() if name not in {*own, ID_FIELD}))


def _user_rows(wire: Wire, names: Sequence[str]) -> dict[str, Row]:
    """Owner id -> the wanted properties of the user."""

    def page(after: str | None) -> Any:
        behind = {} if after is None else {"after": after}
        wanted = [OWNER_ID, *names]
        return wire.client.crm.objects.basic_api.get_page("users", limit=PAGE, properties=wanted, **behind).json()

    found = [each.get("properties") or {} for each in _paged(page)]
    return {str(each[OWNER_ID]): each for each in found if each.get(OWNER_ID)}


def _owners(wire: Wire, _catalog: Catalog, names: Sequence[str]) -> Iterator[Row]:
    own = {each.name for each in OWNERS}
    more = [name for name in names if name not in own]
    users = _user_rows(wire, more) if more else {}
    for gone in (False, True):

        def page(after: str | None, gone: bool = gone) -> Any:
            return _owner_page(wire, archived=gone, limit=PAGE, after=after).json()

        for each in _paged(page):
            first, last = each.get("firstName") or "", each.get("lastName") or ""
            user = each.get("userId") or each.get("userIdIncludingInactive")
            yield {
                **{name: users.get(str(each["id"]), {}).get(name) for name in more},
                "id": each["id"],
                "user_id": user,
                "email": each.get("email"),
                "first_name": first,
                "last_name": last,
                "name": f"{first} {last}".strip() or each.get("email"),
                "is_active": not (gone or each.get("archived")),
                "created_at": each.get("createdAt"),
                "updated_at": each.get("updatedAt"),
            }


def _stages(_wire: Wire, catalog: Catalog, _names: Sequence[str]) -> Iterator[Row]:
    for pipeline in catalog.pipelines("deals") or ():
        for stage in pipeline.get("stages") or ():
            said = stage.get("metadata") or {}
            closed = str(said.get("isClosed")).lower() == "true"
            probability = said.get("probability")
            yield {
                "id": stage["id"],
                "label": stage.get("label"),
                "pipeline_id": pipeline["id"],
                "pipeline_label": pipeline.get("label"),
                "position": stage.get("displayOrder"),
                "is_closed": closed,
                "is_won": closed and probability is not None and Decimal(str(probability)) == 1,
                "probability": probability,
            }


def _campaign_page(wire: Wire, limit: int, names: Sequence[str], after: str | None) -> Any:
    query = [("limit", str(limit))]
    query += [("properties", ",".join(names))] if names else []
    query += [] if after is None else [("after", after)]
    return wire.call("GET", CAMPAIGNS, query=query)


def _campaign_fields(catalog: Catalog) -> tuple[Field, ...]:
    known = {each.name: each for each in CAMPAIGN_PROPERTIES}
    for each in catalog.campaign_fields():
        known.setdefault(each.name, each)
    return (_ID, *_STAMPS, *known.values())


def _campaigns(wire: Wire, _catalog: Catalog, names: Sequence[str]) -> Iterator[Row]:
    wanted = [each for each in names if each not in ("id", "created_at", "updated_at")]
    for each in _paged(lambda after: _campaign_page(wire, PAGE, wanted, after).json()):
        stamps = {"created_at": each.get("createdAt"), "updated_at": each.get("updatedAt")}
        yield {"id": each["id"], **stamps, **(each.get("properties") or {})}


def _rate_page(wire: Wire, limit: int, after: str | None) -> Any:
    return wire.call("GET", RATES, query=[("limit", str(limit)), *([] if after is None else [("after", after)])])


def _rates(wire: Wire, catalog: Catalog, _names: Sequence[str]) -> Iterator[Row]:
    home = catalog.account().get("companyCurrency")
    if home:
        yield {
            "id": home,
            "currency": home,
            "conversion_rate": "1",
            "units_per_company_currency": "1",
            "is_company_currency": True,
        }
    for each in _paged(lambda after: _rate_page(wire, PAGE, after).json()):
        rate = Decimal(str(each["conversionRate"]))
        currency, inverse = each.get("fromCurrencyCode"), _inverse(rate)
        if currency == home:  # told the other way round
            currency, rate, inverse = each.get("toCurrencyCode"), inverse or Decimal(0), rate
        if currency == home:
            continue
        yield {
            "id": each["id"],
            "currency": currency,
            "conversion_rate": format(rate, "f"),
            "units_per_company_currency": None if inverse is None else format(inverse, "f"),
            "start_date": str(each.get("effectiveAt") or each.get("createdAt") or "")[:10],
            "is_company_currency": False,
        }


def _inverse(rate: Decimal) -> Decimal | None:
    return None if not rate else (1 / rate).quantize(Decimal("0.00000001"), ROUND_HALF_EVEN)


SOURCES: dict[str, Source] = {
    "owners": Source(
        "Owners",
        lambda w, c: c.visible("owners", lambda: _owner_page(w, archived=False, limit=1, after=None)),
        _owner_fields,
        _owners,
    ),
    "deal_stages": Source("Deal stages", lambda _, c: c.pipelines("deals"), lambda _: STAGES, _stages),
    "campaigns": Source(
        "Campaigns",
        lambda w, c: c.visible("campaigns", lambda: _campaign_page(w, 1, (), None)),
        _campaign_fields,
        _campaigns,
    ),
    "exchange_rates": Source(
        "Exchange rates",
        lambda w, c: c.visible("exchange_rates", lambda: _rate_page(w, 1, None)),
        lambda _: EXCHANGE_RATES,
        _rates,
    ),
}
