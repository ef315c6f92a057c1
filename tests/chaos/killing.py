"""Services that are killed at any moment, and started again at once."""

from random import Random
from time import monotonic

from chaos.fault import Fault, Part
from chaos.fleet import Kind, Member
from chaos.ground import Ground

_TIMES = (1, 2)


class _Killed(Fault):
    """SIGKILL, once or twice in a row; the orchestrator starts it again. Counts from the last kill."""

    def __init__(self, kind: Kind, part: Part, name: str, summary: str) -> None:
        self.name = name
        self.summary = summary
        self.parts: frozenset[Part] = frozenset({part})
        self._kind = kind

    async def inject(self, ground: Ground, dice: Random) -> float:
        member = dice.choice([member for member in ground.fleet if member.kind == self._kind])
        for _ in range(dice.choice(_TIMES)):
            killed_at = await self._kill(ground, member)
        return killed_at

    @staticmethod
    async def _kill(ground: Ground, member: Member) -> float:
        await ground.fleet.ready(member)
        before = member.process.pid
        killed_at = monotonic()
        member.process.kill()
        await ground.fleet.started_again(member, before)
        return killed_at


FAULTS: tuple[Fault, ...] = (
    _Killed("processing", "workers", "worker-killed", "SIGKILL of a worker; started again at once"),
    _Killed("intake", "intake", "intake-killed", "SIGKILL of intake with requests under way; started again at once"),
    _Killed("metrics", "metrics", "metrics-killed", "SIGKILL of the metrics service; started again at once"),
)
