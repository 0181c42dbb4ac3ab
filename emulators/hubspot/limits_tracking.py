"""How near the portal is to its limits ("Limits tracking"): properties, objects, records, pipelines, associations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from emulators.hubspot import association_limits, definitions, labels, pipelines, properties, schemas
from emulators.hubspot.catalog import ObjectType
from emulators.hubspot.router import Request, Response, Router, json_response

if TYPE_CHECKING:
    from emulators.hubspot.portal import Portal

MOST_PROPERTIES, MOST_CALCULATED, MOST_PIPELINES = 10_000, 200, 100  # of a portal, of a portal, of an object
MOST_RECORDS = 15_000_000  # of an object; state `record_limit` overrides it
_NEAR, _SAMPLES = 0.8, 10  # the share from which a record counts as near its limit; how many are shown
_SCOPES = (
    "crm.objects.contacts.read", "crm.objects.companies.read", "crm.objects.deals.read", "crm.objects.custom.read",
)  # fmt: skip


def routes(router: Router) -> None:
    """The limits tracking API."""
    base = "/crm/v3/limits"
    for path, handler in (
        ("/custom-properties", _custom_properties),
        ("/calculated-properties", _calculated),
        ("/custom-object-types", _custom_objects),
        ("/records", _records),
        ("/pipelines", _pipelines),
        ("/associations/labels", _labels),
        ("/associations/records/from", _crowded_from),
        ("/associations/records/{object}/to", _crowded_to),
        ("/associations/records/{object}/{to}", _crowded),
    ):
        router.add("GET", base + path, handler, scopes=_SCOPES)


def _share(used: int, limit: int) -> dict[str, Any]:
    return {"usage": used, "limit": limit, "percentage": round(100 * used / limit, 2)}


def _overall(used: int, limit: int) -> dict[str, Any]:
    return {f"overall{key.capitalize()}": value for key, value in _share(used, limit).items()}


def _named(obj: ObjectType) -> dict[str, Any]:
    return {"objectTypeId": obj.type_id, "singularLabel": obj.label, "pluralLabel": obj.plural_label}


def _custom_properties(request: Request, portal: Portal) -> Response:
    counts = {
        obj: sum(not each.hubspot_defined for each in definitions.of(portal, obj.type_id).values())
        for obj in definitions.object_types(portal)
    }
    by_type = [_named(obj) | _share(count, properties.MOST) for obj, count in counts.items()]
    return json_response({**_overall(sum(counts.values()), MOST_PROPERTIES), "byObjectType": by_type})


def _calculated(request: Request, portal: Portal) -> Response:
    counts = {
        obj: sum(
            each.calculated and not each.hubspot_defined for each in definitions.of(portal, obj.type_id).values()
        )
        for obj in definitions.object_types(portal)
    }
    by_type = [_named(obj) | {"usage": count} for obj, count in counts.items()]
    return json_response({**_overall(sum(counts.values()), MOST_CALCULATED), "byObjectType": by_type})


def _custom_objects(request: Request, portal: Portal) -> Response:
    return json_response(_share(len(definitions.custom_objects(portal)), schemas.MOST))


def _records(request: Request, portal: Portal) -> Response:
    rows = portal.connection.execute("SELECT type, COUNT(*) FROM record WHERE archived IS NULL GROUP BY type")
    return _by_kind(portal, dict(rows.fetchall()), int(portal.state("record_limit") or MOST_RECORDS))


def _pipelines(request: Request, portal: Portal) -> Response:
    counts = {obj.type_id: len(pipelines.of(portal, obj.type_id)) for obj in definitions.object_types(portal)}
    return _by_kind(portal, counts, MOST_PIPELINES)


def _by_kind(portal: Portal, counts: Mapping[str, int], limit: int) -> Response:
    """HubSpot's own objects have the limit each, custom ones share it."""
    custom = definitions.custom_objects(portal)
    shared = [_named(obj) | {"usage": counts.get(obj.type_id, 0)} for obj in custom]
    own = [
        _named(obj) | _share(counts.get(obj.type_id, 0), limit)
        for obj in definitions.object_types(portal)
        if not obj.custom
    ]
    overall = _overall(sum(counts.get(obj.type_id, 0) for obj in custom), limit)
    together: dict[str, Any] = {**overall, "byObjectType": shared}
    return json_response({"hubspotDefinedObjectTypes": own, "customObjectTypes": together})


def _labels(request: Request, portal: Portal) -> Response:
    most = int(portal.state("labels_a_pair") or labels.MOST)
    known = {obj.type_id: obj for obj in definitions.object_types(portal)}
    wanted = [request.one(f"{end}ObjectTypeId") for end in ("from", "to")]
    found = [
        {
            "fromObjectType": _named(known[one]),
            "toObjectType": _named(known[other]),
            "allLabels": [each.label for each in labels.kinds(portal, one, other) if each.category == labels.USERS],
            **_share(count, most),
        }
        for one, other, count in labels.count(portal)
        if all(asked in ("", end) for asked, end in zip(wanted, (one, other), strict=True))
    ]
    return json_response({"results": found})


def _counts(portal: Portal, one: str, other: str) -> list[tuple[int, int]]:
    """(record, associated records) of one object, most first, from the near ones on."""
    most = association_limits.most(portal, one, other)
    return portal.connection.execute(
        "SELECT from_id, COUNT(DISTINCT to_id) n FROM association WHERE from_type = ? AND to_type = ?"
        " GROUP BY from_id HAVING n >= ? ORDER BY n DESC, from_id",
        (one, other, _NEAR * most),
    ).fetchall()


def _pairs(portal: Portal) -> list[tuple[str, str]]:
    text = "SELECT DISTINCT from_type, to_type FROM association ORDER BY 1, 2"
    return portal.connection.execute(text).fetchall()


def _crowded_from(request: Request, portal: Portal) -> Response:
    """Objects with records that are near the limit of any of their associations, or at it."""
    return _told(portal, [(one, one, other) for one, other in _pairs(portal)])


def _crowded_to(request: Request, portal: Portal) -> Response:
    """Objects to which records of the path's object have that many associations."""
    wanted = definitions.required_type(portal, request.params["object"]).type_id
    return _told(portal, [(other, one, other) for one, other in _pairs(portal) if one == wanted])


def _told(portal: Portal, pairs: Iterable[tuple[str, str, str]]) -> Response:
    found: dict[str, dict[str, Any]] = {}
    known = {obj.type_id: obj for obj in definitions.object_types(portal)}
    for shown, one, other in pairs:
        counts, most = _counts(portal, one, other), association_limits.most(portal, one, other)
        if counts and shown in known:
            entry = found.setdefault(shown, {**_named(known[shown]), "hasRecordsAtLimit": False})
            entry["hasRecordsAtLimit"] |= counts[0][1] >= most
            entry["hasRecordsNearLimit"] = entry.get("hasRecordsNearLimit", False) or counts[-1][1] < most
    return json_response({"results": list(found.values())})


def _crowded(request: Request, portal: Portal) -> Response:
    """Records of one object that have nearly as many associations to another as they may, or as many."""
    one, other = (definitions.required_type(portal, request.params[name]).type_id for name in ("object", "to"))
    most, counts = association_limits.most(portal, one, other), _counts(portal, one, other)
    full = [number for number, count in counts if count >= most]
    near = [(number, count) for number, count in counts if count < most]
    samples = [{"objectId": number, "label": str(number), **_share(count, most)} for number, count in near[:_SAMPLES]]
    return json_response(
        {
            "limit": most,
            "totalRecordsAtLimit": len(full),
            "totalRecordsNearLimit": len(near),
            "atLimitFromRecordSamples": [{"objectId": each, "label": str(each)} for each in full[:_SAMPLES]],
            "nearLimitFromRecordSamples": [{key: each[key] for key in each if key != "limit"} for each in samples],
        }
    )
