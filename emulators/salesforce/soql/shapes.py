"""How the columns of one SQL row become a nested JSON record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from emulators.salesforce.schema import FieldType
from emulators.salesforce.soql.rendering import Render

Row = tuple[Any, ...]
Record = dict[str, Any]
Children = Mapping[str, Mapping[str, Record]]  # child relationship -> parent id -> block

ADDRESS_PARTS = (
    ("city", "City"),
    ("country", "Country"),
    ("countryCode", "CountryCode"),
    ("geocodeAccuracy", "GeocodeAccuracy"),
    ("latitude", "Latitude"),
    ("longitude", "Longitude"),
    ("postalCode", "PostalCode"),
    ("state", "State"),
    ("stateCode", "StateCode"),
    ("street", "Street"),
)


@dataclass(frozen=True, slots=True)
class ResultColumn:
    """A column of the answer, for `columns=true` and CSV headers; `joins` are the columns of a parent or children."""

    name: str
    field: FieldType | None = None
    aggregate: bool = False
    joins: tuple[ResultColumn, ...] = ()


@dataclass(frozen=True, slots=True)
class Cell:
    """One value at an index of the row; `render` is None where the stored form is the JSON form."""

    index: int
    render: Render | None

    def build(self, row: Row, _: Children) -> Any:
        """The JSON value."""
        value = row[self.index]
        return value if self.render is None else self.render(value)


@dataclass(frozen=True, slots=True)
class Address:
    """A compound address; null when all parts are."""

    parts: tuple[tuple[str, int], ...]

    def build(self, row: Row, _: Children) -> Any:
        """The JSON object or None."""
        found = {name: row[index] for name, index in self.parts}
        return found if any(value is not None for value in found.values()) else None


@dataclass(frozen=True, slots=True)
class ChildBlock:
    """A child sub-query's rows; null when there are none."""

    relationship: str
    id_index: int

    def build(self, row: Row, children: Children) -> Any:
        """The nested result or None."""
        return children[self.relationship].get(row[self.id_index])


@dataclass(frozen=True, slots=True)
class Shape:
    """A record: its own, or a parent's. `types` gives the type by key prefix behind a look-up to several types."""

    url_base: str
    type_name: str
    id_index: int
    members: dict[str, Member] = field(default_factory=dict)
    types: Mapping[str, str] | None = None

    def build(self, row: Row, children: Children) -> Record | None:
        """The record, or None when there is no such parent."""
        record_id = row[self.id_index]
        if record_id is None:
            return None
        name = self.type_name if self.types is None else self.types.get(record_id[:3], self.type_name)
        record: Record = {"attributes": {"type": self.type_name, "url": f"{self.url_base}{name}/{record_id}"}}
        for key, member in self.members.items():
            # plain cells are most of the work of a large answer: no call for them
            if type(member) is Cell:
                value = row[member.index]
                record[key] = value if member.render is None else member.render(value)
            else:
                record[key] = member.build(row, children)
        return record


@dataclass(frozen=True, slots=True)
class TypedShape:
    """TYPEOF: another set of fields for each type; None when the look-up is empty."""

    id_index: int
    shapes: Mapping[str, Shape]  # by key prefix
    otherwise: Shape

    def build(self, row: Row, children: Children) -> Record | None:
        """The record of whichever type the look-up points to."""
        record_id = row[self.id_index]
        if record_id is None:
            return None
        return self.shapes.get(record_id[:3], self.otherwise).build(row, children)


Member = Cell | Address | ChildBlock | Shape | TypedShape
