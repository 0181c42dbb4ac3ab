"""Every answer of the webhook addresses: what is taken, what is refused with which status, and what is counted."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from werkzeug.test import create_environ, run_wsgi_app

from connector.config.deployment import Deployment
from connector.errors import Busy, Unkept
from connector.hooks import outbound
from connector.web import application

PORTAL, ORG, ACTION = 48_000_001, "00D000000000001EAA", "04k000000000001AAA"
OUTBOUND_SECRET = "o" * 32 + "-in-the-address"
EVENT = {"object": "Opportunity", "id": "006000000000001AAA", "event_id": "1"}
JSON = {"content_type": "application/json"}


def deal(**changed: Any) -> bytes:
    event = {
        "eventId": 1, "subscriptionId": 2, "portalId": PORTAL, "occurredAt": 1_774_947_600_000, "objectId": 3,
        "subscriptionType": "deal.creation", "attemptNumber": 0, "changeSource": "CRM_UI",
    }  # fmt: skip
    return json.dumps([{**event, **changed}]).encode()


def message(number: int = 1, *, org: str = ORG, kind: str = "Opportunity") -> bytes:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="{outbound.ENVELOPE}" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><s:Body>'
        f'<notifications xmlns="{outbound.NAMESPACE}"><OrganizationId>{org}</OrganizationId>'
        f"<ActionId>{ACTION}</ActionId>"
        f'<Notification><Id>04l{number:015}</Id><sObject xsi:type="sf:{kind}" xmlns:sf="urn:x"><sf:Id>006{number:015}'
        "</sf:Id></sObject></Notification></notifications></s:Body></s:Envelope>"
    ).encode()


def test_a_good_post_of_each_sender_is_kept_and_answered_as_the_sender_understands(site: Any) -> None:
    hubspot, soap, event = site.hubspot(deal()), site.outbound(message()), site.events(EVENT)
    assert (hubspot.status_code, hubspot.data) == (204, b"")
    assert (soap.status_code, soap.data, soap.mimetype) == (200, outbound.ACK, "text/xml")
    assert (event.status_code, event.get_json()) == (200, {"accepted": 1, "echoes": 0, "unmapped": 0})
    assert [(each.hint.object, each.hint.record_id) for each in site.held("portal")] == [("deals", "3")]
    assert [(each.hint.object, each.hint.record_id) for each in site.held("emea")] == [
        ("Opportunity", f"006{1:015}"),
        ("Opportunity", "006000000000001AAA"),
    ]


def test_a_replay_is_answered_as_before_and_kept_once(site: Any) -> None:
    for send in (lambda: site.hubspot(deal()), lambda: site.outbound(message()), lambda: site.events(EVENT)):
        first, again = send(), send()
        assert (first.status_code, first.data) == (again.status_code, again.data)
    assert (len(site.held("portal")), len(site.held("emea"))) == (1, 2)


def test_what_the_mapping_does_not_read_and_our_own_writing_is_answered_and_not_kept(site: Any) -> None:
    assert site.hubspot(deal(subscriptionType="ticket.creation")).status_code == 204
    ours = deal(subscriptionType="deal.propertyChange", propertyName="pmom_deal_credit")
    assert site.hubspot(ours).status_code == 204
    assert site.outbound(message(kind="Case")).data == outbound.ACK
    assert site.events({**EVENT, "object": "Case"}).get_json() == {"accepted": 0, "echoes": 0, "unmapped": 1}
    assert site.held("portal") == site.held("emea") == ()
    assert site.refused() == {
        ("emea", "told_unmapped"): 2,
        ("portal", "told_echoes"): 1,
        ("portal", "told_unmapped"): 1,
    }


def test_a_wrong_path_secret_and_an_unknown_connection_cannot_be_told_apart(site: Any) -> None:
    answers = [
        site.outbound(message(), secret="x" * 47),
        site.outbound(message(), name="nobody"),
        site.outbound(message(), name="portal"),  # exists, and has no such address
        site.outbound(message(), secret=OUTBOUND_SECRET[:-1]),
        site.outbound(message(org="00D000000000002EAA")),
        site.outbound(b"<", secret="x"),
        site.hubspot(deal(), name="emea"),
        site.hubspot(deal(), name="nobody"),
        site.events(EVENT, name="nobody"),
    ]
    told = {(each.status_code, each.get_json()["error"], *sorted(each.headers.keys())) for each in answers}
    assert len(told) == 1
    assert answers[0].status_code == 404
    assert answers[0].get_json()["error"] == "unknown"
    assert site.held("emea") == ()
    assert site.refused() == {
        ("", "refused_unknown"): 3,
        ("emea", "refused_foreign"): 1,
        ("emea", "refused_unknown"): 4,
        ("portal", "refused_unknown"): 1,
    }


def test_wrong_signatures_are_refused_with_401(site: Any) -> None:
    assert site.hubspot(deal(), secret="another").status_code == 401
    assert site.events(EVENT, secret="another").status_code == 401
    unsigned = site.client.post("/hooks/hubspot/portal", data=deal(), **JSON)
    assert (unsigned.status_code, unsigned.get_json()["error"]) == (401, "unsigned")
    body = site.client.post("/hooks/events/emea", json=EVENT)
    assert (body.status_code, body.get_json()["error"]) == (401, "unsigned")


@pytest.mark.parametrize("seconds", [301, -301])
def test_a_post_of_another_time_is_refused(site: Any, seconds: int) -> None:
    signed_at = site.at[0] + timedelta(seconds=seconds)
    for answer in (site.hubspot(deal(), signed_at=signed_at), site.events(EVENT, signed_at=signed_at)):
        assert (answer.status_code, answer.get_json()["error"]) == (401, "stale")


def test_a_signed_body_in_another_form_is_malformed(site: Any) -> None:
    assert site.hubspot(b"{}").status_code == 400
    assert site.hubspot(b"[" * 100_000).status_code == 400
    assert site.outbound(b"<a/>").status_code == 400
    assert site.events({"object": "Opportunity"}).status_code == 400


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {},
        {"Content-Type": "application/json; charset=utf-16"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
    ids=["text", "none", "charset", "gzip"],
)
def test_other_kinds_of_bodies_are_refused(site: Any, headers: dict[str, str]) -> None:
    assert site.client.post("/hooks/hubspot/portal", data=deal(), headers=headers).status_code == 415
    assert site.client.post("/hooks/events/emea", data=b"{}", headers=headers).status_code == 415


def test_a_body_may_be_as_long_as_is_set_and_no_longer(make_site: Callable[..., Any]) -> None:
    site = make_site(web='public_url = "https://pmom.acme.invalid"\nbody_kb = 2')
    fits, long = deal().ljust(2048), deal().ljust(2049)
    assert site.hubspot(fits).status_code == 204
    assert site.hubspot(long).status_code == 413
    environ = create_environ("/hooks/hubspot/portal", method="POST", content_type="application/json")
    environ |= {"wsgi.input": _Endless(), "wsgi.input_terminated": True}
    chunks, status, _ = run_wsgi_app(site.served.app, environ)
    assert (status[:3], json.loads(b"".join(chunks))["error"]) == ("413", "too_large")


class _Endless:
    """A chunked body that never ends; reading far beyond what is allowed fails the test."""

    def __init__(self) -> None:
        self.given = 0

    def read(self, size: int = -1) -> bytes:
        assert 0 <= size <= 1 << 20
        self.given += size
        assert self.given < 1 << 20
        return b" " * size

    def readinto(self, buffer: bytearray) -> int:
        buffer[:] = self.read(len(buffer))
        return len(buffer)

    def close(self) -> None:
        return None


@pytest.mark.parametrize("error", [Busy("locked"), Unkept("full"), OSError("disk"), ValueError("other")], ids=repr)
def test_what_cannot_be_kept_is_never_acknowledged(
    site: Any, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object) -> int:
        raise error

    monkeypatch.setattr(site.served.desk.writer, "_record", fail)
    for answer in (site.hubspot(deal()), site.outbound(message()), site.events(EVENT)):
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
        assert answer.get_json()["error"] == "unkept"
    monkeypatch.undo()
    assert site.held("portal") == ()
    assert site.hubspot(deal()).status_code == 204
    assert len(site.held("portal")) == 1


def test_a_full_database_is_503_and_the_next_try_is_taken(site: Any) -> None:
    engine = site.served.fleet._engine
    many = json.dumps([json.loads(deal(objectId=n, eventId=n))[0] for n in range(1, 900)]).encode()

    def full(connection: sa.Connection) -> None:
        connection.exec_driver_sql("PRAGMA max_page_count=1")  # no page may be added

    sa.event.listen(engine, "begin", full)
    assert site.hubspot(many).status_code == 503
    sa.event.remove(engine, "begin", full)
    sa.event.listen(engine, "begin", lambda held: held.exec_driver_sql("PRAGMA max_page_count=1000000"))
    assert site.held("portal") == ()
    assert site.hubspot(many).status_code == 204
    assert len(site.held("portal")) == 899


def test_a_database_that_another_process_holds_is_503_in_time(site: Any) -> None:
    site.served.desk.writer._patience = 0.2
    with site.served.fleet._engine.begin():
        assert site.hubspot(deal()).status_code == 503
    site.served.desk.writer._patience = 10
    assert site.hubspot(deal()).status_code == 204
    assert len(site.held("portal")) == 1


def test_a_fault_of_ours_tells_nothing_of_the_inside(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def burst(self: object) -> None:
        raise RuntimeError("secret inside")

    monkeypatch.setattr("connector.web.figures.Figures.page", burst)
    answer = site.client.get("/metrics")
    assert (answer.status_code, answer.get_json()["error"]) == (500, "fault")
    assert "inside" not in answer.text


def test_other_methods_and_addresses_are_refused_in_the_same_form(site: Any) -> None:
    wrong = site.client.get("/hooks/hubspot/portal")
    assert (wrong.status_code, wrong.get_json()["error"], wrong.headers["Allow"]) == (405, "method", "OPTIONS, POST")
    assert (site.client.get("/").status_code, site.client.get("/").get_json()["error"]) == (404, "not_found")


def test_a_plain_secret_is_taken_only_where_the_settings_say_so(make_site: Callable[..., Any]) -> None:
    secret = {"X-PMOM-Secret": "e" * 32 + "-of-the-events"}
    assert make_site().client.post("/hooks/events/emea", json=EVENT, headers=secret).status_code == 401
    site = make_site(hooks="events_plain = true")
    assert site.client.post("/hooks/events/emea", json=EVENT, headers=secret).status_code == 200
    wrong = site.client.post("/hooks/events/emea", json=EVENT, headers={"X-PMOM-Secret": "wrong"})
    assert wrong.status_code == 401
    assert site.events({**EVENT, "event_id": "2"}).status_code == 200  # and signatures are still taken


def test_an_apps_events_of_another_portal_go_to_its_connection(make_site: Callable[..., Any], tmp_path: Any) -> None:
    site = make_site()
    text_ = (tmp_path / "portal.toml").read_text(encoding="utf-8")
    (tmp_path / "second.toml").write_text(
        text_.replace('"portal"', '"second"').replace(str(PORTAL), "48000002"), encoding="utf-8"
    )
    both = (
        (tmp_path / "pmom.toml").read_text(encoding="utf-8").replace('"portal.toml"', '"portal.toml", "second.toml"')
    )
    (tmp_path / "pmom.toml").write_text(both, encoding="utf-8")
    served = application.served(Deployment.load(tmp_path / "pmom.toml"), clock=lambda: site.at[0])
    try:
        site.client = served.app.test_client()
        assert site.hubspot(deal(portalId=48_000_002)).status_code == 204
        assert len(site.held("second")) == 1
        assert site.held("portal") == ()
    finally:
        served.close()


def test_the_figures_tell_posts_depth_and_states(site: Any) -> None:
    site.hubspot(deal())
    site.hubspot(deal(), secret="another")
    site.client.post("/hooks/hubspot/a-name-of-a-stranger", data=b"")
    fleet = site.served.fleet
    fleet.pause("portal", "token revoked", site.at[0])
    fleet.beat("worker-1", site.at[0])
    fleet.note("portal", {"budget_left": 1234, "running": "sync"}, site.at[0])
    fleet.count("portal", "echoes", 7)
    site.at[0] += timedelta(seconds=3)
    page = site.client.get("/metrics")
    lines = set(page.text.splitlines())
    assert {
        'pmom_posts_total{connection="portal",outcome="taken",sender="hubspot"} 1.0',
        'pmom_posts_total{connection="portal",outcome="bad_signature",sender="hubspot"} 1.0',
        'pmom_posts_total{connection="",outcome="unknown",sender="hubspot"} 1.0',
        'pmom_post_seconds_count{sender="hubspot"} 3.0',
        'pmom_inbox_waiting{connection="portal"} 1.0',
        'pmom_inbox_waiting{connection="emea"} 0.0',
        'pmom_inbox_lag_seconds{connection="portal"} 3.0',
        'pmom_hints_total{connection="portal",sender="hubspot",state="received"} 1.0',
        'pmom_connection_active{connection="portal"} 0.0',
        'pmom_connection_active{connection="emea"} 1.0',
        'pmom_events_total{connection="portal",name="echoes"} 7.0',
        'pmom_last_known{connection="portal",name="budget_left"} 1234.0',
        "pmom_workers_alive 1.0",
        "pmom_database_up 1.0",
    } <= lines
    assert "stranger" not in page.text
    assert page.mimetype == "text/plain"
