"""The whole job on published records: the connector knows of each partner what plain SQL finds in the files."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import duckdb
import pytest

from connector import wiring
from connector.cli.app import main
from connector.crm.base import ReadRequest
from emulators.loopback.clock import Clock
from emulators.salesforce import catalog
from emulators.salesforce.loading.csvload import load_folder
from emulators.salesforce.oauth import login as oauth
from emulators.salesforce.org import Org
from emulators.salesforce.server import Emulator

HERE = Path(__file__).parent
NOW = datetime(2026, 3, 31, 9, 0, tzinfo=UTC)

pytestmark = pytest.mark.slow

Totals = dict[str, tuple[int, Decimal, Decimal]]
"""Partner -> opportunities, open amount, won amount."""


def _dataloader() -> ModuleType:
    spec = importlib.util.spec_from_file_location("real_data_dataloader", HERE / "dataloader.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


dataloader = _dataloader()


@dataclass(frozen=True, slots=True)
class Job:
    """One set in an emulated org, and the product's commands on it."""

    emulator: Emulator
    folder: Path
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    def pmom(self, *words: str) -> dict[str, Any]:
        """Run a command as a person types it; what it answers with --json."""
        typed = ["pmom", "--config", str(self.folder / "config.toml"), "--json", *words]
        self.monkeypatch.setattr(sys, "argv", typed)
        self.capsys.readouterr()
        try:
            main()
        except SystemExit as stopped:
            if stopped.code:
                pytest.fail(f"{' '.join(words)} ended with {stopped.code}: {self.capsys.readouterr()}")
        answer: dict[str, Any] = json.loads(self.capsys.readouterr().out)
        return answer

    def mirror(self, sql: str) -> list[tuple[Any, ...]]:
        """An answer of the mirror."""
        with duckdb.connect(str(self.folder / "work" / "mirror.duckdb"), read_only=True) as base:
            return base.execute(sql).fetchall()

    def deciding(self, field: str) -> dict[str, str]:
        """Account id -> what stands in that field in the org."""
        org = wiring.crm(wiring.texts(self.folder / "config.toml").settings)
        try:
            pages = [page.rows for page in org.read(ReadRequest("Account", ("Id", field), deleted=False))]
        finally:
            org.close()
        rows = [row for page in pages for row in page.to_pylist()]
        return {row["Id"]: row[field] for row in rows if row[field] is not None}


Begin = Callable[[str, str], Job]


@pytest.fixture
def begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Begin]:
    """Start an org that holds a set: `begin(set, mapping)`."""
    running: list[Emulator] = []

    def start(name: str, mapping: str) -> Job:
        files = tmp_path / "files"
        files.mkdir()
        dataloader.SETS[name](HERE / "data" / name, files)
        org = Org.open(tmp_path / "org.db", catalog.load(()), Clock(NOW), seed=1)
        load_folder(org, files)
        app = oauth.App(client_id="an-app", client_secret="its-secret")
        running.append(Emulator(org, app, ca_folder=tmp_path).start())
        _write_config(tmp_path, running[0], mapping)
        return Job(running[0], tmp_path, monkeypatch, capsys)

    yield start
    for emulator in running:
        emulator.stop()


def _write_config(folder: Path, emulator: Emulator, mapping: str) -> None:
    secret = folder / "secret"
    secret.write_text("its-secret")
    secret.chmod(0o600)
    (folder / "config.toml").write_text(
        f"""
        [workspace]
        dir = "{folder / "work"}"
        [salesforce]
        instance_url = "{emulator.url}"
        client_id = "an-app"
        client_secret_file = "{secret}"
        ca_file = "{emulator.ca_file}"
        [mapping]
        salesforce = "{mapping}"
        """
    )


MIRRORED = """
    SELECT p.{name}, count(o.id),
        coalesce(sum(o.amount) FILTER (NOT o.is_closed), 0)::DECIMAL(20, 2),
        coalesce(sum(o.amount) FILTER (o.is_won), 0)::DECIMAL(20, 2)
    FROM partners p
    LEFT JOIN (SELECT DISTINCT partner_id, opportunity_id FROM partner_links) l ON l.partner_id = p.id
    LEFT JOIN opportunities o ON o.id = l.opportunity_id
    GROUP BY p.{name}
"""


def _totals(rows: list[tuple[Any, ...]]) -> Totals:
    found = {key: (count, opened, won) for key, count, opened, won in rows}
    assert len(found) == len(rows)
    return found


def _direct(name: str, sql: str) -> Totals:
    """Plain SQL over the published files, each a table named as its file."""
    with duckdb.connect() as base:
        for file in (HERE / "data" / name).glob("*.csv"):
            base.execute(f"CREATE TABLE {file.stem} AS FROM read_csv('{file}', all_varchar = true)")
        return _totals(base.execute(sql).fetchall())


TRACKED = """
    SELECT p.Partner, count(f."Opportunity ID"), coalesce(sum(f.ProductRevenue::DECIMAL(20, 2)), 0), 0::DECIMAL(20, 2)
    FROM partner p
    LEFT JOIN (
        SELECT f.* FROM opportunity_fact f JOIN account a ON a."Account ID" = f."Account ID" WHERE a.Region = 'East'
    ) f ON f."Partner ID" = p."Partner ID"
    WHERE p."Partner Driven" = 'Yes'
    GROUP BY p.Partner
"""

GIVEN = """
    WITH shares AS (
        SELECT account_id AS partner, sf_id AS gift FROM Opportunity
        UNION SELECT npsp__matching_gift_account__c, sf_id FROM Opportunity
    )
    SELECT a.sf_id, count(o.sf_id),
        coalesce(sum(o.Amount::DECIMAL(20, 2)) FILTER (o.StageName <> 'Posted'), 0),
        coalesce(sum(o.Amount::DECIMAL(20, 2)) FILTER (o.StageName = 'Posted'), 0)
    FROM Account a
    LEFT JOIN shares s ON s.partner = a.sf_id
    LEFT JOIN Opportunity o ON o.sf_id = s.gift
    WHERE a.npe01__SYSTEMIsIndividual__c = 'false'
    GROUP BY a.sf_id
"""


def test_partner_totals_of_the_sales_sample_are_those_of_its_files_and_direct_deals_have_no_partner(
    begin: Begin,
) -> None:
    job = begin("msft-opportunity-east", "salesforce")
    job.pmom("pull")
    found = _totals(job.mirror(MIRRORED.format(name="name")))
    assert found == _direct("msft-opportunity-east", TRACKED)
    assert len(found) == 38
    assert "Direct" not in found
    sold_directly = "SELECT count(*) FROM opportunities WHERE id NOT IN (SELECT opportunity_id FROM partner_links)"
    with (HERE / "data" / "msft-opportunity-east" / "opportunity_fact.csv").open() as file:
        direct = sum(line.split(",")[5] == "22" for line in file)
    assert job.mirror(sold_directly) == [(direct,)]


def test_partner_totals_of_the_nonprofit_org_are_those_of_its_files_and_a_matched_gift_counts_for_both(
    begin: Begin,
) -> None:
    job = begin("salesforce-npsp-trailhead", str(HERE / "npsp.toml"))
    job.pmom("pull")
    found = _totals(job.mirror(MIRRORED.format(name="id")))
    assert found == _direct("salesforce-npsp-trailhead", GIVEN)
    assert sum(won for _, _, won in found.values()) > 0
    shared = job.mirror("SELECT count(*) FROM partner_links WHERE via = 'matching gift'")
    assert shared == [(2,)]


@pytest.mark.parametrize(
    ("name", "mapping", "partners"),
    [
        ("msft-opportunity-east", "salesforce", 38),
        ("salesforce-npsp-trailhead", str(HERE / "npsp.toml"), 33),
    ],
)
def test_the_whole_job_runs_on_published_records_and_a_second_plan_is_empty(
    begin: Begin, name: str, mapping: str, partners: int
) -> None:
    job = begin(name, mapping)
    job.pmom("check")
    job.pmom("install")
    job.pmom("pull")
    decided = job.pmom("decide", "--as-of", f"{NOW:%Y-%m-%d}")
    assert decided["partners"] == partners
    planned = job.pmom("plan")
    assert planned["refusal"] is None
    applied = job.pmom("apply")
    assert set(applied["outcomes"]) == {"applied"}
    again = job.pmom("plan")
    assert again["changes"] == []
    latest = job.mirror("SELECT id FROM partners")
    assert set(job.deciding("PMOM_Triage_Decision__c")) == {row[0] for row in latest}
