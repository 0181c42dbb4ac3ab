"""What does the policy file say, and is it a policy that the rules can follow?

`load` reads a shipped policy by name or a file by path, lays it over the policy that it `extends`, checks every value
and gives the core's `Policy`. The version is the name and a hash of all values: two equal policies have equal hashes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from connector.config.policy_shape import PolicyShape
from connector.config.policy_shapes_conduct import audit_of, raci_of
from connector.config.toml_lines import (
    Problem,
    closest,
    dotted,
    line_numbers,
    misconfigured,
    parse_toml,
    read_text,
    validate,
)
from connector.core import policy as core
from connector.core.policy_money import AllocationRules, FundRules
from connector.core.policy_touch import PointRule, TouchModelRules
from connector.core.raci import lint
from connector.errors import Misconfigured

_MAX_DEPTH = 5


def shipped() -> tuple[str, ...]:
    """The names of the policies that come with the connector."""
    folder = resources.files("policies")
    return tuple(
        sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))
    )


def load(policy: str | Path = "default") -> core.Policy:
    """The policy of that shipped name or in that file; `Misconfigured` names every wrong value with its line."""
    path, text = _source(policy)
    merged = _merged(path, text, depth=0)
    merged.setdefault("name", Path(path).stem)
    shape = validate(PolicyShape, merged, path, text=text)
    return _checked(_to_core(shape), path, text)


def _checked(read: core.Policy, path: str, text: str) -> core.Policy:
    """The policy, once its matrix of who answers for what holds together."""
    wrong = [each for each in matrix_problems(read, path, text) if each.level == "error"]
    if wrong:
        raise misconfigured([Problem(each.where, each.key, each.found, each.fix) for each in wrong], path)
    return read


def linted(policy: str | Path = "default") -> tuple[core.Policy, tuple[MatrixProblem, ...]]:
    """The policy, and what is odd about its matrix of who answers for what; `Misconfigured` when it is wrong."""
    path, text = _source(policy)
    read = load(policy)
    return read, matrix_problems(read, path, text)


@dataclass(frozen=True, slots=True)
class MatrixProblem:
    """One thing about the matrix: `where` is file:line, `level` "error" or "warning"."""

    level: str
    where: str
    key: str
    found: str
    fix: str


def matrix_problems(policy: core.Policy, path: str, text: str) -> tuple[MatrixProblem, ...]:
    """What `core.raci` finds, with the lines of this file; rows of a policy that it extends have none here."""
    lines = line_numbers(text)
    found = []
    for each in lint(policy):
        known = (each.key[:end] for end in range(len(each.key), 0, -1))
        line = next((lines[key] for key in known if key in lines), 0)
        where = f"{path}:{line}" if line else path
        found.append(MatrixProblem(each.level, where, dotted(each.key), each.found, each.fix))
    return tuple(found)


def values(policy: str | Path = "default") -> dict[str, Any]:
    """Every value of a policy as plain values, tables within tables; numbers and dates as text."""
    path, text = _source(policy)
    merged = _merged(path, text, depth=0)
    merged.setdefault("name", Path(path).stem)
    found: dict[str, Any] = _canonical(validate(PolicyShape, merged, path, text=text))
    return found


def load_with(policy: str | Path, changes: Mapping[str, Any]) -> core.Policy:
    """The policy with the values of some dotted keys replaced; `Misconfigured` as `load`."""
    path, text = _source(policy)
    merged = _merged(path, text, depth=0)
    merged.setdefault("name", Path(path).stem)
    for key, value in changes.items():
        merged = _laid_over(merged, _nested(key.split("."), value))
    shape = validate(PolicyShape, merged, f"{path} with {', '.join(changes)}", text=text)
    return _checked(_to_core(shape), path, text)


def _nested(parts: list[str], value: Any) -> dict[str, Any]:
    return {parts[0]: _nested(parts[1:], value) if len(parts) > 1 else value}


def source(policy: str | Path) -> tuple[str, str]:
    """The path as messages name it, and the text of that policy's own file."""
    return _source(policy)


def beside(base: str, path: str) -> str:
    """The policy that the file at `path` extends, as `load` takes it."""
    return str(Path(path).parent / base) if base.endswith(".toml") and not Path(base).is_absolute() else base


def sources_of(policy: str | Path = "default") -> dict[str, str]:
    """Where each value comes from: dotted key -> the comment on its line, of the policy and those that it extends."""
    path, text = _source(policy)
    tables = parse_toml(text, path)
    found = sources_of(tables["extends"]) if "extends" in tables else {}
    rows = text.splitlines()
    for key, line in line_numbers(text).items():
        _, mark, comment = rows[line - 1].partition("  # ")
        if mark and not isinstance(key[-1], int):
            found[dotted(key)] = comment.strip()
    return found


def source_of(key: str, policy: str | Path = "default") -> str:
    """The sentence of the essay, or the reason, behind one key; empty when the file gives none."""
    return sources_of(policy).get(key, "")


def _source(policy: str | Path) -> tuple[str, str]:
    """The path as messages name it, and the text."""
    name = str(policy)
    if isinstance(policy, Path) or name.endswith(".toml") or "/" in name or "\\" in name:
        return name, read_text(policy)
    if name not in shipped():
        fix = f"{closest(name, shipped())} A policy of your own is given by its path, ending in .toml."
        raise Misconfigured(f"policy {name!r}", "no policy of that name is shipped", fix)
    return f"policies/{name}.toml", (resources.files("policies") / f"{name}.toml").read_text(encoding="utf-8")


def _merged(path: str, text: str, *, depth: int) -> dict[str, Any]:
    """The file's tables laid over those of the policy that it extends; lists are replaced whole."""
    tables = parse_toml(text, path)
    base = tables.pop("extends", None)
    if base is None:
        return tables
    where = f"{path}:{line_numbers(text)[('extends',)]}"
    if not isinstance(base, str):
        raise Misconfigured(where, "extends: must be a name or a path", 'Write extends = "default".')
    if depth >= _MAX_DEPTH:
        raise Misconfigured(where, "extends: the policies extend each other in a circle", "Break the circle.")
    base_path, base_text = _source(beside(base, path))
    below = _merged(base_path, base_text, depth=depth + 1)
    below.pop("name", None)
    return _laid_over(below, tables)


def _laid_over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = _laid_over(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _to_core(shape: PolicyShape) -> core.Policy:
    return core.Policy(
        name=shape.name,
        version=f"{shape.name}@{_hash(shape)}",
        timezone=shape.timezone,
        fiscal_year_start_month=shape.fiscal_year_start_month,
        corporate_currency=shape.corporate_currency,
        stale_after_hours=shape.stale_after_hours,
        velocity=core.VelocityGate(**dict(shape.velocity)),
        market_fit=_market_fit(shape),
        track_record=core.TrackRecordGate(**dict(shape.track_record)),
        triage=core.Triage(**dict(shape.triage)),
        levers=_levers(shape),
        ownership=_ownership(shape),
        tasks=core.TaskRules(
            **{**dict(shape.tasks), "due_business_days": tuple(sorted(shape.tasks.due_business_days.items()))}
        ),
        attribution=core.Attribution(**dict(shape.attribution)),
        multiplier=core.MultiplierRules(**dict(shape.multiplier)),
        raci=raci_of(shape.raci),
        audit=audit_of(shape.audit),
        touch_models=_touch_models(shape),
        funds=FundRules(**dict(shape.funds)),
        allocation=AllocationRules(**_allocation(shape)),
        cycle_time=core.CycleTimeRules(**dict(shape.cycle_time)),
        limits=core.Limits(**dict(shape.limits)),
    )


def _touch_models(shape: PolicyShape) -> TouchModelRules:
    lines = tuple(PointRule(**dict(line)) for line in shape.touch_models.custom)
    return TouchModelRules(**{**dict(shape.touch_models), "custom": lines})


def _market_fit(shape: PolicyShape) -> core.MarketFitGate:
    values = dict(shape.market_fit)
    values["goals"] = tuple(core.Goal(**dict(goal)) for goal in shape.market_fit.goals)
    values["regions"] = tuple(sorted(shape.market_fit.regions.items()))
    return core.MarketFitGate(**values)


def _levers(shape: PolicyShape) -> core.Levers:
    values = dict(shape.levers)
    values["confidence"] = core.ConfidenceGap(**dict(shape.levers.confidence))
    values["strategic"] = core.StrategicGap(**dict(shape.levers.strategic))
    values["awareness"] = core.AwarenessGap(**dict(shape.levers.awareness))
    return core.Levers(**values)


def _ownership(shape: PolicyShape) -> core.Ownership:
    own = shape.ownership
    return core.Ownership(
        personas=tuple(core.PersonaRule(**dict(rule)) for rule in own.personas),
        flagged=core.PersonaRule(persona="", **dict(own.flagged)),
        unflagged=core.PersonaRule(persona="", **dict(own.unflagged)),
        fallback_queue=own.fallback_queue,
    )


def _allocation(shape: PolicyShape) -> dict[str, Any]:
    values = dict(shape.allocation)
    return {**values, **{key: tuple(sorted(values[key].items())) for key in ("motion_caps", "region_caps")}}


def _hash(shape: PolicyShape) -> str:
    """Twelve hex digits over every value but the name, whatever their order or notation in the file."""
    values = _canonical(shape)
    del values["name"]
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _canonical(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return {key: _canonical(inner) for key, inner in value}
    if isinstance(value, dict):
        return {key: _canonical(inner) for key, inner in value.items()}
    if isinstance(value, tuple):
        return [_canonical(inner) for inner in value]
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return value.isoformat() if isinstance(value, date) else value
