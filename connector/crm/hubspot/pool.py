"""How do bytes reach the portal: one pool with time limits, roots of trust and no second tries."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import certifi
import urllib3
from urllib3.exceptions import (
    ClosedPoolError,
    ConnectTimeoutError,
    HTTPError,
    MaxRetryError,
    NewConnectionError,
    ProxyError,
    SSLError,
)

from connector.crm.answers import lost
from connector.crm.hubspot.connection import HubSpotConnection
from connector.crm.retry import Again
from connector.errors import Misconfigured


def pool_of(connection: HubSpotConnection) -> urllib3.PoolManager:
    """The pool of a connection, through the environment's proxy where it names one.

    More calls at a time than `threads` wait for a connection. Redirects and repeats are the caller's business.
    """
    settings: dict[str, Any] = {
        "num_pools": 2,
        "maxsize": connection.threads,
        "block": True,
        "retries": urllib3.Retry(0, redirect=False, raise_on_redirect=False, raise_on_status=False),
        "timeout": urllib3.Timeout(connect=connection.connect_timeout, read=connection.read_timeout),
        "headers": {"User-Agent": "pmom-connector", "Accept-Encoding": "gzip"},
    }
    if connection.base_url.startswith("https:"):
        settings |= {"cert_reqs": "CERT_REQUIRED", "ca_certs": connection.ca_file or certifi.where()}
    parts = urlsplit(connection.base_url)
    proxy = getproxies().get(parts.scheme)
    if proxy is None or proxy_bypass(parts.netloc):
        return urllib3.PoolManager(**settings)
    return urllib3.ProxyManager(proxy, proxy_headers=_proxy_headers(proxy), **settings)


def _proxy_headers(proxy: str) -> dict[str, str]:
    parts = urlsplit(proxy)
    if not parts.username:
        return {}
    return dict(urllib3.make_headers(proxy_basic_auth=f"{unquote(parts.username)}:{unquote(parts.password or '')}"))


def broken(where: str, error: HTTPError, idempotent: bool, base_url: str) -> Exception:
    """The error for a connection that failed; a call that never left may always be sent again."""
    cause = error.reason if isinstance(error, MaxRetryError) and error.reason is not None else error
    if isinstance(cause, SSLError) and "CERTIFICATE_VERIFY" in repr(cause):
        fix = "Set hubspot.ca_file to the PEM file of the authority that signed it"
        return Misconfigured(base_url, "its TLS certificate is not trusted here", fix)
    if isinstance(cause, ConnectTimeoutError | NewConnectionError | ClosedPoolError | ProxyError):
        return Again(f"{where}: nothing answers at {base_url} ({type(cause).__name__})", tries=4)
    return lost(f"{where}: the connection broke ({type(cause).__name__})", idempotent)
