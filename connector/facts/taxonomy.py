"""Which code of the policy's taxonomy a word in the CRM stands for."""

from __future__ import annotations

from functools import lru_cache

from babel import Locale

from connector.core.policy import MarketFitGate

_COMMON = {"usa": "US", "united states of america": "US", "uk": "GB", "great britain": "GB", "korea": "KR"}


@lru_cache(maxsize=1)
def _countries() -> dict[str, str]:
    """English country names and two-letter codes, folded, to the code."""
    territories = {code: name for code, name in Locale("en").territories.items() if len(code) == 2 and code != "ZZ"}
    words = {name.casefold(): code for code, name in sorted(territories.items())}
    return {**words, **{code.casefold(): code for code in territories}, **_COMMON}


@lru_cache(maxsize=4096)
def region(word: str, gate: MarketFitGate) -> str | None:
    """The region or country code; None when neither the policy nor the list of countries knows the word."""
    named = _region_words(gate).get(word.strip().casefold())
    return named or _countries().get(word.strip().casefold())


@lru_cache(maxsize=8)
def _region_words(gate: MarketFitGate) -> dict[str, str]:
    words = [name for goal in gate.goals for name in goal.regions]
    for name, members in gate.regions:
        words += [name, *members]
    return {word.casefold(): word for word in words}


@lru_cache(maxsize=4096)
def vertical(word: str, gate: MarketFitGate) -> str:
    """The vertical as the goals spell it, or the word itself."""
    spelled = {name.casefold(): name for goal in gate.goals for name in goal.verticals}
    return spelled.get(word.strip().casefold(), word.strip())


def parts(text: str | None) -> tuple[str, ...]:
    """The entries of a ';'-parted cell, in order, without empty ones."""
    return tuple(part.strip() for part in (text or "").split(";") if part.strip())
