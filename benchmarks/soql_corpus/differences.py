"""Where two judges of SOQL differ, why, and how that reads as a page."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.soql_corpus.corpus import Entry
from benchmarks.soql_corpus.other import PACKAGE, Opinion

RULES = Path(__file__).with_name("rules.toml")
NEEDS = {
    "schema": "needs the org's schema",
    "meaning": "needs the whole statement",
    "grammar": "is in the grammar",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """What a rule of the corpus is about; `differs` is empty where nobody differs."""

    title: str
    needs: str
    page: str
    differs: str = ""


@dataclass(frozen=True, slots=True)
class Difference:
    """A query that the corpus and the other parser judge differently; `refusal` is None when the other accepts."""

    entry: Entry
    refusal: str | None


def rules(path: Path = RULES) -> dict[str, Rule]:
    """The rules by their name in the corpus."""
    return {name: Rule(**told) for name, told in tomllib.loads(path.read_text(encoding="utf-8")).items()}


def differences(entries: Sequence[Entry], opinion: Opinion) -> tuple[Difference, ...]:
    """Every query of the corpus on which the verdicts differ."""
    pairs = zip(entries, opinion.refusals, strict=True)
    return tuple(Difference(entry, refusal) for entry, refusal in pairs if entry.accepted != (refusal is None))


@dataclass(frozen=True, slots=True)
class Figures:
    """How many queries there are, and on how many both agree; by what a verdict needs, (agreed, all)."""

    queries: int
    accepted: int
    agreed: int
    lenient: int
    strict: int
    by_need: dict[str, tuple[int, int]]

    @property
    def share(self) -> float:
        """Agreement in percent."""
        return 100 * self.agreed / self.queries


def figures(entries: Sequence[Entry], found: Sequence[Difference], told: dict[str, Rule]) -> Figures:
    """The figures of a comparison."""
    whole = Counter(told[entry.rule].needs for entry in entries)
    differing = Counter(told[one.entry.rule].needs for one in found)
    return Figures(
        queries=len(entries),
        accepted=sum(entry.accepted for entry in entries),
        agreed=len(entries) - len(found),
        lenient=sum(one.refusal is None for one in found),
        strict=sum(one.refusal is not None for one in found),
        by_need={need: (whole[need] - differing[need], whole[need]) for need in NEEDS},
    )


def summary(numbers: Figures, opinion: Opinion) -> list[str]:
    """The figures in sentences."""
    refused = numbers.queries - numbers.accepted
    lines = [
        f"{numbers.queries} queries: the corpus has {numbers.accepted} accepted and {refused} refused.",
        f"{PACKAGE} {opinion.version} gives the same verdict on {numbers.agreed} ({numbers.share:.1f} %): "
        f"it accepts {numbers.lenient} that are refused, and refuses {numbers.strict} that are accepted.",
    ]
    for need, (agreed, whole) in numbers.by_need.items():
        lines.append(f"Where the verdict {NEEDS[need]}: the same on {agreed} of {whole} ({_percent(agreed, whole)}).")
    return lines


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "none"


def page(entries: Sequence[Entry], opinion: Opinion) -> str:
    """The whole comparison as Markdown."""
    told, found = rules(), differences(entries, opinion)
    lines = [
        "# SOQL judged twice",
        "",
        "The corpus in `benchmarks/soql_corpus/queries.tsv` says of each query whether Salesforce answers or refuses "
        "it, and by which rule of the vendor's documents; no org was asked. Where the documents say that a query is "
        "refused but not with which code, the code is that of the nearest rule. The emulator gives the corpus's "
        "verdict and code on every one (`tests/emulators/soql/test_soql_corpus.py`). This page says where another "
        "parser of SOQL differs; `python -m benchmarks.soql_corpus` writes it. That parser reads texts for editors "
        "and builders of queries and knows no org: most differences are no fault of it.",
        "",
        *(f"- {line}" for line in summary(figures(entries, found, told), opinion)),
        "",
        "## Why they differ, by rule",
        "",
        *_by_rule(found, told),
        "",
        "## Every difference",
        "",
        *_every(found, told),
    ]
    return "\n".join(lines) + "\n"


def _by_rule(found: Sequence[Difference], told: dict[str, Rule]) -> list[str]:
    counts = Counter(one.entry.rule for one in found)
    rows = []
    for need, reads in NEEDS.items():
        for name, rule in told.items():
            if rule.needs == need and counts[name]:
                rows.append((rule.title, str(counts[name]), reads, rule.differs, rule.page))
    return _table(("Rule", "Queries", "The verdict", "Why the other parser differs", "Stated in"), rows)


def _every(found: Sequence[Difference], told: dict[str, Rule]) -> list[str]:
    rows = (
        (
            f"`{one.entry.query}`",
            one.entry.code or "accepted",
            "accepted" if one.refusal is None else "refused",
            told[one.entry.rule].title,
            one.entry.why,
        )
        for one in found
    )
    return _table(("Query", "Corpus", "Other parser", "Rule", "Because"), rows)


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    lines = [header, tuple("---" for _ in header), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |" for cells in lines]
