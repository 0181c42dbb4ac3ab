"""What does the main job look like, start to end, on an emulated org on this machine?

Everything the demo does a person can do with the same commands; it leaves its folder behind with the settings, the
policy, the mirror and the store, so that `pmom --config .demo/config.toml explain NAME` goes on working while the
emulator runs. The emulator is started as a program of its own and spoken to as an org is.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import requests
from rich.rule import Rule

from connector import wiring
from connector.cli import show
from connector.cli.console import Voice
from connector.errors import GiveUp, Misconfigured
from connector.sync.apply import apply
from connector.sync.cards import specs
from connector.sync.context import Context
from connector.sync.decide import decide
from connector.sync.plan import plan
from connector.sync.pull import pull
from connector.sync.runs import (
    applied_summary,
    decided_summary,
    planned_summary,
    pulled_summary,
    run,
    sync,
    sync_summary,
)

DAY = date(2026, 3, 31)
"""The demo's day: a fixed one, so that the same seed shows the same decisions on any day."""

MARKER = ".pmom-demo"
_SESSION = requests.Session()


def run_demo(voice: Voice, folder: Path, *, size: str, seed: int, keep: bool = False) -> None:
    """Start an org, install, pull, decide, plan, apply, plan again, change one deal, sync again."""
    began = time.monotonic()
    _fresh(folder)
    world = folder / "world"
    voice.show(Rule("1  An org with partners, deals, quotes, meetings, campaigns and funds", align="left"))
    _emulators("world", str(world), "--size", size, "--seed", str(seed), "--as-of", DAY.isoformat())
    with _org(folder, world, seed) as org:
        config = _settings(folder, world, org)
        voice.show(f"A Salesforce org answers at {org['url']}; settings and policy are in {folder}/.\n")
        _story(voice, config, world, org)
        if keep:
            _until_stopped(voice, folder)
    voice.show(f"\nDone in {time.monotonic() - began:.0f} s. Settings, policy, mirror and store stay in {folder}/.")


def _until_stopped(voice: Voice, folder: Path) -> None:
    """The org stays up for a person to go on in another terminal."""
    command = f"pmom -c {folder}/config.toml sync --as-of {DAY}"
    voice.show(f"\nThe org runs on, on its own day {DAY}. In another terminal: {command}. Ctrl-C ends it.")
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        voice.show("Stopped.")


def _story(voice: Voice, config: Path, world: Path, org: dict[str, Any]) -> None:
    with voice.working() as report, wiring.opened(config, progress=report) as opened:
        ctx = _on_the_orgs_clock(opened)
        _install(voice, ctx, world, org)
        _first_run(voice, ctx)
        _nothing_left(voice, ctx)
        _one_deal(voice, ctx, org)


def _install(voice: Voice, ctx: Context, world: Path, org: dict[str, Any]) -> None:
    voice.show(Rule("2  pmom install salesforce", align="left"))
    steps = ctx.crm.install(specs(ctx.fieldmap), dry_run=False)
    made = sum(1 for step in steps if step.status.value == "created")
    again = ctx.crm.install(specs(ctx.fieldmap), dry_run=False)
    voice.show(f"{made} of {len(steps)} fields and permissions created; a second install changes {_changed(again)}.")
    filled = _people_fill_in(ctx, world, org)
    voice.show(f"People then set personas, footprints and overrides on {filled} partner records.\n")
    voice.answer(install={"created": made, "again": _changed(again)})


def _changed(steps: Any) -> int:
    return sum(1 for step in steps if step.status.value in ("created", "changed"))


def _people_fill_in(ctx: Context, world: Path, org: dict[str, Any]) -> int:
    """What people would type into the human-owned fields; the connector itself may not write them."""
    target = ctx.fieldmap.write.object_of("partners")
    with (world / "after_install" / f"{target}.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    filled = 0
    for row in rows:
        values = {name: _typed(value) for name, value in row.items() if name != "Id" and value != ""}
        if values:
            _control(org, "edit", {"object": target, "id": row["Id"], "values": values})
            filled += 1
    return filled


def _typed(value: str) -> str | bool:
    return {"true": True, "false": False}.get(value.lower(), value)


def _first_run(voice: Voice, ctx: Context) -> None:
    voice.show(Rule("3  pmom pull, decide, plan, apply", align="left"))
    pulled = run(ctx, "pull", lambda run_id: pull(ctx, str(run_id)), pulled_summary)
    rows = sum(each.rows for each in pulled.objects)
    voice.show(f"Pulled {rows:,} rows of {len(pulled.objects)} objects in {pulled.calls} API calls.")
    decided = run(ctx, "decide", lambda run_id: decide(ctx, run_id), decided_summary)
    planned = run(ctx, "plan", lambda run_id: plan(ctx, run_id), planned_summary)
    voice.show(show.plan_tables(planned, show.partner_names(ctx), most=12))
    applied = run(ctx, "apply", lambda run_id: apply(ctx, run_id, planned), applied_summary)
    voice.show("")
    voice.show(show.applied_tables(applied, show.partner_names(ctx)))
    voice.show("")
    voice.show(show.partners_table(show.partner_rows(ctx), f"Partners as of {decided.as_of}", each=7))
    voice.answer(first={"pulled": rows, "outcomes": dict(decided.outcomes), "applied": applied.counts})


def _nothing_left(voice: Voice, ctx: Context) -> None:
    voice.show("")
    voice.show(Rule("4  pmom plan, again", align="left"))
    again = run(ctx, "plan", lambda run_id: plan(ctx, run_id), planned_summary)
    voice.show(show.plan_tables(again, show.partner_names(ctx)))
    if not again.plan.empty:
        raise GiveUp("the second plan should be empty; this is a defect, please report it")
    voice.answer(second_plan=len(again.plan.changes))


def _one_deal(voice: Voice, ctx: Context, org: dict[str, Any]) -> None:
    voice.show("")
    voice.show(Rule("5  Somebody wins one deal; pmom sync", align="left"))
    deal = _deal_to_win(ctx)
    _control(org, "edit", {"object": "Opportunity", "id": deal["id"], "values": {"StageName": "Closed Won"}})
    voice.show(f"{deal['deal']} of {deal['partner']} is now Closed Won.")
    result = run(ctx, "sync", lambda run_id: sync(ctx, run_id), sync_summary)
    voice.show(show.sync_tables(result, show.partner_names(ctx), ctx.crm.usage()))
    voice.answer(
        one_deal={
            "partner": deal["partner_id"],
            "decided": result.decided.partners,
            "records": [change.key for change in result.planned.plan.changes],
            "calls": result.pulled.calls,
        }
    )


def _deal_to_win(ctx: Context) -> dict[str, str]:
    """An open deal with a matured quote, of a partner that has many: winning it moves the quote-to-close rate."""
    rows = ctx.mirror.query(
        """
        SELECT o.id AS id, o.name AS deal, p.id AS partner_id, p.name AS partner
        FROM opportunities o
        JOIN partner_links l ON l.opportunity_id = o.id AND l.role = 'reseller'
        JOIN partners p ON p.id = l.partner_id
        JOIN quotes q ON q.opportunity_id = o.id AND q.status <> 'draft'
        WHERE NOT o.is_closed AND q.issued_at BETWEEN ?::DATE - INTERVAL 300 DAY AND ?::DATE - INTERVAL 120 DAY
        ORDER BY (SELECT count(*) FROM partner_links x WHERE x.partner_id = p.id) DESC, o.id LIMIT 1
        """,
        [DAY.isoformat(), DAY.isoformat()],
    ).to_pylist()
    if not rows:
        raise GiveUp("this world has no open quoted deal to win; try another --seed or --size")
    return {key: str(value) for key, value in rows[0].items()}


def _on_the_orgs_clock(ctx: Context) -> Context:
    """The same context, with the org's clock for the connector's: the demo lives on the org's day."""

    def clock() -> datetime:
        return ctx.crm.now()

    return replace(ctx, clock=clock)


def _fresh(folder: Path) -> None:
    """An empty folder of our own; a folder that the demo did not make is left alone."""
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARKER).is_file():
            raise Misconfigured(str(folder), "it is not empty and no demo made it", "Name another with --dir.")
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARKER).write_text("made by `pmom demo`; removed by the next one\n", encoding="utf-8")


def _emulators(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "emulators", *arguments], check=True, stdout=subprocess.DEVNULL)  # noqa: S603  (our own program)


@contextmanager
def _org(folder: Path, world: Path, seed: int) -> Iterator[dict[str, Any]]:
    """The emulated org as a program of its own, stopped when the block ends."""
    ready = folder / "org.json"
    command = [sys.executable, "-m", "emulators", "salesforce", "--db", str(folder / "org.sqlite")]
    command += ["--csv", str(world), "--now", f"{DAY}T09:00:00Z", "--seed", str(seed), "--ready-file", str(ready)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as program:  # noqa: S603  (our own program)
        try:
            yield _wait_for(ready, program)
        finally:
            program.terminate()
            program.wait(timeout=10)


def _wait_for(ready: Path, program: subprocess.Popen[bytes]) -> dict[str, Any]:
    for _ in range(1200):
        if ready.is_file():
            said: dict[str, Any] = json.loads(ready.read_text(encoding="utf-8"))
            return said
        if program.poll() is not None:
            break
        time.sleep(0.05)
    raise GiveUp(f"the emulated org did not start (exit code {program.poll()})")


def _settings(folder: Path, world: Path, org: dict[str, Any]) -> Path:
    """The settings and the policy that a sales-ops person would write; the secret stands in a file of its own."""
    about = json.loads((world / "scenarios.json").read_text(encoding="utf-8"))
    secret = folder / "client_secret"
    secret.touch(mode=0o600)
    secret.write_text(str(org["client_secret"]), encoding="utf-8")
    goal = "".join(f"{key} = {json.dumps(about['goals'][key])}\n" for key in ("regions", "verticals"))
    goal = f'\n[[market_fit.goals]]\nname = "First half"\nstart = 2026-01-01\nend = 2026-07-01\n{goal}'
    (folder / "policy.toml").write_text(
        f'extends = "default"\nname = "demo"\ntimezone = "{about["time_zone"]}"\n{goal}', encoding="utf-8"
    )
    config = folder / "config.toml"
    config.write_text(
        f"""[workspace]
dir = "workspace"

[salesforce]
instance_url = "{org["url"]}"
client_id = "{org["client_id"]}"
client_secret_file = "client_secret"
ca_file = {json.dumps(os.path.abspath(org["ca_file"]))}
first_poll = 0.1
longest_poll = 0.5

[policy]
file = "policy.toml"
""",
        encoding="utf-8",
    )
    return config


def _control(org: dict[str, Any], name: str, body: dict[str, Any]) -> None:
    """Act on the org as somebody else would."""
    answer = _SESSION.post(
        f"{org['url']}/__emulator__/{name}",
        json=body,
        headers={"X-Emulator-Token": str(org["control_token"])},
        verify=str(org["ca_file"]),
        timeout=10,
    )
    if answer.status_code != 200:
        raise GiveUp(f"the emulated org refused to {name}: {answer.text[:200]}")
