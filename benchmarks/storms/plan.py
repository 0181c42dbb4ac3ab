"""Which faults strike when? A plan that only the seed gives; when exactly a process is struck, no seed can tell."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

SHARE = 0.04  # of the calls that each fault strikes
OF_CALLS = ("429", "500", "502", "503", "504", "html_error", "drop", "drop_after", "truncate", "expire_token")
OF_RECORDS = ("lock_row", "partial_failure")
OWN = {"salesforce": (), "hubspot": ("423",)}
"""What only one of them answers; an unknown status is taken as a refusal for good."""
CODES = {"salesforce": "UNKNOWN_EXCEPTION", "hubspot": "INTERNAL_ERROR"}
ALL = ("worker", "web", "both", "again and again", "disk", "read-only", "skew", "tokens")


@dataclass(frozen=True, slots=True)
class Blow:
    """One thing that happens, at so many seconds, for so many."""

    at: float
    what: str
    where: str = ""
    seconds: float = 0.0
    times: int = 1


def blows(seed: int, length: float) -> tuple[Blow, ...]:
    """All of a storm, in order: each kind at least once, killing more often."""
    return tuple(sorted(_blows(random.Random(f"blows/{seed}"), length), key=lambda each: each.at))


def _blows(chance: random.Random, length: float) -> Iterator[Blow]:
    for what in (*ALL, "web"):
        at = chance.uniform(0.1, 0.95) * length
        match what:
            case "again and again":
                yield Blow(at, what, "worker", times=chance.randrange(3, 6))
            case "disk":
                yield Blow(
                    at, what, chance.choice(("jobs", "jobs", "salesforce", "hubspot")), chance.uniform(0.4, 1.5)
                )
            case "read-only":
                yield Blow(at, what, chance.choice(("jobs", "salesforce", "hubspot")), chance.uniform(0.4, 1.5))
            case "skew":
                yield Blow(at, what, chance.choice(("past", "future")), chance.uniform(0.4, 1.5))
            case _:
                yield Blow(at, what)


def deadly_calls(seed: int) -> tuple[int, ...]:
    """After how many calls of the product to both CRMs its worker is killed: in the middle of work."""
    chance = random.Random(f"calls/{seed}")
    return tuple(sorted(chance.sample(range(20, 440), 3)))


def deadly_writes(seed: int) -> tuple[int, ...]:
    """After how many fields that a CRM saw written the worker is killed: often before it could note that."""
    chance = random.Random(f"writes/{seed}")
    return tuple(sorted(chance.sample(range(1, 50), 3)))


def rules(seed: int, crm: str, part: int) -> list[dict[str, Any]]:
    """What goes wrong with calls and records of that CRM, in one part of the storm."""
    chance = random.Random(f"rules/{seed}/{crm}/{part}")
    kinds = chance.sample((*OF_CALLS, *OWN[crm]), 6)
    made: list[dict[str, Any]] = [
        {"kind": kind, "probability": SHARE, "seed": chance.randrange(1 << 30), "path": _PATH[crm]} for kind in kinds
    ]
    made.append({"kind": "slow", "probability": 0.05, "seconds": 0.15, "seed": chance.randrange(1 << 30)})
    if crm == "hubspot":  # it asks for an hour's rest, which a person ends: once is enough
        made.append({"kind": "477", "probability": SHARE, "times": 1, "seed": chance.randrange(1 << 30)})
    for kind in OF_RECORDS:
        rule: dict[str, Any] = {"kind": kind, "probability": 0.15, "seed": chance.randrange(1 << 30)}
        made.append(rule | ({"code": CODES[crm]} if kind == "partial_failure" else {}))
    chance.shuffle(made)
    return made


_PATH = {"salesforce": r"^/services/data/", "hubspot": r"^/(crm|marketing|account-info|settings|automation)/"}


def wire(seed: int, crm: str) -> dict[str, Any]:
    """How messages are delivered meanwhile."""
    chance = random.Random(f"wire/{seed}/{crm}")
    return {"duplicates": 0.4, "reorder": True, "delay": round(chance.uniform(0.0, 1.5), 2)}
