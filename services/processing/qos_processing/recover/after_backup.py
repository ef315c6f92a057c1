"""After PostgreSQL was restored from a backup: what was said since is read back, so that it isn't said again.

Results need nothing: their offsets are as old as they are, and workers go on from there. But what was announced since
would be announced once more, under numbers that mean something else by now.
"""

from dataclasses import dataclass

from qos_domain.calendar import Calendar
from qos_processing import postgres
from qos_processing.rebuild import generations
from qos_processing.rebuild.filling import Progress
from qos_processing.rebuild.rebuilding import alone
from qos_processing.recover.announcements import Heard, hear, restore_retracted, update_announced
from qos_processing.recover.levels import restore_levels
from qos_processing.recover.publications import restore_publications
from qos_processing.recover.reading import own_topic
from qos_processing.recover.recovering import fence
from qos_processing.transactions import Connection
from qos_runtime.kafka import admin_client
from qos_runtime.settings import RuntimeSettings
from qos_runtime.topics import PUBLICATIONS, QOS_LEVELS, SLA_EVENTS, TOPICS, require_topics

# What waited when the backup was made was sent long ago. An assessment that is sent after a later one would be the one
# that the compacted topic keeps.
_OUTDATED = """
    DELETE FROM outbox o USING levels l
    WHERE o.topic = 'qos-levels' AND convert_from(o.key, 'UTF8') = l.procedure_id
        AND substring(o.event_id FROM '[0-9]+$')::bigint < l.revision
"""


@dataclass(frozen=True, slots=True)
class ReadBack:
    """Of how many cases more was announced than the backup knew, of how many procedures it had an older assessment, and
    how many publications it lacked.
    """

    cases: int
    assessments: int
    publications: int

    def lines(self) -> list[str]:
        """For people."""
        return [
            f"Announcements: of {self.cases:,} cases more was said than the backup knew.",
            f"Levels: {self.assessments:,} assessments are later than the backup's.",
            f"Publications: {self.publications:,} were made since the backup.",
            "Start the workers; then `qos verify --everything --log`.",
        ]


async def read_back(settings: RuntimeSettings, *, calendar: Calendar, progress: Progress) -> ReadBack:
    """Move on what the live generation knows of announcements, retractions and levels. May be repeated at will.

    Raises TopicsNotReady, AlreadyRebuilding, NoLiveGeneration, TransientFailure.
    """
    async with admin_client(settings, client_id="qos-recover") as admin:
        await require_topics(admin, settings, TOPICS)
    async with alone(settings) as session:
        live = await generations.live_number(session)
        await fence(settings)
        cases, heard = 0, Heard()
        async with own_topic(settings, SLA_EVENTS, progress) as topic:
            portions = hear(topic, heard, type_prefix=settings.event_type_prefix, calendar=calendar)
            async for partition, announced in portions:
                async with session.transaction():
                    await _lock(session, partition)
                    cases += await update_announced(session, live, partition, announced)
        await restore_retracted(session, live, heard.retracted)
        async with own_topic(settings, QOS_LEVELS, progress) as topic:
            levels = await restore_levels(session, topic)
        await session.execute(_OUTDATED)
        async with own_topic(settings, PUBLICATIONS, progress) as topic:
            publications = await restore_publications(session, topic, type_prefix=settings.event_type_prefix)
    return ReadBack(cases, levels.assessed, publications.restored)


async def _lock(session: Connection, partition: int) -> None:
    """Where nothing was ever processed there is nothing to lock, and no worker runs."""
    await postgres.lock(session, partition)
