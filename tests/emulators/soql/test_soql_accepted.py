"""Which rows accepted queries find; the rows are those of conftest, the answers were worked out by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Ask = Callable[[str], list[dict[str, Any]]]

# WHERE clause (or anything after FROM) -> the names of the rows; in that order when it sorts
ACCOUNTS = [
    ("", "Acme, bravo, Café Zoë, Delta 50% off_"),
    # text: without case, null is a value for = and !=, never for < and LIKE
    ("WHERE Name = 'ACME'", "Acme"),
    ("WHERE Name = 'acme '", ""),
    ("WHERE Name != 'ACME'", "bravo, Café Zoë, Delta 50% off_"),
    ("WHERE Name <> 'ACME'", "bravo, Café Zoë, Delta 50% off_"),
    ("WHERE Name = 'CAFÉ ZOË'", "Café Zoë"),
    ("WHERE Name = 'Cafe Zoe'", ""),
    ("WHERE Name != 'café zoë'", "Acme, bravo, Delta 50% off_"),
    ("WHERE Industry = 'ENERGY'", "Acme, Delta 50% off_"),
    ("WHERE Industry != 'energy'", "bravo, Café Zoë"),
    ("WHERE Industry = null", "Café Zoë"),
    ("WHERE Industry = ''", "Café Zoë"),
    ("WHERE Industry != NULL", "Acme, bravo, Delta 50% off_"),
    ("WHERE Industry != ''", "Acme, bravo, Delta 50% off_"),
    ("WHERE Name < 'b'", "Acme"),
    ("WHERE Name <= 'BRAVO'", "Acme, bravo"),
    ("WHERE Name > 'bravo'", "Café Zoë, Delta 50% off_"),
    ("WHERE Name >= 'Bravo' AND Name < 'cafz'", "bravo, Café Zoë"),
    ("WHERE Industry > 'a'", "Acme, bravo, Delta 50% off_"),
    ("WHERE Ext__c = 'aB1'", "Acme"),
    ("WHERE Ext__c = 'AB1'", ""),
    ("WHERE Ext__c IN ('aB1', 'Ab1')", "Acme, bravo"),
    # LIKE
    ("WHERE Name LIKE 'a%'", "Acme"),
    ("WHERE Name LIKE '%A%'", "Acme, bravo, Café Zoë, Delta 50% off_"),
    ("WHERE Name LIKE '_ravo'", "bravo"),
    ("WHERE Name LIKE '%50\\%%'", "Delta 50% off_"),
    ("WHERE Name LIKE '%\\_'", "Delta 50% off_"),
    ("WHERE Name LIKE '%ZOË'", "Café Zoë"),
    ("WHERE Name LIKE 'caf_ zo_'", "Café Zoë"),
    ("WHERE Industry LIKE '%'", "Acme, bravo, Delta 50% off_"),
    ("WHERE (NOT Industry LIKE 'e%')", "bravo"),
    # IN
    ("WHERE Name IN ('acme', 'BRAVO', 'nobody')", "Acme, bravo"),
    ("WHERE Name IN ('Café zoë', 'acme')", "Acme, Café Zoë"),
    ("WHERE Name NOT IN ('acme', 'BRAVO')", "Café Zoë, Delta 50% off_"),
    ("WHERE Industry NOT IN ('Energy')", "bravo, Café Zoë"),
    ("WHERE Industry NOT IN ('Energy', null)", "bravo"),
    ("WHERE Industry IN ('Retail', NULL)", "bravo, Café Zoë"),
    ("WHERE Industry IN (null)", "Café Zoë"),
    ("WHERE Industry NOT IN (null)", "Acme, bravo, Delta 50% off_"),
    ("WHERE (NOT Industry IN ('Energy'))", "bravo, Café Zoë"),
    # multi-select
    ("WHERE Tier__c INCLUDES ('gold')", "Acme, bravo"),
    ("WHERE Tier__c INCLUDES ('SILVER;gold')", "Acme"),
    ("WHERE Tier__c INCLUDES ('silver;gold', 'gold')", "Acme, bravo"),
    ("WHERE Tier__c EXCLUDES ('silver')", "bravo, Café Zoë, Delta 50% off_"),
    ("WHERE (NOT Tier__c INCLUDES ('silver'))", "bravo, Café Zoë, Delta 50% off_"),
    ("WHERE Tier__c = 'gold'", "bravo"),
    ("WHERE Tier__c != 'gold'", "Acme, Café Zoë, Delta 50% off_"),
    ("WHERE Tier__c = null", "Café Zoë, Delta 50% off_"),
    # numbers
    ("WHERE AnnualRevenue > 100", "Acme"),
    ("WHERE AnnualRevenue >= 100.0", "Acme, bravo"),
    ("WHERE AnnualRevenue = .5", "Delta 50% off_"),
    ("WHERE AnnualRevenue < 139000000.00", "bravo, Delta 50% off_"),
    ("WHERE AnnualRevenue > -1", "Acme, bravo, Delta 50% off_"),
    ("WHERE AnnualRevenue != 100", "Acme, Café Zoë, Delta 50% off_"),
    ("WHERE (NOT AnnualRevenue > 100)", "bravo, Delta 50% off_"),
    ("WHERE (NOT AnnualRevenue = 100)", "Acme, Café Zoë, Delta 50% off_"),
    ("WHERE NumberOfEmployees IN (0, 5)", "bravo, Delta 50% off_"),
    ("WHERE NumberOfEmployees = null", "Café Zoë"),
    # checkboxes
    ("WHERE IsPartner = TRUE", "Acme, Café Zoë"),
    ("WHERE IsPartner = false", "bravo, Delta 50% off_"),
    ("WHERE IsPartner != true", "bravo, Delta 50% off_"),
    ("WHERE IsPartner = null", ""),
    ("WHERE Parent.IsPartner = false", "Acme, Café Zoë, Delta 50% off_"),
    # ids
    ("WHERE Id = '001000000000001'", "Acme"),
    ("WHERE Id = '001000000000001AAA'", "Acme"),
    ("WHERE Id IN ('001000000000001', '001000000000002AAA')", "Acme, bravo"),
    ("WHERE Id > '001000000000002'", "Café Zoë, Delta 50% off_"),
    ("WHERE ParentId = ''", "Acme, Delta 50% off_"),
    ("WHERE ParentId != '001000000000001'", "Acme, Café Zoë, Delta 50% off_"),
    # relationships
    ("WHERE Owner.Name = 'mia'", "Acme, Café Zoë, Delta 50% off_"),
    ("WHERE Parent.Parent.Name = 'Acme'", "Café Zoë"),
    ("WHERE Parent.Name = null", "Acme, Delta 50% off_"),
    ("WHERE Parent.Name != 'acme'", "Acme, Café Zoë, Delta 50% off_"),
    ("WHERE Account.Name = 'acme'", "Acme"),
    ("a WHERE a.Name = 'acme' AND a.Owner.Name = 'Mia'", "Acme"),
    ("AS a, a.Owner o WHERE o.Name = 'Noa'", "bravo"),
    # and, or, not
    ("WHERE Name = 'acme' OR Name = 'bravo' OR Name = 'x'", "Acme, bravo"),
    ("WHERE Name LIKE '%a%' AND (Industry = 'Retail' OR (IsPartner = true AND Industry = null))", "bravo, Café Zoë"),
    ("WHERE NOT (Name = 'acme' OR Industry = 'Retail')", "Café Zoë, Delta 50% off_"),
    ("WHERE NOT (NOT Name = 'acme')", "Acme"),
    ("WHERE ((Name = 'acme'))", "Acme"),
    # inner selects
    ("WHERE Id IN (SELECT AccountId FROM Opportunity WHERE IsWon = true)", "Acme"),
    ("WHERE Id NOT IN (SELECT AccountId FROM Opportunity)", "Delta 50% off_"),
    ("WHERE Id IN (SELECT AccountId FROM Contact)", "Acme"),
    (
        "WHERE Id IN (SELECT AccountId FROM Opportunity) AND Id NOT IN (SELECT AccountId FROM Contact)",
        "bravo, Café Zoë",
    ),
    ("WHERE Id IN (SELECT o.AccountId FROM Opportunity o WHERE o.Account.Industry = 'Energy')", "Acme"),
    # stamps
    ("WHERE SystemModstamp >= 2026-01-02T00:00:00Z ORDER BY SystemModstamp, Id", "bravo, Café Zoë, Delta 50% off_"),
    ("WHERE SystemModstamp > 2026-01-02T00:00:00.000+00:00", "Delta 50% off_"),
    ("WHERE SystemModstamp < 2026-01-01T19:00:00-05:00", "Acme"),
    ("WHERE SystemModstamp = 2026-01-01T19:00:00.0-0500", "bravo, Café Zoë"),
    # order
    ("ORDER BY Name", "Acme, bravo, Café Zoë, Delta 50% off_"),
    ("ORDER BY Name DESC", "Delta 50% off_, Café Zoë, bravo, Acme"),
    ("ORDER BY Industry, Name DESC", "Café Zoë, Delta 50% off_, Acme, bravo"),
    ("ORDER BY Industry DESC, Name", "Café Zoë, bravo, Acme, Delta 50% off_"),
    ("ORDER BY AnnualRevenue", "Café Zoë, Delta 50% off_, bravo, Acme"),
    ("ORDER BY AnnualRevenue NULLS LAST", "Delta 50% off_, bravo, Acme, Café Zoë"),
    ("ORDER BY AnnualRevenue DESC", "Café Zoë, Acme, bravo, Delta 50% off_"),
    ("ORDER BY AnnualRevenue DESC NULLS LAST", "Acme, bravo, Delta 50% off_, Café Zoë"),
    ("ORDER BY ParentId DESC, Name", "Acme, Delta 50% off_, Café Zoë, bravo"),
    ("ORDER BY Owner.Name DESC, Name ASC", "bravo, Acme, Café Zoë, Delta 50% off_"),
    ("ORDER BY Name LIMIT 2", "Acme, bravo"),
    ("ORDER BY Name LIMIT 2 OFFSET 1", "bravo, Café Zoë"),
    ("ORDER BY Name OFFSET 3", "Delta 50% off_"),
    ("ORDER BY Id LIMIT 0", ""),
    # trimmings
    ("USING SCOPE everything WHERE Name = 'acme'", "Acme"),
    ("USING SCOPE mine", "Acme, Café Zoë, Delta 50% off_"),
    ("WHERE Name = 'acme' WITH SECURITY_ENFORCED", "Acme"),
    ("WITH USER_MODE ORDER BY Name LIMIT 1", "Acme"),
    ("ORDER BY Name LIMIT 1 FOR VIEW", "Acme"),
    ("ORDER BY Name LIMIT 1 FOR REFERENCE", "Acme"),
    ("WHERE Name = 'acme' FOR UPDATE", "Acme"),
    ("WHERE Name = 'acme' UPDATE TRACKING", "Acme"),
    ("WHERE Name = '\\u0041cme'", "Acme"),
    ("\nWHERE\tName='acme'\r\n", "Acme"),
]

OPPORTUNITIES = [
    ("ORDER BY StageName, Name", "Open, Bare, Big, small, Lost"),
    ("ORDER BY StageName DESC, Name", "Lost, Big, small, Bare, Open"),
    ("WHERE toLabel(StageName) = 'negotiation'", "Bare"),
    ("WHERE CloseDate = 2026-03-11", "Big"),
    ("WHERE CloseDate > 2026-03-10", "Big, Open"),
    ("WHERE CloseDate != 2026-03-11", "small, Lost, Open, Bare"),
    ("WHERE CloseDate IN (2026-03-11, 2026-03-10)", "Big, small"),
    ("WHERE CloseDate = TODAY", "Big"),
    ("WHERE CloseDate != TODAY", "small, Lost, Open, Bare"),
    ("WHERE CloseDate = YESTERDAY", "small"),
    ("WHERE CloseDate IN (TODAY, YESTERDAY)", "Big, small"),
    ("WHERE CloseDate < THIS_WEEK", "Lost"),
    ("WHERE CloseDate <= today", "Big, small, Lost"),
    ("WHERE CloseDate > THIS_MONTH", "Open"),
    ("WHERE CloseDate >= THIS_MONTH", "Big, small, Open"),
    ("WHERE CloseDate = LAST_N_DAYS:1", "Big, small"),
    ("WHERE CloseDate = LAST_YEAR", "Lost"),
    ("WHERE CloseDate = NEXT_N_MONTHS:1", "Open"),
    ("WHERE CreatedDate = TODAY", "Lost"),
    ("WHERE CreatedDate < TODAY", "Big, small, Open, Bare"),
    ("WHERE CALENDAR_YEAR(CloseDate) = 2026", "Big, small, Open"),
    ("WHERE CALENDAR_MONTH(CreatedDate) = 3 AND DAY_IN_MONTH(CreatedDate) = 11", "small, Lost, Open"),
    ("WHERE DAY_ONLY(CreatedDate) = 2026-03-11", "small, Lost"),
    ("WHERE DAY_ONLY(convertTimezone(CreatedDate)) = 2026-03-11", "Lost"),
    ("WHERE HOUR_IN_DAY(CreatedDate) >= 7", "Big, Lost, Open"),
    ("WHERE Amount > USD100", "Big, Lost, Bare"),
    ("WHERE Amount = eur50", "small"),
    ("WHERE Amount >= EUR50.50", "Big, Lost, Bare"),
    ("WHERE Amount > 100", "Big, Lost"),
    ("WHERE AccountIndustry__c = 'Energy'", "Big, small"),
    ("WHERE AccountIndustry__c = null", "Open, Bare"),
    ("WHERE Age__c >= 10", "Big, Open, Bare"),
    ("WHERE Account.Parent.Owner.Name = 'Mia'", "Lost"),
    ("WHERE AccountId = null", "Bare"),
    ("WHERE IsWon = false", "Lost, Open, Bare"),
]

TASKS = [
    ("WHERE What.Type = 'account'", "Call, Visit"),
    ("WHERE What.Type IN ('Account', 'Opportunity')", "Call, Mail, Visit"),
    ("WHERE What.Type != 'Account'", "Loose, Mail"),
    ("WHERE What.Name = 'BIG'", "Mail"),
    ("WHERE What.Name = null", "Loose"),
    ("WHERE Owner.Name LIKE 'p%'", "Mail"),
    ("WHERE Owner.Type = 'Group'", "Mail"),
    ("WHERE Owner.Email = 'mia@example.com'", "Call, Loose"),
    ("WHERE What.Id = '001000000000001'", "Call"),
    ("WHERE Who.Email LIKE '%example.com'", "Call"),
    ("ORDER BY What.Name NULLS LAST", "Call, Mail, Visit, Loose"),
    ("WHERE WhatId IN (SELECT Id FROM Account WHERE Name = 'Acme')", "Call"),
]


def _check(ask: Ask, entity: str, field: str, rest: str, expected: str) -> None:
    names = [row[field] for row in ask(f"SELECT {field} FROM {entity} {rest}")]
    wanted = expected.split(", ") if expected else []
    if "ORDER BY" in rest:
        assert names == wanted
    else:
        assert sorted(names) == sorted(wanted)


@pytest.mark.parametrize(("rest", "expected"), ACCOUNTS)
def test_accounts_are_found(ask: Ask, rest: str, expected: str) -> None:
    _check(ask, "Account", "Name", rest, expected)


@pytest.mark.parametrize(("rest", "expected"), OPPORTUNITIES)
def test_opportunities_are_found(ask: Ask, rest: str, expected: str) -> None:
    _check(ask, "Opportunity", "Name", rest, expected)


@pytest.mark.parametrize(("rest", "expected"), TASKS)
def test_tasks_are_found(ask: Ask, rest: str, expected: str) -> None:
    _check(ask, "Task", "Subject", rest, expected)
