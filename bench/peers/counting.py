"""What every peer does around its reading: count for a time, then say how many, as one line of JSON."""

import asyncio
import json
import sys
from time import monotonic

# What a peer does before its first record (joining a group, connecting) isn't what is compared.
_FIRST_WITHIN_SECONDS = 60.0
_NOTHING_MORE_SECONDS = 2.0
_LOOK_EVERY_SECONDS = 0.05


class Count:
    """Events since the first one was seen. A reader that never waits calls `add` and asks `enough` itself."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._began = 0.0
        self._last_at = monotonic()
        self._events = 0

    def add(self, events: int) -> None:
        """So many more; the first ones start the clock and aren't counted."""
        now = monotonic()
        if self._began:
            self._events += events
        else:
            self._began = now
        self._last_at = now

    @property
    def enough(self) -> bool:
        """Whether the time is over, or nothing more comes. Raises TimeoutError when nothing ever came."""
        now = monotonic()
        if self._began:
            return now - self._began >= self._seconds or now - self._last_at > _NOTHING_MORE_SECONDS
        if now - self._last_at > _FIRST_WITHIN_SECONDS:
            raise TimeoutError("not one record arrived")
        return False

    async def wait(self) -> None:
        """Return when it is enough."""
        while not self.enough:  # noqa: ASYNC110  time passes, nobody sets an event
            await asyncio.sleep(_LOOK_EVERY_SECONDS)

    def report(self) -> None:
        """Print how many in how many seconds, as one line of JSON."""
        seconds = round(self._last_at - self._began, 3)
        sys.stdout.write(json.dumps({"events": self._events, "seconds": seconds}) + "\n")
        sys.stdout.flush()
