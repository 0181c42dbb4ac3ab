"""The SQL functions a compiled query calls: how text is folded and sorted, dates are cut, numbers are written."""

from __future__ import annotations

import math
import sqlite3
import unicodedata

from emulators.salesforce.soql.dates import date_part


def fold(text: str | None) -> str | None:
    """Text for comparison without case."""
    return None if text is None else text.casefold()


def sort_key(text: str | None) -> str | None:
    """Text for sorting: without case and marks first, then without case only, so that the order is total."""
    if text is None:
        return None
    folded = text.casefold()
    if folded.isascii():
        return f"{folded}\x01{folded}"
    bare = "".join(c for c in unicodedata.normalize("NFKD", folded) if not unicodedata.combining(c))
    return f"{bare}\x01{folded}"


def double_text(value: float | None) -> str | None:
    """A number as Salesforce's servers write doubles: 100.0, 1.39E8, 1.0E-4."""
    if value is None:
        return None
    value = float(value)
    size = abs(value)
    if value == 0 or 1e-3 <= size < 1e7 or math.isinf(value):
        return repr(value)
    mantissa, _, exponent = f"{value:.16e}".partition("e")
    for digits in range(17):
        candidate = f"{value:.{digits}e}"
        if float(candidate) == value:
            mantissa, _, exponent = candidate.partition("e")
            break
    return f"{mantissa if '.' in mantissa else mantissa + '.0'}E{int(exponent)}"


_RADIUS = {"mi": 3958.7613, "km": 6371.0088}  # of the Earth


def distance(
    here: float | None, east: float | None, there: float | None, far: float | None, unit: str
) -> float | None:
    """How far two places (latitude, longitude, in degrees) are apart along the great circle, in mi or km."""
    if here is None or east is None or there is None or far is None:
        return None
    up, down = math.radians(here), math.radians(there)
    half = math.sin((down - up) / 2) ** 2
    half += math.cos(up) * math.cos(down) * math.sin(math.radians(far - east) / 2) ** 2
    return 2 * _RADIUS[unit] * math.asin(min(1.0, math.sqrt(half)))


def register(connection: sqlite3.Connection) -> None:
    """Make the functions known to a connection, once."""
    try:
        connection.execute("SELECT soql_fold('')")
    except sqlite3.OperationalError:
        connection.create_function("soql_fold", 1, fold, deterministic=True)
        connection.create_function("soql_key", 1, sort_key, deterministic=True)
        connection.create_function("soql_double", 1, double_text, deterministic=True)
        connection.create_function("soql_distance", 5, distance, deterministic=True)
        connection.create_function("soql_part", 5, date_part, deterministic=True)
