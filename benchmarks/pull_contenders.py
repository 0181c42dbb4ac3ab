"""Who pulls the Opportunities, and how: one function a contender, each as its own documentation shows.

All ask for the same fields of the same rows over the same TLS. Each returns `rows` and, where it keeps the amounts,
`total` (their exact sum), which the caller compares: a contender that loses a row or a cent is not measured.
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa
import pyarrow.csv as pacsv
import requests

from benchmarks import measure, rows
from benchmarks.measure import Target

if TYPE_CHECKING:
    from simple_salesforce import Salesforce

    from connector.crm.salesforce.auth import SalesforceConnection

VERSION = "67.0"
MAPPING = Path(__file__).with_name("opportunities.toml")
SOQL = f"SELECT {', '.join(rows.PULLED)} FROM Opportunity"
PAGE_ROWS = 50_000
MONEY, RATE, INSTANT = pa.decimal128(20, 4), pa.decimal128(20, 8), pa.timestamp("us", tz="UTC")
_TYPES = {"boolean": pa.bool_(), "currency": MONEY, "percent": RATE, "date": pa.date32(), "datetime": INSTANT}
TYPES = {name: _TYPES.get(rows.BY_NAME[name.lower()].type, pa.string()) for name in rows.PULLED}
_DUCKDB = {
    pa.bool_(): "BOOLEAN",
    MONEY: "DECIMAL(20, 4)",
    RATE: "DECIMAL(20, 8)",
    pa.date32(): "DATE",
    INSTANT: "TIMESTAMPTZ",
}


def _session(target: Target) -> requests.Session:
    session = requests.Session()
    session.verify = str(target.ca_file)
    session.headers["Authorization"] = "Bearer 00D5g000000Benc!benchmark"
    return session


def counted(target: Target, table: str, file: str = "pulled.duckdb", *, key: str = "id") -> dict[str, object]:
    """What the file holds, asked on a fresh connection after the work is measured to be there."""
    with duckdb.connect(str(target.folder / file), read_only=True) as base:
        found = base.execute(
            f"SELECT count(DISTINCT {key}), sum(amount::DECIMAL(20, 4))::DECIMAL(30, 2) FROM {table}"
        ).fetchone()
    assert found is not None
    return {"rows": found[0], "total": str(found[1])}


def lower_bound(target: Target) -> dict[str, object]:
    """Bulk 2.0 CSV over plain requests, parsed by pyarrow, inserted by DuckDB: no checks, no retries, no state."""
    session = _session(target)
    base = f"https://{target.host}/services/data/v{VERSION}/jobs/query"
    job = session.post(base, json={"operation": "query", "query": SOQL}).json()["id"]
    while session.get(f"{base}/{job}").json()["state"] != "JobComplete":
        pass
    convert = pacsv.ConvertOptions(column_types=TYPES, strings_can_be_null=True, quoted_strings_can_be_null=True)
    parse = pacsv.ParseOptions(newlines_in_values=True)
    locator: str | None = None
    with duckdb.connect(str(target.folder / "pulled.duckdb")) as store:
        while locator != "null":
            asked = {"maxRecords": PAGE_ROWS} | ({"locator": locator} if locator else {})
            answer = session.get(f"{base}/{job}/results", params=asked)
            page = pacsv.read_csv(pa.BufferReader(answer.content), parse_options=parse, convert_options=convert)
            store.register("page", page)
            store.execute("INSERT INTO pulled SELECT * FROM page" if locator else "CREATE TABLE pulled AS FROM page")
            locator = answer.headers["Sforce-Locator"]
    return counted(target, "pulled")


_CONFIG = """
[workspace]
dir = "{folder}"
[salesforce]
instance_url = "https://{host}"
client_id = "benchmark"
client_secret_file = "{folder}/secret"
ca_file = "{ca_file}"
[mapping]
salesforce = "{mapping}"
"""


def pmom(target: Target) -> dict[str, object]:
    """The connector's own pull, from reading its config file to the closed mirror."""
    from connector import wiring
    from connector.sync.pull import pull

    config = target.folder / "config.toml"
    said = {"folder": target.folder, "host": target.host, "ca_file": target.ca_file, "mapping": MAPPING}
    config.write_text(_CONFIG.format_map(said))
    secret = target.folder / "secret"
    secret.touch(mode=0o600)
    secret.write_text("benchmark")
    with wiring.opened(config) as context:
        pull(context, "benchmark")
    return counted(target, "opportunities", "mirror.duckdb")


def connection(target: Target, **settings: int) -> SalesforceConnection:
    """How the connector reaches the server."""
    from connector.crm.salesforce.auth import SalesforceConnection

    return SalesforceConnection(
        f"https://{target.host}", "benchmark", client_secret="benchmark", ca_file=str(target.ca_file), **settings
    )


def salesforce(target: Target) -> Salesforce:
    """simple-salesforce on a session that trusts the server's certificate."""
    from simple_salesforce import Salesforce

    return Salesforce(
        instance=target.host, session_id="00D5g000000Benc!benchmark", version=VERSION, session=_session(target)
    )


def simple_query_all(target: Target) -> dict[str, object]:
    """simple-salesforce `query_all`: a list of dictionaries, nothing stored, nothing typed."""
    records = salesforce(target).query_all(SOQL)["records"]
    return {"rows": len(records)}


def _bulk_rows(target: Target) -> Iterator[list[dict[str, str]]]:
    # `wait` is 5 s unless told: the server has its answer at once, so the wait would only flatter the others.
    for text in salesforce(target).bulk2.Opportunity.query(SOQL, max_records=PAGE_ROWS, wait=0):
        yield list(csv.DictReader(io.StringIO(text, newline="")))


def simple_bulk_csv(target: Target) -> dict[str, object]:
    """simple-salesforce `bulk2.query` and csv.DictReader: dictionaries of text, nothing stored, nothing typed."""
    count = 0
    for page in _bulk_rows(target):
        count += len(page)
    return {"rows": count}


def simple_bulk_csv_stored(target: Target) -> dict[str, object]:
    """The same, then typed and stored: each page of dictionaries through Arrow into a DuckDB table."""
    columns = ", ".join(f'"{name}" {_DUCKDB.get(kind, "VARCHAR")}' for name, kind in TYPES.items())
    casts = ", ".join(f"nullif(\"{name}\", '')::{_DUCKDB.get(kind, 'VARCHAR')}" for name, kind in TYPES.items())
    with duckdb.connect(str(target.folder / "pulled.duckdb")) as store:
        store.execute(f"CREATE TABLE pulled ({columns})")
        for page in _bulk_rows(target):
            store.register("page", pa.Table.from_pylist(page))
            store.execute(f"INSERT INTO pulled SELECT {casts} FROM page")
    return counted(target, "pulled")


def _pages(target: Target) -> Iterator[list[dict[str, object]]]:
    page: list[dict[str, object]] = []
    for record in salesforce(target).query_all_iter(SOQL):
        record.pop("attributes", None)
        page.append(record)
        if len(page) == 2_000:
            yield page
            page = []
    if page:
        yield page


def loaded(target: Target, pages: Callable[[], Iterator[object]], key: str, **loading: str) -> dict[str, object]:
    """What dlt makes of the pages in a DuckDB file."""
    import dlt

    pipeline = dlt.pipeline(
        pipeline_name="bench",
        pipelines_dir=str(target.folder / "pipelines"),
        destination=dlt.destinations.duckdb(str(target.folder / "pulled.duckdb")),
        dataset_name="crm",
    )
    resource = dlt.resource(pages, name="deal", primary_key=key, write_disposition="append")
    pipeline.run(resource, **loading)
    return counted(target, "crm.deal", key=key)


def dlt_parquet(target: Target) -> dict[str, object]:
    """dlt: a resource that yields pages of simple-salesforce records, loaded as parquet files."""
    return loaded(target, lambda: _pages(target), "Id", loader_file_format="parquet")


def dlt_default(target: Target) -> dict[str, object]:
    """dlt with its defaults for DuckDB (insert statements)."""
    return loaded(target, lambda: _pages(target), "Id")


def dlt_arrow(target: Target) -> dict[str, object]:
    """dlt when the user makes Arrow tables of the pages himself, so that dlt need not look at the rows."""
    schema = pa.schema(
        [(name, _JSON_TYPES.get(rows.BY_NAME[name.lower()].type, pa.string())) for name in rows.PULLED]
    )
    return loaded(
        target,
        lambda: (pa.Table.from_pylist(page, schema=schema) for page in _pages(target)),
        "Id",
        loader_file_format="parquet",
    )


_JSON_TYPES = {"boolean": pa.bool_(), "currency": pa.float64(), "percent": pa.float64()}

CONTENDERS: dict[str, Callable[[Target], dict[str, object]]] = {
    "lower bound": lower_bound,
    "pmom": pmom,
    "simple-salesforce query_all": simple_query_all,
    "simple-salesforce bulk2 + csv": simple_bulk_csv,
    "simple-salesforce bulk2 + csv, stored": simple_bulk_csv_stored,
    "dlt, parquet": dlt_parquet,
    "dlt, Arrow made by the user": dlt_arrow,
    "dlt, defaults": dlt_default,
}


def main() -> None:
    """The command line of a contender's process."""
    name, target = measure.target(sys.argv[1:])
    measure.report(lambda: CONTENDERS[name](target))


if __name__ == "__main__":
    main()
