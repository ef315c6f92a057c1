"""What became of each event: the answers, as they stand in a response."""

from collections.abc import Sequence
from typing import TypeAlias

from msgspec import Struct

from qos_intake.problems import Problem


class _Result(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="status", gc=False):
    """`index` counts the events of a batch from 0; `row` is the line of a file, counted from 1. A single event has
    neither."""

    index: int | None = None
    row: int | None = None


class Accepted(_Result, frozen=True, kw_only=True, tag="accepted", gc=False):
    """Kafka has it, at this place. Sent again with the same id it changes nothing."""

    id: str
    topic: str
    partition: int
    offset: int


class Rejected(_Result, frozen=True, kw_only=True, tag="rejected"):
    """It can't be accepted as it is. `id` is there when the event could be read."""

    problem: Problem
    id: str | None = None


class Unavailable(_Result, frozen=True, kw_only=True, tag="unavailable"):
    """It was good, but Kafka did not acknowledge: send it again with the same id."""

    id: str
    problem: Problem


Result: TypeAlias = Accepted | Rejected | Unavailable


class Unread(Struct, frozen=True, kw_only=True):
    """From this row on the file was not read, and why. What stands before it has been answered."""

    from_row: int
    problem: Problem


class Answer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer to several events: how many of each, and one result for each, in their order."""

    accepted: int
    rejected: int
    unavailable: int
    results: Sequence[Result]
    unread: Unread | None = None

    @classmethod
    def of(cls, results: Sequence[Result], unread: Unread | None = None) -> "Answer":
        accepted = sum(type(each) is Accepted for each in results)
        rejected = sum(type(each) is Rejected for each in results)
        unavailable = len(results) - accepted - rejected
        return cls(accepted=accepted, rejected=rejected, unavailable=unavailable, results=results, unread=unread)
