"""The pages by which a person steers: recent calls, faults, the clock, the limits, and the state as a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, unquote_plus

from emulators.loopback.clock import stored
from emulators.loopback.faults import RECORD_KINDS, Kind
from emulators.loopback.http import Response
from emulators.loopback.page.frame import Frame
from emulators.loopback.page.html import Html, at, button, entry, field, hidden, joined, link, table, tag, value

SIZE = 100
KINDS: Mapping[str, str] = {
    Kind.TOO_MANY: "calls are refused: too many",
    Kind.LOCKED: "calls are refused: the resource is locked",
    Kind.MIGRATING: "calls are refused: the account is being moved",
    Kind.SERVER_ERROR: "calls fail with an error of the server",
    Kind.BAD_GATEWAY: "calls fail at a gateway",
    Kind.UNAVAILABLE: "calls fail: the service is down",
    Kind.TIMEOUT: "calls fail: a gateway waited too long",
    Kind.HTML_ERROR: "a page of HTML comes with 503 in place of JSON",
    Kind.DROP: "the connection closes without an answer; the call is not carried out",
    Kind.DROP_AFTER: "the connection closes without an answer; the call is carried out",
    Kind.SLOW: "the answer comes late",
    Kind.TRUNCATE: "half of the answer comes, then the connection closes",
    Kind.EXPIRE_TOKEN: "the caller's session ends with the call",
    Kind.LOCK_ROW: "records refuse to be written: somebody else holds them",
    Kind.PARTIAL_FAILURE: "records refuse to be written, with a code and a message",
}
_PLAN = (
    ("every_n", "Strikes every nth", ""),
    ("after_n", "Lets the first n pass", ""),
    ("times", "At most so often", ""),
    ("probability", "Probability, 0 to 1", "1"),
    ("seed", "Seed of the chance", ""),
)


def call_table(frame: Frame, most: int, text: str = "", start: int = 0) -> Html:
    """Recent calls, newest first."""
    found = frame.plane.calls.describe()["calls"][::-1]
    held = [each for each in found if text.lower() in f"{each['method']} {each['path']} {each['status']}".lower()]
    rows = (_call_line(each) for each in held[start : start + most])
    heads = ("When", "Method", "Path", tag("th", "Status", class_="n", scope="col"),
             tag("th", "ms", class_="n", scope="col"), "Fault")  # fmt: skip
    body = table(heads, rows, empty="No such call." if text else "Nobody has called yet.")
    if start + most < len(held):
        number = start // most + 2
        address = at("calls", q=text, page=number) if most == SIZE else at("calls")
        return joined([body, tag("p", link(address, "Older calls →"), class_="pages")])
    return body


def latest(frame: Frame) -> Html:
    """The last calls in brief."""
    found = frame.plane.calls.describe()["calls"][-8:][::-1]
    rows = (
        [
            tag("td", each["at"][11:19], class_="t"),
            tag("td", tag("code", f"{each['method']} ", value(each["path"][-60:]))),
            tag("td", _status(each), class_="n"),
        ]
        for each in found
    )
    body = table(("When", "Call", tag("th", "Status", class_="n", scope="col")), rows, empty="Nobody has called yet.")
    return joined([body, tag("p", link(at("calls"), "All calls"))])


def calls(frame: Frame, asked: Mapping[str, str]) -> Response:
    """All calls that are remembered, and how many of each kind there were."""
    text = asked.get("q", "")
    number = int(asked["page"]) if asked.get("page", "").isdecimal() and len(asked["page"]) < 6 else 1
    told = frame.plane.calls.describe()
    search = tag(
        "form",
        field("Method, path or status", entry("q", text, type="search")),
        button("Show", "plain"),
        link(at("calls"), "All", class_="button plain") if text else None,
        method="get", action=at("calls"), class_="row", role="search",
    )  # fmt: skip
    forget = frame.form("act/reset_calls", button("Forget the calls", "danger"))
    counts = (
        [tag("td", tag("code", name)), tag("td", f"{count:,}", class_="n")] for name, count in told["by_kind"].items()
    )
    kinds = tag("details", tag("summary", "How many of each kind"), table(("Kind", "Calls"), counts, empty="None."))
    return frame.page(
        "Calls",
        tag("p", f"{told['total']:,} calls since the start or the last time they were forgotten", class_="quiet"),
        tag("div", search, forget, class_="row top"),
        call_table(frame, SIZE, text, (max(number, 1) - 1) * SIZE),
        kinds,
    )


def faults(frame: Frame) -> Response:
    """The faults in force with their counters, and a form for each kind."""
    rows = (_fault_line(frame, place, each) for place, each in enumerate(frame.plane.faults.describe()))
    heads = ("Fault", "Strikes", tag("th", "Matched", class_="n", scope="col"),
             tag("th", "Struck", class_="n", scope="col"), tag("th", tag("span", ""), scope="col"))  # fmt: skip
    present = table(heads, rows, empty="No fault is on: every call is answered as the vendor would.")
    end = frame.form("act/end_faults", button("End all faults", "danger")) if frame.plane.faults.describe() else None
    known = [kind for kind in KINDS if kind in frame.crm.kinds]
    of_calls = [_fault_form(frame, kind) for kind in known if kind not in RECORD_KINDS]
    of_records = [_fault_form(frame, kind) for kind in known if kind in RECORD_KINDS]
    return frame.page(
        "Faults",
        present,
        tag("div", end, class_="tools") if end else None,
        tag("h2", "Switch one on"),
        tag(
            "div",
            tag("div", tag("h2", "Of calls"), *of_calls, class_="card"),
            tag("div", tag("h2", "Of records"), *of_records, class_="card"),
            class_="grid",
        ),
    )


def faults_in_brief(frame: Frame) -> Html:
    """How many faults are on."""
    found = frame.plane.faults.describe()
    lines = [
        tag("p", _kind_tag(each["kind"]), f" struck {each['struck']:,} of {each['matched']:,}") for each in found[:6]
    ]
    none = tag("p", "None is on.", class_="quiet") if not found else None
    more = link(at("faults"), "Switch faults on and off")
    return tag("div", tag("h2", "Faults"), *lines, none, tag("p", more), class_="card")


def meters(frame: Frame) -> Html:
    """What is left of the limits."""
    lines: list[Html] = []
    for each in frame.crm.meters():
        left = max(each.most - each.used, 0)
        told = tag("p", each.label, ": ", tag("strong", f"{left:,}"), f" left of {each.most:,}")
        most = max(each.most, 1)
        bar = tag(
            "meter",
            f"{each.used} of {each.most}",
            max=str(most),
            value=str(each.used),
            low=str(most * 0.5),
            high=str(most * 0.8),
            optimum="0",
            aria_label=each.label,
        )
        lines += [told, bar]
    return tag("div", tag("h2", "Limits"), *lines, class_="card")


def settings(frame: Frame) -> Response:
    """Clock, limits, and saving and loading the state."""
    return frame.page(
        "Clock, limits, state",
        tag(
            "div",
            _clock(frame),
            tag("div", meters(frame), _limits(frame), class_="stack"),
            _state(frame),
            class_="grid",
        ),
    )


def _clock(frame: Frame) -> Html:
    clock = frame.plane.clock
    now = stored(clock.now())[:19]
    state = tag("span", "frozen", class_="tag warn") if clock.frozen else tag("span", "running", class_="tag good")
    steps = (("60", "+1 minute"), ("3600", "+1 hour"), ("86400", "+1 day"), ("604800", "+1 week"))
    moves = [frame.form("act/advance", hidden("seconds", each), button(label, "plain")) for each, label in steps]
    seconds = entry("seconds", inputmode="numeric", class_="short", required=True)
    other = frame.form(
        "act/advance",
        tag("div", field("Seconds, back with a minus", seconds), button("Move", "plain"), class_="row top"),
    )
    to = frame.form(
        "act/set_clock",
        tag(
            "div", field("Instant", entry("now", f"{now}Z", required=True)), button("Set", "plain"), class_="row top"
        ),
    )
    stop = frame.form(
        "act/run" if clock.frozen else "act/freeze", button("Let it run" if clock.frozen else "Freeze it")
    )
    told = tag("p", tag("strong", f"{now.replace('T', ' ')} UTC"), " ", state)
    return tag("div", tag("h2", "Clock"), told, tag("div", *moves, class_="tools"), other, to, stop, class_="card")


def _limits(frame: Frame) -> Html:
    lines = [field(label, entry(f"v.{key}", text, inputmode="decimal", class_="short"))
             for key, label, text in frame.crm.limit_form()]  # fmt: skip
    body = frame.form(
        "act/limits", tag("div", *lines, class_="row"), tag("div", button("Set", "plain"), class_="tools")
    )
    return tag("div", tag("h2", "What is granted"), body, class_="card")


def _state(frame: Frame) -> Html:
    save = link(at("snapshot"), "Save to a file", class_="button", download=True)
    file = tag("input", type="file", name="state", required=True)
    load = frame.form(
        "act/restore",
        tag(
            "div", field("A saved state", file), button("Load it in place of the present one", "danger"), class_="row"
        ),
        upload=True,
    )
    told = tag("p", "Everything: records, definitions, sessions, jobs, faults, limits and the clock.", class_="quiet")
    return tag("div", tag("h2", "State"), told, tag("div", save, class_="tools"), load, class_="card")


def _call_line(each: Mapping[str, Any]) -> list[Html]:
    target = unquote(each["path"]) + (f"?{unquote_plus(each['query'])}" if each["query"] else "")
    return [
        tag("td", each["at"][:23].replace("T", " "), class_="t"),
        tag("td", each["method"]),
        tag("td", tag("code", value(target if len(target) <= 300 else target[:299] + "…"))),
        tag("td", _status(each), class_="n"),
        tag("td", f"{each['seconds'] * 1000:,.1f}", class_="n"),
        tag("td", _kind_tag(each["fault"]) if each["fault"] else ""),
    ]


def _status(each: Mapping[str, Any]) -> Html:
    good = 200 <= each["status"] < 400
    return tag("span", str(each["status"] or "none"), class_="tag good" if good else "tag bad")


def _kind_tag(kind: str) -> Html:
    return tag("span", kind, class_="tag warn")


def _fault_line(frame: Frame, place: int, each: Mapping[str, Any]) -> list[Html]:
    off = frame.form("act/end_fault", hidden("place", str(place)), hidden("kind", each["kind"]),
                     button("Switch off", "danger small"))  # fmt: skip
    return [
        tag("td", _kind_tag(each["kind"]), " ", tag("small", KINDS.get(each["kind"], ""))),
        tag("td", value(_plan(each))),
        tag("td", f"{each['matched']:,}", class_="n"),
        tag("td", f"{each['struck']:,}", class_="n"),
        tag("td", off, class_="n"),
    ]


def _plan(each: Mapping[str, Any]) -> str:
    """Which matches a rule strikes, in words."""
    records = each["kind"] in RECORD_KINDS
    what = "records" if records else "calls"
    parts = [f"{each['method'].upper()} {what}" if each["method"] and not records else f"all {what}"]
    if each["path"]:
        parts.append(f"{'of objects' if records else 'to paths'} with {each['path']}")
    if each["ids"]:
        parts.append("only " + ", ".join(each["ids"]))
    if each["every_n"]:
        parts.append(f"every {each['every_n']}th")
    if each["after_n"]:
        parts.append(f"after the first {each['after_n']}")
    if each["times"]:
        parts.append(f"at most {each['times']} times")
    if each["probability"] < 1:
        parts.append(f"with probability {each['probability']:g}")
    if each["kind"] == Kind.SLOW:
        parts.append(f"by {each['seconds']:g} s")
    if each["kind"] == Kind.PARTIAL_FAILURE:
        parts.append(f"{each['code']}: {each['message']}")
    return ", ".join(parts)


def _fault_form(frame: Frame, kind: str) -> Html:
    records = kind in RECORD_KINDS
    lines = [field("Objects that match", entry("path", placeholder="all"), "regular expression")] if records else [
        field("Method", entry("method", class_="short", placeholder="any")),
        field("Paths that match", entry("path", placeholder="all"), "regular expression, of path and query"),
    ]  # fmt: skip
    if records:
        lines.append(field("Only these records", entry("ids", placeholder="all"), "ids with commas"))
    if kind == Kind.SLOW:
        lines.append(field("Seconds", entry("seconds", "1", class_="short", inputmode="decimal")))
    if kind == Kind.PARTIAL_FAILURE:
        lines.append(field("Code", entry("code", "UNKNOWN_EXCEPTION")))
        lines.append(field("Message", entry("message", "An unexpected error occurred.")))
    lines += [field(label, entry(name, text, class_="short", inputmode="decimal")) for name, label, text in _PLAN]
    body = frame.form("act/fault", hidden("kind", kind), tag("div", *lines, class_="row"),
                      tag("div", button("Switch it on"), class_="tools"))  # fmt: skip
    return tag("details", tag("summary", _kind_tag(kind), tag("small", KINDS[kind])), body)
