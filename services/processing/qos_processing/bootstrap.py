"""Puts a worker together: settings in, a running worker out."""

from collections.abc import Callable
from functools import partial

import msgspec
from prometheus_client import CollectorRegistry

from qos_domain import criteria
from qos_domain.acceptance import AcceptanceRules
from qos_domain.calendar import Calendar, UnknownCalendar
from qos_domain.criteria import Criteria
from qos_domain.rulebooks import of_criteria
from qos_processing import rulebooks
from qos_processing.assessing import Assessing
from qos_processing.assessor import LevelAssessor
from qos_processing.counters import Counters
from qos_processing.dead_letters import DeadLetterLimit
from qos_processing.decisions import DecisionFollower
from qos_processing.horizon import Horizon
from qos_processing.leader import Leader
from qos_processing.outbox import Publisher
from qos_processing.outbox_depth import OutboxDepth
from qos_processing.outgoing import Outgoing
from qos_processing.recall import Recall
from qos_processing.rejudging import Rejudging
from qos_processing.retention import Retention
from qos_processing.rulebook_publication import RulebookPublication
from qos_processing.schema import require_schema
from qos_processing.service import ProcessingService
from qos_processing.settings import ProcessingSettings
from qos_processing.sla_results import SlaResults
from qos_processing.sweep import Sweep
from qos_processing.topic_ids import TopicIdentity
from qos_processing.totals import Totals
from qos_processing.transactions import Connection, Transactions
from qos_processing.worker import serve
from qos_runtime.clock import Clock
from qos_runtime.database_clock import DatabaseClock
from qos_runtime.errors import NotConfigured
from qos_runtime.health import Health
from qos_runtime.metric_defs import LEADER
from qos_runtime.postgres import create_pool, database_answers
from qos_runtime.tracing import start_tracing


async def work(settings: ProcessingSettings, on_stopping: Callable[[], None]) -> None:
    """Run a worker until it is asked to stop. Raises what ended it otherwise (see `worker.serve`)."""
    registry, health = CollectorRegistry(), Health()
    calendar, rules = _calendar(settings), _criteria(settings)
    tracing = start_tracing(settings, service="qos-processing")
    pool = await create_pool(
        settings.database_url,
        application_name=settings.consumer_group,
        max_size=settings.database_pool_size,
        tracing=tracing,
    )
    try:
        await require_schema(pool)
        clock = DatabaseClock(pool, registry=registry)
        await clock.read()
        transactions = Transactions(pool, patience_seconds=settings.database_patience_seconds, registry=registry)
        await transactions.run(partial(_check_rulebooks, calendar, rules))
        counters = Counters(registry, sla_results_scope_limit=settings.sla_results_scope_limit)
        service = ProcessingService(
            transactions,
            calendar=calendar,
            rules=AcceptanceRules(type_prefix=settings.event_type_prefix),
            clock=clock,
            counters=counters,
            partitions=settings.partitions,
            dead_letter_limit=DeadLetterLimit(share=settings.dead_letter_share, window=settings.dead_letter_window),
            tracing=tracing,
        )
        rejudging = Rejudging(
            transactions, calendar=calendar, clock=clock, sla_results=counters.sla_results, owned=lambda: service.owned
        )
        decisions = DecisionFollower(transactions, settings)
        leader = _leader(settings, transactions, calendar, rules, clock, counters.sla_results, decisions)
        LEADER.gauge(registry).set_function(lambda: leader.leading)
        identity = TopicIdentity(pool, settings)
        health.add("database", lambda: database_answers(pool))
        health.add("writing", transactions.accepted)
        await decisions.catch_up()
        await serve(
            settings,
            service,
            verify_log=identity.verify,
            clock=clock,
            registry=registry,
            health=health,
            alongside=[
                clock.run,
                identity.keep_verifying,
                rejudging.run,
                OutboxDepth(transactions, clock=clock, registry=registry).run,
                leader.run,
            ],
            on_stopping=on_stopping,
        )
    finally:
        pool.terminate()
        tracing.close()


def _leader(
    settings: ProcessingSettings,
    transactions: Transactions,
    calendar: Calendar,
    rules: Criteria,
    clock: Clock,
    sla_results: SlaResults,
    decisions: DecisionFollower,
) -> Leader:
    """What one worker does for all: publish the outbox, announce what falls due, assess levels."""
    outgoing = Outgoing(settings.event_type_prefix)
    horizon = Horizon(transactions, settings, clock=clock)
    recall = Recall(transactions, settings, calendar=calendar, outgoing=outgoing)
    publisher = Publisher(transactions, settings, recall=recall.take_in)
    sweep = Sweep(
        transactions,
        calendar=calendar,
        clock=clock,
        outgoing=outgoing,
        known_until=horizon.known_until,
        sla_results=sla_results,
    )
    assessing = Assessing(rules, calendar=calendar, clock=clock, known_until=horizon.known_until)
    assessor = LevelAssessor(transactions, assessing, clock=clock, outgoing=outgoing)
    publication = RulebookPublication(transactions, clock=clock, outgoing=outgoing)
    totals = Totals(transactions)
    retention = Retention(transactions, clock=clock)
    tasks = [
        horizon.run,
        publisher.run,
        totals.run,
        sweep.run,
        assessor.run,
        publication.run,
        retention.run,
        decisions.run,
    ]
    return Leader(settings.database_url, tasks, beginning=recall.take_in)


def _calendar(settings: ProcessingSettings) -> Calendar:
    try:
        return Calendar.load(settings.calendar, settings.time_zone)
    except (UnknownCalendar, msgspec.DecodeError) as error:
        raise NotConfigured(setting="QOS_CALENDAR", remedy=str(error)) from error


def _criteria(settings: ProcessingSettings) -> Criteria:
    try:
        return criteria.load(settings.criteria or criteria.DEFAULT_VERSION)
    except criteria.InvalidCriteria as error:
        raise NotConfigured(setting="QOS_CRITERIA", remedy=str(error)) from error


async def _check_rulebooks(calendar: Calendar, rules: Criteria, connection: Connection, _doubtful: bool) -> None:
    """A worker that may not add to the live results says so at once, and not with the first event."""
    await rulebooks.check_live(connection, calendar, of_criteria(rules))
