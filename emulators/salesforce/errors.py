"""How the org says no: one exception for a refused record, one for a refused call."""

from __future__ import annotations

from collections.abc import Sequence


class DmlError(Exception):
    """One record was refused; `status_code` is the vendor's StatusCode, `http` the status of a single-record call."""

    def __init__(
        self,
        status_code: str,
        message: str,
        fields: Sequence[str] = (),
        http: int = 400,
        others: Sequence[DmlError] = (),
    ) -> None:
        super().__init__(f"{status_code}: {message}")
        self.status_code = status_code
        self.message = message
        self.fields = tuple(fields)
        self.http = http
        self.others = tuple(others)  # what else is wrong with the record, told with it

    def as_result(self) -> dict[str, object]:
        """The form inside collection and composite results (`statusCode`)."""
        return {"statusCode": self.status_code, "message": self.message, "fields": list(self.fields)}

    def as_error(self) -> dict[str, object]:
        """The form of a single-record call's error body (`errorCode`)."""
        return {"message": self.message, "errorCode": self.status_code, "fields": list(self.fields)}

    def as_results(self) -> list[dict[str, object]]:
        """All that is wrong with the record, in the form of collection results."""
        return [self.as_result(), *(other.as_result() for other in self.others)]

    def as_errors(self) -> list[dict[str, object]]:
        """All that is wrong with the record: a single-record call's whole error body."""
        return [self.as_error(), *(other.as_error() for other in self.others)]

    def as_csv(self) -> str:
        """The form of Bulk API's sf__Error column: `CODE:message:FIELD --`, one after the other."""
        rest = "".join(other.as_csv() for other in self.others)
        return f"{self.status_code}:{self.message}:{', '.join(self.fields)} --{rest}"


class ApiError(Exception):
    """The whole call was refused, with the HTTP status and errorCode of the vendor's list."""

    def __init__(self, code: str, message: str, http: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.http = http


def not_found() -> ApiError:
    """The answer for a path, object or record that does not exist."""
    return ApiError("NOT_FOUND", "The requested resource does not exist", http=404)
