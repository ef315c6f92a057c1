"""A worker that is frozen for longer than its session lasts, and wakes up as a zombie."""

import asyncio
from random import Random
from time import monotonic

from chaos.fault import Fault, Part
from chaos.ground import SESSION_SECONDS, Ground


class _Frozen(Fault):
    """SIGSTOP wherever it is, in the middle of a transaction or of a request; others take over; SIGCONT.

    What it does then on its old knowledge must have no effect.
    """

    name = "worker-frozen"
    summary = "SIGSTOP of a worker past its session, while others take over; then SIGCONT"
    parts: frozenset[Part] = frozenset({"workers"})

    async def inject(self, ground: Ground, dice: Random) -> float:
        if len(ground.fleet.workers) < 2:
            await ground.start_worker()
        for worker in ground.fleet.workers:
            await ground.fleet.ready(worker)
        frozen = dice.choice(ground.fleet.workers)
        frozen.process.pause()
        try:
            await asyncio.sleep(SESSION_SECONDS + dice.uniform(2.0, 6.0))
        finally:
            frozen.process.resume()
        return monotonic()


FAULTS: tuple[Fault, ...] = (_Frozen(),)
