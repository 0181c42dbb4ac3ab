"""Do rows become records, and is every row that does not accounted for?"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.config.fieldmap import ColumnRule, How, Predicate, Source, Unlisted
from connector.config.mapping_file import load_named
from connector.core.records import TABLES, Kind, Table, table
from connector.crm.base import arrow_type
from connector.errors import Misconfigured
from connector.mapping import Mapped, Rejection, UnmappedValue, canonical_ids, to_canonical

ID = ColumnRule("id", ("Id",))
NAME = ColumnRule("name", ("Name",))
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def source(name: str, *rules: ColumnRule, where: tuple[Predicate, ...] = ()) -> Source:
    given = {rule.column: rule for rule in (ID, *rules)}
    return Source(name, "test", "Thing", tuple(given.values()), where)


def page(rows: int = 1, **columns: Any) -> pa.Table:
    """A page of named columns; `deleted` and `merged` are what the adapter says beside each row."""
    deleted = columns.pop("deleted", [False] * rows)
    merged = columns.pop("merged", [None] * rows)
    ids = columns.pop("Id", [f"r{at}" for at in range(rows)])
    named = {"Id": ids} | columns
    arrays = {name: value if isinstance(value, pa.Array) else pa.array(value) for name, value in named.items()}
    arrays["pmom_deleted"] = pa.array(deleted, pa.bool_())
    arrays["pmom_merged_into"] = pa.array(merged, pa.string())
    return pa.table(arrays)


def of(kind: Kind, *values: Any) -> pa.Array[Any]:
    return pa.array(values, arrow_type(kind))


def one(table_name: str, column: str, rule: ColumnRule, **columns: Any) -> Any:
    """The single cell that the rule makes of a page of one row."""
    required = [
        ColumnRule(known.name, const="x")
        for known in table(table_name).columns
        if known.required and known.name not in ("id", column)
    ]
    mapped = to_canonical(page(**columns), source(table_name, *required, rule), table(table_name))
    assert mapped.rejections == ()
    (value,) = mapped.rows.column(column).to_pylist()
    return value


@pytest.mark.parametrize("canonical", TABLES, ids=[known.name for known in TABLES])
def test_the_answer_has_the_tables_columns_in_their_types(canonical: Table) -> None:
    required = [ColumnRule(column.name, const="x") for column in canonical.columns if column.required]
    mapped = to_canonical(page(), source(canonical.name, *required, ID), canonical)
    expected = [(column.name, arrow_type(column.kind)) for column in canonical.columns]
    assert [(field.name, field.type) for field in mapped.rows.schema] == expected
    assert mapped.rows.num_rows == 1


def test_an_empty_page_gives_nothing_of_the_right_shape() -> None:
    empty = page(3, Name=["a", "b", "c"]).slice(0, 0)
    mapped = to_canonical(empty, source("partners", NAME), table("partners"))
    assert (mapped.rows.num_rows, len(mapped.deleted_ids), mapped.rejections) == (0, 0, ())


def test_names_of_fields_match_in_any_case() -> None:
    assert one("partners", "industry", ColumnRule("industry", ("INDUSTRY",)), Industry=["Retail"]) == "Retail"


def test_a_page_in_many_chunks_is_mapped_like_one_in_a_single_chunk() -> None:
    whole = page(6, Name=list("abcdef"), Type=["New", "Odd", None, "new", "Odd", "NEW"], Stage=["s"] * 6)
    chunked = pa.concat_tables([whole.slice(at, 2) for at in (0, 2, 4)])
    rules = (
        ColumnRule("stage", ("Stage",)),
        ColumnRule("type", ("Type",), values=(("New", "new"),), unlisted=Unlisted.EMPTY),
    )
    where = (Predicate("Name", How.IS_NOT, ("c",)),)
    answers = [
        to_canonical(rows, source("opportunities", *rules, where=where), table("opportunities"))
        for rows in (whole, chunked)
    ]
    assert answers[0].rows.equals(answers[1].rows)
    assert answers[0].deleted_ids.equals(answers[1].deleted_ids)
    assert answers[0].unmapped == answers[1].unmapped


@pytest.mark.parametrize(
    ("column", "values", "expected"),
    [
        ("amount", of(Kind.MONEY, Decimal("12.3456")), Decimal("12.3456")),
        ("amount", of(Kind.NUMBER, Decimal("12.34565")), Decimal("12.3456")),  # half to even
        ("amount", of(Kind.NUMBER, Decimal("12.34575")), Decimal("12.3458")),
        ("amount", of(Kind.INTEGER, 7), Decimal("7.0000")),
        ("amount", of(Kind.MONEY, None), None),
        ("close_date", of(Kind.DATE, date(2026, 3, 1)), date(2026, 3, 1)),
        ("close_date", of(Kind.INSTANT, datetime(2026, 3, 1, 23, 59, 59, 999999, tzinfo=UTC)), date(2026, 3, 1)),
        ("close_date", of(Kind.INSTANT, datetime(1969, 12, 31, 23, 0, tzinfo=UTC)), date(1969, 12, 31)),
        ("created_at", of(Kind.DATE, date(2026, 3, 1)), datetime(2026, 3, 1, tzinfo=UTC)),
        ("created_at", of(Kind.INSTANT, NOON), NOON),
        ("name", of(Kind.INTEGER, 42), "42"),
        ("name", of(Kind.MONEY, Decimal("1500.0000")), "1500"),
        ("name", of(Kind.BOOL, True), "true"),
        ("is_won", of(Kind.BOOL, False), False),
    ],
)
def test_a_value_keeps_its_meaning_in_the_columns_kind(column: str, values: Any, expected: Any) -> None:
    assert one("opportunities", column, ColumnRule(column, ("F",)), F=values) == expected


@pytest.mark.parametrize("number", ["999999999999.99999999", "-999999999999.99999999"])
def test_the_largest_numbers_of_the_crm_fit_into_money(number: str) -> None:
    rounded = Decimal(number).quantize(Decimal("0.0001"))
    assert one("quotes", "amount", ColumnRule("amount", ("F",)), F=of(Kind.NUMBER, Decimal(number))) == rounded


@pytest.mark.parametrize(
    ("units", "fits"), [(10**16 - 1, True), (10**16, False), (-(10**16) + 1, True), (-(10**16), False)]
)
def test_money_that_does_not_fit_rejects_its_row_and_no_other(units: int, fits: bool) -> None:
    mapped = to_canonical(
        page(2, F=of(Kind.INTEGER, units, 5)), source("quotes", ColumnRule("amount", ("F",))), table("quotes")
    )
    kept = mapped.rows.column("amount").to_pylist()
    if fits:
        assert (kept, mapped.rejections) == ([Decimal(units), Decimal(5)], ())
    else:
        assert kept == [Decimal(5)]
        assert mapped.rejections == (
            Rejection("quotes", "r0", "F", str(units), "does not fit into money of 16 digits before the point"),
        )


def test_a_fraction_is_no_position() -> None:
    rules = (ColumnRule("position", ("F",)), ColumnRule("name", const="x"))
    mapped = to_canonical(
        page(2, F=of(Kind.NUMBER, Decimal("1.5"), Decimal("2.0"))), source("stages", *rules), table("stages")
    )
    assert mapped.rows.column("position").to_pylist() == [2]
    assert [(r.row_id, r.found, r.why) for r in mapped.rejections] == [
        ("r0", "1.50000000", "does not fit into a whole number")
    ]


def test_a_field_of_a_kind_that_cannot_become_the_column_is_a_mistake_of_the_mapping() -> None:
    with pytest.raises(Misconfigured, match="cannot become date"):
        one("campaigns", "start_date", ColumnRule("start_date", ("F",)), F=["soon"])


def test_a_row_without_a_required_value_is_rejected_with_its_id_and_field() -> None:
    mapped = to_canonical(page(2, Name=["Arbor", None]), source("partners", NAME), table("partners"))
    assert mapped.rows.column("name").to_pylist() == ["Arbor"]
    assert mapped.rejections == (Rejection("partners", "r1", "Name", "", "name is required and empty"),)


def test_a_row_without_an_id_is_rejected_whether_live_or_deleted() -> None:
    rows = page(2, Id=pa.array([None, None], pa.string()), Name=["a", "b"], deleted=[False, True])
    mapped = to_canonical(rows, source("partners", NAME), table("partners"))
    assert (mapped.rows.num_rows, len(mapped.deleted_ids), len(mapped.rejections)) == (0, 0, 2)
    assert {rejection.row_id for rejection in mapped.rejections} == {""}


TYPES = ColumnRule(
    "type", ("Type",), values=(("New Customer", "new"), ("Renewal", "renewal")), unlisted=Unlisted.EMPTY
)


@pytest.mark.parametrize(
    ("word", "meaning"),
    [("New Customer", "new"), ("new customer", "new"), (" Renewal ", "renewal"), ("Odd", None), (None, None)],
)
def test_a_word_means_what_the_value_table_says(word: str | None, meaning: str | None) -> None:
    assert one("opportunities", "type", TYPES, Type=of(Kind.TEXT, word)) == meaning


def test_words_in_no_table_are_counted_with_what_became_of_them() -> None:
    rows = page(5, Type=["Odd", "Odd", "Renewal", "Even", None])
    stage = ColumnRule("stage", const="s")
    mapped = to_canonical(rows, source("opportunities", stage, TYPES), table("opportunities"))
    assert mapped.rows.column("type").to_pylist() == [None, None, "renewal", None, None]
    assert mapped.unmapped == (
        UnmappedValue("opportunities", "test", "type", "Type", "Even", 1, "left empty"),
        UnmappedValue("opportunities", "test", "type", "Type", "Odd", 2, "left empty"),
    )


@pytest.mark.parametrize(
    ("unlisted", "kept", "became", "rejected"),
    [
        (Unlisted.KEEP, ["Odd", "b", None], "kept as it is", 0),
        (Unlisted.EMPTY, [None, "b", None], "left empty", 0),
        (Unlisted.REJECT, ["b", None], "row rejected", 1),
    ],
)
def test_a_column_says_what_becomes_of_unlisted_words(
    unlisted: Unlisted, kept: list[str | None], became: str, rejected: int
) -> None:
    rule = ColumnRule("segment", ("S",), values=(("a", "b"),), unlisted=unlisted)
    mapped = to_canonical(
        page(3, S=["Odd", "A", None]), source("accounts", ColumnRule("name", const="x"), rule), table("accounts")
    )
    assert mapped.rows.column("segment").to_pylist() == kept
    assert [value.became for value in mapped.unmapped] == [became]
    assert [(r.row_id, r.found) for r in mapped.rejections] == [("r0", "Odd")] * rejected


def test_a_default_stands_for_empty_and_unlisted_words_and_only_these_are_counted() -> None:
    rule = ColumnRule("role", ("R",), values=(("VAR", "reseller"),), default="other", unlisted=Unlisted.DEFAULT)
    ends = (ColumnRule("account_id", const="a"), ColumnRule("partner_id", const="p"))
    mapped = to_canonical(
        page(3, R=["VAR", "Odd", None]), source("account_links", *ends, rule), table("account_links")
    )
    assert mapped.rows.column("role").to_pylist() == ["reseller", "other", "other"]
    assert [(value.value, value.rows, value.became) for value in mapped.unmapped] == [("Odd", 1, "became other")]


def test_a_list_of_the_true_words_makes_a_boolean_without_reporting_the_others() -> None:
    rule = ColumnRule("is_quoted", ("S",), values=(("Proposal", True),), default=False, quiet=True,
                      unlisted=Unlisted.DEFAULT)  # fmt: skip
    mapped = to_canonical(
        page(2, S=["Proposal", "Other"]), source("stages", ColumnRule("name", ("S",)), rule), table("stages")
    )
    assert mapped.rows.column("is_quoted").to_pylist() == [True, False]
    assert mapped.unmapped == ()


def test_an_absent_field_leaves_its_column_empty_default_or_not() -> None:
    rule = ColumnRule("role", ("Gone",), values=(("VAR", "reseller"),), default="other", unlisted=Unlisted.DEFAULT)
    ends = (ColumnRule("account_id", const="a"), ColumnRule("partner_id", const="p"))
    mapped = to_canonical(page(), source("account_links", *ends, rule), table("account_links"))
    assert mapped.rows.column("role").to_pylist() == [None]


def test_a_closed_column_without_a_table_takes_its_own_words_only() -> None:
    rule = ColumnRule("status", ("S",), unlisted=Unlisted.EMPTY)
    mapped = to_canonical(page(2, S=["Issued", "Sent"]), source("quotes", rule), table("quotes"))
    assert mapped.rows.column("status").to_pylist() == ["issued", None]
    assert [value.value for value in mapped.unmapped] == ["Sent"]


@pytest.mark.parametrize(
    ("words", "meaning"),
    [
        ("VAR;MSP", "VAR;MSP"),
        ("VAR; VAR ;;MSP", "VAR;MSP"),
        (";", None),
        (None, None),
    ],
)
def test_several_values_in_one_field_stay_several(words: str | None, meaning: str | None) -> None:
    assert one("partners", "persona", ColumnRule("persona", ("P",), multiple=True), P=of(Kind.TEXT, words)) == meaning


def test_each_of_several_values_is_looked_up() -> None:
    rule = ColumnRule("persona", ("P",), values=(("Reseller", "VAR"), ("GSI", "GSI")), multiple=True)
    mapped = to_canonical(
        page(2, P=["reseller;GSI", "GSI;Odd"]),
        source("partners", ColumnRule("name", const="x"), rule),
        table("partners"),
    )
    assert mapped.rows.column("persona").to_pylist() == ["VAR;GSI", "GSI;Odd"]
    assert [(value.value, value.rows) for value in mapped.unmapped] == [("Odd", 1)]


@pytest.mark.parametrize(
    ("code", "name", "country"),
    [("DE", "France", "DE"), (None, "France", "FR"), (None, "Atlantis", "Atlantis"), (None, None, None)],
)
def test_the_first_filled_field_is_taken(code: str | None, name: str | None, country: str | None) -> None:
    rule = ColumnRule("country", ("Code", "Name"), country=True)
    columns = {"Code": of(Kind.TEXT, code), "Name": of(Kind.TEXT, name)}
    assert one("accounts", "country", rule, **columns) == country


def test_an_unknown_country_is_kept_and_counted() -> None:
    rule = ColumnRule("country", ("C",), country=True)
    mapped = to_canonical(
        page(3, C=["Atlantis", "USA", "Atlantis"]), source("accounts", NAME, rule), table("accounts")
    )
    assert [(value.value, value.rows, value.became) for value in mapped.unmapped] == [
        ("Atlantis", 2, "kept as it is")
    ]


def test_fields_of_different_kinds_may_stand_in_for_each_other() -> None:
    rule = ColumnRule("occurred_at", ("At", "On"))
    rows = page(2, At=of(Kind.INSTANT, NOON, None), On=of(Kind.DATE, None, date(2026, 3, 2)))
    mapped = to_canonical(rows, source("touches", rule), table("touches"))
    assert mapped.rows.column("occurred_at").to_pylist() == [NOON, datetime(2026, 3, 2, tzinfo=UTC)]


def test_a_tag_tells_apart_the_rows_that_one_record_makes() -> None:
    rules = (ColumnRule("id", ("Id",), tag="field"), ColumnRule("opportunity_id", ("Id",)),
             ColumnRule("partner_id", ("P",)), ColumnRule("role", const="reseller"))  # fmt: skip
    rows = page(2, P=["p", "p"], deleted=[False, True])
    tagged = source("partner_links", *rules)
    mapped = to_canonical(rows, tagged, table("partner_links"))
    (link,) = mapped.rows.to_pylist()
    assert (link["id"], link["opportunity_id"], link["role"]) == ("r0:field", "r0", "reseller")
    assert mapped.deleted_ids.to_pylist() == ["r1:field"]
    assert canonical_ids(rows, tagged).to_pylist() == ["r0:field", "r1:field"]


def left(where: Predicate, **columns: Any) -> list[str]:
    """The ids that the condition leaves out."""
    rows = page(len(next(iter(columns.values()))), **columns)
    mapped = to_canonical(rows, source("touches", where=(where,)), table("touches"))
    assert mapped.rows.num_rows + len(mapped.deleted_ids) == rows.num_rows
    return [str(value) for value in mapped.deleted_ids.to_pylist()]


TEXTS = {"T": of(Kind.TEXT, "Partner", "PARTNER", "Customer", None)}


@pytest.mark.parametrize(
    ("predicate", "columns", "out"),
    [
        (Predicate("T", How.IS, ("Partner",)), TEXTS, ["r2", "r3"]),
        (Predicate("t", How.IS, ("partner",)), TEXTS, ["r2", "r3"]),
        (Predicate("T", How.IS_NOT, ("Partner",)), TEXTS, ["r0", "r1"]),
        (Predicate("T", How.IN, ("Partner", "customer")), TEXTS, ["r3"]),
        (Predicate("T", How.NOT_IN, ("Partner",)), TEXTS, ["r0", "r1"]),
        (Predicate("T", How.STARTS, ("part",)), TEXTS, ["r2", "r3"]),
        (Predicate("T", How.FILLED), TEXTS, ["r3"]),
        (Predicate("T", How.EMPTY), TEXTS, ["r0", "r1", "r2"]),
        (Predicate("Gone", How.EMPTY, optional=True), TEXTS, []),
        (Predicate("Gone", How.FILLED, optional=True), TEXTS, []),
        (Predicate("Gone", How.FILLED), TEXTS, ["r0", "r1", "r2", "r3"]),
        (Predicate("B", How.IS, (True,)), {"B": of(Kind.BOOL, True, False, None)}, ["r1", "r2"]),
        (Predicate("B", How.IS, (False,)), {"B": of(Kind.BOOL, True, False, None)}, ["r0"]),
        (Predicate("B", How.IS_NOT, (True,)), {"B": of(Kind.BOOL, True, False, None)}, ["r0"]),
        (Predicate("N", How.IS, (3,)), {"N": of(Kind.INTEGER, 3, 4, None)}, ["r1", "r2"]),
        (Predicate("N", How.IN, (Decimal("1.5"),)), {"N": of(Kind.NUMBER, Decimal("1.5"), None)}, ["r1"]),
    ],
)
def test_rows_outside_the_condition_leave_the_table(
    predicate: Predicate, columns: dict[str, Any], out: list[str]
) -> None:
    assert left(predicate, **columns) == out


def test_a_merged_record_points_to_its_survivor_even_when_it_is_no_longer_whole() -> None:
    rows = page(3, Name=["Arbor", None, "Birch"], deleted=[False, True, True], merged=[None, "r0", None])
    mapped = to_canonical(rows, source("partners", NAME), table("partners"))
    assert mapped.rows.select(["id", "merged_into"]).to_pylist() == [
        {"id": "r0", "merged_into": None},
        {"id": "r1", "merged_into": "r0"},
    ]
    assert mapped.merged == (("r1", "r0"),)
    assert mapped.deleted_ids.to_pylist() == ["r2"]
    assert mapped.rejections == ()


def test_where_a_table_knows_no_merges_a_merged_record_is_a_deleted_one() -> None:
    rows = page(2, deleted=[False, True], merged=[None, "r0"])
    mapped = to_canonical(rows, source("touches"), table("touches"))
    assert (mapped.rows.num_rows, mapped.deleted_ids.to_pylist(), mapped.merged) == (1, ["r1"], ())


WORDS = st.sampled_from([None, "New Customer", "renewal", "Odd", "", "Ünknown 🙂"])
ROW = st.fixed_dictionaries(
    {
        "Stage": st.sampled_from([None, "Won", "Open"]),
        "Type": WORDS,
        "Amount": st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)),
        "deleted": st.booleans(),
        "merged": st.sampled_from([None, "r0"]),
    }
)
MIXED = source(
    "opportunities",
    ColumnRule("stage", ("Stage",)),
    TYPES,
    ColumnRule("amount", ("Amount",)),
    where=(Predicate("Type", How.IS_NOT, ("Odd",)),),
)


def mixed(rows: list[dict[str, Any]]) -> pa.Table:
    return page(
        len(rows),
        Id=of(Kind.ID, *(row.get("Id", f"r{at}") for at, row in enumerate(rows))),
        Stage=of(Kind.TEXT, *(row["Stage"] for row in rows)),
        Type=of(Kind.TEXT, *(row["Type"] for row in rows)),
        Amount=of(Kind.INTEGER, *(row["Amount"] for row in rows)),
        deleted=[row["deleted"] for row in rows],
        merged=[row["merged"] for row in rows],
    )


def mapped_as_sets(mapped: Mapped) -> tuple[Any, ...]:
    rows = sorted(map(repr, mapped.rows.to_pylist()))
    return (
        rows,
        sorted(mapped.deleted_ids.to_pylist()),
        Counter(mapped.rejections),
        Counter(mapped.unmapped),
        Counter(mapped.merged),
    )


@settings(deadline=None, max_examples=60)
@given(st.lists(ROW, max_size=20))
def test_every_row_is_a_record_a_rejection_or_a_deletion(rows: list[dict[str, Any]]) -> None:
    mapped = to_canonical(mixed(rows), MIXED, table("opportunities"))
    assert mapped.rows.num_rows + len(mapped.rejections) + len(mapped.deleted_ids) == len(rows)


@settings(deadline=None, max_examples=60)
@given(st.lists(ROW, max_size=12).flatmap(lambda rows: st.tuples(st.just(rows), st.permutations(range(len(rows))))))
def test_the_order_of_rows_changes_nothing(pair: tuple[list[dict[str, Any]], list[int]]) -> None:
    rows, order = pair
    named = [row | {"Id": f"r{at}"} for at, row in enumerate(rows)]
    shuffled = [named[at] for at in order]
    one_way, other_way = (to_canonical(mixed(r), MIXED, table("opportunities")) for r in (named, shuffled))
    assert mapped_as_sets(one_way) == mapped_as_sets(other_way)


@settings(deadline=None, max_examples=60)
@given(st.lists(ROW, max_size=12), st.integers(0, 12))
def test_two_pages_give_what_one_gives(rows: list[dict[str, Any]], cut: int) -> None:
    named = [row | {"Id": f"r{at}"} for at, row in enumerate(rows)]
    whole, first, second = (
        to_canonical(mixed(r), MIXED, table("opportunities")) for r in (named, named[:cut], named[cut:])
    )
    assert whole.rows.to_pylist() == first.rows.to_pylist() + second.rows.to_pylist()
    assert whole.deleted_ids.to_pylist() == first.deleted_ids.to_pylist() + second.deleted_ids.to_pylist()
    assert Counter(whole.rejections) == Counter(first.rejections) + Counter(second.rejections)


def test_values_that_need_no_change_are_not_copied() -> None:
    rows = page(3, Name=["a", "b", "c"])
    mapped = to_canonical(rows, source("partners", NAME), table("partners"))
    (before,), (after,) = rows.column("Name").chunks, mapped.rows.column("name").chunks
    assert after.buffers()[2].address == before.buffers()[2].address


def test_the_shipped_mapping_reads_an_account_as_partner_and_as_company() -> None:
    fieldmap = load_named("salesforce")
    rows = page(
        2, Name=["Arbor", "Birch"], IsPartner=of(Kind.BOOL, True, False), BillingCountry=["Deutschland", "U.S.A."],
        SystemModstamp=of(Kind.INSTANT, NOON, NOON),
    )  # fmt: skip
    partners = to_canonical(rows, fieldmap.of("partners")[0], table("partners"))
    accounts = to_canonical(rows, fieldmap.of("accounts")[0], table("accounts"))
    assert partners.rows.select(["id", "name", "country", "portal"]).to_pylist() == [
        {"id": "r0", "name": "Arbor", "country": "DE", "portal": True}
    ]
    assert partners.deleted_ids.to_pylist() == ["r1"]
    assert accounts.rows.column("country").to_pylist() == ["DE", "US"]
