"""Which connections does this deployment serve, where is their work kept, and when is it done?

One file: an ordinary settings file (one connection), or a file with `connections = ["emea.toml", "portal.toml"]`,
the paths of ordinary settings files, each with a [workspace] of its own. Both may hold [web], [jobs] and [schedule].
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connector.config.connections import CONNECTIONS
from connector.config.operation import Jobs, Schedule, Web
from connector.config.secret_files import secrets_in
from connector.config.settings import Settings
from connector.config.toml_lines import Problem, misconfigured
from connector.errors import Misconfigured


@dataclass(frozen=True, slots=True)
class Named:
    """One connection of a deployment. `path` is its settings file."""

    name: str
    path: Path
    settings: Settings


@dataclass(frozen=True, slots=True)
class Resting:
    """A connection that cannot be loaded, and why. `name` is what its file says, as far as that can be read."""

    name: str
    path: Path
    why: Misconfigured


@dataclass(frozen=True, slots=True)
class Deployment:
    """One file's connections and how the always-on half runs; paths are absolute."""

    path: Path
    connections: tuple[Named, ...]
    web: Web
    jobs: Jobs
    schedule: Schedule
    settings: Settings  # of the file itself: its log, and where each key stands in it
    resting: tuple[Resting, ...] = ()

    @classmethod
    def load(cls, path: Path | str, *, spare: bool = False) -> Deployment:
        """Raises Misconfigured that names every wrong value of every file, with file:line.

        `spare`: connections that cannot be loaded are `resting`, as long as one can; what is wrong with the file
        itself, and what connections may not have in common, is raised all the same.
        """
        path = Path(path)
        settings = Settings.load(path)
        named, broken = _sorted_out(settings, path)
        if broken and not (spare and named):
            raise _wrong([error for _, error in broken], path)
        _check(named, settings)
        resting = tuple(_resting(broken, {each.name for each in named}))
        return cls(path, named, settings.web, settings.jobs, settings.schedule, settings, resting)

    @property
    def names(self) -> tuple[str, ...]:
        """What the connections are called, also those that rest because they cannot be loaded."""
        return tuple(each.name for each in self._every())

    def path_of(self, name: str) -> Path:
        """The settings file of that connection; Misconfigured when there is none."""
        for each in self._every():
            if each.name == name:
                return each.path
        known = ", ".join(self.names)
        raise Misconfigured(str(self.path), f"there is no connection {name!r}", f"There are: {known}.")

    def _every(self) -> tuple[Named | Resting, ...]:
        return self.connections + self.resting

    @property
    def folder(self) -> Path:
        """Where the files of the always-on half are kept."""
        return self.jobs.dir or self.settings.workspace.dir

    @property
    def fleet(self) -> str | Path:
        """The database of hints, heartbeats and slots: a SQLite file, or the URL with its password."""
        return self.url() or self.folder / "fleet.sqlite"

    @property
    def durable(self) -> str:
        """The URL of the database in which work is queued."""
        return self.url() or f"sqlite:///{self.folder / 'dbos.sqlite'}"

    def url(self) -> str | None:
        """The URL of [jobs] database with its password; None when files are used."""
        return with_password(self.jobs.database, self.jobs.database_password) if self.jobs.database else None

    def secrets(self) -> tuple[str, ...]:
        """Every secret of the deployment and its connections: what no line of a log may hold."""
        every = (self.settings, *(each.settings for each in self.connections))
        return tuple(secret for settings in every for secret in secrets_in(settings))

    def connection(self, name: str) -> Named:
        """The connection of that name; Misconfigured when there is none, or it cannot be loaded."""
        for each in self.resting:
            if each.name == name:
                raise each.why
        self.path_of(name)
        return next(each for each in self.connections if each.name == name)


def with_password(url: str, password: Any) -> str:
    """The database's address as drivers take it, with the password that is kept elsewhere."""
    if password is None:
        return url
    from urllib.parse import quote

    scheme, _, rest = url.partition("://")
    user, mark, place = rest.rpartition("@")
    return f"{scheme}://{user}:{quote(password.get_secret_value(), safe='')}{mark or '@'}{place}"


def _sorted_out(settings: Settings, path: Path) -> tuple[tuple[Named, ...], list[tuple[Path, Misconfigured]]]:
    """The connections that can be loaded, and the files of the others with what is wrong."""
    if not settings.connections:
        return (Named(settings.connection_name(), path, settings),), []
    named, broken = [], []
    for number, each in enumerate(settings.connections):
        try:
            named.append(_member(settings, number, settings.base / each))
        except Misconfigured as error:
            broken.append((settings.base / each, error))
    return tuple(named), broken


def _wrong(wrong: list[Misconfigured], path: Path) -> Misconfigured:
    if len(wrong) == 1:
        return wrong[0]
    lines = "\n".join(("Correct each of them:", *(f"  {error}" for error in wrong)))
    return Misconfigured(str(path), f"{len(wrong)} connections are wrong", lines)


_NAME = re.compile(r"""^name\s*=\s*["']([a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?)["']""", re.MULTILINE)
_TABLE = re.compile(rf"^\s*\[\s*({'|'.join(CONNECTIONS)})\s*]", re.MULTILINE)


def _resting(broken: Iterable[tuple[Path, Misconfigured]], taken: set[str]) -> Iterator[Resting]:
    for path, why in broken:
        said = _said_name(path)
        name = next(each for n in range(1, 1000) if (each := said if n == 1 else f"{said}-{n}") not in taken)
        taken.add(name)
        yield Resting(name, path, why)


def _said_name(path: Path) -> str:
    """What a file that cannot be loaded calls its connection: its name, its CRM's, or that of the file."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    found = _NAME.search(text) or _TABLE.search(text)
    return found[1] if found else re.sub(r"[^a-z0-9]+", "-", path.stem.lower()).strip("-")[:28] or "connection"


def _member(settings: Settings, number: int, path: Path) -> Named:
    where = settings.where("connections", number)
    if not path.is_file():
        raise Misconfigured(where, f"there is no file {path}", "Make it with `pmom --config FILE init`.")
    found = Settings.load(path)
    if found.connections:
        raise Misconfigured(where, f"{path} names connections itself", "Name settings files of one CRM each.")
    return Named(found.connection_name(), path, found)


def _check(named: Iterable[Named], settings: Settings) -> None:
    """Connections differ in name and folder, and the file that names several connects nothing itself."""
    wrong = [*_twice(tuple(named), settings)]
    if settings.connections:
        for table in CONNECTIONS:
            if getattr(settings, table) is not None:
                fix = "Put it into a settings file of its own, and name that one."
                wrong.append(Problem(settings.where(table), table, "stands beside connections", fix))
    if wrong:
        raise misconfigured(wrong, settings.where())


def _twice(named: tuple[Named, ...], settings: Settings) -> Iterator[Problem]:
    rules: tuple[tuple[str, Callable[[Named], object], str], ...] = (
        ("name", lambda each: each.name, 'Give one of them another name = "..." at the top of its file.'),
        ("workspace.dir", lambda each: each.settings.workspace.dir, "Give each a [workspace] dir of its own."),
    )
    for key, value, fix in rules:
        seen: dict[object, Named] = {}
        for number, each in enumerate(named):
            said = value(each)
            first = seen.setdefault(said.resolve() if isinstance(said, Path) else said, each)
            if first is not each:
                found = f'"{said}" is also that of {first.path.name}'
                yield Problem(settings.where("connections", number), f"{each.path.name}: {key}", found, fix)
