"""How tests and demos steer outbound messages: definitions, misbehaviour on purpose, and the delivery log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from emulators.loopback.plane import Plane
from emulators.salesforce.outbound import messages as outbound
from emulators.salesforce.outbound.delivery import Deliveries

Body = Mapping[str, Any]


def add(plane: Plane, deliveries: Deliveries) -> None:
    """The control plane's calls about outbound messages."""
    org = deliveries.org

    def state(body: Body) -> dict[str, Any]:
        listed = [asdict(each) for each in outbound.messages(org)]
        return {"messages": listed, **asdict(outbound.wire(org)), **deliveries.describe()}

    def change(body: Body) -> dict[str, Any]:
        """With an `object` a new message, without one the wire's behaviour."""
        if "object" in body:
            made = outbound.define(org, body)
            return {"id": made.id, "action_id": made.action_id}
        outbound.tune(org, body)
        deliveries.wake()
        return state(body)

    def remove(body: Body) -> None:
        outbound.remove(org, int(body["id"]) if "id" in body else None)

    plane.add("GET", "outbound_messages", state)
    plane.add("POST", "outbound_messages", change)
    plane.add("DELETE", "outbound_messages", remove)
    deliveries.steer(plane)
