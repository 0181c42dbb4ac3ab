"""What an admin sets about senders is checked before anything listens, and no secret is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from connector.config import webhooks
from connector.config.deployment import Deployment
from connector.config.settings import Settings
from connector.errors import Misconfigured
from connector.hooks.outbound import Allowed
from connector.web import tenants

ORG = '[salesforce]\ninstance_url = "https://acme.my.salesforce.com"\nclient_id = "x"\n'
PORTAL = '[hubspot]\nportal_id = "48000001"\n'
LONG = "k" * 32


def load(folder: Path, text: str) -> Settings:
    (folder / "config.toml").write_text(text, encoding="utf-8")
    return Settings.load(folder / "config.toml")


def tenant(folder: Path, text: str) -> tenants.Tenant:
    (folder / "config.toml").write_text(text, encoding="utf-8")
    return tenants.sorted_out(Deployment.load(folder / "config.toml"))[0][0]


def test_without_secrets_every_door_is_shut(tmp_path: Path) -> None:
    found = tenant(tmp_path, ORG)
    assert (found.hubspot, found.outbound, found.events) == (None, None, None)


def test_secrets_come_from_the_environment_the_folder_and_named_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "webhooks__outbound_previous_secret").write_text("p" * 32, encoding="utf-8")
    (tmp_path / "named").write_text("n" * 32 + "\n", encoding="utf-8")
    monkeypatch.setenv("PMOM_WEBHOOKS__EVENTS_SECRET", LONG)
    found = tenant(
        tmp_path,
        f'secrets_dir = "folder"\n{ORG}[webhooks]\noutbound_secret_file = "named"\n'
        'outbound_organization = "00D000000000001"\noutbound_actions = "04k000000000001AAA, 04k000000000002"\n',
    )
    actions = frozenset(("04k000000000001AAA", "04k000000000002"))
    assert found.outbound == tenants.OutboundDoor(("n" * 32, "p" * 32), Allowed("00D000000000001", actions))
    assert found.events == tenants.EventsDoor((LONG,))


def test_a_secret_in_the_file_itself_is_refused_and_not_shown(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="a secret may not stand in this file") as refused:
        load(tmp_path, f'{ORG}[webhooks]\nevents_secret = "{LONG}"\n')
    assert LONG not in str(refused.value)


@pytest.mark.parametrize(
    ("secret", "found"),
    [("k" * 31, "is shorter than 32 characters"), ("k" * 31 + "/", "characters that an address cannot hold")],
)
def test_a_weak_secret_of_our_own_making_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, secret: str, found: str
) -> None:
    monkeypatch.setenv("PMOM_WEBHOOKS__EVENTS_SECRET", secret)
    with pytest.raises(Misconfigured, match=found) as refused:
        webhooks.checked(load(tmp_path, ORG))
    assert secret not in str(refused.value)


def test_hubspots_own_secret_may_be_as_hubspot_makes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PMOM_WEBHOOKS__HUBSPOT_CLIENT_SECRET", "a/short-one")
    webhooks.checked(load(tmp_path, PORTAL))


@pytest.mark.parametrize("end", ["\n", " ", "\r\n"])
def test_hubspots_secret_with_a_line_end_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    monkeypatch.setenv("PMOM_WEBHOOKS__HUBSPOT_CLIENT_SECRET", "a/short-one" + end)
    with pytest.raises(Misconfigured, match="holds a blank or a line end") as refused:
        webhooks.checked(load(tmp_path, PORTAL))
    assert "short-one" not in str(refused.value)


@pytest.mark.parametrize("end", ["?x=1", "/#a", "/a b"])
def test_a_public_url_is_an_address_alone(tmp_path: Path, end: str) -> None:
    with pytest.raises(Misconfigured, match="must be an address alone"):
        load(tmp_path, f'{PORTAL}[web]\npublic_url = "https://pmom.acme.invalid{end}"\n')


def test_two_connections_with_the_same_secret_of_events_are_refused(tmp_path: Path) -> None:
    for name, secret in (("a", LONG), ("b", "j" * 32)):
        (tmp_path / name).write_text(secret, encoding="utf-8")
        text = f'name = "{name}"\n[workspace]\ndir = "w{name}"\n{ORG}[webhooks]\nevents_secret_file = "{name}"\n'
        (tmp_path / f"{name}.toml").write_text(text, encoding="utf-8")
    (tmp_path / "config.toml").write_text('connections = ["a.toml", "b.toml"]\n', encoding="utf-8")
    assert len(tenants.sorted_out(Deployment.load(tmp_path / "config.toml"))[0]) == 2
    (tmp_path / "b").write_text(LONG, encoding="utf-8")
    with pytest.raises(Misconfigured, match=r"webhooks\.events_secret of b is also that of a") as refused:
        tenants.sorted_out(Deployment.load(tmp_path / "config.toml"))
    assert LONG not in str(refused.value)


def test_outbound_messages_need_their_org(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PMOM_WEBHOOKS__OUTBOUND_SECRET", LONG)
    with pytest.raises(Misconfigured, match="outbound_organization is missing"):
        webhooks.checked(load(tmp_path, ORG))


@pytest.mark.parametrize("line", ['outbound_organization = "acme"', 'outbound_actions = "04k1"'])
def test_ids_of_other_things_are_refused(tmp_path: Path, line: str) -> None:
    with pytest.raises(Misconfigured, match="must be"):
        load(tmp_path, f"{ORG}[webhooks]\n{line}\n")


def test_hubspots_address_is_made_of_the_public_url_or_set_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PMOM_WEBHOOKS__HUBSPOT_CLIENT_SECRET", "s")
    with pytest.raises(Misconfigured, match="target address is not known"):
        tenant(tmp_path, PORTAL)
    made = tenant(tmp_path, f'name = "emea"\n{PORTAL}[web]\npublic_url = "https://pmom.acme.invalid/"\n')
    assert made.hubspot is not None
    assert made.hubspot.uri == "https://pmom.acme.invalid/hooks/hubspot/emea"
    whole = 'hubspot_target_url = "https://acme.invalid/in?x=1"'
    set_ = tenant(tmp_path, f'{PORTAL}[web]\npublic_url = "https://pmom.acme.invalid"\n[webhooks]\n{whole}\n')
    assert set_.hubspot is not None
    assert set_.hubspot.uri == "https://acme.invalid/in?x=1"


def test_a_tenant_is_never_printed_with_its_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PMOM_WEBHOOKS__EVENTS_SECRET", LONG)
    found = tenant(tmp_path, ORG)
    assert LONG not in repr(found)
    assert LONG not in repr(found.events)
