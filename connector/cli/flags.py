"""Does a command's help show a type only where a value is to be typed? A flag takes none."""

from __future__ import annotations

from typing import Any


def untyped(command: Any) -> Any:
    """The command and those below it, their flags shown without a type."""
    for each in command.params:
        _untyped(each)
    made = command.get_help_option
    command.get_help_option = lambda ctx: _untyped(made(ctx))
    for below in getattr(command, "commands", {}).values():
        untyped(below)
    return command


def _untyped(option: Any) -> Any:
    if getattr(option, "is_flag", False):
        option.metavar = ""
    return option
