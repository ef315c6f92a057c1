"""Workers that come and go in order."""

from random import Random
from time import monotonic

from chaos.fault import Fault, Part
from chaos.ground import Ground


class _Scaled(Fault):
    """From one worker to two, to three, and back to one, each step when the one before is done."""

    name = "workers-scaled"
    summary = "1, 2, 3 workers and 1 again, by SIGTERM; each must end with exit code 0"
    parts: frozenset[Part] = frozenset({"workers"})

    async def inject(self, ground: Ground, dice: Random) -> float:
        await self._down_to_one(ground, dice)
        for _ in range(2):
            await ground.fleet.ready(await ground.start_worker())
        await self._down_to_one(ground, dice)
        return monotonic()

    @staticmethod
    async def _down_to_one(ground: Ground, dice: Random) -> None:
        while len(ground.fleet.workers) > 1:
            worker = dice.choice(ground.fleet.workers)
            await ground.fleet.ready(worker)
            code = await ground.fleet.stop(worker)
            assert code == 0, f"{worker.process.name} was asked to stop and ended with {code}"


FAULTS: tuple[Fault, ...] = (_Scaled(),)
