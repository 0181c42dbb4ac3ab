"""How the columns of one SQL row become a nested JSON record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from emulators.salesforce.schema import FieldType
from emulators.salesforce.soql.rendering import Render

Row = tuple[Any, ...]
Record = dict[str, Any]
Children = Mapping[str, Mapping[str, Record]]  # child relationship -> parent id -> block
Build = Callable[[Row, Children], Record | None]

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


@dataclass(frozen=True, slots=True)
class Address:
    """A compound address; null when all parts are."""

    parts: tuple[tuple[str, int], ...]

    def builder(self) -> Build:
        """What makes the JSON object, or None."""

        def build(row: Row, _: Children) -> Record | None:
            found = {name: row[index] for name, index in self.parts}
            return found if any(value is not None for value in found.values()) else None

        return build


@dataclass(frozen=True, slots=True)
class ChildBlock:
    """A child sub-query's rows; null when there are none."""

    relationship: str
    id_index: int

    def builder(self) -> Build:
        """What makes the nested result, or None."""
        return lambda row, children: children[self.relationship].get(row[self.id_index])


@dataclass(frozen=True, slots=True)
class Shape:
    """A record: its own, or a parent's. `types` gives the type by key prefix behind a look-up to several types."""

    url_base: str
    type_name: str
    id_index: int
    members: dict[str, Member] = field(default_factory=dict)
    types: Mapping[str, str] | None = None

    def builder(self) -> Build:
        """What makes a record of a row, or None when there is no such parent; once its members are complete.

        Plain cells are most of the work of a large answer: those whose stored form is their JSON form go over
        together, the others take their places afterwards.
        """
        names, members = tuple(self.members), self.members.items()
        cells = [(name, each.index, each.render) for name, each in members if isinstance(each, Cell)]
        picked = _picker([each.index if isinstance(each, Cell) else self.id_index for each in self.members.values()])
        rendered = [(name, index, render) for name, index, render in cells if render is not None]
        others = [(name, each.builder()) for name, each in members if not isinstance(each, Cell)]
        at, types, told, base = self.id_index, self.types, self.type_name, self.url_base

        def build(row: Row, children: Children) -> Record | None:
            record_id = row[at]
            if record_id is None:
                return None
            name = told if types is None else types.get(record_id[:3], told)
            record: Record = {"attributes": {"type": told, "url": f"{base}{name}/{record_id}"}}
            record.update(zip(names, picked(row), strict=True))
            for key, index, render in rendered:
                record[key] = render(row[index])
            for key, make in others:
                record[key] = make(row, children)
            return record

        return build


def _picker(places: list[int]) -> Callable[[Row], Row]:
    if len(places) > 1:
        return itemgetter(*places)
    return lambda row: tuple(row[place] for place in places)


@dataclass(frozen=True, slots=True)
class TypedShape:
    """TYPEOF: another set of fields for each type; None when the look-up is empty."""

    id_index: int
    shapes: Mapping[str, Shape]  # by key prefix
    otherwise: Shape

    def builder(self) -> Build:
        """What makes the record of whichever type the look-up points to."""
        known = {prefix: shape.builder() for prefix, shape in self.shapes.items()}
        at, otherwise = self.id_index, self.otherwise.builder()

        def build(row: Row, children: Children) -> Record | None:
            record_id = row[at]
            return None if record_id is None else known.get(record_id[:3], otherwise)(row, children)

        return build


Member = Cell | Address | ChildBlock | Shape | TypedShape
