"""Everything that the records say about the wanted partners on one day."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from connector.core.credit import NOTHING, CreditSums
from connector.core.cycle_time import CycleFact
from connector.core.facts import (
    EVIDENCE_LIMIT,
    Activity,
    CampaignReturn,
    Footprint,
    LiveItem,
    Meetings,
    Override,
    PartnerFacts,
    QuoteCohort,
    ServiceFacts,
    ServiceSums,
    TrackRecord,
    Unknown,
    WonDeals,
)
from connector.core.policy import Policy
from connector.facts import taxonomy
from connector.facts.asking import ask, asked, make_stages, set_moments, staged, timing
from connector.facts.benchmark import Benchmark, Pool, matched_medians, pooled
from connector.facts.credited import was_credited
from connector.facts.cycle_fits import (
    DayFits,
    cycle_facts,
    first_personas,
    fitted,
    fitted_facts,
    keep_fits,
    kept_fits,
    no_cycles,
)
from connector.facts.desk import MOST_PARTNERS, Desk
from connector.facts.kept import kept_statements
from connector.facts.readiness import Readiness, readiness
from connector.facts.sources import Tables
from connector.facts.statements import Shape, Statements, shape
from connector.facts.windows import Windows, windows

_CHUNK = 1_000
"""Partners whose facts are turned from columns to records at a time."""


def compute(
    tables: Tables, policy: Policy, as_of: datetime, partner_ids: Sequence[str] | None = None
) -> Iterator[PartnerFacts]:
    """The facts of every live partner, or of the named ones, in the order of their ids.

    Ids of partners that were merged away stand for their survivors; unknown ids are left out. `as_of` is aware.
    All questions are asked before this returns; what remains is to turn columns into records. The direct deals
    that partners are compared with are those of the last computation of all partners on that day.
    """
    spans = windows(policy, as_of)
    ready = readiness(tables, policy, as_of)
    form = shape(policy, proxy=ready.proxy)
    questions = kept_statements(tables, form)
    few = partner_ids is not None and len(partner_ids) <= MOST_PARTNERS
    if not few:
        set_moments(tables, spans)
    pool = _direct_deals(tables, questions, spans, anew=partner_ids is None)
    if partner_ids is None:
        answers, fits, cycles = _everybody(tables, questions, policy, spans)
        keep_fits(tables, policy, spans, questions.direct_cycles, fits)
    else:
        fits = kept_fits(tables, policy, spans, questions.direct_cycles) or _fits(tables, questions, policy, spans)
        desk = _desk(tables, form, questions) if few else None
        answers = desk.ask(partner_ids, spans) if desk else ask(tables, questions, partner_ids)
        cycles = cycle_facts(answers["cycles"], fits, policy.cycle_time, spans)
    if not was_credited(tables):
        del answers["credit"], answers["services"]
    del answers["cycles"]
    return _records(answers, pool, _Day(policy, spans, ready, fits, cycles))


def _everybody(
    tables: Tables, questions: Statements, policy: Policy, spans: Windows
) -> tuple[dict[str, pa.Table], DayFits, dict[str, CycleFact]]:
    """All partners' answers, the day's fits and what they say; these are made while the database answers the rest."""
    first, rest = timing(questions)
    with staged(tables, questions, None, first.stages), ThreadPoolExecutor(1) as beside:
        answers = asked(tables, first)
        direct, known = tables.query(questions.direct_cycles), first_personas(tables)
        answering = beside.submit(_rest, tables, rest)
        fits, cycles = fitted_facts(direct, answers["cycles"], answers["quotes"], policy, known, spans)
        return answers | answering.result(), fits, cycles


def _rest(tables: Tables, questions: Statements) -> dict[str, pa.Table]:
    make_stages(tables, questions.stages)
    return asked(tables, questions)


def _fits(tables: Tables, questions: Statements, policy: Policy, spans: Windows) -> DayFits:
    """The fits of the day, made from all partners by a process that is asked about a few before anybody was."""
    set_moments(tables, spans)
    answers = ask(tables, timing(questions)[0], None)
    direct, known = tables.query(questions.direct_cycles), first_personas(tables)
    fits = fitted(direct, answers["cycles"], answers["quotes"], policy, known)
    keep_fits(tables, policy, spans, questions.direct_cycles, fits)
    return fits


def _direct_deals(tables: Tables, questions: Statements, spans: Windows, *, anew: bool) -> Pool:
    """The deals to compare with: taken at every computation of all partners, and kept for the rest of the day.

    They are kept in the mirror, so that a decision does not depend on which process came before.
    """
    digest = sha256(f"{spans.today} {questions.rates} {questions.direct}".encode()).hexdigest()
    kept: tuple[str, Pool] | None = tables.kept.get("direct")
    if kept is not None and kept[0] == digest and not anew:
        return kept[1]
    tables.run("CREATE TABLE IF NOT EXISTS direct_of (digest VARCHAR)")
    if anew or tables.query("SELECT digest FROM direct_of").column("digest").to_pylist() != [digest]:
        set_moments(tables, spans)
        tables.run(f"CREATE OR REPLACE TEMP TABLE rates AS {questions.rates}")
        tables.run("DELETE FROM direct_of")
        tables.run(f"CREATE OR REPLACE TABLE direct AS {questions.direct}")
        tables.run(f"INSERT INTO direct_of VALUES ('{digest}')")
    pool = pooled(tables.query("SELECT segment, product, units FROM direct"))
    tables.kept["direct"] = digest, pool
    return pool


def _desk(tables: Tables, form: Shape, questions: Statements) -> Desk:
    """The desk for these relations. A process that comes back to it answers single changes: then indexes pay."""
    kept: tuple[Shape, Desk] | None = tables.kept.get("desk")
    if kept is not None:
        tables.index()
    if kept is None or kept[0] != form:
        kept = tables.kept["desk"] = form, Desk(tables, questions)
    return kept[1]


class _Sorted:
    """An answer in the order of partner ids, read a stretch of ids at a time."""

    def __init__(self, table: pa.Table, key: str = "partner_id") -> None:
        self._ids = _cells(table.column(key))
        self._table = table.drop_columns([key])

    def rows(self, first: str, last: str) -> dict[str, list[tuple[Any, ...]]]:
        """The rows of the partners from `first` to `last`, by partner."""
        start, end = bisect_left(self._ids, first), bisect_right(self._ids, last)
        columns = [_cells(column) for column in self._table.slice(start, end - start).columns]
        found: dict[str, list[tuple[Any, ...]]] = {}
        for id_, row in zip(self._ids[start:end], zip(*columns, strict=True), strict=True):
            if id_ in found:
                found[id_].append(row)
            else:
                found[id_] = [row]
        return found


def _cells(column: pa.ChunkedArray[Any]) -> list[Any]:
    """The column's cells as Python values; texts, of which evidence has many, are made all at once."""
    if pa.types.is_string(column.type):
        cells: list[Any] = column.to_numpy().tolist()
        return cells
    if pa.types.is_timestamp(column.type):  # one by one it takes ten times as long
        naive: list[Any] = column.cast(pa.timestamp("us")).to_numpy().tolist()
        return [None if at is None else at.replace(tzinfo=UTC) for at in naive]
    if pa.types.is_list(column.type) and pa.types.is_string(column.type.value_type):
        return [ids for chunk in column.chunks for ids in _lists(chunk)]
    return column.to_pylist()


def _lists(lists: Any) -> Iterator[tuple[str, ...] | None]:
    texts = lists.flatten().to_numpy(zero_copy_only=False).tolist()
    end = 0
    for length in pc.list_value_length(lists).to_pylist():
        start, end = end, end + (length or 0)
        yield None if length is None else tuple(texts[start:end])


@dataclass(frozen=True, slots=True)
class _Day:
    policy: Policy
    spans: Windows
    ready: Readiness
    fits: DayFits
    cycles: dict[str, CycleFact]


def _records(answers: dict[str, pa.Table], pool: Pool, day: _Day) -> Iterator[PartnerFacts]:
    benchmarks = matched_medians(answers.pop("mix"), pool)
    profiles = answers.pop("profiles")
    sorted_answers = {name: _Sorted(table) for name, table in answers.items()}
    for chunk in profiles.to_batches(max_chunksize=_CHUNK):
        if not chunk.num_rows:
            continue
        cells = [_cells(pa.chunked_array([column])) for column in chunk.columns]
        partners = [dict(zip(chunk.schema.names, row, strict=True)) for row in zip(*cells, strict=True)]
        first, last = partners[0]["id"], partners[-1]["id"]
        found = {name: answer.rows(first, last) for name, answer in sorted_answers.items()}
        for partner in partners:
            id_ = partner["id"]
            yield _partner(
                partner, {name: rows.get(id_, []) for name, rows in found.items()}, benchmarks.get(id_), day
            )


_Rows = dict[str, list[tuple[Any, ...]]]


def _partner(partner: dict[str, Any], rows: _Rows, benchmark: Benchmark | None, day: _Day) -> PartnerFacts:
    quotes = rows["quotes"][0] if rows["quotes"] else (0, 0, 0, None)
    personas = taxonomy.parts(partner["persona"])
    return PartnerFacts(
        partner_id=partner["id"],
        name=partner["name"] or "",
        personas=personas,
        strategic=bool(partner["strategic"]),
        owner_id=partner["owner_id"] or None,
        marketer_id=partner["marketer_id"] or None,
        since=_since(partner["agreement_date"], partner["created_at"], day.spans.zone),
        excluded=bool(partner["excluded"]),
        quotes=_quotes(quotes, day),
        footprint=_footprint(partner, rows["footprint"], day),
        track_record=_track_record(rows, day),
        meetings=_meetings(rows["meetings"], quotes[2], day),
        won_deals=_won_deals(rows["won_deals"], benchmark, day),
        activity=_activity(rows["activity"], day),
        live=tuple(_live_item(row) for row in rows["live"]),
        override=_override(partner),
        freshness=day.ready.freshness,
        credit=_credit(rows.get("credit"), day),
        services=_services(rows.get("services"), day),
        cycle=_cycle(partner["id"], day),
        quote_prior=day.fits.quotes_of(personas[0] if personas else ""),
    )


def _since(agreement: date | None, created: datetime | None, zone: str) -> date | None:
    if agreement is not None or created is None:
        return agreement
    return created.astimezone(ZoneInfo(zone)).date()


def _quotes(row: tuple[Any, ...], day: _Day) -> QuoteCohort | Unknown:
    if day.ready.quotes:
        return day.ready.quotes
    counted, won, _, ids = row
    return QuoteCohort(int(counted), int(won), day.spans.quotes, day.ready.proxy, tuple(ids or ()))


def _footprint(partner: dict[str, Any], rows: list[tuple[Any, ...]], day: _Day) -> Footprint | Unknown:
    gate = day.policy.market_fit
    regions, verticals = (taxonomy.parts(partner[name]) for name in ("footprint_regions", "footprint_verticals"))
    declared = bool(regions or verticals)
    if day.ready.customers and (day.ready.customers.code == "STALE_SOURCE" or not declared):
        return day.ready.customers
    counted, ids, countries, industries = rows[0] if rows and not day.ready.customers else (0, (), (), ())
    words = dict.fromkeys((*regions, *(countries or ())))
    codes = {word: taxonomy.region(word, gate) for word in words}
    spelled = {taxonomy.vertical(word, gate) for word in (*verticals, *(industries or ()))}
    return Footprint(
        regions=tuple(sorted({code for code in codes.values() if code})),
        verticals=tuple(sorted(spelled)),
        declared=declared,
        won_counted=int(counted),
        window=day.spans.footprint,
        unmapped=tuple(sorted(word for word, code in codes.items() if not code)),
        evidence=tuple(ids or ()),
    )


def _track_record(rows: _Rows, day: _Day) -> TrackRecord | Unknown:
    if day.ready.track_record:
        return day.ready.track_record
    last = tuple(
        CampaignReturn(id_, name or "", ended, spend, pipeline, int(count), int(missing), int(unconverted))
        for id_, name, ended, spend, pipeline, count, missing, unconverted in rows["returns"]
    )
    return TrackRecord(last, tuple((id_, code) for id_, code in rows["left_out"][:EVIDENCE_LIMIT]))


def _meetings(rows: list[tuple[Any, ...]], quoted: int, day: _Day) -> Meetings | Unknown:
    if day.ready.meetings:
        return day.ready.meetings
    held, ids = rows[0] if rows else (0, ())
    return Meetings(int(held), int(quoted), day.spans.meetings, tuple(ids or ()))


def _won_deals(rows: list[tuple[Any, ...]], benchmark: Benchmark | None, day: _Day) -> WonDeals | Unknown:
    if day.ready.won_deals:
        return day.ready.won_deals
    won, median, missing, ids = rows[0] if rows else (0, None, 0, ())
    return WonDeals(
        won=int(won),
        median=None if median is None else Decimal(median) / 10_000,
        benchmark_median=benchmark.median if benchmark else None,
        benchmark_counted=benchmark.counted if benchmark else 0,
        missing_amounts=int(missing),
        window=day.spans.won,
        evidence=tuple(ids or ()),
    )


def _activity(rows: list[tuple[Any, ...]], day: _Day) -> Activity | Unknown:
    if day.ready.activity:
        return day.ready.activity
    last = {kind: at for kind, at, _ in rows}
    return Activity(
        logins_known=day.ready.logins_known,
        last_login=last.get("login"),
        last_registration=last.get("registration"),
        last_opportunity=last.get("opportunity"),
        last_fund_activity=last.get("fund"),
        evidence=tuple(sorted(id_ for _, _, id_ in rows)),
    )


def _credit(rows: list[tuple[Any, ...]] | None, day: _Day) -> CreditSums | Unknown | None:
    if rows is None:
        return None
    if day.ready.credit:
        return day.ready.credit
    nothing = (NOTHING, 0, NOTHING, 0, NOTHING, NOTHING, 0, 0, ())
    sourced, sourced_count, influenced, influenced_count, touched, open_, open_count, unknown, ids = (
        rows[0] if rows else nothing
    )
    return CreditSums(
        sourced_won=sourced,
        sourced_count=sourced_count,
        influenced_won=influenced,
        influenced_count=influenced_count,
        touched_won=touched,
        sourced_open=open_,
        open_count=open_count,
        unknown=unknown,
        since=day.spans.credit_from,
        evidence=tuple(ids or ()),
    )


def _services(rows: list[tuple[Any, ...]] | None, day: _Day) -> ServiceFacts | Unknown | None:
    if rows is None:
        return None
    if day.ready.services:
        return day.ready.services
    if not rows:
        return Unknown("NO_SERVICE_FACTS", "service revenue on won deals that credit the partner")
    deals, won, unconverted, unknown = rows[0][-4:]
    sums = tuple(
        ServiceSums(provenance, int(counted), service, product, covered, int(lost), tuple(ids or ()))
        for provenance, counted, service, product, covered, lost, ids, *_ in rows
    )
    return ServiceFacts(int(deals), won, int(unconverted), int(unknown), day.spans.services, sums)


def _cycle(partner_id: str, day: _Day) -> CycleFact | Unknown:
    if day.ready.cycle:
        return day.ready.cycle
    known = day.cycles.get(partner_id)
    return no_cycles(day.fits, day.policy.cycle_time, day.spans) if known is None else known


def _live_item(row: tuple[Any, ...]) -> LiveItem:
    id_, kind, value, name, motion = row
    return LiveItem(id_, kind, name, motion, value)


def _override(partner: dict[str, Any]) -> Override | None:
    if not partner["override_decision"]:
        return None
    return Override(
        partner["override_decision"],
        partner["override_reason"] or None,
        partner["override_expires"],
        partner["override_by"] or None,
    )
