"""What does a secret's file hold, and can it be the secret? Nothing of a secret is ever in a message."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, SecretStr

from connector.errors import Misconfigured

_SECRET_SIZE = 64 * 1024  # bytes; a longer file is no secret
_ITSELF = "Name the file that holds the secret itself."


def read_secret(file: Path, where: str | None = None) -> str:
    """The text in that file; Misconfigured names `where` the file was named, and the file."""
    place, the_file = (where, f"the file {file}") if where else (str(file), "the file")
    try:
        if file.stat().st_size > _SECRET_SIZE:
            raise Misconfigured(place, f"{the_file} is too long for a secret", _ITSELF)
        return file.read_text(encoding="utf-8-sig").strip()
    except FileNotFoundError:
        raise Misconfigured(place, f"there is no file {file}", "Make it, or correct its name.") from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise Misconfigured(
            place, f"{the_file} cannot be read ({reason})", "Make it readable to the connector."
        ) from None
    except UnicodeDecodeError:
        raise Misconfigured(place, f"{the_file} is not text", _ITSELF) from None


def named_secret(file: Path, where: str) -> str:
    """As `read_secret`; Misconfigured also when nothing stands in the file."""
    found = read_secret(file, where)
    if not found:
        raise Misconfigured(where, f"the file {file} is empty", "Write the secret into it, and nothing else.")
    return found


def strange_in(secret: str) -> str:
    """What a token or client secret never holds and this one does; empty when it looks like one."""
    if any(ch in "\"'`" for ch in secret):
        return "holds quotes"
    if any(ch.isspace() for ch in secret):
        return "holds a blank or a line end"
    return "" if secret.isascii() and secret.isprintable() else "holds a character that no token has"


def secrets_in(model: BaseModel) -> Iterator[str]:
    """Every secret of these settings and of their tables: what no line of a log may hold."""
    for name in type(model).model_fields:
        held = getattr(model, name)
        if isinstance(held, SecretStr):
            yield held.get_secret_value()
        elif isinstance(held, BaseModel):
            yield from secrets_in(held)
