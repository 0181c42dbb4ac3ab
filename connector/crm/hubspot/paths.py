"""Where does a numbered path live in a dated version, and may the same call be sent twice?

The vendor's client speaks v3 and v4; from 2026 on the version is the path's own date.
"""

from __future__ import annotations

import re
from functools import lru_cache

_RULES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(f"^{pattern}(?=/|$)"), dated)
    for pattern, dated in (
        (r"/crm/v[34]/(objects|associations)", r"/crm/\1/{ver}"),
        (
            r"/crm/v3/(properties|pipelines|owners|lists|imports|exports|limits|property-validations)",
            r"/crm/\1/{ver}",
        ),
        (r"/crm/v3/schemas", r"/crm-object-schemas/{ver}/schemas"),
        (r"/crm-object-schemas/v3", r"/crm-object-schemas/{ver}"),
        (r"/marketing/v3/campaigns", r"/marketing/campaigns/{ver}"),
        (r"/account-info/v3", r"/account-info/{ver}"),
        (r"/settings/v3/currencies", r"/settings/currencies/{ver}"),
        (r"/oauth/v[123]/token", r"/oauth/{ver}/token"),
    )
)

_VERSION = re.compile(r"/(v\d|\d{4}-\d{2})(?=/|$)")
_OBJECTS = r"^/crm/(?:v\d+/objects|objects/[\d-]+)/"
_SEARCH = re.compile(_OBJECTS + r"[^/]+/search$")
_SETS_LINKS = re.compile(r"^/crm/(?:v\d+/associations|associations/[\d-]+)/.*/batch/")
_SAFE_TAILS = (
    "/search",
    "/batch/read",
    "/batch/update",
    "/batch/upsert",
    "/batch/archive",
    "/access-token-info",
    "/introspect",
)


@lru_cache(maxsize=4096)
def rewritten(path: str, version: str) -> str:
    """The path (or path template) in that version; with "v3", and where no dated form is known, as it is."""
    if version == "v3":
        return path
    for pattern, dated in _RULES:
        if pattern.match(path):
            return pattern.sub(dated.replace("{ver}", version), path, count=1).rstrip("/")
    return path


def version_of(path: str) -> str:
    """The version that a path names, "" when none: versions are retired one by one, v4 before v3."""
    found = _VERSION.search(path)
    return found[1] if found else ""


def repeatable(method: str, path: str) -> bool:
    """Whether sending the call twice does no more than once.

    Reads, updates, archives and upserts may be repeated, and so may links between records, which are set and not
    added to. What makes a record, a property or a label may not.
    """
    if method != "POST":
        return True
    return path.endswith(_SAFE_TAILS) or _SETS_LINKS.match(path) is not None


def is_search(path: str) -> bool:
    """Whether the call counts against the searches of a second instead of the calls of ten."""
    return _SEARCH.match(path) is not None


def kind_of(method: str, path: str) -> str:
    """What the call is for, in one word, to count by."""
    if is_search(path):
        return "search"
    if "/associations" in path:
        return "associations"
    if path.startswith(("/crm/v3/objects", "/crm/v4/objects", "/crm/objects/")):
        reads = method == "GET" or path.endswith("/batch/read")
        return "read" if reads else "write"
    return "schema" if path.startswith(("/crm/", "/crm-object-schemas/")) else "other"
