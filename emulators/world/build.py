"""How the records of a world are written: each method makes one thing with all rows that an org keeps about it."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from emulators.world.calendar import TIME_ZONE, Calendar, text
from emulators.world.ids import PREFIXES, Numbers
from emulators.world.sheets import Folder

STAGES: tuple[tuple[str, bool, bool, int, str], ...] = (
    ("Prospecting", False, False, 10, "Pipeline"),
    ("Qualification", False, False, 10, "Pipeline"),
    ("Needs Analysis", False, False, 20, "Pipeline"),
    ("Value Proposition", False, False, 50, "Pipeline"),
    ("Id. Decision Makers", False, False, 60, "Pipeline"),
    ("Perception Analysis", False, False, 70, "Pipeline"),
    ("Proposal/Price Quote", False, False, 75, "BestCase"),
    ("Negotiation/Review", False, False, 90, "Forecast"),
    ("Closed Won", True, True, 100, "Closed"),
    ("Closed Lost", True, False, 0, "Omitted"),
)
_STAGE = {stage[0]: stage for stage in STAGES}
_FORECAST_NAMES = {"BestCase": "Best Case", "Forecast": "Commit"}
CLOSED = {"won": "Closed Won", "lost": "Closed Lost"}


@dataclass(slots=True)
class Deal:
    """One opportunity to write. Amounts are in `currency`; None is an empty amount."""

    account: str
    created: datetime
    outcome: str = "open"  # "won", "lost" or "open"
    closed: date | None = None
    amount: Decimal | None = None
    currency: str = "USD"
    name: str = "Deal"
    partner: str = ""
    link: str = "field"  # "field", "role", "consultant", "none"
    quotes: tuple[datetime, ...] = ()
    quote_status: str = ""  # empty: as the outcome has it
    campaign: str = ""
    type: str = "New Business"
    product: str = "Platform"
    owner: str = ""
    modified: datetime | None = None
    reopened: bool = False


@dataclass(slots=True)
class Money:
    """What a campaign cost and asked for; None is a record that was never made."""

    claimed: Decimal | None = None  # one claim, in `claim_status`
    approved: Decimal | None = None  # approved request
    total: Decimal | None = None  # ActualCost, the partner's share included
    budgeted: Decimal | None = None
    currency: str = "USD"
    claim_status: str = "Paid"


@dataclass(slots=True)
class Builder:
    """Writes records into the folder and hands out their ids."""

    folder: Folder
    calendar: Calendar
    rng: random.Random
    staff: dict[str, str] = field(default_factory=dict)  # nickname -> user id
    _numbers: dict[str, Numbers] = field(default_factory=dict)
    _serial: int = 0

    def new_id(self, sheet: str) -> str:
        """The next id of that object."""
        prefix = PREFIXES[sheet]
        if prefix not in self._numbers:
            self._numbers[prefix] = Numbers(prefix)
        return self._numbers[prefix]()

    def add(self, sheet: str, created: datetime, modified: datetime | None = None, **row: Any) -> str:
        """Write one row with its audit fields; -> its id."""
        row.setdefault("Id", self.new_id(sheet))
        stamp = text(modified or created)
        by = self.staff.get("admin", "")
        row |= {"CreatedDate": text(created), "LastModifiedDate": stamp, "SystemModstamp": stamp}
        row |= {"CreatedById": by, "LastModifiedById": by}
        self.folder.sheets[sheet].add(row)
        return str(row["Id"])

    def user(
        self, nickname: str, first: str, last: str, title: str, *, active: bool = True, manager: str = ""
    ) -> str:
        """One of our own people."""
        row = _person(first, last, f"{nickname}@vendor.invalid") | {
            "Username": f"{nickname}@vendor.invalid", "Alias": nickname[:8], "Title": title,
            "IsActive": _flag(active), "ManagerId": self.staff.get(manager, ""),
            "UserType": "Standard", "IsPortalEnabled": "false",
        }  # fmt: skip
        self.staff[nickname] = self.add("User", self.calendar.at(900), **row, **_LOCALE)
        return self.staff[nickname]

    def portal_user(self, partner: str, contact: str, last_login: datetime | None, *, active: bool = True) -> str:
        """A partner's person who may log in to the portal."""
        self._serial += 1
        name = f"portal{self._serial}@partner.invalid"
        row = _person("Pat", f"Portal {self._serial}", name) | {
            "Username": name, "Alias": f"p{self._serial}"[:8], "Title": "Partner user", "IsActive": _flag(active),
            "UserType": "PowerPartner", "IsPortalEnabled": "true", "AccountId": partner, "ContactId": contact,
            "LastLoginDate": text(last_login) if last_login else "",
        }  # fmt: skip
        return self.add("User", self.calendar.at(380), last_login, **row, **_LOCALE)

    def account(self, name: str, created: datetime, **row: Any) -> str:
        """A company."""
        row.setdefault("OwnerId", self.staff["ae1"])
        fixed = {"IsDeleted": "false", "IsPartner": "false", "CurrencyIsoCode": "USD", "Type": "Customer - Direct"}
        return self.add("Account", created, row.pop("modified", None), **(fixed | {"Name": name} | row))

    def contact(self, account: str, first: str, last: str, title: str = "") -> str:
        """A person at a company."""
        self._serial += 1
        row = _person(first, last, f"person{self._serial}@company.invalid") | {"Title": title, "IsDeleted": "false"}
        extra: dict[str, Any] = {"AccountId": account, "OwnerId": self.staff["ae1"], "CurrencyIsoCode": "USD"}
        return self.add("Contact", self.calendar.at(390), **row, **extra)

    def deal(self, deal: Deal) -> str:
        """An opportunity with its history, partner rows and quotes."""
        stage = CLOSED.get(deal.outcome, "Negotiation/Review" if deal.quotes else "Qualification")
        closed = deal.closed or (deal.created + timedelta(days=60)).date()
        moved = _noon(closed) if deal.outcome != "open" else max((deal.created, *deal.quotes))
        modified = deal.modified or moved
        owner = deal.owner or self.staff["ae1"]
        _, is_closed, is_won, probability, forecast = _STAGE[stage]
        opportunity = self.add(
            "Opportunity", deal.created, modified, IsDeleted="false", AccountId=deal.account, Name=deal.name,
            StageName=stage, IsClosed=_flag(is_closed), IsWon=_flag(is_won), Amount=_money(deal.amount),
            CurrencyIsoCode=deal.currency, Probability=probability, ForecastCategory=forecast,
            ForecastCategoryName=_FORECAST_NAMES.get(forecast, forecast), CloseDate=closed.isoformat(),
            Type=deal.type, CampaignId=deal.campaign, Product_Family__c=deal.product, OwnerId=owner,
            LeadSource="Partner" if deal.partner else "Web", LastStageChangeDate=text(moved),
            Partner__c=deal.partner if deal.link == "field" else "",
        )  # fmt: skip
        if deal.partner and deal.link in _ROLES:
            self.partner_role(opportunity, deal.account, deal.partner, _ROLES[deal.link], deal.created)
        for at, stage_name in self._stages(deal, stage, moved):
            self._history(opportunity, at, stage_name, deal, closed)
        for revision, issued in enumerate(deal.quotes, 1):
            self.quote(opportunity, deal, issued, revision)
        return opportunity

    @staticmethod
    def _stages(deal: Deal, last: str, moved: datetime) -> list[tuple[datetime, str]]:
        steps = [(deal.created, "Qualification")]
        if deal.quotes:
            steps.append((min(deal.quotes), "Proposal/Price Quote"))
        if deal.reopened:
            steps.append((moved - timedelta(days=20), "Closed Won"))
        if last != steps[-1][1]:
            steps.append((moved, last))
        return steps

    def _history(self, opportunity: str, at: datetime, stage: str, deal: Deal, closed: date) -> None:
        _, _, _, probability, forecast = _STAGE[stage]
        row = {
            "Id": self.new_id("OpportunityHistory"), "OpportunityId": opportunity, "StageName": stage,
            "Amount": _money(deal.amount), "CurrencyIsoCode": deal.currency, "Probability": probability,
            "ForecastCategory": forecast, "CloseDate": closed.isoformat(), "CreatedById": self.staff["ae1"],
            "CreatedDate": text(at), "SystemModstamp": text(at), "IsDeleted": "false",
        }  # fmt: skip
        self.folder.sheets["OpportunityHistory"].add(row)

    def partner_role(self, opportunity: str, account: str, partner: str, role: str, at: datetime) -> None:
        """A partner on an opportunity: kept as Partner, as OpportunityPartner and, both ways, as AccountPartner."""
        forward, back = self.new_id("Partner"), self.new_id("Partner")
        shared: dict[str, Any] = {
            "IsDeleted": "false",
            "IsPrimary": "true",
            "Role": role,
            "OpportunityId": opportunity,
        }
        ends: dict[str, Any] = {"AccountFromId": account, "AccountToId": partner}
        ways = {"AccountFromId": partner, "AccountToId": account}
        for sheet in ("Partner", "AccountPartner"):
            self.add(sheet, at, Id=forward, ReversePartnerId=back, **shared, **ends)
            self.add(sheet, at, Id=back, ReversePartnerId=forward, **(shared | ways | {"IsPrimary": "false"}))
        self.add("OpportunityPartner", at, Id=forward, ReversePartnerId=back, AccountToId=partner, **shared)

    def quote(self, opportunity: str, deal: Deal, issued: datetime, revision: int) -> str:
        """One quote or revision of it; the newest one syncs with the opportunity."""
        self._serial += 1
        newest = revision == len(deal.quotes)
        status = deal.quote_status or _quote_status(deal.outcome if newest else "revised")
        return self.add(
            "Quote", issued, IsDeleted="false", Name=f"Quote v{revision}", QuoteNumber=f"{self._serial:08d}",
            OpportunityId=opportunity, AccountId=deal.account, Status=status, GrandTotal=_money(deal.amount),
            ExpirationDate=(issued + timedelta(days=30)).date().isoformat(), IsSyncing=_flag(newest),
            OwnerId=self.staff["ae1"], CurrencyIsoCode=deal.currency,
        )  # fmt: skip

    def meeting(
        self, about: str, contact: str, starts: datetime, *, outcome: str = "Held", internal: bool = False,
        calendar_id: str = "", child: bool = False, recorded: datetime | None = None,
    ) -> str:  # fmt: skip
        """A calendar event of an hour, `recorded` three days before; `child` marks the copy that an invitee sees."""
        self._serial += 1
        ends = starts + timedelta(hours=1)
        return self.add(
            "Event", recorded or starts - timedelta(days=3), max(recorded or ends, ends), IsDeleted="false",
            Subject="Meeting", Type="Meeting",
            WhatId=about, WhoId=contact, StartDateTime=text(starts), EndDateTime=text(ends), DurationInMinutes=60,
            ActivityDateTime=text(starts), ActivityDate=starts.date().isoformat(), IsChild=_flag(child),
            IsGroupEvent="false", Meeting_Outcome__c=outcome, Internal_Only__c=_flag(internal),
            Calendar_Id__c=calendar_id or f"cal-{self._serial:08d}", OwnerId=self.staff["ae1"], CurrencyIsoCode="USD",
        )  # fmt: skip

    def touch(self, about: str, contact: str, kind: str, at: datetime) -> str:
        """A completed task: something that a partner did for a deal."""
        return self.add(
            "Task", at, at + timedelta(hours=2), IsDeleted="false", Subject=kind, Type=kind, WhatId=about,
            WhoId=contact, Status="Completed", Priority="Normal", ActivityDate=at.date().isoformat(), IsClosed="true",
            CompletedDateTime=text(at), OwnerId=self.staff["ae1"], CurrencyIsoCode="USD",
        )  # fmt: skip

    def campaign(
        self, partner: str, name: str, starts: date, ends: date, money: Money, *, motion: str = "Demand Gen",
        status: str = "Completed",
    ) -> str:  # fmt: skip
        """A campaign with the allocation, request and claim that paid for it."""
        created = _noon(starts) - timedelta(days=20)
        campaign = self.add(
            "Campaign", created, min(_noon(ends), self.calendar.at(1)), IsDeleted="false", Name=name, Type="Webinar",
            Status=status, IsActive=_flag(status == "In Progress"), StartDate=starts.isoformat(),
            EndDate=ends.isoformat(), BudgetedCost=_money(money.budgeted), ActualCost=_money(money.total),
            Partner__c=partner, Motion__c=motion, OwnerId=self.staff["pmm1"], CurrencyIsoCode=money.currency,
        )  # fmt: skip
        if money.approved is not None or money.claimed is not None:
            request = self.fund_request(partner, campaign, name, created, money, motion)
            if money.claimed is not None:
                self._claim(partner, request, name, _noon(ends) + timedelta(days=10), money)
        return campaign

    def fund_request(
        self, partner: str, campaign: str, title: str, created: datetime, money: Money, motion: str,
        status: str = "Approved", said: Mapping[str, Any] = MappingProxyType({}),
    ) -> tuple[str, str]:  # fmt: skip
        """A request against the year's budget with what it `said` in fields of the org's own; -> (request id,
        allocation id)."""
        asked = money.approved if money.approved is not None else money.claimed
        owned: dict[str, Any] = {
            "IsDeleted": "false",
            "OwnerId": self.staff["pmm1"],
            "CurrencyIsoCode": money.currency,
        }
        allocation = self.add(
            "PartnerFundAllocation", created, Title=title, Amount=_money(asked), BudgetId=self.staff["budget"],
            ChannelPartnerId=partner, **owned,
        )  # fmt: skip
        request = self.add(
            "PartnerFundRequest", created, Title=title, RequestedAmount=_money(asked),
            Amount=_money(asked) if status == "Approved" else "", Status=status,
            Activity=_ACTIVITY.get(motion, "Other"),
            AllocationId=allocation, BudgetId=self.staff["budget"], CampaignId=campaign, ChannelPartnerId=partner,
            **owned, **said,
        )  # fmt: skip
        return request, allocation

    def _claim(self, partner: str, request: tuple[str, str], title: str, at: datetime, money: Money) -> None:
        self.add(
            "PartnerFundClaim", min(at, self.calendar.at(1)), IsDeleted="false", Title=title,
            Amount=_money(money.claimed), Status=money.claim_status, RequestId=request[0],
            AllocationId=request[1], BudgetId=self.staff["budget"],
            ChannelPartnerId=partner, OwnerId=self.staff["pmm1"], CurrencyIsoCode=money.currency,
        )  # fmt: skip

    def registration(
        self, partner: str, account: str, opportunity: str, submitted: datetime, status: str, *, share: str = ""
    ) -> str:
        """A deal registration: approved ones were approved a day later and hold for 90 days; `share` in percent."""
        self._serial += 1
        approved = submitted + timedelta(days=1)
        return self.add(
            "Deal_Registration__c", submitted, IsDeleted="false", Name=f"REG-{self._serial:06d}", Partner__c=partner,
            Opportunity__c=opportunity, Account__c=account, Status__c=status, Submitted_At__c=text(submitted),
            Agreed_Share__c=share,
            Approved_At__c=text(approved) if status == "Approved" else "",
            Expires_On__c=(approved + timedelta(days=90)).date().isoformat(), OwnerId=self.staff["ae1"],
        )  # fmt: skip


_LOCALE: dict[str, Any] = {
    "TimeZoneSidKey": TIME_ZONE, "LocaleSidKey": "en_US", "LanguageLocaleKey": "en_US", "EmailEncodingKey": "UTF-8",
    "CurrencyIsoCode": "USD", "DefaultCurrencyIsoCode": "USD",
}  # fmt: skip
_ROLES = {"role": "VAR/Reseller", "consultant": "Consultant"}
_ACTIVITY = {
    "Demand Gen": "Event",
    "Enablement": "Training",
    "Thought Leadership": "Content",
}


def _person(first: str, last: str, email: str) -> dict[str, Any]:
    return {"FirstName": first, "LastName": last, "Name": f"{first} {last}".strip(), "Email": email}


def _quote_status(outcome: str) -> str:
    return {"won": "Accepted", "lost": "Denied", "revised": "Presented"}.get(outcome, "Presented")


def _money(amount: Decimal | None) -> str:
    return "" if amount is None else f"{amount:.2f}"


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 15, tzinfo=UTC)
