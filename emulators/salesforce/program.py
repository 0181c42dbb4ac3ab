"""What `python -m emulators salesforce` does: open or make an org, fill it, answer until told to stop."""

from __future__ import annotations

import argparse
import os
import secrets
import tempfile
from datetime import timedelta
from pathlib import Path

from emulators.loopback.clock import Clock, parse_instant, stored
from emulators.loopback.program import add_options, page_address, run
from emulators.salesforce import catalog, oauth, passwords
from emulators.salesforce.org import Org
from emulators.salesforce.server import Emulator
from emulators.salesforce.storage import kept_state

_EPILOG = """\
Prints one line of JSON with url, ca_file, client_id, client_secret, username, password, security_token,
control_token, org_id and user_id.
The client id and secret are generated unless given by options or by EMULATOR_CLIENT_ID, EMULATOR_CLIENT_SECRET.
The file given by --db keeps records, custom fields, permissions, sessions and bulk jobs; start again on it to go on.
"""


def parser() -> argparse.ArgumentParser:
    """The options."""
    known = ", ".join(sorted(catalog.features()))
    found = argparse.ArgumentParser(
        prog="python -m emulators salesforce",
        description="Answers on 127.0.0.1 as a Salesforce org does.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_options(found, "org")
    add = found.add_argument
    add("--csv", type=Path, metavar="DIR", help="load a folder of Data Loader files, one CSV an object, ids kept")
    add("--world", metavar="NAME", help="fill an empty org with a generated world (small, ...)")
    add("--without", default="", metavar="A,B", help=f"org features to leave out: {known}")
    add("--seed", type=int, default=1, metavar="N", help="of ids, faults and the world (default 1)")
    add("--client-id", metavar="ID", help="of the one connected application")
    add("--client-secret", metavar="TEXT", help="its secret")
    add("--redirect-uri", action="append", default=[], metavar="URL", help="where codes may be sent (default: any "
        "address of this machine)")  # fmt: skip
    add("--rotate-refresh-tokens", action="store_true", help="a refresh token is used up by its use")
    add("--password", metavar="TEXT", help="of the integration user (default: EMULATOR_PASSWORD, or generated)")
    add("--security-token", metavar="TEXT", help="that may follow the password (default: generated)")
    add("--jwt-cert", type=Path, metavar="FILE", help="PEM certificate or public key registered for JWT bearer")
    add("--jwt-user", metavar="NAME", help="the only username approved for JWT (default: any active user)")
    add("--session-seconds", type=float, default=7200, metavar="N", help="life of an idle session (default 7200)")
    add("--daily-limit", type=int, default=100_000, metavar="N", help="API calls in 24 hours (default 100000)")
    return found


def main(arguments: list[str]) -> int:
    """Run until SIGTERM or SIGINT; 2 for options that make no sense."""
    return run("salesforce", parser().parse_args(arguments), build)


def build(options: argparse.Namespace, folder: Path) -> tuple[Emulator, dict[str, str]]:
    """The emulator for these options, not yet started, and what to tell about it."""
    database = options.db or folder / "org.db"
    clock = Clock(parse_instant(options.now) if options.now else None, frozen=options.freeze)
    org = Org.open(database, catalog.load(_without(options.without, database)), clock, options.seed)
    org.put_state("without", _without(options.without, database))
    org.limits.daily_max = options.daily_limit
    _fill(org, options)
    app = oauth.App(
        client_id=options.client_id or os.environ.get("EMULATOR_CLIENT_ID") or secrets.token_urlsafe(24),
        client_secret=options.client_secret or os.environ.get("EMULATOR_CLIENT_SECRET") or secrets.token_urlsafe(24),
        public_key=oauth.read_public_key(options.jwt_cert) if options.jwt_cert else None,
        jwt_user=options.jwt_user,
        session_life=timedelta(seconds=options.session_seconds),
        redirect_uris=tuple(options.redirect_uri),
        rotate=options.rotate_refresh_tokens,
    )
    ca_folder = None if options.http else options.ca_folder or database.absolute().parent
    token = options.control_token or secrets.token_urlsafe(24)
    emulator = Emulator(org, app, port=options.port, ca_folder=ca_folder, control_token=token)
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


def _fill(org: Org, options: argparse.Namespace) -> None:
    """Load what was asked for, unless this very file was filled with it before."""
    wanted = [str(options.csv or ""), str(options.world or "")]
    if org.state("filled") == wanted:
        return
    if options.csv:
        from emulators.salesforce.csvload import load_folder

        load_folder(org, options.csv)
    if options.world:
        from emulators.salesforce.csvload import load_folder
        from emulators.world import generate

        with tempfile.TemporaryDirectory(prefix="world-") as folder:
            load_folder(org, generate(options.seed, options.world, org.clock.now().date(), Path(folder)))
    org.put_state("filled", wanted)
