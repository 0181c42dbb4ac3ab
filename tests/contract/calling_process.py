"""A process that asks a portal from several threads, within limits that it shares with others by a file."""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor

from connector.crm.hubspot.adapter import HubSpotCRM
from connector.crm.hubspot.connection import HubSpotConnection


def main(settings: dict[str, object], object_id: str, calls: int) -> None:
    """Prints how many records came back; each call asks for one."""
    crm = HubSpotCRM(HubSpotConnection(**settings))  # type: ignore[arg-type]
    crm.schema("companies")
    with ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(crm.fetch, "companies", [object_id], ("name",)) for _ in range(calls)]
        print(sum(each.result().num_rows for each in asked))
    crm.close()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
