"""How the portal says no: one exception that becomes HubSpot's error body."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class HubError(Exception):
    """A refused call, or one refused input of a batch.

    `errors` are the items of the body's `errors` (`message`, `code`, `in`, `subCategory`, `context`); `context` maps
    keys to lists of text. Empty parts are left out of the body, as HubSpot does.
    """

    def __init__(
        self,
        status: int,
        category: str,
        message: str,
        sub_category: str = "",
        errors: Sequence[Mapping[str, Any]] = (),
        context: Mapping[str, Sequence[str]] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(f"{status} {category}: {message}")
        self.status = status
        self.category = category
        self.message = message
        self.sub_category = sub_category
        self.errors = tuple(dict(error) for error in errors)
        self.context = {key: list(values) for key, values in (context or {}).items()}
        self.headers: dict[str, str] = {}
        self.extra = dict(extra or {})  # further keys of the body, as policyName of a 429

    def body(self, correlation_id: str) -> dict[str, Any]:
        """The error document of a whole call."""
        found: dict[str, Any] = {"status": "error", "message": self.message, "correlationId": correlation_id}
        if self.errors:
            found["errors"] = list(self.errors)
        if self.context:
            found["context"] = self.context
        if self.category:
            found["category"] = self.category
        if self.sub_category:
            found["subCategory"] = self.sub_category
        return {**found, **self.extra}

    def item(self) -> dict[str, Any]:
        """The form inside the `errors` of a 207."""
        found: dict[str, Any] = {
            "status": "error",
            "category": self.category,
            "message": self.message,
            "context": self.context,
            "errors": list(self.errors),
            "links": {},
        }
        if self.sub_category:
            found["subCategory"] = self.sub_category
        return found


def not_found(message: str = "resource not found") -> HubError:
    """404 for a record, definition or object that is not there."""
    return HubError(404, "OBJECT_NOT_FOUND", message)


def invalid(message: str, *, errors: Sequence[Mapping[str, Any]] = (), sub_category: str = "") -> HubError:
    """400 for a call that does not make sense."""
    return HubError(400, "VALIDATION_ERROR", message, sub_category, errors)


def conflict(message: str, *, category: str = "CONFLICT", sub_category: str = "") -> HubError:
    """409 for something that is there already."""
    return HubError(409, category, message, sub_category)
