"""What of Faust and aiokafka the worker overrides or leans on: a release that moves one of these fails here first.

The stories in this directory show that the overrides work; these tests say which name moved when they don't.
"""

import inspect
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any

import aiokafka
import faust
import pytest
from aiokafka.consumer.fetcher import Fetcher as BrokerFetcher
from faust.tables.recovery import Recovery
from faust.transport import drivers
from faust.transport.consumer import Consumer, ConsumerThread, Fetcher, ThreadDelegateConsumer
from faust.transport.drivers import aiokafka as driver
from mode.supervisors import CrashingSupervisor
from mode.threads import QueueServiceThread

from qos_processing.transport import BatchThread, Transport
from qos_processing.transport import Consumer as BatchConsumer

OVERRIDDEN: list[tuple[type, type, str, list[str]]] = [
    (BatchThread, driver.AIOKafkaConsumerThread, "_create_worker_consumer", ["self", "transport"]),
    (BatchThread, ConsumerThread, "on_partitions_revoked", ["self", "revoked"]),
    (BatchConsumer, driver.Consumer, "_new_consumer_thread", ["self"]),
    (BatchConsumer, Consumer, "on_partitions_revoked", ["self", "revoked"]),
    (BatchConsumer, Consumer, "perform_seek", ["self"]),
    (BatchConsumer, Consumer, "_new_offset", ["self", "tp"]),
    (BatchConsumer, Consumer, "wait_empty", ["self"]),
    (BatchConsumer, Consumer, "_drain_messages", ["self", "fetcher"]),
]

USED: list[tuple[Callable[..., Any], list[str]]] = [
    (QueueServiceThread.call_thread, ["self", "fun", "args", "kwargs"]),
    (driver.AIOKafkaConsumerThread._ensure_consumer, ["self"]),
    (driver.AIOKafkaConsumerThread.on_start, ["self"]),
    (ThreadDelegateConsumer.assignment, ["self"]),
    (ThreadDelegateConsumer.highwaters, ["self", "partitions"]),
    (Consumer._get_active_partitions, ["self"]),
    (Consumer.commit_and_end_transactions, ["self"]),
    (aiokafka.AIOKafkaConsumer.getmany, ["self", "partitions", "timeout_ms", "max_records"]),
    (aiokafka.AIOKafkaConsumer.seek, ["self", "partition", "offset"]),
    (aiokafka.AIOKafkaConsumer.beginning_offsets, ["self", "partitions"]),
    (aiokafka.AIOKafkaConsumer.end_offsets, ["self", "partitions"]),
    (faust.Schema.loads_key, ["self", "app", "message", "loads", "serializer"]),
    (faust.Schema.loads_value, ["self", "app", "message", "loads", "serializer"]),
]

# Where Faust calls what is overridden, or sets what is read: (the caller, what stands in its source).
CALLED: list[tuple[Any, str]] = [
    (Fetcher._fetcher.fun, "await consumer._drain_messages(self)"),
    (Recovery._resume_streams, "consumer.perform_seek()"),
    (Recovery._resume_streams, "consumer.resume_flow()"),
    (Recovery._restart_recovery.fun, "except IllegalStateError"),
    (Consumer._filter_committable_offsets, "self._new_offset(tp)"),
    (Consumer._filter_tps_with_pending_acks, "for tp in self._acked"),
    (faust.App._consumer_wait_empty, "await consumer.wait_empty()"),
    (faust.App._stop_consumer, "await self._consumer_wait_empty(consumer, self.log)"),
    (faust.App._on_partitions_revoked, "self._consumer_wait_empty"),
    (faust.App.on_first_start, "self._create_directories()"),
    (driver.ConsumerRebalanceListener.on_partitions_revoked, "thread.on_partitions_revoked"),
    (driver.AIOKafkaConsumerThread._create_worker_consumer, "fetch_max_wait_ms=1500"),
    (aiokafka.AIOKafkaConsumer.start, "fetch_max_wait_ms=self._fetch_max_wait_ms"),
    (BrokerFetcher.__init__, "self._prefetch_backoff = prefetch_backoff"),
    (BrokerFetcher._get_actions_per_node, "self._max_partition_fetch_bytes)"),
    (BrokerFetcher._get_actions_per_node, "self._fetch_max_bytes,"),
    # A seek drops what was fetched, or failed, at the former position.
    (BrokerFetcher.seek_to, "del self._records[tp]"),
    # No partitions would mean all of them.
    (BrokerFetcher.fetched_records, "if partitions and tp not in partitions"),
    # No supervisor of its own: an error in the agent crashes the whole app.
    (CrashingSupervisor._contribute_to_service, "pass"),
]


@pytest.mark.parametrize(("ours", "base", "name", "parameters"), OVERRIDDEN, ids=lambda value: str(value)[-60:])
def test_what_is_overridden_is_there(ours: type, base: type, name: str, parameters: list[str]) -> None:
    assert list(inspect.signature(inspect.unwrap(getattr(base, name))).parameters) == parameters
    assert list(inspect.signature(getattr(ours, name)).parameters) == parameters
    assert name in vars(ours)
    assert inspect.iscoroutinefunction(inspect.unwrap(getattr(base, name))) == inspect.iscoroutinefunction(
        getattr(ours, name)
    )


@pytest.mark.parametrize(("function", "parameters"), USED, ids=lambda value: getattr(value, "__qualname__", ""))
def test_what_is_called_takes_what_is_given(function: Callable[..., Any], parameters: list[str]) -> None:
    assert list(inspect.signature(function).parameters) == parameters


@pytest.mark.parametrize(("caller", "call"), CALLED, ids=[call for _, call in CALLED])
def test_what_is_overridden_is_called_from_where_we_think(caller: Any, call: str) -> None:
    assert call in inspect.getsource(caller)


@pytest.mark.parametrize("name", ["_acked", "_committed_offset", "flow_active", "can_resume_flow", "suspend_flow"])
def test_the_consumers_state_has_the_names_that_are_used(name: str) -> None:
    assert name in inspect.getsource(Consumer)


def test_the_transport_is_found_by_the_scheme_of_the_broker_url() -> None:
    assert [entry.value for entry in entry_points(group="faust.transports", name="qos")] == [
        "qos_processing.transport:Transport"
    ]
    assert drivers.by_url("qos://127.0.0.1:9092") is Transport
