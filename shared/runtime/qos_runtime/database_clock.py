"""PostgreSQL's clock, which all processes share: a machine whose own clock is off says nothing wrong."""

import asyncio
from datetime import UTC, datetime, timedelta
from time import monotonic

from prometheus_client import CollectorRegistry

from qos_domain.errors import TransientFailure
from qos_runtime.clock import Clock, SystemClock
from qos_runtime.logging import get_logger
from qos_runtime.metric_defs import CLOCK_SKEW
from qos_runtime.postgres import DatabaseError, Pool

_log = get_logger(__name__)
_READ_SECONDS = 5.0
_MOST_SKEW_SECONDS = 30.0


class DatabaseClock:
    """Reads PostgreSQL's time now and then, and counts on with the monotonic clock, which no setting of the time moves.

    It is never ahead of PostgreSQL's, and behind it by the time that the answer took at most. Not to be asked before
    `read` returned once. How far the machine's own clock is from it is a metric, and a warning from half a minute on.
    """

    def __init__(
        self, pool: Pool, *, registry: CollectorRegistry, own: Clock | None = None, every_seconds: float = 10.0
    ) -> None:
        self._pool = pool
        self._own = own or SystemClock()
        self._every_seconds = every_seconds
        self._skew = CLOCK_SKEW.gauge(registry)
        self._read: tuple[datetime, float] | None = None
        self._off = False

    def now(self) -> datetime:
        """An aware instant in UTC."""
        if self._read is None:
            raise RuntimeError("PostgreSQL's clock was not read yet")
        at, when = self._read
        return at + timedelta(seconds=monotonic() - when)

    async def read(self) -> None:
        """Ask PostgreSQL for the time. Raises TransientFailure when it doesn't answer."""
        try:
            at: datetime = await self._pool.fetchval("SELECT clock_timestamp()", timeout=_READ_SECONDS)
        except (TimeoutError, *DatabaseError) as error:
            raise TransientFailure(f"PostgreSQL did not tell the time ({type(error).__name__})") from error
        # As if it had been read only now: a time that is a little late announces nothing that hasn't happened.
        self._read = (at.astimezone(UTC), monotonic())
        self._compare((self._own.now() - self.now()).total_seconds())

    async def run(self) -> None:
        """Read again and again, for ever. While PostgreSQL is away the clock goes on by itself."""
        while True:
            await asyncio.sleep(self._every_seconds)
            try:
                await self.read()
            except TransientFailure as error:
                _log.warning("clock_not_read", error=str(error))

    def _compare(self, skew_seconds: float) -> None:
        self._skew.set(skew_seconds)
        off = abs(skew_seconds) > _MOST_SKEW_SECONDS
        if off and not self._off:
            _log.warning("clock_off", skew_seconds=round(skew_seconds, 1))
        elif self._off and not off:
            _log.info("clock_right_again", skew_seconds=round(skew_seconds, 1))
        self._off = off
