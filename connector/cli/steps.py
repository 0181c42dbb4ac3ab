"""What did an install or uninstall make or take away, in few lines, and what comes next?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from connector.cli.console import clean, plain
from connector.cli.tables import Column, Fitted, counted

if TYPE_CHECKING:
    from connector.crm.base import FieldSpec, InstallStep

_SHORT = 28
"""A longer detail stands once below the table, with the names that it is about."""


def steps_table(steps: Sequence[InstallStep]) -> RenderableType:
    """One row a field, label or permission; long details once, however many rows they are about."""
    rows = [
        (plain(step.name), step.status.value, plain(step.detail) if len(step.detail) <= _SHORT else "")
        for step in steps
    ]
    columns = (Column("what", least=24, wrap=True), Column("status", least=12), Column("detail", least=12, wrap=True))
    parts: list[RenderableType] = [Fitted("In the CRM", columns, rows)]
    told: dict[tuple[str, str], list[str]] = {}
    for step in steps:
        if len(step.detail) > _SHORT:
            told.setdefault((step.status.value, step.detail), []).append(step.name)
    for (status, detail), names in told.items():
        who = names[0] if len(names) == 1 else f"{len(names)} {status}, such as {names[0]}"
        parts += ["", Text(clean(f"{who}: {detail.rstrip('.')}."))]
    return Group(*parts)


def install_json(steps: Iterable[InstallStep]) -> list[dict[str, str]]:
    """The steps as plain values."""
    return [{"name": step.name, "status": step.status.value, "detail": step.detail} for step in steps]


def installed(steps: Sequence[InstallStep], *, dry_run: bool) -> RenderableType:
    """What an install came to, and what to type next."""
    found = Counter(step.status.value for step in steps)
    if found["clash"]:
        stopped = f"{counted(found['clash'], 'clash').replace('clashs', 'clashes')}: mend what is said above"
        return Group("", Text(f"{stopped}, then run `pmom install` again.", style="red"))
    did = ("created", "changed") if not dry_run else ("would create", "would change")
    made = ", ".join(f"{found[status]} {status}" for status in did if found[status]) or "Nothing to make"
    rest = ", ".join(f"{found[status]} {status}" for status in ("present", "skipped") if found[status])
    following = "Next: pmom install, without --dry-run." if dry_run and _any(found, did) else "Next: pmom pull"
    return Group("", f"{made}{f'; {rest}' if rest else ''}. {following}")


def uninstalled(steps: Sequence[InstallStep]) -> RenderableType:
    """What an uninstall came to."""
    found = Counter(step.status.value for step in steps)
    words = [
        f"{found[status]} {status}" for status in ("removed", "would remove", "kept", "skipped") if found[status]
    ]
    return Group("", f"{', '.join(words) or 'Nothing was there'}.")


def _any(found: Counter[str], statuses: Iterable[str]) -> bool:
    return any(found[status] for status in statuses)


def going(steps: Sequence[InstallStep], specs: Sequence[FieldSpec], names: Sequence[str]) -> tuple[int, int, int]:
    """(steps that would remove something, fields of ours among them, of these fields that people fill in).

    `names` are the CRM's names of the fields of `specs`, in the same order.
    """
    gone = [step.name for step in steps if step.status.value == "would remove"]
    fields = [
        spec
        for spec, name in zip(specs, names, strict=True)
        if any(each.lower().endswith(f".{name.lower()}") and spec.object.lower() in each.lower() for each in gone)
    ]
    return len(gone), len(fields), sum(spec.human for spec in fields)


def question(removed: int, fields: int, human: int) -> str:
    """What is asked before an uninstall."""
    values = f"the values in {'it' if fields == 1 else 'them'}"
    typed = f", also what people typed into {human} of them" if human else ""
    others = f" and {counted(removed - fields, 'other part')} of the install" if removed > fields else ""
    return f"This takes {counted(fields, 'field')} away with {values}{typed}{others}. Go on?"
