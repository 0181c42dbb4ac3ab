"""`python -m jobs`: the same as `pmom`."""

from __future__ import annotations

from jobs.command import main

if __name__ == "__main__":
    main()
