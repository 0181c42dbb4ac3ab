"""What is said when a request names an object or a field that the portal lacks or hides."""

from __future__ import annotations

from connector.crm.base import Field, ObjectSchema
from connector.errors import Misconfigured


def seen(schema: ObjectSchema | None, name: str, why: str) -> ObjectSchema:
    """The schema; Misconfigured names the object and says `why` it is not there."""
    if schema is None:
        fix = "Correct the mapping, switch the feature on, or give the connection's token the scope"
        raise Misconfigured(f"hubspot {name}", why, fix)
    return schema


def named(schema: ObjectSchema, name: str) -> Field:
    """The field of that name; Misconfigured names what is absent or hidden."""
    found = schema.field(name)
    if found is None:
        fix = "Correct the mapping: write the property's internal name, or make the property or the label"
        raise Misconfigured(f"hubspot {schema.name}.{name}", "no such property or link in this portal", fix)
    return found
