"""What a deployment is: a package kept in the org's file, carried out between two status calls, and its result."""

from __future__ import annotations

import json
import zlib
from dataclasses import asdict, dataclass, field
from typing import Any

from emulators.loopback.clock import stored
from emulators.salesforce.errors import ApiError, not_found
from emulators.salesforce.metadata.plan import Component, Plan
from emulators.salesforce.metadata.xml import BadPackage, open_package
from emulators.salesforce.org import Org
from emulators.salesforce.xml_text import BadXml

MAX_ZIP = 39_000_000
_TABLE = "e_deploy (id TEXT PRIMARY KEY, zip BLOB, body TEXT) WITHOUT ROWID"
FINAL = ("Succeeded", "SucceededPartial", "Failed", "Canceled")
OPTIONS: dict[str, Any] = {
    "allowMissingFiles": False, "autoUpdatePackage": False, "checkOnly": False, "ignoreWarnings": False,
    "performRetrieve": False, "purgeOnDelete": False, "rollbackOnError": True, "runTests": None,
    "singlePackage": True, "testLevel": None,
}  # fmt: skip
_TESTS = (None, "", "None", "NoTestRun", "RunSpecifiedTests", "RunLocalTests", "RunAllTestsInOrg", "RunRelevantTests")


@dataclass(slots=True)
class Deployment:
    """One deployment; `status` is Pending, InProgress, Canceling or one of FINAL."""

    id: str
    user: str
    options: dict[str, Any]
    created: str
    status: str = "Pending"
    polls: int = 0
    started: str = ""
    ended: str = ""
    error: str = ""
    validated: str = ""  # the validation that a quick deploy repeats
    components: list[dict[str, Any]] = field(default_factory=list)

    @property
    def failures(self) -> list[dict[str, Any]]:
        """The components that are wrong."""
        return [component for component in self.components if component["problem"] and not component["warning"]]


def configure(org: Org, *, polls: int) -> None:
    """How many status calls still see a deployment at work."""
    org.put_state("metadata", {"polls": polls})


def create(org: Org, user: str, body: bytes, options: dict[str, Any], validated: str = "") -> Deployment:
    """Take a package in; 400 for one that is too large or an option that does not exist."""
    if len(body) > MAX_ZIP:
        raise ApiError("LIMIT_EXCEEDED", "Maximum size of request reached. Maximum size of request is 39 MB.")
    unknown = sorted(options.keys() - OPTIONS.keys() - {"runAllTests", "isTestLevelSet"})
    if unknown:
        raise ApiError("JSON_PARSER_ERROR", f'Unrecognized field "{unknown[0]}"')
    if options.get("testLevel") not in _TESTS:
        raise ApiError("INVALID_FIELD", f"'{options['testLevel']}' is not a valid value for the enum 'TestLevel'")
    known = {name: value for name, value in options.items() if name in OPTIONS}
    now = stored(org.clock.now())
    deployment = Deployment(org.new_ids("0Af", 1)[0], user, OPTIONS | known, now, validated=validated)
    with org.transaction() as connection:
        connection.execute(f"CREATE TABLE IF NOT EXISTS {_TABLE}")
        connection.execute("INSERT INTO e_deploy VALUES (?, ?, '')", (deployment.id, zlib.compress(body, 1)))
        _save(org, deployment)
    return deployment


def _save(org: Org, deployment: Deployment) -> None:
    with org.transaction() as connection:
        text = json.dumps(asdict(deployment))
        connection.execute("UPDATE e_deploy SET body = ? WHERE id = ?", (text, deployment.id))


def find(org: Org, deployment_id: str) -> Deployment:
    """The deployment of that id (15 or 18 characters); 404 for none."""
    org.connection().execute(f"CREATE TABLE IF NOT EXISTS {_TABLE}")
    sql = "SELECT body FROM e_deploy WHERE substr(id, 1, 15) = ?"
    row = org.connection().execute(sql, (deployment_id[:15],)).fetchone()
    if row is None:
        raise not_found()
    return Deployment(**json.loads(row[0]))


def package_of(org: Org, deployment: Deployment) -> bytes:
    """The zip that was sent."""
    row = org.connection().execute("SELECT zip FROM e_deploy WHERE id = ?", (deployment.id,)).fetchone()
    return zlib.decompress(row[0])


def quick(org: Org, user: str, validation_id: str) -> Deployment:
    """Deploy what was validated before; 400 for an id that is no validation that succeeded."""
    earlier = find(org, validation_id)
    if not earlier.options["checkOnly"] or earlier.status != "Succeeded":
        raise ApiError("INVALID_ID_FIELD", f"{earlier.id} is not a validation that succeeded")
    return create(org, user, package_of(org, earlier), earlier.options | {"checkOnly": False}, validated=earlier.id)


def poll(org: Org, deployment_id: str) -> Deployment:
    """What a status call does: the work is done at the one that may see its end."""
    with org.transaction():
        deployment = find(org, deployment_id)
        if deployment.status in FINAL:
            return deployment
        patience = int((org.state("metadata") or {"polls": 1})["polls"])
        now = stored(org.clock.now())
        deployment.started = deployment.started or now
        if deployment.status == "Canceling":
            deployment.status, deployment.ended = "Canceled", now
        elif deployment.polls < patience:
            deployment.status = "InProgress"
        else:
            _carry_out(org, deployment)
            deployment.ended = now
        deployment.polls += 1
        _save(org, deployment)
    return deployment


def cancel(org: Org, deployment_id: str) -> Deployment:
    """Ask for the end of a deployment that has not ended."""
    with org.transaction():
        deployment = find(org, deployment_id)
        if deployment.status in FINAL:
            raise ApiError("INVALID_ID_FIELD", f"Deployment already completed: {deployment.status}")
        deployment.status = "Canceling"
        _save(org, deployment)
    return deployment


def _carry_out(org: Org, deployment: Deployment) -> None:
    try:
        plan = Plan(org, open_package(package_of(org, deployment)))
    except BadPackage as bad:
        deployment.components = [asdict_of(Component("", "package.xml", "package.xml", str(bad)))]
        deployment.status, deployment.error = "Failed", str(bad)
        return
    except BadXml as bad:
        blamed = Component("", "package.xml", "package.xml", bad.problem, line=bad.line, column=bad.column)
        deployment.components = [asdict_of(blamed)]
        deployment.status = "Failed"
        return
    failed = [component for component in plan.components if component.failed]
    keep = not failed or not deployment.options["rollbackOnError"]
    if keep and not deployment.options["checkOnly"]:
        for component in plan.changes():
            if component.apply is not None:
                component.apply()
    good = len(plan.components) - len(failed)
    partial = bool(failed) and keep and good > 0
    deployment.status = "Succeeded" if not failed else "SucceededPartial" if partial else "Failed"
    deployment.components = [asdict_of(component) for component in plan.components]


def asdict_of(component: Component) -> dict[str, Any]:
    """A component without its action, for the file."""
    names = ("kind", "name", "file", "problem", "warning", "line", "column", "created", "changed", "deleted", "id")
    return {name: getattr(component, name) for name in names}


# -- results ------------------------------------------------------------------------------------------------------


def result(org: Org, deployment: Deployment, *, details: bool) -> dict[str, Any]:
    """The deployResult as REST gives it; SOAP has the same names."""
    user = org.get("User", deployment.user) or {}
    done = deployment.status in FINAL
    failures, total = len(deployment.failures), len(deployment.components)
    body: dict[str, Any] = {
        "id": deployment.id,
        "status": deployment.status,
        "done": done,
        "success": deployment.status in ("Succeeded", "SucceededPartial"),
        "checkOnly": bool(deployment.options["checkOnly"]),
        "ignoreWarnings": bool(deployment.options["ignoreWarnings"]),
        "rollbackOnError": bool(deployment.options["rollbackOnError"]),
        "runTestsEnabled": False,
        "createdBy": deployment.user,
        "createdByName": user.get("Name"),
        "createdDate": _told(deployment.created),
        "lastModifiedDate": _told(deployment.ended or deployment.started or deployment.created),
        "numberComponentErrors": failures,
        "numberComponentsDeployed": total - failures,
        "numberComponentsTotal": total,
        "numberTestErrors": 0,
        "numberTestsCompleted": 0,
        "numberTestsTotal": 0,
    }
    if deployment.started:
        body["startDate"] = _told(deployment.started)
    if done:
        body["completedDate"] = _told(deployment.ended)
    if deployment.error:
        body |= {"errorMessage": deployment.error, "errorStatusCode": "UNKNOWN_EXCEPTION"}
    if deployment.status == "Canceled":
        body |= {"canceledBy": deployment.user, "canceledByName": user.get("Name")}
    if details:
        body["details"] = _details(deployment, done)
    return body


def _told(instant: str) -> str:
    return instant.replace("Z", "+0000")


def _details(deployment: Deployment, done: bool) -> dict[str, Any]:
    good: list[dict[str, Any]] = []
    bad: list[dict[str, Any]] = []
    for component in deployment.components:
        failed = bool(component["problem"]) and not component["warning"]
        (bad if failed else good).append(_message(deployment, component, not failed))
    if done and not bad:
        manifest = asdict_of(Component("", "package.xml", "package.xml"))
        good.append(_message(deployment, manifest, True))
    tests = {"numFailures": 0, "numTestsRun": 0, "totalTime": 0.0, "successes": [], "failures": []}
    return {"componentSuccesses": good, "componentFailures": bad, "runTestResult": tests}


def _message(deployment: Deployment, component: dict[str, Any], success: bool) -> dict[str, Any]:
    problem = component["problem"] or None
    return {
        "changed": component["changed"] and success,
        "columnNumber": component["column"] or None if problem else None,
        "componentType": component["kind"],
        "created": component["created"] and success,
        "createdDate": _told(deployment.ended or deployment.created),
        "deleted": component["deleted"] and success,
        "fileName": component["file"],
        "fullName": component["name"],
        "id": component["id"] or None,
        "lineNumber": component["line"] or None if problem else None,
        "problem": problem,
        "problemType": None if problem is None else "Warning" if component["warning"] else "Error",
        "success": success,
        "warning": component["warning"],
    }
