"""What a user's surroundings are: records seen last, tabs, colors and applications.

Source: "Recently Viewed Items", "Tabs", "Themes", "AppMenu Items" of the REST API guide. Records are seen by queries
FOR VIEW and FOR REFERENCE; an emulated org has the tabs of its objects, no icons, and no applications.
"""

from __future__ import annotations

from typing import Any

from emulators.salesforce.errors import ApiError
from emulators.salesforce.org import Org
from emulators.salesforce.router import Request, Response, Router, json_response
from emulators.salesforce.schema import ObjectType
from emulators.salesforce.search.resources import searchable
from emulators.salesforce.soql import run
from emulators.salesforce.viewpoint import context

MAX_RECENT = 200
_THEME, _COLOR = "theme4", "6f7ccb"


def routes(router: Router) -> None:
    """recent, tabs, theme and appMenu."""
    base = "/services/data/{version}"
    router.add("GET", f"{base}/recent", recent)
    router.add("GET", f"{base}/tabs", tabs)
    router.add("GET", f"{base}/theme", theme)
    router.add("GET", f"{base}/appMenu", app_menus)
    router.add("GET", f"{base}/appMenu/{{menu}}", app_menu)


def recent(request: Request, org: Org) -> Response:
    """Records seen last, the latest first; `limit` of at most 200."""
    text = request.query.get("limit", str(MAX_RECENT))
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ApiError("INVALID_QUERY_FILTER_OPERATOR", f"limit must be a number: {text}")
    most = min(int(text), MAX_RECENT)
    seen = [found for obj in _shown(org) for found in _seen(org, request, obj, most)]
    seen.sort(key=lambda found: str(found["LastViewedDate"]), reverse=True)
    return json_response([{k: v for k, v in found.items() if k != "LastViewedDate"} for found in seen[:most]])


def _shown(org: Org) -> list[ObjectType]:
    objects = [obj for obj in org.schema.objects.values() if not org.access.hidden_object(obj.name)]
    return sorted(objects, key=lambda obj: obj.name.lower())


def _seen(org: Org, request: Request, obj: ObjectType, most: int) -> list[dict[str, Any]]:
    name = next((field for field in obj.fields.values() if field.name_field), None)
    sees = org.visible(request.user)
    at = obj.field("LastViewedDate")
    if at is None or not obj.queryable or not sees(obj, at):
        return []
    named = f", {name.name}" if name is not None and sees(obj, name) else ""
    soql = (
        f"SELECT Id{named}, LastViewedDate FROM {obj.name} WHERE LastViewedDate != null "
        f"ORDER BY LastViewedDate DESC LIMIT {most}"
    )
    return list(run(org.connection(), soql, context(org, request.user, request.version)).records)


def tabs(request: Request, org: Org) -> Response:
    """One tab an object that people work with."""
    return json_response([_tab(request, obj) for obj in _shown(org) if searchable(obj) and obj.createable])


def _tab(request: Request, obj: ObjectType) -> dict[str, Any]:
    icon = f"{request.base_url}/img/icon/{obj.name.lower()}"
    return {
        "colors": [{"color": _COLOR, "context": "primary", "theme": _THEME}],
        "custom": obj.custom,
        "iconUrl": f"{icon}32.png",
        "icons": [],
        "label": obj.label_plural,
        "miniIconUrl": f"{icon}16.png",
        "name": obj.name if obj.custom else f"standard-{obj.name}",
        "sobjectName": obj.name,
        "url": f"{request.base_url}/{obj.key_prefix}/o",
    }


def theme(request: Request, org: Org) -> Response:
    """The color of each object."""
    color = {"color": _COLOR, "context": "primary", "theme": _THEME}
    items = [{"colors": [color], "icons": [], "name": obj.name} for obj in _shown(org) if searchable(obj)]
    return json_response({"themeItems": items})


def app_menus(request: Request, org: Org) -> Response:
    """The menus there are."""
    base = f"/services/data/v{request.version}/appMenu"
    return json_response({name: f"{base}/{name}" for name in ("NetworkTabs", "AppSwitcher", "Salesforce1")})


def app_menu(request: Request, org: Org) -> Response:
    """A menu without applications."""
    if request.params["menu"] not in ("NetworkTabs", "AppSwitcher", "Salesforce1"):
        raise ApiError("NOT_FOUND", "The requested resource does not exist", http=404)
    return json_response({"appMenuItems": []})
