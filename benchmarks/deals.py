"""Which deals does the benchmark's portal hold, and what are the bytes of its lists: seeded, rendered once.

HubSpot sends every property as a text or null, numbers and yes or no as well, and 100 records a page.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.rows import SEED, Maker, Spelled, choice, flags, instants, money, names, quoted, texts

PAGE = 100
FIRST = 10_000_000_001  # the id of the first deal
STAGES = {
    "appointmentscheduled": "Appointment scheduled",
    "qualifiedtobuy": "Qualified to buy",
    "presentationscheduled": "Presentation scheduled",
    "decisionmakerboughtin": "Decision maker bought-in",
    "contractsent": "Contract sent",
    "closedwon": "Closed won",
    "closedlost": "Closed lost",
}


@dataclass(frozen=True, slots=True)
class Property:
    """One property: its definition and how its values are made."""

    name: str
    type: str
    field_type: str
    make: Maker


def _ids(first: int, pool: int | None, empty: float = 0.0) -> Maker:
    def make(rng: np.random.Generator, n: int) -> Spelled:
        numbers = np.arange(n) if pool is None else rng.integers(0, pool, n)
        values = pa.array(numbers + first).cast(pa.string())
        if empty:
            values = pc.if_else(pa.array(rng.random(n) < empty), pa.scalar(None, pa.string()), values)
        return Spelled(values, quoted(values))

    return make


PROPERTIES: tuple[Property, ...] = (
    Property("hs_object_id", "number", "number", _ids(FIRST, None)),
    Property("dealname", "string", "text", names("Deal")),
    Property("hs_primary_associated_company", "number", "number", _ids(20_000_000_001, 20_000)),
    Property("dealstage", "enumeration", "radio", choice(*STAGES)),
    Property("pipeline", "enumeration", "select", choice("default")),
    Property("hs_is_closed", "bool", "calculation_read_time", flags(0.5)),
    Property("hs_is_closed_won", "bool", "calculation_read_time", flags(0.3)),
    Property("amount", "number", "number", money(0.05, 500_000)),
    Property("deal_currency_code", "enumeration", "select", choice("USD", "EUR", "GBP", "JPY")),
    Property("closedate", "datetime", "date", instants),
    Property("createdate", "datetime", "date", instants),
    Property("hs_lastmodifieddate", "datetime", "date", instants),
    Property("hubspot_owner_id", "enumeration", "select", _ids(70_000_001, 400)),
    Property("primary_campaign", "string", "text", _ids(30_000_001, 3_000, 0.6)),
    Property("dealtype", "enumeration", "radio", choice("newbusiness", "existingbusiness", "renewal", None)),
    Property("lead_source", "enumeration", "select", choice("Web", "Partner", "Phone inquiry", "Other", None)),
    Property("product_family", "enumeration", "select", choice("Core", "Analytics", "Mobile", "Services")),
    Property("segment", "enumeration", "select", choice("SMB", "Mid-Market", "Enterprise", None)),
    Property("description", "string", "textarea", texts(14, 0.5, 400, breaks=True)),
    Property("partner_company_id", "string", "text", _ids(20_000_000_001, 2_000, 0.3)),
    Property("sourced_by_company_id", "string", "text", _ids(20_000_000_001, 2_000, 0.7)),
)
PULLED: tuple[str, ...] = tuple(each.name for each in PROPERTIES if each.name != "hs_object_id")
"""The 20 properties that every contender asks for; the id comes with every record."""


def column(wanted: Property, n: int) -> pa.Array:
    """The first n values as they stand in JSON, null where there is none: the same, whatever else is asked for."""
    made = wanted.make(np.random.default_rng([SEED, *wanted.name.encode()]), n)
    # an instant in JSON ends as it does in a CSV file of the other CRM; numbers and yes or no are texts
    values = quoted(made.csv) if wanted.type in ("number", "bool", "datetime") else made.json
    return pc.fill_null(values, "null")


@lru_cache(maxsize=4)
def pages(n: int) -> tuple[bytes, ...]:
    """All pages of the list of n deals, whole; page i is the one behind the record number i * 100."""
    columns = {each.name: column(each, n) for each in PROPERTIES}
    parts: list[pa.Array | str] = ['{"id":', columns["hs_object_id"], ',"properties":{']
    for at, name in enumerate(sorted(columns)):
        parts += [f'{"," if at else ""}"{name}":', columns[name]]
    parts += ['},"createdAt":', columns["createdate"], ',"updatedAt":', columns["hs_lastmodifieddate"]]
    lines = pc.binary_join_element_wise(*parts, ',"archived":false}', "")
    starts = [*range(0, n, PAGE), n]
    joined = pc.binary_join(pa.ListArray.from_arrays(pa.array(starts, pa.int32()), lines), ",")
    ends = [f',"paging":{{"next":{{"after":"{at}","link":"https://127.0.0.1/?after={at}"}}}}' for at in starts[1:-1]]
    whole = pc.binary_join_element_wise('{"results":[', joined, "]", pa.array([*ends, ""]), "}", "")
    return tuple(whole.cast(pa.binary()).to_pylist())
