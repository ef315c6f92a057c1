"""The SQL of the offsets at which results stand: what a worker, the leader and the transport's checks ask for."""

from datetime import datetime

from qos_processing.transactions import Connection

_OFFSET = """
    SELECT o.next_offset FROM partition_state s JOIN partition_offsets o USING (generation, partition)
    WHERE s.partition = $1 AND s.live AND o.topic = $2 FOR SHARE
"""
_APPENDED_BEFORE = """
    SELECT o.last_appended_at FROM partition_state s JOIN partition_offsets o USING (generation, partition)
    WHERE s.partition = $1 AND s.live AND o.topic = $2 AND o.next_offset = $3
"""
_OFFSETS = """
    SELECT o.topic, o.partition, o.next_offset
    FROM partition_state s JOIN partition_offsets o USING (generation, partition) WHERE s.live
"""


async def stored_offset(connection: Connection, partition: int, topic: str) -> int | None:
    """The offset stored for the topic, once no transaction that could move it is under way any more."""
    # Asked again for the same reason as in `lock`.
    for _ in range(2):
        offset: int | None = await connection.fetchval(_OFFSET, partition, topic)
        if offset is not None:
            return offset
    return None


async def appended_before(connection: Connection, partition: int, topic: str, *, offset: int) -> datetime | None:
    """When the last record before this offset was appended; None unless it is the offset that is stored."""
    at: datetime | None = await connection.fetchval(_APPENDED_BEFORE, partition, topic, offset)
    return at


async def stored_offsets(connection: Connection) -> dict[tuple[str, int], int]:
    """The offsets of all topics (base names) and partitions, as they are committed."""
    return {(topic, partition): offset for topic, partition, offset in await connection.fetch(_OFFSETS)}
