"""What one unit of each of the portal's currencies is worth in the company currency."""

from __future__ import annotations

import csv
import re
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emulators.hubspot.errors import invalid, not_found
from emulators.hubspot.router import Request, Response, Router, json_response
from emulators.hubspot.values import instant, kept_instant

if TYPE_CHECKING:
    from emulators.hubspot.portal import Portal

DDL = """
CREATE TABLE IF NOT EXISTS exchange_rate (
  id INTEGER PRIMARY KEY, currency TEXT NOT NULL, rate TEXT NOT NULL, effective TEXT NOT NULL,
  created TEXT NOT NULL, updated TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS exchange_rate_currency ON exchange_rate (currency, effective);
"""
_READ = ("settings.currencies.read", "settings.currencies.write")
_WRITE = ("settings.currencies.write",)
_RATE = re.compile(r"\d{1,12}(\.\d{1,6})?\Z")
_CODE = re.compile(r"[A-Z]{3}\Z")
_NAMES = {
    "AUD": "Australian Dollar", "BRL": "Brazilian Real", "CAD": "Canadian Dollar", "CHF": "Swiss Franc",
    "CNY": "Chinese Yuan", "CZK": "Czech Koruna", "DKK": "Danish Krone", "EUR": "Euro", "GBP": "British Pound",
    "HKD": "Hong Kong Dollar", "HUF": "Hungarian Forint", "INR": "Indian Rupee", "JPY": "Japanese Yen",
    "KRW": "South Korean Won", "MXN": "Mexican Peso", "NOK": "Norwegian Krone", "NZD": "New Zealand Dollar",
    "PLN": "Polish Zloty", "SEK": "Swedish Krona", "SGD": "Singapore Dollar", "TRY": "Turkish Lira",
    "USD": "US Dollar", "ZAR": "South African Rand",
}  # fmt: skip


def routes(router: Router) -> None:
    """The currencies of the account settings."""
    base = "/settings/v3/currencies"
    router.add("GET", f"{base}/exchange-rates", _list, scopes=_READ)
    router.add("GET", f"{base}/exchange-rates/current", _current, scopes=_READ)
    router.add("GET", f"{base}/exchange-rates/{{rate}}", _read, scopes=_READ)
    router.add("POST", f"{base}/exchange-rates", _create, scopes=_WRITE)
    router.add("GET", f"{base}/codes", _codes, scopes=_READ)
    router.add("GET", f"{base}/company-currency", _company, scopes=_READ)


def codes(portal: Portal) -> tuple[str, ...]:
    """The company currency first, then the additional ones by code."""
    rows = portal.connection.execute("SELECT DISTINCT currency FROM exchange_rate ORDER BY currency")
    home = portal.settings.currency
    return (home, *(code for (code,) in rows if code != home))


def several(portal: Portal) -> bool:
    """Whether the portal has a currency besides the company's."""
    return portal.connection.execute("SELECT 1 FROM exchange_rate LIMIT 1").fetchone() is not None


def rate(portal: Portal, currency: str, at: str) -> str | None:
    """Company-currency units for one unit at an instant (kept text); None when nothing was set by then."""
    if currency == portal.settings.currency:
        return "1"
    row = portal.connection.execute(
        "SELECT rate FROM exchange_rate WHERE currency = ? AND effective <= ? ORDER BY effective DESC, id DESC",
        (currency, at),
    ).fetchone()
    return None if row is None else str(row[0])


def put(portal: Portal, currency: str, conversion_rate: str, effective_at: str) -> dict[str, Any]:
    """Add a rate; 400 for more than six decimals, a rate that is not positive, or a portal with one currency."""
    if not portal.settings.has("multicurrency"):
        raise invalid("This portal does not have access to multiple currencies.")
    if not _CODE.match(currency) or currency == portal.settings.currency:
        raise invalid(f"Invalid currency code {currency}")
    if not _RATE.match(conversion_rate) or Decimal(conversion_rate) <= 0:
        raise invalid(f"Invalid conversionRate {conversion_rate}: a positive number with at most 6 decimal places")
    effective = instant(effective_at)
    if effective is None:
        raise invalid(f"Invalid effectiveAt {effective_at}")
    now = portal.now_text()
    with portal.transaction() as connection:
        added = connection.execute(
            "INSERT INTO exchange_rate (currency, rate, effective, created, updated) VALUES (?, ?, ?, ?, ?)",
            (currency, conversion_rate, kept_instant(effective), now, now),
        )
        return _printed(portal, _row(portal, added.lastrowid or 0))


def load(portal: Portal, path: Path) -> int:
    """currencies.csv: currency, conversion_rate, effective_at. Rows of the company currency say nothing new."""
    count = 0
    with portal.transaction(), path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["currency"] != portal.settings.currency:
                put(portal, row["currency"], row["conversion_rate"], row["effective_at"])
            count += 1
    return count


_Row = tuple[int, str, str, str, str, str]


def _row(portal: Portal, number: int) -> _Row:
    row: _Row | None = portal.connection.execute("SELECT * FROM exchange_rate WHERE id = ?", (number,)).fetchone()
    if row is None:
        raise not_found()
    return row


def _printed(portal: Portal, row: _Row) -> dict[str, Any]:
    number, currency, worth, effective, created, updated = row
    return {
        "id": str(number),
        "fromCurrencyCode": currency,
        "toCurrencyCode": portal.settings.currency,
        "conversionRate": float(worth),
        "effectiveAt": effective,
        "visibleInUI": True,
        "createdAt": created,
        "updatedAt": updated,
    }


def _list(request: Request, portal: Portal) -> Response:
    limit = request.number("limit", 100, most=100)
    wanted = request.one("fromCurrencyCode")
    after = request.number("after", 0, least=0)
    rows = portal.connection.execute(
        "SELECT * FROM exchange_rate WHERE id > ? AND (? = '' OR currency = ?) ORDER BY id LIMIT ?",
        (after, wanted, wanted, limit + 1),
    ).fetchall()
    found: dict[str, Any] = {"results": [_printed(portal, row) for row in rows[:limit]]}
    if len(rows) > limit:
        last = str(rows[limit - 1][0])
        link = f"{request.base_url}{request.path}?limit={limit}&after={last}"
        found["paging"] = {"next": {"after": last, "link": link}}
    return json_response(found)


def _current(request: Request, portal: Portal) -> Response:
    """The rate in force of each additional currency."""
    now, found = portal.now_text(), []
    for code in codes(portal)[1:]:
        row = portal.connection.execute(
            "SELECT * FROM exchange_rate WHERE currency = ? AND effective <= ? ORDER BY effective DESC, id DESC",
            (code, now),
        ).fetchone()
        if row is not None:
            found.append(_printed(portal, row))
    return json_response({"results": found})


def _read(request: Request, portal: Portal) -> Response:
    wanted = request.params["rate"]
    return json_response(
        _printed(portal, _row(portal, int(wanted) if wanted.isdecimal() and len(wanted) <= 18 else 0))
    )


def _create(request: Request, portal: Portal) -> Response:
    body = request.document()
    sent = body.get("conversionRate")
    worth = format(Decimal(str(sent)), "f") if isinstance(sent, int | float | str) and str(sent) else ""
    at = str(body.get("effectiveAt") or portal.now_text())
    return json_response(put(portal, str(body.get("fromCurrencyCode", "")), worth, at))


def _codes(request: Request, portal: Portal) -> Response:
    return json_response({"results": [{"code": code, "name": name} for code, name in sorted(_NAMES.items())]})


def _company(request: Request, portal: Portal) -> Response:
    code = portal.settings.currency
    return json_response({"currencyCode": code, "currencyName": _NAMES.get(code, code)})
