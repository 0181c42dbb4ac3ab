"""What a person sees of both CRMs, and what the page's forms do."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from emulators.salesforce.browsing import Browsing

BASE = "/__emulator__/page"
HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>&amp;\u202etxt\x07"


def names(browser: Any) -> tuple[str, str]:
    """An object and the field that names its records."""
    return ("Account", "Name") if browser.emulator.crm == "salesforce" else ("companies", "name")


def test_objects_are_listed_with_their_counts(browser: Any, plain: Any) -> None:
    obj, name = names(browser)
    first, second = (browser.add(obj, **{name: f"Counted {place}"}) for place in (1, 2))
    browser.control("POST", "delete", {"object": obj, "id": second})
    line = next(
        each for each in browser.text("/").split("<tr>") if f"objects/{obj}&" in each or f'objects/{obj}"' in each
    )
    live, deleted = plain(line.partition("</tr>")[0]).split()[-2:]
    assert int(live) >= 1
    assert int(deleted) >= 1
    assert first in browser.text(f"{BASE}/objects/{obj}")


def test_records_are_filtered_by_text_and_deleted_ones_are_marked(browser: Any, plain: Any) -> None:
    obj, name = names(browser)
    kept, gone = browser.add(obj, **{name: "Filtered Ébène"}), browser.add(obj, **{name: "Filtered away"})
    browser.control("POST", "delete", {"object": obj, "id": gone})
    both = browser.text(f"{BASE}/objects/{obj}?q=filtered")
    assert kept in both
    assert gone in both
    assert both.count('class="tag bad">deleted') == 1
    one = browser.text(f"{BASE}/objects/{obj}?q=%C3%89b%C3%A8ne")
    assert kept in one
    assert gone not in one
    bin_only = browser.text(f"{BASE}/objects/{obj}?q=filtered&bin=1")
    assert gone in bin_only
    assert kept not in bin_only
    assert "No record holds that text." in plain(browser.text(f"{BASE}/objects/{obj}?q=nobody%25has_this"))


def test_records_come_in_pages_of_fifty_and_none_twice(browser: Any) -> None:
    obj, name = names(browser)
    made = {browser.add(obj, **{name: f"Paged {place}"}) for place in range(51)}
    pages = [browser.text(f"{BASE}/objects/{obj}?q=Paged&page={number}") for number in (1, 2, 3)]
    seen = [{each for each in made if f'class="id">{each}<' in page} for page in pages]
    assert [len(each) for each in seen] == [50, 1, 0]
    assert seen[0] | seen[1] == made
    assert ["Older" in page for page in pages] == [True, False, False]
    assert ["Newer" in page for page in pages] == [False, True, True]


def test_a_page_of_an_objects_records_is_found_without_sorting_them_all(org: Any) -> None:
    seen: list[str] = []
    connection = org.emulator.org.connection()
    connection.set_trace_callback(seen.append)
    assert Browsing(org.emulator.org).records("Account", "", 0, 50, deleted=False) is not None
    connection.set_trace_callback(None)
    query = next(each for each in seen if "ORDER BY" in each)
    plan = " ".join(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {query}"))
    assert ("i_account_systemmodstamp" in plan, "TEMP B-TREE" in plan) == (True, False)


@pytest.mark.parametrize("page", ["0", "-1", "x", "99999999999999999999"])
def test_a_page_number_that_is_none_is_the_first(browser: Any, page: str) -> None:
    assert browser.get(f"{BASE}/objects/{names(browser)[0]}?page={page}").status_code == 200


def test_a_records_texts_stay_texts(browser: Any, plain: Any) -> None:
    obj, name = names(browser)
    made = browser.add(obj, **{name: HOSTILE})
    for path in (f"/objects/{obj}/{made}", f"/objects/{obj}/{made}?edit={name}", f"/objects/{obj}?q=alert"):
        text = browser.text(BASE + path)
        assert "<script" not in text
        assert "<img" not in text
        assert "\x07" not in text
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert HOSTILE.replace("\x07", "␇") in plain(browser.text(f"{BASE}/objects/{obj}/{made}"))
    asked = browser.text(f"{BASE}/objects/{obj}?q=%22%3E%3Cscript%3E")
    assert "<script" not in asked
    assert "&lt;script&gt;" in asked


def test_a_field_is_changed_by_its_form_and_the_change_is_in_the_record(browser: Any, plain: Any) -> None:
    obj, name = names(browser)
    made = browser.add(obj, **{name: "Before"})
    asked = browser.text(f"{BASE}/objects/{obj}/{made}?edit={name}")
    assert f'name="v.{name}" value="Before"' in asked
    answer = browser.send(f"objects/{obj}/{made}/edit", field=name, **{f"v.{name}": "After"})
    assert f"{name} was changed." in plain(answer.text)
    assert "<h1>After</h1>" in answer.text
    assert "was changed" not in plain(browser.text(f"{BASE}/objects/{obj}/{made}"))


def test_numbers_and_truths_are_written_as_what_they_are(org: Any, plain: Any) -> None:
    made = org.add("Account", Name="Typed")
    place = f"objects/Account/{made}/edit"
    org.send(place, field="NumberOfEmployees", **{"v.NumberOfEmployees": "42"})
    assert org.emulator.org.get("Account", made)["NumberOfEmployees"] == 42
    org.send(place, field="NumberOfEmployees", **{"v.NumberOfEmployees": ""})
    assert org.emulator.org.get("Account", made)["NumberOfEmployees"] is None
    refused = org.send(place, field="NumberOfEmployees", **{"v.NumberOfEmployees": "many"})
    assert refused.status_code == 400
    assert "must be a number, not 'many'." in plain(refused.text)
    assert 'value="many"' in refused.text


def test_what_the_crm_refuses_is_told_beside_what_was_typed(browser: Any, plain: Any) -> None:
    obj, _ = names(browser)
    browser.control("POST", "faults", [{"kind": "lock_row"}] if browser.emulator.crm == "salesforce" else [])
    typed = {"v.Name": "Typed"} if browser.emulator.crm == "salesforce" else {"v.numberofemployees": "many"}
    answer = browser.send(f"objects/{obj}/new", **typed)
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text
    assert f'value="{next(iter(typed.values()))}"' in answer.text
    browser.control("DELETE", "faults")


def test_records_are_added_put_into_the_bin_and_taken_out_again(browser: Any, plain: Any) -> None:
    obj, name = names(browser)
    assert f'name="v.{name}"' in browser.text(f"{BASE}/objects/{obj}/new")
    added = browser.send(f"objects/{obj}/new", **{f"v.{name}": "Added"})
    assert "The record was added." in plain(added.text)
    place = added.url.partition(BASE + "/")[2]
    binned = browser.send(f"{place}/delete")
    assert "The record lies in the bin." in plain(binned.text)
    assert "Take out of the bin" in binned.text
    assert ">change<" not in binned.text
    back = browser.send(f"{place}/undelete")
    assert "The record is back." in plain(back.text)
    assert "Put into the bin" in back.text


def test_references_lead_to_records_and_back(org: Any, portal: Any) -> None:
    account = org.add("Account", Name="Parent")
    contact = org.add("Contact", LastName="Child", AccountId=account)
    assert f'href="{BASE}/objects/Account/{account}"' in org.text(f"{BASE}/objects/Contact/{contact}")
    assert f'href="{BASE}/objects/Contact/{contact}"' in org.text(f"{BASE}/objects/Account/{account}")
    company, deal = portal.add("companies", name="Buyer"), portal.add("deals", dealname="Boat")
    portal.control("POST", "associate", {"object": "deals", "id": deal, "to_object": "companies", "to_id": company})
    assert f'href="{BASE}/objects/companies/{company}"' in portal.text(f"{BASE}/objects/deals/{deal}")
    assert f'href="{BASE}/objects/deals/{deal}"' in portal.text(f"{BASE}/objects/companies/{company}")


def test_the_past_of_a_record_is_told(org: Any, portal: Any, plain: Any) -> None:
    deal = portal.add("deals", dealname="First name")
    portal.send(f"objects/deals/{deal}/edit", field="dealname", **{"v.dealname": "Second name"})
    past = plain(portal.text(f"{BASE}/objects/deals/{deal}")).partition("History")[2]
    assert "First name" in past
    assert "Second name" in past
    assert "CRM_UI" in past
    values = {"Name": "Sold", "StageName": "Prospecting", "CloseDate": "2026-04-01"}
    sold = org.add("Opportunity", **values)
    org.send(f"objects/Opportunity/{sold}/edit", field="StageName", **{"v.StageName": "Closed Won"})
    past = plain(org.text(f"{BASE}/objects/Opportunity/{sold}")).partition("History")[2]
    assert "Prospecting" in past
    assert "Closed Won" in past


def test_faults_are_switched_on_with_their_parameters_and_off_again(browser: Any, plain: Any) -> None:
    answer = browser.send("act/fault", kind="slow", method="GET", path="/query", every_n="3", after_n="1", times="2",
                          probability="0.5", seed="7", seconds="0.25")  # fmt: skip
    assert "slow is on." in plain(answer.text)
    (rule,) = browser.control("GET", "state")["faults"]
    wanted = {"kind": "slow", "method": "GET", "path": "/query", "every_n": 3, "after_n": 1, "times": 2, "seed": 7,
              "probability": 0.5, "seconds": 0.25}  # fmt: skip
    assert {name: rule[name] for name in wanted} == wanted
    browser.send("act/fault", kind="partial_failure", path="Account", ids="1, 2", code="NO", message="Not this one")
    second = browser.control("GET", "state")["faults"][1]
    assert (second["ids"], second["code"], second["message"]) == (["1", "2"], "NO", "Not this one")
    told = plain(browser.text(f"{BASE}/faults"))
    assert "GET calls, to paths with /query, every 3th, after the first 1, at most 2 times" in told
    assert "only 1, 2" in told
    browser.send("act/end_fault", place="0", kind="slow")
    assert [each["kind"] for each in browser.control("GET", "state")["faults"]] == ["partial_failure"]
    stale = browser.send("act/end_fault", place="0", kind="slow")
    assert "switched off already" in plain(stale.text)
    browser.send("act/end_faults")
    assert browser.control("GET", "state")["faults"] == []


def test_a_fault_that_cannot_be_is_refused(browser: Any, plain: Any) -> None:
    for values in ({"kind": "nothing"}, {"kind": "503", "path": "("}, {"kind": "503", "every_n": "x"}):
        answer = browser.send("act/fault", **values)
        assert 'class="said bad"' in answer.text
    assert browser.control("GET", "state")["faults"] == []


def test_calls_are_told_newest_first_with_the_fault_that_struck(browser: Any, plain: Any) -> None:
    browser.control("POST", "reset_calls")
    browser.control("POST", "faults", [{"kind": "503", "path": "/second"}])
    for path in ("/first?a=%3Cb%3E", "/second"):
        browser.get(path)
    browser.control("DELETE", "faults")
    rows = [plain(each).split() for each in browser.text(f"{BASE}/calls").split("<tr>")[2:4]]
    assert [(row[2], row[3], row[4]) for row in rows] == [("GET", "/second", "503"), ("GET", "/first?a=<b>", "404")]
    assert rows[0][6] == "503"
    assert "/first" not in plain(browser.text(f"{BASE}/calls?q=second")).partition("How many")[0]
    browser.send("act/reset_calls")
    assert browser.control("GET", "calls")["total"] == 0


def test_the_clock_is_moved_set_frozen_and_let_go(browser: Any, plain: Any) -> None:
    browser.send("act/set_clock", now="2026-05-01T00:00:00Z")
    browser.send("act/advance", seconds="3600")
    assert browser.control("GET", "state")["now"] == "2026-05-01T01:00:00.000Z"
    browser.send("act/run")
    assert browser.control("GET", "state")["frozen"] is False
    browser.send("act/freeze")
    assert browser.control("GET", "state")["frozen"] is True
    refused = browser.send("act/set_clock", now="tomorrow")
    assert 'class="said bad"' in refused.text
    browser.send("act/set_clock", now="2026-03-31T09:00:00Z")


def test_limits_are_told_and_set(browser: Any, plain: Any) -> None:
    key = "daily_max" if browser.emulator.crm == "salesforce" else "daily"
    browser.send("act/limits", **{f"v.{key}": "4000", "v.used": "1500"})
    assert "2,500 left of 4,000" in plain(browser.text(f"{BASE}/settings"))


@pytest.fixture
def receiver() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Where webhooks are posted, and the events that came."""
    events: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            events.extend(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/", events
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_change_on_the_page_is_told_by_webhook(portal: Any, receiver: Any) -> None:
    url, events = receiver
    deal = portal.add("deals", dealname="Watched")
    portal.control("POST", "webhooks", {"target_url": url})
    portal.control("POST", "subscribe", {"type": "deal.propertyChange", "property": "dealname"})
    portal.send(f"objects/deals/{deal}/edit", field="dealname", **{"v.dealname": "Seen"})
    assert portal.control("POST", "deliver", {"seconds": 10}) == {"idle": True}
    portal.control("POST", "unsubscribe", {})
    told = [(str(each["objectId"]), each["propertyValue"], each["changeSource"]) for each in events]
    assert told == [(deal, "Seen", "CRM_UI")]
