"""Breaches that were announced and taken back: counted by the day on which that happened, for each scope."""

import asyncpg

from support.builders import registered
from support.metrics import Api, Serve

# (procedure, the case's organisation, day of the retraction, breaches)
RETRACTED = [
    ("road-occupation", "construction", "2026-06-05", 2),
    ("road-occupation", "construction", "2026-05-09", 1),
    ("road-occupation", "ports", "2026-06-01", 4),
    ("berth", "ports", "2026-05-08", 8),
]


async def told(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.executemany("INSERT INTO retracted_breaches VALUES ($1, $2, $3::text::date, $4)", RETRACTED)
    await connection.close()


async def retracted(api: Api, scope: str, **parameters: str) -> int | None:
    answer = await api.ask(f"/v1{scope}/indicators", **parameters)
    found: int | None = answer["indicators"]["compliance"]["retracted"]
    return found


async def test_a_window_of_a_procedure_an_organisation_and_all(serve: Serve, migrated: str) -> None:
    """As of 5 June the last 28 days begin on 9 May."""
    await told(migrated)
    async with serve(
        [registered(), registered(procedure="berth", organisation="ports")], now="2026-06-05 12:00"
    ) as api:
        permit = "/procedures/road-occupation"
        assert await retracted(api, permit) == 7
        assert await retracted(api, permit, window="7d") == 6
        assert await retracted(api, permit, as_of="2026-06-04") == 5
        assert await retracted(api, "/organisations/construction") == 3
        assert await retracted(api, "/organisations/ports") == 4
        assert await retracted(api, "/organisations/ports", window="90d") == 12
        assert await retracted(api, "", window="fiscal_year") == 15
        assert await retracted(api, "/procedures/berth") == 0


async def test_of_one_channel_it_is_not_known(serve: Serve, migrated: str) -> None:
    await told(migrated)
    async with serve([registered()], now="2026-06-05 12:00") as api:
        assert await retracted(api, "/procedures/road-occupation", channel="online") is None


async def test_the_public_sees_it_rounded(serve: Serve, migrated: str) -> None:
    await told(migrated)
    async with serve([registered()], now="2026-06-05 12:00") as api:
        answer = await api.public("/v1/procedures/road-occupation/indicators")
        assert answer["indicators"]["compliance"]["retracted"] == 5
