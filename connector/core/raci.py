"""Who answers for a piece of work, whose task is it, and does the policy's matrix hold together?

A matrix holds together when every activity has exactly one accountable role for each persona that it applies to, and
somebody responsible; when no task that the product makes belongs to nobody or to two; and when the roles that it
names can be found.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from connector.core.conditions import ORDER, PARTNER_TYPES
from connector.core.decisions import NOBODY, Decision, Owner, Step
from connector.core.ownership import People, resolve
from connector.core.policy import Policy
from connector.core.policy_raci import ALL, STRATEGIC, TRANSACTIONAL, Activity
from connector.core.records import PERSONAS

ACCOUNT_MANAGER, MARKETER, AUTHOR, SYSTEM = "PAM", "PMM", "author", "system"
BUILT_IN = (ACCOUNT_MANAGER, MARKETER, AUTHOR, SYSTEM)
"""Roles whose people stand on records, or that are no people."""

MADE = ORDER
"""Task types that the product makes."""

_FOUND = (Step.MAPPED, Step.UNCHECKED, Step.MANAGER)
_STEP_WORDS = {
    Step.MAPPED: "the person named, active",
    Step.UNCHECKED: "the person named, unchecked as no users were read",
    Step.MANAGER: "the nearest active manager, as the person named is inactive",
    Step.FALLBACK: "the fallback queue, as nobody named is active",
    Step.NOBODY: "nobody: no person is named and there is no fallback queue",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong ("error") or odd ("warning") with the matrix; `key` leads to it in the policy."""

    level: str
    key: tuple[str | int, ...]
    found: str
    fix: str


@dataclass(frozen=True, slots=True)
class TaskOwner:
    """Whose a task is, as what, by which row, and which step of the search found the person."""

    owner: Owner
    role: str
    as_what: str  # "accountable", "responsible" or "fallback"
    activity: str  # empty when no row covers the task
    consulted: tuple[str, ...] = ()
    informed: tuple[str, ...] = ()

    @property
    def step(self) -> str:
        """What fired, in two words for a task's reason: `PAM mapped`."""
        return f"{self.role} {self.owner.step}".strip()

    @property
    def words(self) -> str:
        """One sentence for the task's text."""
        told = f" Informed: {', '.join(self.informed)}." if self.informed else ""
        asked = f" Consulted: {', '.join(self.consulted)}." if self.consulted else ""
        row = f" for {self.activity}" if self.activity else ""
        who = f"{self.role}, {self.as_what}{row}" if self.role else f"nobody{row}"
        return f"Owner: {who} [raci.activities]: {_STEP_WORDS[self.owner.step]}.{asked}{told}"


def class_of(persona: str, policy: Policy, *, strategic: bool = False) -> str:
    """The persona's class; a persona without a rule of its own goes by the partner's strategic flag."""
    rule = next((rule for rule in policy.ownership.personas if rule.persona == persona), None)
    if rule is None:
        rule = policy.ownership.flagged if strategic else policy.ownership.unflagged
    return STRATEGIC if rule.strategic else TRANSACTIONAL


def rows_for(persona: str, kind: str, policy: Policy) -> tuple[Activity, ...]:
    """The rows in force for a persona of that class: of each activity the narrowest that applies."""
    found: dict[str, Activity] = {}
    for applies in (ALL, kind, persona):
        for row in policy.raci.activities:
            earlier = found.get(row.activity)
            if row.applies == applies and (earlier is None or earlier.applies != applies):
                found[row.activity] = row
    return tuple(found.values())


def row_of(task: str, persona: str, kind: str, policy: Policy) -> Activity | None:
    """The row whose work a task type is for such a partner; None when there is none."""
    return next((row for row in rows_for(persona, kind, policy) if task in row.tasks), None)


def task_owner(task: str, decision: Decision | None, policy: Policy, people: People) -> TaskOwner:
    """Whose a task of that type is: the row's own role first, its other roles next, then the fallback queue."""
    persona = decision.accountability.persona if decision is not None else ""
    strategic = decision is not None and decision.accountability.strategic
    row = row_of(task, persona, class_of(persona, policy, strategic=strategic), policy)
    if row is None:
        return TaskOwner(_last(policy), "", "fallback", "")
    accountable = [(row.accountable, "accountable")]
    responsible = [(role, "responsible") for role in row.responsible]
    order = accountable + responsible if row.worked_by == "accountable" else responsible + accountable
    for role, as_what in order:
        owner = person_of(role, decision, policy, people)
        if owner.step in _FOUND:
            return TaskOwner(owner, role, as_what, row.activity, row.consulted, row.informed)
    return TaskOwner(_last(policy), *order[0], row.activity, row.consulted, row.informed)


def person_of(role: str, decision: Decision | None, policy: Policy, people: People) -> Owner:
    """The person in that role: on the partner record, on the override, or named in the policy."""
    fallback = policy.ownership.fallback_queue
    if decision is not None and role in (ACCOUNT_MANAGER, MARKETER):
        held = decision.accountability
        return held.account_manager if role == ACCOUNT_MANAGER else held.marketer
    if role == AUTHOR:
        override = decision.override if decision is not None else None
        return resolve(override.override.by if override else None, people, fallback)
    named = dict(policy.raci.people).get(role, "")
    return resolve(named or None, people, fallback)


def _last(policy: Policy) -> Owner:
    queue = policy.ownership.fallback_queue
    return Owner(queue, Step.FALLBACK) if queue else NOBODY


def cohort_owner(decision: Decision, policy: Policy) -> Owner:
    """Whose the one task is that stands for many transactional partners."""
    held = decision.accountability
    return held.marketer if policy.raci.cohort_role == MARKETER else held.account_manager


def lint(policy: Policy) -> tuple[Finding, ...]:
    """Everything that is wrong or odd with the matrix, in the order of its rows."""
    found = [*_rows(policy), *_twice(policy), *_dead_zones(policy), *_double_roles(policy), *_strangers(policy)]
    found += _disagreements(policy)
    return tuple(sorted(found, key=lambda each: (each.level != "error", _place(each.key))))


def _place(key: tuple[str | int, ...]) -> tuple[int, str]:
    row = next((part for part in key if isinstance(part, int)), 1_000_000)
    return row, str(key[-1])


def _at(row: int, name: str) -> tuple[str | int, ...]:
    return ("raci", "activities", row, name)


def _rows(policy: Policy) -> Iterator[Finding]:
    for at, row in enumerate(policy.raci.activities):
        who = f"{row.activity} for {row.applies} partners"
        if not row.accountable:
            yield Finding(
                "error", _at(at, "accountable"), f"nobody is accountable for {who}", "Name exactly one role."
            )
        elif _several(row.accountable):
            said = f"several roles are accountable for {who} ({row.accountable})"
            yield Finding("error", _at(at, "accountable"), said, "Name exactly one; make the others responsible.")
        if not row.responsible:
            said = f"nobody is responsible for {who}: {row.accountable or 'somebody'} answers for what nobody does"
            yield Finding("error", _at(at, "responsible"), said, "Name at least one role.")


def _several(role: str) -> bool:
    return any(mark in role for mark in ",;/&")


def _twice(policy: Policy) -> Iterator[Finding]:
    """Two rows of one activity for the same partners would make two roles accountable."""
    first: dict[tuple[str, str], Activity] = {}
    for at, row in enumerate(policy.raci.activities):
        earlier = first.setdefault((row.activity.casefold(), row.applies), row)
        if earlier is not row:
            said = (
                f"a second row for {row.activity} and {row.applies} partners: "
                f"{earlier.accountable} and {row.accountable} would both be accountable"
            )
            yield Finding("error", _at(at, "activity"), said, "Keep one row.")


def _classes(policy: Policy) -> Iterator[tuple[str, str]]:
    """Every persona with the class, or both classes, that it may be in."""
    for persona in PERSONAS:
        for kind in dict.fromkeys(class_of(persona, policy, strategic=flag) for flag in (False, True)):
            yield persona, kind


def _dead_zones(policy: Policy) -> Iterator[Finding]:
    """Personas and task types that no row covers, or that two rows claim."""
    uncovered: dict[str, list[str]] = {}
    claimed: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for persona, kind in _classes(policy):
        rows = rows_for(persona, kind, policy)
        if not rows:
            said = f"no activity applies to {persona} partners ({kind})"
            yield Finding("error", ("raci", "activities"), said, f'Add rows with applies = "{kind}".')
            continue
        for task in MADE:
            names = tuple(row.activity for row in rows if task in row.tasks and row.responsible)
            if not names:
                uncovered.setdefault(task, []).append(f"{persona} ({kind})")
            elif len(names) > 1:
                claimed.setdefault((task, names), []).append(persona)
    for task, personas in uncovered.items():
        everybody = len(personas) == len(list(_classes(policy)))
        whom = "all partners" if everybody else ", ".join(personas)
        said = f"{task} belongs to no activity with somebody responsible, for {whom}"
        yield Finding("error", ("raci", "activities"), said, f"Put {task} into the tasks of one activity for them.")
    for (task, names), personas in claimed.items():
        said = f"{task} belongs to {' and to '.join(names)}, for {', '.join(dict.fromkeys(personas))}"
        at = next(
            i for i, row in enumerate(policy.raci.activities) if row.activity == names[-1] and task in row.tasks
        )
        yield Finding("error", _at(at, "tasks"), said, "Leave it in one of them.")


def _double_roles(policy: Policy) -> Iterator[Finding]:
    """A role that does what it answers for, on many activities."""
    both: Counter[tuple[str, str]] = Counter()
    for kind in (TRANSACTIONAL, STRATEGIC):
        for row in rows_for("", kind, policy):
            both[kind, row.accountable] += row.accountable in row.responsible
    for (kind, role), count in sorted(both.items()):
        if count > policy.raci.max_both:
            said = f"{role} is both accountable and responsible on {count} activities for {kind} partners"
            fix = f"Give some to others, or raise raci.max_both ({policy.raci.max_both})."
            yield Finding("warning", ("raci", "max_both"), said, fix)


def _strangers(policy: Policy) -> Iterator[Finding]:
    """Roles that own tasks and of whom the policy does not say who they are."""
    known: Mapping[str, str] = dict(policy.raci.people)
    for at, row in enumerate(policy.raci.activities):
        roles = [row.accountable] if row.worked_by == "accountable" else list(row.responsible)
        for role in roles if row.tasks else ():
            if role and not _several(role) and role not in (*BUILT_IN, *known):
                said = f"nobody says who {role} is, and {', '.join(row.tasks)} would be theirs"
                yield Finding("warning", _at(at, row.worked_by), said, "Add the role to [raci.people].")


def _disagreements(policy: Policy) -> Iterator[Finding]:
    """Personas whose motion is one role's by [ownership] and whose lever tasks are another's by the matrix."""
    for rule in policy.ownership.personas:
        kind = STRATEGIC if rule.strategic else TRANSACTIONAL
        row = row_of(PARTNER_TYPES[0], rule.persona, kind, policy)
        if row is not None and row.accountable in (ACCOUNT_MANAGER, MARKETER) and row.accountable != rule.accountable:
            said = f"{rule.persona}: {row.accountable} answers for {row.activity}, {rule.accountable} by [ownership]"
            at = policy.raci.activities.index(row)
            yield Finding("warning", _at(at, "accountable"), said, "Let both name the same role.")
