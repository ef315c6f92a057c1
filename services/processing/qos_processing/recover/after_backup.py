"""After PostgreSQL was restored from a backup: what was said since is read back before anybody says anything.

Results need nothing: their offsets are as old as they are, and workers go on from there. Announcements and levels are
read back by the worker that leads, too (`recall`); publications only here.
"""

from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from qos_domain.calendar import Calendar
from qos_processing.outgoing import Outgoing
from qos_processing.rebuild import generations
from qos_processing.rebuild.filling import Progress
from qos_processing.rebuild.rebuilding import alone
from qos_processing.recall import Recall
from qos_processing.recover.publications import restore_publications
from qos_processing.recover.reading import own_topic
from qos_processing.recover.recovering import PATIENCE_SECONDS, fence
from qos_processing.transactions import Transactions
from qos_runtime.kafka import admin_client
from qos_runtime.postgres import create_pool
from qos_runtime.settings import RuntimeSettings
from qos_runtime.topics import PUBLICATIONS, TOPICS, require_topics


@dataclass(frozen=True, slots=True)
class ReadBack:
    """How many messages of announcements and levels the backup didn't know, and how many publications it lacked."""

    messages: int
    publications: int

    def lines(self) -> list[str]:
        """For people."""
        return [
            f"Announcements and levels: {self.messages:,} messages say more than the backup knew.",
            f"Publications: {self.publications:,} were made since the backup.",
            "Start the workers; then `qos verify --everything --log`.",
        ]


async def read_back(settings: RuntimeSettings, *, calendar: Calendar, progress: Progress) -> ReadBack:
    """Move on what the database knows of announcements, retractions, levels and publications. May be repeated at will.

    Raises TopicsNotReady, AlreadyRebuilding, NoLiveGeneration, OtherLogic, TransientFailure.
    """
    async with admin_client(settings, client_id="qos-recover") as admin:
        await require_topics(admin, settings, TOPICS)
    async with alone(settings) as session:
        await generations.live_number(session)
        await fence(settings)
        messages = await _recall(settings, calendar, progress)
        async with own_topic(settings, PUBLICATIONS, progress) as topic:
            publications = await restore_publications(session, topic, type_prefix=settings.event_type_prefix)
    return ReadBack(messages, publications.restored)


async def _recall(settings: RuntimeSettings, calendar: Calendar, progress: Progress) -> int:
    progress("reading what was said", 0, 1)
    pool = await create_pool(settings.database_url, application_name="qos-recover", max_size=1)
    try:
        transactions = Transactions(pool, patience_seconds=PATIENCE_SECONDS, registry=CollectorRegistry())
        outgoing = Outgoing(settings.event_type_prefix)
        messages = await Recall(transactions, settings, calendar=calendar, outgoing=outgoing).take_in()
    finally:
        await pool.close()
    progress("reading what was said", 1, 1)
    return messages
