"""Sends events through intake over HTTP until each is acknowledged, whatever happens to intake and broker meanwhile."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from random import Random

import httpx

from qos_domain.acceptance import AcceptanceRules, encode_cloudevent
from qos_domain.events import Event
from qos_local.importing.sending import IntakeClient, Patience
from qos_local.simulation.dice import dice

_SENDERS = 3
_LARGEST_BATCH = 60
_RULES = AcceptanceRules()
_PATIENCE = Patience(seconds=240.0, longest_pause_seconds=2.0)


class Sender:
    """`sent` are the events that intake has acknowledged, each as often as we sent it on purpose.

    What intake may have published without our hearing of it was sent again: the log may hold more, never less.
    """

    def __init__(self, http: httpx.AsyncClient, *, url: str, keys: Mapping[str, str]) -> None:
        self._clients = {
            source: IntakeClient(http, url=url, api_key=key, patience=_PATIENCE) for source, key in keys.items()
        }
        self.sent: list[Event] = []

    async def send(self, events: Sequence[Event]) -> None:
        """Return when all are acknowledged. Raises AssertionError when intake refuses one, IntakeAway after minutes."""
        by_source: defaultdict[str, list[Event]] = defaultdict(list)
        for event in events:
            by_source[event.source].append(event)
        for source, some in by_source.items():
            remarks = await self._clients[source].send([encode_cloudevent(event, _RULES) for event in some])
            refused = [remark for remark in remarks if remark is not None]
            assert not refused, f"intake refuses what was simulated: {refused[0]}"
            self.sent += some

    async def send_life(self, events: Sequence[Event], *, seed: int, seconds: float) -> None:
        """Send these in about this order: in batches of any size, several at once, spread over so many seconds."""
        place = iter(range(len(events)))
        rng = dice(seed, "batches")
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with asyncio.TaskGroup() as senders:
            for _ in range(_SENDERS):
                senders.create_task(self._send_some(events, place, rng, began, seconds))

    async def _send_some(
        self, events: Sequence[Event], place: Iterator[int], rng: Random, began: float, seconds: float
    ) -> None:
        loop = asyncio.get_running_loop()
        while batch := [events[at] for at in islice(place, rng.randint(1, _LARGEST_BATCH))]:
            await self.send(batch)
            due = began + seconds * len(self.sent) / len(events)
            await asyncio.sleep(max(0.0, due - loop.time()))
