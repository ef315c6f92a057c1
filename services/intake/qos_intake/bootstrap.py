"""Puts intake together: the one place that knows every part."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from qos_intake.capacity import Capacity
from qos_intake.http import Parts, create_app
from qos_intake.inbox import InboxRelay
from qos_intake.kafka import KafkaPublisher
from qos_intake.letters_kafka import LetterLog
from qos_intake.owners import OwnersInMemory
from qos_intake.redriving import Redriver
from qos_intake.registering import Registrar
from qos_intake.registry import RegistryFollower
from qos_intake.service import Intake
from qos_intake.settings import IntakeSettings
from qos_intake.sources import Sources, load_sources
from qos_intake.telemetry import Telemetry
from qos_runtime.clock import Clock, SystemClock
from qos_runtime.health import Health
from qos_runtime.kafka import broker_answers
from qos_runtime.tracing import OFF, Tracing


@dataclass(frozen=True, slots=True)
class Service:
    """The application, and what runs beside it."""

    app: FastAPI
    publisher: KafkaPublisher
    registry: RegistryFollower
    relay: InboxRelay
    owners: OwnersInMemory


def build(
    settings: IntakeSettings, *, sources: Sources | None = None, clock: Clock | None = None, tracing: Tracing = OFF
) -> Service:
    """Nothing runs yet. Raises NotConfigured when the sources file can't be used. Needs a running event loop."""
    sources = sources or load_sources(settings.sources_file, max_age_days=settings.max_age_days)
    clock = clock or SystemClock()
    telemetry = Telemetry(CollectorRegistry())
    owners = OwnersInMemory()
    publisher = KafkaPublisher(settings, tracing)
    registry = RegistryFollower(settings, owners, telemetry)
    intake = Intake(publisher=publisher, owners=owners, rules=settings.rules, clock=clock, telemetry=telemetry)
    relay = InboxRelay(
        settings=settings,
        sources=sources,
        intake=intake,
        publisher=publisher,
        registry=registry,
        telemetry=telemetry,
        tracing=tracing,
    )
    letters = LetterLog(settings)
    redriver = Redriver(letters=letters, intake=intake, publisher=publisher, sources=sources, rules=settings.rules)
    health = Health()
    health.add("kafka", lambda: broker_answers(settings, timeout_seconds=2.0))
    health.add("producer", publisher.ready)
    health.add("registry", registry.ready)
    app = create_app(
        Parts(
            settings=settings,
            sources=sources,
            intake=intake,
            registrar=Registrar(intake=intake, rules=settings.rules, zone=ZoneInfo(settings.time_zone), clock=clock),
            letters=letters,
            redriver=redriver,
            capacity=Capacity(settings.max_in_flight_bytes),
            health=health,
            telemetry=telemetry,
            caught_up=lambda: registry.caught_up,
            tracing=tracing,
        )
    )
    return Service(app=app, publisher=publisher, registry=registry, relay=relay, owners=owners)


@asynccontextmanager
async def running(service: Service) -> AsyncIterator[None]:
    """Run what is beside the application for the block. A part that fails ends the block with its error: one crash is
    one restart. At the end the relay stops first and the producer last, flushed."""
    async with asyncio.TaskGroup() as group:
        publisher = group.create_task(service.publisher.run(), name="publisher")
        registry = group.create_task(service.registry.run(), name="registry")
        relay = group.create_task(service.relay.run(), name="inbox_relay")
        try:
            yield
        finally:
            relay.cancel()
            await asyncio.wait([relay])
            registry.cancel()
            publisher.cancel()
