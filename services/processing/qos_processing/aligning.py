"""Which parts of the batches that wait for one partition number go together into one transaction.

A case's events stand in several topics. Topics are read at a pace of their own, so in a backlog one topic's batch may
tell of last week and another's of today. Applied up to a common moment, a case is mostly read, judged and written once
instead of once for each topic. What is exact doesn't depend on it: any order gives the same results.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from heapq import merge
from itertools import islice

from qos_processing.ports import Batch

SMALL = 1_000
"""So few records in all aren't a backlog: nothing of them is left for later."""


def align(batches: Sequence[Batch], *, most: int) -> tuple[list[Batch], list[Batch]]:
    """(what goes together now, what of it remains for later) of batches of one partition number, each of another topic.

    Now: all that was appended up to the moment at which the first of the batches ends, so that at least one goes whole;
    but no more than `most` records (at least 1), the earliest of them. Offsets of what remains follow those of what
    goes.
    """
    filled = [batch for batch in batches if batch.records]
    total = sum(len(batch.records) for batch in filled)
    counts = [len(batch.records) for batch in batches]
    if len(filled) > 1 and total > SMALL:
        moment = min(batch.records[-1].appended_ms for batch in filled)
        counts = [bisect_right(batch.records, moment, key=lambda record: record.appended_ms) for batch in batches]
    if sum(counts) > most:
        counts = _earliest(batches, counts, most)
    now: list[Batch] = []
    later: list[Batch] = []
    for batch, count in zip(batches, counts, strict=True):
        if count == len(batch.records):
            now.append(batch)
        elif count == 0:
            later.append(batch)
        else:
            cut = batch.records[count - 1].offset + 1
            now.append(replace(batch, next_offset=cut, records=batch.records[:count]))
            later.append(replace(batch, fetched_from=cut, records=batch.records[count:]))
    return now, later


def _earliest(batches: Sequence[Batch], counts: Sequence[int], most: int) -> list[int]:
    """How many records of each batch are among the first `most`. A producer's batch has one time for all its records,
    so a moment alone wouldn't part them."""
    taken = Counter(number for _, number in islice(merge(*map(_times, range(len(batches)), batches, counts)), most))
    return [taken[number] for number in range(len(batches))]


def _times(number: int, batch: Batch, count: int) -> Iterable[tuple[int, int]]:
    return ((record.appended_ms, number) for record in islice(batch.records, count))
