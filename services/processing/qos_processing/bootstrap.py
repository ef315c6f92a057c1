"""Puts a worker together: settings in, a running worker out."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry

from qos_domain import criteria
from qos_domain.acceptance import AcceptanceRules
from qos_domain.calendar import Calendar
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
from qos_processing.rejudging import Rejudging
from qos_processing.retention import Retention
from qos_processing.service import ProcessingService
from qos_processing.settings import ProcessingSettings
from qos_processing.sla_results import SlaResults
from qos_processing.sweep import Sweep
from qos_processing.topic_ids import TopicIdentity
from qos_processing.totals import Totals
from qos_processing.transactions import Transactions
from qos_processing.worker import serve
from qos_runtime.clock import Clock, SystemClock
from qos_runtime.health import Health
from qos_runtime.metric_defs import LEADER
from qos_runtime.postgres import create_pool, database_answers
from qos_runtime.tracing import start_tracing


async def work(settings: ProcessingSettings, on_stopping: Callable[[], None]) -> None:
    """Run a worker until it is asked to stop. Raises what ended it otherwise (see `worker.serve`)."""
    clock, registry, health = SystemClock(), CollectorRegistry(), Health()
    calendar = Calendar.load(settings.calendar, settings.time_zone)
    tracing = start_tracing(settings, service="qos-processing")
    pool = await create_pool(
        settings.database_url,
        application_name=settings.consumer_group,
        max_size=settings.database_pool_size,
        tracing=tracing,
    )
    try:
        transactions = Transactions(pool, patience_seconds=settings.database_patience_seconds, registry=registry)
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
        leader = _leader(settings, transactions, calendar, clock, counters.sla_results, decisions)
        LEADER.gauge(registry).set_function(lambda: leader.leading)
        identity = TopicIdentity(pool, settings)
        health.add("database", lambda: database_answers(pool))
        await decisions.catch_up()
        await serve(
            settings,
            service,
            verify_log=identity.verify,
            clock=clock,
            registry=registry,
            health=health,
            alongside=[
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
    clock: Clock,
    sla_results: SlaResults,
    decisions: DecisionFollower,
) -> Leader:
    """What one worker does for all: publish the outbox, announce what falls due, assess levels."""
    outgoing = Outgoing(settings.event_type_prefix)
    horizon = Horizon(transactions, settings, clock=clock)
    publisher = Publisher(transactions, settings)
    sweep = Sweep(
        transactions,
        calendar=calendar,
        clock=clock,
        outgoing=outgoing,
        known_until=horizon.known_until,
        sla_results=sla_results,
    )
    assessing = Assessing(criteria.load(), calendar=calendar, clock=clock, known_until=horizon.known_until)
    assessor = LevelAssessor(transactions, assessing, clock=clock, outgoing=outgoing)
    totals = Totals(transactions)
    retention = Retention(transactions, clock=clock)
    tasks = [horizon.run, publisher.run, totals.run, sweep.run, assessor.run, retention.run, decisions.run]
    return Leader(settings.database_url, tasks)
