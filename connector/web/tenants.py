"""Whose posts are taken, and how is each sender known? One tenant for each connection of the deployment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from threading import Lock
from time import monotonic

import structlog

from connector.config import mapping_file, webhooks
from connector.config.deployment import Deployment, Named, Resting
from connector.config.fieldmap import FieldMap
from connector.config.secret_files import secrets_in
from connector.config.settings import Settings
from connector.config.webhooks import Webhooks
from connector.errors import Misconfigured
from connector.hooks.hubspot_signatures import Version
from connector.hooks.outbound import Allowed
from connector.hooks.wanted import Wanted, wanted
from connector.web.log import hide

log = structlog.get_logger("pmom.web")

AGAIN = 10.0  # seconds between two tries to load connections that rest


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


class Tenants(Mapping[str, Tenant]):
    """The tenants by name. Those that cannot be loaded rest, and are tried again whenever somebody asks for one.

    Threads may share it. `passed` is a clock that nobody sets, in seconds.
    """

    def __init__(self, deployment: Deployment, passed: Callable[[], float] = monotonic) -> None:
        found, resting = sorted_out(deployment)
        for each in resting:
            log.error("connection cannot be loaded", connection=each.name, reason=str(each.why))
        self._known = {each.name: each for each in found}
        self._left = {each.name: each for each in resting}
        able = tuple(each for each in deployment.connections if each.name in self._known)
        self._deployment = replace(deployment, connections=able, resting=tuple(resting))
        self._passed, self._tried, self._lock = passed, passed(), Lock()

    def deployment(self) -> Deployment:
        """As much of it as can be loaded now."""
        self._look_again()
        return self._deployment

    def rests(self, name: str) -> bool:
        """Whether that connection rests because it cannot be loaded."""
        if name not in self._left:
            return False
        self._look_again()
        return name in self._left

    def __getitem__(self, name: str) -> Tenant:
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self._known))

    def __len__(self) -> int:
        return len(self._known)

    def _look_again(self) -> None:
        """At most once in `AGAIN` seconds: strangers may ask, too."""
        with self._lock:
            if not self._left or self._passed() - self._tried < AGAIN:
                return
            self._tried = self._passed()
            for each in tuple(self._left.values()):
                self._look_at(each)

    def _look_at(self, resting: Resting) -> None:
        try:
            settings = Settings.load(resting.path)
            named = Named(settings.connection_name(), resting.path, settings)
            if named.name != resting.name:
                return  # workers know it by another name: both are to be started again
            tenant = _tenant(named, self._deployment.web.public_url)
            every = (*self._deployment.connections, named)
            _refuse_shared((*self._known.values(), tenant), every)
        except Misconfigured:
            return
        hide(secrets_in(settings))
        self._known = self._known | {tenant.name: tenant}
        self._left = {name: each for name, each in self._left.items() if name != tenant.name}
        self._deployment = replace(self._deployment, connections=every, resting=tuple(self._left.values()))
        log.info("connection can be loaded again", connection=tenant.name)


def sorted_out(deployment: Deployment) -> tuple[tuple[Tenant, ...], tuple[Resting, ...]]:
    """The tenants of that deployment, and the connections that cannot be taken posts for.

    Misconfigured when no connection's [webhooks] and mapping are right, or two of them share a secret.
    """
    found, resting = [], list(deployment.resting)
    for each in deployment.connections:
        try:
            found.append((each, _tenant(each, deployment.web.public_url)))
        except Misconfigured as error:
            resting.append(Resting(each.name, each.path, error))
    if not found:
        raise resting[-1].why
    _refuse_shared(tuple(tenant for _, tenant in found), tuple(each for each, _ in found))
    return tuple(tenant for _, tenant in found), tuple(resting)


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
