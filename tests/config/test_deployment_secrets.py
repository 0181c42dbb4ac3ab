"""What no line of a log may hold is known from the settings of every connection."""

from __future__ import annotations

from pathlib import Path

from connector.config.deployment import Deployment

ORG = """name = "{name}"
[workspace]
dir = "{name}"
[salesforce]
instance_url = "https://acme.my.salesforce.com"
client_id = "key"
client_secret_file = "{name}.secret"
"""


def test_the_secrets_of_all_connections_are_known(tmp_path: Path) -> None:
    for name in ("emea", "apac"):
        (tmp_path / f"{name}.toml").write_text(ORG.format(name=name))
        (tmp_path / f"{name}.secret").write_text(f"secret-of-{name}")
    (tmp_path / "all.toml").write_text('connections = ["emea.toml", "apac.toml"]\n')
    known = Deployment.load(tmp_path / "all.toml").secrets()
    assert {"secret-of-emea", "secret-of-apac"} <= set(known)
