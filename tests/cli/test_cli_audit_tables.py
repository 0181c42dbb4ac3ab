"""Does the audit lie within a narrow terminal with every figure of its money whole?"""

from __future__ import annotations

import io
from decimal import Decimal

import pytest
from rich.console import Console

from connector.cli.audit import _decisions, _drifts
from connector.core.audit_sums import Share
from connector.core.backtest import Money

LIVE, RISK = Money(12, Decimal(1_234_567), 3), Money(2, Decimal(12_000), 1)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_money_is_never_cut(width: int) -> None:
    file = io.StringIO()
    console = Console(file=file, width=width)
    console.print(_drifts([Share("D1", "", 1_234, LIVE, RISK)], "USD"))
    console.print(
        _decisions([Share("Rework – Proof of Performance", "Thought Leadership", 1_234, LIVE, RISK)], "USD")
    )
    text = file.getvalue()
    assert "…" not in text
    assert {"1,234", "1,234,567", "12,000", "(2", "(12"} <= set(text.split())
    assert max(map(len, text.splitlines())) <= width
