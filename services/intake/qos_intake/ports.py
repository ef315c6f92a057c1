"""What intake needs of the world: somewhere to publish, and who owns a procedure."""

from collections.abc import Collection, Sequence
from typing import Protocol

from msgspec import Struct

from qos_domain.errors import TransientFailure


class Record(Struct, frozen=True, gc=False):
    """What goes to Kafka. `topic` is the base name, without the deployment's prefix."""

    topic: str
    key: bytes
    value: bytes


class Receipt(Struct, frozen=True, gc=False):
    """Where Kafka keeps it. `topic` is the base name."""

    topic: str
    partition: int
    offset: int


class Publisher(Protocol):
    async def publish(self, records: Sequence[Record]) -> Sequence[Receipt | TransientFailure]:
        """Publish all, in order per key, and return once each is acknowledged by all in-sync replicas or given up.

        One answer a record, in their order. A TransientFailure says that the record isn't known to be in the log: it
        may still get there, so whoever sends it again must keep its id. Never raises for a broker that is away.
        """
        ...


class Owners(Protocol):
    def of(self, procedure_id: str) -> Collection[str]:
        """The organisations that own, or ever owned, a procedure; empty while it isn't registered."""
        ...
