"""How one opportunity's credit is explained: sentences, and links to the records that they rest on."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.padding import Padding

from connector.cli.console import plain
from connector.cli.explain_partner import Explained, explained
from connector.core.credit import Credited, DealCredit
from connector.core.credit_story import Records, credit_story
from connector.errors import Misconfigured, Misused

if TYPE_CHECKING:  # `pmom --help` must not wait for the libraries behind these
    from connector.sync.context import Context

_SHOWN = 8  # deals of one name that a message lists
_CLAIMS = ("registrations", "partner_links")
_EVIDENCE = ("touches", "meetings", "campaign_members", "partner_links")


@dataclass(frozen=True, slots=True)
class DealExplained:
    """An opportunity's credit, the records behind it, and where people see them."""

    name: str
    url: str
    credit: DealCredit
    records: Records
    story: tuple[str, ...]
    links: tuple[tuple[str, str], ...]  # (id of the claim or piece of evidence, address)

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "opportunity": self.credit.opportunity_id,
            "name": self.name,
            "record": self.url,
            "story": list(self.story),
            "type": self.credit.type.value,
            "version": self.credit.version,
            "credited": [_credited_json(each) for each in self.credit.credited],
            "claims": [{**asdict(c), "submitted_at": c.submitted_at.isoformat()} for c in self.records.claims],
            "evidence": [{**asdict(p), "day": p.day.isoformat()} for p in self.records.pieces],
            "versions": [{**asdict(v), "as_of": v.as_of.isoformat()} for v in self.records.versions],
            "links": dict(self.links),
        }

    def as_text(self) -> RenderableType:
        """Sentences."""
        lines = [plain(line) if not line.startswith("  ") else "  " + plain(line.strip()) for line in self.story]
        parts: list[RenderableType] = [f"[bold]{plain(self.name)}[/bold]", plain(self.url), ""]
        parts += [Padding(line.strip(), (0, 0, 0, 2)) if line.startswith("  ") else line for line in lines]
        if self.links:
            parts += [
                "",
                "Records:",
                *(f"  {plain(url if id_.partition(':')[0] in url else f'{id_}: {url}')}" for id_, url in self.links),
            ]
        return Group(*parts)


def _credited_json(each: Credited) -> dict[str, Any]:
    amount = None if each.amount is None else str(each.amount)
    return {**asdict(each.part), "amount": amount, "lacking": each.lacking}


def explained_either(ctx: Context, wanted: str) -> DealExplained | Explained:
    """The deal of that id, the partner that fits, or else the deal of that name; Misconfigured when nothing fits."""
    deal = opportunity_of(ctx, wanted)
    if deal is None:
        try:
            return explained(ctx, wanted)
        except Misconfigured:
            deal = opportunity_of(ctx, wanted, by_name=True)
            if deal is None:
                _refuse_several(ctx, wanted)
                raise
    return deal_explained(ctx, deal)


def _refuse_several(ctx: Context, wanted: str) -> None:
    """Misconfigured when several opportunities have that name."""
    rows = ctx.mirror.query(
        "SELECT id, close_date FROM opportunities WHERE lower(name) = lower(?) ORDER BY close_date DESC, id", [wanted]
    ).to_pylist()
    if len(rows) > 1:
        some = "; ".join(f"{row['id']} (closes {row['close_date']})" for row in rows[:_SHOWN])
        more = f"; and {len(rows) - _SHOWN} more" if len(rows) > _SHOWN else ""
        raise Misused("explain", f"{len(rows)} deals are called {wanted}: {some}{more}", "Say the id.")


def opportunity_of(ctx: Context, wanted: str, *, by_name: bool = False) -> str | None:
    """The id of the opportunity that has that id, or alone that name."""
    rows = ctx.mirror.query("SELECT id FROM opportunities WHERE id = ? LIMIT 1", [wanted]).to_pylist()
    if not rows and by_name:
        rows = ctx.mirror.query("SELECT id FROM opportunities WHERE lower(name) = lower(?)", [wanted]).to_pylist()
    return str(rows[0]["id"]) if len(rows) == 1 else None


def deal_explained(ctx: Context, opportunity_id: str) -> DealExplained:
    """What is in force about that opportunity, and why."""
    from connector.sync.addresses import record_address
    from connector.sync.credit import OPPORTUNITIES, deal_credits
    from connector.sync.credit_records import credit_records, record_url

    deals = ctx.mirror.query("SELECT name, created_at FROM opportunities WHERE id = ?", [opportunity_id]).to_pylist()
    if deals[0]["created_at"] is None:
        raise Misconfigured("explain", f"{opportunity_id} has no date of opening", "Map opportunities.created_at.")
    records = credit_records(ctx, opportunity_id)
    held = deal_credits(ctx, [opportunity_id]) or [DealCredit(opportunity_id, (), deals[0]["created_at"], 0)]
    names = {row["id"]: row["name"] for row in ctx.mirror.query("SELECT id, name FROM partners").to_pylist()}
    story = credit_story(held[0], records, ctx.policy.attribution, lambda id_: names.get(id_) or id_)
    behind = [*((c.source_id, _CLAIMS) for c in records.claims), *((p.source_id, _EVIDENCE) for p in records.pieces)]
    urls = {id_: record_url(ctx, id_, tables) for id_, tables in behind}
    return DealExplained(
        str(deals[0]["name"] or opportunity_id),
        record_address(ctx, ctx.fieldmap.write.object_of(OPPORTUNITIES), opportunity_id) or "",
        held[0],
        records,
        story,
        tuple(sorted((id_, url) for id_, url in urls.items() if url is not None)),
    )
