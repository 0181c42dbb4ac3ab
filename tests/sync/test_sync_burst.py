"""A thousand deals change and ten thousand messages say so, doubled and shuffled: each partner is decided once."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connector import wiring
from connector.config.deployment import Deployment
from connector.hooks.hint import Happened, Hint, Sender
from connector.sync import decide as deciding
from jobs.contexts import Contexts
from jobs.orders import By, Kind, Order
from jobs.queue import Queue
from jobs.watch import Watch
from jobs.work import worked
from jobs.worker import Worker, now

PARTNERS, DEALS, TELLS = 20, 1000, 5


@pytest.mark.slow
def test_ten_thousand_messages_about_a_thousand_deals_decide_each_partner_once(
    tmp_path: Path, office: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    customer = office.customer()
    partners = [office.partner(f"Partner {number}", PMOM_Partner_Persona__c="VAR") for number in range(PARTNERS)]
    deals = [office.deal(partners[n % PARTNERS], won=n % 3 == 0, AccountId=customer) for n in range(DEALS)]
    office.sync()
    for deal in deals:
        office.crm.records["Opportunity"][deal].values["Amount"] = Decimal(2000)
        office.crm.records["Opportunity"][deal].values["SystemModstamp"] = office.crm.now_at
    decided: Counter[str] = Counter()

    def counting(facts: Any, *rest: Any, **more: Any) -> Any:
        decided[facts.partner_id] += 1
        return decide_one(facts, *rest, **more)

    decide_one = deciding.decide_one
    monkeypatch.setattr(deciding, "decide_one", counting)

    config = tmp_path / "config.toml"
    config.write_text('name = "memory"\n[hubspot]\nportal_id = "1"\n[jobs]\nquiet_ms = 0\n', encoding="utf-8")
    deployment = Deployment.load(config)
    with closing(wiring.fleet(deployment)) as fleet, closing(Queue.open(deployment.durable)) as queue:
        hints = [
            Hint(Sender.EVENTS, "Opportunity", deal, Happened.CHANGED, f"{deal}-{tell}")
            for deal in deals
            for tell in range(TELLS)
        ] * 2
        random.Random(1).shuffle(hints)
        kept = sum(
            fleet.inbox().record([("memory", h) for h in hints[n : n + 500]], now())
            for n in range(0, len(hints), 500)
        )
        assert (len(hints), kept) == (10_000, 5_000)

        class Warm:
            def __init__(self, path: Path) -> None:
                pass

            @contextmanager
            def context(self, *, progress: Any) -> Iterator[Any]:
                yield office.ctx

            def close(self) -> None:
                pass

        worker = Worker("here", deployment, fleet, queue, Contexts(deployment, Warm), worked)
        watch = Watch(fleet, queue, frozenset({"memory"}))
        [asked] = watch.look()
        answer = worker.perform(asked, Order(Kind.DRAIN, "memory", By.HINTS, asked.rpartition(":")[2]).as_json())
        assert (answer["state"], answer["hints"], answer["partners"]) == ("done", 5_000, PARTNERS)
        assert dict(decided) == dict.fromkeys(partners, 1)
        queue.cancel(asked)  # it was performed without the queue that runs it
        assert watch.look() == ()
        counted = {each.name: each.count for each in fleet.counters()}
        assert counted["partners_decided"] == PARTNERS
        assert counted["records_different"] == DEALS
        fleet.inbox().record(
            [("memory", Hint(Sender.EVENTS, "Opportunity", deals[0], Happened.CHANGED, "late"))], now()
        )
        [again] = watch.look()
        late = worker.perform(again, Order(Kind.DRAIN, "memory", By.HINTS, again.rpartition(":")[2]).as_json())
        assert (late["hints"], late["partners"]) == (1, 0)
