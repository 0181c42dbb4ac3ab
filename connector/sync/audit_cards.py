"""What do records and tasks show of the quarterly audit: how each partner stands, and which packs wait?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from connector.core.audit_sums import AuditHead, by_drift, portfolios, standing, whole
from connector.core.conditions import AUDIT_PACK, Condition
from connector.core.figures import money
from connector.core.lever_audit import AuditLine, AuditStatus
from connector.core.quarters import quarter_named
from connector.store.audits import AuditBook, AuditVersion, SignOff
from connector.sync.context import Context

_LISTED = 100  # partners that one pack names


def signature(book: AuditBook, quarter: str) -> SignOff | None:
    """The latest signature under a quarter's audit, of whichever version."""
    found = book.signoffs(quarter)
    return found[-1] if found else None


def standing_of(
    book: AuditBook, version: AuditVersion, chosen: Sequence[str] | None = None
) -> dict[str, AuditStatus]:
    """How each partner, or each chosen one, stands by one version: drift that somebody signed for is accepted."""
    signed = signature(book, version.quarter)
    stood = None
    if signed is not None:
        stood = {partner: mark for partner, _, mark in book.marks(signed.quarter, signed.version, chosen)}
    return standing(book.marks(version.quarter, version.version, chosen), stood)


def latest(ctx: Context) -> AuditVersion | None:
    """The latest version of the latest quarter that was kept."""
    month = ctx.policy.fiscal_year_start_month
    every = ctx.store.audits().versions()
    return max(every, key=lambda each: (quarter_named(each.quarter, month), each.version), default=None)


def standings(ctx: Context, chosen: Sequence[str] | None = None) -> dict[str, tuple[str, str]]:
    """Partner (one of the chosen) -> how it stands by the latest kept audit, and the quarter of that."""
    version = latest(ctx)
    if version is None:
        return {}
    found = standing_of(ctx.store.audits(), version, chosen)
    return {partner: (status.value, version.quarter) for partner, status in found.items()}


def packs(ctx: Context) -> tuple[Condition, ...]:
    """The audit packs that wait: one for who answers for the audit, one for each account manager with drift."""
    version, book = latest(ctx), ctx.store.audits()
    if version is None:
        return ()
    signed = signature(book, version.quarter)
    if signed is not None and signed.version == version.version:
        return ()
    rows = book.lines(version.quarter, version.version)
    lines = [AuditLine.from_json(row.body) for row in rows if row.status != AuditStatus.ALIGNED.value]
    head = AuditHead.from_json(version.head)
    return tuple(_packs(head, version, lines))


def _packs(head: AuditHead, version: AuditVersion, lines: list[AuditLine]) -> Iterator[Condition]:
    name = f"{version.quarter} v{version.version}"
    drifting = [line for line in lines if line.found]
    yield Condition(
        AUDIT_PACK,
        version.quarter,
        True,
        count=len(drifting),
        text=(f"Audit of the levers {name}: sign it off", "\n".join(_overview(head, version, drifting))),
    )
    for owner, held in portfolios(drifting):
        if owner:
            yield Condition(
                AUDIT_PACK,
                f"{version.quarter}/{owner}",
                True,
                count=len(held),
                text=(f"Audit of the levers {name}: your {_partners(len(held))}", "\n".join(_portfolio(head, held))),
                owner_id=owner,
            )


def _overview(head: AuditHead, version: AuditVersion, drifting: list[AuditLine]) -> Iterator[str]:
    _, at_risk = whole(drifting)
    yield (
        f"{len(drifting)} of {_partners(head.partners)} drift as of {head.as_of}; "
        f"{money(at_risk.amount, head.currency)} of live money is concerned"
        f"{f', and {at_risk.unknown} items without an amount' if at_risk.unknown else ''}."
    )
    for row in by_drift(drifting):
        if row.partners:
            amount = f", {money(row.at_risk.amount, head.currency)}" if row.at_risk.items else ""
            yield f"{row.heading} {row.motion.lower()}: {_partners(row.partners)}{amount}"
    yield f"See it with: pmom audit --quarter {version.quarter}"
    yield f"Sign it with: pmom audit --quarter {version.quarter} --sign-off --by NAME --note TEXT"


def _portfolio(head: AuditHead, held: tuple[AuditLine, ...]) -> Iterator[str]:
    for line in held[:_LISTED]:
        said = " ".join(f"{each.drift}: {each.text}" for each in line.found)
        yield f"{line.decision.name}: {said}"
    if len(held) > _LISTED:
        yield f"and {len(held) - _LISTED} more"
    yield f"As of {head.as_of}."


def _partners(number: int) -> str:
    return "1 partner" if number == 1 else f"{number:,} partners"
