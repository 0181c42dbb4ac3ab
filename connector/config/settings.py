"""What did the admin set in `config.toml`, the environment and the secret files?

Precedence: command line, then environment (`PMOM_SALESFORCE__CLIENT_ID`), then secret files, then `config.toml`,
then defaults. Secrets never stand in `config.toml`: one that is found there is refused. `Settings.load` names every
wrong value at once, with file and line or the variable's name, and never shows a secret.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PrivateAttr, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from connector.config.connections import CONNECTIONS, Connection, HubSpot, Part, Salesforce, is_secret
from connector.config.operation import Jobs, Schedule, Web, without_password
from connector.config.secret_files import named_secret, read_secret, strange_in
from connector.config.toml_lines import (
    UNKNOWN_KEY,
    Key,
    Problem,
    closest,
    dotted,
    line_numbers,
    misconfigured,
    parse_toml,
    problems,
    read_text,
)
from connector.config.webhooks import Webhooks
from connector.errors import Misconfigured

ENV_PREFIX = "PMOM_"
BESIDE = {"CONFIG"}  # variables with our prefix that are no settings
OF_THE_FILE = ("name", "connections")  # say what the file itself is: no variable may say it of every file


class Workspace(Part):
    """Where the connector keeps its files."""

    dir: Path = Field(default=Path(".pmom"), description="Folder of mirror.duckdb and store.sqlite")
    memory_mb: int = Field(
        default=1500,
        description="Memory of the database inside the mirror; larger work spills to disk and is slower",
        ge=500,
    )
    database: str | None = Field(
        default=None,
        description="PostgreSQL for decisions, instead of store.sqlite",
        examples=["postgresql+psycopg://pmom@db.acme.invalid/pmom"],
    )
    database_password: SecretStr | None = Field(default=None, description="Password of that database")
    database_password_file: Path | None = Field(
        default=None,
        description="File that holds the password of that database",
        examples=["/run/secrets/pmom_database"],
    )

    @field_validator("database")
    @classmethod
    def _without_password(cls, url: str | None) -> str | None:
        return without_password(url)

    @property
    def mirror(self) -> Path:
        """The local copy of the CRM's records."""
        return self.dir / "mirror.duckdb"

    @property
    def store(self) -> Path:
        """Decisions, plans and outcomes, where no database is named."""
        return self.dir / "store.sqlite"


class PolicyChoice(Part):
    """The rules by which partners are judged."""

    file: str = Field(default="default", description='A shipped policy ("default" or "literal") or the path of yours')


class MappingChoice(Part):
    """Which object and field of the CRM is which canonical field."""

    salesforce: str = Field(default="salesforce", description="The shipped mapping, or the path of yours")
    hubspot: str = Field(default="hubspot", description="The shipped mapping, or the path of yours")


class Sync(Part):
    """What each sync reads again, so that nothing is missed."""

    overlap_minutes: int = Field(
        default=10, description="Read again what changed so long before the last sync", ge=5, le=1440
    )
    holdback_seconds: int = Field(
        default=60, description="Seconds that the cursor is set before now, for rows seen late", ge=0, le=3600
    )
    calculated_refresh_hours: int = Field(
        default=24, description="Read everything again so often where formulas may change unseen; 0 is never", ge=0
    )
    reconcile_days: int = Field(
        default=7, description="Compare all ids with the CRM so often, for hard deletes; 0 is never", ge=0
    )


class Tasks(Part):
    """Tasks that the connector makes."""

    admin_user: str | None = Field(
        default=None,
        description="Id of the CRM user who gets tasks about missing data and setup",
        examples=["005..."],
    )


class Retention(Part):
    """How long the store keeps the trail of what was done. Decisions, credits and audits are kept for good."""

    trail_years: int = Field(
        default=7, description="Years for which each run and each of its writes to the CRM are kept", ge=1, le=100
    )
    plans_days: int = Field(
        default=90, description="Days for which the whole text of a plan is kept that is done with", ge=1, le=36_500
    )


class Log(Part):
    """What the connector says while it works."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="debug, info, warning or error"
    )
    format: Literal["text", "json"] = Field(
        default="text", description='"text" for people, "json" for log collectors'
    )


class Settings(BaseSettings):
    """All settings. Paths are absolute; relative ones begin at the folder of `config.toml`."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        env_prefix=ENV_PREFIX,
        env_nested_delimiter="__",
        env_ignore_empty=True,
    )

    name: str = Field(
        default="",
        description='What the connection is called in addresses and figures; "" is its CRM\'s name',
    )
    connections: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Instead of a CRM's table: the settings files of several connections",
        examples=[["emea.toml", "portal.toml"]],
    )
    secrets_dir: Path | None = Field(
        default=None,
        description="Folder of secret files such as salesforce__client_secret",
        examples=["/run/secrets"],
    )
    workspace: Workspace = Workspace()
    salesforce: Salesforce | None = None
    hubspot: HubSpot | None = None
    policy: PolicyChoice = PolicyChoice()
    mapping: MappingChoice = MappingChoice()
    sync: Sync = Sync()
    tasks: Tasks = Tasks()
    web: Web = Web()
    jobs: Jobs = Jobs()
    schedule: Schedule = Schedule()
    webhooks: Webhooks = Webhooks()
    retention: Retention = Retention()
    log: Log = Log()

    _path: Path = PrivateAttr(Path("config.toml"))
    _lines: dict[Key, int] = PrivateAttr(default_factory=dict)

    @field_validator("name")
    @classmethod
    def _speakable(cls, name: str) -> str:
        if name and not re.fullmatch(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?", name):
            raise ValueError('must be lower-case letters, digits and dashes, at most 32. "emea" is one.')
        return name

    @property
    def base(self) -> Path:
        """The folder of `config.toml`: where relative paths begin."""
        return self._path.parent

    def where(self, *key: str | int) -> str:
        """file:line of that key, or of the nearest key above it that the file holds."""
        found = next((self._lines[key[:n]] for n in range(len(key), 0, -1) if key[:n] in self._lines), None)
        return f"{self._path}:{found}" if found else str(self._path)

    def connection_name(self) -> str:
        """What the connection is called in the store, in addresses and in figures."""
        return self.name or self.crm()

    def crm(self) -> str:
        """The name of the one CRM that the file connects; `Misconfigured` when it is none or several."""
        if self.connections:
            all_ = "`pmom serve`, `work`, `jobs`, `status`, `backup` and `restore`"
            fix = f"Choose one of its files with --config; only {all_} take all."
            raise Misconfigured(self.where("connections"), "this file names several connections", fix)
        named = [name for name in CONNECTIONS if getattr(self, name) is not None]
        if not named:
            tables = " or ".join(f"[{name}]" for name in CONNECTIONS)
            raise Misconfigured(str(self._path), f"there is no {tables} table", _SHOWN)
        if len(named) > 1:
            both = " and ".join(f"[{name}]" for name in named)
            fix = "Keep one settings file a CRM, each with a [workspace] dir of its own, and choose with --config."
            raise Misconfigured(self.where(named[-1]), f"{both} stand in one file", fix)
        return named[0]

    def connection(self) -> Connection:
        """The settings of that CRM, complete with the secrets of the chosen sign-in; `Misconfigured` without."""
        name = self.crm()
        found: Connection = getattr(self, name)
        lack = found.lacking()
        if lack in found.secrets():
            fix = f"Set {_variable((name, lack))}, or name a file with {lack}_file."
            raise Misconfigured(self.where(name), f"the {lack} is nowhere to be found", fix)
        for secret in found.needs[found.auth]:
            held = getattr(found, secret)
            odd = strange_in(held.get_secret_value()) if isinstance(held, SecretStr) and "key" not in secret else ""
            if odd:
                fix = "Copy it anew, alone and without quotes. It is not shown here."
                raise Misconfigured(self.where(name, f"{secret}_file"), f"the {secret} {odd}", fix)
        if lack is not None:
            raise Misconfigured(self.where(name), f"{found.auth} needs {lack}, which is missing", "Add it.")
        return found

    @staticmethod
    def load(path: Path | str, overrides: Mapping[str, Any] | None = None) -> Settings:
        """The settings in that file, the environment and the secret files; `overrides` are the command line's.

        Raises `Misconfigured` that names every wrong value with file:line, variable or secret file.
        """
        path = Path(path)
        if not path.is_file():
            fix = "Make one with `pmom init`, or name another with --config."
            raise Misconfigured(str(path), "there is no such file", fix)
        text = read_text(path)
        data = parse_toml(text, path)
        lines = line_numbers(text)
        refused = (*_secrets_in_file(data, path, lines), *_whole_tables())
        if refused:
            raise misconfigured(refused, path)
        base = path.resolve().parent
        secrets = _secret_files(_secrets_dir(data, overrides or {}, base, path, lines))
        origins = _origins(overrides or {}, secrets)
        settings, wrong = _validated(_layered(data, secrets), overrides or {}, path, text + _stand_ins(origins))
        if settings is None:  # raised here, so that the error does not carry pydantic's, which holds every input
            raise misconfigured((replace(p, where=origins.get(p.key, p.where)) for p in wrong), path)
        return _finished(settings, path, base, lines, origins)


def render_example(crm: str = "salesforce") -> str:
    """`config.example.toml`: every setting with its default and one comment; settings without default stand out.

    The table of `crm` is in force; those of the other CRMs follow with `##` before every line.
    """
    parts = ["# Settings of pmom. Every line is the default, or an example where it begins with #.\n" + _HEAD]
    top = [_setting(name, field) for name, field in Settings.model_fields.items() if name not in _tables()]
    parts.append("\n".join(top))
    others = []
    for name, part in _tables().items():
        lines = [f"# {(part.__doc__ or '').strip()}", f"[{name}]"]
        lines += [_setting(key, field) for key, field in part.model_fields.items()]
        if name in CONNECTIONS and name != crm:
            others.append("\n".join(f"## {line}" for line in (f"Instead of [{crm}]:", *lines)))
        else:
            parts.append("\n".join(lines))
    text = "\n\n".join(parts)
    for word, other in _OTHERWISE.get(crm, ()):
        text = text.replace(word, other)
    return "\n\n".join((text, *others)) + "\n"


_SHOWN = "Add one; config.example.toml shows how."
_HEAD = """# Relative paths begin at the folder of this file. Every setting can also come from the environment, which
# wins: PMOM_SYNC__OVERLAP_MINUTES=15 is [sync] overlap_minutes = 15. Secrets come only from the environment, from a
# file named by ..._file, or from a file in secrets_dir; this file is refused when it holds one."""


def _tables() -> dict[str, type[Part]]:
    found: dict[str, type[Part]] = {}
    for name, field in Settings.model_fields.items():
        kinds = (field.annotation, *getattr(field.annotation, "__args__", ()))
        found.update((name, kind) for kind in kinds if isinstance(kind, type) and issubclass(kind, Part))
    return found


_OTHERWISE = {
    "hubspot": (("salesforce__client_secret", "hubspot__access_token"), ('"005..."', '"12345678"')),
}
"""CRM -> words of the first CRM's that its own file says otherwise."""


def _setting(name: str, field: Any) -> str:
    if _is_secret(field):
        return f"# {field.description}: never here. See the top of this file."
    if field.is_required():
        return f"{name} = {_toml(field.examples[0])}  # {field.description}"
    if field.default is None or field.default == ():
        return f"# {name} = {_toml(field.examples[0])}  # {field.description}"
    return f"{name} = {_toml(field.default)}  # {field.description}"


def _toml(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else f'"{value}"'


def _is_secret(field: Any) -> bool:
    return is_secret(field.annotation)


def _secrets_in_file(data: Mapping[str, Any], path: Path, lines: Mapping[Key, int]) -> Iterator[Problem]:
    for table, part in _tables().items():
        written = data.get(table)
        for name, field in part.model_fields.items():
            if _is_secret(field) and isinstance(written, dict) and name in written:
                key = (table, name)
                fix = f"Delete it here and set {_variable(key)} instead, or name a file with {name}_file."
                yield Problem(f"{path}:{lines.get(key, 0)}", dotted(key), "a secret may not stand in this file", fix)


def _whole_tables() -> Iterator[Problem]:
    """Variables that name a table instead of a setting in it."""
    for table, part in _tables().items():
        if os.environ.get(_variable((table,))):
            fix = f"Set a setting of it, such as {_variable((table, next(iter(part.model_fields))))}."
            yield Problem(f"environment variable {_variable((table,))}", "", f"[{table}] is a table", fix)


def _secrets_dir(
    data: Mapping[str, Any], overrides: Mapping[str, Any], base: Path, path: Path, lines: Mapping[Key, int]
) -> Path | None:
    said = overrides.get("secrets_dir") or os.environ.get(f"{ENV_PREFIX}SECRETS_DIR") or data.get("secrets_dir")
    if not isinstance(said, str | Path) or not str(said):
        return None  # a value of another kind is reported with all the others
    folder = base / said
    if not folder.is_dir():
        where = f"{path}:{lines[('secrets_dir',)]}" if said == data.get("secrets_dir") else f"{ENV_PREFIX}SECRETS_DIR"
        raise Misconfigured(where, f"secrets_dir: there is no folder {folder}", "Mount it, or leave the setting out.")
    return folder


def _secret_files(folder: Path | None) -> dict[str, Any]:
    """The files of the folder as settings: salesforce__client_secret holds salesforce.client_secret."""
    found: dict[str, Any] = {}
    for file in sorted(folder.iterdir()) if folder else ():
        table, mark, name = file.name.lower().partition("__")
        if mark and table in _tables() and file.is_file():
            found.setdefault(table, {})[name] = read_secret(file)
    return found


def _layered(data: dict[str, Any], secrets: dict[str, Any]) -> type[Settings]:
    """`Settings` with its sources in the order of precedence."""

    class Loaded(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            outer = [InitSettingsSource(settings_cls, _of_this_crm(said, data)) for said in (env_settings(), secrets)]
            return init_settings, *outer, InitSettingsSource(settings_cls, data)

    Loaded.__name__ = Loaded.__qualname__ = "Settings"
    return Loaded


def _of_this_crm(said: dict[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
    """The settings without those of CRMs that the file does not connect: a machine may hold secrets of several."""
    here = CONNECTIONS.keys() & data.keys()
    ours = {name: value for name, value in said.items() if name not in OF_THE_FILE}
    return {name: value for name, value in ours.items() if not here or name in here or name not in CONNECTIONS}


def _validated(
    model: type[Settings], overrides: Mapping[str, Any], path: Path, text: str
) -> tuple[Settings | None, tuple[Problem, ...]]:
    try:
        return model(**overrides), ()
    except ValidationError as error:
        return None, tuple(map(_astray, problems(error, Settings, path, text=text)))


def _astray(problem: Problem) -> Problem:
    """A setting of a CRM's table that stands in another one: the line between them was deleted."""
    table, _, name = problem.key.rpartition(".")
    homes = [home for home, part in CONNECTIONS.items() if name in part.model_fields and home != table]
    if problem.found != UNKNOWN_KEY or not homes:
        return problem
    lines = " or ".join(f"[{home}]" for home in homes)
    return replace(problem, fix=f"It belongs to {lines}: is the {lines} line missing above it?")


def _variable(key: tuple[str, ...]) -> str:
    return ENV_PREFIX + "__".join(part.upper() for part in key)


def _origins(overrides: Mapping[str, Any], secrets: Mapping[str, Any]) -> dict[str, str]:
    """Dotted key -> where its value comes from, for values that do not come from the file."""
    found = {key: f"secret file {key.replace('.', '__')}" for key in _keys(secrets)}
    for name in os.environ:
        table, mark, key = name.upper().removeprefix(ENV_PREFIX).lower().partition("__")
        if name.upper().startswith(ENV_PREFIX) and mark and table in _tables():
            found[f"{table}.{key}"] = f"environment variable {name}"
    return found | dict.fromkeys(_keys(overrides), "command line")


def _keys(data: Mapping[str, Any]) -> Iterator[str]:
    for table, part in data.items():
        yield from (f"{table}.{key}" for key in part) if isinstance(part, Mapping) else (table,)


def _stand_ins(origins: Mapping[str, str]) -> str:
    """Lines that stand for values from elsewhere, so that a problem with one is called by its whole key."""
    return "".join(f"\n[{table}]\n{name} = 0" for table, _, name in (key.partition(".") for key in origins) if name)


def _finished(
    settings: Settings, path: Path, base: Path, lines: dict[Key, int], origins: Mapping[str, str]
) -> Settings:
    """The settings with absolute paths and with the secrets that stand in files of their own."""
    parts: dict[str, Any] = {name: _anchored(getattr(settings, name), base) for name in _tables()}
    done = settings.model_copy(update=parts)
    done._path, done._lines = path, lines
    held = {
        name: part.model_copy(update=dict(_from_files(part, name, done, origins)))
        for name, part in parts.items()
        if part is not None and part.secrets()
    }
    found = done.model_copy(update=held)
    found._path, found._lines = path, lines
    return found


def _anchored(part: Part | None, base: Path) -> Part | None:
    if part is None:
        return None
    values = ((name, getattr(part, name)) for name in type(part).model_fields)
    return part.model_copy(update={name: base / value for name, value in values if isinstance(value, Path)})


def _from_files(
    part: Part, table: str, settings: Settings, origins: Mapping[str, str]
) -> Iterator[tuple[str, SecretStr]]:
    for name in part.secrets():
        file = getattr(part, f"{name}_file")
        if file is not None and getattr(part, name) is None:
            key = f"{table}.{name}_file"
            where = origins.get(key) or f"{settings.where(table, f'{name}_file')}: {key}"
            yield name, SecretStr(named_secret(file, where))


def unknown_variables(environ: Mapping[str, str] | None = None) -> tuple[Problem, ...]:
    """Variables that begin with PMOM_ and set nothing: a misspelt name would otherwise be silently without effect."""
    known = {_variable((name,)) for name in Settings.model_fields if name not in OF_THE_FILE} | {
        ENV_PREFIX + name for name in BESIDE
    }
    known |= {_variable((table, key)) for table, part in _tables().items() for key in part.model_fields}
    names = sorted(
        name for name in (os.environ if environ is None else environ) if name.upper().startswith(ENV_PREFIX)
    )
    strange = (name for name in names if name.upper() not in known)
    return tuple(Problem(f"environment variable {n}", "", "sets nothing", closest(n.upper(), known)) for n in strange)
