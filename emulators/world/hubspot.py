"""How the generated Salesforce world looks in HubSpot: the same companies, deals, money and days in a portal's form.

`translate` streams the Data Loader folder into the folder that the HubSpot emulator loads; hubspot_names.py lists
every object, property, label, stage and option that appears. What HubSpot has no place for, and where it went:

- A partner licence (`IsPartner`) is the company's `type` PARTNER; its industry is the custom text `vertical`, because
  HubSpot's `industry` is a closed list.
- Portal users are no users: their last visit stands on their contact (`partner_portal_*`). A second portal user of
  one contact gets a contact of his own.
- A partner look-up on the deal is the custom text `partner_company_id`; rows of OpportunityPartner are labels between
  deal and company, without a date of their own; Partner and AccountPartner only repeat those rows and are left out.
- Merged accounts and contacts are gone; the survivor names them in `hs_merged_object_ids`, modified by the merge.
- Opportunity history keeps stages only, and never two in one millisecond.
- A deal closes at an instant (`closedate`), whose day is the close day in the portal's time zone, not always in UTC.
- The customer's answer to a quote is the custom `quote_state`; `hs_status` knows approval and publication.
- Copies of events that invitees see, members of campaigns, lead sources, forecast categories, quote synchronisation
  and the currency of records without amounts have no counterpart.
- Campaign costs are budget and spend items; deal registrations, funds and partners' service revenue
  are custom objects.
- Names lose blanks at their ends, as HubSpot trims them.
"""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

from emulators.world.hubspot_deals import companies, contacts, deals, meetings, quotes, tasks
from emulators.world.hubspot_folder import PortalFolder, Source
from emulators.world.hubspot_ids import hubspot_id
from emulators.world.hubspot_money import campaigns, currencies, funds, people, registrations, services
from emulators.world.hubspot_names import LABELS, OWNED_BY_PEOPLE, PIPELINES, PROPERTIES, SCHEMAS

__all__ = ["translate"]

_MOST_IDS_IN_SCENARIOS = 50_000
_SALESFORCE_ID = re.compile(r"[0-9a-zA-Z]{3}8G0[0-9a-zA-Z]{12}")
_MADE_BY = (people, currencies, companies, contacts, campaigns, deals, quotes, meetings, tasks, registrations, funds,
            services)  # fmt: skip


def translate(salesforce_folder: Path, folder: Path) -> Path:
    """Write the world of a Data Loader folder as a portal's, in the form that its emulator loads; -> `folder`.

    `scenarios.json` tells the same stories with the portal's ids. Which record stands for which Salesforce record
    stands there too (`ids`), or in `ids.csv` where they are more than 50 000. Memory grows with the partners only.
    """
    source = Source(salesforce_folder)
    with PortalFolder(folder) as portal:
        for make in _MADE_BY:
            make(portal, source)
        for row in source.rows("after_install/Account"):
            owned = {name: row[made_of] for name, made_of in OWNED_BY_PEOPLE.items()}
            portal.add("after_install", owned | {"hs_object_id": hubspot_id(row["Id"])})
        counts = {name: sheet.rows for name, sheet in portal.sheets.items() if name not in ("after_install", "ids")}
        ids = portal.sheets["ids"].rows
    for name, value in (
        ("schemas", SCHEMAS),
        ("properties", PROPERTIES),
        ("labels", LABELS),
        ("pipelines", PIPELINES),
    ):
        _json(folder / f"{name}.json", value)
    _json(folder / "scenarios.json", _scenarios(salesforce_folder, folder, counts, ids))
    return folder


def _scenarios(salesforce_folder: Path, folder: Path, counts: dict[str, int], ids: int) -> dict[str, Any]:
    """The stories in the portal's terms, with the map of ids unless it is too long."""
    told = json.loads((salesforce_folder / "scenarios.json").read_text(encoding="utf-8"))
    told["opportunities"] = [_as_known(story) for story in told.get("opportunities", ())]
    told = _with_new_ids(told) | {"crm": "hubspot", "company_currency": "USD", "rows": counts}
    stamps = told["equal_stamps"]
    told["equal_stamps"] = {
        "object": "deals",
        "count": stamps["count"],
        "hs_lastmodifieddate": stamps["SystemModstamp"],
    }
    if ids <= _MOST_IDS_IN_SCENARIOS:
        path = folder / "ids.csv"
        with path.open(encoding="utf-8", newline="") as file:
            told["ids"] = {row["salesforce_id"]: row["hubspot_id"] for row in csv.DictReader(file)}
        path.unlink()
    return dict(told)


def _as_known(story: dict[str, Any]) -> dict[str, Any]:
    """The story with the credit that a portal can know of."""
    return story | ({"credit": story["hubspot"]["credit"]} if "hubspot" in story else {})


def _with_new_ids(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _with_new_ids(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_with_new_ids(inner) for inner in value]
    if isinstance(value, str) and _SALESFORCE_ID.fullmatch(value):
        return hubspot_id(value)
    return value


def _json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
