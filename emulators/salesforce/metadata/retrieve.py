"""What a retrieve gives: a zip of the components that were asked for, which deploys again without a change."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from emulators.loopback.clock import stored
from emulators.salesforce.errors import not_found
from emulators.salesforce.metadata import files, types
from emulators.salesforce.metadata.nodes import file_of, make
from emulators.salesforce.metadata.plan import SUPPORTED
from emulators.salesforce.org import Org
from emulators.salesforce.xml_text import Node

_TABLE = "e_retrieve (id TEXT PRIMARY KEY, body TEXT) WITHOUT ROWID"
Members = Mapping[str, Sequence[str]]


@dataclass(slots=True)
class Retrieval:
    """One retrieve; the zip (base64) is made when it is asked for."""

    id: str
    at: str
    polls: int = 0
    status: str = "Pending"
    zip: str = ""
    properties: list[dict[str, Any]] = field(default_factory=list)
    messages: list[dict[str, str]] = field(default_factory=list)

    @property
    def done(self) -> bool:
        """Whether the zip may be fetched."""
        return self.status == "Succeeded"


def create(org: Org, members: Members, version: str, *, folder: bool) -> Retrieval:
    """Gather the components; `folder` puts the files under `unpackaged/`, as for requests of several packages."""
    prefix = "unpackaged/" if folder else ""
    made = Retrieval(org.new_id("09S"), stored(org.clock.now()))
    gathered = _Gathered(org, made, prefix)
    for kind, asked in members.items():
        gathered.take(kind, asked)
    made.zip = base64.b64encode(gathered.zipped(version)).decode()
    _save(org, made)
    return made


def poll(org: Org, retrieval_id: str) -> Retrieval:
    """What a status call does; 404 for an unknown id."""
    with org.transaction():
        found = find(org, retrieval_id)
        patience = int((org.state("metadata") or {"polls": 1})["polls"])
        found.status = "InProgress" if found.polls < patience else "Succeeded"
        found.polls += 1
        _save(org, found)
    return found


def find(org: Org, retrieval_id: str) -> Retrieval:
    """The retrieve of that id (15 or 18 characters); 404 for none."""
    org.connection().execute(f"CREATE TABLE IF NOT EXISTS {_TABLE}")
    sql = "SELECT body FROM e_retrieve WHERE substr(id, 1, 15) = ?"
    row = org.connection().execute(sql, (retrieval_id[:15],)).fetchone()
    if row is None:
        raise not_found()
    return Retrieval(**json.loads(row[0]))


def _save(org: Org, retrieval: Retrieval) -> None:
    with org.transaction() as connection:
        connection.execute(f"CREATE TABLE IF NOT EXISTS {_TABLE}")
        values = (retrieval.id, json.dumps(asdict(retrieval)))
        connection.execute("INSERT OR REPLACE INTO e_retrieve VALUES (?, ?)", values)


def result(retrieval: Retrieval, *, with_zip: bool) -> dict[str, Any]:
    """The RetrieveResult."""
    done = retrieval.done
    return {
        "done": done,
        "fileProperties": retrieval.properties if done else [],
        "id": retrieval.id,
        "messages": retrieval.messages if done else [],
        "status": retrieval.status,
        "success": done,
        "zipFile": retrieval.zip if done and with_zip else None,
    }


class _Gathered:
    """The components of one retrieve, by the object whose file holds them."""

    def __init__(self, org: Org, made: Retrieval, prefix: str) -> None:
        self.org, self.made, self.prefix = org, made, prefix
        self.listed: dict[str, list[str]] = {}
        self.whole: dict[str, str] = {}
        self.parts: dict[str, dict[str, set[str]]] = {}
        self.sets: list[str] = []

    def take(self, kind: str, asked: Sequence[str]) -> None:
        """The members of one type; what there is not becomes a message."""
        if kind not in SUPPORTED:
            for name in asked:
                if name != "*":
                    self._missing(kind, name)
            return
        known = {name.lower(): name for name in types.names(self.org, kind)}
        for name in asked:
            if name == "*":
                own = (found for found in known.values() if kind != "CustomObject" or found.endswith("__c"))
                for found in own if kind in ("CustomObject", "PermissionSet") else ():
                    self._add(kind, found)
            elif name.lower() in known:
                self._add(kind, known[name.lower()])
            else:
                self._missing(kind, name)

    def _missing(self, kind: str, name: str) -> None:
        problem = f"Entity of type '{kind}' named '{name}' cannot be found"
        self.made.messages.append({"fileName": f"{self.prefix}package.xml", "problem": problem})

    def _add(self, kind: str, name: str) -> None:
        if name in self.listed.setdefault(kind, []):
            return
        self.listed[kind].append(name)
        self.made.properties.append(types.properties(self.org, kind, name, self.prefix))
        owner, _, part = name.partition(".")
        if kind == "PermissionSet":
            self.sets.append(name)
        elif kind == "CustomObject":
            self.whole[owner.lower()] = owner
        else:
            self.parts.setdefault(owner, {}).setdefault(kind, set()).add(part.lower())

    def zipped(self, version: str) -> bytes:
        """The files with their package.xml."""
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for path, body in self._files(version):
                archive.writestr(zipfile.ZipInfo(self.prefix + path, (1980, 1, 1, 0, 0, 0)), body)
        return out.getvalue()

    def _files(self, version: str) -> list[tuple[str, bytes]]:
        found: list[tuple[str, bytes]] = []
        for owner in dict.fromkeys([*self.whole.values(), *self.parts]):
            whole = owner.lower() in self.whole
            parts = self.parts.get(owner, {})
            fields, rules = (
                (files.ALL if whole else parts.get(kind, ())) for kind in ("CustomField", "ValidationRule")
            )
            node = files.object_file(self.org, owner, fields, rules, whole=whole)
            found.append((f"objects/{owner}.object", file_of("CustomObject", node)))
        for name in self.sets:
            node_of_set = files.set_node(self.org, name)
            if node_of_set is not None:
                body = file_of("PermissionSet", node_of_set)
                found.append((f"permissionsets/{name}.permissionset", body))
        return [*found, ("package.xml", file_of("Package", self._manifest(version)))]

    def _manifest(self, version: str) -> Node:
        kinds = [
            make("types", *(make("members", name) for name in names), make("name", kind))
            for kind, names in sorted(self.listed.items())
        ]
        return make("Package", *kinds, make("version", version))
