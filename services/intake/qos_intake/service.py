"""Taking events: each is judged on its own, the good ones are published, and each gets its answer."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, TypeAlias

from qos_domain.acceptance import AcceptanceRules, check_not_in_future, encode_cloudevent
from qos_domain.errors import RejectedEvent
from qos_domain.events import Event
from qos_domain.masking import mask_event
from qos_domain.procedures import Procedure
from qos_intake.content_modes import Decode, Document
from qos_intake.ports import Owners, Publisher, Receipt, Record
from qos_intake.problems import problem, problem_of
from qos_intake.results import Accepted, Rejected, Result, Unavailable
from qos_intake.sources import Source
from qos_intake.telemetry import ACCEPTED, UNREAD, Telemetry
from qos_runtime.clock import Clock


class Refusal(NamedTuple):
    """Why an event is refused; with the event, where it could be read."""

    error: RejectedEvent
    event: Event | None = None


Verdict: TypeAlias = Event | Refusal

# After so many events judged in one go, other requests get their turn.
_BREATH = 256


class Intake:
    """The one way in, for HTTP, files and inbox topics alike."""

    def __init__(
        self, *, publisher: Publisher, owners: Owners, rules: AcceptanceRules, clock: Clock, telemetry: Telemetry
    ) -> None:
        self._publisher = publisher
        self._owners = owners
        self._rules = rules
        self._clock = clock
        self._telemetry = telemetry

    async def take(
        self,
        documents: Sequence[Document],
        *,
        source: Source,
        decode: Decode,
        rows: Sequence[int] | None = None,
        single: bool = False,
        recorded_at: Sequence[datetime] | None = None,
        again: bool = False,
    ) -> list[Result]:
        """Judge every document, publish the good ones, and say what became of each once Kafka has acknowledged.

        One bad event never keeps the others out. Results are numbered by `rows` where given, else by their index,
        unless the event is a `single` one. `recorded_at` is what age and future are measured against, one instant a
        document: the append times of inbox records; else it is now. `again`: they are recorded anew now, so that what
        was in the future then may have come.
        """
        now = self._clock.now()
        verdicts: list[Verdict] = []
        for number, document in enumerate(documents):
            at = recorded_at[number] if recorded_at else now
            verdicts.append(self.judge(document, source=source, decode=decode, at=at, latest=now if again else at))
            if number % _BREATH == _BREATH - 1:
                await asyncio.sleep(0)
        answers = iter(await self._publish([event for event in verdicts if isinstance(event, Event)]))
        results: list[Result] = []
        counts: Counter[tuple[str, str]] = Counter()
        for number, verdict in enumerate(verdicts):
            row = rows[number] if rows else None
            index = None if single or rows else number
            if isinstance(verdict, Refusal):
                error, event = verdict
                event_id = event.id if event else None
                results.append(Rejected(index=index, row=row, id=event_id, problem=problem_of(error)))
                counts[event.type if event else UNREAD, error.reason] += 1
                continue
            answer = next(answers)
            if isinstance(answer, Receipt):
                outcome = ACCEPTED
                results.append(
                    Accepted(
                        index=index,
                        row=row,
                        id=verdict.id,
                        topic=answer.topic,
                        partition=answer.partition,
                        offset=answer.offset,
                    )
                )
            else:
                outcome = "broker_unavailable"
                results.append(Unavailable(index=index, row=row, id=verdict.id, problem=problem(outcome)))
            counts[verdict.type, outcome] += 1
        for (event_type, outcome), count in counts.items():
            self._telemetry.event(source=source.name, event_type=event_type, outcome=outcome, count=count)
        return results

    def judge(
        self, document: Document, *, source: Source, decode: Decode, at: datetime, latest: datetime | None = None
    ) -> Verdict:
        """The event as it would be published, its free text masked, or why it is refused. Its age is measured against
        `at`, and whether it lies in the future against `latest`, else `at` too."""
        if isinstance(document, RejectedEvent):
            return Refusal(document)
        try:
            event = decode(document, self._rules)
        except RejectedEvent as error:
            return Refusal(error)
        try:
            check_not_in_future(event, latest or at, self._rules)
            self._authorise(event, source, at)
        except RejectedEvent as error:
            return Refusal(error, event)
        return mask_event(event)

    def _authorise(self, event: Event, source: Source, at: datetime) -> None:
        """What the source may emit (architecture, Services). Raises RejectedEvent."""
        if event.source != source.uri:
            raise RejectedEvent(reason="wrong_source", field="source", rule="the source that the API key belongs to")
        event_type = event.type
        if event_type not in source.event_types:
            rule = f"one of {', '.join(sorted(source.event_types))}, as the source is registered"
            raise RejectedEvent(reason="type_not_allowed", field="type", rule=rule)
        data = event.data
        if isinstance(data, Procedure):
            if not source.serves((data.organisation.id,)):
                raise _not_allowed("data.organisation.id", "an organisation that the source is registered for")
        elif source.max_age is not None and at - event.time > source.max_age:
            raise RejectedEvent(reason="too_old", field="time", rule=f"at most {source.max_age.days} days ago")
        owners = self._owners.of(data.procedure_id)
        if owners and not source.serves(owners):
            raise _not_allowed("data.procedure_id", "a procedure of an organisation that the source is registered for")

    async def _publish(self, events: Sequence[Event]) -> Sequence[Receipt | Exception]:
        if not events:
            return ()
        records = [
            Record(event.topic, event.data.procedure_id.encode(), encode_cloudevent(event, self._rules))
            for event in events
        ]
        with self._telemetry.publish_seconds.time():
            return await self._publisher.publish(records)


def _not_allowed(field: str, rule: str) -> RejectedEvent:
    return RejectedEvent(reason="source_not_allowed", field=field, rule=rule)
