"""Changes into the portal: batches of 100, one outcome a write, whatever order and shape the answers have.

HubSpot refuses a whole batch for one bad record. Such a batch is halved until its culprits stand alone, so that every
good record is written. Nothing is made twice: a creation whose answer was lost is looked up, never sent again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from connector.crm.base import Action, Progress, Write, WriteResult, WriteStatus
from connector.crm.hubspot.blame import Blame, blame, blame_of
from connector.crm.hubspot.catalog import Catalog
from connector.crm.hubspot.confirm import LOST, Confirmer
from connector.crm.hubspot.faults import Refusal
from connector.crm.hubspot.vet import BY_DEFINITION, Ready, Vetter, refused
from connector.crm.hubspot.wire import Answer, Wire
from connector.crm.retry import Unanswered
from connector.crm.runs import once_each
from connector.errors import Retry

BATCH = 100  # records of one call
LINKS = 1_000  # associations of one call
SPLITS = 2_000  # calls that one `write` may spend on finding the records for which batches are refused
ROUNDS = 4  # how often a record is sent that somebody else had locked
LOCK = 2.0  # seconds until a locked record may be tried again
LOCKED, UNAVAILABLE = "LOCKED", "UNAVAILABLE"
WHOLE = frozenset({401, 403, 405, 415})
"""Statuses with which a batch is refused for what it is, not for one of its records."""

Group = tuple[str, Action, str | None]


@dataclass(slots=True)
class Spent:
    """What one `write` may still do about refused batches."""

    splits: int = SPLITS
    refreshed: bool = False


class Writer:
    """Writes over one wire."""

    def __init__(self, wire: Wire, catalog: Catalog) -> None:
        self._wire, self._catalog = wire, catalog
        self._vetter, self._confirmer = Vetter(catalog), Confirmer(wire, catalog)

    def write(self, writes: Sequence[Write], progress: Progress) -> Iterator[WriteResult]:
        """One result a write. Links that an update or upsert names are added to those that are there.

        BudgetExhausted before the first call when the calls would not fit the budget.

        BudgetExhausted and Misconfigured in the middle are raised after all results so far.
        """
        self._vetter.forget()
        self._wire.budget.require(calls(writes), f"writing {len(writes)} records")
        spent, done = Spent(), 0
        for run in once_each(writes, _record):
            for result in self._run(run, spent):
                done += 1
                progress("writing", done, len(writes))
                yield result

    def _run(self, run: Sequence[Write], spent: Spent) -> Iterator[WriteResult]:
        """Writes of which no two touch the same record."""
        groups: dict[Group, list[Ready]] = defaultdict(list)
        for at, write in enumerate(run):
            found = self._vetted(write, f"pmom-{at}", spent)
            if isinstance(found, Ready):
                groups[write.object, write.action, write.key_field].append(found)
            else:
                yield found
        for group in groups.values():
            yield from self._rounds(group, spent)

    def _vetted(self, write: Write, trace: str, spent: Spent) -> Ready | WriteResult:
        """Refused only by definitions that were read just now: somebody may have added a property or an option."""
        found = self._vetter.vetted(write, trace)
        if isinstance(found, Ready) or found.code not in BY_DEFINITION or spent.refreshed:
            return found
        self._refresh(spent)
        return self._vetter.vetted(write, trace)

    def _refresh(self, spent: Spent) -> None:
        spent.refreshed = True
        self._catalog.forget()
        self._vetter.forget()

    def _rounds(self, group: list[Ready], spent: Spent) -> Iterator[WriteResult]:
        """The writes in batches; records that somebody else had locked are sent again."""
        by_ref = {each.write.ref: each for each in group}
        for turn in range(ROUNDS):
            again: list[Ready] = []
            for start in range(0, len(group), BATCH):
                for result in self._send(group[start : start + BATCH], spent):
                    if result.code == LOCKED and turn + 1 < ROUNDS:
                        again.append(by_ref[result.ref])
                    else:
                        yield result
            if not again:
                return
            group = again
            self._wire.sleep(LOCK)

    def _send(self, batch: Sequence[Ready], spent: Spent) -> Iterator[WriteResult]:
        try:
            answer = self._call(batch)
        except Refusal as error:
            yield from self._refused(batch, error, spent)
        except Unanswered as error:
            yield from self._lost(batch, error)
        except Retry as error:
            yield from _failed(batch, UNAVAILABLE, str(error))
        else:
            yield from self._sorted_out(batch, answer, spent)

    def _call(self, batch: Sequence[Ready]) -> Answer:
        api, action, made = self._wire.client.crm.objects.batch_api, batch[0].write.action, batch[0].api
        body = {"inputs": [_input(each) for each in batch]}
        ways = {
            Action.CREATE: api.create,
            Action.UPDATE: api.update,
            Action.UPSERT: api.upsert,
            Action.DELETE: api.archive,
        }
        answer: Answer = ways[action](made, body)
        return answer

    def _lost(self, batch: Sequence[Ready], error: Unanswered) -> Iterator[WriteResult]:
        if batch[0].write.action is Action.UPDATE:
            yield from _failed(batch, LOST, f"{error}; it may have been done")
        else:
            yield from self._linked(self._confirmer.outcomes(batch, str(error)), batch)

    def _sorted_out(self, batch: Sequence[Ready], answer: Answer, spent: Spent) -> Iterator[WriteResult]:
        """Each result and each error of an answer goes to the write that it is about, never by its place."""
        body = answer.json() or {}
        blames = [blame_of(each) for each in body.get("errors") or ()]
        if batch[0].write.action is Action.DELETE:
            yield from self._confirmer.outcomes(batch, "HubSpot does not say what it archived")
            return
        open_ = Open(batch)
        done = open_.take(body.get("results") or ())
        yield from self._linked(done, batch)
        nameless = []
        for each in blames:
            named = open_.named(each)
            yield from (_outcome(ready, each) for ready in named)
            if not named:
                nameless.append(each)
        left = list(open_.left.values())
        if left:
            yield from self._left_out(left, nameless, _started(body), open_.strange, spent)

    def _left_out(
        self, left: Sequence[Ready], blames: Sequence[Blame], started: datetime | None, strange: int, spent: Spent
    ) -> Iterator[WriteResult]:
        """Writes of which the answer says nothing by name."""
        if len(blames) == 1 and not strange:
            yield from (_outcome(each, blames[0]) for each in left)
        elif blames and not strange and len(left) > 1:
            yield from self._halves(left, spent, blames[0])
        elif left[0].write.action is Action.UPDATE:
            yield from _failed(left, "ANSWER_INCOMPLETE", "the portal's answer leaves this record out")
        else:
            found = self._confirmer.outcomes(left, "the portal's answer leaves this record out", started)
            yield from self._linked(found, left)

    def _refused(self, batch: Sequence[Ready], error: Refusal, spent: Spent) -> Iterator[WriteResult]:
        why = blame(error.complaint)
        if len(batch) == 1 or error.status in WHOLE or _pathless(error):
            yield from (_outcome(each, why, error.status) for each in batch)
        elif why.code in BY_DEFINITION and not spent.refreshed:
            yield from self._refreshed(batch, spent)
        else:
            named = [each for each in batch if each.trace in why.traces or (_gone(error) and _id(each) in why.ids)]
            if named and len(named) < len(batch):
                yield from (_outcome(each, why, error.status) for each in named)
                yield from self._send([each for each in batch if each not in named], spent)
            else:
                yield from self._halves(batch, spent, why)

    def _refreshed(self, batch: Sequence[Ready], spent: Spent) -> Iterator[WriteResult]:
        """Definitions changed since they were read: read them again before looking for culprits call by call."""
        self._refresh(spent)
        sound = []
        for each in batch:
            found = self._vetter.vetted(each.write, each.trace)
            if isinstance(found, Ready):
                sound.append(found)
            else:
                yield found
        if sound:
            yield from self._send(sound, spent)

    def _halves(self, batch: Sequence[Ready], spent: Spent, why: Blame) -> Iterator[WriteResult]:
        if spent.splits < 2:
            text = f"not tried alone after {SPLITS} calls for refused batches: {why.code}: {why.message}"
            yield from _failed(batch, why.code, text)
            return
        spent.splits -= 2
        middle = len(batch) // 2
        yield from self._send(batch[:middle], spent)
        yield from self._send(batch[middle:], spent)

    def _linked(self, results: Iterable[WriteResult], batch: Sequence[Ready]) -> Iterator[WriteResult]:
        """The results, after making the associations that an update or upsert cannot carry itself."""
        ready = {each.write.ref: each for each in batch}
        waiting: list[tuple[Ready, WriteResult]] = []
        for result in results:
            write = ready[result.ref]
            if result.status is WriteStatus.APPLIED and write.links and write.write.action is not Action.CREATE:
                waiting.append((write, result))
            else:
                yield result
        if waiting:
            yield from self._link(waiting)

    def _link(self, waiting: list[tuple[Ready, WriteResult]]) -> list[WriteResult]:
        """One call for each object linked to; when it does not do all, one record at a time."""
        why = self._associate(waiting)
        if why is None:
            return [result for _, result in waiting]
        if len(waiting) > 1:
            return [each for one in waiting for each in self._link([one])]
        status = WriteStatus.FAILED if why.passing else WriteStatus.REFUSED
        text = f"written, but not linked: {why.message}"
        return [replace(waiting[0][1], status=status, code=why.code, message=text, fields=why.fields)]

    def _associate(self, waiting: list[tuple[Ready, WriteResult]]) -> Blame | None:
        """The first error, or None. Linking what is linked already changes nothing."""
        targets: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for ready, result in waiting:
            for link in ready.links:
                targets[link.to_object].append(link.between(result.id or ""))
        api = self._wire.client.crm.associations.v4.batch_api
        try:
            for to_object, inputs in targets.items():
                for start in range(0, len(inputs), LINKS):
                    body = {"inputs": inputs[start : start + LINKS]}
                    answer = api.create(waiting[0][0].api, to_object, body).json() or {}
                    if answer.get("errors"):
                        return blame_of(answer["errors"][0])
        except Refusal as error:
            return blame(error.complaint)
        except Retry as error:
            return Blame(UNAVAILABLE, str(error), category="SERVICE_UNAVAILABLE")
        return None


@dataclass(slots=True)
class Open:
    """The writes of a batch that no part of the answer has spoken of yet."""

    batch: Sequence[Ready]
    left: dict[str, Ready] = field(default_factory=dict)  # by trace
    strange: int = 0  # results that belong to none of them

    def __post_init__(self) -> None:
        """All are open."""
        self.left = {each.trace: each for each in self.batch}

    def take(self, results: Iterable[Mapping[str, Any]]) -> list[WriteResult]:
        """The outcomes of those writes that have a result."""
        done = []
        for result in results:
            ready = self._whose(result)
            if ready is None:
                self.strange += 1
                continue
            del self.left[ready.trace]
            created = bool(result.get("new", ready.write.action is Action.CREATE))
            done.append(WriteResult(ready.write.ref, WriteStatus.APPLIED, str(result["id"]), created))
        return done

    def named(self, why: Blame) -> list[Ready]:
        """The writes that an error names; they are open no more."""
        found = [each for each in self.left.values() if each.trace in why.traces or _id(each) in why.ids]
        for each in found:
            del self.left[each.trace]
        return found

    def _whose(self, result: Mapping[str, Any]) -> Ready | None:
        """By trace, by id, by key; else a create by the values that came back."""
        trace = str(result.get("objectWriteTraceId") or "")
        if trace in self.left:
            return self.left[trace]
        held = result.get("properties") or {}
        fits = [each for each in self.left.values() if _fits(each, str(result.get("id")), held)]
        return max(fits, key=lambda each: len(each.values), default=None)


def calls(writes: Sequence[Write]) -> int:
    """About how many requests the writes cost."""
    sizes: dict[Group, int] = defaultdict(int)
    for write in writes:
        sizes[write.object, write.action, write.key_field] += 1
    return sum(-(-size // BATCH) for size in sizes.values())


def _input(ready: Ready) -> dict[str, Any]:
    """The write as one of a batch's inputs."""
    write, said = ready.write, {"properties": dict(ready.values), "objectWriteTraceId": ready.trace}
    if write.action is Action.CREATE:
        return {**said, "associations": [link.for_create() for link in ready.links]}
    if write.action is Action.UPDATE:
        return {"id": write.id, **said}
    if write.action is Action.UPSERT:
        return {"id": write.key, "idProperty": write.key_field, **said}
    return {"id": write.id}


def _id(ready: Ready) -> str | None:
    return ready.write.key if ready.write.action is Action.UPSERT else ready.write.id


def _fits(ready: Ready, record_id: str, held: Mapping[str, Any]) -> bool:
    write = ready.write
    if write.action is Action.UPDATE:
        return write.id == record_id
    if write.action is Action.UPSERT:
        return str(held.get(write.key_field or "")).lower() == (write.key or "").lower()
    return ready.values.items() <= held.items()


def _gone(error: Refusal) -> bool:
    return error.status == 404


def _pathless(error: Refusal) -> bool:
    """The path is no more: of records that are not there HubSpot says so."""
    return error.status == 404 and not error.category


def _outcome(ready: Ready, why: Blame, status: int = 400) -> WriteResult:
    passing = why.passing or status in (423, 429) or status >= 500
    made, write = WriteStatus.FAILED if passing else WriteStatus.REFUSED, ready.write
    return WriteResult(write.ref, made, write.id, code=why.code, message=why.message, fields=why.fields)


def _failed(batch: Sequence[Ready], code: str, message: str) -> Iterator[WriteResult]:
    for each in batch:
        yield replace(refused(each.write, code, message), status=WriteStatus.FAILED)


def _started(body: Mapping[str, Any]) -> datetime | None:
    try:
        return datetime.fromisoformat(str(body.get("startedAt")))
    except ValueError:
        return None


def _record(write: Write) -> tuple[str, str] | None:
    """The record that a write is about; None for one that is not there yet."""
    named = write.key if write.action is Action.UPSERT else write.id
    return (write.object, named.lower()) if named else None
