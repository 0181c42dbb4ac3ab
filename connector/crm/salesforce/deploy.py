"""How does a metadata package get into the org, and what does the org say when it does not?"""

from __future__ import annotations

import json
from typing import Any

from connector.crm.salesforce.faults import Refusal
from connector.crm.salesforce.http import Wire
from connector.errors import Misconfigured, Retry

FINISHED = ("Succeeded", "SucceededPartial", "Failed", "Canceled", "FinalizingDeployFailed")
DENIED = "Give the user 'Modify Metadata Through Metadata API Functions', or let an administrator run it"
OPTIONS = {
    "deployOptions": {
        "allowMissingFiles": False,
        "autoUpdatePackage": False,
        "checkOnly": False,
        "ignoreWarnings": True,
        "performRetrieve": False,
        "purgeOnDelete": False,
        "rollbackOnError": True,
        "singlePackage": True,
        "testLevel": "NoTestRun",
    }
}


class Deployer:
    """Deploys over one wire; all of a package or nothing."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def run(self, archive: bytes) -> dict[str, Any]:
        """The deployResult once it has ended, whichever way. Misconfigured when the user may not deploy."""
        files = {
            "json": (None, json.dumps(OPTIONS), "application/json"),
            "file": ("deploy.zip", archive, "application/zip"),
        }
        try:
            # Deploying the same package twice ends in the same org.
            answer = self._wire.raw("POST", "metadata/deployRequest", kind="deploy", files=files, idempotent=True)
        except Refusal as error:
            if error.status == 403 or error.code.startswith("INSUFFICIENT_ACCESS"):
                raise Misconfigured("salesforce install", f"{error.code}: {error.message}", DENIED) from error
            raise
        return self._ended(str(answer.json()["id"]))

    def _ended(self, deploy: str) -> dict[str, Any]:
        wait, waited = self._wire.connection.first_poll, 0.0
        while True:
            path = f"metadata/deployRequest/{deploy}"
            answer = self._wire.json("GET", path, kind="deploy", params={"includeDetails": "true"})
            result: dict[str, Any] = answer["deployResult"]
            if result.get("status") in FINISHED:
                return result | {"id": deploy}
            if waited > self._wire.connection.job_deadline:
                raise Retry(f"deploy {deploy} is still {result.get('status')}; look at Setup, Deployment Status")
            self._wire.sleep(wait)
            waited += wait
            wait = min(self._wire.connection.longest_poll, wait * 1.5)


def failures(result: dict[str, Any]) -> list[dict[str, Any]]:
    """The components that the org refuses, each with `fullName` and `problem`."""
    found = (result.get("details") or {}).get("componentFailures") or []
    return [found] if isinstance(found, dict) else list(found)


def why(result: dict[str, Any]) -> str:
    """The first of what the org says against a package."""
    said = [f"{each.get('fullName') or each.get('fileName')}: {each.get('problem')}" for each in failures(result)[:5]]
    return "; ".join(said) or str(result.get("errorMessage") or "no reason given")
