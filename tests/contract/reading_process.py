"""A process that reads a table page by page into a folder, as a pull does; tests kill it and start it again."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from connector.crm.base import ReadRequest
from connector.crm.salesforce.adapter import SalesforceCRM
from connector.crm.salesforce.auth import SalesforceConnection


class FileLedger:
    """A ledger in a folder: one file a key, replaced as a whole."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(exist_ok=True)

    def _path(self, key: str) -> Path:
        return self._folder / key.replace(":", "_")

    def get(self, key: str) -> str | None:
        return self._path(key).read_text() if self._path(key).is_file() else None

    def put(self, key: str, value: str) -> None:
        scratch = self._path(key + ".new")
        scratch.write_text(value)
        os.replace(scratch, self._path(key))

    def drop(self, key: str) -> None:
        self._path(key).unlink(missing_ok=True)


def main(folder: Path, settings: dict[str, object]) -> None:
    """Reads on from the last page stored; a page and its token are stored in one rename."""
    crm = SalesforceCRM(SalesforceConnection(**settings), FileLedger(folder / "ledger"))  # type: ignore[arg-type]
    stored = sorted((folder / "pages").glob("*.json"))
    resume = json.loads(stored[-1].read_text())["resume"] if stored else None
    if stored and resume is None:
        return
    request = ReadRequest("Account", ("Id", "Name"), resume=resume)
    for at, page in enumerate(crm.read(request), start=len(stored)):
        scratch = folder / "page.new"
        scratch.write_text(json.dumps({"ids": page.rows.column("Id").to_pylist(), "resume": page.resume}))
        os.replace(scratch, folder / "pages" / f"{at:04d}.json")
        time.sleep(0.05)  # so that the test can strike between pages
    crm.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), json.loads(sys.argv[2]))
