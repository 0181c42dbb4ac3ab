"""What was recorded of real services: exchanges in order, read from packed JSON lines."""

from __future__ import annotations

import json
import lzma
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import quote

FOLDER = Path(__file__).parents[2] / "tests" / "emulators" / "recordings"


@dataclass(frozen=True, slots=True)
class Exchange:
    """One recorded call and its answer; `response` is parsed JSON, other text, or None for an empty body."""

    file: str
    method: str
    path: str
    query: dict[str, str]
    request: Any
    status: int
    headers: dict[str, str]  # by lower-case name
    response: Any

    @property
    def target(self) -> str:
        """Path and query; values that the recording has encoded stay as they are."""
        pairs = "&".join(f"{name}={quote(value, safe='%+')}" for name, value in self.query.items())
        return self.path + (f"?{pairs}" if pairs else "")

    @property
    def at(self) -> datetime:
        """When it was answered, by its Date header."""
        return parsedate_to_datetime(self.headers["date"]).astimezone(UTC)


def read(path: Path) -> Iterator[tuple[str, list[Exchange]]]:
    """(name, exchanges) of each recording in a file; equal large bodies are kept once, as documents."""
    documents: dict[str, Any] = {}
    found: list[Exchange] = []
    with lzma.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            body = json.loads(line)
            if "document" in body:
                documents[body["document"]] = body["body"]
                continue
            response = body["response"]
            if isinstance(response, dict) and "$document" in response:
                body["response"] = documents[response["$document"]]
            found.append(Exchange(**body))
    for name, group in groupby(found, key=lambda each: each.file):
        yield name, list(group)
