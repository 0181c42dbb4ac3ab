"""Which calls and records go wrong: an explicit plan of rules, each counted and seeded by itself."""

from __future__ import annotations

import random
import re
import threading
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What goes wrong."""

    LOCKED = "423"
    TOO_MANY = "429"
    MIGRATING = "477"
    SERVER_ERROR = "500"
    BAD_GATEWAY = "502"
    UNAVAILABLE = "503"
    TIMEOUT = "504"
    HTML_ERROR = "html_error"  # 503 with a page instead of JSON
    DROP = "drop"  # the connection is closed without an answer; the call was not carried out
    DROP_AFTER = "drop_after"  # the same, but the call was carried out
    SLOW = "slow"
    TRUNCATE = "truncate"  # half of the body, then the connection closes
    EXPIRE_TOKEN = "expire_token"  # noqa: S105  (a fault, not a secret)
    LOCK_ROW = "lock_row"  # of records: somebody else holds them
    PARTIAL_FAILURE = "partial_failure"  # of records: the code and message of the rule


RECORD_KINDS = frozenset({Kind.LOCK_ROW, Kind.PARTIAL_FAILURE})


@dataclass(slots=True)
class Rule:
    """One line of the plan. Without every_n, after_n or probability it strikes every match."""

    kind: Kind
    method: str = ""  # empty: any
    path: str = ""  # regular expression searched in path?query; of record rules: in the object's name
    every_n: int = 0  # strikes match n, 2n, 3n, ...
    after_n: int = 0  # lets the first n matches pass
    probability: float = 1.0
    seed: int = 0
    times: int = 0  # strikes at most so often; 0: no end
    seconds: float = 1.0  # of slow
    code: str = "UNKNOWN_EXCEPTION"  # of partial_failure
    message: str = "An unexpected error occurred."
    ids: tuple[str, ...] = ()  # of record rules: only these records
    matched: int = 0
    struck: int = 0
    random: random.Random = field(default_factory=random.Random, repr=False, compare=False)

    def strikes(self) -> bool:
        """Count a match and say whether it goes wrong."""
        self.matched += 1
        if self.times and self.struck >= self.times:
            return False
        if self.matched <= self.after_n or (self.every_n and (self.matched - self.after_n) % self.every_n):
            return False
        if self.probability < 1.0 and self.random.random() >= self.probability:
            return False
        self.struck += 1
        return True


def parse_rule(body: dict[str, Any], seed: int) -> Rule:
    """A rule from the control plane's JSON; ValueError names what is wrong."""
    known = set(Rule.__slots__) - {"matched", "struck", "random"}
    unknown = sorted(set(body) - known)
    if unknown:
        raise ValueError(f"unknown keys {', '.join(unknown)}; known are {', '.join(sorted(known))}")
    if "kind" not in body:
        raise ValueError(f"a rule needs a kind: {', '.join(Kind)}")
    values = {**body, "kind": Kind(str(body["kind"])), "ids": tuple(body.get("ids", ()))}
    rule = Rule(**values)
    re.compile(rule.path)
    rule.random = random.Random(f"{seed}/{rule.seed}/{rule.kind}/{rule.path}")
    return rule


class Faults:
    """The plan in force."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._lock = threading.Lock()
        self._rules: list[Rule] = []

    def replace(self, bodies: list[dict[str, Any]]) -> None:
        """Put a new plan in force; an empty one ends all faults."""
        rules = [parse_rule(body, self._seed) for body in bodies]
        with self._lock:
            self._rules = rules

    def add(self, bodies: list[dict[str, Any]]) -> None:
        """Add rules to the plan."""
        rules = [parse_rule(body, self._seed) for body in bodies]
        with self._lock:
            self._rules = [*self._rules, *rules]

    def remove(self, place: int, kind: str) -> bool:
        """End the rule at that place of the plan, if it is of that kind; whether it was."""
        with self._lock:
            if not 0 <= place < len(self._rules) or self._rules[place].kind != kind:
                return False
            self._rules = [*self._rules[:place], *self._rules[place + 1 :]]
            return True

    def describe(self) -> list[dict[str, Any]]:
        """The plan with its counters."""
        with self._lock:
            return [_told(rule) for rule in self._rules]

    def keep(self) -> list[dict[str, Any]]:
        """The plan with its counters and where each rule's chance stands, as JSON values."""
        with self._lock:
            return [{**_told(rule), "random": rule.random.getstate()} for rule in self._rules]

    def restore(self, kept: list[dict[str, Any]]) -> None:
        """The plan that `keep` told."""
        rules = []
        for body in kept:
            values = {**body, "kind": Kind(body["kind"]), "ids": tuple(body["ids"]), "random": random.Random()}
            version, numbers, rest = body["random"]
            values["random"].setstate((version, tuple(numbers), rest))
            rules.append(Rule(**values))
        with self._lock:
            self._rules = rules

    def of_call(self, method: str, target: str) -> Rule | None:
        """The first rule that strikes this call."""
        with self._lock:
            for rule in self._rules:
                wanted = rule.kind not in RECORD_KINDS and rule.method.upper() in ("", method)
                if wanted and re.search(rule.path, target) and rule.strikes():
                    return rule
        return None

    def of_record(self, object_name: str, record_id: str | None) -> Rule | None:
        """The rule by which this write is refused, or None."""
        if not self._rules:
            return None
        with self._lock:
            for rule in self._rules:
                if rule.kind not in RECORD_KINDS or (rule.ids and record_id not in rule.ids):
                    continue
                if re.search(rule.path, object_name) and rule.strikes():
                    return rule
        return None


def _told(rule: Rule) -> dict[str, Any]:
    return {each.name: getattr(rule, each.name) for each in fields(rule) if each.name != "random"}
