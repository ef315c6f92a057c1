"""A worker whose clock is off: its machine's time, an hour ahead or behind; its monotonic clock runs on."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from random import Random
from time import monotonic

import httpx

from chaos.fault import Fault, Part
from chaos.fleet import Member
from chaos.ground import Ground
from support.eventually import eventually

_LIBRARIES = ("/usr/lib/*/faketime/libfaketime.so.1", "/usr/lib/faketime/libfaketime.so.1")
_LEADS_SECONDS = 15.0
_REMEDY = "libfaketime (Debian and Ubuntu: apt-get install libfaketime)"


def library() -> Path | None:
    """libfaketime (Debian: `libfaketime`), which a process loads before the C library; None where it isn't."""
    return next((path for pattern in _LIBRARIES for path in sorted(Path("/").glob(pattern[1:]))), None)


def clock_off(seconds: int) -> Mapping[str, str]:
    """The environment of a process whose clock is so many seconds ahead (negative: behind).

    Raises AssertionError where libfaketime isn't installed.
    """
    found = library()
    assert found is not None, _REMEDY
    return {
        "LD_PRELOAD": str(found),
        "FAKETIME": f"{seconds:+d}",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",
    }


async def leads(url: str) -> bool:
    """Whether the worker at this address says that it leads; False when it doesn't answer."""
    async with httpx.AsyncClient(timeout=5.0) as http:
        try:
            return "qos_leader 1.0" in (await http.get(f"{url}/metrics")).text
        except httpx.TransportError:
            return False


class _ClockOff(Fault):
    """It takes part in the group, and it leads: announcements, levels and what goes out are its own for a while."""

    name = "clock-off"
    summary = "one worker's clock is an hour ahead or behind, and that worker leads"
    parts: frozenset[Part] = frozenset({"workers"})

    def lacking(self) -> str | None:
        return None if library() is not None else _REMEDY

    async def inject(self, ground: Ground, dice: Random) -> float:
        others = list(ground.fleet.workers)
        wrong = await ground.start_worker(clock_off(dice.choice([-3600, 3600])))
        await ground.fleet.ready(wrong)
        try:
            await self._let_lead(ground, wrong, others)
            await asyncio.sleep(dice.uniform(5.0, _LEADS_SECONDS))
        finally:
            await ground.fleet.stop(wrong)
        return monotonic()

    @staticmethod
    async def _let_lead(ground: Ground, wrong: Member, others: list[Member]) -> None:
        for other in others:
            if await leads(other.url):
                before = other.process.pid
                other.process.kill()
                await ground.fleet.started_again(other, before)
        # It may be another one's turn: then the wrong one is a member among others, which is a fault too.
        await eventually(lambda: _somebody_leads([wrong, *others]), within=60)


async def _somebody_leads(members: list[Member]) -> bool:
    return any([await leads(member.url) for member in members])


FAULTS: tuple[Fault, ...] = (_ClockOff(),)
