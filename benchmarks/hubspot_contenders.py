"""Who pulls the deals and who updates the companies of a portal, and how: one function a contender.

All ask for the same 20 properties of the same deals, 100 a call, over the same TLS, and send the same five values of
the same companies. Each returns `rows` and, where it keeps the amounts, `total`; or `records` and `outcomes`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import requests

from benchmarks import deals, measure
from benchmarks.measure import Target
from benchmarks.portal import PORTAL_ID
from benchmarks.pull_contenders import counted, loaded

if TYPE_CHECKING:
    from hubspot import HubSpot

VERSION = "2026-03"
MAPPING = Path(__file__).with_name("deals.toml")
TOKEN = "pat-eu1-benchmark"
GROUP_ROWS = 20_000
"""What the lower bound puts into its table at a time."""

_TYPES = {"bool": "BOOLEAN", "datetime": "TIMESTAMPTZ"}
_NUMBERS = {"amount": "DECIMAL(20, 4)"}  # the others hold ids
COLUMNS = {p.name: _NUMBERS.get(p.name) or _TYPES.get(p.type, "VARCHAR") for p in deals.PROPERTIES}


def _session(target: Target) -> requests.Session:
    session = requests.Session()
    session.verify = str(target.ca_file)
    session.headers["Authorization"] = f"Bearer {TOKEN}"
    session.headers["Accept-Encoding"] = "identity"
    return session


def lower_bound(target: Target) -> dict[str, object]:
    """Pages over plain requests, parsed by orjson, columns through Arrow into DuckDB: no checks, limits or state."""
    import orjson

    session = _session(target)
    base = f"https://{target.host}/crm/objects/{VERSION}/deals?limit=100&properties={','.join(deals.PULLED)}"
    after, held = "", list[dict[str, Any]]()
    with duckdb.connect(str(target.folder / "pulled.duckdb")) as store:
        store.execute(f"CREATE TABLE pulled ({', '.join(f'{name} {kind}' for name, kind in COLUMNS.items())})")
        while True:
            page = orjson.loads(session.get(base + after).content)
            held += [record["properties"] for record in page["results"]]
            following = page.get("paging")
            if len(held) >= GROUP_ROWS or following is None:
                _insert(store, held)
                held.clear()
            if following is None:
                break
            after = f"&after={following['next']['after']}"
    return counted(target, "pulled", key="hs_object_id")


def _insert(store: duckdb.DuckDBPyConnection, held: list[dict[str, Any]]) -> None:
    texts = pa.table({name: pa.array([each[name] for each in held], pa.string()) for name in COLUMNS})
    store.register("texts", texts)
    casts = (f"{name}::{kind}" for name, kind in COLUMNS.items())
    store.execute(f"INSERT INTO pulled SELECT {', '.join(casts)} FROM texts")


_CONFIG = """
[workspace]
dir = "{folder}"
[hubspot]
base_url = "https://{host}"
portal_id = "{portal}"
access_token_file = "{folder}/secret"
ca_file = "{ca_file}"
budget_share = 1.0
[mapping]
hubspot = "{mapping}"
"""


def pmom(target: Target) -> dict[str, object]:
    """The connector's own pull, from reading its config file to the closed mirror."""
    from connector import wiring
    from connector.sync.pull import pull

    said = {"folder": target.folder, "host": target.host, "ca_file": target.ca_file, "portal": PORTAL_ID}
    config = target.folder / "config.toml"
    config.write_text(_CONFIG.format_map(said | {"mapping": MAPPING}))
    secret = target.folder / "secret"
    secret.touch(mode=0o600)
    secret.write_text(TOKEN)
    with wiring.opened(config) as context:
        pull(context, "benchmark")
    return counted(target, "opportunities", "mirror.duckdb")


def client(target: Target) -> HubSpot:
    """hubspot-api-client on the server's address, trusting its certificate."""
    from hubspot import HubSpot

    return HubSpot(access_token=TOKEN, host=f"https://{target.host}", ssl_ca_cert=str(target.ca_file))


def get_all(target: Target) -> dict[str, object]:
    """hubspot-api-client `deals.get_all`: a list of its own objects, nothing stored, nothing typed."""
    return {"rows": len(client(target).crm.deals.get_all(properties=list(deals.PULLED)))}


def dlt_parquet(target: Target) -> dict[str, object]:
    """dlt: its REST client's pages, the properties of each record as a row, loaded as parquet files."""
    from dlt.sources.helpers.rest_client import RESTClient
    from dlt.sources.helpers.rest_client.paginators import JSONResponseCursorPaginator

    def pages() -> Iterator[list[dict[str, Any]]]:
        paginator = JSONResponseCursorPaginator(cursor_path="paging.next.after", cursor_param="after")
        asked = RESTClient(f"https://{target.host}", session=_session(target), paginator=paginator)
        wanted = {"limit": 100, "properties": ",".join(deals.PULLED)}
        for page in asked.paginate(f"/crm/objects/{VERSION}/deals", params=wanted, data_selector="results"):
            yield [record["properties"] for record in page]

    return loaded(target, pages, "hs_object_id", loader_file_format="parquet")


def changed(count: int) -> list[dict[str, object]]:
    """The companies that changed: id and five values."""
    why = "Quote-to-close 27 % of 41 quotes in 12 months is under 30 %; footprint overlaps in 2 of 3 regions, größer"
    return [
        {
            "id": str(20_000_000_001 + at),
            "pmom_triage_decision": ("Invest", "Maintain", "Enable", "Exit")[at % 4],
            "pmom_lever": ("Demand Gen", "Enablement")[at % 2],
            "pmom_quote_to_close": Decimal(at % 1000) / 10,
            "pmom_as_of": date(2026, 1, 1 + at % 28),
            "pmom_reasons": f"{why} ({at})",
        }
        for at in range(count)
    ]


def pmom_updates(target: Target) -> dict[str, object]:
    """The connector's own writes, from its first call on."""
    from connector.crm.base import Action, Write
    from connector.crm.hubspot.adapter import HubSpotCRM
    from connector.crm.hubspot.connection import HubSpotConnection

    base, known = f"https://{target.host}", str(target.ca_file)
    crm = HubSpotCRM(HubSpotConnection(TOKEN, base_url=base, ca_file=known, budget_share=1.0))
    writes = []
    for record in changed(target.rows):
        values = tuple((name, value) for name, value in record.items() if name != "id")
        writes.append(Write(str(record["id"]), "companies", Action.UPDATE, values, id=str(record["id"])))  # type: ignore[arg-type]
    applied = sum(result.status == "applied" for result in crm.write(writes))
    crm.close()
    return {"records": len(writes), "outcomes": applied}


def batch_updates(target: Target) -> dict[str, object]:
    """hubspot-api-client `companies.batch_api.update`, 100 at a time."""
    from hubspot.crm.companies import BatchInputSimplePublicObjectBatchInput

    api = client(target).crm.companies.batch_api
    inputs = [
        {"id": record.pop("id"), "properties": {name: str(value) for name, value in record.items()}}
        for record in changed(target.rows)
    ]
    outcomes = 0
    for start in range(0, len(inputs), deals.PAGE):
        part = BatchInputSimplePublicObjectBatchInput(inputs=inputs[start : start + deals.PAGE])
        outcomes += len(api.update(part).results)
    return {"records": len(inputs), "outcomes": outcomes}


PULLS: dict[str, Callable[[Target], dict[str, object]]] = {
    "lower bound": lower_bound,
    "pmom": pmom,
    "hubspot-api-client get_all": get_all,
    "dlt, parquet": dlt_parquet,
}
WRITES: dict[str, Callable[[Target], dict[str, object]]] = {
    "pmom, batches of 100": pmom_updates,
    "hubspot-api-client batch_api.update": batch_updates,
}


def main() -> None:
    """The command line of a contender's process."""
    name, target = measure.target(sys.argv[1:])
    measure.report(lambda: (PULLS | WRITES)[name](target))


if __name__ == "__main__":
    main()
