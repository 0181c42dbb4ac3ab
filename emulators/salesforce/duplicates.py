"""Duplicate rules as data: which records count as the same, and what becomes of a save that makes another one.

A rule compares fields of the record with those of the records that are there: `exact` without regard to case, `fuzzy`
by letters and digits alone and without a company's legal form; an empty field matches nothing. It blocks the save, or
allows it after an alert that the caller sets aside by `Sforce-Duplicate-Rule-Header: allowSave=true`. The vendor's
pages: DuplicateRuleHeader; Duplicate Rule Header (REST); DuplicateResult; DuplicateRule; MatchingRule.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from emulators.salesforce import storage
from emulators.salesforce.errors import DmlError
from emulators.salesforce.loading import filling as loading
from emulators.salesforce.schema import ObjectType

if TYPE_CHECKING:
    from emulators.salesforce.dml import Change
    from emulators.salesforce.org import Org

_KEYS = frozenset(
    {"object", "name", "label", "fields", "on_create", "on_update", "message", "match_object", "active"}
)
_TABLE = "e_duplicate_rule"
BLOCK, ALERT, ALLOW = "block", "alert", "allow"
MOST_MATCHES = 100
_FORMS = re.compile(r"\b(inc|incorporated|corp|corporation|co|company|ltd|limited|llc|gmbh|ag|sa|plc|the)\b")
_MESSAGE = "Use one of these records?"


class DuplicatesError(DmlError):
    """A save that would make a duplicate; `result` is the vendor's DuplicateResult, for SOAP's answers too."""

    def __init__(self, result: dict[str, Any]) -> None:
        super().__init__("DUPLICATES_DETECTED", str(result["errorMessage"]))
        self.result = result

    def as_error(self) -> dict[str, object]:
        """With the records found, under the name that orgs are recorded to send (without its second l)."""
        return {"duplicateResut": self.result, "errorCode": self.status_code, "message": self.message}

    def as_result(self) -> dict[str, object]:
        """The same inside collection results."""
        return {**super().as_result(), "duplicateResult": self.result}


def add(org: Org, obj: ObjectType, body: Mapping[str, Any]) -> int:
    """Keep a rule; ValueError names what is wrong.

    `{object, name, fields, on_create?, on_update?, message?, match_object?, active?}`: `fields` are names, or
    `{field, method, match_field}`; what happens is block, alert (the default) or allow; `match_object` is where
    duplicates are looked for when it is another object.
    """
    unknown = sorted(set(body) - _KEYS)
    if unknown or not body.get("fields"):
        raise ValueError(f"a duplicate rule has the keys {', '.join(sorted(_KEYS))}; got {', '.join(sorted(body))}")
    for name in ("on_create", "on_update"):
        if body.get(name, ALERT) not in (BLOCK, ALERT, ALLOW):
            raise ValueError(f"{name} must be {BLOCK}, {ALERT} or {ALLOW}; got {body[name]}")
    other = org.object(str(body.get("match_object", obj.name)))
    items = [_item(obj, other, item) for item in body["fields"]]
    name = str(body.get("name") or f"{obj.name}_Duplicate_Rule")
    rule = {**body, "name": name, "fields": items, "match_object": other.name}
    with org.transaction() as connection:
        rule_id = org.rulebook.keep(_TABLE, obj, rule)
        for item in items:
            column = storage.column(item["match_field"])
            index = f"d_{other.name.lower()}_{column}"
            connection.execute(f"CREATE INDEX IF NOT EXISTS {index} ON {storage.table(other)} ({column})")
        _make_rows(org, obj, rule)
    return rule_id


def clear(org: Org) -> None:
    """Forget all duplicate rules, and the rows that tell of them."""
    with org.transaction() as connection:
        org.rulebook.clear(_TABLE)
        for name in ("DuplicateRule", "MatchingRule", "MatchingRuleItem"):
            if org.schema.object(name) is not None:
                connection.execute(f"DELETE FROM {storage.table(name)}")


def check(connection: sqlite3.Connection, change: Change) -> None:
    """Refuse a record that duplicates others; an update is looked at only where a compared field changes."""
    for rule in change.org.rulebook.of(_TABLE, change.obj):
        action = rule.get("on_create" if change.old is None else "on_update", ALERT)
        names = [item["field"] for item in rule["fields"]]
        if not rule.get("active", True) or action == ALLOW or not change.changed(*names):
            continue
        if action == ALERT and change.actor.allow_duplicates:
            continue
        found = _matches(connection, change, rule)
        if found:
            raise DuplicatesError(_result(change, rule, action, found))


def _item(obj: ObjectType, other: ObjectType, item: Any) -> dict[str, str]:
    given = {"field": item} if isinstance(item, str) else dict(item)
    field = obj.field(str(given.get("field")))
    match = other.field(str(given.get("match_field", given.get("field"))))
    method = str(given.get("method", "exact")).lower()
    if field is None or match is None or not storage.has_column(match) or method not in ("exact", "fuzzy"):
        raise ValueError(f"no field of {obj.name} and {other.name} to compare: {given}")
    return {"field": field.name, "match_field": match.name, "method": method}


def _matches(connection: sqlite3.Connection, change: Change, rule: Mapping[str, Any]) -> list[str]:
    other = change.org.schema.object(rule["match_object"])
    values = [change.row.get(item["field"]) for item in rule["fields"]]
    if other is None or any(value is None for value in values):
        return []
    terms, bound = [], []
    for item, value in zip(rule["fields"], values, strict=True):
        column = storage.column(item["match_field"])
        fuzzy = item["method"] == "fuzzy"
        terms.append(f"same_name({column}) = ?" if fuzzy else f"{column} = ? COLLATE NOCASE")
        bound.append(_plain(value) if fuzzy else value)
    connection.create_function("same_name", 1, _plain, deterministic=True)
    alive = " AND f_isdeleted = 0" if "isdeleted" in other.fields else ""
    sql = (
        f"SELECT f_id FROM {storage.table(other)} WHERE {' AND '.join(terms)} AND f_id <> ?{alive} "
        f"ORDER BY f_id LIMIT {MOST_MATCHES}"
    )
    return [row[0] for row in connection.execute(sql, (*bound, change.row["Id"]))]


def _plain(value: object) -> str | None:
    if value is None:
        return None
    return re.sub(r"[^a-z0-9]", "", _FORMS.sub("", str(value).casefold())) or str(value).casefold()


def _result(change: Change, rule: Mapping[str, Any], action: str, ids: list[str]) -> dict[str, Any]:
    name, base = rule["match_object"], f"/services/data/v{change.actor.version}/sobjects"
    records = [
        {
            "additionalInformation": [],
            "fieldDiffs": [],
            "matchConfidence": 100.0,
            "record": {"attributes": {"type": name, "url": f"{base}/{name}/{found}"}, "Id": found},
        }
        for found in ids
    ]
    matched = {
        "entityType": name,
        "errors": [],
        "matchEngine": _engine(rule),
        "matchRecords": records,
        "rule": _matching_name(rule),
        "size": len(records),
        "success": True,
    }
    return {
        "allowSave": action == ALERT,
        "duplicateRule": rule["name"],
        "duplicateRuleEntityType": change.obj.name,
        "errorMessage": rule.get("message") or _MESSAGE,
        "matchResults": [matched],
    }


def _engine(rule: Mapping[str, Any]) -> str:
    fuzzy = any(item["method"] == "fuzzy" for item in rule["fields"])
    return "FuzzyMatchEngine" if fuzzy else "ExactMatchEngine"


def _matching_name(rule: Mapping[str, Any]) -> str:
    return str(rule["name"]).replace("Duplicate_Rule", "Match_Rule")


def _make_rows(org: Org, obj: ObjectType, rule: Mapping[str, Any]) -> None:
    """The rows by which queries see the rule."""
    kinds = [org.schema.object(name) for name in ("DuplicateRule", "MatchingRule", "MatchingRuleItem")]
    duplicate, matching, items = kinds
    if duplicate is None or matching is None or items is None:
        return
    shared = {"Language": "en_US", "SobjectType": obj.name}
    names = {"DeveloperName": rule["name"], "MasterLabel": rule.get("label") or rule["name"].replace("_", " ")}
    loading.load_raw(org, duplicate, [{**shared, **names, "IsActive": rule.get("active", True)}])
    match_id, name = org.new_id("MatchingRule"), _matching_name(rule)
    about = {"Id": match_id, "DeveloperName": name, "MasterLabel": name.replace("_", " "), "RuleStatus": "Active"}
    loading.load_raw(
        org, matching, [{**shared, **about, "SobjectType": rule["match_object"], "MatchEngine": _engine(rule)}]
    )
    rows = [
        {
            "MatchingRuleId": match_id,
            "SortOrder": place,
            "Field": item["match_field"],
            "MatchingMethod": item["method"].title(),
            "BlankValueBehavior": "NullNotAllowed",
        }
        for place, item in enumerate(rule["fields"], start=1)
    ]
    loading.load_raw(org, items, rows)
