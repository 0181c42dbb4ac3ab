"""Whose posts are taken, and how is each sender known? One tenant for each connection of the deployment."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from connector.config import mapping_file, webhooks
from connector.config.deployment import Deployment, Named
from connector.config.fieldmap import FieldMap
from connector.config.webhooks import Webhooks
from connector.errors import Misconfigured
from connector.hooks.hubspot_signatures import Version
from connector.hooks.outbound import Allowed
from connector.hooks.wanted import Wanted, wanted


@dataclass(frozen=True, slots=True, repr=False)
class HubSpotDoor:
    """How HubSpot's posts are known. `uri`: the target address as HubSpot has it."""

    portal_id: str
    uri: str
    secrets: tuple[str, ...]
    oldest: Version = Version.V3


@dataclass(frozen=True, slots=True, repr=False)
class OutboundDoor:
    """How outbound messages are known. `secrets`: last parts of their address."""

    secrets: tuple[str, ...]
    allowed: Allowed


@dataclass(frozen=True, slots=True, repr=False)
class EventsDoor:
    """How signed posts are known. `plain`: the secret itself may be shown instead of a signature."""

    secrets: tuple[str, ...]
    plain: bool = False


@dataclass(frozen=True, slots=True, repr=False)
class Tenant:
    """One connection; a door that is None is shut. Never printed: it holds secrets."""

    name: str
    wanted: Wanted
    hubspot: HubSpotDoor | None = None
    outbound: OutboundDoor | None = None
    events: EventsDoor | None = None


def of(deployment: Deployment) -> tuple[Tenant, ...]:
    """The tenants of that deployment; Misconfigured when a connection's [webhooks] are wrong."""
    found = tuple(_tenant(each, deployment.web.public_url) for each in deployment.connections)
    _refuse_shared(found, deployment.connections)
    return found


def _refuse_shared(tenants: tuple[Tenant, ...], named: tuple[Named, ...]) -> None:
    """The signature does not cover the connection: what is meant for one must not be believed by another."""
    owners: dict[str, str] = {}
    for tenant, each in zip(tenants, named, strict=True):
        for secret in tenant.events.secrets if tenant.events else ():
            owner = owners.setdefault(secret, tenant.name)
            if owner != tenant.name:
                found = f"webhooks.events_secret of {tenant.name} is also that of {owner}"
                fix = "Give each connection its own, in a file that events_secret_file names: not in the environment."
                raise Misconfigured(each.settings.where("webhooks", "events_secret_file"), found, fix)


def _tenant(named: Named, public_url: str | None) -> Tenant:
    settings, found = named.settings, webhooks.checked(named.settings)
    crm = settings.crm()
    fieldmap = mapping_file.load_named(getattr(settings.mapping, crm), settings.base)
    events = found.held("events_secret", "events_previous_secret")
    return Tenant(
        named.name,
        _wanted(fieldmap, found.own_writer),
        _hubspot(named, found, public_url) if crm == "hubspot" else None,
        _outbound(found) if crm == "salesforce" else None,
        EventsDoor(events, found.events_plain) if events else None,
    )


def _wanted(fieldmap: FieldMap, own_writer: str) -> Wanted:
    rules = [rule for source in fieldmap.sources for rule in source.columns]
    objects = dict.fromkeys([*(each.object for each in fieldmap.sources), *(rule.of for rule in rules if rule.of)])
    fields: Iterable[str] = [name for rule in rules for name in rule.fields]
    return wanted(objects, fields, writers=(own_writer,))


def _hubspot(named: Named, found: Webhooks, public_url: str | None) -> HubSpotDoor | None:
    secrets = found.held("hubspot_client_secret", "hubspot_previous_client_secret")
    portal = named.settings.hubspot
    if not secrets or portal is None:
        return None
    uri = found.hubspot_target_url or (public_url and f"{public_url.rstrip('/')}/hooks/hubspot/{named.name}")
    if not uri:
        fix = "Set [web] public_url: HubSpot signs the address that it calls."
        raise Misconfigured(named.settings.where("webhooks"), "HubSpot's target address is not known", fix)
    return HubSpotDoor(portal.portal_id, uri, secrets, Version(found.hubspot_oldest_signature))


def _outbound(found: Webhooks) -> OutboundDoor | None:
    secrets = found.held("outbound_secret", "outbound_previous_secret")
    return OutboundDoor(secrets, Allowed(found.outbound_organization, found.actions())) if secrets else None
