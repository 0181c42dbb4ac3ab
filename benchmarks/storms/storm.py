"""One storm: people work in both CRMs while everything goes wrong; then it is calm, and the ends are compared."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from benchmarks.storms import changes, compare, plan
from benchmarks.storms.nursery import Nursery
from benchmarks.storms.plan import Blow
from benchmarks.storms.sides import Prepared, Side, copied, pmom, running, well
from benchmarks.storms.system import WEB, WORKER, System
from connector.cli.stage import VENDORS
from connector.errors import PmomError
from jobs.orders import Kind

ACTS = 30
TEND = 0.05  # seconds between two looks at who is dead and what is due
LOOK = 0.5  # seconds between two looks at how many calls were made, and whether all is done
SKEW = 400.0  # seconds: more than the five minutes that are believed
SOONER = 20.0  # emulated seconds that pass between two looks while it storms
LATER = 300.0  # emulated seconds after which a sender is looked at again


@dataclass(frozen=True, slots=True)
class Length:
    """How many changes, over how many seconds, and after how many it is calm however little was worked.

    `after`: seconds of work under faults alone after the last kill in the middle of work, when all of them were made.
    """

    acts: int = ACTS
    seconds: float = 6.0
    longest: float = 18.0
    after: float = 2.0


LENGTH = Length()


@dataclass
class Found:
    """What one storm came to."""

    seed: int
    seconds: float = 0.0
    phases: dict[str, float] = field(default_factory=dict)  # seconds by part
    acts: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)
    writes: Counter[str] = field(default_factory=Counter)
    amid: int = 0  # writes while faults struck
    tasks: int = 0
    differences: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    untold: list[str] = field(default_factory=list)
    codes: dict[str, int] = field(default_factory=dict)

    @property
    def well(self) -> bool:
        """Whether both CRMs ended as without the storm, nothing twice, every write accounted for."""
        return not (self.differences or self.doubled or self.untold or any(self.codes.values()))


def weather(nursery: Nursery, made: Prepared, seed: int, folder: Path, length: Length = LENGTH) -> Found:
    """The storm of that seed, and the same changes without it; the folder is taken away when all is well."""
    began, found = time.monotonic(), Found(seed)
    acts = changes.sequence(seed, made, length.acts)
    found.acts = len(acts)
    stormy = folder / f"storm-{seed}"
    shutil.rmtree(stormy, ignore_errors=True)
    _stormy(nursery, made, stormy, acts, found, length)
    calm_began = time.monotonic()
    calm = _calm(nursery, made, stormy / "calm", acts)
    for name, held in calm.items():
        found.differences += [f"{name} {line}" for line in compare.differences(found_held(found, name), held)]
    found.phases["calm"] = time.monotonic() - calm_began
    found.seconds = time.monotonic() - began
    if found.well:
        shutil.rmtree(stormy, ignore_errors=True)
    return found


_HELD: dict[tuple[int, str], compare.Held] = {}


def found_held(found: Found, name: str) -> compare.Held:
    """What that CRM held after the storm."""
    return _HELD.pop((found.seed, name))


def _stormy(
    nursery: Nursery, made: Prepared, folder: Path, acts: tuple[changes.Act, ...], found: Found, length: Length
) -> None:
    began = time.monotonic()
    with surroundings(nursery, made, folder) as system:
        found.phases["begin"] = time.monotonic() - began
        before = {side.name: (compare.history_begins(side), compare.last_plan(side)) for side in system.sides}
        storm = Storm(system, made, found, length)
        storm.begin()
        parts: dict[str, Callable[[], None]] = {
            "storm": lambda: storm.blow(acts, plan.blows(found.seed, length.seconds)),
            "settle": storm.settle,
            "sync": system.sync,
        }
        for name, part in parts.items():
            began = time.monotonic()
            part()
            found.phases[name] = time.monotonic() - began
        found.codes = system.stop()
        found.kills, found.events = system.kills, storm.events()
        trails = {side.name: compare.trail(side, *before[side.name]) for side in system.sides}
        for side in system.sides:
            _HELD[found.seed, side.name] = compare.held(side)
            found.doubled += [f"{side.name} {key}" for key in compare.doubled(_HELD[found.seed, side.name])]
            told = trails[side.name]
            found.untold += [f"{side.name} unaccounted {line}" for line in told.unaccounted]
            found.untold += [f"{side.name} unwritten {line}" for line in told.unwritten]
            found.tasks += len(_HELD[found.seed, side.name].tasks)
        found.writes = compare.counted(trails.values())


@contextmanager
def surroundings(nursery: Nursery, made: Prepared, folder: Path) -> Iterator[System]:
    """Both CRMs as prepared, the deployment's processes, and the CRMs' messages sent to them."""
    with ExitStack() as stack:
        sides = tuple(stack.enter_context(_side(nursery, made, vendor, folder)) for vendor in VENDORS)
        system = System(nursery, folder, sides)
        stack.callback(system.close)
        for side in sides:
            compare.watch(side)
            side.listen(system.url)
        system.until(system.serves, "pmom serve does not begin")
        yield system


@contextmanager
def _side(nursery: Nursery, made: Prepared, vendor: object, folder: Path) -> Iterator[Side]:
    home = folder / vendor.name  # type: ignore[attr-defined]
    options = copied(made, home.name, home)
    fast = ("--no-limits",) if home.name == "hubspot" else ()
    with running(nursery, made, vendor, home, *options, *fast) as side:  # type: ignore[arg-type]
        yield side


def _calm(nursery: Nursery, made: Prepared, folder: Path, acts: tuple[changes.Act, ...]) -> dict[str, compare.Held]:
    """The same changes, nothing else, and one `pmom sync`."""
    ids = made.ids()
    with ExitStack() as stack:
        sides = [stack.enter_context(_side(nursery, made, vendor, folder)) for vendor in VENDORS]
        for side in sides:
            for act in acts:
                changes.perform(side, act, ids)
            side.advance(60)
        words = ("sync", "--as-of", made.day.isoformat())
        for side, begun in [(side, pmom(nursery, side, *words)) for side in sides]:
            well(side, begun)
        return {side.name: compare.held(side) for side in sides}


@dataclass
class Storm:
    """The weather over one system."""

    system: System
    made: Prepared
    found: Found
    length: Length
    _later: list[tuple[float, Callable[[], None]]] = field(default_factory=list)
    _tended: float = 0.0

    def begin(self) -> None:
        """Let calls fail and messages stray."""
        for side in self.system.sides:
            side.control("faults", plan.rules(self.found.seed, side.name, 0))
            side.wire(**plan.wire(self.found.seed, side.name))

    def blow(self, acts: tuple[changes.Act, ...], blows: tuple[Blow, ...]) -> None:
        """Changes evenly over the time, blows when they are due; then the product works on under faults alone."""
        ids, began = self.made.ids(), time.monotonic()
        turns = [(act, side) for act in acts for side in self.system.sides]
        half = len(turns) // 2
        with closing(compare.Pulse(self.system.sides)) as pulse:
            amid = Amid(self, pulse, plan.deadly_calls(self.found.seed), plan.deadly_writes(self.found.seed))
            while turns or blows or not amid.over(began):
                passed = time.monotonic() - began
                amid.look()
                if blows and blows[0].at <= passed:
                    self.strike(blows[0])
                    blows = blows[1:]
                if turns and passed >= self.length.seconds * (1 - len(turns) / (2 * len(acts))):
                    act, side = turns.pop(0)
                    changes.perform(side, act, ids)
                    if len(turns) == half:
                        self._turn()
                else:
                    if time.monotonic() - self._tended > TEND:
                        self._tended = time.monotonic()
                        self._tend()
                    time.sleep(0.005)
            self.found.amid = pulse.writes()

    def _turn(self) -> None:
        """Half of it is over: other faults, and a scheduled sync amid them."""
        self._count_faults()
        for side in self.system.sides:
            side.control("faults", plan.rules(self.found.seed, side.name, 1))
        with suppress(PmomError, SQLAlchemyError):  # the disk may be full just now
            self.system.ask(Kind.SYNC)

    def settle(self) -> None:
        """No more faults; all that is due is delivered and done."""
        self._count_faults()
        for _, act in self._later:
            act()
        self._later.clear()
        for side in self.system.sides:
            side.control("faults", None, "DELETE")
            side.wire(delay=0.0, **({"skew": -side.ahead} if side.name == "hubspot" else {}))
        deadline = time.monotonic() + 180
        while sum(self._undelivered(side) for side in self.system.sides):
            self.system.tend()
            if time.monotonic() > deadline:
                raise AssertionError(f"messages are not taken: {self.system.story()}")
        self.system.resume()
        self.system.until(self.system.quiet, "the system does not settle")
        for side in self.system.sides:
            side.advance(60)

    def events(self) -> Counter[str]:
        """What was sent to the system, by the CRMs' own logs."""
        total: Counter[str] = Counter()
        for side in self.system.sides:
            posts = side.control("deliveries", None, "GET")["deliveries"]
            keys = Counter(_key(each) for post in posts for each in post.get("events") or post["notifications"])
            total.update(posts=len(posts), sent=keys.total(), again=keys.total() - len(keys))
            total.update(refused=sum(not 200 <= post["status"] < 300 for post in posts))
        return total

    def _tend(self) -> None:
        self.system.tend()
        self.system.probe()
        due = [act for at, act in self._later if at <= time.monotonic()]
        self._later = [each for each in self._later if each[0] > time.monotonic()]
        for act in due:
            act()

    def _undelivered(self, side: Side) -> bool:
        side.control("deliver", {"seconds": 10})
        if not side.waiting():
            return False
        side.advance(LATER)
        return True

    def strike(self, blow: Blow) -> None:
        """Let that happen."""
        system = self.system
        self.found.faults[blow.what] += 1
        match blow.what:
            case "worker" | "at a call" | "at a write":
                system.kill(WORKER)
            case "web":
                system.kill(WEB)
            case "both":
                system.kill(WORKER, WEB)
            case "again and again":
                self._again(blow.times)
            case "disk":
                system.disks[blow.where].fill(system.pids)
                self._after(blow.seconds, lambda: system.disks[blow.where].free(system.pids))
            case "read-only":
                self._read_only(blow)
            case "skew":
                way = -1 if blow.where == "past" else 1
                portal = next(side for side in system.sides if side.name == "hubspot")
                portal.wire(skew=way * SKEW - portal.ahead)
                self._after(blow.seconds, lambda: portal.wire(skew=-portal.ahead))
            case "tokens":
                for side in system.sides:
                    side.control("expire_tokens", {})

    def _after(self, seconds: float, act: Callable[[], None]) -> None:
        self._later.append((time.monotonic() + seconds, act))

    def _again(self, times: int) -> None:
        """Kill it, and again as soon as it is back, a little later each time."""
        for turn in range(times):
            self._after(0.3 * turn * (turn + 1) / 2, lambda: self.system.kill(WORKER))

    def _read_only(self, blow: Blow) -> None:
        """The files may only be read; who has them open is killed, as after a restore with wrong permissions."""
        folder = self.system.disks[blow.where].folder
        for file in folder.glob("*.sqlite*"):
            file.chmod(0o400)
        self.system.kill(WORKER, *([WEB] if blow.where == "jobs" else []))

        def mend() -> None:
            for file in folder.glob("*.sqlite*"):  # also those that SQLite made meanwhile, as read-only as the first
                file.chmod(0o600)

        self._after(blow.seconds, mend)

    def _count_faults(self) -> None:
        for side in self.system.sides:
            for rule in side.control("state", None, "GET")["faults"]:
                self.found.faults[str(rule["kind"])] += int(rule["struck"])


@dataclass
class Amid:
    """Kills in the middle of work: the worker, after so many calls, and after so many writes that a CRM has seen."""

    storm: Storm
    pulse: compare.Pulse
    calls: tuple[int, ...]
    writes: tuple[int, ...]
    looked: float = 0.0
    asked: float = 0.0
    struck: float = field(default_factory=time.monotonic)

    def look(self) -> None:
        """Kill when it is time."""
        if self.writes and self.pulse.writes() >= self.writes[0]:
            self.writes = tuple(each for each in self.writes if each > self.pulse.writes())
            self._strike("at a write")
        if self.calls and time.monotonic() - self.looked > LOOK:
            self.looked = time.monotonic()
            sides = self.storm.system.sides
            if sum(int(side.control("calls", None, "GET")["total"]) for side in sides) >= self.calls[0]:
                self.calls = self.calls[1:]
                self._strike("at a call")

    def _strike(self, when: str) -> None:
        self.struck = time.monotonic()
        self.storm.strike(Blow(0.0, when))

    def over(self, began: float) -> bool:
        """Whether all is done under faults, or enough was waited for that; senders try again meanwhile."""
        length, now = self.storm.length, time.monotonic()
        spent = not (self.calls or self.writes) and now - max(self.struck, began + length.seconds) > length.after
        if spent or now - began > length.longest:
            return True
        if time.monotonic() - self.asked <= LOOK:
            return False
        self.asked = time.monotonic()
        self.storm.system.resume()
        waiting = [side for side in self.storm.system.sides if side.waiting()]
        for side in waiting:
            side.advance(SOONER)
        return not waiting and self.storm.system.quiet()


def _key(event: dict[str, object]) -> str:
    if "id" in event:
        return str(event["id"])
    return "/".join(str(event.get(name)) for name in ("eventId", "subscriptionId", "objectId", "propertyName"))
