"""How a partner's latest decision is explained: sentences, earlier decisions, and links to the records behind it."""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.padding import Padding

from connector.cli.console import plain
from connector.cli.tables import plain_table
from connector.core.campaign_card import CampaignStanding
from connector.core.cards import field_named
from connector.core.codec import untagged
from connector.core.credit import CreditSums
from connector.core.decisions import Decision
from connector.core.explain import GATE_NAMES, story
from connector.core.funding import FundingDecision
from connector.core.multiplier import Multiplier
from connector.core.scorecard import EVIDENCE_TABLES
from connector.errors import Misconfigured, Misused
from connector.store.store import OutcomeRow

if TYPE_CHECKING:  # `pmom --help` must not wait for the libraries behind these
    from connector.sync.context import Context

LINKS_SHOWN = 2
"""Records that the terminal shows of those behind the same numbers; --json has all that are kept as evidence."""

CAMPAIGNS_SHOWN = 5
"""Campaigns that the terminal shows, the last ones first."""

_EVIDENCE = "  Evidence: "


@dataclass(frozen=True, slots=True)
class Link:
    """A record that a number rests on, and where people see it, when that is known."""

    about: str
    id: str
    url: str | None


@dataclass(frozen=True, slots=True)
class Explained:
    """A partner's latest decision, how it came about, and what was written because of it."""

    decision: Decision
    url: str
    history: tuple[tuple[int, str, str], ...]  # (run, as of, outcome)
    written: tuple[OutcomeRow, ...]
    held: str | None  # the decision that the CRM shows
    owner: str
    links: tuple[Link, ...]
    requests: tuple[FundingDecision, ...] = ()  # of its fund requests that wait
    campaigns: tuple[CampaignStanding, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "partner": self.decision.partner_id,
            "name": self.decision.name,
            "record": self.url,
            "story": story(self.decision),
            "owner": self.owner,
            "links": [{"about": link.about, "id": link.id, "url": link.url} for link in self.links],
            "in_the_crm": self.held,
            "decision": untagged(json.loads(self.decision.to_json())),
            "fund_requests": [
                {
                    "id": each.request.id,
                    "name": each.request.name,
                    "status": each.request.status,
                    "decision": each.decision.value,
                    "cap": None if each.cap is None else str(each.cap),
                    "reasons": [reason.text for reason in each.reasons],
                }
                for each in self.requests
            ],
            "campaigns": [
                {
                    "id": each.campaign.campaign_id,
                    "name": each.campaign.name,
                    "multiple": None if each.multiple is None else each.multiple.text(2),
                    "matured": each.matured,
                    "counts_toward_last_three": each.counts,
                    "lever_conflict": each.conflict,
                    "reasons": list(each.reasons),
                }
                for each in self.campaigns
            ],
            "history": [{"run": run, "as_of": day, "outcome": outcome} for run, day, outcome in self.history],
            "written": [
                {"at": row.at, "status": row.status, "fields": json.loads(row.after)} for row in self.written
            ],
        }

    def as_text(self) -> RenderableType:
        """Sentences."""
        parts: list[RenderableType] = [f"[bold]{plain(self.decision.name)}[/bold]", plain(self.url), ""]
        for line in story(self.decision):
            if not line.startswith(_EVIDENCE):  # each record once, below
                inner = line.startswith("  ")
                parts.append(Padding(plain(line.strip()), (0, 0, 0, 2)) if inner else plain(line))
        for each in self.requests:
            name = each.request.name or each.request.id
            parts.append(plain(f"Fund request {name} ({each.request.status}): {each.decision}."))
            parts += [Padding(plain(reason.text), (0, 0, 0, 2)) for reason in each.reasons]
        for held in self.campaigns[:CAMPAIGNS_SHOWN]:
            parts.append(plain(f"Campaign {held.campaign.name or held.campaign.campaign_id}: {_stands(held)}."))
            parts += [Padding(plain(reason), (0, 0, 0, 2)) for reason in held.reasons]
        if len(self.campaigns) > CAMPAIGNS_SHOWN:
            parts.append(f"{len(self.campaigns) - CAMPAIGNS_SHOWN} older campaigns; --json has all.")
        parts.append(f"Owner's name: {plain(self.owner)}.")
        if self.held != self.decision.outcome.value:
            parts += ["", f"[yellow]Not written yet: the CRM shows {plain(self.held or 'nothing')}.[/yellow]"]
        parts += _shown_links(self.links)
        if len(self.history) > 1:
            table = plain_table("Earlier decisions", "as of", "run", "decision")
            for run, day, outcome in self.history[1:]:
                table.add_row(day, str(run), outcome)
            parts += ["", table]
        if self.written:
            parts += ["", f"Last written {self.written[0].at:%Y-%m-%d %H:%M} UTC: {self.written[0].status}."]
        return Group(*parts)


def _stands(held: CampaignStanding) -> str:
    """One campaign in a few words."""
    said = ["no multiple" if held.multiple is None else f"{held.multiple.text(2)} to 1"]
    said += ["counts toward the last three"] if held.counts else []
    said += ["live against the facts"] if held.conflict else []
    return ", ".join(said)


def _shown_links(links: tuple[Link, ...]) -> list[RenderableType]:
    """The records, each once under all that rests on it, an address a line: a terminal can open them."""
    behind: dict[str, list[str]] = {}
    shown: dict[str, str] = {}
    for link in links:
        behind.setdefault(link.id, []).append(link.about)
        shown[link.id] = link.url or shown.get(link.id) or link.id
    groups: dict[tuple[str, ...], list[str]] = {}
    for id_, about in behind.items():
        groups.setdefault(tuple(dict.fromkeys(about)), []).append(shown[id_])
    parts: list[RenderableType] = [""] if groups else []
    for abouts, records in groups.items():
        more = f" ({LINKS_SHOWN} of {len(records)}; --json has all)" if len(records) > LINKS_SHOWN else ""
        parts.append(f"Behind {plain(', '.join(abouts))}{more}:")
        parts += [f"  {plain(record)}" for record in records[:LINKS_SHOWN]]
    return parts


def _links(ctx: Context, decision: Decision) -> tuple[Link, ...]:
    """The evidence of every gate, symptom and sum, and what is live, as addresses in the CRM where they have one."""
    told: list[tuple[str, str, tuple[str, ...]]] = [
        (GATE_NAMES[gate.gate], EVIDENCE_TABLES[gate.gate], gate.evidence) for gate in decision.gates
    ]
    told += [(str(each.symptom), EVIDENCE_TABLES.get(each.symptom, ""), each.evidence) for each in decision.symptoms]
    if isinstance(decision.credit, CreditSums):
        told.append(("Credited deals", "opportunities", decision.credit.evidence))
    if isinstance(decision.multiplier, Multiplier):
        told.append(("Ecosystem multiplier", "", decision.multiplier.told.evidence))
    told += [("At work now", f"{item.kind}s", (item.id,)) for item in decision.live]
    return tuple(Link(about, id_, _address(ctx, table, id_)) for about, table, ids in told for id_ in ids)


def _address(ctx: Context, table: str, id_: str) -> str | None:
    from connector.sync.addresses import record_address

    sources = ctx.fieldmap.of(table)
    return record_address(ctx, sources[0].object, id_) if sources else None


def explained(ctx: Context, wanted: str) -> Explained:
    """The partner of that id, name or beginning of a name; Misconfigured when none or several fit."""
    from connector.sync.addresses import record_address
    from connector.sync.funds import asked

    partner_id = partner_named(ctx, wanted)
    kept = ctx.store.latest_decisions([partner_id]).get(partner_id)
    if kept is None:
        raise Misconfigured("explain", f"nothing was decided about {wanted} yet", "Run `pmom decide`.")
    history = tuple(
        (run, day.isoformat(), Decision.from_json(body).outcome.value)
        for run, day, body in ctx.store.decision_history(partner_id)
    )
    decision = Decision.from_json(kept.body)
    return Explained(
        decision,
        record_address(ctx, ctx.fieldmap.write.object_of("partners"), partner_id) or "",
        history,
        ctx.store.outcomes(record_id=partner_id, limit=5),
        _shown_decision(ctx, partner_id),
        _person(ctx, decision),
        _links(ctx, decision),
        asked(ctx, [decision], [partner_id], decision.as_of).decided,
        _campaigns(ctx, decision),
    )


def _campaigns(ctx: Context, decision: Decision) -> tuple[CampaignStanding, ...]:
    """How the partner's campaigns stand, those in conflict and the last ones first."""
    from connector.sync.campaigns import campaign_standings

    held = campaign_standings(ctx, decision)
    return tuple(sorted(held, key=lambda each: (not each.conflict, not each.counts, _newest(each))))


def _newest(held: CampaignStanding) -> tuple[int, str]:
    ended = held.campaign.ended
    return -(ended.toordinal() if ended else date.max.toordinal()), held.campaign.campaign_id


def _shown_decision(ctx: Context, partner_id: str) -> str | None:
    name = "Triage_Decision"
    ctx.mirror.existing([(name, field_named(name).kind)])  # the column may not be there yet
    rows = ctx.mirror.query(f"SELECT {name} AS held FROM scorecards WHERE id = ?", [partner_id]).to_pylist()
    return rows[0]["held"] if rows else None


def _person(ctx: Context, decision: Decision) -> str:
    owner = decision.accountability.owner
    rows = ctx.mirror.query("SELECT name FROM users WHERE id = ?", [owner.id or ""]).to_pylist()
    return str(rows[0]["name"]) if rows else owner.id or "nobody"


def partner_named(ctx: Context, wanted: str, command: str = "explain") -> str:
    """The id of the partner of that id, name or beginning of a name; Misconfigured when none or several fit."""
    rows = ctx.mirror.query(
        "SELECT id, name FROM partners WHERE id = ? OR lower(name) = lower(?) OR starts_with(lower(name), lower(?))"
        " ORDER BY (id = ?) DESC, (lower(name) = lower(?)) DESC, name, id",
        [wanted] * 5,
    ).to_pylist()
    if not rows:
        raise Misused(command, f"no partner is called {wanted}", _nearest(ctx, wanted))
    exact = [row for row in rows if row["id"] == wanted] or [
        row for row in rows if str(row["name"]).casefold() == wanted.casefold()
    ]
    chosen = exact or rows
    if len(chosen) > 1:
        some = "; ".join(f"{row['name']} ({row['id']})" for row in chosen[:8])
        some += f"; and {len(chosen) - 8} more" if len(chosen) > 8 else ""
        raise Misused(command, f"{len(chosen)} partners fit: {some}", "Say the id.")
    return str(chosen[0]["id"])


def _nearest(ctx: Context, wanted: str) -> str:
    names = [str(row["name"]) for row in ctx.mirror.query("SELECT DISTINCT name FROM partners").to_pylist()]
    near = difflib.get_close_matches(wanted, names, n=3, cutoff=0.5)
    return f"Did you mean {' or '.join(near)}?" if near else "Try the id, or run `pmom pull`."
