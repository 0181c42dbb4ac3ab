"""Which of many partners stand out, when some of so many would by chance alone?"""

from __future__ import annotations

import numpy as np

from connector.measure.survival import Flags, Floats


def adjusted(p: Floats) -> Floats:
    """Each chance as the false-discovery rate at which it would just be listed (Benjamini and Hochberg 1995).

    NaN stays NaN and does not count as a test.
    """
    found = np.full(len(p), np.nan)
    known = np.flatnonzero(~np.isnan(p))
    if not len(known):
        return found
    order = known[np.argsort(p[known], kind="stable")]
    scaled = p[order] * len(order) / np.arange(1, len(order) + 1)
    found[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return found


def listed(p: Floats, rate: float) -> Flags:
    """Who is listed so that at most that share of the list is expected to be there by chance."""
    return np.asarray(np.nan_to_num(adjusted(p), nan=2.0) <= rate)
