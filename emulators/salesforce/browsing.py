"""What the page in a browser shows of an org, and which calls of the control plane its acts are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from emulators.loopback.faults import Kind
from emulators.loopback.page.shown import Change, Link, Meter, ObjectLine, Panel, Related, Row, Rows, Shown, Value
from emulators.salesforce import storage
from emulators.salesforce.org import Org
from emulators.salesforce.schema import FieldType, ObjectType
from emulators.salesforce.storage import column, has_column, table

_COLUMNS = (
    "Email", "StageName", "Amount", "CloseDate", "Status", "ActivityDate", "Type", "Industry", "Company", "AccountId",
    "Username", "OwnerId",
)  # fmt: skip
_TEXTS = frozenset({"string", "textarea", "picklist", "multipicklist", "combobox", "email", "phone", "url", "id"})
_NOT_HERE = (Kind.LOCKED, Kind.MIGRATING, Kind.TIMEOUT)
_PAST = "OpportunityHistory"
_LINKS = 12  # records of one child object
_OWN = frozenset({"Id", "SystemModstamp", "IsDeleted"})


class Browsing:
    """An org as the page sees it (`emulators.loopback.page.shown.Crm`)."""

    kinds = tuple(str(kind) for kind in Kind if kind not in _NOT_HERE)

    def __init__(self, org: Org) -> None:
        self.org = org
        self.title = f"Salesforce org {org.org_id}"

    def about(self) -> Panel:
        """Ids and the file."""
        rows = (("Org", self.org.org_id), ("Integration user", self.org.user_id), ("File", str(self.org.path)))
        return Panel("The org", rows)

    def meters(self) -> tuple[Meter, ...]:
        """Calls of 24 hours."""
        return (Meter("Calls in 24 hours", self.org.limits.used(), self.org.limits.daily_max),)

    def limit_form(self) -> tuple[tuple[str, str, str], ...]:
        """What the control plane's `limits` takes."""
        most, used = str(self.org.limits.daily_max), str(self.org.limits.used())
        return (("daily_max", "Calls in 24 hours", most), ("used", "Used", used))

    def panels(self) -> tuple[Panel, ...]:
        """Nothing else."""
        return ()

    def objects(self) -> tuple[ObjectLine, ...]:
        """Every object with its counts."""
        return tuple(self._line(obj) for obj in sorted(self.org.schema.objects.values(), key=lambda each: each.name))

    def records(self, name: str, text: str, start: int, size: int, *, deleted: bool) -> Rows | None:
        """Records by their last change, the latest first."""
        obj = self.org.schema.object(name)
        if obj is None:
            return None
        where, given = _condition(obj, text, deleted=deleted)
        stamped = ["SystemModstamp"] if obj.field("SystemModstamp") else []
        order = ", ".join(f"{column(each)} DESC" for each in (*stamped, "Id"))  # walks one index, sorts nothing
        found = list(storage.rows(self.org.connection(), obj, f"{where} ORDER BY {order} LIMIT ? OFFSET ?",
                                  *given, size + 1, start))  # fmt: skip
        columns = [field for each in _COLUMNS if (field := obj.field(each)) and has_column(field)][:4]
        rows = tuple(_row(obj, each, columns) for each in found[:size])
        return Rows((*(each.label for each in columns), "Changed"), rows, len(found) > size)

    def record(self, name: str, record_id: str) -> Shown | None:
        """One record, the rows of its history, and what points to it."""
        obj = self.org.schema.object(name)
        found = next(storage.rows(self.org.connection(), obj, "f_id = ?", record_id), None) if obj else None
        if obj is None or found is None:
            return None
        values = [self._value(each, found[each.name]) for each in obj.fields.values() if has_column(each)]
        values.sort(
            key=lambda each: (each.name not in ("Name", "LastName", "Subject"), each.name in _OWN, each.label.lower())
        )
        gone = bool(found.get("IsDeleted"))
        return Shown(
            record_id,
            _title(obj, found),
            gone,
            tuple(values),
            self._changes(obj, found),
            self._children(obj, record_id),
        )

    def blank(self, name: str) -> tuple[Value, ...] | None:
        """The fields that a caller may give."""
        obj = self.org.schema.object(name)
        if obj is None or not obj.createable:
            return None
        given = [each for each in obj.fields.values() if each.createable and has_column(each)]
        first = {each.name for each in given if each.name_field or _demanded(each)}
        first |= set(_COLUMNS) & {each.name for each in given}
        found = [self._value(each, None, required=each.name in first) for each in given]
        return tuple(sorted(found, key=lambda each: (not each.required, each.label.lower())))

    def write(self, name: str, record_id: str, values: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
        """`edit` or `insert`, with values of the fields' types."""
        obj = self.org.schema.object(name)
        typed = {each: _typed(obj.field(each) if obj else None, text) for each, text in values.items()}
        body = {"object": name, "values": typed}
        return ("edit", {**body, "id": record_id}) if record_id else ("insert", body)

    def delete(self, name: str, record_id: str) -> tuple[str, dict[str, Any]]:
        """Into the recycle bin."""
        return "delete", {"object": name, "id": record_id}

    def undelete(self, name: str, record_id: str) -> tuple[str, dict[str, Any]]:
        """And back."""
        return "undelete", {"object": name, "id": record_id}

    def _line(self, obj: ObjectType) -> ObjectLine:
        connection = self.org.connection()
        if obj.field("IsDeleted") is None:
            (every,) = connection.execute(f"SELECT count(*) FROM {table(obj)}").fetchone()
            return ObjectLine(obj.name, obj.label_plural, every, 0, obj.custom)
        every, gone = connection.execute(f"SELECT count(*), total(f_isdeleted) FROM {table(obj)}").fetchone()
        return ObjectLine(obj.name, obj.label_plural, every - int(gone), int(gone), obj.custom)

    def _value(self, field: FieldType, held: Any, *, required: bool = False) -> Value:
        choices = tuple(each.value for each in field.picklist if each.active) if field.type == "picklist" else ()
        if field.type == "boolean":
            choices = ("true", "false")
        kind = field.type + (f" to {', '.join(field.reference_to[:3])}" if field.reference_to else "")
        text = _shown(field, held)
        link = self._target(field, text) if field.type == "reference" and text else None
        fixed = field.name in ("Id", "SystemModstamp", "IsDeleted") or field.calculated
        return Value(
            field.name, field.label, kind, text, not fixed, required, choices, field.type == "textarea", link
        )

    def _target(self, field: FieldType, record_id: str) -> Link | None:
        for name in field.reference_to:
            obj = self.org.schema.object(name)
            if obj is not None and (len(field.reference_to) == 1 or obj.key_prefix == record_id[:3]):
                return Link(obj.name, record_id)
        return None

    def _changes(self, obj: ObjectType, found: Mapping[str, Any]) -> tuple[Change, ...]:
        """The stages of an opportunity; of every record who made and who changed it last."""
        changes = [Change(_moment(found.get(at)), told, "", self._name(found.get(by)))
                   for at, told, by in (("LastModifiedDate", "last changed", "LastModifiedById"),
                                        ("CreatedDate", "created", "CreatedById")) if found.get(at)]  # fmt: skip
        past = self.org.schema.object(_PAST)
        if obj.name == "Opportunity" and past is not None:
            where = "f_opportunityid = ? ORDER BY f_createddate DESC, f_id DESC LIMIT 100"
            for each in storage.rows(self.org.connection(), past, where, found["Id"]):
                by = self._name(each["CreatedById"])
                changes.append(Change(_moment(each["CreatedDate"]), "StageName", _stage(each), by))
        return tuple(sorted(changes, key=lambda each: each.at, reverse=True))

    def _name(self, user_id: Any) -> str:
        user = next(storage.rows(self.org.connection(), self.org.schema.objects["user"], "f_id = ?", user_id), None)
        return str((user or {}).get("Name") or user_id or "")

    def _children(self, obj: ObjectType, record_id: str) -> tuple[Related, ...]:
        """Living records that point to this one by an indexed field."""
        found: list[Related] = []
        for child in self.org.schema.objects.values() if obj.name != "User" else ():
            for field in child.fields.values():
                if (
                    field.type == "reference"
                    and obj.name in field.reference_to
                    and has_column(field)
                    and child.name != _PAST
                ):
                    alive = " AND f_isdeleted = 0" if child.field("IsDeleted") else ""
                    rows = storage.rows(
                        self.org.connection(), child, f"{column(field)} = ?{alive} LIMIT {_LINKS}", record_id
                    )
                    found += [Related(f"{child.label} by {field.label}", _title(child, each) or str(each["Id"]),
                                      Link(child.name, str(each["Id"]))) for each in rows]  # fmt: skip
        return tuple(found)


def _condition(obj: ObjectType, text: str, *, deleted: bool) -> tuple[str, tuple[Any, ...]]:
    gone = "f_isdeleted = 1" if deleted and obj.field("IsDeleted") else "0" if deleted else "1"
    if not text:
        return gone, ()
    fields = [each for each in obj.fields.values() if has_column(each) and each.type in _TEXTS]
    holds = " OR ".join(f"instr(lower({column(each)}), lower(?))" for each in fields) or "0"
    return f"{gone} AND ({holds})", (text,) * len(fields)


def _demanded(field: FieldType) -> bool:
    """Whether a record without it is refused."""
    return not field.nillable and not field.default_on_create and field.type != "boolean"


def _row(obj: ObjectType, found: Mapping[str, Any], columns: list[FieldType]) -> Row:
    cells = [_shown(each, found[each.name]) for each in columns]
    at = _moment(found.get("SystemModstamp"))
    return Row(str(found["Id"]), _title(obj, found), bool(found.get("IsDeleted")), (*cells, at))


def _title(obj: ObjectType, found: Mapping[str, Any]) -> str:
    named = next((each.name for each in obj.fields.values() if each.name_field), "Name")
    return str(found.get(named) or found.get("Name") or found.get("LastName") or "")


def _shown(field: FieldType, held: Any) -> str:
    if held is None:
        return ""
    if field.type == "boolean":
        return "true" if held else "false"
    return f"{held:.15g}" if isinstance(held, float) else str(held)


def _typed(field: FieldType | None, text: str) -> Any:
    """A text as the value that a JSON call would send; ValueError for a number that is none."""
    if text.strip() == "":
        return None
    if field is None or field.type not in ("boolean", "int", "double", "currency", "percent"):
        return text
    if field.type == "boolean":
        return text.strip().lower() == "true"
    try:
        return int(text) if field.type == "int" else float(text)
    except ValueError:
        raise ValueError(f"{field.label} must be a number, not {text!r}.") from None


def _moment(text: Any) -> str:
    return str(text or "")[:19].replace("T", " ")


def _stage(each: Mapping[str, Any]) -> str:
    amount = each.get("Amount")
    return str(each.get("StageName") or "") + (f", {amount:,.2f}" if amount is not None else "")
