"""Which Opportunities does the benchmark server hold: realistic, seeded, as the wire spells them.

Every column comes in two spellings, because Salesforce has two: the CSV of Bulk API 2.0 (every cell is quoted,
instants end in `.000Z`) and the JSON of the REST API (instants end in `.000+0000`, decimals carry a point).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

SEED = 20260101
_BASE62 = np.frombuffer(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", dtype="S1")
_CHECKSUM = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345", dtype="S1")
_STAGES = (
    "Prospecting",
    "Qualification",
    "Needs Analysis",
    "Value Proposition",
    "Proposal/Price Quote",
    "Negotiation/Review",
    "Closed Won",
    "Closed Lost",
)
_WORDS = (
    "renewal",
    "pilot",
    "größer",
    "migration",
    "seats",
    "Ärzte",
    "data",
    "\U0001f680 launch",
    "phase 2",
    "add-on",
)


@dataclass(frozen=True, slots=True)
class Spelled:
    """One column of n rows in both spellings; null where the cell is empty."""

    csv: pa.Array
    json: pa.Array


Maker = Callable[[np.random.Generator, int], Spelled]


@dataclass(frozen=True, slots=True)
class WireField:
    """One field: its describe and how its values are made."""

    name: str
    type: str
    make: Maker
    length: int = 0
    scale: int = 0
    refers_to: tuple[str, ...] = ()


def record_ids(prefix: str, numbers: np.ndarray) -> pa.Array:
    """The 18-character ids `prefix` + 5g + the number in base 62, with the right checksum."""
    head = f"{prefix}5g00000".encode()
    powers = 62 ** np.arange(4, -1, -1)
    digits = (numbers[:, None] // powers) % 62
    tail = _BASE62[digits]
    upper = (digits >= 10) & (digits < 36)
    check = _CHECKSUM[(upper * (1 << np.arange(5))).sum(axis=1)]
    joined = np.char.add(np.char.add(head, tail.reshape(-1).view("S5")), np.char.add(b"AA", check))
    return pa.array(joined).cast(pa.string())


def quoted(values: pa.Array) -> pa.Array:
    """Each value in quotes."""
    return pc.binary_join_element_wise('"', values, '"', "")


def plain(values: pa.Array) -> Spelled:
    """Values that both spell alike."""
    return Spelled(values, quoted(values))


def _from_pool(pool: list[str | None], at: np.ndarray) -> Spelled:
    indices = pa.array(at)
    spelled = [None if text is None else json.dumps(text, ensure_ascii=False) for text in pool]
    return Spelled(pa.array(pool, pa.string()).take(indices), pa.array(spelled, pa.string()).take(indices))


def _ids(prefix: str, pool: int | None, empty: float = 0.0) -> Maker:
    def make(rng: np.random.Generator, n: int) -> Spelled:
        numbers = np.arange(n) if pool is None else rng.integers(0, pool, n)
        values = record_ids(prefix, numbers)
        if empty:
            values = pc.if_else(pa.array(rng.random(n) < empty), pa.scalar(None, pa.string()), values)
        return plain(values)

    return make


def choice(*options: str | None) -> Maker:
    """One of the options."""
    return lambda rng, n: _from_pool(list(options), rng.integers(0, len(options), n))


def texts(words: int, empty: float, length: int, *, breaks: bool = False) -> Maker:
    """So many words, with quotes, commas and, on request, line ends in them."""

    def make(rng: np.random.Generator, n: int) -> Spelled:
        joined = (" ".join(rng.choice(_WORDS, words)) for _ in range(1000))
        pool: list[str | None] = [f'{text}, "{i}"'[:length] for i, text in enumerate(joined)]
        if breaks:
            pool[:10] = [f"first line\nsecond line, after break {i}" for i in range(10)]
        at = rng.integers(0, len(pool), n)
        at[rng.random(n) < empty] = len(pool)
        return _from_pool([*pool, None], at)

    return make


def names(kind: str) -> Maker:
    """`kind`, a number and a word; no two are equal."""

    def make(rng: np.random.Generator, n: int) -> Spelled:
        numbers = pa.array(np.arange(n)).cast(pa.string())
        word = _from_pool(list(_WORDS), rng.integers(0, len(_WORDS), n)).csv
        return plain(pc.binary_join_element_wise(f"{kind} ", numbers, " - ", word, ""))

    return make


def money(empty: float, top: int, scale: int = 2) -> Maker:
    """Amounts below `top`."""

    def make(rng: np.random.Generator, n: int) -> Spelled:
        cents = rng.integers(0, top * 10**scale, n)
        whole = pa.array(cents // 10**scale).cast(pa.string())
        parts = pa.array([f".{i:0{scale}d}".rstrip("0") for i in range(10**scale)])
        values = pc.binary_join_element_wise(whole, parts.take(pa.array(cents % 10**scale)), "")
        values = pc.replace_substring_regex(values, r"\.$", ".0")
        values = pc.if_else(pa.array(rng.random(n) < empty), pa.scalar(None, pa.string()), values)
        return Spelled(values, values)

    return make


def flags(share: float) -> Maker:
    """true in so many rows."""

    def make(rng: np.random.Generator, n: int) -> Spelled:
        values = pa.array(rng.random(n) < share).cast(pa.string())
        return Spelled(values, values)

    return make


def _dates(rng: np.random.Generator, n: int) -> Spelled:
    days = pa.array(rng.integers(18_993, 20_818, n).astype("int32")).cast(pa.date32())  # 2022 .. 2026
    return plain(days.cast(pa.string()))


def instants(rng: np.random.Generator, n: int) -> Spelled:
    """Moments of the years 2022 to 2026, to the second."""
    seconds = pa.array(rng.integers(1_641_000_000, 1_795_000_000, n)).cast(pa.timestamp("s"))
    text = pc.replace_substring(seconds.cast(pa.string()), " ", "T")
    tail = {"csv": ".000Z", "json": ".000+0000"}
    return Spelled(
        pc.binary_join_element_wise(text, tail["csv"], ""),
        quoted(pc.binary_join_element_wise(text, tail["json"], "")),
    )


FIELDS: tuple[WireField, ...] = (
    WireField("Id", "id", _ids("006", None), 18),
    WireField("Name", "string", names("Opportunity"), 120),
    WireField("AccountId", "reference", _ids("001", 20_000), 18, refers_to=("Account",)),
    WireField("StageName", "picklist", choice(*_STAGES), 255),
    WireField("IsClosed", "boolean", flags(0.5)),
    WireField("IsWon", "boolean", flags(0.3)),
    WireField("Amount", "currency", money(0.05, 500_000), scale=2),
    WireField("CurrencyIsoCode", "picklist", choice("USD", "EUR", "GBP", "JPY"), 3),
    WireField("CloseDate", "date", _dates),
    WireField("CreatedDate", "datetime", instants),
    WireField("LastModifiedDate", "datetime", instants),
    WireField("SystemModstamp", "datetime", instants),
    WireField("OwnerId", "reference", _ids("005", 400), 18, refers_to=("User",)),
    WireField("CampaignId", "reference", _ids("701", 3_000, 0.6), 18, refers_to=("Campaign",)),
    WireField("Type", "picklist", choice("New Customer", "Existing Customer - Upgrade", "Renewal", None), 255),
    WireField("LeadSource", "picklist", choice("Web", "Partner", "Phone Inquiry", "Other", None), 255),
    WireField("Probability", "percent", money(0.0, 100, 1), scale=0),
    WireField("ForecastCategoryName", "picklist", choice("Pipeline", "Best Case", "Commit", "Closed", "Omitted"), 40),
    WireField("NextStep", "string", texts(6, 0.4, 255), 255),
    WireField("Description", "textarea", texts(14, 0.5, 400, breaks=True), 32_000),
    WireField("Partner__c", "reference", _ids("001", 2_000, 0.3), 18, refers_to=("Account",)),
    WireField("Sourced_By__c", "reference", _ids("001", 2_000, 0.7), 18, refers_to=("Account",)),
    WireField("Product_Family__c", "picklist", choice("Core", "Analytics", "Mobile", "Services"), 255),
    WireField("Segment__c", "picklist", choice("SMB", "Mid-Market", "Enterprise", None), 255),
    WireField("IsDeleted", "boolean", flags(0.0)),
)
BY_NAME = {field.name.lower(): field for field in FIELDS}

_NOT_PULLED = ("IsDeleted", "LastModifiedDate", "Probability", "ForecastCategoryName", "NextStep")
PULLED: tuple[str, ...] = tuple(field.name for field in FIELDS if field.name not in _NOT_PULLED)
"""The 20 fields that every contender asks for."""


def column(name: str, n: int) -> Spelled:
    """The first n values of a field: the same for the same n, whatever else is asked for."""
    field = BY_NAME[name.lower()]
    rng = np.random.default_rng([SEED, *field.name.encode()])
    return field.make(rng, n)
