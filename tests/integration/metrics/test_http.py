"""Around the answers: who may see what, problems, freshness, one moment per answer, a database that is away."""

import asyncio
from typing import Any

import asyncpg
import httpx

from qos_metrics.bootstrap import build
from qos_runtime.postgres import create_pool
from support.builders import happened, registered, tokyo
from support.metrics import TOKEN, Clock, Serve, settings_of
from support.results import progress

NOW = "2026-06-05 12:00"


def permit() -> list[Any]:
    return [
        registered(),
        happened("application.submitted", "2026-06-01", application="A-1", channel="online"),
        happened("application.submitted", "2026-05-20", application="A-2", channel="counter"),
        happened("application.submitted", "2026-05-28", application="A-3", channel="mail"),
        happened("review.suspended", "2026-05-29", application="A-3", suspension_id="S-1", reason="correction"),
        happened("application.submitted", "2026-05-18", application="A-4", channel="counter"),
        happened("notification.sent", "2026-05-20", application="A-4", channel="mail"),
    ]


async def test_staff_see_single_cases_and_the_public_does_not(serve: Serve) -> None:
    async with serve(permit(), now=NOW) as api:
        for path in ("/v1/cases/overdue", "/v1/cases/explanation"):
            parameters = {"procedure": "road-occupation", "application": "A-2"}
            if path.endswith("overdue"):
                del parameters["application"]
            answer = await api.http.get(path, params=parameters)
            assert answer.status_code == 401
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
            assert answer.json()["type"] == "urn:procedure-qos:problem:staff_only"
            answer = await api.http.get(path, params=parameters, headers={"Authorization": f"Bearer {TOKEN}"})
            assert answer.status_code == 200
            assert answer.headers["Cache-Control"] == "private, no-store"
        answer = await api.http.get("/v1/indicators", params={"audience": "staff"})
        assert answer.status_code == 401
        assert TOKEN not in answer.text


async def test_overdue_and_due_soon_cases(serve: Serve) -> None:
    """A-1: due on 8 June, one day left on 5 June. A-2: due on 27 May. A-3 waits for its applicant. A-4 has ended."""
    async with serve(permit(), now=NOW) as api:
        answer = await api.ask("/v1/cases/overdue", procedure="road-occupation")
        assert [(case["application_id"], case["state"], case["due_date"]) for case in answer["cases"]] == [
            ("A-1", "due_soon", "2026-06-08"),
            ("A-2", "overdue", "2026-05-27"),
        ]
        assert answer["next_cursor"] is None
        first = await api.ask("/v1/cases/overdue", procedure="road-occupation", limit=1)
        second = await api.ask("/v1/cases/overdue", procedure="road-occupation", limit=1, cursor=first["next_cursor"])
        assert [case["application_id"] for case in first["cases"] + second["cases"]] == ["A-1", "A-2"]


async def test_a_due_date_is_explained_day_by_day(serve: Serve) -> None:
    async with serve(permit(), now=NOW) as api:
        path = "/v1/cases/explanation"
        answer = await api.ask(path, procedure="road-occupation", application="A-3")
        assert answer["period"] == {"unit": "business_days", "minimum": None, "maximum": 5}
        assert answer["judgement"]["due_date"] is None  # it stands still
        assert answer["judgement"]["suspended"] == [{"from": "2026-05-29", "to": None}]
        assert [(day["date"], day["counted"]) for day in answer["ledger"]][:2] == [
            ("2026-05-28", False),
            ("2026-05-29", True),
        ]
        asked = {"procedure": "road-occupation", "application": "nobody"}
        unknown = await api.http.get(path, params=asked, headers={"Authorization": f"Bearer {TOKEN}"})
        assert (unknown.status_code, unknown.json()["reason"]) == (404, "unknown_application")


PROBLEMS: list[tuple[str, dict[str, str], int, str, str | None]] = [
    ("/v1/procedures/nobody", {}, 404, "unknown_procedure", None),
    ("/v1/procedures/nobody/indicators", {}, 404, "unknown_procedure", None),
    ("/v1/procedures/nobody/levels", {}, 404, "unknown_procedure", None),
    ("/v1/organisations/nobody/indicators", {}, 404, "unknown_organisation", None),
    ("/v1/indicators", {"window": "fortnight"}, 422, "invalid_parameter", "window"),
    ("/v1/indicators", {"as_of": "2026-06-06"}, 422, "invalid_parameter", "as_of"),
    ("/v1/indicators", {"as_of": "yesterday"}, 422, "invalid_parameter", "as_of"),
    ("/v1/indicators", {"from": "2026-06-01"}, 422, "invalid_parameter", "to"),
    ("/v1/indicators", {"channel": "fax"}, 422, "invalid_parameter", "channel"),
    ("/v1/indicators", {"windw": "28d"}, 422, "invalid_parameter", "windw"),
    ("/v1/quality-map", {"cursor": "%%%"}, 422, "invalid_parameter", "cursor"),
    ("/v1/quality-map", {"limit": "0"}, 422, "invalid_parameter", "limit"),
    ("/v1/quality-map", {"level": "2"}, 422, "invalid_parameter", "principle"),
    ("/v1/nothing", {}, 404, "not_found", None),
    ("/v1/procedures/a%00b", {}, 422, "invalid_parameter", "procedure_id"),
    ("/v1/quality-map", {"q": "a\0b"}, 422, "invalid_parameter", "q"),
    ("/v1/quality-map", {"cursor": "YQBi"}, 422, "invalid_parameter", "cursor"),
]


async def test_a_problem_names_what_is_wrong(serve: Serve) -> None:
    async with serve([registered()], now=NOW) as api:
        for path, asked, status, reason, field in PROBLEMS:
            answer = await api.http.get(path, params=asked)
            assert answer.status_code == status, (path, asked, answer.text)
            assert answer.headers["Content-Type"] == "application/problem+json"
            problem = answer.json()
            assert (problem["status"], problem["reason"]) == (status, reason), (path, asked)
            assert problem["type"] == f"urn:procedure-qos:problem:{reason}"
            named = [error["field"] for error in problem.get("errors", [])]
            assert named == ([] if field is None else [field]), (path, asked)
            assert "%%%" not in answer.text


async def test_an_answer_says_how_fresh_it_is(serve: Serve, migrated: str) -> None:
    async with serve(permit(), now=NOW) as api:
        freshness = (await api.public("/v1/indicators"))["freshness"]
        assert freshness["last_event_appended_at"] == "2026-06-05T03:00:00Z"
        assert freshness["processed_at"] == "2026-06-05T03:00:00Z"
        assert freshness["lag_seconds"] is None  # nobody has looked at the log yet
        assert freshness["stale"] is True
        connection = await asyncpg.connect(migrated)
        await connection.execute(
            "INSERT INTO rejudgements (generation, procedure_id, partition, from_date)"
            " VALUES (1, 'road-occupation', 0, '2026-06-01')"
        )
        await connection.close()
        one = "/v1/procedures/road-occupation/indicators"
        assert (await api.public(one))["freshness"]["pending_rejudgements"] == 1


async def test_the_same_figures_are_not_sent_twice(serve: Serve) -> None:
    async with serve(permit(), now=NOW) as api:
        path = "/v1/procedures/road-occupation/indicators"
        first = await api.http.get(path)
        assert first.headers["Cache-Control"] == "public, no-cache"
        again = await api.http.get(path, headers={"If-None-Match": first.headers["ETag"]})
        assert (again.status_code, again.content) == (304, b"")
        packed = await api.http.get(path, headers={"Accept-Encoding": "gzip"})
        assert packed.headers["Content-Encoding"] == "gzip"
        assert packed.json() == first.json()
        cross = await api.http.get(path, headers={"Origin": "https://elsewhere.example"})
        assert "Access-Control-Allow-Origin" not in cross.headers


async def test_an_answer_is_of_one_moment(serve: Serve, migrated: str) -> None:
    """Between two questions of one snapshot a worker commits: both answers are from before."""
    async with serve(permit(), now=NOW) as api:
        store = api.service.metrics.store
        async with store.snapshot() as snapshot:
            before = await snapshot.progress()
            connection = await asyncpg.connect(migrated)
            await progress(connection, tokyo("2026-06-05 12:30"))
            await connection.execute("UPDATE scope_bucket_changes SET value = value + 100 WHERE measure = 'arrived'")
            await connection.close()
            assert await snapshot.progress() == before
        async with store.snapshot() as snapshot:
            assert await snapshot.progress() != before
        volume = (await api.public("/v1/indicators"))["indicators"]["volume"]
        assert volume["applications"] == 405  # 404 arrivals in all, rounded


async def test_a_procedure_is_live_while_an_organisation_may_be_some_seconds_old(serve: Serve, migrated: str) -> None:
    async with serve(permit(), now=NOW, cache_seconds=600) as api:
        one, organisation = "/v1/procedures/road-occupation/indicators", "/v1/organisations/construction/indicators"
        assert (await api.public(organisation))["indicators"]["volume"]["applications"] == 5
        assert (await api.http.get(organisation)).headers["Cache-Control"] == "public, max-age=600"
        connection = await asyncpg.connect(migrated)
        for table in ("day_buckets", "scope_bucket_changes"):
            await connection.execute(f"UPDATE {table} SET value = value + 100 WHERE measure = 'arrived'")  # noqa: S608
        await connection.close()
        assert (await api.public(one))["indicators"]["volume"]["applications"] == 405
        assert (await api.public(organisation))["indicators"]["volume"]["applications"] == 5


async def test_a_database_that_goes_away_is_a_problem_that_passes(serve: Serve, postgres: str, migrated: str) -> None:
    async with serve(permit(), now=NOW) as api:
        assert (await api.http.get("/health/ready")).status_code == 200
        name = migrated.rpartition("/")[2]
        connection = await asyncpg.connect(postgres)
        await connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        await connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
        try:
            answer = await api.http.get("/v1/indicators")
            assert answer.status_code == 503
            assert answer.headers["Retry-After"]
            assert answer.json()["reason"] == "unavailable"
            page = await api.http.get("/quality-map", headers={"Accept": "text/html"})
            assert (page.status_code, page.headers["Content-Type"]) == (503, "text/html; charset=utf-8")
            assert (await api.http.get("/health/ready")).status_code == 503
            assert (await api.http.get("/health/live")).status_code == 200
        finally:
            await connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
            await connection.close()
        assert (await api.http.get("/v1/indicators")).status_code == 200


async def test_before_the_schema_is_there_it_lives_and_is_not_ready(database_url: str) -> None:
    pool = await create_pool(database_url, application_name="test", max_size=2)
    try:
        service = build(settings_of(database_url), pool, clock=Clock(tokyo(NOW)))
        transport = httpx.ASGITransport(service.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://metrics") as http:
            assert (await http.get("/health/ready")).status_code == 503
            assert (await http.get("/v1/indicators")).status_code == 503
            assert (await http.get("/health/live")).status_code == 200
    finally:
        await pool.close()


async def test_many_readers_at_once(serve: Serve) -> None:
    async with serve(permit(), now=NOW) as api:
        answers = await asyncio.gather(*(api.http.get("/v1/procedures/road-occupation/indicators") for _ in range(60)))
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.content for answer in answers}) == 1
