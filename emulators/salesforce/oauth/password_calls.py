"""What the resource of a user's password answers: whether it is over, a new one, a reset (sObject User Password)."""

from __future__ import annotations

from emulators.salesforce.errors import ApiError, not_found
from emulators.salesforce.oauth import passwords
from emulators.salesforce.org import Org
from emulators.salesforce.router import Request, Response, Router, json_response

_SHORTEST = 8


def routes(router: Router) -> None:
    """GET, POST and DELETE of `sobjects/User/{id}/password`."""
    path = "/services/data/{version}/sobjects/User/{record}/password"
    router.add("GET", path, expiry)
    router.add("POST", path, change)
    router.add("DELETE", path, reset)


def expiry(request: Request, org: Org) -> Response:
    """`{"isExpired"}`; passwords of this org never expire."""
    _user(request, org)
    return json_response({"isExpired": False})


def change(request: Request, org: Org) -> Response:
    """204 for a new password; INVALID_NEW_PASSWORD when it breaks the org's policy."""
    user = _user(request, org)
    given = request.document().get("NewPassword")
    if not isinstance(given, str) or len(given) < _SHORTEST:
        text = f"Your password must be at least {_SHORTEST} characters long."
        raise ApiError("INVALID_NEW_PASSWORD", text)
    if not (any(each.isalpha() for each in given) and any(each.isdigit() for each in given)):
        raise ApiError("INVALID_NEW_PASSWORD", "Your password must have a mix of letters and numbers.")
    passwords.put(org, user, given)
    return Response(204)


def reset(request: Request, org: Org) -> Response:
    """A generated password, told once."""
    user = _user(request, org)
    made = passwords.generate()
    passwords.put(org, user, made)
    return json_response({"NewPassword": made})


def _user(request: Request, org: Org) -> str:
    """The user meant; their own password is anybody's to change, others' only an administrator's."""
    user = org.get("User", request.params["record"])
    if user is None:
        raise not_found()
    if user["Id"] != request.user and not org.permissions.of(request.user).unrestricted:
        raise ApiError("INSUFFICIENT_ACCESS", "You do not have permission to view this record.", http=403)
    return str(user["Id"])
