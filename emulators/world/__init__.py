"""Which made-up org shows the whole operating model: Data Loader CSVs, the same bytes for the same seed."""

from __future__ import annotations

import json
import random
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

from emulators.world.build import Builder
from emulators.world.calendar import TIME_ZONE, Calendar, text
from emulators.world.credits import make_credits
from emulators.world.crowd import direct_customers, direct_deal, make_of_crowd, partner_recipes, staff
from emulators.world.fields import FIELDS
from emulators.world.hostile import EqualStamps, equal_stamps, make_hostile
from emulators.world.recipes import Partner, make
from emulators.world.scenarios import GOALS, SCENARIOS
from emulators.world.services import make_services
from emulators.world.sheets import Folder

__all__ = ["SIZES", "Size", "generate"]


@dataclass(frozen=True, slots=True)
class Size:
    """How many partners and opportunities a world has, and how many deals share one SystemModstamp."""

    partners: int
    opportunities: int
    equal_stamps: int
    tiny: bool = False


SIZES = {
    "tiny": Size(12, 0, 40, tiny=True),
    "small": Size(60, 2_000, 250),
    "medium": Size(1_000, 50_000, 2_500),
    "wide": Size(20_000, 60_000, 500),
    "large": Size(20_000, 1_000_000, 5_000),
}


def generate(seed: int, size: str, as_of: date, folder: Path) -> Path:
    """Write the world of that seed and size, as it stands on the morning of `as_of`, into `folder`; -> the folder.

    Beside one CSV an object stand `fields.json` (custom fields that the org has), `scenarios.json` (what should be
    decided about each partner with a story) and `after_install/Account.csv` (fields that exist once the product is
    installed). A size that is not one of SIZES is a ValueError.
    """
    if size not in SIZES:
        raise ValueError(f"{size!r} is no size of a world; take one of {', '.join(SIZES)}")
    with Folder(folder) as sheets:
        build = Builder(sheets, Calendar(as_of), random.Random(f"{seed}/{size}"))
        partners, swept, credited = _write(build, SIZES[size])
        counts = {name: sheet.rows for name, sheet in sheets.sheets.items()}
    about = {"seed": seed, "size": size, "as_of": as_of.isoformat(), "time_zone": TIME_ZONE, "goals": GOALS}
    stamps = {"object": "Opportunity", "count": swept.count, "SystemModstamp": text(swept.at)}
    people = {name: id for name, id in build.staff.items() if name != "budget"}
    stories = [_story(partner, people) for partner in partners]
    _json(
        folder / "scenarios.json",
        about
        | {"equal_stamps": stamps, "users": people, "rows": counts, "partners": stories}
        | {"opportunities": credited},
    )
    _json(folder / "fields.json", FIELDS)
    return folder


def _write(build: Builder, size: Size) -> tuple[list[Partner], EqualStamps, list[dict[str, Any]]]:
    staff(build)
    customers = direct_customers(build)
    partners = [make(build, recipe) for recipe in SCENARIOS if recipe.tiny or not size.tiny]
    partners += make_hostile(build, tiny=size.tiny)
    partners += [] if size.tiny else make_services(build)
    bringing, credited = ([], []) if size.tiny else make_credits(build)
    partners += bringing
    swept = equal_stamps(build, customers[0][0], size.equal_stamps)
    written = build.folder.sheets["Opportunity"]
    missing = max(size.opportunities - written.rows, 0)
    crowd = max(size.partners - len(partners), 0)
    for recipe, deals in partner_recipes(build, crowd, missing * 3 // 4):
        make_of_crowd(build, recipe, deals)
    for number in range(max(size.opportunities - written.rows, 0)):
        direct_deal(build, customers, number)
    return partners, swept, credited


def _story(partner: Partner, people: dict[str, str]) -> dict[str, Any]:
    recipe = partner.recipe
    expect = asdict(recipe.expect)
    detail = expect.pop("detail") | partner.notes
    gates = {"velocity": "velocity", "market_fit": "market_fit", "proof_of_performance": "proof"}
    decided = {name: value for name, value in expect.items() if name not in gates.values()}
    return {
        "id": partner.id,
        "scenario": recipe.key,
        "why": recipe.why,
        "persona": recipe.persona,
        "pam": people.get(recipe.owner, ""),
        "pmm": people.get(recipe.marketer, ""),
        "gates": {gate: expect[name] for gate, name in gates.items()},
        **decided,
        "detail": detail,
    }


def _json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
