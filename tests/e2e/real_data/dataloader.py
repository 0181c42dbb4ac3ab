"""How do published data sets become what Salesforce's Data Loader exports: one CSV an object, Ids kept?

Run `python dataloader.py SET SOURCE_FOLDER TARGET_FOLDER`. Beside the CSV files it writes `fields.json`: the custom
fields that the set needs in the org. Only names are changed, never a value; a cell that the set lacks stays empty.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

Row = Mapping[str, str]
_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CHECKSUM = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_PARTNERS_FROM = 500_000  # partners and customers are numbered apart in the source, and become one object here


def record_id(prefix: str, number: int) -> str:
    """The 18-character id of a key: prefix, the number in base 62 after zeros, and the checksum of all that."""
    digits = ""
    while number:
        number, digit = divmod(number, 62)
        digits = _LETTERS[digit] + digits
    return with_checksum(prefix + digits.rjust(12, "0"))


def with_checksum(short: str) -> str:
    """The 18-character form of a 15-character id: one letter for the capitals in each group of five."""
    groups = (short[at : at + 5] for at in (0, 5, 10))
    return short + "".join(_CHECKSUM[sum(c.isupper() << i for i, c in enumerate(group))] for group in groups)


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _write(target: Path, name: str, rows: Iterable[Row]) -> None:
    kept = list(rows)
    with (target / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(kept[0]), quoting=csv.QUOTE_ALL, lineterminator="\n")
        writer.writeheader()
        writer.writerows(kept)


def _renamed(row: Row, names: Mapping[str, str]) -> dict[str, str]:
    return {theirs: row[ours] for ours, theirs in names.items()}


def _lookup(name: str, label: str, down: str) -> dict[str, object]:
    up = name.removesuffix("__c") + "__r"
    ways = {"relationshipName": up, "childRelationship": down}
    return {"name": name, "label": label, "type": "reference", "referenceTo": ["Account"], **ways}


def _choice(name: str, label: str, values: Iterable[str]) -> dict[str, object]:
    return {"name": name, "label": label, "type": "picklist", "length": 255, "picklist": sorted(set(values))}


def _stages(target: Path, stages: Iterable[tuple[str, bool, bool, float]]) -> None:
    """`stages`: name, closed, won, chance in percent, in their order."""
    _write(
        target,
        "OpportunityStage",
        (
            {
                "Id": record_id("01J", 900 + at),
                "MasterLabel": name,
                "ApiName": name,
                "IsActive": "true",
                "SortOrder": str(100 + at),
                "IsClosed": str(closed).lower(),
                "IsWon": str(won).lower(),
                "ForecastCategory": "Closed" if won else "Pipeline",
                "ForecastCategoryName": "Closed" if won else "Pipeline",
                "DefaultProbability": str(chance),
            }
            for at, (name, closed, won, chance) in enumerate(stages, 1)
        ),
    )


def customer_id(key: str) -> str:
    """The Account id of a customer of the Opportunity Tracking sample."""
    return record_id("001", int(key))


def partner_id(key: str) -> str:
    """The Account id of a partner of the Opportunity Tracking sample."""
    return record_id("001", _PARTNERS_FROM + int(key))


def opportunity_tracking(source: Path, target: Path) -> None:
    """Region East of the Opportunity Tracking sample; the pseudo-partner "Direct" becomes an empty `Partner__c`."""
    east = [row for row in _read(source / "account.csv") if row["Region"] == "East"]
    partners = [row for row in _read(source / "partner.csv") if row["Partner Driven"] == "Yes"]
    named = {row["Opportunity ID"]: row for row in _read(source / "opportunity.csv")}
    stages = {row["Sales Stage ID"]: row for row in _read(source / "sales_stage.csv")}
    products = {row["Product ID"]: row["Product Code"] for row in _read(source / "product.csv")}
    driven = {row["Partner ID"] for row in partners}
    customers = {row["Account ID"] for row in east}
    accounts = [
        {"Id": customer_id(row["Account ID"]), "Name": row["Account"], "Type": "Prospect", "IsPartner": "false"}
        | {"Segment__c": row["Segment"]}
        for row in east
    ]
    accounts += [
        {"Id": partner_id(row["Partner ID"]), "Name": row["Partner"], "Type": "Channel Partner / Reseller"}
        | {"IsPartner": "true", "Segment__c": ""}
        for row in partners
    ]
    _write(target, "Account", accounts)
    _write(
        target,
        "Opportunity",
        (
            {
                "Id": record_id("006", at),
                "Name": named[row["Opportunity ID"]]["Name"],
                "AccountId": customer_id(row["Account ID"]),
                "Partner__c": partner_id(row["Partner ID"]) if row["Partner ID"] in driven else "",
                "StageName": stages[row["Sales Stage ID"]]["Sales Stage"],
                "Amount": row["ProductRevenue"],
                "CloseDate": row["EstimatedCloseDate"],
                "CreatedDate": f"{row['Create Date']}T00:00:00.000Z",
                "Product_Family__c": products[row["Product ID"]],
            }
            for at, row in enumerate(_read(source / "opportunity_fact.csv"), 1)
            if row["Account ID"] in customers
        ),
    )
    _stages(target, ((s["Sales Stage"], False, False, float(s["Probability"]) * 100) for s in stages.values()))
    custom = {
        "Account": {"fields": [_choice("Segment__c", "Segment", (row["Segment"] for row in east))]},
        "Opportunity": {
            "fields": [
                _lookup("Partner__c", "Partner", "Partner_Deals__r"),
                _choice("Product_Family__c", "Product Family", products.values()),
            ]
        },
    }
    (target / "fields.json").write_text(json.dumps(custom, indent=1))


_INDIVIDUAL = "npe01__SYSTEMIsIndividual__c"
_MATCHING = "npsp__Matching_Gift_Account__c"
_NONPROFIT: dict[str, dict[str, str]] = {
    "Account": {
        "sf_id": "Id", "Name": "Name", "parent_id": "ParentId", "BillingCity": "BillingCity",
        "BillingState": "BillingState", "BillingCountry": "BillingCountry", _INDIVIDUAL: _INDIVIDUAL,
    },
    "Campaign": {
        "sf_id": "Id", "Name": "Name", "parent_id": "ParentId", "IsActive": "IsActive", "StartDate": "StartDate",
        "EndDate": "EndDate", "Status": "Status", "Type": "Type",
    },
    "Contact": {"sf_id": "Id", "account_id": "AccountId", "FirstName": "FirstName", "LastName": "LastName"},
    "CampaignMember": {"sf_id": "Id", "campaign_id": "CampaignId", "contact_id": "ContactId", "Status": "Status"},
    "Opportunity": {
        "sf_id": "Id", "Name": "Name", "account_id": "AccountId", "campaign_id": "CampaignId",
        "StageName": "StageName", "Type": "Type", "Amount": "Amount", "CloseDate": "CloseDate",
        _MATCHING.lower(): _MATCHING,
    },
    "Event": {
        "sf_id": "Id", "WhoId": "WhoId", "Subject": "Subject", "StartDateTime": "StartDateTime",
        "EndDateTime": "EndDateTime",
    },
}  # fmt: skip


def nonprofit(source: Path, target: Path) -> None:
    """The Nonprofit Success Pack's learning org: real API names and Ids already; its own stages are added."""
    for name, names in _NONPROFIT.items():
        _write(target, name, (_renamed(row, names) for row in _read(source / f"{name}.csv")))
    _stages(
        target,
        (("Verbal Commitment", False, False, 60.0), ("Pledged", False, False, 80.0), ("Posted", True, True, 100.0)),
    )
    custom = {
        "Account": {"fields": [{"name": _INDIVIDUAL, "label": "Is Individual", "type": "boolean"}]},
        "Opportunity": {"fields": [_lookup(_MATCHING, "Matching Gift Account", "Matching_Gifts__r")]},
    }
    (target / "fields.json").write_text(json.dumps(custom, indent=1))


SETS: dict[str, Callable[[Path, Path], None]] = {
    "msft-opportunity-east": opportunity_tracking,
    "salesforce-npsp-trailhead": nonprofit,
}


def main(arguments: list[str]) -> int:
    """Convert one set; 2 when the arguments are wrong."""
    if len(arguments) != 3 or arguments[0] not in SETS:
        print(f"usage: dataloader.py {{{','.join(SETS)}}} SOURCE_FOLDER TARGET_FOLDER", file=sys.stderr)
        return 2
    target = Path(arguments[2])
    target.mkdir(parents=True, exist_ok=True)
    SETS[arguments[0]](Path(arguments[1]), target)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
