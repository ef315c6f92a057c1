"""The swap: with all partition numbers locked, the new generation gets the rest and takes over, in one transaction."""

from qos_processing.announcing import IMMEDIATELY
from qos_processing.rebuild import generations
from qos_processing.rebuild.catching_up import CatchingUp
from qos_processing.rebuild.refusals import RebuildFailed
from qos_processing.transactions import Connection

# What was announced of a case is known to the new generation from the time of its loading; these are the cases of which
# more was announced since. The sweep looks at them at once, and mostly finds nothing to say.
_CARRY_ANNOUNCED = """
    UPDATE cases n SET announced = o.announced, announced_breach_date = o.announced_breach_date,
        announcements = o.announcements, next_announcement_at = $3
    FROM announced_during_rebuild a
    JOIN cases o ON o.generation = $1 AND o.procedure_id = a.procedure_id AND o.application_id = a.application_id
    WHERE n.generation = $2 AND n.procedure_id = a.procedure_id AND n.application_id = a.application_id
"""
_UNEQUAL_OFFSETS = """
    SELECT count(*) FROM (SELECT * FROM partition_offsets WHERE generation = $1) o
    FULL JOIN (SELECT * FROM partition_offsets WHERE generation = $2) n USING (partition, topic)
    WHERE o.next_offset IS DISTINCT FROM n.next_offset
"""
_HAND_OVER_OFFSETS = """
    UPDATE partition_offsets n
    SET topic_id = o.topic_id, last_appended_at = o.last_appended_at, processed_at = o.processed_at
    FROM partition_offsets o
    WHERE o.generation = $1 AND n.generation = $2 AND n.partition = o.partition AND n.topic = o.topic
"""
# Messages are numbered on: what waits in the outbox was written by the generation before.
_HAND_OVER_STATE = """
    UPDATE partition_state n SET live = true, outbox_seq = o.outbox_seq, revision = o.revision + 1, updated_at = now()
    FROM partition_state o WHERE o.generation = $1 AND n.generation = $2 AND n.partition = o.partition
"""
# All are assessed anew, and what is as it was is not told again. Revision 0: an assessment that is under way was made
# of the generation before, and must not count as the one that is wanted.
TOUCH_ALL = """
    INSERT INTO touched_procedures (generation, procedure_id, partition, revision)
    SELECT generation, procedure_id, partition, 0 FROM procedures WHERE generation = $1
    ON CONFLICT (generation, procedure_id) DO UPDATE SET revision = 0
"""


async def swap(session: Connection, catching_up: CatchingUp, *, live: int, new: int) -> int:
    """Let the new generation take over; how many records it still got under the locks.

    Workers wait meanwhile, readers don't: they see the one or the other. Raises RebuildFailed, LogMismatch,
    TransientFailure: then nothing has changed.
    """
    async with session.transaction():
        await generations.lock_all(session, live)
        applied = await catching_up.catch_up(live)
        if await session.fetchval(_UNEQUAL_OFFSETS, live, new):
            raise RebuildFailed("the generations do not stand at the same offsets")
        await session.execute(_CARRY_ANNOUNCED, live, new, IMMEDIATELY)
        await session.execute(_HAND_OVER_OFFSETS, live, new)
        await session.execute(_HAND_OVER_STATE, live, new)
        await session.execute(TOUCH_ALL, new)
        await session.execute("UPDATE partition_state SET live = false WHERE generation = $1", live)
        await session.execute("UPDATE generations SET status = 'old' WHERE generation = $1", live)
        await session.execute("UPDATE generations SET status = 'live' WHERE generation = $1", new)
        await session.execute("DELETE FROM rebuild_shares WHERE generation = $1", new)
        await session.execute("DELETE FROM announced_during_rebuild")
    return applied
