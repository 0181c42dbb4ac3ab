"""What can go wrong with the world, classified by what the caller should do about it.

Errors about data are values (a `Rejection`, an `Unknown`, an `Outcome`); only errors about the world are raised.
Every message says where, what was found and what to do; none carries a secret. Each class has one documented
exit code (README, "Exit codes").
"""

from __future__ import annotations

from pathlib import Path


class PmomError(Exception):
    """The root of every error that the connector raises on purpose."""

    exit_code = 1


class Misconfigured(PmomError):
    """Something a person wrote or set up is wrong: say where, what was found and what to do."""

    exit_code = 3

    def __init__(self, where: str, found: str, fix: str) -> None:
        self.where, self.found, self.fix = where, found, fix
        super().__init__(f"{where}: {found}. {fix}")


class Misused(Misconfigured):
    """An option or argument of a command means nothing, or not together with the others."""

    exit_code = 2


class Retry(PmomError):
    """Try the same call again after `after` seconds; raised to people only when tries ran out."""

    exit_code = 4

    def __init__(self, message: str, *, after: float | None = None) -> None:
        self.after = after
        super().__init__(message)


class GiveUp(PmomError):
    """The CRM will go on refusing this call; another try is useless until somebody acts."""

    exit_code = 4


class BudgetExhausted(GiveUp):
    """The request budget, less its reserve, is used up; work resumes when the window frees."""

    exit_code = 4


class Stale(PmomError):
    """What was planned no longer matches what is there: plan again."""

    exit_code = 5


class WrongPlan(Stale):
    """A person forced a plan by another fingerprint than its own: mistyped, or the plan is another by now."""


class Refused(PmomError):
    """A safety limit stopped the run before anything was written."""

    exit_code = 5


class Busy(PmomError):
    """Another process holds the mirror or the store."""

    exit_code = 7


class Unkept(PmomError):
    """A database cannot be reached or written now (full disk, lost server, read-only file): nothing was kept."""

    exit_code = 8


CUT_OFF = ".restore-under-way"
"""The end of the name of the mark that lies beside a database from a restore's first move to its last."""


def refuse_cut_off(path: Path) -> None:
    """Raise Misconfigured when a restore that moved this database was cut off: something lacks."""
    if path.with_name(path.name + CUT_OFF).exists():
        fix = "Run `pmom restore FILE --force` again with the same file; what was there is kept beside."
        raise Misconfigured(str(path), "a restore was cut off before all databases were in their places", fix)
