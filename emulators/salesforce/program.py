"""What `python -m emulators salesforce` does: open or make an org, fill it, answer until told to stop."""

from __future__ import annotations

import argparse
import os
import secrets
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emulators.loopback.clock import Clock, stored
from emulators.loopback.program import CODES, Options, add_options, clock_of, page_address, run, saved
from emulators.salesforce import catalog, kept
from emulators.salesforce.oauth import login as oauth
from emulators.salesforce.oauth import passwords
from emulators.salesforce.org import Org
from emulators.salesforce.server import Emulator
from emulators.salesforce.storage import kept_state

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

_LONGEST_LIFE = 10 * 366 * 86_400  # seconds
_DESCRIPTION = """\
Answers on 127.0.0.1 as a Salesforce org does, until it is stopped.

an org full of records, at an address and with secrets that stay:
  python -m emulators world ./world --as-of 2026-03-31
  python -m emulators salesforce --csv ./world --now 2026-03-31T09:00:00Z \\
      --db org.db --port 8443 --client-id me --client-secret secret

an empty org for a test, plain HTTP, everything told in a file:
  python -m emulators salesforce --http --ready-file ready.json

the same org again and again, from a state that was saved once:
  python -m emulators salesforce --csv ./world --save-state org.state
  python -m emulators salesforce --state org.state

It prints one line of JSON: url, ca_file (the authority to trust), client_id,
client_secret, username, password, security_token, control_token, org_id,
user_id, now, and page: open that in a browser to see and change records, to
look at the calls, and to switch faults on.
"""
_EPILOG = f"""\
The client id and secret are generated unless given by options or by
EMULATOR_CLIENT_ID and EMULATOR_CLIENT_SECRET. The file given by --db keeps
records, custom fields, permissions, sessions and bulk jobs: start again on it
to go on. --csv and --world fill a file once.

{CODES}
docs/emulators.md tells of the control plane, docs/emulated-salesforce.md what
is emulated.
"""


def parser() -> argparse.ArgumentParser:
    """The options."""
    known = ", ".join(sorted(catalog.features()))
    found = Options("salesforce", _DESCRIPTION, _EPILOG)
    add = found.add_argument_group("what is in it").add_argument
    add("--csv", type=Path, metavar="DIR", help="load a folder of Data Loader files, one CSV an object, ids kept")
    add("--world", metavar="NAME", help="fill an empty org with a generated world (small, ...)")
    add("--without", default="", metavar="A,B", help=f"org features to leave out: {known}")
    add("--person-accounts", action="store_true", help="an org in which accounts may be persons (for good)")
    add("--seed", type=int, metavar="N", help="of ids, faults and the world: same seed, same answers (default 1)")
    add = found.add_argument_group("who may call").add_argument
    add("--client-id", metavar="ID", help="of the one connected application")
    add("--client-secret", metavar="TEXT", help="its secret")
    add(
        "--redirect-uri",
        action="append",
        default=[],
        metavar="URL",
        help="where codes may be sent (default: any address of this machine)",
    )
    add("--rotate-refresh-tokens", action="store_true", help="a refresh token is used up by its use")
    add("--password", metavar="TEXT", help="of the integration user (default: EMULATOR_PASSWORD, or generated)")
    add("--security-token", metavar="TEXT", help="that may follow the password (default: generated)")
    add("--jwt-cert", type=Path, metavar="FILE", help="PEM certificate or public key registered for JWT bearer")
    add("--jwt-user", metavar="NAME", help="the only username approved for JWT (default: any active user)")
    add("--session-seconds", type=_life, default=7200, metavar="N", help="life of an idle session (default 7200)")
    add("--daily-limit", type=_count, metavar="N", help="API calls in 24 hours (default 100000)")
    add_options(found, "org")
    return found


def main(arguments: list[str]) -> int:
    """Run until SIGTERM or SIGINT; the exit code."""
    return run("salesforce", parser().parse_args(arguments), build)


def _public_key(path: Path) -> RSAPublicKey:
    from emulators.salesforce.oauth import jwt  # signatures take a while to load

    return jwt.read_public_key(path)


def build(options: argparse.Namespace, folder: Path) -> tuple[Emulator, dict[str, str]]:
    """The emulator for these options, not yet started, and what to tell about it."""
    database = options.db or folder / "org.db"
    memory = saved(options, "salesforce", database, "csv", "world", "without", "seed")
    clock = clock_of(options, memory)
    org = _org(options, database, memory, clock)
    _fill(org, options)
    known = memory["app"] if memory else {name: secrets.token_urlsafe(24) for name in ("client_id", "client_secret")}
    given = os.environ.get
    app = oauth.App(
        client_id=options.client_id or given("EMULATOR_CLIENT_ID") or known["client_id"],
        client_secret=options.client_secret or given("EMULATOR_CLIENT_SECRET") or known["client_secret"],
        public_key=_public_key(options.jwt_cert) if options.jwt_cert else None,
        jwt_user=options.jwt_user,
        session_life=timedelta(seconds=options.session_seconds),
        redirect_uris=tuple(options.redirect_uri),
        rotate=options.rotate_refresh_tokens,
    )
    ca_folder = None if options.http else options.ca_folder or database.absolute().parent
    token = options.control_token or secrets.token_urlsafe(24)
    emulator = Emulator(org, app, port=options.port, ca_folder=ca_folder, control_token=token)
    if memory is not None:
        emulator.login.recall(memory["sessions"])
        emulator.plane.faults.restore(memory["faults"])
    line = {
        "url": emulator.url,
        "ca_file": str(emulator.ca_file or ""),
        "client_id": app.client_id,
        "client_secret": app.client_secret,
        **_login(org, options),
        "control_token": token,
        "org_id": org.org_id,
        "user_id": org.user_id,
        "now": stored(clock.now()),
        "page": page_address(emulator.url, token),
    }
    return emulator, line


def _org(options: argparse.Namespace, database: Path, memory: dict[str, Any] | None, clock: Clock) -> Org:
    """The org of a saved state, or that of the file."""
    if memory is not None:
        org = kept.open_org(database, memory, clock)
    else:
        without = _without(options.without, database)
        having = _having(options, database)
        org = Org.open(database, catalog.load(without, having), clock, _seed(options))
        org.put_state("without", without)
        org.put_state("having", having)
    if options.daily_limit is not None:
        org.limits.daily_max = options.daily_limit
    return org


def _life(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 < found <= _LONGEST_LIFE:
        raise argparse.ArgumentTypeError(f"{text!r} is no life of a session; it is a number of seconds above 0")
    return found


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 12:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of calls")
    return int(text)


def _seed(options: argparse.Namespace) -> int:
    return 1 if options.seed is None else int(options.seed)


def _login(org: Org, options: argparse.Namespace) -> dict[str, str]:
    """The integration user's name, password and security token, set anew at every start."""
    password = options.password or os.environ.get("EMULATOR_PASSWORD") or passwords.generate()
    token = options.security_token or passwords.generate()
    passwords.put(org, org.user_id, password, token)
    user = org.get("User", org.user_id) or {}
    return {"username": str(user.get("Username")), "password": password, "security_token": token}


def _without(given: str, database: Path) -> list[str]:
    """The features left out; a file that was made without some stays without them."""
    names = {name.strip().lower() for name in given.split(",") if name.strip()}
    return sorted(names | set(kept_state(database, "without") or ()))


def _having(options: argparse.Namespace, database: Path) -> list[str]:
    """The extras switched on; a file that was made with some keeps them."""
    kept_ones = set(kept_state(database, "having") or ())
    return sorted(kept_ones | {"personaccounts"} if options.person_accounts else kept_ones)


def _fill(org: Org, options: argparse.Namespace) -> None:
    """Load what was asked for, unless this very file was filled with it before."""
    wanted = [str(options.csv or ""), str(options.world or "")]
    if not any(wanted) or org.state("filled") == wanted:
        return
    if options.csv:
        from emulators.salesforce.loading.csvload import load_folder

        load_folder(org, options.csv)
    if options.world:
        from emulators.salesforce.loading.csvload import load_folder
        from emulators.world import generate

        with tempfile.TemporaryDirectory(prefix="world-") as folder:
            load_folder(org, generate(_seed(options), options.world, org.clock.now().date(), Path(folder)))
    org.put_state("filled", wanted)
