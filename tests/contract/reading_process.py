"""A process that reads companies page by page into a folder, as a pull does; tests kill it and start it again."""

from __future__ import annotations

import json
import os
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from connector.crm.base import CRM, ReadRequest


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


def connected(vendor: str, settings: dict[str, Any], ledger: FileLedger) -> CRM:
    """The CRM with pages of few rows."""
    if vendor == "salesforce":
        from connector.crm.salesforce.adapter import SalesforceCRM
        from connector.crm.salesforce.auth import SalesforceConnection

        return SalesforceCRM(SalesforceConnection(**settings, rest_rows=5, bulk_page_rows=5), ledger)
    from connector.crm.hubspot.adapter import HubSpotCRM
    from connector.crm.hubspot.connection import HubSpotConnection
    from connector.crm.hubspot.read import Reader

    crm = HubSpotCRM(HubSpotConnection(**settings), ledger)
    crm._reader = Reader(crm.wire, crm.catalog, group=1)
    return crm


def main(folder: Path, vendor: str, question: dict[str, Any], settings: dict[str, Any]) -> None:
    """Reads on from the last page stored; a page and its token are stored in one rename."""
    crm = connected(vendor, settings, FileLedger(folder / "ledger"))
    stored = sorted((folder / "pages").glob("*.json"))
    resume = json.loads(stored[-1].read_text())["resume"] if stored else None
    if stored and resume is None:
        return
    since, until = (datetime.fromisoformat(question[name]) for name in ("since", "until"))
    request = ReadRequest(question["object"], (question["id"],), since=since, until=until, resume=resume)
    for at, page in enumerate(crm.read(request), start=len(stored)):
        scratch = folder / "page.new"
        scratch.write_text(json.dumps({"ids": page.rows.column(0).to_pylist(), "resume": page.resume}))
        os.replace(scratch, folder / "pages" / f"{at:04d}.json")
        time.sleep(0.05)  # so that the test can strike between pages
    crm.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3]), json.loads(sys.argv[4]))
