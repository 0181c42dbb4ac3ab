"""Does every link of the project's pages lead somewhere in the project?"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.md")])
_CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)
_DEFINED = re.compile(r"^\[([^\]]+)\]: \S+$", re.MULTILINE)
_NAMED = re.compile(r"\| \[([A-Z]\w+)\]: ")  # a guide, before the names of its pages


def anchors(page: Path) -> set[str]:
    """The headings as they stand in addresses."""
    found = _HEADING.findall(page.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in found}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file_and_its_heading(page: Path) -> None:
    text = _CODE.sub("", page.read_text(encoding="utf-8"))
    broken = []
    for link in _LINK.findall(text):
        target, _, heading = link.partition("#")
        if target.startswith(("http:", "https:", "mailto:")):
            continue
        there = (page.parent / target).resolve() if target else page
        if not there.exists() or (heading and heading not in anchors(there)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("name", ["emulated-salesforce.md", "emulated-hubspot.md"])
def test_every_line_of_what_is_emulated_names_the_vendors_guide(name: str) -> None:
    text = (ROOT / "docs" / name).read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| area |")]
    assert [line[:40] for line in lines if line.count("|") != 5 or not _NAMED.search(line)] == []
    assert {guide for line in lines for guide in _NAMED.findall(line)} == set(_DEFINED.findall(text))
