"""How many procedures can be applied for online, day by day through a year of changes in the registry."""

from datetime import date, timedelta
from typing import Any

from qos_domain.digitalisation import digitalisation
from qos_domain.events import Event
from qos_metrics.bootstrap import build, connected
from support.builders import registered, tokyo
from support.metrics import Api, Clock, Serve, settings_of

NOW = "2026-11-20 15:00"


def year() -> list[Event]:
    """2026 in the registry.

    Road occupation goes online on 1 April, and filming says it is digital since 15 June. Excavation moves to the ports
    on 1 May, and a version of it from 1 June was a mistake. Berths are retired on 1 July. Passports are for the state
    to decide. Hunting says nothing of all that, and beaches come in 2027.
    """
    mistake = registered(
        "2026-06-01", procedure="excavation", organisation="mistaken", channels=("online",), within_discretion=True
    )
    return [
        registered(within_discretion=True, channels=("counter",)),
        registered("2026-04-01", at="2026-03-20", within_discretion=True, channels=("counter", "online")),
        registered(procedure="filming", within_discretion=True, digital_since=date(2026, 6, 15)),
        registered(procedure="excavation", within_discretion=True, channels=("mail", "counter")),
        registered("2026-05-01", procedure="excavation", organisation="ports", within_discretion=True),
        mistake,
        Event(
            source=mistake.source,
            id="not-from-june",
            time=tokyo("2026-06-02"),
            data=registered("2026-12-01", procedure="excavation", organisation="ports").data,
            corrects=mistake.id,
        ),
        registered(procedure="berth", organisation="ports", within_discretion=True, channels=("online",)),
        registered("2026-07-01", procedure="berth", organisation="ports", type="procedure.retired"),
        registered(
            procedure="passport",
            organisation="citizens",
            within_discretion=False,
            channels=("counter",),
            barrier="national_law_or_system",
        ),
        registered(procedure="hunting", organisation="citizens"),
        registered("2027-04-01", procedure="beach", organisation="ports", within_discretion=True),
    ]


async def online(api: Api, as_of: str, organisation: str | None = None) -> tuple[int, int, int]:
    """(all procedures, those within discretion, those of them with an online channel)"""
    path = "/v1/digitalisation" if organisation is None else f"/v1/organisations/{organisation}/digitalisation"
    answer = await api.public(path, as_of=as_of)
    assert answer["as_of"] == as_of
    found = answer["digitalisation"]
    return found["procedures"], found["online"]["denominator"], found["online"]["numerator"]


async def test_today_is_the_default(serve: Serve) -> None:
    async with serve(year(), now=NOW) as api:
        answer = await api.public("/v1/digitalisation")
        assert (answer["audience"], answer["as_of"]) == ("public", "2026-11-20")
        assert (answer["scope"], answer["organisation"]) == ("all", None)
        assert answer["freshness"]["processed_at"] == "2026-11-20T06:00:00Z"
        assert answer["digitalisation"] == {
            "procedures": 5,
            "online": {"numerator": 2, "denominator": 3, "share": 2 / 3},
            "channels_unknown": 1,
            "discretion_unknown": 1,
            "beyond_discretion": 1,
            "beyond_discretion_online": 0,
            "barriers": {"national_law_or_system": 1},
        }
        staff = await api.ask("/v1/digitalisation")
        assert staff["digitalisation"] == answer["digitalisation"]


async def test_each_day_is_told_by_the_versions_of_that_day(serve: Serve) -> None:
    async with serve(year(), now=NOW) as api:
        assert await online(api, "2020-03-31") == (0, 0, 0)
        assert await online(api, "2020-04-01") == (6, 4, 1)
        assert await online(api, "2026-03-31") == (6, 4, 1)
        assert await online(api, "2026-04-01") == (6, 4, 2)
        assert await online(api, "2026-06-14") == (6, 4, 2)
        assert await online(api, "2026-06-15") == (6, 4, 3)
        assert await online(api, "2026-06-30") == (6, 4, 3)
        assert await online(api, "2026-07-01") == (5, 3, 2)


async def test_a_procedure_is_its_organisations_while_it_owns_it(serve: Serve) -> None:
    async with serve(year(), now=NOW) as api:
        assert await online(api, "2026-04-30", "construction") == (3, 3, 1)
        assert await online(api, "2026-04-30", "ports") == (1, 1, 1)
        assert await online(api, "2026-05-01", "construction") == (2, 2, 1)
        assert await online(api, "2026-05-01", "ports") == (2, 2, 1)
        assert await online(api, "2026-07-01", "ports") == (1, 1, 0)
        answer = await api.public("/v1/organisations/ports/digitalisation")
        assert (answer["scope"], answer["organisation"]["organisation_id"]) == ("organisation", "ports")
        assert answer["digitalisation"]["online"] == {"numerator": 0, "denominator": 1, "share": 0.0}
        assert (await api.public("/v1/organisations/citizens/digitalisation"))["digitalisation"]["online"] == {
            "numerator": 0,
            "denominator": 0,
            "share": None,
        }


async def test_every_week_says_what_the_core_says(serve: Serve) -> None:
    async with serve(year(), now=NOW) as api:
        histories = [api.replay.history(procedure_id) for procedure_id in api.replay.registry]
        for week in range(60):
            day = date(2026, 11, 20) - timedelta(weeks=week)
            versions = [version for history in histories if (version := history.at(day)) and not version.retired]
            said = await api.service.metrics.digitalisation(None, day)
            assert said.digitalisation == digitalisation((version.procedure for version in versions), day), day


async def test_a_version_counts_from_midnight_on(serve: Serve, migrated: str) -> None:
    """Processing was last at work on 31 March: what it wrote as the version in force isn't any more."""
    async with serve(year(), now="2026-03-31 23:50") as api:
        assert await online(api, "2026-03-31") == (6, 4, 1)
    settings = settings_of(migrated)
    async with connected(settings) as pool:
        service = build(settings, pool, clock=Clock(tokyo("2026-04-01 00:10"))).metrics
        rate = (await service.digitalisation(None, service.today())).digitalisation
        assert (rate.procedures, rate.online.numerator) == (6, 2)


async def test_what_cannot_be_answered(serve: Serve) -> None:
    unanswerable: list[tuple[str, dict[str, Any], int, str]] = [
        ("/v1/organisations/nobody/digitalisation", {}, 404, "unknown_organisation"),
        ("/v1/digitalisation", {"as_of": "2026-11-21"}, 422, "invalid_parameter"),
        ("/v1/digitalisation", {"window": "28d"}, 422, "invalid_parameter"),
        ("/v1/digitalisation", {"audience": "staff"}, 401, "staff_only"),
    ]
    async with serve(year(), now=NOW) as api:
        for path, parameters, status, reason in unanswerable:
            answer = await api.http.get(path, params=parameters)
            assert (answer.status_code, answer.json()["reason"]) == (status, reason), path
