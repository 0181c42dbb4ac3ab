"""Which 18-character ids the records of a generated world carry."""

from __future__ import annotations

from itertools import count, product

from emulators.salesforce.ids import checksum

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CHECK = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_PAIRS = ["".join(pair) for pair in product(_DIGITS, repeat=2)]
_POD = "8G0"  # every id of a world comes from one pod, which no emulated org has

PREFIXES = {
    "Account": "001",
    "AccountPartner": "00I",
    "Campaign": "701",
    "CampaignMember": "00v",
    "Contact": "003",
    "CurrencyType": "01L",
    "DatedConversionRate": "04w",
    "Deal_Registration__c": "a00",
    "Event": "00U",
    "Opportunity": "006",
    "OpportunityHistory": "008",
    "OpportunityPartner": "00I",
    "OpportunityStage": "01J",
    "Partner": "00I",
    "PartnerFundAllocation": "0Kf",
    "PartnerFundClaim": "0Kc",
    "PartnerFundRequest": "0Kr",
    "PartnerMarketingBudget": "0Kb",
    "Partner_Service_Revenue__c": "a01",
    "Quote": "0Q0",
    "Task": "00T",
    "User": "005",
}


_ONE_BITS = [int(letter.isupper()) for letter in _DIGITS]
_PAIR_BITS = [int(pair[0].isupper()) + 2 * int(pair[1].isupper()) for pair in _PAIRS]


class Numbers:
    """Hands out the ids of one key prefix in ascending order; quick enough for millions."""

    def __init__(self, prefix: str, first: int = 1) -> None:
        self._stem = prefix + _POD + "0000"
        self._check = checksum(self._stem + "00000")[:2]
        self._count = count(first)

    def __call__(self) -> str:
        """The next id, 18 characters. The world never needs more than 62**5 of a kind."""
        high, low = divmod(next(self._count), 3844)
        top, middle = divmod(high, 3844)
        bits = _ONE_BITS[top] + 2 * _PAIR_BITS[middle] + 8 * _PAIR_BITS[low]
        return f"{self._stem}{_DIGITS[top]}{_PAIRS[middle]}{_PAIRS[low]}{self._check}{_CHECK[bits]}"
