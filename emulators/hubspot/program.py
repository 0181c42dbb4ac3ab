"""What `python -m emulators hubspot` does: open or make a portal, fill it, answer until told to stop."""

from __future__ import annotations

import argparse
import os
import re
import secrets
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from emulators.hubspot import search_index
from emulators.hubspot.portal import FEATURES, Portal, Settings, Tier
from emulators.hubspot.server import Emulator
from emulators.hubspot.tokens import App
from emulators.loopback.bulk_load import in_bulk
from emulators.loopback.clock import Clock, parse_instant, stored
from emulators.loopback.program import add_options, page_address, run
from emulators.loopback.server import Running

_EPILOG = """\
Prints one line of JSON with url, ca_file, access_token, client_id, client_secret, refresh_token, portal_id, app_id,
user_id, control_token and now. Give the first three to a client:

  python -m emulators hubspot --db portal.db --load ./world --now 2026-03-31T09:00:00Z --port 8444 --ready-file p.json
  curl --cacert ca.pem -H "Authorization: Bearer $TOKEN" https://127.0.0.1:8444/crm/objects/2026-03/companies?limit=1

Numbered (v3, v4) and dated paths (2026-03, 2026-09) answer alike. As in HubSpot, batches answer in another order than
they were asked, search runs 1 to 10 seconds behind, modified dates move by themselves after a create, and more than
190 calls in 10 seconds or 5 searches in a second are refused; --lag 0 and --no-limits end the two that cost time.
The tokens are generated unless given by options or by EMULATOR_ACCESS_TOKEN, EMULATOR_CLIENT_ID,
EMULATOR_CLIENT_SECRET and EMULATOR_REFRESH_TOKEN. The file given by --db keeps everything but these: start again on
it to go on; it also keeps its tier, features and portal id.

--load takes <object>.csv files (first line: property names; hs_object_id, created and modified instants and the
column archived_at are kept), associations.csv, history.csv, owners.csv, currencies.csv, campaigns.csv,
campaign_items.csv, schemas.json, properties.json, pipelines.json and labels.json; docs/emulators.md tells their form.
"""


def parser() -> argparse.ArgumentParser:
    """The options."""
    found = argparse.ArgumentParser(
        prog="python -m emulators hubspot",
        description="Answers on 127.0.0.1 as a HubSpot portal does.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_options(found, "portal")
    add = found.add_argument
    add("--load", type=Path, metavar="DIR", help="fill a new portal from a folder of files")
    add("--tier", choices=[str(tier) for tier in Tier], default="enterprise", help="edition (default enterprise)")
    add("--without", default="", metavar="A,B", help=f"features to leave out: {', '.join(FEATURES)}")
    add("--lag", metavar="S or S-S", help="seconds by which search is late (default 1-10; 0: never)")
    add("--no-bumps", action="store_true", help="modified dates do not move by themselves after a create")
    add("--no-limits", action="store_true", help="refuse no call for being too many")
    add("--retired", default="", metavar="A,B", help="API versions that answer no more, as v3,v4")
    add("--seed", type=int, default=1, metavar="N", help="of ids, orders, lags and faults (default 1)")
    add("--portal-id", type=int, default=Settings().portal_id, metavar="N", help="number of the portal")
    add("--currency", default="USD", metavar="CODE", help="company currency (default USD)")
    add("--time-zone", default="America/New_York", metavar="NAME", help="of the portal (default America/New_York)")
    add("--token", metavar="TEXT", help="the static access token")
    add("--client-id", metavar="ID", help="of the application")
    add("--client-secret", metavar="TEXT", help="its secret")
    add("--refresh-token", metavar="TEXT", help="its refresh token")
    add("--developer-key", default="", metavar="TEXT", help="hapikey of the calls that manage webhooks")
    return found


def main(arguments: list[str]) -> int:
    """Run until SIGTERM or SIGINT; 2 for options that make no sense."""
    return run("hubspot", parser().parse_args(arguments), build)


def build(options: argparse.Namespace, folder: Path) -> tuple[Running, dict[str, object]]:
    """The emulator for these options, not yet started, and what to tell about it."""
    database = options.db or folder / "portal.db"
    clock = Clock(parse_instant(options.now) if options.now else None, frozen=options.freeze)
    portal = Portal.open(database, _settings(options), clock, options.seed)
    _tune(portal, options)
    _fill(portal, options.load)
    token = options.control_token or secrets.token_urlsafe(24)
    app = _app(options)
    emulator = Emulator(
        portal,
        app,
        port=options.port,
        ca_folder=None if options.http else options.ca_folder or database.absolute().parent,
        control_token=token,
        retired=[each.strip() for each in options.retired.split(",") if each.strip()],
    )
    if options.no_limits:
        emulator.limits.set({"enabled": False})
    line: dict[str, object] = {
        "url": emulator.url,
        "ca_file": str(emulator.ca_file or ""),
        "access_token": app.access_token,
        "client_id": app.client_id,
        "client_secret": app.client_secret,
        "refresh_token": app.refresh_token,
        "portal_id": portal.settings.portal_id,
        "app_id": portal.settings.app_id,
        "user_id": portal.settings.user_id,
        "control_token": token,
        "now": stored(clock.now()),
        "page": page_address(emulator.url, token),
    }
    return emulator, line


def _settings(options: argparse.Namespace) -> Settings:
    without = tuple(sorted({each.strip().lower() for each in options.without.split(",") if each.strip()}))
    try:
        ZoneInfo(options.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"--time-zone {options.time_zone!r} is not known; write it as Europe/Berlin") from None
    unknown = sorted(set(without) - set(FEATURES))
    if unknown:
        raise ValueError(f"unknown features {', '.join(unknown)}; known are {', '.join(FEATURES)}")
    return Settings(
        portal_id=options.portal_id,
        tier=Tier(options.tier),
        without=without,
        currency=options.currency.upper(),
        time_zone=options.time_zone,
    )


def _app(options: argparse.Namespace) -> App:
    made, given = App.generated(), os.environ.get
    return App(
        options.client_id or given("EMULATOR_CLIENT_ID") or made.client_id,
        options.client_secret or given("EMULATOR_CLIENT_SECRET") or made.client_secret,
        options.token or given("EMULATOR_ACCESS_TOKEN") or made.access_token,
        options.refresh_token or given("EMULATOR_REFRESH_TOKEN") or made.refresh_token,
        options.developer_key,
    )


def _tune(portal: Portal, options: argparse.Namespace) -> None:
    if options.lag is not None:
        found = re.fullmatch(r"(\d+(?:\.\d+)?)(?:-(\d+(?:\.\d+)?))?", options.lag.strip())
        if found is None:
            raise ValueError(f"--lag {options.lag!r} is neither seconds, as 3, nor a span, as 1-10")
        portal.put_state(search_index.LAG, [float(found[1]), float(found[2] or found[1])])
    if options.no_bumps:
        portal.put_state("bumps", False)


def _fill(portal: Portal, folder: Path | None) -> None:
    """Load the folder, unless this very file was filled from it before."""
    if folder is None or portal.state("filled") == str(folder):
        return
    if portal.state("filled") is not None:
        text = f"{portal.path} was filled from {portal.state('filled')}; take another file to load {folder}"
        raise ValueError(text)
    from emulators.hubspot.loading import load_folder

    with in_bulk(portal.connection), portal.transaction():
        load_folder(portal, folder)
        portal.put_state("filled", str(folder))
