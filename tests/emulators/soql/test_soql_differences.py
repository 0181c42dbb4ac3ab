"""How the corpus is compared with another parser: what counts as a difference, and what is written of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.soql_corpus import __main__ as program
from benchmarks.soql_corpus.corpus import Entry, entries
from benchmarks.soql_corpus.differences import Difference, Figures, differences, figures, page, rules, summary
from benchmarks.soql_corpus.other import Opinion, OtherMissing, judged

GOOD = Entry("select", "", "SELECT Id FROM Account", "All that is needed")
UNKNOWN = Entry("type", "INVALID_TYPE", "SELECT Id FROM Nope", "No such object")
BROKEN = Entry("token", "MALFORMED_QUERY", "SELECT", "A query without fields and object")
ALIAS = Entry("alias", "", "SELECT a.Id FROM Account AS a", "AS is optional")
ALL = (GOOD, UNKNOWN, BROKEN, ALIAS)
OPINION = Opinion("9.9.9", (None, None, "broken", "expecting EOF"))


def test_only_opposite_verdicts_are_differences() -> None:
    assert differences(ALL, OPINION) == (Difference(UNKNOWN, None), Difference(ALIAS, "expecting EOF"))


def test_figures_count_agreement_by_what_a_verdict_needs() -> None:
    assert figures(ALL, differences(ALL, OPINION), rules()) == Figures(
        queries=4,
        accepted=2,
        agreed=2,
        lenient=1,
        strict=1,
        by_need={"schema": (0, 1), "meaning": (0, 1), "grammar": (2, 2)},
    )


def test_the_figures_read_as_sentences() -> None:
    numbers = Figures(4, 2, 2, 1, 1, {"schema": (0, 1), "meaning": (0, 0), "grammar": (2, 2)})
    assert summary(numbers, OPINION) == [
        "4 queries: the corpus has 2 accepted and 2 refused.",
        "@jetstreamapp/soql-parser-js 9.9.9 gives the same verdict on 2 (50.0 %): "
        "it accepts 1 that are refused, and refuses 1 that are accepted.",
        "Where the verdict needs the org's schema: the same on 0 of 1 (0.0 %).",
        "Where the verdict needs the whole statement: the same on 0 of 0 (none).",
        "Where the verdict is in the grammar: the same on 2 of 2 (100.0 %).",
    ]


def test_the_page_lists_every_difference_with_its_reason() -> None:
    lines = page(ALL, OPINION).splitlines()
    assert lines[-2:] == [
        "| `SELECT Id FROM Nope` | INVALID_TYPE | accepted | Objects and relationships that exist | No such object |",
        "| `SELECT a.Id FROM Account AS a` | accepted | refused | Aliases | AS is optional |",
    ]


def test_the_written_page_is_of_the_present_corpus() -> None:
    written = program.PAGE.read_text(encoding="utf-8")
    corpus = entries()
    accepted = sum(entry.accepted for entry in corpus)
    counted = f"- {len(corpus)} queries: the corpus has {accepted} accepted and {len(corpus) - accepted} refused."
    assert counted in written.splitlines()
    judged = {entry.query: entry for entry in corpus}
    rows = [line.split(" | ") for line in written.splitlines() if line.startswith("| `")]
    assert rows
    for row in rows:
        entry = judged[row[0].removeprefix("| `").removesuffix("`")]
        assert (row[1], row[4].removesuffix(" |")) == (entry.code or "accepted", entry.why)
        assert rules()[entry.rule].differs, entry.rule


def test_without_node_the_program_says_so_and_ends_well(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert program.main(["--page", str(tmp_path / "page.md")]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"The emulator gives the corpus's verdict on all {len(entries())} queries.",
        "Not compared with @jetstreamapp/soql-parser-js: node is not on the PATH.",
    ]
    assert not (tmp_path / "page.md").exists()


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str, str], None]:
    """A PATH with nothing but a node and an npm that do as the test says."""
    monkeypatch.setenv("PATH", str(tmp_path))

    def write(node: str, npm: str) -> None:
        for name, body in (("node", node), ("npm", npm)):
            (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
            (tmp_path / name).chmod(0o755)

    return write


def test_opinions_come_from_what_npm_installed_and_node_ran(programs: Callable[[str, str], None]) -> None:
    programs("""echo '{"version": "1.2.3", "refusals": [null, "no"]}'""", "exit 0")
    assert judged(["SELECT Id FROM Account", "SELECT"]) == Opinion("1.2.3", (None, "no"))


@pytest.mark.parametrize(
    ("node", "npm", "says"),
    [
        ("exit 0", "echo 'no network' >&2; exit 7", "`npm install` ended with 7: no network"),
        ("exit 3", "exit 0", "`node judge.cjs` ended with 3: no message"),
    ],
)
def test_a_parser_that_cannot_be_had_is_told_with_its_reason(
    programs: Callable[[str, str], None], node: str, npm: str, says: str
) -> None:
    programs(node, npm)
    with pytest.raises(OtherMissing) as missing:
        judged(["SELECT"])
    assert str(missing.value) == says
