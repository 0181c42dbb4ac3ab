"""Which marketing campaigns there are, what was planned for them and what was spent; Professional and above."""

from __future__ import annotations

import csv
import json
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emulators.hubspot import definitions, values
from emulators.hubspot.bodies import whole
from emulators.hubspot.errors import HubError, invalid, not_found
from emulators.hubspot.router import Request, Response, Router, json_response, no_content

if TYPE_CHECKING:
    from emulators.hubspot.portal import Portal

DDL = """
CREATE TABLE IF NOT EXISTS campaign (
  number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, created TEXT NOT NULL, updated TEXT NOT NULL,
  properties TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS campaign_item (
  id INTEGER PRIMARY KEY, campaign TEXT NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS campaign_item_campaign ON campaign_item (campaign, kind, id);
"""
TYPE, MAX_BATCH = "0-35", 50
BUDGET, SPEND = "budget", "spend"
_READ, _WRITE = ("marketing.campaigns.read", "marketing.campaigns.write"), ("marketing.campaigns.write",)
_REVENUE = ("marketing.campaigns.revenue.read",)
_MODELS = (
    "LINEAR", "FIRST_INTERACTION", "LAST_INTERACTION", "FULL_PATH", "U_SHAPED", "W_SHAPED", "TIME_DECAY", "J_SHAPED",
    "INVERSE_J_SHAPED",
)  # fmt: skip
_SUMS = {BUDGET: "hs_budget_items_sum_amount", SPEND: "hs_spend_items_sum_amount"}
_SORTS = {"hs_name": "hs_name", "createdAt": "created", "updatedAt": "updated"}
Handler = Callable[[Request, "Portal"], Response]


def routes(router: Router) -> None:
    """The campaigns API."""
    base = "/marketing/v3/campaigns"
    one = base + "/{campaign}"
    _add(router, "GET", base, _list, _READ)
    _add(router, "POST", base, _create, _WRITE)
    for verb, handler in (("read", _batch_read), ("create", _batch_create), ("update", _batch_update)):
        _add(router, "POST", f"{base}/batch/{verb}", handler, _READ if verb == "read" else _WRITE)
    _add(router, "POST", base + "/batch/archive", _batch_archive, _WRITE)
    _add(router, "GET", one, _read, _READ)
    _add(router, "PATCH", one, _change, _WRITE)
    _add(router, "DELETE", one, _archive, _WRITE)
    _add(router, "GET", one + "/budget/totals", _totals, _READ)
    _add(router, "GET", one + "/reports/metrics", _metrics, _READ)
    _add(router, "GET", one + "/reports/revenue", _revenue, _REVENUE)
    for kind in (BUDGET, SPEND):
        _add(router, "POST", f"{one}/{kind}", _item_call(_add_item, kind), _WRITE)
        _add(router, "GET", f"{one}/{kind}/{{item}}", _item_call(_read_item, kind), _READ)
        _add(router, "PUT", f"{one}/{kind}/{{item}}", _item_call(_change_item, kind), _WRITE)
        _add(router, "DELETE", f"{one}/{kind}/{{item}}", _item_call(_drop_item, kind), _WRITE)


def _add(router: Router, method: str, path: str, handler: Handler, scopes: tuple[str, ...]) -> None:
    """A route that answers 403 in a portal whose edition has no campaigns: no token has their scopes there."""

    def call(request: Request, portal: Portal) -> Response:
        if not portal.settings.has("campaigns"):
            text = "This app hasn't been granted all required scopes to make this call."
            errors = [{"message": text, "context": {"requiredGranularScopes": [scopes[0]]}}]
            raise HubError(403, "MISSING_SCOPES", text, errors=errors)
        return handler(request, portal)

    router.add(method, path, call, scopes=scopes)


def make(portal: Portal, properties: Mapping[str, Any], campaign_id: str = "") -> str:
    """A new campaign: its id. 400 for properties that are not valid or a missing name."""
    kept = _checked(portal, properties, {})
    if not kept.get("hs_name"):
        raise invalid("Some required fields were not set: [hs_name]")
    found = campaign_id or str(uuid.UUID(int=portal.rng.getrandbits(128), version=4))
    now = portal.now_text()
    with portal.transaction() as connection:
        connection.execute(
            "INSERT INTO campaign (id, created, updated, properties) VALUES (?, ?, ?, ?)",
            (found, now, now, json.dumps(kept)),
        )
    return found


def add_item(portal: Portal, campaign_id: str, kind: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """A new budget or spend item, as HubSpot prints it."""
    with portal.transaction() as connection:
        (order,) = connection.execute(
            "SELECT COUNT(*) FROM campaign_item WHERE campaign = ? AND kind = ?", (campaign_id, kind)
        ).fetchone()
        now = portal.now_ms()
        item = _sound_item({"order": order, **body}) | {"createdAt": now, "updatedAt": now}
        number = int(portal.new_id())
        row = (number, campaign_id, kind, json.dumps(item))
        connection.execute("INSERT INTO campaign_item VALUES (?, ?, ?, ?)", row)
    return {"id": str(number), **item}


def load(portal: Portal, path: Path) -> int:
    """campaigns.csv: id (a GUID), optionally created_at and updated_at, and properties. How many."""
    count = 0
    with portal.transaction() as connection, path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            times = [row.pop(name, "") for name in ("created_at", "updated_at")]
            currency = row.pop("hs_currency_code", "")  # it may have been taken from the portal since
            made = make(portal, {name: text for name, text in row.items() if name != "id" and text}, row["id"])
            if currency:
                text = "UPDATE campaign SET properties = json_set(properties, '$.hs_currency_code', ?) WHERE id = ?"
                connection.execute(text, (currency, made))
            for column, text in zip(("created", "updated"), times, strict=True):
                at = values.instant(text) if text else None
                if at is not None:
                    kept = (values.kept_instant(at), made)
                    connection.execute(f"UPDATE campaign SET {column} = ? WHERE id = ?", kept)
            count += 1
    return count


def load_items(portal: Portal, path: Path) -> int:
    """campaign_items.csv: campaign_id, kind (budget or spend), name, amount, optionally description. How many."""
    count = 0
    with portal.transaction(), path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["kind"] not in _SUMS:
                raise ValueError(f"{path.name}: kind {row['kind']!r} is neither budget nor spend")
            _one(portal, row["campaign_id"])
            body = {"name": row["name"], "amount": float(row["amount"]), "description": row.get("description") or ""}
            add_item(portal, row["campaign_id"], row["kind"], body)
            count += 1
    return count


_Row = tuple[str, str, str, str]
_COLUMNS = "SELECT id, created, updated, properties FROM campaign"


def _one(portal: Portal, campaign_id: str) -> _Row:
    row: _Row | None = portal.connection.execute(f"{_COLUMNS} WHERE id = ?", (campaign_id.lower(),)).fetchone()
    if row is None:
        raise not_found(f"Campaign {campaign_id} was not found")
    return row


def _checked(portal: Portal, sent: Mapping[str, Any], before: Mapping[str, str]) -> dict[str, str]:
    """All values after the write; empty ones are left out."""
    known = definitions.of(portal, TYPE)
    found, problems = dict(before), []
    for name, value in sent.items():
        definition = known.get(name)
        problem = values.unknown(name) if definition is None else values.read_only(definition)
        kept = problem or (values.stored(definition, value, portal) if definition is not None else "")
        if isinstance(kept, values.Problem):
            problems.append(kept)
        else:
            found[name] = kept
    if problems:
        raise values.refusal(portal, problems)
    return {name: text for name, text in found.items() if text != ""}


def _printed(portal: Portal, row: _Row, names: Iterable[str] | None) -> dict[str, Any]:
    """The campaign with those of its properties that have a value; None: all of them."""
    campaign_id, created, updated, text = row
    known = _with_sums(portal, campaign_id, json.loads(text))
    shown = known if names is None else {name: known[name] for name in names if name in known}
    return {
        "id": campaign_id,
        "properties": shown,
        "businessUnits": [],
        "createdAt": created,
        "updatedAt": updated,
    }


def _with_sums(portal: Portal, campaign_id: str, kept: dict[str, str]) -> dict[str, str]:
    sums = {}
    for kind, name in _SUMS.items():
        listed = _items(portal, campaign_id, kind)
        if listed:
            sums[name] = _plain(_total(listed))
    times = {"hs_object_id": campaign_id}
    return {**kept, **sums, **times}


def _items(portal: Portal, campaign_id: str, kind: str) -> list[dict[str, Any]]:
    rows = portal.connection.execute(
        "SELECT id, body FROM campaign_item WHERE campaign = ? AND kind = ? ORDER BY id", (campaign_id, kind)
    )
    return sorted(({"id": str(number), **json.loads(body)} for number, body in rows), key=lambda each: each["order"])


def _total(listed: Sequence[Mapping[str, Any]]) -> Decimal:
    return sum((Decimal(str(each["amount"])) for each in listed), Decimal())


def _plain(number: Decimal) -> str:
    return format(number.normalize(), "f")


def _names(request: Request) -> tuple[str, ...]:
    """Without `properties` HubSpot tells none."""
    return request.many("properties")


def _list(request: Request, portal: Portal) -> Response:
    """Pages of 50 unless told otherwise; `name` finds parts of names; `sort` may begin with a minus."""
    limit, after = request.number("limit", 50, most=100), request.number("after", 0, least=0)
    rows = portal.connection.execute(f"{_COLUMNS} ORDER BY number").fetchall()
    part = request.one("name").lower()
    rows = [row for row in rows if part in json.loads(row[3]).get("hs_name", "").lower()]
    sort = request.one("sort")
    if sort.lstrip("-") not in ("", *_SORTS):
        raise invalid(f"Invalid input for query parameter sort: '{sort}' is not one of {sorted(_SORTS)}")
    if sort:
        rows.sort(key=lambda row: _sort_key(row, sort.lstrip("-")), reverse=sort.startswith("-"))
    found: dict[str, Any] = {
        "total": len(rows),
        "results": [_printed(portal, row, _names(request)) for row in rows[after : after + limit]],
    }
    if after + limit < len(rows):
        link = f"{request.base_url}{request.path}?limit={limit}&after={after + limit}"
        found["paging"] = {"next": {"after": str(after + limit), "link": link}}
    return json_response(found)


def _sort_key(row: _Row, name: str) -> str:
    by_name = {"createdAt": row[1], "updatedAt": row[2]}
    return by_name.get(name) or str(json.loads(row[3]).get("hs_name", "")).lower()


def _read(request: Request, portal: Portal) -> Response:
    return json_response(_printed(portal, _one(portal, request.params["campaign"]), _names(request)))


def _sent(body: Mapping[str, Any]) -> Mapping[str, Any]:
    found = body.get("properties")
    if not isinstance(found, Mapping):
        raise invalid("Some required fields were not set: [properties]")
    return found


def _create(request: Request, portal: Portal) -> Response:
    made = make(portal, _sent(request.document()))
    return json_response(_printed(portal, _one(portal, made), None), 201)


def _write(portal: Portal, campaign_id: str, sent: Mapping[str, Any]) -> _Row:
    with portal.transaction() as connection:
        row = _one(portal, campaign_id)
        kept = _checked(portal, sent, json.loads(row[3]))
        connection.execute(
            "UPDATE campaign SET properties = ?, updated = ? WHERE id = ?",
            (json.dumps(kept), portal.now_text(), row[0]),
        )
        return _one(portal, row[0])


def _change(request: Request, portal: Portal) -> Response:
    row = _write(portal, request.params["campaign"], _sent(request.document()))
    return json_response(_printed(portal, row, None))


def _forget(portal: Portal, campaign_id: str) -> None:
    with portal.transaction() as connection:
        connection.execute("DELETE FROM campaign WHERE id = ?", (campaign_id.lower(),))
        connection.execute("DELETE FROM campaign_item WHERE campaign = ?", (campaign_id.lower(),))


def _archive(request: Request, portal: Portal) -> Response:
    """204, for an id that nobody has too."""
    _forget(portal, request.params["campaign"])
    return no_content()


def _inputs(request: Request) -> list[Mapping[str, Any]]:
    sent = request.document().get("inputs")
    if not isinstance(sent, list) or not all(isinstance(each, Mapping) for each in sent):
        raise invalid("Invalid input JSON: inputs must be a list of objects")
    if len(sent) > MAX_BATCH:
        raise invalid(f"A batch of campaigns takes at most {MAX_BATCH} inputs; {len(sent)} were sent")
    return sent


def _answer(portal: Portal, found: list[dict[str, Any]], errors: Sequence[HubError], status: int) -> Response:
    portal.rng.shuffle(found)
    now = portal.now_text()
    answer: dict[str, Any] = {"status": "COMPLETE", "results": found, "startedAt": now, "completedAt": now}
    if errors:
        answer |= {"numErrors": len(errors), "errors": [each.item() for each in errors]}
    return json_response(answer, 207 if errors else status)


def _batch_read(request: Request, portal: Portal) -> Response:
    found, errors = [], []
    for each in _inputs(request):
        try:
            found.append(_printed(portal, _one(portal, str(each.get("id"))), _names(request)))
        except HubError as refused:
            errors.append(refused)
    return _answer(portal, found, errors, 200)


def _batch_create(request: Request, portal: Portal) -> Response:
    with portal.transaction():
        made = [make(portal, _sent(each)) for each in _inputs(request)]
    return _answer(portal, [_printed(portal, _one(portal, each), None) for each in made], (), 201)


def _batch_update(request: Request, portal: Portal) -> Response:
    found, errors = [], []
    with portal.transaction():
        for each in _inputs(request):
            try:
                found.append(_printed(portal, _write(portal, str(each.get("id")), _sent(each)), None))
            except HubError as refused:
                if refused.status != 404:
                    raise
                errors.append(refused)
    return _answer(portal, found, errors, 200)


def _batch_archive(request: Request, portal: Portal) -> Response:
    for each in _inputs(request):
        _forget(portal, str(each.get("id")))
    return no_content()


def _totals(request: Request, portal: Portal) -> Response:
    campaign_id, _, _, text = _one(portal, request.params["campaign"])
    listed = {kind: _items(portal, campaign_id, kind) for kind in _SUMS}
    found: dict[str, Any] = {
        "currencyCode": json.loads(text).get("hs_currency_code", portal.settings.currency),
        "budgetItems": listed[BUDGET],
        "spendItems": listed[SPEND],
    }
    budget, spend = _total(listed[BUDGET]), _total(listed[SPEND])
    if listed[BUDGET]:
        found |= {"budgetTotal": float(budget), "remainingBudget": float(budget - spend)}
    if listed[SPEND]:
        found["spendTotal"] = float(spend)
    return json_response(found)


def _metrics(request: Request, portal: Portal) -> Response:
    """Nobody visits this portal's pages: what the state `campaign_metrics` says of the campaign, else noughts."""
    campaign_id = _one(portal, request.params["campaign"])[0]
    known = (portal.state("campaign_metrics") or {}).get(campaign_id, {})
    names = ("sessions", "newContactsFirstTouch", "newContactsLastTouch", "influencedContacts")
    return json_response({name: known.get(name, 0) for name in names})


def _revenue(request: Request, portal: Portal) -> Response:
    """What the state `campaign_revenue` says of the campaign, whatever the attribution model."""
    campaign_id, _, _, text = _one(portal, request.params["campaign"])
    model = request.one("attributionModel", "LINEAR")
    if model not in _MODELS:
        raise invalid(f"Invalid input for query parameter attributionModel: '{model}' is not one of {list(_MODELS)}")
    known = (portal.state("campaign_revenue") or {}).get(campaign_id, {})
    found = {name: known.get(name, 0) for name in ("contactsNumber", "dealsNumber", "dealAmount", "revenueAmount")}
    currency = json.loads(text).get("hs_currency_code", portal.settings.currency)
    return json_response({"currencyCode": currency, **found})


_ItemHandler = Callable[[Request, "Portal", str], Response]


def _item_call(handler: _ItemHandler, kind: str) -> Handler:
    return lambda request, portal: handler(request, portal, kind)


def _sound_item(body: Mapping[str, Any]) -> dict[str, Any]:
    name, amount = body.get("name"), body.get("amount")
    if not isinstance(name, str) or not name or not isinstance(amount, int | float) or isinstance(amount, bool):
        raise invalid("Some required fields were not set: [name, amount]")
    if amount < 0:
        raise invalid("The amount of an item must not be negative")
    description = str(body.get("description") or "")
    return {"name": name, "amount": amount, "order": whole(body.get("order"), "order"), "description": description}


def _item(request: Request, portal: Portal, kind: str) -> tuple[int, dict[str, Any]]:
    campaign_id, text = _one(portal, request.params["campaign"])[0], request.params["item"]
    row = portal.connection.execute(
        "SELECT id, body FROM campaign_item WHERE campaign = ? AND kind = ? AND id = ?",
        (campaign_id, kind, int(text) if text.isdecimal() and len(text) <= 18 else 0),
    ).fetchone()
    if row is None:
        raise not_found(f"The {kind} item {text} was not found")
    return row[0], json.loads(row[1])


def _add_item(request: Request, portal: Portal, kind: str) -> Response:
    campaign_id = _one(portal, request.params["campaign"])[0]
    return json_response(add_item(portal, campaign_id, kind, request.document()), 201)


def _read_item(request: Request, portal: Portal, kind: str) -> Response:
    number, item = _item(request, portal, kind)
    return json_response({"id": str(number), **item})


def _change_item(request: Request, portal: Portal, kind: str) -> Response:
    with portal.transaction() as connection:
        number, known = _item(request, portal, kind)
        item = known | _sound_item({**known, **request.document()}) | {"updatedAt": portal.now_ms()}
        connection.execute("UPDATE campaign_item SET body = ? WHERE id = ?", (json.dumps(item), number))
    return json_response({"id": str(number), **item})


def _drop_item(request: Request, portal: Portal, kind: str) -> Response:
    with portal.transaction() as connection:
        connection.execute("DELETE FROM campaign_item WHERE id = ?", (_item(request, portal, kind)[0],))
    return no_content()
