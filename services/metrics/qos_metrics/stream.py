"""The live stream's hub: what Kafka says, once, in order of arrival, to every subscriber that keeps up.

The hub keeps a short past of the log in memory, so that a client that was away can go on where it was. Positions are
the log's own, so any instance understands the position that another one gave.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Position:
    """Where a message stands in the log: the id of a server-sent event, `<appended ms>-<topic>-<partition>-<offset>`.

    `topic` is the base name, without the installation's prefix.
    """

    appended_ms: int
    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.appended_ms}-{self.topic}-{self.partition}-{self.offset}"

    @classmethod
    def parse(cls, text: str) -> "Position":
        """Reads what `str` wrote; raises ValueError on anything else."""
        head, _, rest = text.partition("-")
        topic, partition, offset = rest.rsplit("-", 2)
        numbers = (head, partition, offset)
        if not topic or not all(number.isascii() and number.isdigit() and len(number) <= 19 for number in numbers):
            raise ValueError("not a position of the stream")
        return cls(int(head), topic, int(partition), int(offset))


@dataclass(frozen=True, slots=True)
class Message:
    """One message of `qos-levels` or `sla-events`, as a subscriber gets it.

    `event` is the server-sent event's name, `data` its JSON text with exact figures, `public` the one with small counts
    withheld; None where it is about a single case. `revision` grows per procedure in `qos-levels`; it is None for
    events, which `event_id` tells apart.
    """

    position: Position
    event: str
    event_id: str
    procedure_id: str
    organisation_id: str | None
    revision: int | None
    data: str
    public: str | None


@dataclass(frozen=True, slots=True)
class Filter:
    """Which messages a subscriber wants: those of a procedure, of an organisation, or all that the audience may see."""

    staff: bool
    procedure_id: str | None = None
    organisation_id: str | None = None

    def takes(self, message: Message) -> bool:
        if message.public is None and not self.staff:
            return False
        if self.procedure_id is not None and message.procedure_id != self.procedure_id:
            return False
        return self.organisation_id is None or message.organisation_id == self.organisation_id


@dataclass(frozen=True, slots=True)
class Gap:
    """The past that a client asked for is no longer (or not) in memory: it should read the current state again."""


@dataclass(frozen=True, slots=True)
class Overflow:
    """The client read too slowly and was left `limit` messages behind; nothing follows."""

    limit: int


class TooManySubscribers(Exception):
    """The hub serves as many streams as it may."""


@dataclass(eq=False, slots=True)
class Subscription:
    """One subscriber's bounded queue. Iterating yields messages until the hub closes or the subscriber lags."""

    wanted: Filter
    limit: int
    _queue: deque[Message | Gap | Overflow] = field(default_factory=deque)
    _waiting: asyncio.Event = field(default_factory=asyncio.Event)
    _ended: bool = False

    def offer(self, message: Message) -> None:
        """Queues a message that is wanted. Never waits: a full queue ends the subscription with an Overflow."""
        if self._ended or not self.wanted.takes(message):
            return
        if len(self._queue) >= self.limit:
            self._queue.clear()
            self._queue.append(Overflow(self.limit))
            self._ended = True
        else:
            self._queue.append(message)
        self._waiting.set()

    def end(self) -> None:
        """Ends the iteration after what is queued."""
        self._ended = True
        self._waiting.set()

    async def __aiter__(self) -> AsyncIterator[Message | Gap | Overflow]:
        while True:
            while self._queue:
                yield self._queue.popleft()
            if self._ended:
                return
            self._waiting.clear()
            await self._waiting.wait()


class Hub:
    """Fans messages out. Used from one event loop only; `publish` never blocks.

    A message of an older (or equal) revision of its procedure, or of an event id seen lately, is dropped.
    """

    def __init__(self, *, past_limit: int, queue_limit: int, subscriber_limit: int, overlap_ms: int = 10_000) -> None:
        self._past: deque[Message] = deque(maxlen=past_limit)
        self._past_from_ms: int | None = None
        self._queue_limit = queue_limit
        self._subscriber_limit = subscriber_limit
        self._overlap_ms = overlap_ms
        self._revisions: OrderedDict[str, int] = OrderedDict()
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._memory_limit = max(past_limit, 1) * 10
        self._subscriptions: set[Subscription] = set()
        self.dropped = 0

    @property
    def subscribers(self) -> int:
        return len(self._subscriptions)

    def remembers_from(self, appended_ms: int) -> None:
        """Says that everything appended from this instant on was or will be published here."""
        self._past_from_ms = appended_ms

    def publish(self, message: Message) -> None:
        if self._is_repeat(message):
            self.dropped += 1
            return
        if len(self._past) == self._past.maxlen:
            self._past_from_ms = max(self._past_from_ms or 0, self._past[0].position.appended_ms + 1)
        self._past.append(message)
        for subscription in self._subscriptions:
            subscription.offer(message)

    def _is_repeat(self, message: Message) -> bool:
        if message.revision is not None:
            if message.revision <= self._revisions.get(message.procedure_id, -1):
                return True
            self._revisions[message.procedure_id] = message.revision
            self._revisions.move_to_end(message.procedure_id)
            if len(self._revisions) > self._memory_limit:
                self._revisions.popitem(last=False)
            return False
        if message.event_id in self._seen:
            return True
        self._seen[message.event_id] = None
        if len(self._seen) > self._memory_limit:
            self._seen.popitem(last=False)
        return False

    def subscribe(self, wanted: Filter, after: Position | None = None) -> Subscription:
        """A subscription from now on or, with `after`, from that position on; `leave` ends it.

        Partitions are read side by side, so messages appended up to `overlap_ms` before `after` in other partitions are
        given (perhaps again): nothing is left out. Where memory doesn't reach back that far, a Gap comes first. Raises
        TooManySubscribers.
        """
        if len(self._subscriptions) >= self._subscriber_limit:
            raise TooManySubscribers
        past = [] if after is None else list(self._since(after, wanted))
        subscription = Subscription(wanted, self._queue_limit + len(past), deque(past))
        self._subscriptions.add(subscription)
        return subscription

    def leave(self, subscription: Subscription) -> None:
        """Nothing more is offered to it. May be repeated."""
        self._subscriptions.discard(subscription)

    def _since(self, after: Position, wanted: Filter) -> Iterator[Message | Gap]:
        start_ms = after.appended_ms - self._overlap_ms
        if self._past_from_ms is None or after.appended_ms < self._past_from_ms:
            yield Gap()
        for message in self._past:
            position = message.position
            if position.appended_ms < start_ms:
                continue
            if (position.topic, position.partition) == (after.topic, after.partition) and (
                position.offset <= after.offset
            ):
                continue
            if wanted.takes(message):
                yield message

    def close(self) -> None:
        """Ends every subscription; new ones may still be made by a hub that goes on."""
        for subscription in self._subscriptions:
            subscription.end()
