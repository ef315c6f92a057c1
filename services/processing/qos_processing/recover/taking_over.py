"""The end of a recovery: what was built becomes the live generation, in one transaction."""

from collections.abc import Mapping
from uuid import UUID

import msgspec

from qos_processing.rebuild import generations
from qos_processing.rebuild.swap import TOUCH_ALL
from qos_processing.transactions import Connection

_TOPIC_IDS = """
    UPDATE partition_offsets o SET topic_id = n.topic_id FROM unnest($2::text[], $3::uuid[]) AS n (topic, topic_id)
    WHERE o.generation = $1 AND o.topic = n.topic
"""
_STATES = "UPDATE partition_state SET live = true, revision = 1, updated_at = now() WHERE generation = $1"
_LIVE = "UPDATE generations SET status = 'live' WHERE generation = $1"
_FINISHED = "UPDATE recoveries SET finished_at = now(), report = $1::jsonb WHERE finished_at IS NULL"


async def take_over(
    session: Connection, *, former: int, new: int, topic_ids: Mapping[str, UUID], report: object
) -> None:
    """Make `new` live, with the topics' ids by base name, and drop `former`. Workers may start from now on."""
    async with session.transaction():
        await session.execute(_TOPIC_IDS, new, list(topic_ids), list(topic_ids.values()))
        await session.execute(TOUCH_ALL, new)
        await session.execute(_STATES, new)
        await session.execute("DELETE FROM rebuild_shares WHERE generation = $1", new)
        await session.execute(_LIVE, new)
        await session.execute(_FINISHED, msgspec.json.encode(report).decode())
    await generations.drop(session, former)
