"""From the database's evidence to assessments of a set of procedures, as of a day."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import date, datetime
from hashlib import blake2b

import msgspec

from qos_domain.assessment import Assessment, Provenance, assess
from qos_domain.calendar import Calendar
from qos_domain.contributions import LOGIC_VERSION
from qos_domain.criteria import Criteria
from qos_domain.evidence import NO_EVIDENCE
from qos_domain.freshness import freshness
from qos_domain.levels import Assessor
from qos_domain.registry import History
from qos_processing import postgres_levels, postgres_registry
from qos_processing.postgres import PartitionState
from qos_processing.transactions import Connection
from qos_runtime.clock import Clock


@dataclass(frozen=True, slots=True)
class Assessed:
    """An assessment, the organisation that owns the procedure, and a digest of all that is said but for when."""

    organisation_id: str
    assessment: Assessment
    digest: bytes


class Assessing:
    """Reads evidence and assesses by one set of criteria."""

    def __init__(
        self,
        criteria: Criteria,
        *,
        calendar: Calendar,
        clock: Clock,
        known_until: Callable[[int], datetime | None],
    ) -> None:
        """`known_until`: for a partition number, the instant up to which everything appended is processed."""
        self._criteria = criteria
        self._assessor = Assessor(criteria)
        self._calendar = calendar
        self._clock = clock
        self.known_until = known_until

    def local_date(self, instant: datetime) -> date:
        return self._calendar.local_date(instant)

    async def assess(
        self, connection: Connection, state: PartitionState, procedure_ids: Collection[str], as_of: date
    ) -> dict[str, Assessed]:
        """Those of the procedures that are offered on `as_of`, by the version in force then."""
        if not procedure_ids:
            return {}
        registry = await postgres_registry.load_registry(connection, state.generation, procedure_ids)
        evidence = await postgres_levels.evidence(connection, state.generation, procedure_ids, self._criteria, as_of)
        provenance = self._provenance(state.partition)
        assessed: dict[str, Assessed] = {}
        for procedure_id, facts in registry.items():
            version = History.of(facts).at(as_of)
            if version is None or version.retired:
                continue
            found = evidence.get(procedure_id, NO_EVIDENCE)
            assessment = assess(self._assessor, version, found, as_of=as_of, provenance=provenance)
            assessed[procedure_id] = Assessed(version.organisation_id, assessment, digest(assessment))
        return assessed

    def _provenance(self, partition: int) -> Provenance:
        """How fresh the data of the partition is; not said while the broker hasn't told how long its log is."""
        known_until, now = self.known_until(partition), self._clock.now()
        fresh = None
        if known_until is not None:
            today = self._calendar.local_date(now)
            fresh = freshness(processed_until=known_until, lag=now - known_until, event_dates=(), today=today)
        return Provenance(calendar=self._calendar.version, logic_version=LOGIC_VERSION, freshness=fresh)


def digest(assessment: Assessment) -> bytes:
    """Of all that is said but for when: the same digest is no news."""
    return _hash(replace(assessment, as_of=date.min, lineage=replace(assessment.lineage, freshness=None)))


def digest_of_json(document: bytes) -> bytes:
    """The same of an assessment as it was told. (Decoded as one, 1 may have become 1.0, which reads otherwise.)"""
    said = msgspec.json.decode(document)
    said["as_of"] = date.min
    said["lineage"]["freshness"] = None
    return _hash(said)


def _hash(said: object) -> bytes:
    return blake2b(msgspec.json.encode(said), digest_size=16).digest()
