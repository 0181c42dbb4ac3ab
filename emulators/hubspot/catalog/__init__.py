"""Which objects, properties, groups, association types and pipelines HubSpot defines in every portal."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from emulators.hubspot.catalog.shapes import Definition, Group, ObjectType, Option

_FILES = Path(__file__).with_name("objects")
MADE = "2020-06-30T15:57:36.383Z"  # when HubSpot's own definitions came to be

_HS, _OLD = ("hs_createdate", "hs_lastmodifieddate"), ("createdate", "hs_lastmodifieddate")


def _standard(
    number: int,
    name: str,
    singular: str,
    dates: tuple[str, str],
    primary: str,
    *,
    scope: str = "",
    mergeable: bool = False,
    required: tuple[str, ...] = (),
) -> ObjectType:
    return ObjectType(
        type_id=f"0-{number}",
        name=name,
        singular=singular,
        label=singular.replace("_", " ").capitalize(),
        plural_label=name.replace("_", " ").capitalize(),
        created=dates[0],
        modified=dates[1],
        mergeable=mergeable,
        scope=scope or name,
        primary=primary,
        qualified=singular.upper(),
        required=required,
    )


_DUE = ("hs_timestamp",)
OBJECTS = (
    _standard(1, "contacts", "contact", ("createdate", "lastmodifieddate"), "firstname", mergeable=True),
    _standard(2, "companies", "company", _OLD, "name", mergeable=True),
    _standard(3, "deals", "deal", _OLD, "dealname", mergeable=True),
    _standard(5, "tickets", "ticket", _OLD, "subject", mergeable=True),
    _standard(7, "products", "product", _OLD, "name"),
    _standard(8, "line_items", "line_item", _OLD, "name"),
    _standard(14, "quotes", "quote", _HS, "hs_title"),
    _standard(27, "tasks", "task", _HS, "hs_task_subject", scope="contacts", required=_DUE),
    _standard(35, "campaigns", "campaign", _HS, "hs_name"),
    _standard(46, "notes", "note", _HS, "hs_note_body", scope="contacts", required=_DUE),
    _standard(47, "meetings", "meeting", _HS, "hs_meeting_title", scope="contacts", required=_DUE),
    _standard(48, "calls", "call", _HS, "hs_call_title", scope="contacts", required=_DUE),
    _standard(49, "emails", "email", _HS, "hs_email_subject", scope="contacts", required=_DUE),
    _standard(115, "users", "user", _HS, "hs_email"),
)

# type id of each direction, by the singular names of both ends; the first is the primary one where there are two
ASSOCIATION_TYPES: dict[tuple[str, str], tuple[int, ...]] = {
    ("contact", "company"): (1, 279),
    ("company", "contact"): (2, 280),
    ("deal", "company"): (5, 341),
    ("company", "deal"): (6, 342),
    ("ticket", "company"): (26, 339),
    ("company", "ticket"): (25, 340),
    ("company", "company"): (450,),
    ("contact", "contact"): (449,),
    ("deal", "deal"): (451,),
}
_PAIRS = (
    ("deal", "contact", 3), ("contact", "ticket", 15), ("deal", "line_item", 19), ("deal", "ticket", 27),
    ("deal", "quote", 63), ("quote", "line_item", 67), ("quote", "contact", 69), ("quote", "company", 71),
    ("company", "call", 181), ("company", "email", 185), ("company", "meeting", 187), ("company", "note", 189),
    ("company", "task", 191), ("contact", "call", 193), ("contact", "email", 197), ("contact", "meeting", 199),
    ("contact", "note", 201), ("contact", "task", 203), ("deal", "call", 205), ("deal", "email", 209),
    ("deal", "meeting", 211), ("deal", "note", 213), ("deal", "task", 215), ("quote", "task", 217),
    ("ticket", "call", 219), ("ticket", "email", 223), ("ticket", "meeting", 225), ("ticket", "note", 227),
    ("ticket", "task", 229), ("call", "meeting", 399),
)  # fmt: skip
for _one, _other, _number in _PAIRS:  # the way back has the next number
    ASSOCIATION_TYPES[_one, _other] = (_number,)
    ASSOCIATION_TYPES[_other, _one] = (_number + 1,)

# (id, label, probability, closed) of the pipeline that every portal begins with
DEFAULT_DEAL_STAGES = (
    ("appointmentscheduled", "Appointment Scheduled", "0.2", "false"),
    ("qualifiedtobuy", "Qualified To Buy", "0.4", "false"),
    ("presentationscheduled", "Presentation Scheduled", "0.6", "false"),
    ("decisionmakerboughtin", "Decision Maker Bought-In", "0.8", "false"),
    ("contractsent", "Contract Sent", "0.9", "false"),
    ("closedwon", "Closed Won", "1.0", "true"),
    ("closedlost", "Closed Lost", "0.0", "true"),
)
# (id, label, state)
DEFAULT_TICKET_STAGES = (
    ("1", "New", "OPEN"),
    ("2", "Waiting on contact", "OPEN"),
    ("3", "Waiting on us", "OPEN"),
    ("4", "Closed", "CLOSED"),
)
LIFECYCLE_STAGES = (
    "subscriber", "lead", "marketingqualifiedlead", "salesqualifiedlead", "opportunity", "customer", "evangelist",
    "other",
)  # fmt: skip


@cache
def properties(name: str) -> dict[str, Definition]:
    """HubSpot's own definitions of a standard object, by name."""
    found = next(each for each in OBJECTS if each.name == name)
    lines = (_FILES / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    listed = [_definition(line) for line in lines if not line.startswith(("@", "#"))]
    everywhere = common(groups(name)[0].name, found.label)
    return {each.name: each for each in sorted((*everywhere, *listed), key=lambda each: each.name)}


@cache
def groups(name: str) -> tuple[Group, ...]:
    """HubSpot's own groups of a standard object."""
    lines = (_FILES / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line[1:].split("|") for line in lines if line.startswith("@")]
    return tuple(Group(pair[0], pair[1], order) for order, pair in enumerate(pairs))


def common(group: str, label: str) -> Iterator[Definition]:
    """The properties that every object has, custom objects too."""
    text = (_FILES / "common.txt").read_text(encoding="utf-8")
    for line in text.replace("{group}", group).replace("{label}", label).splitlines():
        if not line.startswith("#"):
            yield _definition(line)


def stage_properties(stages: Iterator[tuple[str, str]], group: str) -> Iterator[Definition]:
    """What a deal or a company has for each (stage id, label): when it was entered and left, and how long it took."""
    for stage, label in stages:
        for stem, what, kind in (
            ("hs_v2_date_entered", "Date entered", "datetime/date"),
            ("hs_v2_date_exited", "Date exited", "datetime/date"),
            ("hs_v2_latest_time_in", "Latest time in", "number/number"),
            ("hs_v2_cumulative_time_in", "Cumulative time in", "number/number"),
        ):
            yield _definition(f'{stem}_{stage}|{what} "{label}"|{kind}|{group}|r|')
        for stem, what, kind in (
            ("hs_date_entered", "Date entered", "datetime/calculation_read_time"),
            ("hs_date_exited", "Date exited", "datetime/calculation_read_time"),
            ("hs_time_in", "Time in", "number/calculation_read_time"),
        ):
            yield _definition(f'{stem}_{stage}|{what} "{label}"|{kind}|{group}|rh|')


def _definition(line: str) -> Definition:
    """`name|label|type/fieldType|group|flags|options`; flags: r read-only values, c calculated, h hidden, u unique,
    x options kept elsewhere, $ money; options: `value=Label;...` or `>REFERENCED`."""
    name, label, kind, group, flags, rest = (part.strip() for part in line.rsplit("|", 5))
    type_, field_type = kind.split("/")
    return Definition(
        name=name,
        label=label,
        type=type_,
        field_type=field_type,
        group=group,
        options=_options(type_, rest),
        calculated="c" in flags,
        read_only="r" in flags,
        hidden="h" in flags,
        unique="u" in flags,
        external_options="x" in flags,
        referenced=rest[1:] if rest.startswith(">") else "",
        hubspot_defined=True,
        currency_symbol="$" in flags,
        created_at=MADE,
        updated_at=MADE,
    )


def _options(kind: str, text: str) -> tuple[Option, ...]:
    if kind == "bool":
        return (Option("true", "True", 0), Option("false", "False", 1))
    if not text or text.startswith(">"):
        return ()
    pairs = (part.partition("=") for part in text.split(";"))
    return tuple(Option(value, label, order) for order, (value, _, label) in enumerate(pairs))


__all__ = [
    "ASSOCIATION_TYPES",
    "DEFAULT_DEAL_STAGES",
    "DEFAULT_TICKET_STAGES",
    "LIFECYCLE_STAGES",
    "OBJECTS",
    "Definition",
    "Group",
    "ObjectType",
    "Option",
    "common",
    "groups",
    "properties",
    "stage_properties",
]
