"""What a deployment package holds: its files, its package.xml, and what it removes."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from dataclasses import dataclass

from emulators.salesforce.xml_text import BadXml, parse

NAMESPACE = "http://soap.sforce.com/2006/04/metadata"
MOST_FILES = 10_000
MOST_UNZIPPED = 600_000_000


# encrypted files are RuntimeError, unknown compressions NotImplementedError
_UNREADABLE = (zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, struct.error, OSError, EOFError,
               RuntimeError, NotImplementedError, ValueError)  # fmt: skip


class BadPackage(Exception):
    """The zip as a whole cannot be deployed."""


@dataclass(frozen=True, slots=True)
class Package:
    """A package: files by path inside it, members by metadata type, and what is to be removed."""

    files: dict[str, bytes]
    members: dict[str, tuple[str, ...]]
    version: str
    removals: dict[str, tuple[str, ...]]

    def names(self, kind: str) -> frozenset[str]:
        """The members of a type, in lower case."""
        return frozenset(member.lower() for member in self.members.get(kind, ()))


def open_package(body: bytes) -> Package:
    """The package in a zip. BadPackage for no zip, too much in it, or no package.xml; BadXml for a bad one."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(body))
        infos = [info for info in archive.infolist() if not info.is_dir()]
        if len(infos) > MOST_FILES or sum(info.file_size for info in infos) > MOST_UNZIPPED:
            raise BadPackage(f"The package exceeds {MOST_FILES} files or {MOST_UNZIPPED // 1_000_000} MB unzipped")
        files = {info.filename: _read(archive, info) for info in infos}
    except _UNREADABLE:
        raise BadPackage("Bad zip file: it cannot be opened") from None
    manifest = next((name for name in files if name.rpartition("/")[2] == "package.xml"), None)
    if manifest is None:
        raise BadPackage("No package.xml found")
    root = manifest[: -len("package.xml")]
    inside = {name[len(root) :]: text for name, text in files.items() if name.startswith(root)}
    members, version = _members(inside["package.xml"])
    return Package(inside, members, version, _removals(inside))


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """The file, never more of it than the directory tells: it may hold a thousand times as much."""
    with archive.open(info) as file:
        return file.read(info.file_size)


def _members(body: bytes) -> tuple[dict[str, tuple[str, ...]], str]:
    root = parse(body)
    if root.tag != "Package" or root.namespace != NAMESPACE:
        raise BadXml("Error parsing file: the root element must be Package of the metadata namespace", root.line)
    members: dict[str, tuple[str, ...]] = {}
    for types in root.all("types"):
        name = types.get("name")
        if not name:
            raise BadXml("Error parsing file: types without name", types.line, types.column)
        found = tuple(member.text.strip() for member in types.all("members"))
        members[name] = members.get(name, ()) + found
    version = root.get("version")
    if not version:
        raise BadXml("Required field is missing: version", root.line, root.column)
    return members, version


def _removals(files: dict[str, bytes]) -> dict[str, tuple[str, ...]]:
    gone: dict[str, tuple[str, ...]] = {}
    for name in ("destructiveChangesPre.xml", "destructiveChanges.xml", "destructiveChangesPost.xml"):
        if name in files:
            for types in parse(files[name]).all("types"):
                found = tuple(member.text.strip() for member in types.all("members"))
                gone[types.get("name")] = gone.get(types.get("name"), ()) + found
    return gone
