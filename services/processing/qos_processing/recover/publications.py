"""Publications and their restatements, read back from the topic `publications`, which keeps everything for ever."""

from dataclasses import dataclass

from qos_domain.publication_events import (
    PublicationCompleted,
    PublicationEvent,
    PublicationIssued,
    PublicationRestated,
    UnreadablePublication,
    digest_of,
    read_event,
)
from qos_processing import postgres_publications
from qos_processing.recover.reading import OwnTopic, Records
from qos_processing.transactions import Connection
from qos_runtime.logging import get_logger

log = get_logger(__name__)

_KNOWN = "SELECT publication_id FROM publications"
_DIGESTS = "SELECT scope, id, digest FROM publication_statements WHERE publication_id = $1"


@dataclass(frozen=True, slots=True)
class Publications:
    """How many publications were restored, and how many can't be: some of what they say never reached the topic."""

    restored: int
    incomplete: int


async def restore_publications(session: Connection, topic: OwnTopic, *, type_prefix: str) -> Publications:
    """Store all publications that aren't there and are whole on the topic, and all restatements.

    May be repeated. Raises TransientFailure.
    """
    known = {row[0] for row in await session.fetch(_KNOWN)}
    completed: dict[str, PublicationCompleted] = {}
    async for _, records in topic.portions():
        events = _events(records, type_prefix)
        issued = [each for each in events if isinstance(each, PublicationIssued) and each.publication_id not in known]
        await postgres_publications.write_statements(session, issued)
        restated = [each for each in events if isinstance(each, PublicationRestated)]
        await postgres_publications.write_restatements(session, restated)
        ends = [each for each in events if isinstance(each, PublicationCompleted) and each.publication_id not in known]
        completed |= {each.publication_id: each for each in ends}
    restored = 0
    for each in sorted(completed.values(), key=lambda one: one.issued_at):
        if await _is_whole(session, each):
            await postgres_publications.write_publication(session, each)
            restored += 1
        else:
            log.warning("publication_incomplete", publication_id=each.publication_id, period=each.period)
    await postgres_publications.drop_broken_off(session)
    return Publications(restored, len(completed) - restored)


async def _is_whole(session: Connection, completed: PublicationCompleted) -> bool:
    """Whether all that it says was read; a month is published once."""
    if await postgres_publications.published(session, completed.period) is not None:
        return False
    rows = await session.fetch(_DIGESTS, completed.publication_id)
    return digest_of((scope, id_, digest) for scope, id_, digest in rows) == completed.digest


def _events(records: Records, type_prefix: str) -> list[PublicationEvent]:
    found = []
    for record in records:
        try:
            event = read_event(record.value or b"", type_prefix=type_prefix)
        except UnreadablePublication as error:
            log.warning("not_a_publication", partition=record.partition, offset=record.offset, rule=error.rule)
            continue
        if event is not None:
            found.append(event)
    return found
