"""What is left of a world's portal when it lacks what HubSpot sells separately: a folder that such a portal loads."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from pathlib import Path

from emulators.world.hubspot_names import PRIMARY, SCHEMAS

CUSTOM_OBJECTS, LABELS, CAMPAIGNS, QUOTES = "custom_objects", "labels", "campaigns", "quotes"
FEATURES = (CUSTOM_OBJECTS, LABELS, CAMPAIGNS, QUOTES)


def leave_out(folder: Path, features: Iterable[str]) -> None:
    """Take the files and links of these FEATURES out of a portal's folder; an unknown feature is a ValueError."""
    wanted = set(features)
    if unknown := sorted(wanted - set(FEATURES)):
        raise ValueError(f"{', '.join(unknown)}: no such feature; a portal may lack {', '.join(FEATURES)}")
    objects: set[str] = {QUOTES} & wanted
    files: set[str] = set()
    if CUSTOM_OBJECTS in wanted:
        objects |= {str(schema["name"]) for schema in SCHEMAS}
        files.add("schemas.json")
    if LABELS in wanted:
        files.add("labels.json")
    if CAMPAIGNS in wanted:
        files |= {"campaigns.csv", "campaign_items.csv"}
    for name in files | {f"{each}.csv" for each in objects}:
        (folder / name).unlink(missing_ok=True)
    _properties(folder / "properties.json", objects | ({CAMPAIGNS} & wanted))
    _links(folder / "associations.csv", objects, labels=LABELS not in wanted)


def _properties(path: Path, gone: set[str]) -> None:
    said = json.loads(path.read_text(encoding="utf-8"))
    kept = {name: definitions for name, definitions in said.items() if name not in gone}
    path.write_text(json.dumps(kept, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _links(path: Path, gone: set[str], *, labels: bool) -> None:
    """A link under a label goes with the labels: without them nobody could have said what it means."""
    beside = path.with_suffix(".kept")
    with path.open(encoding="utf-8", newline="") as old, beside.open("w", encoding="utf-8", newline="") as new:
        rows = csv.reader(old)
        writer = csv.writer(new, quoting=csv.QUOTE_ALL, lineterminator="\n")
        header = next(rows)
        writer.writerow(header)
        from_at, to_at, label_at = (header.index(name) for name in ("from_object", "to_object", "label"))
        for row in rows:
            if not {row[from_at], row[to_at]} & gone and (labels or row[label_at] in ("", PRIMARY)):
                writer.writerow(row)
    beside.replace(path)
