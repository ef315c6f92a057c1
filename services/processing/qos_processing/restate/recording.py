"""Keeps and tells restatements: only what isn't recorded already."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from qos_domain.publication import PublicationScope
from qos_domain.publication_events import PublicationIssued, PublicationLineage, PublicationRestated
from qos_domain.restatement import Cause, Step
from qos_processing import postgres_publications
from qos_processing.outgoing import Outgoing
from qos_processing.publish.session import Outbox
from qos_processing.transactions import Connection, Transactions


class Compared(NamedTuple):
    """A published scope, what leads from there to the present data, what that rests on, and how many events came after
    (None: not known)."""

    published: PublicationIssued
    steps: tuple[Step, ...]
    lineage: PublicationLineage
    late_events: int | None


class Recorder:
    """Records what one run over a published month found. `scopes` were compared, `differing` of them differ, by the
    causes of `causes`; `recorded` restatements are new."""

    def __init__(
        self, session: Connection, transactions: Transactions, outbox: Outbox, outgoing: Outgoing, now: datetime
    ) -> None:
        self._session = session
        self._transactions = transactions
        self._outbox = outbox
        self._outgoing = outgoing
        self._now = now
        self.scopes = self.differing = self.recorded = 0
        self.causes: Counter[Cause] = Counter()

    async def record(self, publication_id: str, scope: PublicationScope, compared: Sequence[Compared]) -> None:
        """Of a scope of which nothing differs, and of which that was never otherwise, nothing is recorded."""
        ids = [each.published.id for each in compared]
        last = await postgres_publications.last_restatements(self._session, publication_id, scope, ids)
        news = []
        for published, steps, lineage, late_events in compared:
            self.scopes += 1
            self.differing += bool(steps)
            self.causes.update(step.cause for step in steps)
            before = last[published.id].steps if published.id in last else ()
            if steps != before:
                news.append(
                    PublicationRestated(
                        publication_id=publication_id,
                        period=published.period,
                        scope=scope,
                        id=published.id,
                        published=published.digest,
                        restated_at=self._now,
                        steps=steps,
                        lineage=lineage,
                        late_events=late_events,
                    )
                )
        if news:
            await self._write(news)

    async def _write(self, news: Sequence[PublicationRestated]) -> None:
        messages = [self._outgoing.published(each, self._now) for each in news]

        async def write(connection: Connection, _doubtful: bool) -> None:
            await postgres_publications.write_restatements(connection, news)
            await self._outbox.append(connection, messages)

        await self._transactions.run(write)
        self.recorded += len(news)
