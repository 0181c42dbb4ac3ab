"""Do the pages about settings and mappings say what the program does?"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from connector.config.fieldmap import How, Unlisted
from connector.config.mapping_file import load_named, parse
from connector.config.settings import Settings, render_example

DOCS = Path(__file__).parents[2] / "docs"
CONFIGURATION = (DOCS / "configuration.md").read_text(encoding="utf-8")
MAPPING = (DOCS / "mapping.md").read_text(encoding="utf-8")
SMALL = (Path(__file__).parent / "configs" / "good.toml").read_text(encoding="utf-8")


def test_every_table_of_settings_is_explained() -> None:
    tables = [name for name in Settings.model_fields if name not in ("secrets_dir", "name", "connections")]
    assert [name for name in tables if f"| `[{name}]` |" not in CONFIGURATION] == []


def test_every_setting_that_the_page_names_exists() -> None:
    example = render_example()
    named = set(re.findall(r"`([a-z]+_[a-z_]+)`", CONFIGURATION)) - {"salesforce__client_secret", "config.toml"}
    assert {name for name in named if not re.search(rf"\b{name}\b", example)} == set()


def test_every_test_and_rule_of_mappings_is_explained() -> None:
    assert [how.value for how in How if f"`{how.value}`" not in MAPPING and f"`{how.value} =" not in MAPPING] == []
    assert [rule.value for rule in Unlisted if f'`"{rule.value}"`' not in MAPPING] == []


def test_the_shipped_mapping_explains_itself_by_the_same_words() -> None:
    assert load_named("salesforce").of("quotes")[0].requires == "the Quotes setting"


@pytest.mark.parametrize(
    "rule", re.findall(r"^\| `((?:name = \"Name\")|\{ .* \})`", MAPPING, re.MULTILINE), ids=lambda rule: rule[:30]
)
def test_every_form_of_a_column_that_the_page_shows_is_accepted(rule: str) -> None:
    written = rule if rule.startswith("name") else f"industry = {rule}"
    parse(SMALL.replace('name = "Name"', written if "name =" in written else f'name = "Name"\n{written}'), "x.toml")
