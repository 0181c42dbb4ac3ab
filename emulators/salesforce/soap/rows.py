"""How records are told in SOAP: sObjects of one type or of their own, nested parents and child results."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from emulators.salesforce.schema import FieldType, ObjectType, Schema
from emulators.salesforce.soap.dialect import Dialect, nil, plain
from emulators.salesforce.xml_text import text_of

_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_SMALLEST, _LARGEST = 1e-3, 1e7  # between them Java's Double.toString writes no exponent


class Rows:
    """Prints records that came as JSON does from REST."""

    def __init__(self, dialect: Dialect, schema: Schema) -> None:
        self._dialect, self._schema = dialect, schema

    def result(self, name: str, records: Iterable[dict[str, Any]], size: int, locator: str | None) -> str:
        """A QueryResult."""
        rows = "".join(self.row("records", record) for record in records)
        kind = "" if self._dialect.typed else ' xsi:type="QueryResult"'
        done = "true" if locator is None else "false"
        head = f"<done>{done}</done>{plain('queryLocator', locator)}"
        return f"<{name}{kind}>{head}{rows}<size>{size}</size></{name}>"

    def row(self, name: str, record: dict[str, Any]) -> str:
        """One record. Its id comes first, and again among the fields of the partner WSDL's records."""
        kind = str(record["attributes"]["type"])
        obj = self._schema.object(kind)
        parts = [plain("sf:Id", record.get("Id"))]
        for key, value in record.items():
            if key == "attributes" or (self._dialect.typed and (key == "Id" or value is None)):
                continue
            parts.append(self._member(f"sf:{key}", value, obj.field(key) if obj else None, obj))
        inner = "".join(parts)
        if self._dialect.typed:
            return f'<{name} xsi:type="sf:{kind}">{inner}</{name}>'
        return f'<{name} xsi:type="sf:sObject"><sf:type>{kind}</sf:type>{inner}</{name}>'

    def _member(self, name: str, value: Any, field: FieldType | None, obj: ObjectType | None) -> str:
        if value is None:
            return nil(name)
        if isinstance(value, dict):
            return self._nested(name, value)
        if obj is None:  # a column of an aggregate, which says its type itself
            kind, text = _aggregate(value)
            return f'<{name} xsi:type="xsd:{kind}">{text_of(text)}</{name}>'
        return plain(name, scalar(value, field))

    def _nested(self, name: str, value: dict[str, Any]) -> str:
        if "records" in value:
            return self.result(name, value["records"], value["totalSize"], None)
        if "attributes" in value:
            return self.row(name, value)
        inner = "".join(plain(key, scalar(part, None)) for key, part in value.items())
        return f'<{name} xsi:type="address">{inner}</{name}>'


def scalar(value: Any, field: FieldType | None) -> object:
    """A JSON value as text of XML Schema: instants end in Z, decimals are written as Java does."""
    if isinstance(value, float):
        return java_double(value)
    if isinstance(value, str) and field is not None and field.type == "datetime":
        return value.replace("+0000", "Z")
    return value


def java_double(value: float) -> str:
    """As Double.toString: 100.0, 1.0E7, 3.5E8, 1.0E-4."""
    size = abs(value)
    if value == 0 or _SMALLEST <= size < _LARGEST:
        text = format(Decimal(repr(value)), "f")
        return text if "." in text else f"{text}.0"
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    shown = "".join(map(str, digits))
    power = int(exponent) + len(shown) - 1
    return f"{'-' if sign else ''}{shown[0]}.{shown[1:] or '0'}E{power}"


def _aggregate(value: Any) -> tuple[str, object]:
    if isinstance(value, bool):
        return "boolean", value
    if isinstance(value, int):
        return "int", value
    if isinstance(value, float):
        return "double", java_double(value)
    if _INSTANT.fullmatch(value):
        return "dateTime", value.replace("+0000", "Z")
    return ("date" if _DAY.fullmatch(value) else "string"), value
