"""Do settings come from where they should, and does a wrong one lead to its place without showing a secret?"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from connector.config.settings import Settings, Sync, render_example, unknown_variables
from connector.errors import Misconfigured

SECRET = "correct-horse-battery"
ORG = '[salesforce]\ninstance_url = "https://acme.my.salesforce.com"\nclient_id = "key"\n'


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in [name for name in os.environ if name.upper().startswith("PMOM_")]:
        monkeypatch.delenv(name)


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(text, encoding="utf-8")
    return path


def load(tmp_path: Path, text: str, overrides: Mapping[str, Any] | None = None) -> Settings:
    return Settings.load(write(tmp_path, text), overrides)


def complaint(tmp_path: Path, text: str, overrides: Mapping[str, Any] | None = None) -> str:
    with pytest.raises(Misconfigured) as caught:
        load(tmp_path, text, overrides)
    assert not isinstance(caught.value.__context__, ValidationError)
    return str(caught.value).replace(f"{tmp_path}/", "")


def test_the_example_in_the_repository_is_rendered_from_the_model() -> None:
    example = Path(__file__).parents[2] / "config.example.toml"
    assert example.read_text(encoding="utf-8") == render_example()


def test_the_example_loads_and_says_the_defaults(tmp_path: Path) -> None:
    settings = load(tmp_path, render_example())
    assert settings.sync == Sync()
    assert settings.workspace.mirror == tmp_path / ".pmom" / "mirror.duckdb"
    assert settings.workspace.store == tmp_path / ".pmom" / "store.sqlite"


def test_every_commented_example_is_valid_too(tmp_path: Path) -> None:
    lines = render_example().splitlines()
    switched = [line[2:] if line.startswith("# ") and " = " in line and "  #" in line else line for line in lines]
    text = "\n".join(line for line in switched if not line.startswith("secrets_dir"))
    (tmp_path / "key").write_text("k", encoding="utf-8")
    text = text.replace("/run/secrets/salesforce_client_secret", "key").replace("/run/secrets/pmom.key", "key")
    text = re.sub(r"/run/secrets/\w+", "key", text)
    org = load(tmp_path, text).salesforce
    assert org is not None
    assert org.username == "pmom@acme.invalid"


def test_an_empty_file_is_all_defaults(tmp_path: Path) -> None:
    settings = load(tmp_path, "")
    assert settings.salesforce is None
    assert (settings.sync.overlap_minutes, settings.sync.holdback_seconds) == (10, 60)
    assert (settings.policy.file, settings.mapping.salesforce) == ("default", "salesforce")


def test_command_line_beats_environment_beats_secret_file_beats_config(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "secrets"
    folder.mkdir()
    text = 'secrets_dir = "secrets"\n' + ORG
    text = text.replace('client_id = "key"', 'client_id = "from file"')

    def client() -> str:
        org = load(tmp_path, text, overrides).salesforce
        assert org is not None
        return org.client_id

    overrides: dict[str, Any] = {}
    assert client() == "from file"
    (folder / "salesforce__client_id").write_text("from secret\n", encoding="utf-8")
    assert client() == "from secret"
    monkeypatch.setenv("PMOM_SALESFORCE__CLIENT_ID", "from environment")
    assert client() == "from environment"
    overrides = {"salesforce": {"client_id": "from command line"}}
    assert client() == "from command line"


def test_relative_paths_begin_at_the_files_folder_and_absolute_ones_stay(tmp_path: Path) -> None:
    settings = load(tmp_path, '[workspace]\ndir = "data"\n' + ORG + 'ca_file = "/etc/ca.pem"\n')
    assert settings.salesforce is not None
    assert settings.workspace.dir == tmp_path / "data"
    assert settings.salesforce.ca_file == Path("/etc/ca.pem")


def test_a_secret_is_taken_from_the_environment_a_mounted_file_or_a_named_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "named").write_text(f"{SECRET}\n", encoding="utf-8")
    (tmp_path / "mounted").mkdir()
    (tmp_path / "mounted" / "salesforce__client_secret").write_text(SECRET, encoding="utf-8")
    (tmp_path / "mounted" / "someone_elses").write_text("x", encoding="utf-8")
    named = load(tmp_path, ORG + 'client_secret_file = "named"\n')
    mounted = load(tmp_path, 'secrets_dir = "mounted"\n' + ORG)
    monkeypatch.setenv("PMOM_SALESFORCE__CLIENT_SECRET", SECRET)
    for settings in (named, mounted, load(tmp_path, ORG)):
        assert settings.salesforce is not None
        assert settings.connection() is settings.salesforce
        secret = settings.salesforce.client_secret
        assert secret is not None
        assert secret.get_secret_value() == SECRET


def test_a_secret_in_the_file_is_refused_without_being_shown(tmp_path: Path) -> None:
    text = complaint(tmp_path, ORG + f'client_secret = "{SECRET}"\n')
    assert text == (
        "config.toml:4: salesforce.client_secret: a secret may not stand in this file. "
        "Delete it here and set PMOM_SALESFORCE__CLIENT_SECRET instead, or name a file with client_secret_file."
    )


def test_every_wrong_value_is_named_at_once_with_its_line(tmp_path: Path) -> None:
    text = complaint(
        tmp_path,
        ORG + 'auth = "password"\nbudget_share = 20\n[sync]\noverlap_minuts = 15\nholdback_seconds = -1\n',
    )
    assert text.splitlines() == [
        "config.toml: 4 values are wrong. Correct each of them:",
        "  config.toml:4: salesforce.auth: must be 'client_credentials' or 'jwt' (got \"password\").",
        "  config.toml:5: salesforce.budget_share: must be at most 1 (got 20). "
        "Did you mean 0.20? Shares are fractions.",
        "  config.toml:7: sync.overlap_minuts: is not a key that is known here. Did you mean overlap_minutes?",
        "  config.toml:8: sync.holdback_seconds: must be at least 0 (got -1).",
    ]


@pytest.mark.parametrize(("minutes", "allowed"), [(4, False), (5, True), (1440, True), (1441, False)])
def test_the_overlap_has_its_bounds(tmp_path: Path, minutes: int, allowed: bool) -> None:
    text = f"[sync]\noverlap_minutes = {minutes}\n"
    if allowed:
        assert load(tmp_path, text).sync.overlap_minutes == minutes
    else:
        assert "config.toml:2: sync.overlap_minutes: must be at " in complaint(tmp_path, text)


def test_a_wrong_variable_is_named_instead_of_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PMOM_SYNC__OVERLAP_MINUTES", "soon")
    text = complaint(tmp_path, "[sync]\noverlap_minutes = 15\n")
    assert text.startswith("environment variable PMOM_SYNC__OVERLAP_MINUTES: sync.overlap_minutes: must be a whole")


def test_a_wrong_option_is_told_apart_from_the_file(tmp_path: Path) -> None:
    text = complaint(tmp_path, "", {"log": {"level": "loud"}})
    assert text.startswith("command line: log.level: must be 'debug', 'info', 'warning' or 'error'")


def test_a_misspelt_variable_in_a_known_table_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PMOM_SALESFORCE__CLIENT_SECRTE", SECRET)
    text = complaint(tmp_path, ORG)
    assert "PMOM_SALESFORCE__CLIENT_SECRTE" in text
    assert "Did you mean client_secret?" in text
    assert SECRET not in text


def test_a_variable_that_names_a_whole_table_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PMOM_LOG", "debug")
    assert complaint(tmp_path, "") == (
        "environment variable PMOM_LOG: [log] is a table. Set a setting of it, such as PMOM_LOG__LEVEL."
    )


def test_variables_that_set_nothing_are_found() -> None:
    strange = unknown_variables(
        {"PMOM_SYNK__OVERLAP_MINUTES": "1", "PMOM_SYNC__RECONCILE_DAYS": "1", "PMOM_CONFIG": ""}
    )
    assert [(problem.where, problem.fix) for problem in strange] == [
        ("environment variable PMOM_SYNK__OVERLAP_MINUTES", "Did you mean PMOM_SYNC__OVERLAP_MINUTES?")
    ]


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("http://acme.my.salesforce.com", "must be an address like"),
        ("acme.my.salesforce.com", "must be an address like"),
        (f"https://user:{SECRET}@acme.my.salesforce.com", "must not hold a user or password"),
    ],
)
def test_an_address_must_be_https_and_hold_no_password(tmp_path: Path, url: str, found: str) -> None:
    text = complaint(tmp_path, f'[salesforce]\ninstance_url = "{url}"\nclient_id = "key"\n')
    assert f"config.toml:2: salesforce.instance_url: {found}" in text
    assert SECRET not in text


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"there is no such file\. Make one with `pmom init`"):
        Settings.load(tmp_path / "nowhere.toml")


def test_a_missing_secrets_folder_is_named_with_its_line(tmp_path: Path) -> None:
    assert complaint(tmp_path, '\nsecrets_dir = "gone"\n').startswith(
        "config.toml:2: secrets_dir: there is no folder"
    )


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"x" * 70_000])
def test_an_unreadable_secret_file_is_named_and_not_shown(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "named").write_bytes(content)
    text = complaint(tmp_path, ORG + 'client_secret_file = "named"\n')
    assert text.startswith("config.toml:4: salesforce.client_secret_file: the file named is ")


def test_a_secret_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    found = complaint(tmp_path, ORG + 'client_secret_file = "gone"\n')
    assert found == (
        "config.toml:4: salesforce.client_secret_file: there is no file gone. Make it, or correct its name."
    )


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "there is no [salesforce] or [hubspot] table"),
        (ORG, "config.toml:1: the client_secret is nowhere to be found. Set PMOM_SALESFORCE__CLIENT_SECRET"),
        (ORG + 'auth = "jwt"\nusername = "u"\n', "the private_key is nowhere to be found"),
    ],
)
def test_a_connection_without_its_secret_says_where_to_put_it(tmp_path: Path, text: str, found: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        load(tmp_path, text).connection()
    assert found in str(caught.value)


def test_jwt_needs_a_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PMOM_SALESFORCE__PRIVATE_KEY", SECRET)
    with pytest.raises(Misconfigured, match="jwt needs username"):
        load(tmp_path, ORG + 'auth = "jwt"\n').connection()
    assert load(tmp_path, ORG + 'auth = "jwt"\nusername = "u"\n').connection().username == "u"


def test_a_secret_is_in_no_repr_and_no_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PMOM_SALESFORCE__CLIENT_SECRET", SECRET)
    settings = load(tmp_path, ORG)
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("test").debug("%s %r", settings, settings)
    shown = (caplog.text, repr(settings), str(settings), settings.model_dump_json(), str(settings.model_dump()))
    assert [SECRET in text for text in shown] == [False] * len(shown)


def test_a_secret_beside_a_mistake_is_not_in_the_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PMOM_SALESFORCE__CLIENT_SECRET", SECRET)
    with pytest.raises(Misconfigured) as caught:
        load(tmp_path, '[salesforce]\nclient_id = "key"\n')
    assert "salesforce.instance_url: is missing" in str(caught.value)
    assert caught.value.__context__ is None
    assert SECRET not in f"{caught.value!r} {caught.value} {caught.value.args} {vars(caught.value)}"


PORTAL = '[hubspot]\nportal_id = "12345678"\n'


def test_a_portal_needs_its_token_or_the_whole_of_an_oauth_sign_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Misconfigured, match=r"access_token is nowhere to be found.*PMOM_HUBSPOT__ACCESS_TOKEN"):
        load(tmp_path, PORTAL).connection()
    with pytest.raises(Misconfigured, match="oauth needs client_id, which is missing"):
        load(tmp_path, PORTAL + 'auth = "oauth"\n').connection()
    monkeypatch.setenv("PMOM_HUBSPOT__ACCESS_TOKEN", SECRET)
    settings = load(tmp_path, PORTAL)
    assert settings.crm() == "hubspot"
    assert settings.connection() is settings.hubspot
    assert SECRET not in repr(settings)


def test_two_crms_in_one_file_are_refused_with_the_line_of_the_second(tmp_path: Path) -> None:
    settings = load(tmp_path, ORG + PORTAL)
    with pytest.raises(Misconfigured, match=r"config\.toml:4: \[salesforce\] and \[hubspot\] stand in one file"):
        settings.crm()


def test_secrets_of_the_other_crm_in_the_environment_or_a_mounted_folder_do_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mounted").mkdir()
    (tmp_path / "mounted" / "hubspot__access_token").write_text("x", encoding="utf-8")
    monkeypatch.setenv("PMOM_HUBSPOT__REFRESH_TOKEN", "y")
    settings = load(tmp_path, 'secrets_dir = "mounted"\n' + ORG)
    assert settings.crm() == "salesforce"
    assert settings.hubspot is None


def test_the_example_for_a_portal_is_in_force_and_the_org_is_not(tmp_path: Path) -> None:
    settings = load(tmp_path, render_example("hubspot"))
    assert settings.crm() == "hubspot"
    assert settings.hubspot is not None
    assert settings.hubspot.api_version == "2026-03"
