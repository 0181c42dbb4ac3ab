"""What `python -m emulators hubspot` does: open or make a portal, fill it, answer until told to stop."""

from __future__ import annotations

import argparse
import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from emulators.hubspot import kept, search_index
from emulators.hubspot.portal import FEATURES, Portal, Settings, Tier
from emulators.hubspot.server import Emulator
from emulators.hubspot.tokens import App
from emulators.loopback.bulk_load import in_bulk
from emulators.loopback.clock import stored
from emulators.loopback.program import CODES, Options, add_options, clock_of, page_address, run, saved
from emulators.loopback.server import Running

_LONGEST_LAG = 86_400.0  # seconds
_DESCRIPTION = """\
Answers on 127.0.0.1 as a HubSpot portal does, until it is stopped.

a portal full of records, at an address and with a token that stay:
  python -m emulators world ./world --crm hubspot --as-of 2026-03-31
  python -m emulators hubspot --load ./world --now 2026-03-31T09:00:00Z \\
      --db portal.db --port 8444 --token pat-mine

an empty portal for a test: plain HTTP, search never late, no limits:
  python -m emulators hubspot --http --lag 0 --no-limits --ready-file p.json

the same portal again and again, from a state that was saved once:
  python -m emulators hubspot --load ./world --save-state portal.state
  python -m emulators hubspot --state portal.state

It prints one line of JSON: url, ca_file (the authority to trust),
access_token, client_id, client_secret, refresh_token, portal_id, app_id,
user_id, control_token, now, and page: open that in a browser to see and change
records (webhooks tell it), to look at the calls, and to switch faults on.

  curl --cacert ca.pem -H "Authorization: Bearer pat-mine" \\
      https://127.0.0.1:8444/crm/objects/2026-03/companies?limit=1
"""
_EPILOG = f"""\
Numbered (v3, v4) and dated paths (2026-03, 2026-09) answer alike. As in
HubSpot, batches answer in another order than they were asked, search runs 1 to
10 seconds behind, modified dates move by themselves after a create, and more
than 190 calls in 10 seconds or 5 searches in a second are refused.

The tokens are generated unless given by options or by EMULATOR_ACCESS_TOKEN,
EMULATOR_CLIENT_ID, EMULATOR_CLIENT_SECRET and EMULATOR_REFRESH_TOKEN. The file
given by --db keeps everything but these: start again on it to go on; it also
keeps its tier, features and portal id.

--load takes <object>.csv files (first line: property names; hs_object_id,
created and modified instants and the column archived_at are kept),
associations.csv, history.csv, owners.csv, currencies.csv, campaigns.csv,
campaign_items.csv, schemas.json, properties.json, pipelines.json, labels.json
and validations.json; docs/emulators.md tells their form and of the control
plane, docs/emulated-hubspot.md what is emulated.

{CODES}"""


def parser() -> argparse.ArgumentParser:
    """The options."""
    found = Options("hubspot", _DESCRIPTION, _EPILOG)
    add = found.add_argument_group("what is in it").add_argument
    add("--load", type=Path, metavar="DIR", help="fill a new portal from a folder of files")
    add("--tier", choices=[str(tier) for tier in Tier], default="enterprise", help="edition (default enterprise)")
    add("--without", default="", metavar="A,B", help=f"features to leave out: {', '.join(FEATURES)}")
    add("--portal-id", type=_portal_id, default=Settings().portal_id, metavar="N", help="number of the portal")
    add("--currency", default="USD", metavar="CODE", help="company currency (default USD)")
    add("--time-zone", default="America/New_York", metavar="NAME", help="of the portal (default America/New_York)")
    add("--seed", type=int, metavar="N", help="of ids, orders, lags and faults: same seed, same answers (default 1)")
    add = found.add_argument_group("how it behaves").add_argument
    add("--lag", metavar="S or S-S", help="seconds by which search is late (default 1-10; 0: never)")
    add("--no-bumps", action="store_true", help="modified dates do not move by themselves after a create")
    add("--no-limits", action="store_true", help="refuse no call for being too many")
    add("--retired", default="", metavar="A,B", help="API versions that answer no more, as v3,v4")
    add = found.add_argument_group("who may call").add_argument
    add("--token", metavar="TEXT", help="the static access token")
    add("--client-id", metavar="ID", help="of the application")
    add("--client-secret", metavar="TEXT", help="its secret")
    add("--refresh-token", metavar="TEXT", help="its refresh token")
    add("--developer-key", default="", metavar="TEXT", help="hapikey of the calls that manage webhooks")
    add_options(found, "portal")
    return found


def main(arguments: list[str]) -> int:
    """Run until SIGTERM or SIGINT; the exit code."""
    return run("hubspot", parser().parse_args(arguments), build)


def build(options: argparse.Namespace, folder: Path) -> tuple[Running, dict[str, object]]:
    """The emulator for these options, not yet started, and what to tell about it."""
    database = options.db or folder / "portal.db"
    memory = saved(options, "hubspot", database, "load", "without", "seed")
    clock = clock_of(options, memory)
    if memory is None:
        portal = Portal.open(database, _settings(options), clock, 1 if options.seed is None else options.seed)
    else:
        portal = kept.open_portal(database, memory, clock)
    _tune(portal, options)
    _fill(portal, options.load)
    token = options.control_token or secrets.token_urlsafe(24)
    app = _app(options, memory["app"] if memory else None)
    emulator = Emulator(
        portal,
        app,
        port=options.port,
        ca_folder=None if options.http else options.ca_folder or database.absolute().parent,
        control_token=token,
        retired=[each.strip() for each in options.retired.split(",") if each.strip()],
    )
    if memory is not None:
        emulator.plane.faults.restore(memory["faults"])
        kept.recall(emulator.limits, emulator.correlations, memory)
        emulator.router.retired |= set(memory["retired"])
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


def _portal_id(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or not 0 < int(text[:20]) < 1 << 53:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of a portal")
    return int(text)


def _settings(options: argparse.Namespace) -> Settings:
    without = tuple(sorted({each.strip().lower() for each in options.without.split(",") if each.strip()}))
    try:
        ZoneInfo(options.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"--time-zone {options.time_zone!r} is not known; write it as Europe/Berlin") from None
    if not re.fullmatch(r"[A-Za-z]{3}", options.currency):
        raise ValueError(f"--currency {options.currency!r} is no code of three letters, as EUR")
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


def _app(options: argparse.Namespace, known: Mapping[str, str] | None) -> App:
    """The application: as the options say, as the state has it, or generated."""
    made, given = App(**known) if known else App.generated(), os.environ.get
    return App(
        options.client_id or given("EMULATOR_CLIENT_ID") or made.client_id,
        options.client_secret or given("EMULATOR_CLIENT_SECRET") or made.client_secret,
        options.token or given("EMULATOR_ACCESS_TOKEN") or made.access_token,
        options.refresh_token or given("EMULATOR_REFRESH_TOKEN") or made.refresh_token,
        options.developer_key or made.developer_key,
    )


def _tune(portal: Portal, options: argparse.Namespace) -> None:
    if options.lag is not None:
        found = re.fullmatch(r"(\d+(?:\.\d+)?)(?:-(\d+(?:\.\d+)?))?", options.lag.strip())
        if found is None:
            raise ValueError(f"--lag {options.lag!r} is neither seconds, as 3, nor a span, as 1-10")
        least, most = float(found[1]), float(found[2] or found[1])
        if not least <= most <= _LONGEST_LAG:
            raise ValueError(f"--lag {options.lag!r} must grow, and end within a day ({_LONGEST_LAG:.0f} seconds)")
        portal.put_state(search_index.LAG, [least, most])
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
