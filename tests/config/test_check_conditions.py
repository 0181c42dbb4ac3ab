"""Does the check see values that a condition asks in vain, labels that nobody made and scopes that are missing?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from connector.config.check import CheckReport, Level, check
from connector.config.mapping_file import parse
from connector.core.records import Kind
from connector.crm.base import Field, ObjectSchema
from connector.crm.memory import MemoryCRM

SHIPPED = (Path(__file__).parents[2] / "mappings" / "hubspot.toml").read_text(encoding="utf-8")
ASKED = 'where = [{ field = "type", in = ["PARTNER", "RESELLER"] }]'


def companies(*more: Field) -> ObjectSchema:
    names = ("hs_object_id", "name", "hubspot_owner_id", "country", "industry", "hs_parent_company_id")
    fields = [Field(name, name, Kind.TEXT, updateable=True) for name in names]
    fields += [Field(name, name, Kind.INSTANT) for name in ("createdate", "hs_lastmodifieddate")]
    kind = Field("type", "Type", Kind.TEXT, options=("PROSPECT", "PARTNER", "RESELLER", "VENDOR"))
    links = Field("assoc_companies", "Companies", Kind.ID, multiple=True, calculated=True)
    return ObjectSchema("companies", "Companies", (*fields, kind, links, *more))


def report(asked: str = ASKED, crm: type[MemoryCRM] = MemoryCRM) -> CheckReport:
    return check(parse(SHIPPED.replace(ASKED, asked), "x.toml"), crm({"companies": companies()}))


def about(found: CheckReport, key: str) -> list[tuple[Level, str, str]]:
    return [(each.level, each.found, each.fix) for each in found.findings if each.key.startswith(key)]


def test_a_condition_whose_values_are_all_offered_is_no_finding() -> None:
    assert about(report(), "partners[0].where") == []


@pytest.mark.parametrize("test", ["in", "not_in"])
def test_one_misspelt_value_of_several_is_a_warning_with_the_nearest_option(test: str) -> None:
    found = report(f'where = [{{ field = "type", {test} = ["PARTNR", "RESELLER"] }}]')
    assert about(found, "partners[0].where") == [
        (Level.WARNING, 'companies.type does not offer "PARTNR"', 'Did you mean "PARTNER"?')
    ]


def test_a_value_that_is_near_to_nothing_is_told_what_is_offered() -> None:
    found = report('where = [{ field = "type", in = ["PARTNER", "Gold"] }]')
    offered = 'It offers "PROSPECT", "PARTNER", "RESELLER", "VENDOR".'
    assert about(found, "partners[0].where") == [(Level.WARNING, 'companies.type does not offer "Gold"', offered)]


def test_values_that_are_all_wrong_stay_an_error_with_the_nearest_options() -> None:
    ((level, _, fix),) = about(report('where = [{ field = "type", in = ["PARTNR"] }]'), "partners[0].where")
    assert (level, fix) == (Level.ERROR, 'Did you mean "PARTNER"? Write values that the field offers.')


def test_a_label_that_is_not_there_is_nobodys_misspelling() -> None:
    ((level, _, fix),) = about(report(), "account_links")
    assert level is Level.NOTE
    assert "Did you mean" not in fix
    assert fix.startswith("People make this label in the CRM. Needs: association labels")


class Told(MemoryCRM):
    def lacking_scopes(self, written: Sequence[str], installed: Sequence[str]) -> tuple[tuple[str, str], ...]:
        return (("crm.objects.companies.write", f"nothing can be written to {' '.join(written)}"),)

    def absence(self, object_name: str) -> str:
        return "the token lacks the scope crm.objects.x.read" if object_name == "deals" else ""


def test_a_scope_that_the_token_lacks_is_a_warning() -> None:
    found = "the token lacks the scope crm.objects.companies.write, so nothing can be written to companies"
    wanted = (Level.WARNING, found, "Add that scope to the token.")
    assert wanted in about(report(crm=Told), "write")


def test_where_a_scope_is_missing_the_advice_is_to_add_it() -> None:
    ((level, _, fix),) = about(report(crm=Told), "opportunities")
    assert (level, fix) == (Level.ERROR, "Add that scope to the token.")
