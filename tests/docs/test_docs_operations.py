"""Is everything there that the operations page, the units and the container file name?"""

from __future__ import annotations

import configparser
import re
import subprocess
from importlib.metadata import requires
from pathlib import Path
from typing import Any

import pytest
import typer

from connector.config.settings import Settings, unknown_variables
from jobs import command

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "docs" / "deploy"
UNITS = ("pmom.service", "pmom-web.service")
CONTAINERFILE = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")


def unit(name: str) -> configparser.ConfigParser:
    found = configparser.ConfigParser(strict=False, interpolation=None)
    found.optionxform = str  # type: ignore[assignment, method-assign]
    found.read_string((DEPLOY / name).read_text(encoding="utf-8"))
    return found


def said() -> list[str]:
    """Every command line of pmom that is written somewhere, without its path."""
    units = "\n".join((DEPLOY / name).read_text(encoding="utf-8") for name in UNITS)
    lines = re.findall(r"^ExecStart(?:Pre)?=/opt/pmom/bin/(pmom .+)$", units, re.MULTILINE)
    (words,) = re.findall(r"^CMD \[(.+)\]$", CONTAINERFILE, re.MULTILINE)
    lines.append(words.replace('"', "").replace(",", ""))
    blocks = "\n".join(re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))
    lines += re.findall(r"^(?:.*/bin/|.* pmom )?(pmom (?!pmom)[a-z-][^\n]*)$", blocks, re.MULTILINE)
    lines += [each for each in re.findall(r"`(pmom [a-z][^`]*)`", PAGE + CONTAINERFILE) if "FILE" not in each]
    return sorted(set(lines))


@pytest.mark.parametrize("line", said())
def test_every_command_that_is_written_is_one(line: str) -> None:
    here: Any = typer.main.get_command(command.cli.app)
    for word in line.split()[1:]:
        known = {option for each in here.params for option in (*each.opts, *each.secondary_opts)}
        if word.startswith("-"):
            assert word in known, line
        elif hasattr(here, "commands"):
            assert word in here.commands, line
            here = here.commands[word]
    assert not hasattr(here, "commands") or here.name == "jobs"


def test_the_commands_are_those_that_matter() -> None:
    assert {"pmom work", "pmom serve", "pmom --quiet status"} <= set(said())
    assert {line.split()[1] for line in said()} >= {"check", "backup", "restore", "status", "runs", "jobs"}


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_runs_one_process_as_its_own_user_with_known_settings(name: str) -> None:
    service = unit(name)["Service"]
    assert (service["User"], service["Restart"], service["KillMode"]) == ("pmom", "always", "mixed")
    assert int(service["TimeoutStopSec"]) > 10  # a stop ends by itself within ten seconds
    text = (DEPLOY / name).read_text(encoding="utf-8")
    variables = dict(each.split("=", 1) for each in re.findall(r"^Environment=(.+)$", text, re.MULTILINE))
    assert set(variables) == {"PMOM_CONFIG", "PMOM_SECRETS_DIR", "PMOM_LOG__FORMAT"}
    assert unknown_variables(variables) == ()


def test_the_units_differ_only_in_what_they_run() -> None:
    left, right = (unit(name) for name in UNITS)
    differing = {
        (section, key)
        for section in left.sections()
        for key in {*left[section], *right[section]}
        if left[section].get(key) != right[section].get(key)
    }
    assert differing == {("Unit", "Description"), ("Service", "ExecStart"), ("Service", "ExecStartPre")}


def test_the_image_is_built_from_what_is_there_and_from_all_that_the_package_needs() -> None:
    copied = {
        word
        for line in re.findall(r"^COPY (?!--from)(.+) \S+$", CONTAINERFILE, re.MULTILINE)
        for word in line.split()
    }
    assert [name for name in sorted(copied) if not (ROOT / name).exists()] == []
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (only,) = re.findall(r"^only-include = \[(.+)\]$", text, re.MULTILINE)
    forced = re.findall(r'^"([^"]+)" = "[^"]+"', text.partition("force-include]")[2], re.MULTILINE)
    needed = {"README.md", "pyproject.toml", "requirements.lock", *re.findall(r'"([^"]+)"', only)}
    needed |= {path.partition("/")[0] for path in forced}
    assert needed <= copied


def test_every_package_of_the_image_comes_with_its_hash() -> None:
    installs = re.findall(r"pip install ([^\\\n&]+)", CONTAINERFILE)
    assert len(installs) == 3
    assert all("--require-hashes" in each or "--no-index" in each for each in installs)


def test_the_tools_that_build_the_package_are_cut_out_of_the_lock_whole() -> None:
    (expression,) = re.findall(r"sed -n ('[^']+') requirements-dev\.lock", CONTAINERFILE)
    told = subprocess.run(
        ["sed", "-n", expression.strip("'"), str(ROOT / "requirements-dev.lock")],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    names = set(re.findall(r"^([a-z0-9-]+)==", told, re.MULTILINE))
    needed = {re.split(r"[<>=!~; \[]", each)[0] for each in requires("hatchling") or () if "extra ==" not in each}
    lines = [line for line in told.splitlines() if "==" in line]
    assert needed - {"tomli"} <= names  # tomli only before Python 3.11
    assert "hatchling" in names
    assert all(line.endswith("\\") for line in lines)
    assert not told.rstrip().endswith("\\")


def test_every_setting_that_the_page_names_is_one() -> None:
    for table, key in re.findall(r"`\[(\w+)\] (\w+)", PAGE):
        part: Any = Settings.model_fields[table].default
        assert key in type(part).model_fields, (table, key)
    blocks = "\n".join(re.findall(r"^```toml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))
    for table, body in re.findall(r"^\[(\w+)\]\n((?:\w+ = .+\n)+)", blocks, re.MULTILINE):
        for key in re.findall(r"^(\w+) =", body, re.MULTILINE):
            assert key in type(Settings.model_fields[table].default).model_fields, (table, key)
