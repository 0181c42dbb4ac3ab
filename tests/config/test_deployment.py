"""One file is one deployment: ordinary settings, or the names of several; all that is wrong is named at once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from connector.config.deployment import Deployment
from connector.config.operation import Jobs, Schedule, Web
from connector.errors import Misconfigured

ORG = """[salesforce]
instance_url = "https://127.0.0.1:9"
client_id = "id"
"""
PORTAL = """[hubspot]
portal_id = "48000001"
"""
CONFIGURATION = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text(encoding="utf-8")


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    return folder / "deployment.toml"


def refused(path: Path) -> str:
    with pytest.raises(Misconfigured) as caught:
        Deployment.load(path)
    return str(caught.value).replace(f"{path.parent}/", "")


def test_an_ordinary_settings_file_is_a_deployment_of_one_connection(tmp_path: Path) -> None:
    found = Deployment.load(write(tmp_path, deployment=ORG))
    assert [each.name for each in found.connections] == ["salesforce"]
    assert (found.web, found.jobs, found.schedule) == (Web(), Jobs(), Schedule())
    assert (found.fleet, found.durable) == (
        tmp_path / ".pmom" / "fleet.sqlite",
        f"sqlite:///{tmp_path / '.pmom' / 'dbos.sqlite'}",
    )


def test_a_file_names_several_connections(tmp_path: Path) -> None:
    emea = f'name = "emea"\n[workspace]\ndir = "emea"\n{ORG}'
    top = 'connections = ["emea.toml", "portal.toml"]\n[jobs]\ndir = "jobs"\n[web]\nport = 9000\n'
    found = Deployment.load(write(tmp_path, deployment=top, emea=emea, portal=PORTAL))
    assert [(each.name, each.settings.workspace.dir.name) for each in found.connections] == [
        ("emea", "emea"),
        ("hubspot", ".pmom"),
    ]
    assert (found.folder, found.web.port) == (tmp_path / "jobs", 9000)
    assert found.connection("emea").settings.crm() == "salesforce"


def test_the_example_of_the_page_is_a_deployment(tmp_path: Path) -> None:
    example = re.search(r"```toml\n(connections = .*?)```", CONFIGURATION, re.DOTALL)
    assert example is not None
    emea = f'name = "emea"\n[workspace]\ndir = "emea"\n{ORG}'
    found = Deployment.load(write(tmp_path, deployment=example[1], emea=emea, portal=PORTAL))
    assert found.schedule.sync == "*/10 6-20 * * mon-fri"


def test_connections_of_one_name_or_folder_are_refused_together(tmp_path: Path) -> None:
    told = refused(write(tmp_path, deployment='connections = [\n"a.toml",\n"b.toml"]\n', a=ORG, b=ORG))
    assert 'deployment.toml:3: b.toml: name: "salesforce" is also that of a.toml' in told
    assert 'deployment.toml:3: b.toml: workspace.dir: ".pmom" is also that of a.toml' in told


def test_one_folder_by_two_names_is_one_folder(tmp_path: Path) -> None:
    a, b = (f'name = "{n}"\n[workspace]\ndir = "{d}"\n{ORG}' for n, d in (("a", "ws"), ("b", "x/../ws")))
    told = refused(write(tmp_path, deployment='connections = [\n"a.toml",\n"b.toml"]\n', a=a, b=b))
    assert 'b.toml: workspace.dir: "x/../ws" is also that of a.toml' in told


def test_every_wrong_connection_is_named_at_once(tmp_path: Path) -> None:
    top = 'connections = [\n"gone.toml",\n"empty.toml",\n"nest.toml"]\n'
    told = refused(write(tmp_path, deployment=top, empty="", nest='connections = ["empty.toml"]\n'))
    assert "3 connections are wrong" in told
    assert "deployment.toml:2: there is no file gone.toml" in told
    assert "empty.toml: there is no [salesforce] or [hubspot] table" in told
    assert "deployment.toml:4: nest.toml names connections itself" in told


def test_a_crm_beside_connections_is_refused(tmp_path: Path) -> None:
    told = refused(write(tmp_path, deployment=f'connections = ["a.toml"]\n{ORG}', a=PORTAL))
    assert "deployment.toml:2: salesforce: stands beside connections" in told


def test_other_commands_say_that_one_connection_is_to_be_chosen(tmp_path: Path) -> None:
    found = Deployment.load(write(tmp_path, deployment='connections = ["a.toml"]\n', a=PORTAL))
    with pytest.raises(Misconfigured, match=r"several connections\. Choose one of its files with --config"):
        found.settings.crm()


@pytest.mark.parametrize("name", ["a", "emea-2", "x" * 32])
def test_a_name_that_addresses_can_hold_is_taken(tmp_path: Path, name: str) -> None:
    assert Deployment.load(write(tmp_path, deployment=f'name = "{name}"\n{ORG}')).connections[0].name == name


@pytest.mark.parametrize("name", ["EMEA", "-a", "a-", "a b", "é", "x" * 33])
def test_a_name_that_they_cannot_hold_is_refused(tmp_path: Path, name: str) -> None:
    assert "deployment.toml:1: name: must be lower-case" in refused(
        write(tmp_path, deployment=f'name = "{name}"\n{ORG}')
    )


@pytest.mark.parametrize("when", ["0", "1", "1440", '"0 5 * * *"', '"*/15 6-20 * * mon-fri"'])
def test_a_schedule_is_minutes_or_a_cron_line(tmp_path: Path, when: str) -> None:
    found = Deployment.load(write(tmp_path, deployment=f"{ORG}[schedule]\nsync = {when}\n"))
    assert str(found.schedule.sync) == when.strip('"')


@pytest.mark.parametrize("when", ["-1", "1441", "true", '"5 * * *"', '"0 0 * * 1"', '"@daily"', "[1]"])
def test_other_schedules_are_refused(tmp_path: Path, when: str) -> None:
    told = refused(write(tmp_path, deployment=f"{ORG}[schedule]\nsync = {when}\n"))
    assert told.startswith("deployment.toml:5: schedule.sync: must ")


def test_a_zone_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    assert "must be a time zone" in refused(write(tmp_path, deployment=f'{ORG}[schedule]\ntimezone = "Mars"\n'))


def test_a_variable_says_minutes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PMOM_SCHEDULE__SYNC", "7")
    assert Deployment.load(write(tmp_path, deployment=ORG)).schedule.sync == 7


def test_the_password_of_the_database_stands_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PMOM_JOBS__DATABASE_PASSWORD", "p@ss/word")
    found = Deployment.load(write(tmp_path, deployment=f'{ORG}[jobs]\ndatabase = "postgresql://pmom@db/pmom"\n'))
    assert found.durable == found.fleet == "postgresql+psycopg://pmom:p%40ss%2Fword@db/pmom"
    assert "ss/word" not in repr(found)
    told = refused(write(tmp_path, deployment=f'{ORG}[jobs]\ndatabase = "postgresql://pmom:hush@db/pmom"\n'))
    assert "may not hold a password" in told
    assert "hush" not in told
    assert "must begin with" in refused(write(tmp_path, deployment=f'{ORG}[jobs]\ndatabase = "mysql://db"\n'))


@pytest.mark.parametrize(
    ("emea", "name", "why"),
    [
        (f'name = "emea"\n{ORG}client_secret_file = "gone"\n', "emea", "there is no file"),
        (f'name = "emea"\n{ORG}surprise = 1\n', "emea", "surprise"),
        (f'{ORG}client_secret_file = "gone"\n', "salesforce", "there is no file"),
        ("name = [", "b-2-b", "b 2 b.toml"),
        (None, "b-2-b", "there is no file"),
    ],
)
def test_a_connection_that_cannot_be_loaded_rests_beside_the_others(
    tmp_path: Path, emea: str | None, name: str, why: str
) -> None:
    top = 'connections = ["b 2 b.toml", "portal.toml"]\n'
    path = write(tmp_path, deployment=top, portal=PORTAL, **({"b 2 b": emea} if emea is not None else {}))
    found = Deployment.load(path, spare=True)
    assert ([each.name for each in found.connections], found.names) == (["hubspot"], ("hubspot", name))
    assert why in str(found.resting[0].why)
    assert found.path_of(name) == tmp_path / "b 2 b.toml"
    with pytest.raises(Misconfigured, match=re.escape(why)):
        found.connection(name)
    assert why in refused(path)


def test_a_connection_that_rests_takes_no_name_that_another_has(tmp_path: Path) -> None:
    top = 'connections = ["a.toml", "b.toml", "c.toml"]\n'
    broken = f"{PORTAL}surprise = 1\n"
    found = Deployment.load(write(tmp_path, deployment=top, a=broken, b=PORTAL, c=broken), spare=True)
    assert found.names == ("hubspot", "hubspot-2", "hubspot-3")


def test_what_is_wrong_with_the_deployment_itself_is_refused_also_where_connections_may_rest(tmp_path: Path) -> None:
    def told(text: str, **more: str) -> str:
        with pytest.raises(Misconfigured) as caught:
            Deployment.load(write(tmp_path, deployment=text, **more), spare=True)
        return str(caught.value)

    assert "2 connections are wrong" in told('connections = ["x.toml", "y.toml"]\n')
    assert "there is no file" in told('connections = ["x.toml"]\n')
    assert "is also that of" in told('connections = ["a.toml", "b.toml", "x.toml"]\n', a=ORG, b=ORG)
    assert "web.port" in told('connections = ["a.toml", "x.toml"]\n[web]\nport = 0\n')
    assert "there is no file" in told(f'{ORG}client_secret_file = "gone"\n')
