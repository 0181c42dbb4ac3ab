"""What does the main job look like, start to end, on an emulated Salesforce org and HubSpot portal on this machine?

Everything the demo does a person can do with the same commands; it leaves its folder behind with the settings, the
policies, the mirrors and the stores, so that `pmom --config .demo/salesforce/config.toml explain NAME` goes on
working while the emulators run. They are started as programs of their own and spoken to as the vendors are.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from rich.rule import Rule

from connector import wiring
from connector.cli import demo_credit, show, side_by_side
from connector.cli.console import Voice
from connector.cli.stage import DAY, VENDORS, Emulated, Vendor, emulated, make_world
from connector.crm.base import InstallStep, StepStatus
from connector.errors import GiveUp, Misconfigured, PmomError
from connector.sync.apply import apply
from connector.sync.cards import specs
from connector.sync.context import Context
from connector.sync.decide import decide, moment
from connector.sync.plan import plan
from connector.sync.pull import pull
from connector.sync.runs import (
    SyncReport,
    applied_summary,
    decided_summary,
    planned_summary,
    pulled_summary,
    run,
    sync,
    sync_summary,
)

MARKER = ".pmom-demo"


class Defect(PmomError):
    """The demo came out otherwise than it must."""

    def __init__(self, found: str) -> None:
        super().__init__(f"{found}; this is a defect, please report it")


@dataclass(frozen=True, slots=True)
class Act:
    """One emulated CRM and the connector's context on it."""

    crm: Emulated
    ctx: Context

    @property
    def vendor(self) -> Vendor:
        return self.crm.vendor


def run_demo(voice: Voice, folder: Path, *, size: str, seed: int, keep: bool = False) -> None:
    """Start both CRMs, run the main job on each, compare what was decided, win one deal in both, sync again."""
    began = time.monotonic()
    _fresh(folder)
    voice.show(Rule("1  The same partners, deals, quotes, meetings, campaigns and funds in two CRMs", align="left"))
    make_world(folder / "world", crm="both", size=size, seed=seed)
    with ExitStack() as stack:
        crms = [stack.enter_context(_crm(folder, vendor, seed)) for vendor in VENDORS]
        for crm in crms:
            voice.show(f"A {crm.vendor.title} answers at {crm.said['url']}; its settings are in {crm.folder}/.")
        wrong = _told(voice, crms)
        if keep:
            _until_stopped(voice, folder, wrong)
    if wrong is not None:
        raise wrong
    voice.show(f"\nDone in {time.monotonic() - began:.0f} s. Settings, mirrors and stores stay in {folder}/.")


def _told(voice: Voice, crms: Sequence[Emulated]) -> Defect | None:
    """Tell the story; what came out otherwise than it must is given back, so that somebody may look at it."""
    with _opened(voice, crms) as acts:
        try:
            _story(voice, acts)
        except Defect as wrong:
            return wrong
    return None


@contextmanager
def _crm(folder: Path, vendor: Vendor, seed: int) -> Iterator[Emulated]:
    with emulated(vendor, folder / vendor.name, folder / "world" / vendor.name, "--seed", str(seed)) as crm:
        crm.settings()
        yield crm


@contextmanager
def _opened(voice: Voice, crms: Sequence[Emulated]) -> Iterator[list[Act]]:
    with ExitStack() as stack:
        report = stack.enter_context(voice.working())
        opened = [stack.enter_context(wiring.opened(c.folder / "config.toml", progress=report)) for c in crms]
        yield [Act(crm, _on_its_clock(ctx)) for crm, ctx in zip(crms, opened, strict=True)]


def _until_stopped(voice: Voice, folder: Path, wrong: Defect | None = None) -> None:
    """The CRMs stay up for a person to go on in another terminal."""
    if wrong is not None:
        voice.show(f"\n[red]Not as it should be: {wrong}.[/red] Both CRMs are kept to look at.")
    command = f"pmom -c {folder}/{VENDORS[0].name}/config.toml sync --as-of {DAY}"
    voice.show(f"\nBoth run on, on their own day {DAY}. In another terminal: {command}. Ctrl-C ends them.")
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        voice.show("Stopped.")


def _story(voice: Voice, acts: list[Act]) -> None:
    for number, act in enumerate(acts, start=2):
        voice.show("")
        words = f"{number}  {act.vendor.title}: pmom install, pull, decide, plan, apply, plan again"
        voice.show(Rule(words, align="left"))
        _install(voice, act)
        _first_run(voice, act, whole=act is acts[0])
        _nothing_left(voice, act)
    _side_by_side(voice, acts)
    _credited(voice, acts)
    _one_deal(voice, acts)


def _install(voice: Voice, act: Act) -> None:
    fields, labels = specs(act.ctx.fieldmap), act.ctx.fieldmap.write.labels
    made, again = (_made(act.ctx.crm.install(fields, labels, dry_run=False)) for _ in range(2))
    voice.show(f"{made} fields and what belongs to them created; a second install changes {again}.")
    filled = act.crm.people_fill_in()
    voice.show(f"People then set personas, footprints and overrides on {filled} partner records.")
    voice.answer(**{act.vendor.name: {"install": {"created": made, "again": again}}})


def _made(steps: Sequence[InstallStep]) -> int:
    return sum(1 for step in steps if step.status in (StepStatus.CREATED, StepStatus.CHANGED))


def _first_run(voice: Voice, act: Act, *, whole: bool) -> None:
    ctx = act.ctx
    pulled = run(ctx, "pull", lambda run_id: pull(ctx, str(run_id)), pulled_summary)
    rows = sum(each.rows for each in pulled.objects)
    voice.show(f"Pulled {rows:,} rows of {len(pulled.objects)} objects in {pulled.calls} API calls.")
    decided = run(ctx, "decide", lambda run_id: decide(ctx, run_id), decided_summary)
    planned = run(ctx, "plan", lambda run_id: plan(ctx, run_id), planned_summary)
    if whole:
        voice.show(show.plan_tables(planned, show.names_of(ctx), most=12))
    applied = run(ctx, "apply", lambda run_id: apply(ctx, run_id, planned), applied_summary)
    voice.show("")
    voice.show(show.applied_tables(applied, show.names_of(ctx)))
    if whole:
        voice.show("")
        voice.show(show.partners_table(show.partner_rows(ctx), f"Partners as of {decided.as_of}", each=7))
    first = {"pulled": rows, "outcomes": dict(decided.outcomes), "applied": applied.counts}
    voice.answer(**{act.vendor.name: voice.said[act.vendor.name] | {"first": first}})


def _nothing_left(voice: Voice, act: Act) -> None:
    voice.show("")
    ctx = act.ctx
    again = run(ctx, "plan", lambda run_id: plan(ctx, run_id), planned_summary)
    voice.show("And a second plan:")
    voice.show(show.plan_tables(again, show.names_of(ctx)))
    if not again.plan.empty:
        raise Defect("the second plan should be empty")
    voice.answer(**{act.vendor.name: voice.said[act.vendor.name] | {"second_plan": len(again.plan.changes)}})


def _side_by_side(voice: Voice, acts: list[Act]) -> None:
    voice.show("")
    voice.show(Rule(f"{len(acts) + 2}  Side by side", align="left"))
    left, right = acts
    pairs = side_by_side.compared(left.ctx, right.ctx, right.crm.ids())
    voice.show(side_by_side.table(pairs, "Salesforce", "HubSpot"))
    same = sum(pair.same for pair in pairs)
    voice.show(f"{same} of {len(pairs)} partners: the same decision in both CRMs, byte for byte apart from ids.")
    voice.show("(Influence on deals aside: HubSpot dates no association and shows no campaign's members.)")
    voice.answer(same_decisions=same, partners=len(pairs))
    if same < len(pairs):
        raise Defect("both CRMs should yield the same decisions")


def _credited(voice: Voice, acts: list[Act]) -> None:
    from connector.facts.bookings import bookings  # the relations' library takes most of a second to import

    voice.show("")
    voice.show(Rule(f"{len(acts) + 3}  Who brought what was won, who helped, and what nobody claims", align="left"))
    found = [(act.vendor.title, bookings(act.ctx.mirror, act.ctx.policy, moment(act.ctx, DAY))) for act in acts]
    voice.show(demo_credit.sums_table(found))
    told = [demo_credit.told(act.ctx, act.crm.about["opportunities"]) for act in acts]
    if told[0]:
        voice.show("")
        voice.show(demo_credit.stories_table([act.vendor.title for act in acts], told))
        for line in demo_credit.differences(acts[-1].vendor.title, told[-1]):
            voice.show(line)
    wrong = [each.scenario for stories in told for each in stories if not each.as_expected]
    voice.answer(credited={title: found.said() for title, found in found}, credit_stories=len(told[0]))
    if wrong:
        raise Defect(f"credit is not as expected on {', '.join(wrong)}")


def _one_deal(voice: Voice, acts: list[Act]) -> None:
    voice.show("")
    voice.show(Rule(f"{len(acts) + 4}  Somebody wins one deal; pmom sync", align="left"))
    left, right = acts
    deal = _deal_to_win(left.ctx)
    ids = {left.vendor.name: (deal["id"], deal["partner_id"])}
    twins = right.crm.ids()
    ids[right.vendor.name] = (twins[deal["id"]], twins[deal["partner_id"]])
    for act in acts:
        deal_id, partner = ids[act.vendor.name]
        act.crm.edit(act.vendor.deals, deal_id, **dict(act.vendor.won))
        act.crm.control("clock", {"advance": 60})  # so long a portal's search index may lag behind
        voice.show(f"{act.vendor.title}: {deal['deal']} of {deal['partner']} is now Closed Won.")
        result = _synced(act.ctx)
        voice.show(show.sync_tables(result, show.names_of(act.ctx), act.ctx.crm.usage()))
        told = {
            "partner": partner,
            "decided": result.decided.partners,
            "records": [change.key for change in result.planned.plan.changes],
            "calls": result.pulled.calls,
        }
        voice.answer(**{act.vendor.name: voice.said[act.vendor.name] | {"one_deal": told}})


def _synced(ctx: Context) -> SyncReport:
    return run(ctx, "sync", lambda run_id: sync(ctx, run_id), sync_summary)


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


def _on_its_clock(ctx: Context) -> Context:
    """The same context, with the CRM's clock for the connector's: the demo lives on the CRM's day."""

    def clock() -> datetime:
        return ctx.crm.now()

    return replace(ctx, clock=clock)


def _fresh(folder: Path) -> None:
    """An empty folder of our own; a folder that the demo did not make is left alone."""
    try:
        if folder.exists() and any(folder.iterdir()):
            if not (folder / MARKER).is_file():
                raise Misconfigured(str(folder), "it is not empty and no demo made it", "Name another with --dir.")
            shutil.rmtree(folder)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MARKER).write_text("made by `pmom demo`; removed by the next one\n", encoding="utf-8")
    except OSError as error:
        found = f"the demo cannot keep its files there ({error.strerror or type(error).__name__})"
        raise Misconfigured(str(folder), found, "Name a folder that this user may write to with --dir.") from error
