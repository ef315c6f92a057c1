"""What a topic partition has lost, and what of it can be made again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from qos_domain.events import Event

LogPosition = tuple[str, int]
"""(topic's base name, partition number)"""


class Stored(NamedTuple):
    """The offset that the results stand at, and when the last record before it was appended."""

    next_offset: int
    last_appended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Finding:
    """One topic partition (its base name), compared from its beginning to `end` with what the results hold.

    `events` are held by the results and not by the log. Workers have to go on at `go_on_at`, the first record that the
    results don't hold; the record before it was appended at `appended_before`. `refused` dead letters are of records
    that the log doesn't hold any more. `conflicts` events came with two contents, one of which is lost. The first
    record that the results don't hold was appended at `unknown_since`, if there is one.
    """

    topic: str
    partition: int
    stored: Stored
    end: int
    go_on_at: int
    appended_before: datetime | None
    events: Sequence[Event]
    refused: int
    conflicts: int
    unknown_since: datetime | None

    @property
    def lost(self) -> int:
        """How many offsets that the results tell of are cut off; they may be in use again."""
        return max(0, self.stored.next_offset - self.go_on_at)

    @property
    def repeats(self) -> int:
        """How many of them held nothing new when they were processed: an event that had come before."""
        return max(0, self.lost - len(self.events) - self.refused)

    @property
    def whole(self) -> bool:
        """The log has lost nothing that the results tell of."""
        return not self.events and not self.lost

    def told(self) -> str:
        """For people: what is lost, what comes back, what doesn't."""
        place = f"{self.topic}-{self.partition}"
        if self.whole:
            return f"{place}: the log holds all that the results tell of, up to offset {self.stored.next_offset:,}."
        lines = [
            f"{place}: the log goes on at offset {self.go_on_at:,}, the results stand at {self.stored.next_offset:,}:"
            f" {self.lost:,} offsets are lost.",
            f"  {len(self.events):,} events are known from the results and go back into the log.",
        ]
        if self.refused:
            lines.append(
                f"  {self.refused:,} records were refused when they came: they stay dead letters, for 30 days."
            )
        if self.repeats:
            lines.append(f"  {self.repeats:,} repeated an event that had come before.")
        if self.conflicts:
            lines.append(
                f"  {self.conflicts:,} events came with two contents, and only the one that counts is known: results go"
                " on marking the conflict, a rebuild would not."
            )
        lines.append(
            f"  What was appended {self._window()} and not processed yet is not known: sources must send it again."
        )
        return "\n".join(lines)

    def _window(self) -> str:
        since, until = self.stored.last_appended_at, self.unknown_since
        begin = "" if since is None else f"after {since.isoformat(timespec='milliseconds')} and "
        return begin + ("before now" if until is None else f"before {until.isoformat(timespec='milliseconds')}")
