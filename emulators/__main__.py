"""How the emulators are started: `python -m emulators --help`."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable
from importlib import import_module

USAGE = """\
usage: python -m emulators COMMAND [options]

Emulators of two CRMs on 127.0.0.1, strict enough to test a client against.

commands:
  salesforce           an org: REST, Bulk, SOAP, Metadata, OAuth
  hubspot              a portal: objects, search, associations, webhooks, lists
  world FOLDER         write a made-up company as files that both can load
  replay recordings    play recorded exchanges against both, tell differences
  replay fuzz          throw malformed requests at both

begin here:
  python -m emulators salesforce --http
  python -m emulators hubspot --http
      Each prints one line of JSON: address, secrets, and page, an address to
      open in a browser. Ctrl-C ends it.

with records:
  python -m emulators world ./world --crm both
  python -m emulators salesforce --http --csv ./world/salesforce
  python -m emulators hubspot --http --load ./world/hubspot

in a script:
  python -m emulators salesforce --http --ready-file ready.json &
      The file is there as soon as calls are answered; SIGTERM ends it.

python -m emulators COMMAND --help tells the options of each.

exit codes: 0 done or stopped, 1 something was found or not saved,
            2 the options make no sense
"""
_COMMANDS = {
    "salesforce": "emulators.salesforce.program",
    "hubspot": "emulators.hubspot.program",
    "replay": "emulators.replay.__main__",
    "world": "emulators.world.program",
}


def main(arguments: list[str]) -> int:
    """Run the command that is named first; without one, tell which there are."""
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        sys.stdout.write(USAGE)
        return 0
    name = arguments[0]
    if name not in _COMMANDS:
        near = difflib.get_close_matches(name, _COMMANDS, 1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(_COMMANDS)}"
        sys.stderr.write(f"emulators: {name!r} is no command; {hint}\nemulators: --help tells all\n")
        return 2
    command: Callable[[list[str]], int] = import_module(_COMMANDS[name]).main
    return command(arguments[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
