"""login, logout, getUserInfo and getServerTimestamp."""

from __future__ import annotations

from typing import Any

from emulators.loopback.clock import stored
from emulators.salesforce.ids import to18
from emulators.salesforce.oauth import passwords
from emulators.salesforce.org import Org
from emulators.salesforce.soap.calls import SoapCall
from emulators.salesforce.soap.dialect import plain
from emulators.salesforce.soap.faults import SoapFault

_LAST_LOGIN = 65  # the first version without login()
_REFUSED = "Invalid username, password, security token; or user locked out."


def log_in(call: SoapCall) -> str:
    """A session by user name and password (with the security token behind it or not).

    Not there from version 65.0 on. Every mistake is INVALID_LOGIN, as the vendor does not tell which one it is.
    """
    if float(call.version) >= _LAST_LOGIN:
        text = f"The SOAP Login operation is not available in the API version specified ({call.version})."
        raise SoapFault("INVALID_OPERATION", f"{text} Refer to the documentation for supported versions.")
    scope = call.headers.first("LoginScopeHeader") if call.headers else None
    wanted = scope.get("organizationId") if scope else ""
    found = passwords.check(call.org, call.node.get("username"), call.node.get("password"))
    if not isinstance(found, passwords.Accepted) or (wanted and to18(wanted) != call.org.org_id):
        raise SoapFault("INVALID_LOGIN", _REFUSED)
    with call.org.transaction() as connection:
        sql = "UPDATE o_user SET f_lastlogindate = ? WHERE f_id = ?"
        connection.execute(sql, (call.org.clock.stamp(), found.user_id))
    return _session(call, found.user_id)


def _session(call: SoapCall, user_id: str) -> str:
    org = call.org
    where = f"{call.base_url}/services/Soap/{{}}/{call.version}/{org.org_id[:15]}"
    values = {
        "metadataServerUrl": where.format("m"),
        "passwordExpired": False,
        "sandbox": bool(_organization(org).get("IsSandbox")),
        "serverUrl": where.format(call.dialect.letter),
        "sessionId": call.login.issue(user_id),
        "userId": user_id,
    }
    return f"<result>{_elements(values)}<userInfo>{_elements(_about(call, user_id))}</userInfo></result>"


def log_out(call: SoapCall) -> str:
    """End the caller's session."""
    call.login.revoke(call.token)
    return ""


def user_info(call: SoapCall) -> str:
    """Who the caller is."""
    return f"<result>{_elements(_about(call, call.user))}</result>"


def server_timestamp(call: SoapCall) -> str:
    """The org's time."""
    return f"<result><timestamp>{stored(call.org.clock.now())}</timestamp></result>"


def _about(call: SoapCall, user_id: str) -> dict[str, Any]:
    """GetUserInfoResult, in the WSDL's order, as recorded."""
    org = call.org
    user, organization = org.get("User", user_id) or {}, _organization(org)
    several = org.schema.object("CurrencyType") is not None
    return {
        "accessibilityMode": False,
        "chatterExternal": False,
        "currencySymbol": None if several else "$",
        "orgAttachmentFileSizeLimit": 26214400,
        "orgDefaultCurrencyIsoCode": None if several else org.corporate_currency,
        "orgDefaultCurrencyLocale": None if several else organization.get("DefaultLocaleSidKey"),
        "orgDisallowHtmlAttachments": False,
        "orgHasPersonAccounts": "ispersonaccount" in org.schema.objects["account"].fields,
        "organizationId": org.org_id,
        "organizationMultiCurrency": several,
        "organizationName": organization.get("Name"),
        "profileId": user.get("ProfileId"),
        "roleId": user.get("UserRoleId"),
        "sessionSecondsValid": int(call.login.app.session_life.total_seconds()),
        "userDefaultCurrencyIsoCode": user.get("DefaultCurrencyIsoCode") if several else None,
        "userEmail": user.get("Email"),
        "userFullName": user.get("Name"),
        "userId": user_id,
        "userLanguage": user.get("LanguageLocaleKey"),
        "userLocale": user.get("LocaleSidKey"),
        "userName": user.get("Username"),
        "userTimeZone": user.get("TimeZoneSidKey"),
        "userType": user.get("UserType"),
        "userUiSkin": "Theme3",
    }


def _organization(org: Org) -> dict[str, Any]:
    return org.get("Organization", org.org_id) or {}


def _elements(values: dict[str, Any]) -> str:
    return "".join(plain(name, value) for name, value in values.items())
