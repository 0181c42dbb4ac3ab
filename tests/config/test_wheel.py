"""Does an installed pmom have the texts that it shows, and not only one that stands in its repository?"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHOWN = """
import json, connector.config.policy_document as document
print(json.dumps([document.__file__, document.meaning("velocity.floor"), len(document.said("default"))]))
"""


@pytest.mark.slow
def test_a_wheel_tells_what_each_key_of_the_policy_means(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        names = set(packed.namelist())
        packed.extractall(tmp_path / "installed")
    assert {
        "policies/policy.md",
        "policies/default.toml",
        "mappings/salesforce.toml",
        "connector/cli/app.py",
    } <= names
    assert not [name for name in names if name.startswith(("tests/", "benchmarks/", "docs/"))]
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "installed")}
    ran = subprocess.run(
        [sys.executable, "-c", SHOWN], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    file, meaning, keys = json.loads(ran.stdout)
    assert Path(file).is_relative_to(tmp_path)
    assert meaning.startswith("Quote-to-close rate that passes")
    assert keys > 100
