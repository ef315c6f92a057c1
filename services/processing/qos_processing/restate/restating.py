"""Restates a published month: what differs today is recorded beside what was published, with its causes."""

from collections.abc import Sequence
from dataclasses import dataclass

from qos_domain.attribution import Shifts, ThenAndNow
from qos_domain.contributions import LOGIC_VERSION
from qos_domain.facts import NO_FACTS
from qos_domain.periods import Month
from qos_domain.publication import ProcedureInputs
from qos_domain.publication_events import PublicationCompleted, PublicationLineage
from qos_domain.registry import History, VersionName
from qos_domain.restatement import Cause
from qos_processing import postgres_publications, rulebooks
from qos_processing.log_shares import LogReader, reading
from qos_processing.outgoing import Outgoing
from qos_processing.publish.publishing import PORTION, Rules, portions
from qos_processing.publish.refusals import BeingRejudged, NeverPublished
from qos_processing.publish.session import Outbox, Progress, alone, live, writing
from qos_processing.publish.snapshot import MonthSnapshot, Registered, Taken
from qos_processing.restate.cases import CaseReader
from qos_processing.restate.late_facts import LateFacts, read_late_facts
from qos_processing.restate.recording import Compared, Recorder
from qos_processing.restate.stating import ProcedureThenAndNow, Stating
from qos_processing.restate.then import rules_of, same_log
from qos_processing.transactions import Connection, Transactions
from qos_runtime.clock import Clock
from qos_runtime.logging import get_logger
from qos_runtime.settings import RuntimeSettings

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RestatedMonth:
    """What a restatement of a month came to. `scopes` were compared; `differing` of them differ today, by cause (a
    scope with several counts under each); `recorded` restatements are new. `attributable`: the log is the one that the
    publication was taken from, so late events and a changed registry can be told apart.
    """

    publication_id: str
    period: str
    scopes: int
    differing: int
    causes: dict[Cause, int]
    recorded: int
    attributable: bool


class Restating:
    """One run, over one month or over all that were published."""

    def __init__(self, settings: RuntimeSettings, rules: Rules, clock: Clock, progress: Progress) -> None:
        self._settings = settings
        self._rules = rules
        self._clock = clock
        self._progress = progress

    async def run(self, asked: Month | None) -> list[RestatedMonth]:
        """Restate the month asked for, else every published one, if there is any.

        Raises PublicationRefused (NeverPublished) before anything is begun; NoLiveGeneration, OtherLogic, LogMismatch,
        TransientFailure: what is recorded until then stands, and the next run goes on.
        """
        url = self._settings.database_url
        async with (
            alone(url, application_name="qos-restate") as session,
            writing(url, application_name="qos-restate") as transactions,
            session.transaction(isolation="repeatable_read", readonly=True),
        ):
            generation = await live(session)
            await rulebooks.check_live(session, self._rules.calendar)
            periods = await postgres_publications.published_periods(session)
            if asked is not None and asked.name not in periods:
                raise NeverPublished(asked.name, periods)
            results = []
            for period in periods if asked is None else [asked.name]:
                publication = await postgres_publications.published(session, period)
                if publication is not None:
                    then = await rules_of(session, publication, self._rules)
                    restating = _Month(
                        self._settings, self._rules, then, self._clock, session, generation, transactions, publication
                    )
                    results.append(await restating.run(self._progress))
            return results


class _Month:
    """One published month."""

    def __init__(
        self,
        settings: RuntimeSettings,
        rules: Rules,
        rules_then: Rules,
        clock: Clock,
        session: Connection,
        generation: int,
        transactions: Transactions,
        publication: PublicationCompleted,
    ) -> None:
        self._settings = settings
        self._rules = rules
        self._session = session
        self._transactions = transactions
        self._publication = publication
        self._month = Month.named(publication.period)
        self._calendar_then = rules_then.calendar
        criteria_then = rules_then.criteria
        self._snapshot = MonthSnapshot(session, generation, self._month, rules.criteria)
        self._snapshot_then = (
            self._snapshot
            if criteria_then.version == rules.criteria.version
            else MonthSnapshot(session, generation, self._month, criteria_then)
        )
        self._stating = Stating(self._month, criteria_then=criteria_then, criteria=rules.criteria)
        self._cases = CaseReader(session, generation)
        self._recorder = Recorder(
            session,
            transactions,
            Outbox(settings, clock),
            Outgoing(settings.event_type_prefix),
            clock.now(),
        )
        self._together = Shifts()
        self._late_events = 0

    async def run(self, progress: Progress) -> RestatedMonth:
        if rejudging := await self._snapshot.rejudging():
            raise BeingRejudged(len(rejudging))
        taken = await self._snapshot.taken()
        attributable = same_log(self._publication.positions, taken.positions)
        partitions = await self._snapshot.procedures()
        ids = await postgres_publications.statement_ids(self._session, self._publication.publication_id, "procedure")
        by_partition: dict[int, list[str]] = {}
        for procedure_id in ids:
            by_partition.setdefault(partitions.get(procedure_id, 0), []).append(procedure_id)
        for position in taken.positions:
            by_partition.setdefault(position.partition, [])
        step = f"restating {self._month.name}"
        done = 0
        async with reading(self._settings, client_id="qos-restate") as log_reader:
            for partition, published in sorted(by_partition.items()):
                late = await self._late(log_reader, partition, taken, progress) if attributable else LateFacts()
                for portion in portions(self._concerned(published, late, partitions, partition), PORTION):
                    await self._procedures(portion, late, taken, partition, attributable=attributable)
                done += len(published)
                progress(step, done, len(ids) + 1)
        await self._several(taken, attributable=attributable)
        progress(step, len(ids) + 1, len(ids) + 1)
        found = self._recorder
        log.info("month_restated", period=self._month.name, differing=found.differing, recorded=found.recorded)
        return RestatedMonth(
            publication_id=self._publication.publication_id,
            period=self._month.name,
            scopes=found.scopes,
            differing=found.differing,
            causes=dict(found.causes),
            recorded=found.recorded,
            attributable=attributable,
        )

    async def _late(self, reader: LogReader, partition: int, taken: Taken, progress: Progress) -> LateFacts:
        until = taken.of(partition)
        then = {each.topic: each.next_offset for each in self._publication.positions if each.partition == partition}
        positions = {topic: then.get(topic, 0) for topic in until}
        total, read = 2 * sum(until.values()), 0

        def count(records: int) -> None:
            nonlocal read
            read += records
            progress(f"reading the log of partition {partition}", read, total)

        return await read_late_facts(reader, partition, positions, until, progress=count)

    def _concerned(
        self, published: Sequence[str], late: LateFacts, partitions: dict[str, int], partition: int
    ) -> list[str]:
        """The published procedures, and those whose cases count in the sums of several all the same."""
        others = late.procedures
        if self._calendar_then.version != self._rules.calendar.version:
            others = others | {name for name, number in partitions.items() if number == partition}
        return sorted({*published, *others})

    async def _procedures(
        self, ids: Sequence[str], late: LateFacts, taken: Taken, partition: int, *, attributable: bool
    ) -> None:
        published = await postgres_publications.statements(
            self._session, self._publication.publication_id, "procedure", ids
        )
        now = await self._snapshot.registered(ids)
        then = now if self._snapshot_then is self._snapshot else await self._snapshot_then.registered(ids)
        found: list[Compared] = []
        for id_ in ids:
            registered = now.get(id_)
            history = History.of(NO_FACTS) if registered is None else registered.history
            history_then = history
            if id_ in late.registered_later:
                history_then = History.of(late.registry_then.get(id_, NO_FACTS))
            by = ThenAndNow(history_then, history, self._calendar_then, self._rules.calendar)
            shifts = await self._cases.shifts(id_, by, late)
            self._together.include(shifts)
            count = late.count(id_)
            self._late_events += count
            said = published.get(id_)
            if said is None or registered is None:
                continue
            steps = self._stating.procedure(
                ProcedureThenAndNow(
                    published=said,
                    inputs=registered.inputs,
                    inputs_by_criteria_then=_inputs(then, id_, registered),
                    shifts=shifts,
                    history_then=history_then,
                )
            )
            version = registered.inputs.version
            lineage = self._lineage(
                None if version is None else version.name,
                positions=taken.of(partition),
                taken=taken,
                partition=partition,
            )
            found.append(Compared(said, steps, lineage, count if attributable else None))
        await self._recorder.record(self._publication.publication_id, "procedure", found)

    async def _several(self, taken: Taken, *, attributable: bool) -> None:
        """Organisations, and everything."""
        name = self._publication.publication_id
        lineage = self._lineage(None, positions={}, taken=taken, partition=None)
        ids = await postgres_publications.statement_ids(self._session, name, "organisation")
        for portion in portions(ids, PORTION // 10):
            published = await postgres_publications.statements(self._session, name, "organisation", portion)
            buckets = await self._snapshot.of_organisations(portion)
            found = []
            for id_, said in sorted(published.items()):
                shifts = Shifts()
                shifts.include(self._together, id_)
                found.append(Compared(said, self._stating.scope(said, buckets[id_], shifts), lineage, None))
            await self._recorder.record(name, "organisation", found)
        everything = await postgres_publications.statements(self._session, name, "all", ("",))
        said = everything[""]
        steps = self._stating.scope(said, await self._snapshot.of_everything(), self._together)
        late_events = self._late_events if attributable else None
        await self._recorder.record(name, "all", [Compared(said, steps, lineage, late_events)])

    def _lineage(
        self, registry: VersionName | None, *, positions: dict[str, int], taken: Taken, partition: int | None
    ) -> PublicationLineage:
        return PublicationLineage(
            criteria=self._rules.criteria.version,
            calendar=self._rules.calendar.version,
            registry=registry,
            logic_version=LOGIC_VERSION,
            positions=positions,
            processed_until=taken.newest if partition is None else taken.processed_until.get(partition),
        )


def _inputs(then: dict[str, Registered], id_: str, registered: Registered) -> ProcedureInputs:
    return then[id_].inputs if id_ in then else registered.inputs
