"""A recovery from its beginning to its end: an empty database gets what the lost one had."""

from datetime import timedelta
from uuid import UUID

from aiokafka.errors import KafkaError
from prometheus_client import CollectorRegistry

from qos_domain.calendar import Calendar
from qos_domain.errors import TransientFailure
from qos_domain.events import INPUT_TOPICS
from qos_processing.decisions import DecisionFollower
from qos_processing.log_shares import reading, shares
from qos_processing.outbox import fencing_producer
from qos_processing.outgoing import Outgoing
from qos_processing.rebuild import generations
from qos_processing.rebuild.filling import Options, Progress, load_all, verify_sample
from qos_processing.rebuild.loading import Forgotten, Target
from qos_processing.rebuild.rebuilding import alone
from qos_processing.recover import beginning
from qos_processing.recover.announcements import Heard, restore_announcements, restore_retracted
from qos_processing.recover.letters import count_letters, restore_letters
from qos_processing.recover.levels import Levels, restore_levels
from qos_processing.recover.publications import Publications, restore_publications
from qos_processing.recover.reading import own_topic
from qos_processing.recover.report import Recovered
from qos_processing.recover.taking_over import take_over
from qos_processing.retention import DEAD_LETTERS_KEPT
from qos_processing.topic_ids import topic_ids
from qos_processing.transactions import Connection, Transactions
from qos_runtime.clock import Clock
from qos_runtime.kafka import admin_client
from qos_runtime.logging import get_logger
from qos_runtime.postgres import create_pool
from qos_runtime.settings import RuntimeSettings
from qos_runtime.topics import DEAD_LETTERS, PUBLICATIONS, QOS_LEVELS, SLA_EVENTS, TOPICS, require_topics

log = get_logger(__name__)

_ANNOUNCEMENTS_KEPT = timedelta(milliseconds=next(topic.retention_ms for topic in TOPICS if topic.name == SLA_EVENTS))
PATIENCE_SECONDS = 30


class Recovery:
    """One recovery. Any step may fail or be killed: no worker can write until one has ended, and the next one clears
    away what was left and begins afresh.
    """

    def __init__(
        self, settings: RuntimeSettings, *, calendar: Calendar, clock: Clock, options: Options, progress: Progress
    ) -> None:
        self._settings = settings
        self._calendar = calendar
        self._clock = clock
        self._options = options
        self._progress = progress
        self._outgoing = Outgoing(settings.event_type_prefix)

    async def run(self) -> Recovered:
        """Fill the database.

        Raises TopicsNotReady, RecoveryRefused and AlreadyRebuilding before anything is begun; RebuildFailed (also
        where the log has lost its beginning) and TransientFailure later.
        """
        async with admin_client(self._settings, client_id="qos-recover") as admin:
            await require_topics(admin, self._settings, TOPICS)
        async with alone(self._settings) as session:
            former = await beginning.begin(session)
            await fence(self._settings)
            heard = await self._hear(session, former)
            await self._letters(session)
            async with own_topic(self._settings, QOS_LEVELS, self._progress) as topic:
                levels = await restore_levels(session, topic, self._outgoing)
            async with own_topic(self._settings, PUBLICATIONS, self._progress) as topic:
                prefix = self._settings.event_type_prefix
                publications = await restore_publications(session, topic, type_prefix=prefix)
            return await self._build(session, former, heard, levels, publications)

    async def _hear(self, session: Connection, former: int) -> Heard:
        async with own_topic(self._settings, SLA_EVENTS, self._progress) as topic:
            return await restore_announcements(
                session, topic, former=former, outgoing=self._outgoing, calendar=self._calendar
            )

    async def _letters(self, session: Connection) -> None:
        async with own_topic(self._settings, DEAD_LETTERS, self._progress) as topic:
            await restore_letters(session, topic, self._clock)
        pool = await create_pool(self._settings.database_url, application_name="qos-recover", max_size=1)
        try:
            transactions = Transactions(pool, patience_seconds=PATIENCE_SECONDS, registry=CollectorRegistry())
            await DecisionFollower(transactions, self._settings).catch_up()
        finally:
            await pool.close()

    async def _build(
        self, session: Connection, former: int, heard: Heard, levels: Levels, publications: Publications
    ) -> Recovered:
        ids = await topic_ids(self._settings, {self._settings.topic(name) for name in INPUT_TOPICS})
        known, _ = await count_letters(session)
        new = await generations.begin(session, self._settings.partitions, self._calendar)
        async with reading(self._settings, client_id="qos-recover") as records:
            wanted = shares(await records.ends(), at_once=self._options.at_once)
        await generations.plan(session, new, wanted)
        target = Target(generation=new, live=former, calendar=self._calendar.data, forgotten=self._forgotten(heard))
        await load_all(session, self._settings, target, wanted, self._options, self._progress)
        self._progress("building indexes", 0, 1)
        refused = await generations.loaded(session, new, wanted)
        await restore_retracted(session, new, heard.retracted)
        self._progress("building indexes", 1, 1)
        await verify_sample(session, new, self._calendar, self._progress)
        letters, settled = await count_letters(session)
        recovered = Recovered(
            generation=new,
            records=sum(share.records for share in wanted if share.part == 0),
            refused=refused,
            cases=await session.fetchval(f"SELECT count(*) FROM cases_g{new}"),  # noqa: S608 - our own name
            announced=heard.cases,
            presumed=len(heard.forgetful),
            retracted=heard.retracted.total(),
            assessed=levels.assessed,
            settled_levels=levels.settled,
            dead_letters=letters,
            settled=settled,
            unpublished=letters - known,
            publications=publications.restored,
            incomplete=publications.incomplete,
        )
        by_name: dict[str, UUID] = {name: ids[self._settings.topic(name)] for name in INPUT_TOPICS}
        await take_over(session, self._calendar, former=former, new=new, topic_ids=by_name, report=recovered)
        log.info("database_recovered", generation=new, records=recovered.records, cases=recovered.cases)
        return recovered

    def _forgotten(self, heard: Heard) -> Forgotten:
        now = self._clock.now()
        return Forgotten(
            presumed_from=now - _ANNOUNCEMENTS_KEPT,
            partitions=heard.forgetful,
            # A time: it grows from one loss to the next, and no case has had so many announcements.
            number=int(now.timestamp() // 60),
            refused_since=now - DEAD_LETTERS_KEPT,
        )


async def fence(settings: RuntimeSettings) -> None:
    """A publisher of the database that was, if it still lives, must not write any more."""
    producer = fencing_producer(settings)
    try:
        await producer.start()
    except KafkaError as error:
        raise TransientFailure(f"the broker does not let us publish ({type(error).__name__})") from error
    finally:
        await producer.stop()
