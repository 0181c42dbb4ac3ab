"""The pages of objects and records: what they hold, how they became so, and the forms to change them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from emulators.loopback.http import Response
from emulators.loopback.page import steering
from emulators.loopback.page.frame import Frame, Missing
from emulators.loopback.page.html import (
    Html,
    at,
    button,
    choice,
    entry,
    field,
    hidden,
    joined,
    link,
    table,
    tag,
    value,
)  # fmt: skip
from emulators.loopback.page.shown import ObjectLine, Panel, Row, Shown, Value

SIZE = 50


@dataclass(frozen=True, slots=True)
class Editing:
    """The field that is being changed, and what was typed for it."""

    field: str
    given: Mapping[str, str]


def overview(frame: Frame) -> Response:
    """Every object with its counts, and the present at a glance."""
    found = frame.crm.objects()
    used = [each for each in found if each.live or each.deleted]
    empty = [each for each in found if not (each.live or each.deleted)]
    heads = (
        "Object",
        tag("th", "Records", class_="n", scope="col"),
        tag("th", "In the bin", class_="n", scope="col"),
    )
    left = tag(
        "section",
        table(heads, (_object_line(each) for each in used), empty="No object holds a record yet."),
        _empty_objects(empty),
    )
    right = tag(
        "section",
        _panel(frame.crm.about()),
        *(_panel(each) for each in frame.crm.panels()),
        steering.meters(frame),
        steering.faults_in_brief(frame),
        tag("div", tag("h2", "Latest calls"), steering.latest(frame), class_="card"),
        class_="stack",
    )
    return frame.page("Objects", tag("div", left, right, class_="two"))


def listing(frame: Frame, name: str, asked: Mapping[str, str]) -> Response:
    """A page of an object's records."""
    obj = _object(frame, name)
    text, deleted = asked.get("q", ""), asked.get("bin") == "1"
    number = int(asked["page"]) if asked.get("page", "").isdecimal() and len(asked["page"]) < 9 else 1
    start = (max(number, 1) - 1) * SIZE
    found = frame.crm.records(obj.name, text, start, SIZE, deleted=deleted)
    if found is None:
        raise Missing(f"There is no object {name}.")
    heads = ("Id", "Name", *found.columns)
    lines = (_record_line(obj.name, each) for each in found.rows)
    none = "No record holds that text." if text else "No record here."
    turn = _turning(obj.name, text, deleted, max(number, 1), more=found.more)
    count = f"{obj.live:,} records" + (f", {obj.deleted:,} in the bin" if obj.deleted else "")
    return frame.page(
        obj.label,
        tag("p", count, class_="quiet"),
        _filter(obj, text, deleted=deleted),
        table(heads, lines, empty=none),
        turn,
        crumbs=_crumbs(),
    )


def record(
    frame: Frame, name: str, record_id: str, asked: Mapping[str, str], given: Mapping[str, str] | None = None
) -> Response:
    """One record: all fields, its changes, and what hangs together with it; `edit` names the field to change.

    `given` is what was typed for it before, when that could not be done.
    """
    obj = _object(frame, name)
    found = _record(frame, obj, record_id)
    full = [each for each in found.values if each.text]
    empty = [each for each in found.values if not each.text]
    editing = Editing(asked.get("edit", ""), given or {})
    fields = tag(
        "section", _fields(frame, obj, found, full, editing), _empty_fields(frame, obj, found, empty, editing)
    )
    side = tag("section", _related(found), _changes(found))
    state = tag("span", "in the bin", class_="tag bad") if found.deleted else None
    about = tag("p", tag("span", found.id, class_="id"), " ", state, class_="quiet")
    acts = _record_acts(frame, obj, found)
    body = tag("div", fields, side, class_="two") if found.changes or found.related else fields
    return frame.page(found.title or found.id, about, acts, body, crumbs=_crumbs(obj))


def form(frame: Frame, name: str, record_id: str, given: Mapping[str, str]) -> Response:
    """The form of a new record, or that of a record's field once more; `given`: what was typed."""
    obj = _object(frame, name)
    if record_id:
        return record(frame, name, record_id, {"edit": given.get("field", "")}, given)
    blank = frame.crm.blank(obj.name)
    if blank is None:
        raise Missing(f"Nobody makes records of {name} by hand.")
    wanted = [each for each in blank if each.required] or list(blank[:1])
    others = [each for each in blank if each not in wanted]
    rest = tag("details", tag("summary", f"{len(others)} more fields"),
               tag("div", *(_input(each, given) for each in others), class_="grid fill"),
               open=any(given.get(f"v.{each.name}") for each in others))  # fmt: skip
    body = frame.form(
        f"objects/{_quoted(obj.name)}/new",
        tag("div", *(_input(each, given, first=each is wanted[0]) for each in wanted), class_="grid fill"),
        rest if others else None,
        tag(
            "div",
            button("Add the record"),
            link(at("objects", obj.name), "Cancel", class_="button plain"),
            class_="tools",
        ),
    )
    return frame.page("A new record", tag("div", body, class_="card"), crumbs=_crumbs(obj))


def _object(frame: Frame, name: str) -> ObjectLine:
    found = next((each for each in frame.crm.objects() if each.name.lower() == name.lower()), None)
    if found is None:
        raise Missing(f"There is no object {name}.")
    return found


def _record(frame: Frame, obj: ObjectLine, record_id: str) -> Shown:
    found = frame.crm.record(obj.name, record_id)
    if found is None:
        raise Missing(f"{obj.label} has no record {record_id}.")
    return found


def _object_line(each: ObjectLine) -> list[Html]:
    custom = tag("span", "custom", class_="tag") if each.custom else None
    name = tag("td", link(at("objects", each.name), each.label), " ", tag("small", each.name), " ", custom)
    return [
        name,
        tag("td", f"{each.live:,}", class_="n"),
        tag("td", f"{each.deleted:,}" if each.deleted else "", class_="n"),
    ]


def _empty_objects(empty: list[ObjectLine]) -> Html | None:
    if not empty:
        return None
    names: list[str | Html] = []
    for each in empty:
        names += [", ", link(at("objects", each.name), each.label)]
    noun = "object without a record" if len(empty) == 1 else "objects without a record"
    return tag("details", tag("summary", f"{len(empty)} {noun}"), tag("p", *names[1:]))


def _panel(panel: Panel) -> Html:
    rows = ([tag("th", name, scope="row"), tag("td", value(text))] for name, text in panel.rows)
    body = tag("table", tag("tbody", *(tag("tr", *row) for row in rows)))
    return tag("div", tag("h2", panel.title), tag("div", body, class_="wide"), class_="card")


def _record_line(name: str, row: Row) -> list[Html]:
    gone = tag("span", "deleted", class_="tag bad") if row.deleted else None
    address = at("objects", name, row.id)
    return [
        tag("td", row.id, class_="id"),
        tag("td", link(address, value(row.title or "(no name)")), " ", gone),
        *(tag("td", value(cell)) for cell in row.cells),
    ]


def _filter(obj: ObjectLine, text: str, *, deleted: bool) -> Html:
    bin_box = tag("input", type="checkbox", name="bin", value="1", checked=deleted)
    return tag(
        "form",
        field("Holds the text", entry("q", text, type="search", autofocus=bool(text))),
        tag("label", bin_box, "only the bin", class_="check") if obj.deleted or deleted else None,
        button("Show", "plain"),
        link(at("objects", obj.name), "All", class_="button plain") if text or deleted else None,
        link(at("objects", obj.name, "new"), "New record", class_="button"),
        method="get", action=at("objects", obj.name), class_="row top", role="search",
    )  # fmt: skip


def _turning(name: str, text: str, deleted: bool, number: int, *, more: bool) -> Html | None:
    def turned(to: int, label: str, rel: str) -> Html:
        return link(at("objects", name, q=text, bin="1" if deleted else "", page=to), label, rel=rel)

    back = turned(number - 1, "← Newer", "prev") if number > 1 else None
    onward = turned(number + 1, "Older →", "next") if more else None
    if back is None and onward is None:
        return None
    return tag(
        "nav", back, tag("span", f"Page {number}", class_="quiet"), onward, class_="pages", aria_label="More records"
    )


def _record_acts(frame: Frame, obj: ObjectLine, found: Shown) -> Html:
    place = f"objects/{_quoted(obj.name)}/{_quoted(found.id)}"
    if found.deleted:
        return tag("div", frame.form(f"{place}/undelete", button("Take out of the bin")), class_="tools")
    return tag("div", frame.form(f"{place}/delete", button("Put into the bin", "danger")), class_="tools")


def _fields(frame: Frame, obj: ObjectLine, found: Shown, values: list[Value], editing: Editing) -> Html:
    rows = (_field_line(frame, obj, found, each, editing) for each in values)
    return table(("Field", "Value", tag("th", tag("span", ""), scope="col")), rows, empty="No field holds a value.")


def _empty_fields(frame: Frame, obj: ObjectLine, found: Shown, values: list[Value], editing: Editing) -> Html | None:
    if not values:
        return None
    inside = any(each.name == editing.field for each in values)
    summary = tag("summary", f"{len(values)} empty fields")
    return tag("details", summary, _fields(frame, obj, found, values, editing), open=inside)


def _field_line(frame: Frame, obj: ObjectLine, found: Shown, each: Value, editing: Editing) -> list[Html]:
    head = tag(
        "th", each.label, tag("br"), tag("small", f"{each.name} · {each.kind}"), scope="row", id=f"f-{each.name}"
    )
    if editing.field == each.name and each.editable and not found.deleted:
        cancel = link(at("objects", obj.name, found.id), "Cancel", class_="button plain")
        body = frame.form(
            f"objects/{_quoted(obj.name)}/{_quoted(found.id)}/edit",
            hidden("field", each.name),
            tag("div", _input(each, editing.given, first=True, bare=True), button("Save"), cancel, class_="row"),
            class_="edit",
        )
        return [head, tag("td", body, colspan="2")]
    shown = value(each.text)
    if each.link is not None:
        shown = link(at("objects", each.link.object, each.link.id), shown)
    change = None
    if each.editable and not found.deleted:
        address = at("objects", obj.name, found.id, edit=each.name) + f"#f-{_quoted(each.name)}"
        change = link(address, "change", aria_label=f"change {each.label}")
    return [head, tag("td", shown, class_="value"), tag("td", change, class_="n")]


def _input(each: Value, given: Mapping[str, str], *, first: bool = False, bare: bool = False) -> Html:
    name = f"v.{each.name}"
    text = given.get(name, each.text)
    if each.choices:
        known = [(found, found) for found in each.choices]
        other = [] if text in each.choices or not text else [(text, text)]
        control = choice(name, [("", "—"), *known, *other], text, autofocus=first)
    elif each.long or "\n" in text:
        control = tag("textarea", Html("\n"), text, name=name, autofocus=first, rows="4")
    else:
        control = entry(name, text, autofocus=first)
    return field("New value" if bare else each.label, control, "" if bare else f"{each.name} · {each.kind}")


def _related(found: Shown) -> Html | None:
    if not found.related:
        return None
    rows = (
        [tag("td", each.how), tag("td", link(at("objects", each.link.object, each.link.id), value(each.title)))]
        for each in found.related
    )
    return joined([tag("h2", "Related records"), table(("How", "Record"), rows, empty="")])


def _changes(found: Shown) -> Html | None:
    if not found.changes:
        return None
    rows = (
        [
            tag("td", each.at, class_="t"),
            tag("td", each.field),
            tag("td", value(each.value), class_="value"),
            tag("td", tag("small", each.source)),
        ]
        for each in found.changes
    )
    return joined([tag("h2", "History"), table(("When", "Field", "Became", "By"), rows, empty="")])


def _crumbs(obj: ObjectLine | None = None) -> Html:
    more = [" / ", link(at("objects", obj.name), obj.label)] if obj else []
    return tag("p", link("/", "Objects"), *more, class_="crumbs")


def _quoted(text: str) -> str:
    return at(text).rpartition("/")[2]
