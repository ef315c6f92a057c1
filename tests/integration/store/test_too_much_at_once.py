"""A batch that takes longer to fold than a session may be idle in its transaction goes through in smaller parts."""

from collections.abc import Mapping, Sequence
from time import monotonic

import pytest
from faust.types import TP
from prometheus_client import CollectorRegistry

from qos_domain.calendar import Calendar
from qos_domain.case import CaseKey
from qos_domain.events import Event
from qos_domain.facts import Fact
from qos_processing import folding
from qos_processing.gate import Gate
from qos_processing.ports import Batch, OffsetMismatch, SessionLost
from qos_processing.transactions import Transactions
from qos_processing.turns import Turns
from qos_runtime.postgres import create_pool
from support.builders import happened, registered
from support.processing import Processing, replayed

pytestmark = pytest.mark.real

IDLE_SECONDS = 1.0
"""A session of the worker may be idle for that long."""
FACTS = 8
"""So many facts take twice as long to fold."""


def slow_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each fact that is folded cost the event loop its share, whatever else the machine does."""
    real = folding.fold

    def fold(
        facts: Mapping[CaseKey, Sequence[Fact]],
        stored: Mapping[CaseKey, folding.StoredCase],
        histories: folding.Histories,
        calendar: Calendar,
    ) -> folding.Fold:
        until = monotonic() + sum(map(len, facts.values())) * 2 * IDLE_SECONDS / FACTS
        while monotonic() < until:
            pass
        return real(facts, stored, histories, calendar)

    monkeypatch.setattr(folding, "fold", fold)


async def test_a_backlog_on_slow_cores(p: Processing, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    story: list[Event] = [registered()]
    story += [
        happened("application.submitted", "2025-05-02", application=f"a-{n}", channel="online") for n in range(FACTS)
    ]
    p.log.append(*story)
    found = {batch.topic: batch for batch in p.log.new()}
    await p.service.process(found["procedures"])
    slow_cores(monkeypatch)
    pool = await create_pool(database_url, application_name="slow", idle_in_transaction_seconds=IDLE_SECONDS)
    # No patience at all: what was lost is never tried again as it was.
    service = p.another_service(transactions=Transactions(pool, patience_seconds=0, registry=CollectorRegistry()))
    with pytest.raises(SessionLost):
        await service.process(found["applications"])

    applied: list[int] = []

    async def conflict(_tp: TP, _part: Batch, mismatch: OffsetMismatch) -> None:
        raise mismatch

    gate = Gate(max_records=1_000, max_bytes=1_000_000)
    turns = Turns(
        gate,
        service,
        at_once=4,
        applied=lambda _tp, part, _seconds: applied.append(len(part.records)),
        conflict=conflict,
    )
    tp = TP("applications", found["applications"].partition)
    gate.take(tp, found["applications"])
    await turns.take(tp, found["applications"])
    await pool.close()

    assert len(applied) > 1
    assert sum(applied) == FACTS
    assert await p.buckets() == replayed(story, p.calendar).buckets()
    assert await p.service.start_offset("applications", tp.partition) == FACTS
