"""Are the slips of a first settings file told in words that lead to their end?"""

from __future__ import annotations

from pathlib import Path

import pytest

from connector.config.settings import Settings, render_example
from connector.errors import Misconfigured

PORTAL = '[hubspot]\nportal_id = "48000001"\naccess_token_file = "token"\n'
TOKEN = "pat-na1-0f0f0f0f"


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in [name for name in os.environ if name.upper().startswith("PMOM_")]:
        monkeypatch.delenv(name)


def load(tmp_path: Path, text: str, token: str | None = TOKEN) -> Settings:
    if token is not None:
        (tmp_path / "token").write_text(token, encoding="utf-8")
    path = tmp_path / "config.toml"
    path.write_text(text, encoding="utf-8")
    settings = Settings.load(path)
    settings.connection()
    return settings


def complaint(tmp_path: Path, text: str, token: str | None = TOKEN) -> str:
    with pytest.raises(Misconfigured) as caught:
        load(tmp_path, text, token)
    return str(caught.value).replace(f"{tmp_path}/", "")


@pytest.mark.parametrize("written", ['"48000001"', "48000001", '" 48000001 "'])
def test_a_portal_id_is_taken_with_and_without_quotes(tmp_path: Path, written: str) -> None:
    settings = load(tmp_path, PORTAL.replace('"48000001"', written))
    assert settings.hubspot is not None
    assert settings.hubspot.portal_id == "48000001"


@pytest.mark.parametrize("written", ['"eu1-48000001"', '""', "true", "-1", "4.8"])
def test_a_portal_id_that_is_no_number_is_told_how_one_looks(tmp_path: Path, written: str) -> None:
    assert complaint(tmp_path, PORTAL.replace('"48000001"', written)) == (
        'config.toml:2: hubspot.portal_id: must be digits. Write them as portal_id = "48000001".'
    )


@pytest.mark.parametrize(
    ("token", "found"),
    [
        (None, "hubspot.access_token_file: there is no file token. Make it, or correct its name."),
        ("\n", "hubspot.access_token_file: the file token is empty. Write the secret into it, and nothing else."),
        (
            f'"{TOKEN}"',
            "the access_token holds quotes. Copy it anew, alone and without quotes. It is not shown here.",
        ),
        (
            f"token {TOKEN}",
            "the access_token holds a blank or a line end. "
            "Copy it anew, alone and without quotes. It is not shown here.",
        ),
    ],
)
def test_a_token_that_cannot_be_one_is_told_here_and_not_by_the_portal(
    tmp_path: Path, token: str | None, found: str
) -> None:
    said = complaint(tmp_path, PORTAL, token)
    assert said == f"config.toml:3: {found}"
    assert TOKEN not in said


def test_a_deleted_table_line_is_asked_for(tmp_path: Path) -> None:
    said = complaint(tmp_path, '[workspace]\ndir = "w"\n\nportal_id = "48000001"\n')
    assert said == (
        "config.toml:4: workspace.portal_id: is not a key that is known here. "
        "It belongs to [hubspot]: is the [hubspot] line missing above it?"
    )


def test_the_example_for_a_portal_speaks_of_portals() -> None:
    own = render_example("hubspot").partition("## ")[0]
    assert "hubspot__access_token" in own
    assert "005..." not in own
    assert "salesforce__" not in own
