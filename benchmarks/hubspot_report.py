"""What the figures of the portal say: its tables and targets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks import hubspot
from benchmarks.pull import Row
from benchmarks.report import PULL_COLUMNS, Table, Target, pull_lines, times


def pull_table(found: Sequence[Row], command: str) -> tuple[Table, list[Target]]:
    """The pull beside its peers. Ratios: everybody's wall time in units of ours."""
    by_name = {row.name: row for row in found}
    ours, bound, client = (by_name[name] for name in (hubspot.OURS, hubspot.BOUND, hubspot.CLIENT))
    over, faster = ours.wall_s / bound.wall_s, client.wall_s / ours.wall_s
    notes = (
        f"{ours.rows:,} deals x 20 properties in lists of 100. Wall and CPU of the work alone, without imports.",
        "`lower bound`: requests on one kept connection, orjson, Arrow, DuckDB, 20,000 rows at a time. `get_all` "
        "stores and types nothing. dlt reads with its REST client, without storing where it stands.",
        "`pmom` counts every call against the portal's limits in a file that all its processes share, checks what it "
        "decodes, fills three tables instead of one, and can go on after a crash. It asks for the next page while it "
        "works on those before, which is how it can be faster than the lower bound.",
        "A portal lets 19 calls a second through at most: 1,900 deals. All contenders are faster than that.",
    )
    targets = [
        Target(
            "HubSpot: at least 3 times the rows/s of hubspot-api-client get_all",
            f"{times(faster)} (CPU: {times(client.cpu_s / ours.cpu_s)})",
            faster >= 3,
        ),
        Target(
            "HubSpot: a pull takes at most 1.5 times the lower bound's wall time",
            f"{times(over)} (CPU: {times(ours.cpu_s / bound.cpu_s)})",
            over <= 1.5,
        ),
    ]
    return Table("HubSpot: pull", command, PULL_COLUMNS, pull_lines(found, ours), notes), targets


def update_table(found: Sequence[tuple[Row, int]], command: str) -> tuple[Table, list[Target]]:
    """The updates beside hubspot-api-client."""
    calls = {row.name: count for row, count in found}
    lines = tuple(
        (
            row.name,
            f"{count:,}",
            f"{row.wall_s:.2f}",
            f"{row.cpu_s:.2f}",
            f"{row.peak_mb:,.0f}",
            f"{row.calls}",
            f"{row.rounds}",
        )
        for row, count in found
    )
    wanted = -(-found[0][0].rows // 100)
    ours = calls[hubspot.UPDATES]
    target = Target(
        f"HubSpot: {found[0][0].rows:,} changed companies cost exactly {wanted} update calls",
        f"{ours} calls",
        ours == wanted,
    )
    columns = ("contender", "calls of the update", "wall s", "CPU s", "peak MB", "all calls of the run", "rounds")
    notes = (
        "`pmom` also asks which portal it is and for the properties, and checks every value before it sends it.",
    )
    return Table("HubSpot: write-back of changed companies x 5 properties", command, columns, lines, notes), [target]


def incremental_table(found: dict[str, Any], command: str) -> tuple[Table, list[Target]]:
    """Pulls that find little new."""
    lines = tuple(
        (
            name,
            f"{sum(each['calls'].values()):,}",
            ", ".join(f"{count} {kind}" for kind, count in sorted(each["calls"].items())),
            f"{each['wall_s']:.2f}",
            f"{each['cpu_s']:.2f}",
        )
        for name, each in found.items()
    )
    notes = (
        "The emulated portal, a made-up world and the shipped mapping: every object that the connector knows. Each "
        "pull is a program of its own that asks for the schema anew.",
        "Searches are made four a second at most, which is most of the time. Objects that cannot be asked for their "
        "changes (owners, stages, campaigns, exchange rates) and lists of what was archived are read whole.",
    )
    columns = ("pull", "API calls", "of which", "wall s", "CPU s")
    return Table("HubSpot: pull of little news", command, columns, lines, notes), []
