"""How the emulators are started: `python -m emulators salesforce --help`."""

from __future__ import annotations

import sys

USAGE = """usage: python -m emulators salesforce [options]     an org on 127.0.0.1
       python -m emulators hubspot [options]        a portal on 127.0.0.1
       python -m emulators world FOLDER [options]   a generated world as Data Loader files
       python -m emulators replay recordings        recorded exchanges played against both, every difference told
       python -m emulators replay fuzz              malformed requests thrown at both
       (--help after each tells the options)"""


def main(arguments: list[str]) -> int:
    """Run the emulator that is named first."""
    if arguments and arguments[0] == "salesforce":
        from emulators.salesforce.program import main as salesforce

        return salesforce(arguments[1:])
    if arguments and arguments[0] == "hubspot":
        from emulators.hubspot.program import main as hubspot

        return hubspot(arguments[1:])
    if arguments and arguments[0] == "replay":
        from emulators.replay.__main__ import main as replay

        return replay(arguments[1:])
    if arguments and arguments[0] == "world":
        from emulators.world.program import main as world

        return world(arguments[1:])
    sys.stderr.write(USAGE + "\n")
    return 0 if arguments and arguments[0] in ("-h", "--help") else 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
