"""What was deployed, word for word: so that a retrieve gives back what the org's own tables do not hold."""

from __future__ import annotations

import json

from emulators.salesforce.metadata.nodes import as_json, from_json, ordered
from emulators.salesforce.org import Org
from emulators.salesforce.xml_text import Node

_TABLE = "e_component (kind TEXT, name TEXT, body TEXT, PRIMARY KEY (kind, name)) WITHOUT ROWID"


def keep(org: Org, kind: str, name: str, node: Node) -> None:
    """Keep a component's element under its full name."""
    with org.transaction() as connection:
        connection.execute(f"CREATE TABLE IF NOT EXISTS {_TABLE}")
        values = (kind, name.lower(), json.dumps(as_json(ordered(node))))
        connection.execute("INSERT OR REPLACE INTO e_component VALUES (?, ?, ?)", values)


def find(org: Org, kind: str, name: str) -> Node | None:
    """The element as it was deployed, in the vendor's order; None for what came another way."""
    org.connection().execute(f"CREATE TABLE IF NOT EXISTS {_TABLE}")
    sql = "SELECT body FROM e_component WHERE kind = ? AND name = ?"
    row = org.connection().execute(sql, (kind, name.lower())).fetchone()
    return None if row is None else from_json(json.loads(row[0]))


def differs(org: Org, kind: str, name: str, node: Node) -> bool:
    """Whether a component that was deployed is now described in other words."""
    known = find(org, kind, name)
    return known is not None and as_json(known) != as_json(ordered(node))


def forget(org: Org, kind: str, name: str) -> None:
    """Forget a component; with an object what belongs to it too."""
    with org.transaction() as connection:
        connection.execute(f"CREATE TABLE IF NOT EXISTS {_TABLE}")
        connection.execute("DELETE FROM e_component WHERE kind = ? AND name = ?", (kind, name.lower()))
        if kind == "CustomObject":
            connection.execute("DELETE FROM e_component WHERE name LIKE ? ESCAPE '\\'", (_below(name),))


def _below(name: str) -> str:
    return name.lower().replace("_", "\\_") + ".%"
