"""What the read side knows, asked in the words of the domain. Every answer comes from one snapshot."""

import time
from collections.abc import Callable
from datetime import date, datetime, timedelta
from itertools import chain, repeat, starmap

from qos_domain import freshness as domain_freshness
from qos_domain.assessment import Provenance, assess
from qos_domain.calendar import Calendar
from qos_domain.case import view
from qos_domain.cells import FISCAL_YEAR_MEASURES, STOCK_MEASURES, TRAILING_YEAR_MEASURES, Buckets, Spans
from qos_domain.clock import judge
from qos_domain.contributions import LOGIC_VERSION
from qos_domain.criteria import Criteria
from qos_domain.digitalisation import digitalisation
from qos_domain.indicators import Indicators
from qos_domain.ledger import ledger
from qos_domain.levels import Assessor
from qos_domain.periods import trailing
from qos_domain.reporting import indicators
from qos_domain.vocabulary import Channel
from qos_domain.volume import priority, priority_spans
from qos_domain.workload import Workload
from qos_metrics.answers import (
    AnswerFreshness,
    DigitalisationRate,
    DueCases,
    Explanation,
    Figures,
    Levels,
    Listing,
    Owner,
    Question,
    Versions,
)
from qos_metrics.freshness import LagWatch
from qos_metrics.memo import Memo
from qos_metrics.ports import (
    Everything,
    ListFilter,
    MapTotals,
    OneOrganisation,
    OneProcedure,
    OrganisationRow,
    Page,
    Part,
    Scope,
    Snapshot,
    Store,
    UnknownProcedure,
)
from qos_runtime.clock import Clock

_HABIT_DAYS = 90


class MetricsService:
    """Read-only; safe for any number of requests at once on one event loop."""

    def __init__(
        self,
        store: Store,
        *,
        clock: Clock,
        calendar: Calendar,
        criteria: Criteria,
        lag: LagWatch,
        cache_seconds: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.store = store
        self.calendar = calendar
        self.criteria = criteria
        self._clock = clock
        self._assessor = Assessor(criteria)
        self._lag = lag
        self._figures: Memo[Figures] = Memo(lives_seconds=cache_seconds, limit=200, monotonic=monotonic)
        self._rates: Memo[DigitalisationRate] = Memo(lives_seconds=cache_seconds, limit=200, monotonic=monotonic)
        self._totals: Memo[MapTotals] = Memo(lives_seconds=cache_seconds, limit=200, monotonic=monotonic)
        self._organisations: Memo[list[OrganisationRow]] = Memo(
            lives_seconds=cache_seconds, limit=1, monotonic=monotonic
        )

    def now(self) -> datetime:
        return self._clock.now()

    def today(self) -> date:
        return self.calendar.local_date(self._clock.now())

    async def figures(self, question: Question) -> Figures:
        """Raises UnknownProcedure, UnknownOrganisation. A procedure's figures are summed anew for every request; an
        organisation's, and those of all, may be `cache_seconds` old (their freshness says so)."""
        if isinstance(question.scope, OneProcedure):
            return await self._ask(question)
        return await self._figures.get(question, lambda: self._ask(question))

    async def _ask(self, question: Question) -> Figures:
        as_of, now = question.as_of, self._clock.now()
        today = self.calendar.local_date(now)
        moment = now if as_of >= today else self._end_of(as_of)
        horizon = self.calendar.nth_business_day_after(as_of, question.forecast_days)
        spans = Spans.of(question.window, as_of)
        parts = (
            Part(spans.window),
            Part(spans.until, STOCK_MEASURES),
            Part(spans.trailing_year, TRAILING_YEAR_MEASURES),
            Part(spans.fiscal_year, FISCAL_YEAR_MEASURES),
        )
        async with self.store.snapshot() as snapshot:
            freshness = await self._freshness(snapshot, now)
            owner, objective = await _owner(snapshot, question.scope)
            buckets = Buckets(*await snapshot.sums(question.scope, as_of, parts))
            workloads = await snapshot.workloads(
                question.scope, as_of=as_of, today=today, moment=moment, horizon=horizon
            )
            retracted = await snapshot.retracted(question.scope, spans.window)

        def of(part: Buckets, channel: Channel | None) -> Indicators:
            return indicators(
                part,
                one_procedure=isinstance(question.scope, OneProcedure),
                objective=objective,
                workload=workloads.get(channel, Workload()),
                retracted=retracted if channel is None else None,
            )

        channel = question.channel
        total = of(buckets, None) if channel is None else of(buckets.of_channel(channel), channel)
        channels = {each: of(buckets.of_channel(each), each) for each in buckets.channels}
        return Figures(question, owner, total, channels if question.by_channel else None, horizon, freshness)

    async def digitalisation(self, organisation_id: str | None, as_of: date) -> DigitalisationRate:
        """Of an organisation or (None) of all. May be `cache_seconds` old. Raises UnknownOrganisation."""

        async def read() -> DigitalisationRate:
            async with self.store.snapshot() as snapshot:
                freshness = await self._freshness(snapshot, self._clock.now())
                owner = None if organisation_id is None else await snapshot.organisation(organisation_id)
                alike = await snapshot.in_force(as_of, organisation_id)
            rate = digitalisation(chain.from_iterable(starmap(repeat, alike)), as_of)
            return DigitalisationRate(owner, rate, as_of, freshness)

        return await self._rates.get((organisation_id, as_of), read)

    async def versions(self, procedure_id: str) -> Versions:
        """Raises UnknownProcedure."""
        now = self._clock.now()
        as_of = self.calendar.local_date(now)
        async with self.store.snapshot() as snapshot:
            row, current = await snapshot.procedure(procedure_id)
            history = await snapshot.history(procedure_id)
            last_year, this_year = await snapshot.sums(
                OneProcedure(procedure_id), as_of, [Part(span, ("arrived",)) for span in priority_spans(as_of)]
            )
            freshness = await self._freshness(snapshot, now)
        standing = priority(
            as_of,
            declared=current.priority,
            last_year=sum(last_year.values()),
            this_year=sum(this_year.values()),
        )
        return Versions(row, current, history.versions, standing, as_of, freshness)

    async def levels(self, procedure_id: str, as_of: date) -> Levels:
        """Raises UnknownProcedure."""
        now = self._clock.now()
        today = self.calendar.local_date(now)
        spans = self.criteria.spans(as_of)
        measures = tuple(sorted(self.criteria.measures))
        scope = OneProcedure(procedure_id)
        async with self.store.snapshot() as snapshot:
            row, _ = await snapshot.procedure(procedure_id)
            history = await snapshot.history(procedure_id)
            sums = await snapshot.sums(scope, as_of, [Part(span, measures) for span in spans.values()])
            dates = await snapshot.event_dates(procedure_id, trailing(today, _HABIT_DAYS))
            stored = await snapshot.levels(procedure_id)
            freshness = await self._freshness(snapshot, now)
        if not history.registered:
            raise UnknownProcedure
        live = assess(
            self._assessor,
            history.at(as_of) or history.versions[0],
            dict(zip(spans, sums, strict=True)),
            as_of=as_of,
            provenance=Provenance(
                calendar=self.calendar.version,
                logic_version=LOGIC_VERSION,
                freshness=domain_freshness.freshness(
                    processed_until=freshness.last_event_appended_at,
                    lag=timedelta(seconds=freshness.lag_seconds or 0),
                    event_dates=dates,
                    today=today,
                ),
            ),
        )
        return Levels(
            row=row,
            live=live,
            settled=None if stored is None else stored.settled,
            settled_on=None if stored is None else stored.settled_on,
            revision=None if stored is None else stored.revision,
            announced_at=None if stored is None else stored.assessed_at,
            freshness=freshness,
        )

    async def listing(self, wanted: ListFilter, page: Page) -> Listing:
        """Procedures with what processing assessed last of them, in the order of their ids."""
        now = self._clock.now()
        async with self.store.snapshot() as snapshot:
            one_more = Page(page.limit + 1, after=page.after, before=page.before)
            rows = await snapshot.quality_map(wanted, one_more)
            freshness = await self._freshness(snapshot, now)
        further = len(rows) > page.limit
        if page.before is None:
            rows, has_next, has_previous = rows[: page.limit], further, page.after is not None
        else:
            rows, has_next, has_previous = rows[-page.limit :], True, further
        return Listing(rows, has_next, has_previous, self.calendar.local_date(now), freshness)

    async def map_totals(self, wanted: ListFilter) -> MapTotals:
        """May be `cache_seconds` old."""

        async def count() -> MapTotals:
            async with self.store.snapshot() as snapshot:
                return await snapshot.map_totals(wanted)

        return await self._totals.get(wanted, count)

    async def organisations(self) -> list[OrganisationRow]:
        """May be `cache_seconds` old."""

        async def read() -> list[OrganisationRow]:
            async with self.store.snapshot() as snapshot:
                return await snapshot.organisations()

        return await self._organisations.get("all", read)

    async def due_cases(self, procedure_id: str, after: str | None, limit: int) -> DueCases:
        """Open cases that are overdue or due soon now. Raises UnknownProcedure."""
        now = self._clock.now()
        today = self.calendar.local_date(now)
        async with self.store.snapshot() as snapshot:
            row, _ = await snapshot.procedure(procedure_id)
            cases = await snapshot.due_cases(procedure_id, today=today, now=now, after=after, limit=limit + 1)
            freshness = await self._freshness(snapshot, now)
        return DueCases(row, cases[:limit], len(cases) > limit, today, freshness)

    async def explanation(self, procedure_id: str, application_id: str) -> Explanation:
        """Raises UnknownApplication, and CalendarRange where the calendar doesn't cover the case."""
        now = self._clock.now()
        async with self.store.snapshot() as snapshot:
            case = view(await snapshot.case(procedure_id, application_id))
            history = await snapshot.history(procedure_id)
            freshness = await self._freshness(snapshot, now)
        as_of = self.calendar.local_date(now)
        if case.submission is None or case.clock is None:
            return Explanation(case, None, None, None, (), as_of, freshness)
        rule = history.rule(self.calendar.local_date(case.submission.arrival))
        if rule is None:
            return Explanation(case, None, None, None, (), as_of, freshness)
        period = rule.period(case.submission.payload.channel)
        rules = rule.version.procedure.clock
        judgement = judge(case.clock, rules, period, self.calendar)
        days = ledger(case.clock, rules, period, self.calendar)
        return Explanation(case, rule.version, period, judgement, days, as_of, freshness)

    async def require_results(self) -> None:
        """Returns when there are results to read; raises TransientFailure until then."""
        async with self.store.snapshot() as snapshot:
            await snapshot.progress()

    async def freshness(self) -> AnswerFreshness:
        async with self.store.snapshot() as snapshot:
            return await self._freshness(snapshot, self._clock.now())

    async def _freshness(self, snapshot: Snapshot, now: datetime) -> AnswerFreshness:
        progress = await snapshot.progress()
        return AnswerFreshness(
            last_event_appended_at=progress.last_event_appended_at,
            processed_at=progress.processed_at,
            lag_seconds=self._lag.lag_seconds(now),
            pending_rejudgements=progress.pending_rejudgements,
            stale=self._lag.is_stale(now),
        )

    def _end_of(self, day: date) -> datetime:
        next_day = datetime.combine(day + timedelta(1), datetime.min.time(), tzinfo=self.calendar.time_zone)
        return next_day - timedelta(microseconds=1)


async def _owner(snapshot: Snapshot, scope: Scope) -> tuple[Owner, float | None]:
    match scope:
        case OneProcedure(procedure_id):
            row, version = await snapshot.procedure(procedure_id)
            return row, version.objective
        case OneOrganisation(organisation_id):
            return await snapshot.organisation(organisation_id), None
        case Everything():
            return None, None
