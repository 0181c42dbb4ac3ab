"""What an administrator demands of records' values, beyond HubSpot's own checks."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emulators.hubspot import bodies, definitions, pipelines, values
from emulators.hubspot.errors import HubError, invalid, not_found
from emulators.hubspot.router import Request, Response, Router, json_response, no_content

if TYPE_CHECKING:
    from emulators.hubspot.portal import Portal

DDL = """
CREATE TABLE IF NOT EXISTS validation (id INTEGER PRIMARY KEY, type TEXT NOT NULL, body TEXT NOT NULL);
"""
_READ = ("crm.schemas.{object}.read", "crm.objects.{object}.read", "crm.objects.{object}.write")
_REQUIRED, _CONDITIONAL = "REQUIRED", "CONDITIONAL_REQUIRED"

Rule = Mapping[str, Any]


def routes(router: Router) -> None:
    """The property validations API: all rules are read, those for written values are set too."""
    base = "/crm/v3/property-validations/{object}"
    router.add("GET", base, _list, scopes=_READ)
    router.add("GET", base + "/{property}", _read, scopes=_READ)
    router.add("GET", base + "/{property}/rule-type/{rule}", _read_one, scopes=_READ)
    router.add("PUT", base + "/{property}/rule-type/{rule}", _set, scopes=("crm.schemas.{object}.write",))


def put(portal: Portal, type_id: str, rule: Rule) -> None:
    """Add a rule: `{rule, property, arguments?, when?, values?}`.

    REQUIRED: every create must give it and no update may clear it. CONDITIONAL_REQUIRED: it must have a value while
    the property `when` has one of `values`. MIN_LENGTH, MAX_LENGTH, MIN_NUMBER, MAX_NUMBER, FORMAT (a regular
    expression) hold for values that are written.
    """
    with portal.transaction() as connection:
        connection.execute("INSERT INTO validation (type, body) VALUES (?, ?)", (type_id, json.dumps(dict(rule))))


def load(portal: Portal, path: Path) -> int:
    """validations.json: {object: [rule]}. How many rules."""
    listed = json.loads(path.read_text(encoding="utf-8"))
    with portal.transaction():
        for spelled, rules in listed.items():
            obj = definitions.required_type(portal, spelled)
            for rule in rules:
                put(portal, obj.type_id, rule)
    return sum(len(rules) for rules in listed.values())


def check(
    portal: Portal, type_id: str, properties: Mapping[str, str], changed: Collection[str] | None = None
) -> None:
    """Raise HubError 400 when a record may not become so.

    `properties` are all values after the write, `changed` the names that an update writes; None: a create.
    """
    _demand_stage(portal, type_id, properties, changed)
    lacking: list[dict[str, Any]] = []
    problems: list[values.Problem] = []
    for rule in _rules(portal, type_id):
        if rule["rule"] in (_REQUIRED, _CONDITIONAL):
            lacking += _lacking(rule, properties, changed)
        else:
            problems += _broken(rule, properties, changed)
    if problems:
        raise values.refusal(portal, problems)
    if lacking:
        raise HubError(400, "VALIDATION_ERROR", lacking[0]["message"], errors=lacking)


def _rules(portal: Portal, type_id: str) -> list[Rule]:
    rows = portal.connection.execute("SELECT body FROM validation WHERE type = ? ORDER BY id", (type_id,))
    return [json.loads(body) for (body,) in rows]


def _demand_stage(
    portal: Portal, type_id: str, properties: Mapping[str, str], changed: Collection[str] | None
) -> None:
    """A stage must belong to the record's pipeline."""
    names = pipelines.PROPERTIES.get(type_id)
    if names is None or (changed is not None and not set(names) & set(changed)):
        return
    pipeline_id, stage_id = (properties.get(name, "") for name in names)
    listed = [each for each in pipelines.of(portal, type_id) if each["id"] == pipeline_id]
    if stage_id and listed and all(stage["id"] != stage_id for stage in listed[0]["stages"]):
        raise values.refusal(portal, [values.no_stage(names[1], stage_id, listed)])


def _lacking(rule: Rule, properties: Mapping[str, str], changed: Collection[str] | None) -> list[dict[str, Any]]:
    name = rule["property"]
    if properties.get(name):
        return []
    if rule["rule"] == _REQUIRED:
        if changed is not None and name not in changed:
            return []
        return [_missing("MISSING_REQUIRED_PROPERTY", name, f"A value for {name} must be provided")]
    cause = rule["when"]
    touched = changed is None or cause in changed or name in changed
    if not touched or properties.get(cause) not in rule["values"]:
        return []
    text = f"{name} is required because of a conditional property rule based on [{cause}]"
    return [_missing("MISSING_CONDITIONAL_REQUIRED_PROPERTY", name, text)]


def _missing(code: str, name: str, text: str) -> dict[str, Any]:
    return {"message": text, "code": code, "context": {"propertyName": [name]}}


def _broken(rule: Rule, properties: Mapping[str, str], changed: Collection[str] | None) -> list[values.Problem]:
    name, bound = rule["property"], str(next(iter(rule.get("arguments", ())), ""))
    text = properties.get(name, "")
    if not text or (changed is not None and name not in changed) or _HOLDS[rule["rule"]](text, bound):
        return []
    return [values.Problem(name, rule["rule"], f"{text} does not fulfil the rule {rule['rule']} {bound} of {name}")]


def _compared(holds: Callable[[Decimal, Decimal], bool]) -> Callable[[str, str], bool]:
    def check_(text: str, bound: str) -> bool:
        try:
            return holds(Decimal(text), Decimal(bound))
        except InvalidOperation:
            return False

    return check_


_HOLDS: dict[str, Callable[[str, str], bool]] = {
    "MIN_LENGTH": lambda text, bound: len(text) >= int(bound),
    "MAX_LENGTH": lambda text, bound: len(text) <= int(bound),
    "MIN_NUMBER": _compared(lambda number, bound: number >= bound),
    "MAX_NUMBER": _compared(lambda number, bound: number <= bound),
    "ALPHANUMERIC": lambda text, bound: text.isascii() and text.isdecimal(),
    "FORMAT": lambda text, bound: re.fullmatch(bound, text) is not None,
}


def _printed(rules: list[Rule]) -> list[dict[str, Any]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for rule in rules:
        if rule["rule"] in _HOLDS:
            one = {"ruleType": rule["rule"], "ruleArguments": [str(each) for each in rule.get("arguments", ())]}
            found.setdefault(rule["property"], []).append(one)
    return [{"propertyName": name, "propertyValidationRules": many} for name, many in found.items()]


def _list(request: Request, portal: Portal) -> Response:
    obj = definitions.required_type(portal, request.params["object"])
    return json_response({"results": _printed(_rules(portal, obj.type_id))})


def _property(request: Request, portal: Portal) -> tuple[str, str]:
    """Type id and property of the path; 404 for a property that does not exist."""
    obj = definitions.required_type(portal, request.params["object"])
    name = request.params["property"]
    if name not in definitions.of(portal, obj.type_id):
        raise not_found(f"Property {name} does not exist")
    return obj.type_id, name


def _read_one(request: Request, portal: Portal) -> Response:
    type_id, name = _property(request, portal)
    for rule in _rules(portal, type_id):
        if (rule["property"], rule["rule"]) == (name, request.params["rule"]) and rule["rule"] in _HOLDS:
            return json_response(_printed([rule])[0]["propertyValidationRules"][0])
    raise not_found(f"Property {name} has no rule {request.params['rule']}")


def _set(request: Request, portal: Portal) -> Response:
    """204; 400 for a rule that is not known or whose argument makes no sense."""
    type_id, name = _property(request, portal)
    kind, arguments = request.params["rule"], bodies.texts(request.document(), "ruleArguments")
    if kind not in _HOLDS or len(arguments) != 1 or not _sensible(kind, arguments[0]):
        raise invalid(f"Invalid rule {kind} with arguments {arguments}")
    with portal.transaction() as connection:
        text = (
            "DELETE FROM validation WHERE type = ? AND json_extract(body, '$.property') = ?"
            " AND json_extract(body, '$.rule') = ?"
        )
        connection.execute(text, (type_id, name, kind))
        put(portal, type_id, {"rule": kind, "property": name, "arguments": arguments})
    return no_content()


def _sensible(kind: str, argument: str) -> bool:
    """Whether callers may set it so. FORMAT's regular expressions come by files and the control plane alone."""
    if kind in ("FORMAT", "ALPHANUMERIC"):
        return argument == "NUMERIC_ONLY" and kind == "ALPHANUMERIC"
    return (
        re.fullmatch(r"-?[0-9]{1,15}(\.[0-9]{1,10})?" if kind.endswith("NUMBER") else "[0-9]{1,9}", argument)
        is not None
    )


def _read(request: Request, portal: Portal) -> Response:
    type_id, name = _property(request, portal)
    rules = [rule for rule in _rules(portal, type_id) if rule["property"] == name]
    printed = _printed(rules)
    return json_response({"results": printed[0]["propertyValidationRules"] if printed else []})
