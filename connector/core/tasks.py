"""Which tasks should exist now, and which of ours may be closed?

A task is made only when a condition becomes true and stays so for the policy's days; never on the first run, never
for want of evidence, never again for what a person completed or deleted. Transactional partners share one task a
marketer and lever. Every task has a key, so that making it twice makes it once.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

from connector.core.conditions import (
    AUDIT_PACK,
    CLAIM_EVIDENCE,
    DATA_GAP,
    EVENT_TYPES,
    FUND_DECISION,
    ORDER,
    OVERRIDE,
    PARTNER_TYPES,
    REGISTRATION_ENDS,
    Condition,
    data_gaps,
    partner_conditions,
)
from connector.core.decisions import Decision
from connector.core.episodes import Episode, TaskState
from connector.core.ownership import UNCHECKED, People, resolve
from connector.core.policy import Policy, TaskRules
from connector.core.raci import ACCOUNT_MANAGER, TaskOwner, cohort_owner, task_owner
from connector.core.task_words import Words, cohort_words, digest_words, gap_words, partner_words, signed

COHORT, DIGEST = "cohort", "digest"
_DATED = (REGISTRATION_ENDS, CLAIM_EVIDENCE)


@dataclass(frozen=True, slots=True)
class ExistingTask:
    """One of our tasks as the CRM holds it; closed and deleted ones are given too, else they count as deleted."""

    key: str
    id: str
    owner_id: str | None
    partner_id: str | None  # None for cohort, digest and admin tasks
    created: date
    is_closed: bool = False
    closed: date | None = None
    touched: bool = False  # a person changed it
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class DesiredTask:
    """A task to make. `partners` are those that it is about; `partner_id` is the record that it hangs on."""

    key: str
    type: str
    partner_id: str | None
    partners: tuple[str, ...]
    owner_id: str | None
    subject: str
    body: str
    due: date
    reason: str
    deal_id: str | None = None  # the opportunity that it hangs on instead


@dataclass(frozen=True, slots=True)
class TaskClosure:
    """A task of ours whose condition is over and that no person has touched."""

    key: str
    id: str
    reason: str


@dataclass(frozen=True, slots=True)
class TaskPlan:
    """What to make, what to close, and what the next run must remember."""

    create: tuple[DesiredTask, ...]
    close: tuple[TaskClosure, ...]
    state: TaskState


@dataclass(frozen=True, slots=True)
class _Ready:
    """An episode that calls for a task now."""

    episode: Episode
    condition: Condition


def plan_tasks(
    decisions: Iterable[Decision],
    state: TaskState | None,
    existing: Iterable[ExistingTask],
    policy: Policy,
    as_of: date,
    *,
    connection: str,
    people: People = UNCHECKED,
    complete: bool = True,
    also: Iterable[Condition] = (),
) -> TaskPlan:
    """The tasks to make and close. `state` is None on the first run, which makes none.

    With `complete` false `decisions` holds only some partners: the others' episodes stay as they are, and nothing
    that needs all of them (cohorts, digests, data gaps) is made. `also`: conditions that no decision shows, such as
    an audit that waits to be signed. The returned state may be kept whether or not the plan is applied: what was not
    made is asked for again under the same key.
    """
    found = tuple(sorted(decisions, key=lambda decision: decision.partner_id))
    conditions = {(c.type, c.subject): c for d in found for c in partner_conditions(d, policy, as_of)}
    if complete:
        conditions |= {(c.type, c.subject): c for c in data_gaps(found, policy)}
    conditions |= {(c.type, c.subject): c for c in also}
    tasks = {task.key: task for task in existing}
    episodes = _followed(state, conditions, tasks, policy.tasks, as_of, complete=complete)
    close = _closures(episodes, tasks)
    ready = tuple(
        _Ready(episode, conditions[episode.id])
        for episode in episodes.values()
        if state is not None and _known(conditions, episode) and _is_ready(episode, policy.tasks, as_of)
    )
    maker = _Maker(policy, as_of, connection, people, tuple(tasks.values()), complete)
    made, keys = maker.make(ready)
    remembered = tuple(
        replace(episode, task_key=keys.get(key, episode.task_key)) for key, episode in sorted(episodes.items())
    )
    return TaskPlan(made, close, TaskState(remembered))


def _known(conditions: Mapping[tuple[str, str], Condition], episode: Episode) -> bool:
    """Whether it was looked at today and seen true: what cannot be told makes no task."""
    return episode.id in conditions and conditions[episode.id].holds is True


def _followed(
    state: TaskState | None,
    conditions: Mapping[tuple[str, str], Condition],
    tasks: Mapping[str, ExistingTask],
    rules: TaskRules,
    as_of: date,
    *,
    complete: bool,
) -> dict[tuple[str, str], Episode]:
    """Every episode to remember, brought up to this day."""
    episodes: dict[tuple[str, str], Episode] = {}
    for old in state.episodes if state else ():
        condition = conditions.get(old.id)
        looked_at = condition is not None or complete
        holds = condition.holds if condition else False if looked_at else None
        new = _observed(_moved(old, holds, as_of), tasks.get(old.task_key), rules, as_of)
        if _worth_keeping(new, tasks.get(new.task_key), as_of):
            episodes[new.id] = new
    for key, condition in conditions.items():
        if condition.holds and key not in episodes:
            first = state is None or (condition.decision is not None and condition.decision.first)
            silent = (first and condition.type in PARTNER_TYPES) or (state is None and condition.type in EVENT_TYPES)
            episodes[key] = Episode(type=key[0], subject=key[1], began=as_of, last=as_of, silent=silent)
    return episodes


def _moved(old: Episode, holds: bool | None, as_of: date) -> Episode:
    if holds is None:
        return old
    if not holds:
        return replace(old, holds=False)
    if old.holds:
        return replace(old, runs=old.runs + (as_of > old.last), last=max(as_of, old.last))
    if old.task_key and not old.quiet_until:
        return replace(old, holds=True, last=as_of)  # back before its task was closed: the same episode
    return Episode(type=old.type, subject=old.subject, began=as_of, last=as_of, quiet_until=old.quiet_until)


def _observed(episode: Episode, task: ExistingTask | None, rules: TaskRules, as_of: date) -> Episode:
    """What became of the episode's task in the CRM."""
    if not episode.task_key:
        return episode
    if task is None or task.deleted:
        gone = task is not None or (episode.seen and episode.quiet_until is None)
        return replace(episode, dismissed=episode.dismissed or gone)
    if not task.is_closed:
        return replace(episode, seen=True)
    if not task.touched:
        return _afresh(episode, as_of) if episode.holds else replace(episode, seen=True, task_key="")
    quiet_until = (task.closed or as_of) + timedelta(days=rules.cooldown_days)
    if as_of < quiet_until or episode.type == OVERRIDE:
        return replace(episode, seen=True, quiet_until=quiet_until)
    return _afresh(episode, as_of)


def _afresh(episode: Episode, as_of: date) -> Episode:
    return Episode(type=episode.type, subject=episode.subject, began=as_of, last=as_of, holds=episode.holds)


def _worth_keeping(episode: Episode, task: ExistingTask | None, as_of: date) -> bool:
    open_task = task is not None and not task.is_closed and not task.deleted
    quiet = episode.quiet_until is not None and episode.quiet_until > as_of
    return episode.holds or open_task or quiet


def _is_ready(episode: Episode, rules: TaskRules, as_of: date) -> bool:
    """Held long enough, nobody's peace to keep, and no task seen for it yet."""
    if not episode.holds or episode.silent or episode.dismissed or episode.seen:
        return False
    if episode.quiet_until is not None and episode.quiet_until > as_of:
        return False
    return episode.runs >= rules.hold_runs or (as_of - episode.began).days >= rules.hold_days


def _closures(
    episodes: Mapping[tuple[str, str], Episode], tasks: Mapping[str, ExistingTask]
) -> tuple[TaskClosure, ...]:
    """Open tasks that no person has touched and of which no episode holds any more."""
    holding: dict[str, bool] = {}
    for episode in episodes.values():
        if episode.task_key:
            holding[episode.task_key] = holding.get(episode.task_key, False) or episode.holds
    return tuple(
        TaskClosure(key, tasks[key].id, "the condition is over")
        for key, holds in sorted(holding.items())
        if not holds and key in tasks and not (tasks[key].is_closed or tasks[key].deleted or tasks[key].touched)
    )


class _Maker:
    """Turns ready episodes into tasks within the limits of a partner's and a person's attention."""

    def __init__(
        self,
        policy: Policy,
        as_of: date,
        connection: str,
        people: People,
        existing: tuple[ExistingTask, ...],
        complete: bool,
    ) -> None:
        self.policy, self.as_of, self.connection, self.people = policy, as_of, connection, people
        self.complete = complete
        alive = tuple(task for task in existing if not task.deleted)
        recent = as_of - timedelta(days=policy.tasks.new_per_partner_days)
        self.known = {task.key for task in existing}
        self.open_keys = {task.key for task in alive if not task.is_closed}
        self.open_of = Counter(task.partner_id for task in alive if task.partner_id and not task.is_closed)
        self.new_of = Counter(task.partner_id for task in alive if task.partner_id and task.created > recent)
        self.today_of = Counter(task.owner_id for task in alive if task.created == as_of)
        self.made: list[DesiredTask] = []
        self.keys: dict[tuple[str, str], str] = {}

    def make(self, ready: tuple[_Ready, ...]) -> tuple[tuple[DesiredTask, ...], dict[tuple[str, str], str]]:
        """The tasks, by key, and the key that each episode now stands under."""
        ordered = sorted(ready, key=lambda r: (ORDER.index(r.episode.type), r.episode.subject))
        alone = [r for r in ordered if not self._in_cohort(r)]
        if self.complete:
            self._cohorts([r for r in ordered if self._in_cohort(r)])
            self._digests([r for r in alone if self._in_digest(r)], again=True)
        late = [r for r in alone if not self._in_digest(r) and not self._single(r)]
        if self.complete and late:
            self._digests(late, again=False)
        return tuple(sorted(self.made, key=lambda task: task.key)), self.keys

    def _in_cohort(self, ready: _Ready) -> bool:
        decision = ready.condition.decision
        shared = decision is not None and decision.accountability.persona in self.policy.tasks.cohort_personas
        return ready.episode.type in PARTNER_TYPES and shared

    def _in_digest(self, ready: _Ready) -> bool:
        return ready.episode.task_key.startswith(f"{self.connection}:{DIGEST}-")

    def _single(self, ready: _Ready) -> bool:
        """Make one task for one episode, or let a crowded partner wait; False when its owner has had enough today."""
        episode, decision = ready.episode, ready.condition.decision
        partner = decision and decision.partner_id
        if partner and not self._room_for(partner, episode.type):
            return True
        owner = self._owner(ready)
        exempt = episode.type in (DATA_GAP, AUDIT_PACK)
        if not exempt and self.today_of[owner.owner.id] >= self.policy.tasks.max_new_per_user_day:
            return False
        key = self._key(episode.subject, episode.type, episode.began)
        if partner:
            self.open_of[partner] += 1
            self.new_of[partner] += 1
        words = self._words(ready.condition)
        self._add(key, episode.type, partner or None, owner, words, self._due(ready), [ready])
        return True

    def _words(self, condition: Condition) -> Words:
        if any(condition.text):
            return Words(*condition.text)
        return partner_words(condition) if condition.decision is not None else gap_words(condition)

    def _room_for(self, partner: str, kind: str) -> bool:
        """What has a last day of its own does not wait for the partner's next turn."""
        rules = self.policy.tasks
        lately = rules.new_per_partner_days > 0 and self.new_of[partner] >= 1 and kind not in _DATED
        return self.open_of[partner] < rules.max_open_per_partner and not lately

    def _cohorts(self, ready: list[_Ready]) -> None:
        """One task a marketer and type; partners that turn up while it is open wait for the next one."""
        groups: dict[tuple[str | None, str], list[_Ready]] = defaultdict(list)
        for item in ready:
            assert item.condition.decision is not None
            owner = cohort_owner(item.condition.decision, self.policy)
            groups[(owner.id, item.episode.type)].append(item)
        for (marketer, kind), items in sorted(groups.items(), key=lambda pair: (pair[0][0] or "", pair[0][1])):
            stem = f"{self.connection}:{COHORT}-{marketer or 'nobody'}:{kind}:"
            if any(key.startswith(stem) for key in self.open_keys):
                continue
            given = sorted({item.episode.task_key for item in items if item.episode.task_key.startswith(stem)})
            key = given[0] if given else f"{stem}{self.as_of.isoformat()}"
            if key not in self.known:
                words = cohort_words(kind, [item.condition for item in items])
                self._add(key, kind, None, self._cohort(items[0]), words, self._due(items[0]), items)

    def _cohort(self, item: _Ready) -> TaskOwner:
        """The cohort's owner as what the matrix calls it."""
        assert item.condition.decision is not None
        held = task_owner(item.episode.type, item.condition.decision, self.policy, self.people)
        owner, role = cohort_owner(item.condition.decision, self.policy), self.policy.raci.cohort_role
        return replace(held, owner=owner, role=role, as_what="one task for all of them,")

    def _digests(self, ready: list[_Ready], *, again: bool) -> None:
        """What is too much for one day goes into one task a person; `again` repeats one that was not seen yet."""
        groups: dict[tuple[str | None, str], list[_Ready]] = defaultdict(list)
        for item in ready:
            owner = self._owner(item).owner.id
            new = f"{self.connection}:{DIGEST}-{owner or 'nobody'}:{self.as_of.isoformat()}"
            groups[(owner, item.episode.task_key if again else new)].append(item)
        for (_, key), items in sorted(groups.items(), key=lambda pair: pair[0][1]):
            if key not in self.known and not any(task.key == key for task in self.made):
                words = digest_words([item.condition for item in items])
                self._add(key, DIGEST, None, self._owner(items[0]), words, self._due(items[0]), items)

    def _add(
        self,
        key: str,
        kind: str,
        partner: str | None,
        owner: TaskOwner,
        words: Words,
        due: date,
        items: list[_Ready],
    ) -> None:
        partners = tuple(sorted({i.condition.decision.partner_id for i in items if i.condition.decision is not None}))
        reason = f"{kind} since {min(item.episode.began for item in items)}; owner: {owner.step}"
        said = signed(words, owner.words, self.policy.version)
        deal = items[0].condition.deal_id if kind != DIGEST else None
        self.made.append(
            DesiredTask(key, kind, partner, partners, owner.owner.id, said.subject, said.body, due, reason, deal)
        )
        self.today_of[owner.owner.id] += 1
        self.keys |= {item.episode.id: key for item in items}

    def _key(self, subject: str, kind: str, began: date) -> str:
        return f"{self.connection}:{subject}:{kind}:{began.isoformat()}"

    def _owner(self, ready: _Ready) -> TaskOwner:
        """By the policy's matrix; an audit pack of one portfolio is its account manager's."""
        found = task_owner(ready.episode.type, ready.condition.decision, self.policy, self.people)
        if ready.condition.owner_id is None:
            return found
        fallback = self.policy.ownership.fallback_queue
        owner = resolve(ready.condition.owner_id, self.people, fallback)
        return replace(found, owner=owner, role=ACCOUNT_MANAGER, as_what="for their own portfolio,")

    def _due(self, ready: _Ready) -> date:
        days = dict(self.policy.tasks.due_business_days).get(ready.episode.type, 0)
        decision = ready.condition.decision
        if ready.episode.type == OVERRIDE and decision is not None and decision.override is not None:
            expires = decision.override.override.expires
            if expires is not None and expires >= self.as_of:
                return expires
        if ready.condition.due is not None:
            return max(ready.condition.due, self.as_of)
        if ready.episode.type == FUND_DECISION:
            return max(business_days_after(ready.episode.began, days), self.as_of)
        return business_days_after(self.as_of, days)


def business_days_after(day: date, days: int) -> date:
    """The day that many weekdays later; a weekend counts as the Friday before it. Holidays are not known."""
    over = max(day.weekday() - 4, 0)
    if over and days == 0:
        return day + timedelta(days=3 - over)
    start = day - timedelta(days=over)
    weekends = (start.weekday() + days) // 5
    return start + timedelta(days=days + 2 * weekends)
