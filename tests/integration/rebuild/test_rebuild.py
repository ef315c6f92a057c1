"""A new generation takes over: what it holds, what a worker that was cut off in the middle does, what is told anew."""

import asyncio

import pytest

from qos_domain.events import Event
from qos_processing.ports import OffsetMismatch
from qos_processing.rebuild.catching_up import CatchingUp
from qos_processing.rebuild.rebuilding import Rebuild, drop_old
from qos_processing.service import OtherLogic
from qos_processing.verify.verification import Scope
from qos_runtime.kafka import partition_of
from support.builders import happened, registered, tokyo
from support.eventually import eventually
from support.ground import Ground
from support.processing import replayed
from support.verifying import verifier

pytestmark = pytest.mark.real

LOG_TOO = Scope(log=True)


def story() -> list[Event]:
    """Five procedures in both partitions; breaches, corrections, one case corrected away, one of nobody's."""
    events = [
        registered(),
        *(registered(procedure=f"permit-{n}", organisation=f"bureau-{n % 2}") for n in range(4)),
        registered("2025-05-01", procedure="permit-1", organisation="bureau-9", at="2025-04-20"),
        happened("application.submitted", "2025-05-02", procedure="nobody", channel="online"),
    ]
    for n in range(4):
        permit = f"permit-{n}"
        events += [
            happened("application.submitted", "2025-05-02", procedure=permit, id=f"first-{n}", channel="online"),
            happened("application.submitted", "2025-05-08", procedure=permit, application="A-2", channel="counter"),
            happened("notification.sent", "2025-05-12", procedure=permit, application="A-2", channel="electronic"),
            happened("feedback.submitted", "2025-05-13", procedure=permit, rating=4, channel="online"),
        ]
    events += [
        happened(f"review.{what}", day, procedure="permit-0", suspension_id="S", reason="correction")
        for what, day in (("suspended", "2025-05-09"), ("resumed", "2025-05-13"))
    ]
    correction = happened("application.abandoned", "2025-05-03", procedure="permit-2", corrects="first-2")
    return [*events, correction, happened("application.submitted", "2025-05-07", application="B-1", channel="online")]


async def test_a_rebuild_holds_what_the_log_says_and_tells_nothing_anew(ground: Ground) -> None:
    p, events = ground.p, story()
    await ground.receive(*events)
    assert await p.sweep.sweep() > 2
    await p.assessor.assess_touched()
    said, told = await ground.live.announced(), await p.sent("qos-levels")
    assert len(told) == 5

    rebuilt = await ground.rebuild()

    assert (rebuilt.generation, rebuilt.former, rebuilt.records) == (2, 1, len(events))
    assert await ground.live.generations() == [(1, "old"), (2, "live")]
    replay = replayed(events, p.calendar)
    assert await ground.live.buckets() == replay.buckets()
    assert await ground.live.cases() == {key: (one.case, one.contributions) for key, one in replay.projections()}
    assert (await verifier(ground.settings)(LOG_TOO)).clean
    # What was announced is not announced again, and assessments that say the same are not told again.
    assert await ground.live.announced() == said
    assert await p.sweep.sweep() == 0
    assert await p.assessor.assess_touched() == 5
    assert await p.sent("qos-levels") == told
    # Life goes on: the next announcement has the next number.
    await ground.receive(happened("notification.sent", "2025-05-20", application="B-1", channel="electronic"))
    assert await p.sweep.sweep() == 1
    assert [sent["type"].rsplit(".", 2)[-2] for sent in (await p.sent("sla-events"))[-1:]] == ["recovered"]

    assert await drop_old(ground.settings) == [1]
    assert await ground.live.generations() == [(2, "live")]
    assert not await p.pool.fetchval("SELECT to_regclass('cases_g1') IS NOT NULL")
    await p.totals.take_in()
    assert (await verifier(ground.settings)(LOG_TOO)).clean


class SweptMeanwhile(Rebuild):
    """Once all is loaded, and before the swap, the sweep announces and a batch arrives."""

    ground: Ground

    async def _verify(self, *arguments: object) -> None:
        await super()._verify(*arguments)  # type: ignore[arg-type]
        await self.ground.receive(
            registered("2025-02-01", procedure="permit-0", organisation="bureau-7", at="2025-05-14"),
            happened("application.submitted", "2025-05-05", procedure="permit-0", application="C-1", channel="online"),
        )
        assert await self.ground.p.sweep.sweep() > 2


class Overtaken(Rebuild):
    """Once the swap holds all locks, the parts of a worker come and wait for them."""

    ground: Ground
    waiting: list[asyncio.Task[object]]

    async def _follow(self, catching_up: CatchingUp, live: int) -> None:
        await super()._follow(catching_up, live)
        if "catch_up" in vars(catching_up):
            return
        under_locks = catching_up.catch_up

        async def overtaken(live: int) -> int:
            p = self.ground.p
            (batch,) = p.log.new()
            calls = [
                p.service.process(batch),
                p.another_service().start_offset("applications", batch.partition),
                p.sweep.sweep(),
                p.assessor.assess_touched(),
            ]
            Overtaken.waiting = [asyncio.ensure_future(call) for call in calls]
            await eventually(self._all_wait)
            return await under_locks(live)

        catching_up.catch_up = overtaken  # type: ignore[method-assign]

    async def _all_wait(self) -> bool:
        waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        return int(await self.ground.p.pool.fetchval(waits)) == len(Overtaken.waiting)


async def test_a_worker_that_waits_for_the_swap_goes_on_with_the_new_generation(ground: Ground) -> None:
    """A batch, an assignment, the sweep and the assessor find the row that they waited for no longer live."""
    p, events = ground.p, story()
    await ground.receive(*events)
    late = happened("notification.sent", "2025-05-20", application="B-1", channel="electronic")
    p.log.append(late)
    Overtaken.ground = ground
    await ground.rebuild(Overtaken)
    _, offset, announced, assessed = await asyncio.gather(*Overtaken.waiting)
    assert await ground.live.buckets() == replayed([*events, late], p.calendar).buckets()
    assert offset == await p.pool.fetchval(
        "SELECT next_offset FROM partition_offsets WHERE generation = 2 AND topic = 'applications' AND partition = $1",
        partition_of(b"road-occupation", p.log.partitions),
    )
    assert int(str(announced)) > 2
    assert int(str(assessed)) == 5
    assert await p.sweep.sweep() == 0


async def test_what_happens_between_loading_and_swap_is_carried_over(ground: Ground) -> None:
    """More is announced, a case arrives, and a version dated back has a procedure's cases judged anew."""
    events = story()
    await ground.receive(*events)
    SweptMeanwhile.ground = ground
    rebuilt = await ground.rebuild(SweptMeanwhile)
    assert rebuilt.records_under_locks == 2
    assert ("permit-0", "C-1") in await ground.live.announced()
    assert await ground.p.sweep.sweep() == 0
    result = await verifier(ground.settings)(LOG_TOO)
    assert result.clean
    assert result.rejudging == 0
    organisations = await ground.p.pool.fetch(
        "SELECT DISTINCT organisation_id FROM cases WHERE generation = 2 AND procedure_id = 'permit-0'"
    )
    assert [name for (name,) in organisations] == ["bureau-7"]


async def test_a_batch_fetched_before_the_swap_is_neither_lost_nor_doubled(ground: Ground) -> None:
    """Of a program with new logic: it may not add to what the old one made. Once it has results of its own it goes on
    with what it has fetched, and what was in before is in.
    """
    p, events = ground.p, story()
    await ground.receive(*events)
    done = p.log.batch("applications", 0, 0, 1)
    more = [
        happened("application.submitted", "2025-05-15", procedure="permit-1", application=f"D-{n}", channel="online")
        for n in range(6)
    ]
    p.log.append(*more)
    fetched = list(p.log.new(most=3))
    assert len(fetched) == 2
    await p.pool.execute("UPDATE generations SET logic_version = 0; UPDATE partition_state SET logic_version = 0")
    with pytest.raises(OtherLogic, match=r"python -m qos_processing\.rebuild"):
        await p.service.process(fetched[0])

    await ground.rebuild()

    with pytest.raises(OffsetMismatch):
        await p.service.process(fetched[1])
    for batch in fetched:
        await p.service.process(batch)
    for batch in (done, *fetched):
        with pytest.raises(OffsetMismatch):
            await p.service.process(batch)
    assert await ground.live.buckets() == replayed([*events, *more], p.calendar).buckets()
    assert await p.service.start_offset("applications", fetched[0].partition) == fetched[-1].next_offset


async def test_a_verification_with_the_log_finds_a_fact_that_was_lost(ground: Ground) -> None:
    """The case is folded of the facts that it still has, so nothing but the log can tell."""
    events = story()
    await ground.receive(*events)
    await ground.p.pool.execute("DELETE FROM cases WHERE procedure_id = 'permit-3' AND application_id = 'A-2'")
    await ground.p.pool.execute(
        "UPDATE procedure_facts SET source = 'urn:other' WHERE procedure_id = 'road-occupation'"
    )
    result = await verifier(ground.settings)(LOG_TOO)
    lost = {
        (mismatch.place.get("application_id"), mismatch.stored, mismatch.expected)
        for mismatch in result.mismatches
        if mismatch.what == "log" and mismatch.place["procedure_id"] == "permit-3"
    }
    at = {name: tokyo(day).astimezone(tz=None) for name, day in (("submitted", "2025-05-08"), ("sent", "2025-05-12"))}
    assert {what for _, _, what in lost} == {
        f"application.submitted of {at['submitted'].isoformat()}",
        f"notification.sent of {at['sent'].isoformat()}",
    }
    assert {(application, stored) for application, stored, _ in lost} == {("A-2", None)}
    named = await verifier(ground.settings)(Scope(procedures=("permit-1",), log=True))
    assert named.mismatch_counts["log"] == 0
    assert named.checked["log"] == 1 + 2  # its registry and its cases
