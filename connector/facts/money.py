"""What an amount is worth in the corporate currency at the rate of its day."""

from __future__ import annotations

from datetime import date
from typing import Any

import ibis
from ibis import _
from ibis.expr import types as ir

from connector.facts.relations import rows


def dated_rates() -> ir.Table:
    """Per currency, rates that never overlap: `code`, `rate`, and the days [`from_day`, `to_day`) on which it holds.

    A rate ends on its own end date or when the next one of its currency starts; of two with one start the
    greatest id holds. Units of the currency for one corporate unit; not positive means no rate.
    """
    known = (
        rows("exchange_rates")
        .filter(_.rate > 0)
        .select(
            _.id,
            _.rate,
            code=_.currency,
            from_day=ibis.coalesce(_.start_date, ibis.literal(date(1, 1, 1))),
            end=ibis.coalesce(_.end_date, ibis.literal(date(9999, 12, 31))),
        )
    )
    same_start = ibis.window(group_by=["code", "from_day"], order_by=ibis.desc("id"))
    single = known.mutate(nth=ibis.row_number().over(same_start)).filter(_.nth == 0)
    in_order = ibis.window(group_by="code", order_by="from_day")
    until = single.mutate(following=single.from_day.lead().over(in_order))
    to_day = ibis.least(until.end, ibis.coalesce(until.following, until.end))
    return until.select("code", "from_day", to_day=to_day, rate=until.rate.cast("float64"))


def converted(table: ir.Table, amount: str, on: Any, corporate: str) -> ir.Table:
    """The rows with `value`, the amount in the corporate currency, and `unconverted`, true when no rate holds.

    `on` is the day (a column or a moment). An empty currency is the corporate one. `value` is empty when the
    amount is empty or has no rate; one corporate unit is never taken for one of another currency.
    """
    day = "_day"
    code = "_code"
    dated = table.mutate(**{day: on, code: ibis.coalesce(table["currency"], "")})
    rates = rows("rates")
    joined = dated.left_join(
        rates, [dated[code] == rates.code, dated[day] >= rates.from_day, dated[day] < rates.to_day]
    )
    own = joined[code].isin(["", corporate])
    foreign = (joined[amount].cast("float64") / joined["rate"]).cast("decimal(20, 4)")
    value = own.ifelse(joined[amount], foreign)
    lost = joined[amount].notnull() & ~own & joined["rate"].isnull()
    return joined.mutate(value=value, unconverted=lost).drop(day, code, *rates.columns)
