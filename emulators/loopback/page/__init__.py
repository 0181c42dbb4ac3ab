"""The page in a browser: what an emulator holds and is asked, and forms by which a person steers it."""

from __future__ import annotations

from emulators.loopback.page.site import Page

__all__ = ["Page"]
