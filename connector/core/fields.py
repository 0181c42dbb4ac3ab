"""What is a custom field of ours, without any vendor's name: its kind, its size, and who writes it?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from connector.core.records import Kind

Value = str | int | bool | Decimal | date | datetime | None
"""What a field may hold; several options are one text parted by ';' in the field's own order; None is empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreField:
    """A custom field of ours, without a vendor's name or suffix."""

    table: str  # the canonical table whose records carry it: "partners", "opportunities", ... or "tasks"
    name: str
    label: str
    kind: Kind
    help: str
    options: tuple[str, ...] = ()
    multiple: bool = False
    long: bool = False
    precision: int | None = None
    scale: int | None = None
    length: int | None = None
    unique_key: bool = False
    references: str | None = None  # a canonical table
    human: bool = False  # people write it, the connector never does
    volatile: bool = False  # never a reason to write by itself


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes the fields of one canonical table's cards in few words."""

    table: str

    def words(
        self, name: str, label: str, text: str, options: tuple[str, ...], *, multiple: bool = False
    ) -> ScoreField:
        """One of a closed list of words, or several."""
        return ScoreField(
            table=self.table, name=name, label=label, kind=Kind.TEXT, help=text, options=options, multiple=multiple
        )

    def text(self, name: str, label: str, text: str, length: int, *, long: bool = False) -> ScoreField:
        """Free text of at most so many characters."""
        return ScoreField(
            table=self.table, name=name, label=label, kind=Kind.TEXT, help=text, length=length, long=long
        )

    def number(self, name: str, label: str, text: str, precision: int, scale: int) -> ScoreField:
        """A number of so many digits, of which `scale` behind the point; without any it is whole."""
        kind = Kind.NUMBER if scale else Kind.INTEGER
        return ScoreField(
            table=self.table, name=name, label=label, kind=kind, help=text, precision=precision, scale=scale
        )

    def money(self, name: str, label: str, text: str) -> ScoreField:
        """An amount in the corporate currency, to the cent."""
        return ScoreField(
            table=self.table, name=name, label=label, kind=Kind.NUMBER, help=text, precision=18, scale=2
        )

    def plain(self, name: str, label: str, text: str, kind: Kind, *, volatile: bool = False) -> ScoreField:
        """A date, an instant, a yes or no."""
        return ScoreField(table=self.table, name=name, label=label, kind=kind, help=text, volatile=volatile)

    def link(self, name: str, label: str, text: str, references: str) -> ScoreField:
        """The id of a record of that canonical table."""
        return ScoreField(table=self.table, name=name, label=label, kind=Kind.ID, help=text, references=references)

    def version(self) -> ScoreField:
        """The policy under which the card was last written; never a reason to write."""
        return ScoreField(
            table=self.table,
            name="Policy_Version",
            label="Policy Version",
            kind=Kind.TEXT,
            help="The policy under which these fields were last written.",
            length=32,
            volatile=True,
        )

    def human(
        self,
        name: str,
        label: str,
        text: str,
        kind: Kind = Kind.TEXT,
        *,
        options: tuple[str, ...] = (),
        multiple: bool = False,
        length: int | None = None,
        references: str | None = None,
    ) -> ScoreField:
        """A field that people write and the connector never does."""
        return ScoreField(
            table=self.table,
            name=name,
            label=label,
            kind=kind,
            help=text,
            options=options,
            multiple=multiple,
            length=length,
            references=references,
            human=True,
        )


def joined(words: tuple[str, ...], options: tuple[str, ...]) -> str | None:
    """Several options as one text, each once, in the options' order; words that are no option are "Other" or lost."""
    known = {word if word in options else "Other" for word in words}
    return ";".join(option for option in options if option in known) or None
