"""How tests and demos steer webhooks: subscriptions, the receiver, misbehaviour on purpose, and the delivery log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from emulators.hubspot import webhooks
from emulators.hubspot.webhook_delivery import Deliveries
from emulators.loopback.plane import Plane

Body = Mapping[str, Any]


def add(plane: Plane, deliveries: Deliveries) -> None:
    """The control plane's calls about webhooks."""
    portal = deliveries.portal

    def state(body: Body) -> dict[str, Any]:
        found = webhooks.settings(portal)
        return {
            "target_url": found.target_url if found else "",
            "max_concurrent_requests": found.most if found else webhooks.CONCURRENT,
            "subscriptions": [webhooks.printed(each) for each in webhooks.subscriptions(portal)],
            **asdict(webhooks.wire(portal)),
            **deliveries.describe(),
        }

    def change(body: Body) -> dict[str, Any]:
        found, rest = webhooks.settings(portal), dict(body)
        url = str(rest.pop("target_url", found.target_url if found else ""))
        most = int(rest.pop("max_concurrent_requests", found.most if found else webhooks.CONCURRENT))
        if url:
            webhooks.configure(portal, url, most)
        webhooks.tune(portal, rest)
        deliveries.wake()
        return state({})

    def subscribe(body: Body) -> dict[str, Any]:
        made = webhooks.subscribe(
            portal,
            str(body["type"]),
            property_name=str(body.get("property", "")),
            object_type=str(body.get("object", "")),
        )
        return {"id": str(made.id)}

    def unsubscribe(body: Body) -> None:
        numbers = [str(body["id"])] if "id" in body else [str(each.id) for each in webhooks.subscriptions(portal)]
        for number in numbers:
            webhooks.unsubscribe(portal, number)

    plane.add("GET", "webhooks", state)
    plane.add("POST", "webhooks", change)
    plane.add("POST", "subscribe", subscribe)
    plane.add("POST", "unsubscribe", unsubscribe)
    deliveries.steer(plane)
