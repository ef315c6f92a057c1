"""Whether a service lives, and whether it can do its work: checks by name, without a web framework.

Liveness is the process itself; readiness asks what it depends on. A service adds its checks in its bootstrap:

    health.add("kafka", lambda: broker_answers(settings))
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeAlias

Check: TypeAlias = Callable[[], Awaitable[None]]
"""Returns when the thing works; raises when it does not."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    ok: bool
    error: str | None = None  # the error's class: its text may hold an address or a credential
    needed: bool = True  # False: work is done without it, late or worse than usual


@dataclass(frozen=True, slots=True)
class HealthReport:
    checks: dict[str, CheckResult] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return all(check.ok for check in self.checks.values() if check.needed)

    @property
    def status(self) -> str:
        """`degraded`: everything needed is there, and something else is not as it should be."""
        if not self.ok:
            return "failing"
        return "ok" if all(check.ok for check in self.checks.values()) else "degraded"

    @property
    def status_code(self) -> int:
        """200, or 503 with which a balancer or an orchestrator stops sending work."""
        return 200 if self.ok else 503

    def document(self) -> dict[str, object]:
        """The answer of `GET /health/ready`: {"status", "checks": {name: {"ok", "error"}}}; status is ok, degraded or
        failing."""
        return {
            "status": self.status,
            "checks": {name: {"ok": check.ok, "error": check.error} for name, check in self.checks.items()},
        }


class Health:
    """The checks of one service."""

    def __init__(self, *, timeout_seconds: float = 3.0) -> None:
        self._timeout_seconds = timeout_seconds
        self._ready: dict[str, Check] = {}
        self._wanted: dict[str, Check] = {}
        self._live: dict[str, Check] = {}

    def add(self, name: str, check: Check) -> None:
        """A dependency without which no work can be done."""
        self._ready[name] = check

    def add_wanted(self, name: str, check: Check) -> None:
        """What makes a service degraded and not unready: nobody could do its work better (it is far behind)."""
        self._wanted[name] = check

    def add_liveness(self, name: str, check: Check) -> None:
        """A sign that only a restart helps (a stuck loop): use sparingly, never for a dependency."""
        self._live[name] = check

    async def live(self) -> HealthReport:
        return await self._report(self._live, {})

    async def ready(self) -> HealthReport:
        return await self._report(self._ready, self._wanted)

    async def _report(self, needed: dict[str, Check], wanted: dict[str, Check]) -> HealthReport:
        results = await asyncio.gather(
            *(self._run(check, needed=True) for check in needed.values()),
            *(self._run(check, needed=False) for check in wanted.values()),
        )
        return HealthReport(checks=dict(zip([*needed, *wanted], results, strict=True)))

    async def _run(self, check: Check, *, needed: bool) -> CheckResult:
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await check()
        except Exception as error:  # noqa: BLE001  whatever a check raises is the finding
            return CheckResult(ok=False, error=type(error).__name__, needed=needed)
        return CheckResult(ok=True, needed=needed)
