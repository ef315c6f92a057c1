"""How far processing is behind the log, as far as can be seen from the read side.

A quiet log is not a stale one: lag is the time that the oldest record which isn't processed has been waiting.
"""

from collections import deque
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TypeAlias

LogPartition: TypeAlias = tuple[str, int]
"""A topic's base name and a partition number."""


class LagWatch:
    """Compares the ends of the log with the offsets that are processed, again and again.

    An end seen at some instant was appended by then, so waiting is measured from the first observation that saw it: a
    backlog from before the first observation counts from that one.
    """

    def __init__(self, *, stale_after: timedelta) -> None:
        self._stale_after = stale_after
        self._waiting: dict[LogPartition, deque[tuple[datetime, int]]] = {}
        self._backlog = 0
        self._first_at: datetime | None = None
        self._observed_at: datetime | None = None

    def observe(self, now: datetime, ends: Mapping[LogPartition, int], processed: Mapping[LogPartition, int]) -> None:
        """`ends` are the offsets after the last record, `processed` the next offsets to be read (0 if absent)."""
        self._first_at = self._first_at or now
        self._observed_at = now
        self._backlog = 0
        for partition, end in ends.items():
            done = processed.get(partition, 0)
            waiting = self._waiting.setdefault(partition, deque())
            if end > (waiting[-1][1] if waiting else done):
                waiting.append((now, end))
            while waiting and waiting[0][1] <= done:
                waiting.popleft()
            self._backlog += max(0, end - done)

    @property
    def backlog_records(self) -> int | None:
        """Records not processed at the last observation; None before the first one."""
        return None if self._observed_at is None else self._backlog

    def lag_seconds(self, now: datetime) -> float | None:
        """How long the oldest record has been waiting, 0 when none is; None when the log hasn't been seen lately."""
        if self._observed_at is None or now - self._observed_at > self._stale_after:
            return None
        oldest = min((waiting[0][0] for waiting in self._waiting.values() if waiting), default=None)
        return 0.0 if oldest is None else max(0.0, (now - oldest).total_seconds())

    def is_stale(self, now: datetime) -> bool:
        """A record has been waiting for too long, or the log hasn't answered for that long."""
        lag = self.lag_seconds(now)
        return lag is None or lag > self._stale_after.total_seconds()
