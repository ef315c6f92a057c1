"""A verification of a database, as a test asks for it."""

from collections.abc import Awaitable
from typing import Protocol

from qos_domain.calendar import Calendar
from qos_processing.verify.findings import Verified
from qos_processing.verify.verification import Scope, verify
from qos_runtime.clock import SystemClock
from qos_runtime.settings import RuntimeSettings

EVERYTHING = Scope()


class Verify(Protocol):
    def __call__(self, scope: Scope = EVERYTHING) -> Awaitable[Verified]:
        """The result; everything but the log, if nothing else is said."""


def verifier(settings: RuntimeSettings, calendar: Calendar | None = None) -> Verify:
    async def run(scope: Scope = EVERYTHING) -> Verified:
        return await verify(settings, scope, calendar=calendar or Calendar.load(), clock=SystemClock())

    return run
