"""The live stream: once, in order, to whoever keeps up; and where to go on after having been away."""

import asyncio
from itertools import count

import pytest

from qos_metrics.stream import Filter, Gap, Hub, Message, Overflow, Position, Subscription, TooManySubscribers

STAFF = Filter(staff=True)
_numbers = count(1)


def assessed(
    revision: int,
    *,
    procedure: str = "road-occupation",
    at_ms: int = 1_000,
    partition: int = 0,
    offset: int | None = None,
) -> Message:
    offset = next(_numbers) if offset is None else offset
    return Message(
        position=Position(at_ms, "qos-levels", partition, offset),
        event="level.assessed",
        event_id=f"level:{procedure}:{revision}",
        procedure_id=procedure,
        organisation_id="construction",
        revision=revision,
        data="{}",
        public="{}",
    )


def breached(event_id: str, *, at_ms: int = 1_000, partition: int = 0, offset: int | None = None) -> Message:
    offset = next(_numbers) if offset is None else offset
    position = Position(at_ms, "sla-events", partition, offset)
    return Message(position, "sla.breached", event_id, "road-occupation", "construction", None, "{}", None)


def hub(*, past: int = 100, queue: int = 10, subscribers: int = 5) -> Hub:
    made = Hub(past_limit=past, queue_limit=queue, subscriber_limit=subscribers)
    made.remembers_from(0)
    return made


async def taken(subscription: Subscription, hub: Hub) -> list[Message | Gap | Overflow]:
    """All that waits for the subscriber, until the hub is closed."""
    hub.close()
    return [item async for item in subscription]


async def test_a_subscriber_gets_what_is_published_from_now_on() -> None:
    live = hub()
    live.publish(assessed(1))
    subscription = live.subscribe(STAFF)
    second, third = assessed(2), breached("sla:1")
    live.publish(second)
    live.publish(third)
    assert await taken(subscription, live) == [second, third]


async def test_repeats_and_older_revisions_are_dropped() -> None:
    live = hub()
    subscription = live.subscribe(STAFF)
    newest = assessed(5)
    live.publish(newest)
    live.publish(assessed(5))
    live.publish(assessed(4))
    once = breached("sla:1")
    live.publish(once)
    live.publish(breached("sla:1"))
    other = assessed(1, procedure="parking")
    live.publish(other)
    assert await taken(subscription, live) == [newest, once, other]
    assert live.dropped == 3


async def test_the_public_gets_nothing_of_single_cases() -> None:
    live = hub()
    subscription = live.subscribe(Filter(staff=False))
    level = assessed(1)
    live.publish(breached("sla:1"))
    live.publish(level)
    assert await taken(subscription, live) == [level]


@pytest.mark.parametrize(
    ("wanted", "gets"),
    [
        (Filter(staff=True, procedure_id="road-occupation"), True),
        (Filter(staff=True, procedure_id="parking"), False),
        (Filter(staff=True, organisation_id="construction"), True),
        (Filter(staff=True, organisation_id="taxation"), False),
    ],
)
async def test_a_filter_takes_a_procedure_or_an_organisation(wanted: Filter, gets: bool) -> None:
    live = hub()
    subscription = live.subscribe(wanted)
    live.publish(assessed(1))
    assert len(await taken(subscription, live)) == (1 if gets else 0)


async def test_a_subscriber_that_does_not_keep_up_is_told_so_and_let_go() -> None:
    live = hub(queue=3)
    subscription = live.subscribe(STAFF)
    for revision in range(10):
        live.publish(assessed(revision))
    assert [item async for item in subscription] == [Overflow(3)]


async def test_a_client_goes_on_after_the_last_message_it_had() -> None:
    live = hub()
    messages = [assessed(revision, at_ms=1_000 + revision, offset=revision) for revision in range(5)]
    for message in messages:
        live.publish(message)
    subscription = live.subscribe(STAFF, after=messages[2].position)
    assert await taken(subscription, live) == messages[3:]


async def test_nothing_of_another_partition_is_left_out_even_if_it_came_a_little_earlier() -> None:
    live = hub()
    earlier = breached("sla:9", at_ms=995, partition=7, offset=70)
    last = assessed(1, at_ms=1_000, offset=1)
    live.publish(last)
    live.publish(earlier)  # of another partition: read after what was appended later
    subscription = live.subscribe(STAFF, after=last.position)
    assert await taken(subscription, live) == [earlier]


async def test_a_client_that_was_away_too_long_is_told_that_messages_are_missing() -> None:
    live = hub(past=2)
    messages = [assessed(revision, at_ms=100_000 * revision, offset=revision) for revision in range(1, 5)]
    for message in messages:
        live.publish(message)
    subscription = live.subscribe(STAFF, after=messages[0].position)
    assert await taken(subscription, live) == [Gap(), *messages[2:]]


async def test_a_long_past_does_not_count_against_the_queue_of_who_resumes() -> None:
    live = hub(queue=2)
    messages = [assessed(revision, offset=revision) for revision in range(8)]
    for message in messages:
        live.publish(message)
    subscription = live.subscribe(STAFF, after=messages[0].position)
    assert await taken(subscription, live) == messages[1:]


async def test_there_are_only_so_many_streams() -> None:
    live = hub(subscribers=1)
    first = live.subscribe(STAFF)
    with pytest.raises(TooManySubscribers):
        live.subscribe(STAFF)
    live.leave(first)
    live.subscribe(STAFF)
    assert live.subscribers == 1


async def test_a_waiting_subscriber_wakes_up() -> None:
    live = hub()
    subscription = live.subscribe(STAFF)
    waiting = asyncio.ensure_future(anext(aiter(subscription)))
    await asyncio.sleep(0)
    message = assessed(1)
    live.publish(message)
    assert await asyncio.wait_for(waiting, 1) == message


def test_a_position_is_what_it_says() -> None:
    position = Position(1_763_000_000_000, "qos-levels", 3, 42)
    assert str(position) == "1763000000000-qos-levels-3-42"
    assert Position.parse(str(position)) == position


@pytest.mark.parametrize(
    "text", ["", "x", "1-2", "1-a-2", "1-a-2-x", "-1-a-2-3", "1--2-3", "1-a-２-3", "1-a-2-" + "9" * 30]
)
def test_anything_else_is_no_position(text: str) -> None:
    with pytest.raises(ValueError, match=r"position|unpack"):
        Position.parse(text)
