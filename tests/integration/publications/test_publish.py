"""A month is published once, whole, and never changes: in the tables, in the outbox and on the topic."""

from datetime import timedelta

import asyncpg
import pytest

from qos_domain.figures import Share
from qos_domain.publication import MonthRefused, PublicationScope
from qos_domain.publication_events import (
    LogPosition,
    PublicationCompleted,
    PublicationIssued,
    canonical,
    digest_of,
)
from qos_processing.publish.refusals import AlreadyPublishing, BeingRejudged, NotTakenIn, PublicationFailed
from qos_processing.publish.session import alone
from qos_processing.transactions import Connection
from support.builders import happened, registered, tokyo
from support.live_results import append
from support.publishing import Office

pytestmark = pytest.mark.real

SEVERAL: tuple[tuple[PublicationScope, str], ...] = (("organisation", "construction"), ("all", ""))
TABLES = ("publications", "publication_statements", "publication_restatements")


async def rows(office: Office) -> dict[str, int]:
    return {table: await office.p.pool.fetchval(f"SELECT count(*) FROM {table}") for table in TABLES}  # noqa: S608


async def test_the_last_complete_month_is_published_once_and_told(april: Office) -> None:
    tried = await april.publish(dry_run=True)
    assert await rows(april) == dict.fromkeys(TABLES, 0)
    assert await april.p.sent("publications") == []

    published = await april.publish()
    found = published.publication
    assert published.new
    assert (found.period, found.procedures, found.organisations) == ("2025-04", 2, 1)
    assert found.digest == tried.publication.digest
    assert sum(position.next_offset for position in found.positions) == 25
    assert all(isinstance(position, LogPosition) and position.topic_id for position in found.positions)

    said = await april.statement(published)
    assert said.organisation_id == "construction"
    assert said.statement.indicators.volume.applications == 12
    assert said.statement.indicators.compliance.within_period == Share.of(10, 12)
    assert said.statement.indicators.standing.open == 1
    assert said.statement.levels["faster"].evidenced.level == 1
    assert said.statement.criteria["faster-1-standard-period"] == "met"
    assert said.lineage.registry is not None
    assert said.lineage.registry.effective_from.isoformat() == "2020-04-01"
    assert (await april.statement(published, "cemetery")).statement.indicators.volume.applications == 0
    for scope, id_ in SEVERAL:
        together = (await april.statement(published, id_, scope)).statement
        assert together.indicators.volume.applications == 12
        assert together.levels == {}

    told = await april.told()
    issued = [event for event in told if isinstance(event, PublicationIssued)]
    assert [event for event in told if isinstance(event, PublicationCompleted)] == [found]
    assert len(issued) == 4
    assert digest_of((event.scope, event.id, event.digest) for event in issued) == found.digest
    for event in issued:
        assert canonical(event) == canonical(await april.statement(published, event.id, event.scope))

    await april.receive(happened("notification.sent", "2025-04-30", application="A-11", channel="electronic"))
    before = await rows(april)
    for asked in (None, "2025-04"):
        again = await april.publish(asked)
        assert not again.new
        assert again.publication == found
    assert await rows(april) == before
    assert await april.p.sent("publications") == []
    await refuses_any_change(april)


async def refuses_any_change(office: Office) -> None:
    for table in TABLES[:2]:
        for statement in ("UPDATE {} SET content = ''", "DELETE FROM {}", "TRUNCATE {}"):
            with pytest.raises(asyncpg.RestrictViolationError, match="what was published does not change"):
                await office.p.pool.execute(statement.format(table))
    with pytest.raises(asyncpg.RestrictViolationError, match="insert of publication_statements"):
        await office.p.pool.execute(
            "INSERT INTO publication_statements SELECT publication_id, scope, 'another', null, digest, content"
            " FROM publication_statements WHERE scope = 'all'"
        )


async def test_what_cannot_be_published_is_refused_and_says_why(office: Office) -> None:
    with pytest.raises(MonthRefused, match="no data yet"):
        await office.publish()
    await office.receive(registered(), happened("application.submitted", "2025-04-10", channel="online"))
    with pytest.raises(MonthRefused, match="isn't over; the last complete one is 2025-04"):
        await office.publish("2025-05")
    with pytest.raises(MonthRefused, match="data begins on 2025-04-10"):
        await office.publish("2025-03")

    office.p.log.append(registered("2025-04-01", at="2025-05-19"))
    for batch in office.p.log.new():
        await office.p.service.process(batch)
    with pytest.raises(BeingRejudged, match="1 procedures"):
        await office.publish()
    await office.p.rejudging.rejudge_all()

    async with alone(office.settings.database_url, application_name="test"):
        with pytest.raises(AlreadyPublishing):
            await office.publish()

    await append(office.settings, [happened("application.submitted", "2025-04-02", application="B", channel="mail")])
    now, office.p.clock.at = office.p.clock.at, tokyo("2999-02-01 12:00")
    with pytest.raises(NotTakenIn, match="1 records that were appended to applications-"):
        await office.publish("2999-01")
    assert await rows(office) == dict.fromkeys(TABLES, 0)
    office.p.clock.at = now
    assert (await office.publish()).new  # it was appended just now, and not in April


async def test_a_publication_that_was_broken_off_never_counts(april: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("qos_processing.publish.publishing._MOST_WAITING", 1)
        patched.setattr("qos_processing.publish.publishing._LONGEST_STANDSTILL_SECONDS", 0.5)
        with pytest.raises(PublicationFailed, match="nobody has sent any"):
            await april.publish()
    assert await rows(april) == {"publications": 0, "publication_statements": 2, "publication_restatements": 0}
    april.p.clock.at += timedelta(minutes=1)

    # Nor does one whose lock was lost, and of which the next one has removed what was written.
    publishing = april.publishing()
    complete = publishing._complete

    async def after_another(connection: Connection, completed: PublicationCompleted) -> None:
        await connection.execute("DELETE FROM publication_statements WHERE scope = 'all'")
        await complete(connection, completed)

    with monkeypatch.context() as patched:
        patched.setattr(publishing, "_complete", after_another)
        with pytest.raises(PublicationFailed, match="another run removed some"):
            await publishing.run(None)
    assert (await rows(april))["publications"] == 0

    april.p.clock.at += timedelta(minutes=1)
    published = (await april.publish()).publication
    assert await rows(april) == {"publications": 1, "publication_statements": 4, "publication_restatements": 0}
    told = [event for event in await april.told() if isinstance(event, PublicationIssued)]
    assert len(told) == 10
    counted = [event for event in told if event.publication_id == published.publication_id]
    assert digest_of((event.scope, event.id, event.digest) for event in counted) == published.digest
