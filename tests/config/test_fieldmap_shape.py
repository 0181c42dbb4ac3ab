"""Does each mistake in a mapping file lead to its line, with what was found and what to do?"""

from __future__ import annotations

from pathlib import Path

import pytest

from connector.config.fieldmap import How, Predicate, Source, Unlisted
from connector.config.mapping_file import load, load_named, locate, parse
from connector.errors import Misconfigured

CONFIGS = Path(__file__).parent / "configs"

# One broken file a mistake; the file's own name is left out of the messages.
COMPLAINTS = {
    "condition_on_an_unnamed_path": (
        ":5: partners[0]: the condition on Owner.AccountId needs a column with the same field. Add the column."
    ),
    "const_of_another_kind": (
        ":32: partner_links[0].columns.recorded_at: recorded_at is instant, 'yesterday' is not. Write a "
        "value of that kind."
    ),
    "country_on_a_date": (
        ":22: opportunities[0].columns.close_date: close_date is no text. Leave country and multiple out."
    ),
    "default_without_default": (
        ':22: opportunities[0].columns.type: unlisted = "default" without a default. Add default = ….'
    ),
    "expression": (
        ':12: partners[0].columns.name.field: "Name + City" is no name of a field. A mapping names, it '
        "computes nothing."
    ),
    "filled_false": ":8: partners[0].where[0]: filled = false says nothing. Write the other one = true.",
    "keep_in_a_closed_column": (
        ":22: opportunities[0].columns.type: only new, expansion, renewal may stand here. Write unlisted"
        ' = "empty" or "reject".'
    ),
    "like_nothing": ':17: partners[1].like: no source "acounts" stands above. Did you mean accounts?',
    "meaning_outside_vocabulary": (
        ':22: opportunities[0].columns.type: "fresh" may not stand in type. Known here: expansion, new, renewal.'
    ),
    "merged_into_mapped": (
        ":13: partners[0].columns.merged_into: is not a key that is known here. Known here: "
        "agreement_date, country, created_at, excluded, footprint_regions, footprint_verticals, id, "
        "industry, marketer_id, modified_at, name, override_by, override_decision, override_expires, "
        "override_reason, owner_id, parent_id, persona, portal, strategic."
    ),
    "misspelt_column": (
        ": 2 values are wrong. Correct each of them:\n"
        "  :19: opportunities[0].columns.stage: is missing. Add it.\n"
        "  :21: opportunities[0].columns.stag: is not a key that is known here. Did you mean stage?"
    ),
    "misspelt_key": (":29: partner_links[0].columns.id.tags: is not a key that is known here. Did you mean tag?"),
    "misspelt_table": ":15: oportunities: is not a key that is known here. Did you mean opportunities?",
    "newer_format": ":3: about.format: must be 1 (got 2). ",
    "no_about": ": about: is missing. Add it.",
    "no_columns": ":24: partner_links[0].columns: is missing. Add it.",
    "no_origin": (":12: partners[0].columns.name: needs exactly one origin. Write one of field, first_of or const."),
    "no_test": (
        ":8: partners[0].where[0]: needs exactly one test, has 0. Write one of is, is_not, in, not_in, "
        "starts, filled, empty."
    ),
    "no_write": ": write: is missing. Add it.",
    "path_without_way": (
        ":31: partner_links[0].columns.partner_id: a field of a related record needs via and of. Write "
        'field = "A.B", via = …, of = ….'
    ),
    "push_of_a_local_test": ":8: partners[0].where[0]: starts cannot be pushed to the CRM. Leave push out.",
    "push_of_a_path": (
        ":8: partners[0].where[0]: a field of a related record cannot be pushed to the CRM. Leave push out."
    ),
    "required_column_missing": ":19: opportunities[0].columns.stage: is missing. Add it.",
    "same_name_twice": ':5: partners: two sources are called "accounts". Give each its own name.',
    "several_mistakes": (
        ": 4 values are wrong. Correct each of them:\n"
        "  :19: opportunities[0].columns.stage: is missing. Add it.\n"
        "  :21: opportunities[0].columns.stag: is not a key that is known here. Did you mean stage?\n"
        '  :22: opportunities[0].columns.type: "fresh" may not stand in type. Known here: expansion, '
        "new, renewal.\n"
        "  :40: write.task.owner: must be text in quotes (got 7)."
    ),
    "syntax": (
        ":12: not valid TOML: invalid value. Correct the TOML syntax on that line (text needs quotes, "
        "keys stand once)."
    ),
    "table_as_a_text": ':1: partner_links: must be a list in square brackets (got "Opportunity"). ',
    "tag_on_a_text": ":12: partners[0].columns.name: name is no id. Leave tag out.",
    "task_field_missing": ":36: write.task.subject: is missing. Add it.",
    "two_origins": (
        ":12: partners[0].columns.name: needs exactly one origin. Write one of field, first_of or const."
    ),
    "two_tests": (
        ":8: partners[0].where[0]: needs exactly one test, has 2. Write one of is, is_not, in, not_in, "
        "starts, filled, empty."
    ),
    "unlisted_unknown": (
        ":22: opportunities[0].columns.type.unlisted: must be 'keep', 'empty', 'reject' or 'default' (got \"drop\"). "
    ),
    "values_on_an_id": (
        ":31: partner_links[0].columns.partner_id: partner_id is id: it takes no values or default. Leave them out."
    ),
    "way_without_path": (
        ":31: partner_links[0].columns.partner_id: a field of a related record needs via and of. Write "
        'field = "A.B", via = …, of = ….'
    ),
}


@pytest.mark.parametrize("name", COMPLAINTS)
def test_a_mistake_is_named_with_its_line(name: str) -> None:
    path = CONFIGS / f"{name}.toml"
    with pytest.raises(Misconfigured) as caught:
        load(path)
    assert str(caught.value).replace(str(path), "") == COMPLAINTS[name]


def test_every_broken_file_has_its_message() -> None:
    assert {path.stem for path in CONFIGS.glob("*.toml")} - {"good"} == set(COMPLAINTS)


def small() -> str:
    return (CONFIGS / "good.toml").read_text(encoding="utf-8")


def only(text: str, table: str) -> Source:
    (source,) = parse(text, "x.toml").of(table)
    return source


def test_a_small_mapping_says_what_stands_in_it() -> None:
    fieldmap = load(CONFIGS / "good.toml")
    assert fieldmap.objects() == ("Account", "Opportunity", "Task")
    assert fieldmap.write.object_of("partners") == "Account"
    assert fieldmap.write.task.open == "Not Started"
    (partners,) = fieldmap.of("partners")
    assert [(rule.column, rule.fields) for rule in partners.columns] == [
        ("id", ("Id",)),
        ("name", ("Name",)),
        ("country", ("BillingCountryCode", "BillingCountry")),
    ]
    assert partners.where == (Predicate("Type", How.IS, ("Partner",)),)


def test_a_key_leads_to_its_line_and_an_unwritten_one_to_the_nearest_above() -> None:
    fieldmap = parse(small(), "x.toml")
    assert fieldmap.where(("partners", 0, "columns", "name")) == "x.toml:12"
    assert fieldmap.where(("partners", 0, "columns", "industry")) == "x.toml:10"
    assert fieldmap.where(("nothing",)) == "x.toml"


@pytest.mark.parametrize(
    ("written", "unlisted"),
    [
        ('stage = { field = "S" }', Unlisted.KEEP),
        ('stage = { field = "S", values = { a = "b" }, default = "c" }', Unlisted.DEFAULT),
        ('stage = { field = "S", values = { a = "b" }, unlisted = "reject" }', Unlisted.REJECT),
        ('stage = "S"\nis_won = { field = "W", values = { a = true } }', Unlisted.EMPTY),
    ],
)
def test_unlisted_values_have_a_rule_by_the_columns_kind(written: str, unlisted: Unlisted) -> None:
    source = only(small().replace('stage = "StageName"', written), "opportunities")
    rule = source.rule("is_won") or source.rule("stage")
    assert rule is not None
    assert rule.unlisted is unlisted


def test_a_source_takes_over_what_it_does_not_say_from_the_one_it_is_like() -> None:
    text = small().replace(
        "[[opportunities]]",
        '[[partners]]\nname = "second"\nlike = "accounts"\nwhere = []\n[partners.columns]\nname = "Legal__c"\n\n'
        "[[opportunities]]",
    )
    first, second = parse(text, "x.toml").of("partners")
    assert (second.name, second.object, second.where) == ("second", "Account", ())
    assert [rule.fields for rule in second.columns] == [("Id",), ("Legal__c",), first.columns[2].fields]


def test_a_field_of_a_related_record_may_change_unseen() -> None:
    path = 'partner_id = { field = "Owner.AccountId", via = "OwnerId", of = "User" }'
    rule = only(small().replace('partner_id = "Partner__c"', path), "partner_links").rule("partner_id")
    assert rule is not None
    assert (rule.via, rule.of, rule.drifts) == ("OwnerId", "User", True)


def test_a_shipped_mapping_is_found_by_name_and_an_own_one_beside_the_settings(tmp_path: Path) -> None:
    assert load_named("salesforce").name == "salesforce"
    (tmp_path / "mine.toml").write_text(small(), encoding="utf-8")
    assert load_named("mine.toml", tmp_path).name == "small"
    assert load_named(str(tmp_path / "mine.toml")).name == "small"
    assert locate("mappings", "dir/mine", tmp_path) == tmp_path / "dir/mine"


def test_a_misspelt_shipped_name_gets_a_hint() -> None:
    with pytest.raises(Misconfigured, match=r'nothing called "salesforse" is shipped\. Did you mean salesforce\?'):
        load_named("salesforse")


def test_a_mapping_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="there is no such file"):
        load_named("gone.toml", tmp_path)
