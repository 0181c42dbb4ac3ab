"""`python -m benchmarks.soql_corpus`: judge the corpus by soql-parser-js too; print and write every difference."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.soql_corpus.corpus import Entry, Judge, entries
from benchmarks.soql_corpus.differences import differences, figures, page, rules, summary
from benchmarks.soql_corpus.other import PACKAGE, VERSION, OtherMissing, judged

PAGE = Path(__file__).parents[2] / "docs" / "soql-differences.md"


def main(argv: list[str] | None = None) -> int:
    """Exit code 0; 1 when the emulator itself departs from the corpus."""
    asked = _arguments(argv)
    corpus = entries()
    wrong = _departures(corpus)
    for line in wrong:
        print(line, file=sys.stderr)
    if wrong:
        return 1
    print(f"The emulator gives the corpus's verdict on all {len(corpus)} queries.")
    try:
        opinion = judged([entry.query for entry in corpus], asked.version)
    except OtherMissing as missing:
        print(f"Not compared with {PACKAGE}: {missing}.")
        return 0
    told, found = rules(), differences(corpus, opinion)
    for one in found:
        entry = one.entry
        other = "accepted" if one.refusal is None else "refused"
        print(f"{entry.code or 'accepted'} | {other} there | {told[entry.rule].title} | {entry.query} | {entry.why}")
    print("\n".join(summary(figures(corpus, found, told), opinion)))
    if not asked.no_page:
        asked.page.write_text(page(corpus, opinion), encoding="utf-8")
        print(f"Written: {asked.page}")
    return 0


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soql_corpus", description=__doc__)
    parser.add_argument("--version", default=VERSION, help=f"version of {PACKAGE} (default: %(default)s)")
    parser.add_argument("--page", type=Path, default=PAGE, help="file to write (default: docs/soql-differences.md)")
    parser.add_argument("--no-page", action="store_true", help="print only")
    return parser.parse_args(argv)


def _departures(corpus: tuple[Entry, ...]) -> list[str]:
    """Queries on which the emulator and the corpus differ; none, as long as the tests pass."""
    judge = Judge()
    try:
        codes = [judge.code(entry.query) for entry in corpus]
    finally:
        judge.close()
    return [
        f"the emulator says {code or 'accepted'}, the corpus {entry.code or 'accepted'}: {entry.query}"
        for entry, code in zip(corpus, codes, strict=True)
        if code != entry.code
    ]


if __name__ == "__main__":
    sys.exit(main())
