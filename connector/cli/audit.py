"""What the quarterly audit of the levers says to people: tables, a file for the CFO, and a signature."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from connector.cli.console import clean, plain
from connector.cli.policy import Speaking, money_words
from connector.cli.tables import MOST_ROWS, Column, Fitted, counted, cut
from connector.errors import Misconfigured, Misused

if TYPE_CHECKING:  # `pmom --help` must not wait for the libraries behind these
    from connector.core.audit_sums import LineChange, Share
    from connector.core.backtest import Money
    from connector.core.facts import LiveItem
    from connector.core.lever_audit import AuditLine
    from connector.core.quarters import Quarter
    from connector.sync.audit import Audited
    from connector.sync.context import Context

Opened = Callable[[], AbstractContextManager[Any]]

_Named = Annotated[str | None, typer.Option("--quarter", metavar="FY26-Q4", help="Else the last that has ended.")]
_File = Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Also write one row a partner and drift.")]
_Again = Annotated[bool, typer.Option("--again", help="Compute it anew with records that came late.")]
_Sign = Annotated[bool, typer.Option("--sign-off", help="Stand for the latest version; its drift is accepted.")]
_By = Annotated[str, typer.Option("--by", metavar="NAME", help="Who signs.")]
_Note = Annotated[str, typer.Option("--note", metavar="TEXT", help="On which grounds.")]


def register(app: typer.Typer, state: Speaking, opened: Opened) -> None:
    """Add `pmom audit` to the commands."""

    @app.command()
    def audit(
        quarter: _Named = None,
        to_csv: _File = None,
        again: _Again = False,
        sign_off: _Sign = False,
        by: _By = "",
        note: _Note = "",
    ) -> None:
        """Freeze a fiscal quarter and find money on levers that the facts forbid; sign it, restate it.

        While the quarter is open this shows how it stands and keeps nothing. Once it is closed, the first call keeps
        it for good; --again keeps what came late as another version beside it.
        """
        if to_csv is not None:
            _check_place(to_csv)  # before a quarter is frozen for good
        with opened() as ctx:
            found = _asked(ctx, quarter, again=again, sign_off=sign_off, by=by, note=note)
            users = _names(ctx)
        if to_csv is not None:
            _write(to_csv, found, users)
        state.voice.answer(**audit_json(found, users))
        state.voice.show(audit_tables(found, users))
        if to_csv is not None:
            state.voice.show(f"Wrote {plain(to_csv)}.")


def _asked(ctx: Context, name: str | None, *, again: bool, sign_off: bool, by: str, note: str) -> Audited:
    from connector.sync.audit import audit, sign
    from connector.sync.runs import run

    quarter = named(name, ctx.policy.fiscal_year_start_month, ctx.today())
    if sign_off and again:
        raise Misused(
            "--again", "it cannot be done together with --sign-off", "Look at what --again finds, then sign."
        )
    if sign_off:
        return run(ctx, "sign-off", lambda run_id: sign(ctx, quarter, by, note), _summary)
    return run(ctx, "audit", lambda run_id: audit(ctx, run_id, quarter, again=again), _summary)


def named(text: str | None, start_month: int, today: date) -> Quarter:
    """The quarter of that name, or the last that has ended; Misconfigured says how to write one."""
    from connector.core.quarters import last_ended, quarter_named

    if text is None:
        return last_ended(today, start_month)
    try:
        return quarter_named(text, start_month)
    except ValueError as error:
        example = last_ended(today, start_month)
        raise Misused("--quarter", str(error).replace("FY26-Q4", example.label), "") from None


def _names(ctx: Context) -> dict[str, str]:
    return {row["id"]: row["name"] for row in ctx.mirror.query("SELECT id, name FROM users").to_pylist()}


def _summary(found: Audited) -> dict[str, Any]:
    return {"quarter": found.quarter.label, "version": _version(found), "statuses": _statuses(found)}


def _version(found: Audited) -> int | None:
    return found.version.version if found.version is not None else None


def _statuses(found: Audited) -> dict[str, int]:
    return dict(sorted(Counter(status.value for status in found.standing.values()).items()))


def audit_json(found: Audited, users: dict[str, str]) -> dict[str, Any]:
    """The whole audit as plain values."""
    from connector.core.audit_sums import by_decision, by_drift, whole

    head, version, signed = found.head, found.version, found.signed
    live, at_risk = whole(found.lines)
    return {
        "quarter": head.quarter,
        "start": head.start.isoformat(),
        "end": head.end.isoformat(),
        "as_of": head.as_of.isoformat(),
        "closes_on": head.closes_on.isoformat(),
        "policy": head.policy_version,
        "currency": head.currency,
        "partners": head.partners,
        "version": version.version if version else None,
        "kind": version.kind if version else "open",
        "digest": version.digest if version else None,
        "taken_at": version.taken_at.isoformat() if version else None,
        "signed": {"by": signed.by, "note": signed.note, "at": signed.at.isoformat(), "version": signed.version}
        if signed
        else None,
        "statuses": _statuses(found),
        "live": _money(live),
        "at_risk": _money(at_risk),
        "by_decision": [_share(row, "decision", "motion") for row in by_decision(found.lines)],
        "by_drift": [_share(row, "class", "name") for row in by_drift(found.lines)],
        "lines": [_line(line, found, users) for line in found.lines],
        "restated": [_change(each) for each in found.restated],
        "compared_with": found.last_quarter or head.compared_with,
        "since_last_quarter": [_change(each) for each in found.since],
    }


def _money(money: Money) -> dict[str, Any]:
    return {"items": money.items, "amount": str(money.amount), "without_amount": money.unknown}


def _share(row: Share, heading: str, motion: str) -> dict[str, Any]:
    said = {heading: row.heading, motion: row.motion, "partners": row.partners}
    return {**said, "live": _money(row.live), "at_risk": _money(row.at_risk)}


def _line(line: AuditLine, found: Audited, users: dict[str, str]) -> dict[str, Any]:
    from connector.core.backtest import money_of

    held = line.decision.accountability
    return {
        "partner": line.partner_id,
        "name": line.decision.name,
        "persona": held.persona,
        "persona_since": line.persona_since,
        "account_manager": _person(held.account_manager.id, users),
        "marketer": _person(held.marketer.id, users),
        "decision": line.decision.outcome.value,
        "prescribed_lever": line.decision.lever.value,
        "lever_since": line.decision.lever_since.isoformat(),
        "in_effect": [_item(item) for item in line.live],
        "status": found.standing.get(line.partner_id, line.status).value,
        "drift": [
            {
                "class": each.drift.value,
                "code": each.code,
                "severity": _severity(each.drift.value),
                "text": each.text,
                "policy_key": each.policy_key,
                "excused": each.excused,
                "items": list(each.items),
            }
            for each in line.found
        ],
        "at_risk": _money(money_of(line.at_risk)),
    }


def _item(item: LiveItem) -> dict[str, Any]:
    amount = None if item.amount is None else str(item.amount)
    return {"kind": item.kind, "id": item.id, "name": item.name, "motion": item.motion, "amount": amount}


def _severity(drift: str) -> str:
    from connector.core.lever_audit import SEVERITY, Drift

    return SEVERITY[Drift(drift)]


def _change(each: LineChange) -> dict[str, Any]:
    return {
        "partner": each.partner_id,
        "name": each.name,
        "from": each.before,
        "to": each.after,
        "new": list(each.appeared),
        "gone": list(each.gone),
        "stayed": list(each.stayed),
        "also": list(each.said),
    }


def _person(user: str | None, users: dict[str, str]) -> str:
    return users.get(user or "", user or "nobody")


def audit_tables(found: Audited, users: dict[str, str]) -> RenderableType:
    """The audit for people: what it is, totals, the list of each account manager, and what changed."""
    from connector.core.audit_sums import by_decision, by_drift, whole

    live, at_risk = whole(found.lines)
    currency = found.head.currency
    parts: list[RenderableType] = [*_heading(found), ""]
    stands = ", ".join(f"{number:,} {status}" for status, number in _statuses(found).items())
    parts += [f"{counted(found.head.partners, 'partner')}: {stands or 'none'}."]
    parts += [
        f"Live or approved: {plain(money_words(live, currency))}; in drift: {plain(money_words(at_risk, currency))}."
    ]
    drifts = [row for row in by_drift(found.lines) if row.partners]
    parts += ["", _drifts(drifts, currency), "", _decisions(by_decision(found.lines), currency)]
    for owner, table in _portfolios(found, users):
        parts += ["", Text(clean(owner), style="bold"), table]
    parts += _changed("Against the version before", found.restated)
    if found.last_quarter:
        parts += _changed(f"Against {found.last_quarter}", [each for each in found.since if each.matters])
    return Group(*parts)


def _heading(found: Audited) -> Iterator[RenderableType]:
    head, version, signed = found.head, found.version, found.signed
    days = f"{head.start} to {found.quarter.last_day}, as of {head.as_of}"
    yield Text(clean(f"Audit of the levers {head.quarter}, {days}, policy {head.policy_version}"), style="bold")
    if version is None:
        yield Text(f"Open until {head.closes_on}: nothing was kept, and this may change.", style="yellow")
        return
    yield f"v{version.version}, {version.kind}, kept {version.taken_at:%Y-%m-%d %H:%M} UTC, {version.digest[:12]}."
    if signed is None:
        yield Text("Not signed yet.", style="yellow")
    elif signed.version != version.version:
        yield Text(
            f"v{signed.version} was signed by {clean(signed.by)}; v{version.version} is not yet.", style="yellow"
        )
    else:
        yield Text(clean(f'Signed by {signed.by} on {signed.at:%Y-%m-%d}: "{signed.note}"'))


_NAMES = {
    "D1": "demand generation against the facts",
    "D2": "persona stale",
    "D3": "lever stuck",
    "D4": "lever unattended",
    "D5": "policy drift",
    "D6": "data drift",
    "D7": "expired override still pays",
}


def _drifts(rows: Sequence[Share], currency: str) -> RenderableType:
    if not rows:
        return "No drift."
    cells = [
        (row.heading, _NAMES[row.heading], _severity(row.heading), f"{row.partners:,}",
         plain(money_words(row.at_risk, currency)))
        for row in rows
    ]  # fmt: skip
    columns = (Column("", whole=True), Column("drift", least=20, wrap=True), Column("severity", spare=1),
               Column("partners", right=True), Column("money", least=12, wrap=True))  # fmt: skip
    return Fitted("Drift (a partner may be in several)", columns, cells)


def _decisions(rows: Sequence[Share], currency: str) -> RenderableType:
    cells = [
        (plain(row.heading), plain(row.motion), f"{row.partners:,}", plain(money_words(row.live, currency)),
         plain(money_words(row.at_risk, currency)))
        for row in rows
    ]  # fmt: skip
    columns = (Column("decision", least=14, wrap=True), Column("motion", least=11, wrap=True),
               Column("partners", right=True), Column("live or approved", least=12, wrap=True),
               Column("in drift", least=12, wrap=True))  # fmt: skip
    return Fitted("Money by decision and motion", columns, cells) if rows else "No live money."


def _portfolios(found: Audited, users: dict[str, str]) -> Iterator[tuple[str, RenderableType]]:
    from connector.core.audit_sums import portfolios
    from connector.core.backtest import money_of

    columns = (Column("partner", least=18, most=32), Column("lever", least=14, most=24, spare=2, wrap=True),
               Column("money", least=11, wrap=True), Column("drift", least=30, wrap=True))  # fmt: skip
    for owner, lines in portfolios(found.lines):
        rows = [
            (plain(line.decision.name), plain(line.decision.lever.value),
             plain(money_words(money_of(line.at_risk), found.head.currency)), plain(_told(line, found)))
            for line in lines[:MOST_ROWS]
        ]  # fmt: skip
        yield _person(owner or None, users), cut(Fitted("", columns, rows), MOST_ROWS, len(lines), "partners")


def _told(line: AuditLine, found: Audited) -> str:
    words = [f"{each.drift}: {each.text}{f' ({each.excused})' if each.excused else ''}" for each in line.found]
    accepted = found.standing.get(line.partner_id, line.status).value == "Accepted"
    return " ".join([*words, *(["Accepted."] if accepted else [])])


def _changed(title: str, rows: Sequence[LineChange]) -> list[RenderableType]:
    if not rows:
        return []
    cells = [
        (plain(each.name), plain(each.before or "-"), plain(each.after or "-"), plain(", ".join(each.appeared)),
         plain(", ".join(each.gone)), plain("; ".join(each.said)))
        for each in rows[:MOST_ROWS]
    ]  # fmt: skip
    columns = (Column("partner", least=18, most=32), Column("was", wrap=True), Column("is", wrap=True),
               Column("new", least=10, wrap=True),
               Column("gone", least=10, wrap=True), Column("also", least=16, spare=1, wrap=True))  # fmt: skip
    return ["", cut(Fitted(title, columns, cells), MOST_ROWS, len(rows), "partners")]


_COLUMNS = (
    "quarter", "version", "as_of", "policy", "partner_id", "partner", "persona", "account_manager", "marketer",
    "decision", "prescribed_lever", "motions_in_effect", "live_amount", "currency", "status", "drift", "severity",
    "code", "what", "policy_key", "amount_in_drift", "items_without_amount", "excused",
)  # fmt: skip


def _check_place(path: Path) -> None:
    if path.is_dir() or not path.parent.is_dir():
        found = "it is a folder" if path.is_dir() else "its folder is not there"
        raise Misused(f"--csv {path}", f"cannot be written ({found})", "Name another place; nothing was audited.")


def _write(path: Path, found: Audited, users: dict[str, str]) -> None:
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(_COLUMNS)
            writer.writerows(_csv_rows(found, users))
    except OSError as error:
        fix = "Name another place."
        raise Misconfigured(str(path), f"cannot be written ({error.strerror})", fix) from error


def _csv_rows(found: Audited, users: dict[str, str]) -> Iterator[list[object]]:
    """One row a partner and drift; a partner without drift has one row. A text that a sheet would run is disarmed."""
    from connector.core.backtest import money_of

    version = _version(found)
    for line in found.lines:
        held, decision = line.decision.accountability, line.decision
        start = [
            found.head.quarter, version or "open", found.head.as_of, found.head.policy_version, line.partner_id,
            decision.name, held.persona, _person(held.account_manager.id, users), _person(held.marketer.id, users),
            decision.outcome.value, decision.lever.value, "; ".join(dict.fromkeys(i.motion for i in line.live)),
            money_of(line.live).amount, found.head.currency, found.standing.get(line.partner_id, line.status).value,
        ]  # fmt: skip
        ends: Iterable[list[object]] = [
            [each.drift.value, _severity(each.drift.value), each.code, each.text, each.policy_key,
             *_in_drift(line, each.items), each.excused]
            for each in line.found
        ] or [[""] * 8]  # fmt: skip
        for end in ends:
            yield [_disarmed(cell) for cell in (*start, *end)]


def _in_drift(line: AuditLine, items: tuple[str, ...]) -> list[object]:
    from connector.core.backtest import money_of
    from connector.core.lever_audit import named as called

    money = money_of(item for item in line.live if called(item) in items)
    return [money.amount, money.unknown] if items else ["", ""]


def _disarmed(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in ("=", "+", "-", "@", "\t") else cell
