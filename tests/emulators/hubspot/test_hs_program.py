"""The program: options, ready line, loading a folder; and vendors' clients against it."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests

from emulators.hubspot import program
from emulators.hubspot.loading import load_folder

KEYS = {
    "url", "ca_file", "access_token", "client_id", "client_secret", "refresh_token", "portal_id", "app_id", "user_id",
    "control_token", "now", "page",
}  # fmt: skip
COMPANIES = """hs_object_id,name,createdate,hs_lastmodifieddate,archived_at
11,Acme,2025-01-01T00:00:00Z,2025-06-01T12:00:00.500Z,
12,"Gone, Inc.",2025-01-02T00:00:00Z,2025-06-02T00:00:00Z,2026-03-01T00:00:00Z
"""
DEALS = """hs_object_id,dealname,amount,dealstage,pipeline,closedate,createdate,hs_lastmodifieddate
21,Boat,5000.00,closedwon,default,2025-03-01T00:00:00Z,2025-02-01T00:00:00Z,2025-03-01T00:00:00Z
"""
LINKS = "from_object,from_id,to_object,to_id,label\ndeals,21,companies,11,Primary\n"
PAST = """object,id,property,value,timestamp,source_type
deals,21,dealstage,contractsent,2025-02-01T00:00:00Z,CRM_UI
deals,21,dealstage,closedwon,2025-03-01T00:00:00Z,INTEGRATION
"""


def folder(path: Path, **files: str) -> Path:
    path.mkdir(exist_ok=True)
    for name, text in files.items():
        (path / f"{name}.csv").write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def world(tmp_path: Path) -> Path:
    return folder(tmp_path / "world", companies=COMPANIES, deals=DEALS, associations=LINKS, history=PAST)


def test_a_folder_is_loaded_with_ids_instants_links_and_past(hub: Any, world: Path) -> None:
    assert load_folder(hub.portal, world) == {
        "companies.csv": 2,
        "deals.csv": 1,
        "associations.csv": 1,
        "history.csv": 2,
    }
    told = hub.get("companies", "11", "name")
    assert (told["createdAt"], told["updatedAt"]) == ("2025-01-01T00:00:00Z", "2025-06-01T12:00:00.500Z")
    archived = hub.call("GET", "/crm/v3/objects/companies?archived=true")[1]["results"]
    assert [(each["id"], each["archivedAt"]) for each in archived] == [("12", "2026-03-01T00:00:00Z")]
    path = (
        "/crm/v3/objects/deals/21?associations=companies&propertiesWithHistory=dealstage&properties=hs_is_closed_won"
    )
    deal = hub.call("GET", path)[1]
    assert deal["properties"]["hs_is_closed_won"] == "true"
    assert [each["id"] for each in deal["associations"]["companies"]["results"]] == ["11", "11"]
    past = deal["propertiesWithHistory"]["dealstage"]
    assert [(each["value"], each["sourceType"]) for each in past] == [
        ("closedwon", "INTEGRATION"),
        ("contractsent", "CRM_UI"),
    ]
    assert hub.search("companies")["total"] == 1  # what was loaded is in the index


WRONG = [
    ("companies", "hs_object_id,nam\n1,x\n", "companies.csv, line 1: companies has no property 'nam'"),
    ("companies", "hs_object_id,name\n1,x\n2\n", "companies.csv, line 3: 1 values under 2 columns"),
    ("companies", "hs_object_id,name\nx,x\n", "companies.csv, line 2: 'x' is no record id"),
    ("companies", "hs_object_id,createdate\n1,soon\n", "companies.csv, line 2: 'soon' is no instant"),
    ("companies", "hs_object_id,lifecyclestage\n1,nowhere\n", "companies.csv, line 2: lifecyclestage: "),
    ("companies", "hs_object_id,name\n1,x\n1,y\n", "companies.csv, line 3: the id 1 stands on an earlier line too"),
    ("widgets", "hs_object_id\n1\n", "widgets.csv: the portal has no object 'widgets'"),
    ("associations", LINKS.replace("Primary", "Friend"), "associations.csv, line 2: no label 'Friend'"),
    ("associations", "from,to\n", "associations.csv, line 1: the columns must be"),
    ("history", PAST.replace("2025-02-01T00:00:00Z", "then"), "history.csv, line 2: 'then' is no instant"),
]


@pytest.mark.parametrize(("name", "text", "told"), WRONG)
def test_a_wrong_file_is_named_with_its_line(hub: Any, tmp_path: Path, name: str, text: str, told: str) -> None:
    path = folder(tmp_path / "wrong", **{name: text})
    with pytest.raises(ValueError, match=re.escape(told)):
        load_folder(hub.portal, path)
    assert hub.call("GET", "/crm/v3/objects/companies")[1] == {"results": []}  # all or nothing


def test_the_program_answers_over_tls_and_says_where(tmp_path: Path, world: Path) -> None:
    ready = tmp_path / "ready.json"
    words = ["hubspot", "--db", str(tmp_path / "p.db"), "--load", str(world), "--now", "2026-03-31T09:00:00Z"]
    command = [
        sys.executable,
        "-m",
        "emulators",
        *words,
        "--lag",
        "0",
        "--token",
        "pat-mine",
        "--ready-file",
        str(ready),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = json.loads(process.stdout.readline())
            assert (set(line), line["access_token"], line["portal_id"]) == (KEYS, "pat-mine", 48_000_001)
            session = requests.Session()
            session.trust_env = False
            with session:
                answer = session.get(
                    f"{line['url']}/crm/objects/2026-03/companies",
                    headers={"Authorization": "Bearer pat-mine"},
                    verify=line["ca_file"],
                    timeout=10,
                )
            assert [each["id"] for each in answer.json()["results"]] == ["11"]
            assert json.loads(ready.read_text()) == line
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--without", "wings"], "unknown features wings"),
        (["--load", "/no/such/folder"], "is not a folder"),
        (["--lag", "soon"], "--lag 'soon' is neither seconds, as 3, nor a span, as 1-10"),
        (["--time-zone", "Moon"], "--time-zone 'Moon' is not known"),
        (["--now", "2026-03-31"], "has no time zone"),
    ],
)
def test_options_without_sense_are_refused(words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(["--http", *words]) == 2
    assert told in capsys.readouterr().err


def test_a_file_keeps_its_edition_and_is_filled_once(tmp_path: Path, world: Path) -> None:
    words = ["--http", "--db", str(tmp_path / "p.db"), "--load", str(world)]
    for tier in ("starter", "enterprise"):
        emulator, line = program.build(program.parser().parse_args([*words, "--tier", tier]), tmp_path)
        with emulator:
            session = requests.Session()
            session.trust_env = False
            headers = {"X-Emulator-Token": str(line["control_token"])}
            state = session.get(f"{emulator.url}/__emulator__/state", headers=headers, timeout=10).json()
            session.close()
        assert state["tier"] == "starter"


def test_records_are_not_loaded_over_others(hub: Any, tmp_path: Path) -> None:
    path = folder(tmp_path / "again", companies=COMPANIES)
    load_folder(hub.portal, path)
    with pytest.raises(
        ValueError, match=r"companies\.csv, line 3 or before: .* has an id that the portal has already"
    ):
        load_folder(hub.portal, path)


def test_a_file_is_not_filled_from_two_folders(
    tmp_path: Path, world: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--http", "--db", str(tmp_path / "p.db"), "--load"]
    emulator, _ = program.build(program.parser().parse_args([*words, str(world)]), tmp_path)
    with emulator:
        pass
    other = folder(tmp_path / "other", companies=COMPANIES)
    assert program.main([*words, str(other)]) == 2
    assert "was filled from" in capsys.readouterr().err


def rewritten(path: str) -> str:
    """A path of the client's numbered versions under 2026-03."""
    parts = path.strip("/").split("/")
    return "/" + "/".join([parts[0], parts[2], "2026-03", *parts[3:]])


@pytest.mark.parametrize("dated", [False, True])
def test_the_official_client_understands_every_answer(hub: Any, dated: bool) -> None:
    hubspot = pytest.importorskip("hubspot")
    from hubspot.crm.companies import SimplePublicObjectInputForCreate

    def made(package: Any, name: str, config: Any) -> Any:
        settings = package.Configuration()
        settings.host, settings.access_token = config["host"], config["access_token"]
        client = package.ApiClient(configuration=settings)
        ask = client.call_api
        if dated:
            client.call_api = lambda path, *rest, **options: ask(rewritten(path), *rest, **options)
        return getattr(package, name)(api_client=client)

    client = hubspot.HubSpot(access_token="pat-na1-static", host=hub.url, base_url=hub.url, api_factory=made)
    companies = client.crm.companies
    one = companies.basic_api.create(SimplePublicObjectInputForCreate(properties={"name": "Acme"}))
    assert one.properties["name"] == "Acme"
    assert companies.basic_api.update(one.id, {"properties": {"name": "B"}}).properties["name"] == "B"
    page = companies.basic_api.get_page(limit=1, properties=["name", "phone"])
    assert ([each.id for each in page.results], page.results[0].properties["phone"]) == ([one.id], None)
    found = companies.search_api.do_search({"filterGroups": [], "properties": ["name"], "limit": 5})
    assert found.total == 1
    read = companies.batch_api.read({"inputs": [{"id": one.id}, {"id": "77"}], "properties": ["name"]})
    assert (read.num_errors, read.errors[0].context) == (1, {"ids": ["77"]})
    merged = companies.basic_api.create(SimplePublicObjectInputForCreate(properties={"name": "C"}))
    pair = {"primaryObjectId": one.id, "objectIdToMerge": merged.id}
    assert companies.basic_api.merge(pair).id == one.id
    companies.basic_api.archive(one.id)
    with pytest.raises(hubspot.crm.companies.ApiException) as bad:
        companies.basic_api.get_by_id(one.id)
    assert bad.value.status == 404
