"""How does work on many partners run without pauses?"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """No search for rings of dead objects meanwhile.

    Facts, decisions and plans are trees, freed by counting; looking through all of them again and again for rings
    took a third of the time.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
