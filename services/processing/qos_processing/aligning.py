"""Which parts of the batches that wait for one partition number go together into one transaction.

A case's events stand in several topics. Topics are read at a pace of their own, so in a backlog one topic's batch may
tell of last week and another's of today. Applied up to a common moment, a case is mostly read, judged and written once
instead of once for each topic. What is exact doesn't depend on it: any order gives the same results.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace

from qos_processing.ports import Batch

SMALL = 1_000
"""So few records in all aren't a backlog: nothing of them is left for later."""


def align(batches: Sequence[Batch]) -> tuple[list[Batch], list[Batch]]:
    """(what goes together now, what of it remains for later) of batches of one partition number, each of another topic.

    Now: all that was appended up to the moment at which the first of the batches ends, so that at least one goes whole.
    Offsets of what remains follow those of what goes.
    """
    filled = [batch for batch in batches if batch.records]
    if len(filled) < 2 or sum(len(batch.records) for batch in filled) <= SMALL:
        return list(batches), []
    moment = min(batch.records[-1].appended_ms for batch in filled)
    now: list[Batch] = []
    later: list[Batch] = []
    for batch in batches:
        count = bisect_right(batch.records, moment, key=lambda record: record.appended_ms)
        if count == len(batch.records):
            now.append(batch)
        elif count == 0:
            later.append(batch)
        else:
            cut = batch.records[count - 1].offset + 1
            now.append(replace(batch, next_offset=cut, records=batch.records[:count]))
            later.append(replace(batch, fetched_from=cut, records=batch.records[count:]))
    return now, later
