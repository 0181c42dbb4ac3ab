"""Which emulators stand under fire: a filled portal and a filled org."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from emulators.hubspot import jobs
from emulators.hubspot.portal import Portal
from emulators.hubspot.server import Emulator as PortalEmulator
from emulators.hubspot.tokens import App as PortalApp
from emulators.loopback.clock import Clock
from emulators.loopback.http import Call, Response
from emulators.replay.furnished import equipped, furnish, with_files
from emulators.replay.words import org_words, portal_words
from emulators.salesforce import catalog
from emulators.salesforce.oauth import login as oauth
from emulators.salesforce.org import Org
from emulators.salesforce.server import Emulator as OrgEmulator
from emulators.salesforce.storage import table

START = datetime(2026, 3, 31, 9, 0, tzinfo=UTC)
_TOKEN = "pat-of-the-storm"  # noqa: S105  (of a portal that lives in a temporary folder)


class PortalUnderFire:
    """A portal in `folder` whose records 11 to 18 may be hit and whose records 91 to 93 must never change."""

    name = "hubspot"

    def __init__(self, folder: Path) -> None:
        self.portal = Portal.open(folder / "portal.db", None, Clock(START, frozen=True), 1)
        app = PortalApp("an-app", "its-secret", _TOKEN, "a-refresh-token")
        self.emulator = PortalEmulator(self.portal, app, control_token="of-the-storm")  # noqa: S106
        self.emulator.limits.set({"enabled": False})
        self.portal.put_state("lag", [0, 0])
        settings = self.portal.settings
        furniture = furnish(self._answered, app, settings.app_id, settings.portal_id)
        for name, number in (("companies", 11), ("contacts", 13), ("deals", 15), ("tasks", 17)):
            self._fill(name, number, number + 1)
        self._fill("companies", 91)
        self._fill("contacts", 92)
        self._fill("deals", 93)
        words = portal_words(self.emulator.router, _TOKEN)
        self.vocabulary = equipped(words, with_files(furniture, self._answered), app)
        self._untouched = self._sentinels()

    def handle(self, call: Call) -> Response | None:
        """Its answer; no sentinel is ever named by the words."""
        return self.emulator.handle(call)[0]

    def _answered(self, call: Call) -> Response | None:
        return self.emulator.handle(call)[0]

    def expects(self, call: Call, response: Response) -> bool:
        """Whether the vendor too answers this call with a status of 500 or more: never."""
        return False

    def kept(self) -> object:
        """Records, links, definitions and pipelines, once what was begun by earlier calls is done."""
        jobs.settle(self.portal)
        tables = (
            "record",
            "association",
            "property",
            "property_group",
            "pipeline",
            "custom_object",
            "label",
            "campaign",
            "campaign_item",
            "list_folder",
            "list_place",
            "association_limit",
            "validation",
            "pipeline_audit",
            "exchange_rate",
            "owner",
        )
        return [self.portal.connection.execute(f"SELECT * FROM {each}").fetchall() for each in tables]

    def sound(self) -> str:
        """The file is whole, and every record can be read and is what it was unless a call named it."""
        (word,) = self.portal.connection.execute("PRAGMA integrity_check").fetchone()
        if word != "ok":
            return f"the file is broken: {word}"
        if self._sentinels() != self._untouched:
            return "records that no call named have changed"
        for (type_id,) in self.portal.connection.execute("SELECT DISTINCT type FROM record").fetchall():
            answer = self.handle(_get(f"/crm/v3/objects/{type_id}?limit=100", _TOKEN))
            if answer is None or answer.status != 200:
                return f"records of {type_id} cannot be listed: {answer and answer.body!r}"
        return ""

    def release(self) -> None:
        """Let go what the current thread holds of the file."""
        if threading.current_thread() is not threading.main_thread():
            self.emulator.release()

    def close(self) -> None:
        """Let the file go."""
        self.emulator.stop()

    def _fill(self, name: str, *ids: int) -> None:
        for each in ids:
            what = {"name": "A", "domain": "a.example"} if name == "companies" else {}
            body = {"object": name, "id": str(each), "properties": {"hs_timestamp": "1"} if name == "tasks" else what}
            answer = self.handle(_post("/__emulator__/insert", body, "of-the-storm"))
            if answer is None or answer.status != 200:
                raise ValueError(f"the portal cannot be filled: {answer and answer.body!r}")

    def _sentinels(self) -> list[Any]:
        return self.portal.connection.execute("SELECT * FROM record WHERE id BETWEEN 91 AND 93").fetchall()


class OrgUnderFire:
    """An org in `folder`: one record of four objects may be hit, another of each must never change."""

    name = "salesforce"

    def __init__(self, folder: Path) -> None:
        self.org = Org.open(folder / "org.db", catalog.load(), Clock(START, frozen=True), seed=1)
        self.emulator = OrgEmulator(self.org, oauth.App("an-app", "its-secret"), control_token="of-the-storm")  # noqa: S106
        self.org.limits.daily_max = 10**9
        self._token = self.emulator.login.issue(self.org.user_id)
        hit = self._fill("Hit")
        self._safe = self._fill("Safe")
        self._untouched = self._sentinels()
        self.vocabulary = org_words(self.emulator.router, hit, self._token)

    def handle(self, call: Call) -> Response | None:
        """Its answer; a session that a call has ended is begun anew."""
        answer = self.emulator.handle(call)[0]
        if self.emulator.login.user_of(self._token) is None:
            with self.emulator.login._lock:
                self.emulator.login._sessions[self._token] = (self.org.user_id, self.org.clock.now())
        return answer

    def expects(self, call: Call, response: Response) -> bool:
        """SOAP tells faults with status 500; one that says UNKNOWN_EXCEPTION is a failure all the same."""
        return call.path.startswith("/services/Soap") and b"UNKNOWN_EXCEPTION" not in response.body

    def kept(self) -> object:
        """Records of the objects that the words name, custom fields and permissions."""
        names = ("Account", "Contact", "Opportunity", "Task", "Campaign", "FieldPermissions", "PermissionSet")
        connection = self.org.connection()
        found = [
            list(map(tuple, connection.execute(f"SELECT * FROM {table(self.org.object(each))}"))) for each in names
        ]
        return [*found, list(map(tuple, connection.execute("SELECT * FROM e_custom_field")))]

    def sound(self) -> str:
        """The file is whole, and every record can be read and is what it was unless a call named it."""
        (word,) = self.org.connection().execute("PRAGMA integrity_check").fetchone()
        if word != "ok":
            return f"the file is broken: {word}"
        if self._sentinels() != self._untouched:
            return "records that no call named have changed"
        for name in self._safe:
            answer = self.handle(
                _get(f"/services/data/v67.0/query?q=SELECT+FIELDS(ALL)+FROM+{name}+LIMIT+200", self._token)
            )
            if answer is None or answer.status != 200:
                return f"records of {name} cannot be queried: {answer and answer.body!r}"
        return ""

    def release(self) -> None:
        """Let go what the current thread holds of the file."""
        if threading.current_thread() is not threading.main_thread():
            self.emulator.release()

    def close(self) -> None:
        """Let the file go."""
        self.emulator.stop()

    def _fill(self, name: str) -> dict[str, str]:
        made: dict[str, str] = {}
        for object_name, values in (
            ("Account", {"Name": name}),
            ("Contact", {"LastName": name}),
            ("Opportunity", {"Name": name, "StageName": "Prospecting", "CloseDate": "2026-04-30"}),
            ("Task", {"Subject": name}),
        ):
            made[object_name] = self.org.insert(object_name, values, self.org.system())
        return made

    def _sentinels(self) -> list[Any]:
        return [self.org.get(name, record_id) for name, record_id in self._safe.items()]


def _get(target: str, token: str) -> Call:
    return Call("GET", target, {"authorization": f"Bearer {token}"})


def _post(target: str, body: object, control_token: str) -> Call:
    headers = {"x-emulator-token": control_token, "content-type": "application/json"}
    return Call("POST", target, headers, json.dumps(body).encode())
