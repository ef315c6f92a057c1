"""Settles dead letters: drives them in again by the way that everything comes in, or leaves them for good.

A letter driven in again keeps its event's source and id, so doing it twice changes nothing. Each decision is written
to a topic with who took it; PostgreSQL learns it from there.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import Literal, NamedTuple, TypeAlias

from msgspec import Struct, structs

from qos_domain.acceptance import AcceptanceRules, decode_cloudevent
from qos_domain.errors import RejectedEvent
from qos_intake.content_modes import Document
from qos_intake.inbox import document_of
from qos_intake.letters import Letter, names
from qos_intake.letters_kafka import LetterLog
from qos_intake.ports import Publisher, Receipt, Record
from qos_intake.problems import Problem, problem, problem_of
from qos_intake.results import Accepted, Rejected, Result
from qos_intake.service import Intake
from qos_intake.sources import Operator, Source, Sources
from qos_runtime.dead_letters import DeadLetterDecision, State, dead_letter_id, encode_decision
from qos_runtime.logging import get_logger
from qos_runtime.topics import DEAD_LETTER_DECISIONS, inbox

log = get_logger(__name__)

# What is held at a time of letters that are driven in again.
_BYTES_AT_ONCE = 4_000_000
_LETTERS_AT_ONCE = 500

Status: TypeAlias = Literal["redriven", "refused", "discarded", "unknown", "unavailable"]
Repairs: TypeAlias = Mapping[str, bytes | None]
"""By letter id the event to take instead of the original (JSON, structured mode), or None."""


class Settled(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one letter. `refused`: it stays as it is; an open one now for the
    reason of the problem. `unknown`: there is no
    such letter. `unavailable`: Kafka did not acknowledge; ask again. `written`: where its event stands now."""

    id: str
    status: Status
    written: str | None = None
    problem: Problem | None = None


class _Attempt(NamedTuple):
    letter: Letter
    document: Document
    edited: bool


class Redriver:
    """Drives in again and discards, for an operator."""

    def __init__(
        self, *, letters: LetterLog, intake: Intake, publisher: Publisher, sources: Sources, rules: AcceptanceRules
    ) -> None:
        self._letters = letters
        self._intake = intake
        self._publisher = publisher
        self._rules = rules
        self._by_uri = {source.uri: source for source in sources.all}
        self._by_inbox = {inbox(source.name).name: source for source in sources.all}

    async def redrive(self, repairs: Repairs, *, operator: Operator, since: datetime | None = None) -> list[Settled]:
        """One answer for each letter, in their order. `since`: no original of these is older.

        Raises TransientFailure when the letters can't be read; what was driven in before that stays so.
        """
        answers: dict[str, Settled] = {}
        async with aclosing(self._attempts(repairs, since)) as batches:
            async for attempts in batches:
                outcomes = await self._drive(attempts)
                answers |= {each.letter.body.id: _answer(each, outcome) for each, outcome in outcomes}
                answers |= await self._write(
                    [_decision(each, operator, outcome) for each, outcome in outcomes if _decides(each, outcome)]
                )
        return self._told("dead_letters_redriven", operator, repairs, answers)

    async def discard(self, ids: Sequence[str], *, operator: Operator, since: datetime | None = None) -> list[Settled]:
        """As `redrive`: the letters are left for good, and can still be driven in again while they are kept. Those that
        were driven in again stay so."""
        answers: dict[str, Settled] = {}
        decisions = []
        async with aclosing(self._letters.find(ids, since=since)) as letters:
            async for letter in letters:
                if letter.state == "redriven":
                    answers[letter.body.id] = Settled(id=letter.body.id, status="redriven")
                else:
                    decisions.append(_settle(letter, "discarded", operator))
                    answers[letter.body.id] = Settled(id=letter.body.id, status="discarded")
        answers |= await self._write(decisions)
        return self._told("dead_letters_discarded", operator, dict.fromkeys(ids), answers)

    async def _attempts(self, repairs: Repairs, since: datetime | None) -> AsyncGenerator[list[_Attempt], None]:
        attempts: list[_Attempt] = []
        held_bytes = 0
        async with aclosing(self._letters.find(repairs.keys(), since=since)) as letters:
            async for letter in letters:
                repair = repairs[letter.body.id]
                attempts.append(_Attempt(letter, self._document(letter, repair), repair is not None))
                held_bytes += len(letter.body.value or "")
                if len(attempts) == _LETTERS_AT_ONCE or held_bytes > _BYTES_AT_ONCE:
                    yield attempts
                    attempts, held_bytes = [], 0
        if attempts:
            yield attempts

    async def _drive(self, attempts: Sequence[_Attempt]) -> list[tuple[_Attempt, Result]]:
        """Send all through intake, those of a source together; what became of each."""
        outcomes: list[tuple[_Attempt, Result]] = []
        by_source: dict[str, list[_Attempt]] = {}
        for attempt in attempts:
            try:
                by_source.setdefault(self._source(attempt).uri, []).append(attempt)
            except RejectedEvent as error:
                outcomes.append((attempt, Rejected(problem=problem_of(error))))
        for uri, mine in by_source.items():
            results = await self._intake.take(
                [attempt.document for attempt in mine],
                source=self._by_uri[uri],
                decode=decode_cloudevent,
                recorded_at=[attempt.letter.body.appended_at for attempt in mine],
                again=True,
            )
            outcomes += zip(mine, results, strict=True)
        return outcomes

    def _document(self, letter: Letter, repair: bytes | None) -> Document:
        original = letter.body.original()
        if repair is not None:
            return _repaired(letter, repair)
        if letter.body.left_out_bytes:
            rule = "no event is that large, and the letter has only its beginning; discard it, or send what was meant"
            return RejectedEvent(reason="too_large", field="value", rule=rule)
        if not original.value:
            rule = "a record holds an event; discard it, or send the event that was meant"
            return RejectedEvent(reason="tombstone", field="value", rule=rule)
        if letter.body.topic in self._by_inbox:
            return document_of(original.value, original.headers)
        return original.value

    def _source(self, attempt: _Attempt) -> Source:
        """An inbox is one source's; on an input topic the event says whose it is. Raises RejectedEvent when that can't
        be read, for the reason that it can't, and when there is no such source."""
        letter, document, _ = attempt
        if isinstance(document, RejectedEvent):
            raise document
        if letter.body.topic in self._by_inbox:
            return self._by_inbox[letter.body.topic]
        source = self._by_uri.get(decode_cloudevent(document, self._rules).source)
        if source is None:
            rule = "a source that may emit events, as the sources file names them"
            raise RejectedEvent(reason="wrong_source", field="source", rule=rule)
        return source

    async def _write(self, decisions: Sequence[DeadLetterDecision]) -> dict[str, Settled]:
        """Write them down; the letters of which that isn't known to have worked."""
        if not decisions:
            return {}
        records = [Record(DEAD_LETTER_DECISIONS, each.id.encode(), encode_decision(each)) for each in decisions]
        receipts = await self._publisher.publish(records)
        return {
            each.id: Settled(id=each.id, status="unavailable", problem=problem("broker_unavailable"))
            for each, receipt in zip(decisions, receipts, strict=True)
            if not isinstance(receipt, Receipt)
        }

    def _told(self, event: str, operator: Operator, asked: Repairs, answers: Mapping[str, Settled]) -> list[Settled]:
        settled = [answers.get(each, Settled(id=each, status="unknown")) for each in asked]
        counts = {status: sum(each.status == status for each in settled) for status in {s.status for s in settled}}
        log.info(event, operator=operator.name, first=next(iter(asked), None), **counts)
        return settled


def _repaired(letter: Letter, repair: bytes) -> Document:
    """A repair mends an event, it doesn't make another one: source and id stay, unless one of them was what is wrong
    or could not be read."""
    was, becomes = letter.named(), names(repair)
    for field in ("source", "id"):
        known = getattr(was, field)
        if known is not None and field != letter.field and known != getattr(becomes, field):
            return RejectedEvent(reason="invalid_field", field=field, rule="that of the original: a repair keeps it")
    return repair


def _answer(attempt: _Attempt, outcome: Result) -> Settled:
    letter_id = attempt.letter.body.id
    if isinstance(outcome, Accepted):
        return Settled(id=letter_id, status="redriven", written=_place(outcome))
    status: Status = "refused" if isinstance(outcome, Rejected) else "unavailable"
    return Settled(id=letter_id, status=status, problem=outcome.problem)


def _decides(attempt: _Attempt, outcome: Result) -> bool:
    """A refusal opens no letter that was settled before: what was meant by one that was repaired is in the log."""
    return isinstance(outcome, Accepted) or (isinstance(outcome, Rejected) and attempt.letter.state == "open")


def _decision(attempt: _Attempt, operator: Operator, outcome: Result) -> DeadLetterDecision:
    if isinstance(outcome, Accepted):
        decision = _settle(attempt.letter, "redriven", operator)
        return structs.replace(decision, written=_place(outcome), edited=attempt.edited)
    told = outcome.problem
    decision = _settle(attempt.letter, "open", operator)
    return structs.replace(
        decision, reason=told.reason, field=told.field or "value", rule=told.rule or told.title, edited=attempt.edited
    )


def _settle(letter: Letter, state: State, operator: Operator) -> DeadLetterDecision:
    body = letter.body
    return DeadLetterDecision(
        id=body.id, topic=body.topic, partition=body.partition, offset=body.offset, state=state, by=operator.name
    )


def _place(accepted: Accepted) -> str:
    return dead_letter_id(accepted.topic, accepted.partition, accepted.offset)
