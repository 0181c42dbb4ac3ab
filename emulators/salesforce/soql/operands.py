"""What may be compared, sorted, grouped or aggregated, and as what kind of value."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from emulators.salesforce.schema import FieldType
from emulators.salesforce.soql.ast import Call, Operand, Path
from emulators.salesforce.soql.dates import DATETIME_ONLY_FUNCTIONS, DAY_FUNCTIONS
from emulators.salesforce.soql.errors import SoqlError, malformed, refuse
from emulators.salesforce.soql.scope import Column, Scope

LONG_TEXT = 255  # a textarea that may be longer is a long text area


class ValueKind(StrEnum):
    """How values of a field are compared."""

    TEXT = "string"
    ID = "id"
    BOOLEAN = "boolean"
    INTEGER = "int"
    NUMBER = "double"
    DATE = "date"
    DATETIME = "dateTime"
    MULTI = "multipicklist"


_KINDS = {
    "id": ValueKind.ID,
    "reference": ValueKind.ID,
    "boolean": ValueKind.BOOLEAN,
    "int": ValueKind.INTEGER,
    "double": ValueKind.NUMBER,
    "currency": ValueKind.NUMBER,
    "percent": ValueKind.NUMBER,
    "date": ValueKind.DATE,
    "datetime": ValueKind.DATETIME,
    "multipicklist": ValueKind.MULTI,
}
_NEVER_FILTERED = frozenset({"address", "location", "base64", "anyType", "encryptedstring"})
_NEVER_SORTED = _NEVER_FILTERED | {"multipicklist"}
_NEVER_GROUPED = _NEVER_SORTED | {"currency", "double", "percent", "datetime"}
_NEVER_AGGREGATED = _NEVER_SORTED | {"boolean"}
_DATED = frozenset({"Opportunity", "OpportunityHistory", "OpportunityLineItem"})
_SUMMED = frozenset({"int", "double", "currency", "percent"})


@dataclass(frozen=True, slots=True)
class Value:
    """An SQL expression with the kind of its values; `field` is None for counts and parts of dates."""

    sql: str
    kind: ValueKind
    label: str
    position: int
    field: FieldType | None = None
    currency: str = ""  # SQL of the row's currency code, for amounts in a multi-currency org


def kind_of(field: FieldType) -> ValueKind:
    """The kind of a field's values."""
    return _KINDS.get(field.type, ValueKind.TEXT)


def is_long(field: FieldType) -> bool:
    """Whether the field is a long text area."""
    return field.type == "textarea" and field.length > LONG_TEXT


def filterable(field: FieldType) -> bool:
    """Whether WHERE takes the field."""
    return field.filterable and field.type not in _NEVER_FILTERED and not is_long(field)


def sortable(field: FieldType) -> bool:
    """Whether ORDER BY takes the field."""
    return field.sortable and field.type not in _NEVER_SORTED and not is_long(field)


def groupable(field: FieldType) -> bool:
    """Whether GROUP BY takes the field."""
    formula = field.custom and field.calculated
    return field.groupable and field.type not in _NEVER_GROUPED and not is_long(field) and not formula


def field_value(scope: Scope, path: Path) -> Value:
    """A field as a value."""
    column = scope.column(path)
    return Value(column.sql, kind_of(column.field), str(path), path.position, column.field, currency_of(column))


def day_value(scope: Scope, call: Call) -> Value:
    """A date function as a value; datetimes are cut in UTC unless convertTimezone() wraps the field."""
    zone = "NULL"
    inner = call.argument
    if isinstance(inner, Call):
        zone = scope.binder(scope.context.timezone.key)
        inner = inner.argument
    assert isinstance(inner, Path)
    column = scope.column(inner)
    wanted = ("datetime",) if zone != "NULL" or call.name in DATETIME_ONLY_FUNCTIONS else ("date", "datetime")
    if column.field.type not in wanted:
        text = f"field {inner} does not support date function {call.name}"
        raise malformed(scope.soql, call.position, text)
    context = scope.context
    named_by_end = int(context.fiscal_year_ends)
    sql = f"soql_part('{call.name}', {column.sql}, {zone}, {context.fiscal_start_month}, {named_by_end})"
    kind = ValueKind.DATE if call.name == "DAY_ONLY" else ValueKind.INTEGER
    return Value(sql, kind, str(call), call.position)


def aggregate_value(scope: Scope, call: Call) -> Value:
    """COUNT, COUNT_DISTINCT, SUM, AVG, MIN or MAX of a field."""
    assert isinstance(call.argument, Path)
    column = scope.column(call.argument)
    field = column.field
    allowed = field.type in _SUMMED if call.name in ("SUM", "AVG") else field.type not in _NEVER_AGGREGATED
    if not allowed or is_long(field):
        text = f"field {call.argument} does not support aggregate operator {call.name}"
        raise malformed(scope.soql, call.position, text)
    return _aggregate(scope, call, column)


def _aggregate(scope: Scope, call: Call, column: Column) -> Value:
    """Amounts of several currencies are aggregated in the corporate one."""
    label, kind = str(call), kind_of(column.field)
    if call.name in ("COUNT", "COUNT_DISTINCT"):
        distinct = "DISTINCT " if call.name == "COUNT_DISTINCT" else ""
        return Value(f"COUNT({distinct}{column.sql})", ValueKind.INTEGER, label, call.position)
    code = currency_of(column) if scope.context.schema.object("CurrencyType") else ""
    sql = f"{column.sql} / coalesce({dated_rate_sql(scope, column, code)}, 1.0)" if code else column.sql
    if call.name == "AVG":
        return Value(f"AVG({sql})", ValueKind.NUMBER, label, call.position)
    return Value(f"{call.name}({sql})", kind, label, call.position, column.field)


def plain_value(scope: Scope, operand: Operand) -> Value:
    """A field or date function where no aggregate may stand."""
    if isinstance(operand, Path):
        return field_value(scope, operand)
    if operand.name in DAY_FUNCTIONS:
        return day_value(scope, operand)
    if operand.name == "TOLABEL":
        return label_value(scope, operand)
    if operand.name == "DISTANCE":
        return distance_value(scope, operand)
    raise malformed(scope.soql, operand.position, f"unexpected token: '{operand.name}'")


def distance_value(scope: Scope, call: Call) -> Value:
    """DISTANCE(field, point, unit): a number; null where the field has no coordinates."""
    assert isinstance(call.argument, Path)
    assert call.to is not None
    here = _coordinates(scope, call.argument)
    there = f"{scope.binder(call.to.latitude)}, {scope.binder(call.to.longitude)}"
    sql = f"soql_distance({here}, {there}, {scope.binder(call.unit)})"
    return Value(sql, ValueKind.NUMBER, str(call), call.position)


def _coordinates(scope: Scope, place: Path) -> str:
    """Latitude and longitude of an address or a location field, as two SQL expressions."""
    column = scope.column(place)
    stem, suffix = column.field.name.removesuffix("Address"), ""
    if column.field.type == "location":
        stem, suffix = column.field.name.removesuffix("c"), "__s"
    parts = [column.entity.field(f"{stem}{part}{suffix}") for part in ("Latitude", "Longitude")]
    if column.field.type not in ("address", "location") or None in parts:
        raise malformed(scope.soql, place.position, f"field {place} does not support DISTANCE()")
    return ", ".join(scope.field_sql(column.alias, column.entity, part) for part in parts if part is not None)


def label_value(scope: Scope, call: Call) -> Value:
    """toLabel(picklist): the label of a value; the value itself where it has none."""
    assert isinstance(call.argument, Path)
    column = scope.column(call.argument)
    translated = column.field.type in ("picklist", "multipicklist", "combobox")
    if not translated and (column.entity.name, column.field.name) != ("RecordType", "Name"):
        raise malformed(scope.soql, call.position, f"field {call.argument} does not support toLabel()")
    renamed = [one for one in column.field.picklist if one.label != one.value]
    branches = " ".join(f"WHEN {scope.binder(one.value)} THEN {scope.binder(one.label)}" for one in renamed)
    sql = f"(CASE {column.sql} {branches} ELSE {column.sql} END COLLATE NOCASE)" if renamed else column.sql
    return Value(sql, ValueKind.TEXT, str(call.argument), call.position, column.field)


def currency_of(column: Column) -> str:
    """The SQL of the currency code of an amount's record; empty in an org of one currency."""
    if column.field.type != "currency" or not column.alias or column.entity.field("CurrencyIsoCode") is None:
        return ""
    return f"{column.alias}.f_currencyisocode"


def dated_rate_sql(scope: Scope, column: Column, code: str) -> str:
    """The rate of the day an opportunity closes where the org has dated rates for it, else the standing one."""
    day = f"{column.alias}.f_closedate"
    if column.entity.name == "OpportunityLineItem":
        day = f"(SELECT o.f_closedate FROM o_opportunity AS o WHERE o.f_id = {column.alias}.f_opportunityid)"
    if column.entity.name not in _DATED or scope.context.schema.object("DatedConversionRate") is None:
        return rate_sql(code)
    dated = (
        f"SELECT d.f_conversionrate FROM o_datedconversionrate AS d WHERE d.f_isocode = {code} "
        f"AND d.f_startdate <= {day} AND (d.f_nextstartdate > {day} OR d.f_nextstartdate IS NULL) "
        "ORDER BY d.f_startdate DESC LIMIT 1"
    )
    return f"coalesce(({dated}), {rate_sql(code)})"


def rate_sql(code: str) -> str:
    """How much of that currency a unit of the corporate currency buys."""
    return f"(SELECT c.f_conversionrate FROM o_currencytype AS c WHERE c.f_isocode = {code})"


def refuse_unless(allowed: bool, scope: Scope, value: Value, verb: str) -> None:
    """INVALID_FIELD when a field may not be filtered, sorted or grouped."""
    if not allowed:
        raise not_allowed(scope, value, verb)


def not_allowed(scope: Scope, value: Value, verb: str) -> SoqlError:
    """The refusal of a field that can not be filtered, sorted or grouped."""
    text = f"field '{value.label}' can not be {verb} in a query call"
    return refuse("INVALID_FIELD", scope.soql, value.position, text)


def order_sql(scope: Scope, value: Value) -> str:
    """What to sort by: text without case and marks, picklists in their defined order."""
    field = value.field
    if field is not None and field.type in ("picklist", "combobox") and field.picklist:
        places = " ".join(f"WHEN {scope.binder(one.value)} THEN {n}" for n, one in enumerate(field.picklist))
        rank = f"CASE {value.sql} {places} ELSE {len(field.picklist)} END"
        return f"CASE WHEN {value.sql} IS NOT NULL THEN printf('%06d', {rank}) || soql_key({value.sql}) END"
    if value.kind is ValueKind.TEXT and not (field is not None and field.case_sensitive):
        return f"soql_key({value.sql})"
    return value.sql


def order_direction(scope: Scope, value: Value, descending: bool, nulls: str | None) -> str:
    """ASC or DESC and where nulls go: first unless asked otherwise; left out where SQLite does so by itself."""
    wanted = nulls or "FIRST"
    by_itself = "LAST" if descending else "FIRST"
    own = value.sql.startswith(f"{scope.root}.")
    never_null = own and value.field is not None and not value.field.nillable
    suffix = "" if wanted == by_itself or never_null else f" NULLS {wanted}"
    return f" {'DESC' if descending else 'ASC'}{suffix}"
