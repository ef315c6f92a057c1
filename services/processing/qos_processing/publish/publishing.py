"""Publishes a month: one snapshot, many short transactions, and a last one that makes all of it count."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from qos_domain.calendar import Calendar
from qos_domain.contributions import LOGIC_VERSION
from qos_domain.criteria import Criteria
from qos_domain.levels import Assessor
from qos_domain.periods import Month
from qos_domain.publication import PublicationScope, Statement, month_to_publish, procedure_statement, scope_statement
from qos_domain.publication_events import PublicationCompleted, PublicationIssued, PublicationLineage, digest_of
from qos_domain.registry import VersionName
from qos_processing import postgres_publications, rulebooks
from qos_processing.outgoing import Outgoing
from qos_processing.publish.completeness import require_taken_in
from qos_processing.publish.refusals import BeingRejudged, PublicationFailed
from qos_processing.publish.session import Outbox, Progress, alone, live, writing
from qos_processing.publish.snapshot import MonthSnapshot, Taken
from qos_processing.transactions import Connection, Transactions
from qos_runtime.clock import Clock
from qos_runtime.logging import get_logger
from qos_runtime.settings import RuntimeSettings

log = get_logger(__name__)

PORTION = 200
"""So many scopes are read, and written in one transaction, at a time."""

_MOST_WAITING = 2_000
_LOOK_SECONDS = 0.2
_LONGEST_STANDSTILL_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Published:
    """A publication. `new`: made by this run, and not there already; `dry_run`: nothing was written."""

    publication: PublicationCompleted
    new: bool
    dry_run: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """By what figures are made: the calendar must be the one by which workers judge."""

    calendar: Calendar
    criteria: Criteria


class Publishing:
    """One run. Killed at any moment it leaves nothing that counts; the next run removes what it wrote."""

    def __init__(self, settings: RuntimeSettings, rules: Rules, clock: Clock, progress: Progress) -> None:
        self._settings = settings
        self._rules = rules
        self._assessor = Assessor(rules.criteria)
        self._clock = clock
        self._progress = progress
        self._outgoing = Outgoing(settings.event_type_prefix)
        self._outbox = Outbox(settings, clock)
        self._digests: list[tuple[PublicationScope, str, str]] = []

    async def run(self, asked: Month | None, *, dry_run: bool = False) -> Published:
        """Publish the month asked for, else the last complete one; one that is published already stays as it is.

        Raises MonthRefused or PublicationRefused before anything is begun; PublicationFailed, NoLiveGeneration,
        OtherLogic, TransientFailure when nothing of it counts.
        """
        url = self._settings.database_url
        async with alone(url, application_name="qos-publish") as session:
            if asked is not None and (found := await postgres_publications.published(session, asked.name)) is not None:
                return Published(found, new=False, dry_run=dry_run)
            async with (
                writing(url, application_name="qos-publish") as transactions,
                session.transaction(isolation="repeatable_read", readonly=True),
            ):
                return await self._publish(session, transactions, asked, dry_run=dry_run)

    async def _publish(
        self, session: Connection, transactions: Transactions, asked: Month | None, *, dry_run: bool
    ) -> Published:
        generation = await live(session)
        await rulebooks.check_live(session, self._rules.calendar)
        now = self._clock.now()
        today = self._rules.calendar.local_date(now)
        first_day = await MonthSnapshot(session, generation, Month.of(today), self._rules.criteria).first_day()
        month = month_to_publish(asked, today=today, first_day=first_day)
        if (found := await postgres_publications.published(session, month.name)) is not None:
            return Published(found, new=False, dry_run=dry_run)
        snapshot = MonthSnapshot(session, generation, month, self._rules.criteria)
        if rejudging := await snapshot.rejudging():
            raise BeingRejudged(len(rejudging))
        taken = await snapshot.taken()
        await require_taken_in(self._settings, taken.positions, self._end_of(month))
        if not dry_run:
            await self._remove_broken_off(transactions)
        run = _Run(f"{month.name}.{now.astimezone(UTC):%Y%m%dT%H%M%S%fZ}", month, taken, now)
        counts = await self._scopes(snapshot, run, None if dry_run else transactions)
        completed = self._completed(run, counts)
        if not dry_run:
            await transactions.run(lambda connection, _: self._complete(connection, completed))
            log.info("month_published", publication_id=run.publication_id, digest=completed.digest)
        return Published(completed, new=True, dry_run=dry_run)

    async def _scopes(self, snapshot: MonthSnapshot, run: "_Run", transactions: Transactions | None) -> tuple[int, int]:
        """State every procedure, organisation and everything; how many procedures and organisations."""
        procedures = await snapshot.procedures()
        organisations = await snapshot.organisations()
        done, total = 0, len(procedures) + len(organisations) + 1
        for ids in portions(list(procedures), PORTION):
            stated = [
                self._issued(
                    run,
                    "procedure",
                    procedure_id,
                    procedure_statement(found.inputs, assessor=self._assessor, month=run.month),
                    organisation_id=None if (version := found.inputs.version) is None else version.organisation_id,
                    registry=None if version is None else version.name,
                    partition=procedures[procedure_id],
                )
                for procedure_id, found in (await snapshot.registered(ids)).items()
            ]
            await self._write(stated, transactions)
            done += len(ids)
            self._progress("publishing", done, total)
        for ids in portions(organisations, PORTION // 10):
            buckets = await snapshot.of_organisations(ids)
            await self._write(
                [self._issued(run, "organisation", id_, scope_statement(buckets[id_])) for id_ in ids], transactions
            )
            done += len(ids)
            self._progress("publishing", done, total)
        everything = scope_statement(await snapshot.of_everything())
        await self._write([self._issued(run, "all", "", everything)], transactions)
        self._progress("publishing", total, total)
        return len(procedures), len(organisations)

    def _issued(
        self,
        run: "_Run",
        scope: PublicationScope,
        id_: str,
        statement: Statement,
        *,
        organisation_id: str | None = None,
        registry: VersionName | None = None,
        partition: int | None = None,
    ) -> PublicationIssued:
        until = run.taken.newest if partition is None else run.taken.processed_until.get(partition)
        lineage = PublicationLineage(
            criteria=self._rules.criteria.version,
            calendar=self._rules.calendar.version,
            registry=registry,
            logic_version=LOGIC_VERSION,
            positions={} if partition is None else run.taken.of(partition),
            processed_until=until,
        )
        return PublicationIssued(
            publication_id=run.publication_id,
            period=run.month.name,
            scope=scope,
            id=id_,
            organisation_id=organisation_id,
            statement=statement,
            lineage=lineage,
        )

    async def _write(self, stated: Sequence[PublicationIssued], transactions: Transactions | None) -> None:
        """The statements and, in the same transaction, the events that tell them."""
        self._digests += [(each.scope, each.id, each.digest) for each in stated]
        if transactions is None:
            return
        now = self._clock.now()
        messages = [self._outgoing.published(each, now) for each in stated]

        async def write(connection: Connection, _doubtful: bool) -> None:
            # Once more after a commit whose answer was lost: the rows are there, and events of the same ids repeat.
            await postgres_publications.write_statements(connection, stated)
            await self._outbox.append(connection, messages)

        await self._await_room(transactions)
        await transactions.run(write)

    async def _await_room(self, transactions: Transactions) -> None:
        """Until fewer messages wait in the outbox than may. Raises PublicationFailed when nobody takes them out."""
        loop = asyncio.get_running_loop()
        least, give_up_at = _MOST_WAITING * 10, loop.time() + _LONGEST_STANDSTILL_SECONDS
        while True:
            waiting = await transactions.run(lambda connection, _: self._outbox.waiting(connection, 10 * _MOST_WAITING))
            if waiting < _MOST_WAITING:
                return
            if waiting < least:
                least, give_up_at = waiting, loop.time() + _LONGEST_STANDSTILL_SECONDS
            elif loop.time() > give_up_at:
                raise PublicationFailed(
                    f"{waiting:,} messages wait in the outbox, and for {_LONGEST_STANDSTILL_SECONDS:.0f} seconds nobody"
                    " has sent any: see whether a worker runs and the broker answers, then publish again"
                )
            await asyncio.sleep(_LOOK_SECONDS)

    async def _complete(self, connection: Connection, completed: PublicationCompleted) -> None:
        """Raises PublicationFailed unless all that it tells of is there."""
        written = await postgres_publications.count_statements(connection, completed.publication_id)
        scopes = completed.procedures + completed.organisations + 1
        if written != scopes:
            raise PublicationFailed(
                f"of {completed.publication_id} there are {written:,} statements instead of {scopes:,}: another run"
                " removed some; publish again"
            )
        await postgres_publications.write_publication(connection, completed)
        await self._outbox.append(connection, [self._outgoing.published(completed, completed.issued_at)])

    async def _remove_broken_off(self, transactions: Transactions) -> None:
        async def remove(connection: Connection, _doubtful: bool) -> int:
            return await postgres_publications.drop_broken_off(connection)

        if removed := await transactions.run(remove):
            log.warning("broken_off_publication_removed", statements=removed)

    def _completed(self, run: "_Run", counts: tuple[int, int]) -> PublicationCompleted:
        procedures, organisations = counts
        return PublicationCompleted(
            publication_id=run.publication_id,
            period=run.month.name,
            as_of=run.month.span.end,
            issued_at=run.at,
            procedures=procedures,
            organisations=organisations,
            digest=digest_of(self._digests),
            criteria=self._rules.criteria.version,
            calendar=self._rules.calendar.version,
            logic_version=LOGIC_VERSION,
            positions=run.taken.positions,
            processed_until=run.taken.newest,
        )

    def _end_of(self, month: Month) -> datetime:
        day = month.span.end + timedelta(1)
        return datetime(day.year, day.month, day.day, tzinfo=self._rules.calendar.time_zone)


@dataclass(frozen=True, slots=True)
class _Run:
    publication_id: str
    month: Month
    taken: Taken
    at: datetime


def portions(ids: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """Cut into pieces of at most `size`."""
    return (ids[start : start + size] for start in range(0, len(ids), size))
