"""Which touches led up to which opportunity, as integer codes in order of time: what every touch model reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

MOST_CHARACTERS = 100_000
"""Of one path: far more than people click, far less than what fills the memory."""

NOWHERE = -1
"""The position of a milestone that no touch holds."""

_UNREADABLE = "".join(chr(code) for code in (*range(32), 127))


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """A word a touch: `codes` (int32, one a touch) into `names`; NOWHERE where the touch has none."""

    codes: Codes
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Paths:
    """Touches sorted by (path, time), `n` in all, of `p` paths over `m` names.

    A path is one opportunity, or a row that stands for many: it was won `wins` times and lost `losses` times, and
    `amounts` is what the wins were worth together (one unit of money for all, NaN is unknown). `offsets` (p + 1)
    say where each path begins and ends; a path may be empty. `times` are days of any epoch, `ends` the day on which
    each path ended. `lead`, `opened` and `closed` are positions inside a path (NOWHERE: no touch holds the milestone;
    None: not known for any path).
    """

    codes: Codes
    offsets: Ints
    names: tuple[str, ...]
    wins: Floats
    losses: Floats
    amounts: Floats
    times: Floats | None = None
    ends: Floats | None = None
    lead: Codes | None = None
    opened: Codes | None = None
    closed: Codes | None = None
    roles: Labels | None = None
    stages: Labels | None = None
    _lengths: Ints = field(init=False, repr=False)
    _kept: dict[str, Codes] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_lengths", np.diff(self.offsets))

    @property
    def count(self) -> int:
        """How many paths there are."""
        return len(self.offsets) - 1

    @property
    def lengths(self) -> Ints:
        """Touches of each path."""
        return self._lengths

    def owners(self) -> Codes:
        """The path of each touch; kept, since nearly every question needs it."""
        if "owners" not in self._kept:
            begins = np.zeros(len(self.codes) + 1, dtype=np.int32)
            if self._lengths.all():
                begins[self.offsets[1:-1]] = 1
            else:
                np.add.at(begins, self.offsets[1:-1], 1)  # several paths begin where empty ones are
            self._kept["owners"] = np.cumsum(begins[:-1], dtype=np.int32)
        return self._kept["owners"]

    def spread(self, each: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """A value of each path, repeated for every touch of it."""
        return each.take(self.owners()) if len(each) else each[:0]

    def sums(self, values: Floats) -> Floats:
        """The sum of a value of each touch, a path; 0 for an empty path."""
        found = np.zeros(self.count)
        some = self._lengths > 0
        if some.any():
            found[some] = np.add.reduceat(values, self.offsets[:-1][some])
        return found

    def firsts(self) -> Flags:
        """Marks, of the touches with one name in one path, the first."""
        codes = (
            self.codes.astype(np.uint16) if len(self.names) < 65_536 else self.codes
        )  # short numbers sort by digit
        order = np.argsort(codes, kind="stable")
        path, name = self.owners()[order], codes[order]
        new = np.ones(len(order), dtype=bool)
        new[1:] = (path[1:] != path[:-1]) | (name[1:] != name[:-1])
        marks = np.empty(len(order), dtype=bool)
        marks[order] = new
        return marks


@dataclass(frozen=True, slots=True)
class Touch:
    """One touch as records tell it; `kind` is the priority of its kind, the lowest first."""

    name: str
    time: float
    kind: int = 0
    id: str = ""
    role: str = ""
    stage: str = ""


class Fault(StrEnum):
    """Why a row of path strings is not read."""

    EMPTY_PATH = "EMPTY_PATH"
    EMPTY_SEGMENT = "EMPTY_SEGMENT"
    CONTROL_CHARACTER = "CONTROL_CHARACTER"
    TOO_LONG = "TOO_LONG"
    NOT_A_COUNT = "NOT_A_COUNT"
    NOT_AN_AMOUNT = "NOT_AN_AMOUNT"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row that was left out, and the first thing wrong with it."""

    row: int
    fault: Fault


@dataclass(frozen=True, slots=True)
class Read:
    """What could be read of a table of path strings, and which rows could not."""

    paths: Paths
    refused: tuple[Refusal, ...]


def tally(numbers: npt.NDArray[Any], values: Floats | None, size: int) -> Floats:
    """The sum of the values (or how many there are) of each number below `size`."""
    return np.bincount(numbers, values, minlength=size).astype(np.float64, copy=False)


def from_strings(
    paths: Any,
    wins: Sequence[float] | npt.NDArray[Any],
    losses: Sequence[float] | npt.NDArray[Any] | None = None,
    amounts: Sequence[float] | npt.NDArray[Any] | None = None,
    *,
    separator: str = ">",
) -> Read:
    """Paths of texts such as "A > B > A" (a list or an Arrow array), with counts of wins and losses a row.

    Blanks around a name do not count. A row that cannot be read is left out and told (`Fault`); one hostile row
    never stops the others. Without `losses` nothing was lost; without `amounts` the amounts are unknown.
    """
    texts = _texts(paths)
    rows = len(texts)
    counted = _numbers(wins, losses, amounts, rows)
    faults = _of_numbers(*counted)
    sizes = np.diff(_ends(texts))
    _note(faults, sizes == 0, Fault.EMPTY_PATH)
    _note(faults, sizes > MOST_CHARACTERS, Fault.TOO_LONG)
    segments, lengths, hollow = _segments(texts, separator)
    _note(faults, hollow, Fault.EMPTY_SEGMENT)
    codes, names, bad = _coded_segments(segments, separator)
    if bad is not None:
        owner = np.repeat(np.arange(rows), lengths)
        _worst(faults, owner, bad)
    made = Paths(codes, offsets_of(lengths), names, *counted)
    wrong = np.flatnonzero(faults)
    if not len(wrong):
        return Read(made, ())
    return Read(named_again(kept(made, faults == 0)), tuple(Refusal(int(at), _FAULTS[faults[at]]) for at in wrong))


def _texts(paths: Any) -> Any:
    import pyarrow as pa

    texts: Any = paths if isinstance(paths, (pa.Array, pa.ChunkedArray)) else pa.array(paths, pa.string())
    if texts.null_count:
        texts = texts.fill_null("")
    texts = texts.cast(pa.large_string())  # two gigabytes of names are no limit
    return texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts


def _ends(texts: Any) -> Ints:
    """Where each text begins and ends in the bytes of all."""
    if not len(texts):
        return np.zeros(1, dtype=np.int64)
    return np.frombuffer(texts.buffers()[1], dtype=np.int64)[texts.offset : texts.offset + len(texts) + 1]


def _segments(texts: Any, separator: str) -> tuple[Any, Ints, Flags]:
    """The names of all texts one after another, how many a text has, and marks of texts that begin with none.

    Nothing is copied: a name's text begins with the separator before it, which is taken off each different text once.
    """
    import pyarrow as pa

    ends = _ends(texts)
    filled = np.diff(ends) > 0
    if len(separator.encode()) != 1 or not filled.any():
        return _split(texts, separator)
    content = np.frombuffer(texts.buffers()[2], dtype=np.uint8)[: ends[-1]]
    cuts = content == ord(separator)
    cuts[: ends[0]] = False
    begins = ends[:-1][filled]
    hollow = np.zeros(len(texts), dtype=bool)
    hollow[filled] = cuts[begins]
    own = np.zeros(len(content), dtype=bool)
    own[begins] = True
    cuts |= own
    at = np.flatnonzero(cuts)
    bounds: Any = np.append(at, ends[-1])
    lengths = np.zeros(len(texts), dtype=np.int64)
    lengths[filled] = np.diff(np.append(np.flatnonzero(own[at]), len(at)))
    names = pa.LargeStringArray.from_buffers(len(at), pa.py_buffer(bounds), texts.buffers()[2])
    return names, lengths, hollow


def _split(texts: Any, separator: str) -> tuple[Any, Ints, Flags]:
    import pyarrow.compute as pc

    lists: Any = pc.split_pattern(texts, separator)
    per: Any = pc.list_value_length(lists)
    return lists.flatten(), np.asarray(per, dtype=np.int64), np.zeros(len(texts), dtype=bool)


_PARALLEL = 400_000


def _coded_segments(segments: Any, separator: str) -> tuple[Codes, tuple[str, ...], npt.NDArray[np.int8] | None]:
    """Codes, names and faults of the segments; many are looked up in two halves at once."""
    from concurrent.futures import ThreadPoolExecutor

    if len(segments) < _PARALLEL:
        parts = [segments.dictionary_encode()]
    else:
        half = len(segments) // 2
        with ThreadPoolExecutor(2) as pool:
            parts = list(pool.map(lambda part: part.dictionary_encode(), (segments[:half], segments[half:])))
    words: list[str] = []
    indices = []
    for part in parts:
        indices.append(np.asarray(part.indices) + np.int32(len(words)))
        words += [word.removeprefix(separator) for word in part.dictionary.to_pylist()]
    return _tidied(words, np.concatenate(indices))


_FAULTS = (Fault.EMPTY_PATH, *Fault)  # the first stands for nothing: 0 is "no fault"


def _note(faults: npt.NDArray[np.int8], found: Any, fault: Fault) -> None:
    marks = np.asarray(found, dtype=bool)
    faults[marks & (faults == 0)] = _FAULTS.index(fault, 1)


def _numbers(wins: Any, losses: Any, amounts: Any, rows: int) -> tuple[Floats, Floats, Floats]:
    won = np.asarray(wins, dtype=np.float64)
    lost = np.zeros(rows) if losses is None else np.asarray(losses, dtype=np.float64)
    worth = np.full(rows, np.nan) if amounts is None else np.asarray(amounts, dtype=np.float64)
    if {len(won), len(lost), len(worth)} != {rows}:
        raise ValueError(f"{rows} paths, but {len(won)} wins, {len(lost)} losses and {len(worth)} amounts")
    return won, lost, worth


def _of_numbers(wins: Floats, losses: Floats, amounts: Floats) -> npt.NDArray[np.int8]:
    faults = np.zeros(len(wins), dtype=np.int8)
    with np.errstate(invalid="ignore"):
        for counts in (wins, losses):
            _note(faults, ~(np.isfinite(counts) & (counts >= 0) & (counts == np.floor(counts))), Fault.NOT_A_COUNT)
        _note(faults, np.isinf(amounts) | (amounts < 0), Fault.NOT_AN_AMOUNT)
    return faults


def _tidied(
    words: list[str], indices: npt.NDArray[Any]
) -> tuple[Codes, tuple[str, ...], npt.NDArray[np.int8] | None]:
    """Codes of the words without the blanks around them, in the order of the alphabet; and faults, a touch."""
    stripped = [word.strip(" \t") for word in words]
    names = tuple(sorted({word for word in stripped if word}))
    number = {name: at for at, name in enumerate(names)}
    table = np.array([number.get(word, 0) for word in stripped] or [0], dtype=np.int32)
    fault = np.array([_fault(word) for word in stripped] or [0], dtype=np.int8)
    return table[indices].astype(np.int32, copy=False), names, fault[indices] if fault.any() else None


def _fault(word: str) -> int:
    if not word:
        return _FAULTS.index(Fault.EMPTY_SEGMENT)
    return _FAULTS.index(Fault.CONTROL_CHARACTER) if any(mark in word for mark in _UNREADABLE) else 0


def _worst(faults: npt.NDArray[np.int8], owner: Ints, bad: npt.NDArray[np.int8]) -> None:
    """Note the first fault of each path's touches where nothing else is wrong with it."""
    at = np.flatnonzero(bad)
    rows, first = np.unique(owner[at], return_index=True)
    free = faults[rows] == 0
    faults[rows[free]] = bad[at[first]][free]


def offsets_of(lengths: Ints) -> Ints:
    """Where each path begins and ends, from how many touches it has."""
    offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


def from_touches(
    touches: Sequence[Sequence[Touch]],
    won: Sequence[bool],
    amounts: Sequence[float | None],
    ends: Sequence[float] | None = None,
) -> Paths:
    """Paths of single opportunities, their touches in any order; ties are broken by (time, kind, id, name)."""
    ordered = [sorted(each, key=lambda t: (t.time, t.kind, t.id, t.name)) for each in touches]
    flat = [touch for each in ordered for touch in each]
    names, codes = _coded([touch.name for touch in flat])
    wins = np.asarray(won, dtype=np.float64)
    return Paths(
        codes,
        offsets_of(np.array([len(each) for each in ordered], dtype=np.int64)),
        names,
        wins,
        1.0 - wins,
        np.array([np.nan if amount is None else float(amount) for amount in amounts], dtype=np.float64),
        times=np.array([touch.time for touch in flat], dtype=np.float64),
        ends=None if ends is None else np.asarray(ends, dtype=np.float64),
        roles=labels([touch.role for touch in flat]),
        stages=labels([touch.stage for touch in flat]),
    )


def labels(words: Sequence[str]) -> Labels:
    """Codes of the words; the empty one has none."""
    names, codes = _coded(words)
    if names and names[0] == "":
        return Labels(codes - 1, names[1:])
    return Labels(codes, names)


def _coded(words: Sequence[str]) -> tuple[tuple[str, ...], Codes]:
    names = tuple(sorted(set(words)))
    number = {name: at for at, name in enumerate(names)}
    return names, np.array([number[word] for word in words], dtype=np.int32)


def milestone(paths: Paths, at: Floats) -> Codes:
    """The position of the last touch at or before the day of a milestone, a path (NaN: the day is not known).

    So HubSpot and Marketo Measure place lead and opportunity creation: at the touch that led to it.
    """
    if paths.times is None:
        raise ValueError("the touches have no times")
    with np.errstate(invalid="ignore"):
        before = (paths.times <= paths.spread(at)).astype(np.float64)
    return (paths.sums(before) - 1).astype(np.int32)


def kept(paths: Paths, marks: Flags) -> Paths:
    """The marked paths, with the same names."""
    touched = paths.spread(marks)

    def each(values: Any) -> Any:
        return None if values is None else values[marks]

    return replace(
        paths,
        codes=paths.codes[touched],
        offsets=offsets_of(paths.lengths[marks]),
        wins=paths.wins[marks],
        losses=paths.losses[marks],
        amounts=paths.amounts[marks],
        times=None if paths.times is None else paths.times[touched],
        ends=each(paths.ends),
        lead=each(paths.lead),
        opened=each(paths.opened),
        closed=each(paths.closed),
        roles=_labels_of(paths.roles, touched),
        stages=_labels_of(paths.stages, touched),
    )


def _labels_of(words: Labels | None, touched: Flags) -> Labels | None:
    return None if words is None else Labels(words.codes[touched], words.names)


def named_again(paths: Paths) -> Paths:
    """The same paths without the names that no touch has any more."""
    used = np.unique(paths.codes)
    if len(used) == len(paths.names):
        return paths
    number = np.zeros(len(paths.names), dtype=np.int32)
    number[used] = np.arange(len(used), dtype=np.int32)
    return replace(paths, codes=number[paths.codes], names=tuple(paths.names[at] for at in used))


def grouped(paths: Paths, keep: Flags, rest: str) -> Paths:
    """The same paths with every name that is not marked in `keep` (m) called `rest`."""
    if keep.all():
        return paths
    names = tuple(name for name, stays in zip(paths.names, keep, strict=True) if stays)
    if rest in names:
        raise ValueError(f"{rest!r} is already a name")
    number = np.where(keep, np.cumsum(keep) - 1, len(names)).astype(np.int32)
    return named_again(replace(paths, codes=number[paths.codes], names=(*names, rest)))
