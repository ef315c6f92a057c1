"""Sends events through intake over HTTP until each is acknowledged, whatever happens to intake and broker meanwhile."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from random import Random

import httpx

from qos_domain.acceptance import AcceptanceRules, encode_cloudevent
from qos_domain.events import Event
from qos_domain.masking import mask_event
from qos_local.importing.sending import IntakeClient, Patience
from qos_local.simulation.dice import dice

_SENDERS = 3
_LARGEST_BATCH = 60
_SLOWER = 10
_RULES = AcceptanceRules()
_PATIENCE = Patience(seconds=240.0, longest_pause_seconds=2.0)


class Sender:
    """`sent` are the events that intake has acknowledged, as it publishes them (free text masked), each as often as we
    sent it on purpose.

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
            self.sent += map(mask_event, some)

    async def send_life(self, events: Sequence[Event], pace: "Pace", *, seed: int) -> None:
        """Send these in about this order: in batches of any size, several at once, as fast as `pace` says."""
        place = iter(events)
        rng = dice(seed, "batches")
        async with asyncio.TaskGroup() as senders:
            for _ in range(_SENDERS):
                senders.create_task(self._send_some(place, len(events), rng, pace))

    async def _send_some(self, place: Iterator[Event], total: int, rng: Random, pace: "Pace") -> None:
        while batch := list(islice(place, rng.randint(1, _LARGEST_BATCH))):
            await self.send(batch)
            await pace.wait(_SENDERS * len(batch) / total, len(self.sent) / total)


class Pace:
    """How fast a life is sent: so that it lasts for `seconds`, and for as long as the faults do.

    `share` is how much of it may have been sent by now; beyond that it goes on slowly, for a fault is to meet traffic.
    Once the faults are over, what is left is sent at once.
    """

    def __init__(self, seconds: float) -> None:
        self.share = 0.0
        self._seconds = seconds
        self._over = asyncio.Event()

    def faults_are_over(self) -> None:
        self._over.set()

    async def wait(self, just_sent: float, sent: float) -> None:
        """After a part was sent: return when it is time for the next one."""
        seconds = self._seconds * just_sent * (1 if sent < self.share else _SLOWER)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._over.wait()
