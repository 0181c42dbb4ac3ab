"""What the page's forms do: each is a call of the control plane, so that it has the same effects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from emulators.loopback.page.forms import Form
from emulators.loopback.page.frame import Frame, Missing
from emulators.loopback.page.html import at

_WHOLE = ("every_n", "after_n", "times", "seed")
_PARTS = ("probability", "seconds")
_TEXTS = ("kind", "method", "path", "code", "message")


@dataclass(frozen=True, slots=True)
class Done:
    """What was done, and where to look at it."""

    said: str
    address: str


def perform(frame: Frame, steps: list[str], form: Form) -> Done:
    """Do what the form at that address asks for; `plane.Refused` or ValueError when it cannot be done."""
    match steps:
        case ["act", name] if name in _ACTS:
            return Done(_ACTS[name](frame, form), origin(steps))
        case ["objects", name, "new"]:
            return _new(frame, name, form)
        case ["objects", name, record_id, "edit" | "delete" | "undelete" as act]:
            return Done(_change(frame, name, record_id, act, form), at("objects", name, record_id))
    raise Missing("There is no such form.")


def origin(steps: list[str]) -> str:
    """The page that has the form of that address."""
    if steps[:1] == ["objects"]:
        return at(*steps[:-1])
    name = steps[-1]
    return at("calls" if name == "reset_calls" else "faults" if "fault" in name else "settings")


def _new(frame: Frame, name: str, form: Form) -> Done:
    values = {field: text for field, text in _values(form).items() if text}
    act, body = frame.crm.write(name, "", values)
    made = frame.plane.perform("POST", act, body)
    return Done("The record was added.", at("objects", name, str(made["id"])))


def _change(frame: Frame, name: str, record_id: str, act: str, form: Form) -> str:
    if act == "edit":
        field = form.text("field")
        found = frame.crm.write(name, record_id, {field: form.texts.get(f"v.{field}", "")})
        frame.plane.perform("POST", *found)
        return f"{field} was changed."
    if act == "delete":
        frame.plane.perform("POST", *frame.crm.delete(name, record_id))
        return "The record lies in the bin."
    frame.plane.perform("POST", *frame.crm.undelete(name, record_id))
    return "The record is back."


def _values(form: Form) -> dict[str, str]:
    return {name.removeprefix("v."): text for name, text in form.texts.items() if name.startswith("v.")}


def _fault(frame: Frame, form: Form) -> str:
    rule: dict[str, Any] = {name: form.text(name) for name in _TEXTS if form.text(name)}
    rule |= {name: _number(form, name, int) for name in _WHOLE if form.text(name)}
    rule |= {name: _number(form, name, float) for name in _PARTS if form.text(name)}
    ids = [each.strip() for each in form.text("ids").split(",") if each.strip()]
    frame.plane.perform("POST", "faults", {**rule, "ids": ids} if ids else rule)
    return f"{rule.get('kind', '')} is on."


def _end_fault(frame: Frame, form: Form) -> str:
    if not frame.plane.faults.remove(int(_number(form, "place", int)), form.text("kind")):
        raise ValueError("That fault was switched off already.")
    return f"{form.text('kind')} is off."


def _end_faults(frame: Frame, form: Form) -> str:
    frame.plane.perform("DELETE", "faults", {})
    return "All faults are off."


def _clock(said: str, body: Callable[[Form], Mapping[str, Any]]) -> Callable[[Frame, Form], str]:
    def act(frame: Frame, form: Form) -> str:
        frame.plane.perform("POST", "clock", body(form))
        return said

    return act


def _limits(frame: Frame, form: Form) -> str:
    present = {key: text for key, _, text in frame.crm.limit_form()}
    changed = {key: text.strip() for key, text in _values(form).items() if present.get(key, text) != text.strip()}
    body = {key: float(text) if "." in text else int(text) for key, text in changed.items()}
    if body:
        frame.plane.perform("POST", "limits", body)
    return "The limits were set." if body else "Nothing was changed."


def _reset_calls(frame: Frame, form: Form) -> str:
    frame.plane.perform("POST", "reset_calls", {})
    return "The calls are forgotten."


def _restore(frame: Frame, form: Form) -> str:
    if not form.files.get("state"):
        raise ValueError("Choose the file of a saved state first.")
    frame.state.restore(form.files["state"])
    return "The saved state was loaded."


def _number(form: Form, name: str, kind: Callable[[str], float]) -> float:
    try:
        return kind(form.text(name))
    except ValueError:
        raise ValueError(f"{name} must be a number, not {form.text(name)!r}.") from None


_ACTS: Mapping[str, Callable[[Frame, Form], str]] = {
    "fault": _fault,
    "end_fault": _end_fault,
    "end_faults": _end_faults,
    "advance": _clock("The clock was moved.", lambda form: {"advance": _number(form, "seconds", float)}),
    "set_clock": _clock("The clock was set.", lambda form: {"now": form.text("now")}),
    "freeze": _clock("The clock stands still.", lambda form: {"frozen": True}),
    "run": _clock("The clock runs.", lambda form: {"frozen": False}),
    "limits": _limits,
    "reset_calls": _reset_calls,
    "restore": _restore,
}
