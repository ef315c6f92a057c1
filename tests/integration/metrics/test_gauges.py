"""The figures that Prometheus scrapes are those of the API, for the same scope and day."""

from typing import Any

import asyncpg
import pytest

from qos_domain.procedures import Period
from qos_local.simulation.simulate import Simulation, simulate
from support.builders import happened, registered, tokyo
from support.metrics import CALENDAR, Api, Scrape, Serve, scraped

NOW = "2026-11-20 15:00"
# They count with their organisation.
UNDECLARED = ("high-school-tuition-support", "road-occupation-permit")


@pytest.fixture(scope="module")
def simulated() -> Simulation:
    return simulate(seed=11, today=tokyo(NOW).date(), cases=600, calendar=CALENDAR)


async def set_undeclared(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        changed = await connection.execute(
            "UPDATE procedures SET priority = NULL WHERE procedure_id = ANY ($1::text[])", UNDECLARED
        )
    finally:
        await connection.close()
    assert changed == f"UPDATE {len(UNDECLARED)}"


async def indicators(api: Api, path: str, window: str, **more: str) -> Any:
    return (await api.ask(f"/v1{path}/indicators", window=window, **more))["indicators"]


async def check_scope(api: Api, found: Scrape, path: str, **scope: str) -> None:
    """Every figure of the scope against the API's of the same days."""
    for window in ("3d", "7d", "28d", "fiscal_year"):
        share = (await indicators(api, path, window))["compliance"]["within_period"]
        breached = share["denominator"] - share["numerator"]
        assert found("qos_results", **scope, window=window, result="met") == share["numerator"], window
        assert found("qos_results", **scope, window=window, result="breached") == breached, window
    for window in ("7d", "28d"):
        online = (await indicators(api, path, window))["online"]["applications"]
        assert found("qos_applications", **scope, window=window, online="yes") == online["numerator"]
        others = online["denominator"] - online["numerator"]
        assert found("qos_applications", **scope, window=window, online="no") == others
    last = await indicators(api, path, "28d")
    standing, payments = last["standing"], last["cashless"]["payments"]
    assert {
        state: found("qos_cases", **scope, state=state) for state in ("open", "suspended", "due_soon", "overdue")
    } == {state: standing[state] for state in ("open", "suspended", "due_soon", "overdue")}
    assert found("qos_forecast_breaches", **scope, horizon="5bd") == standing["forecast"]
    tomorrow = await indicators(api, path, "28d", forecast_days="1")
    assert found("qos_forecast_breaches", **scope, horizon="1bd") == tomorrow["standing"]["forecast"]
    assert found("qos_payments", **scope, window="28d", cashless="yes") == payments["numerator"]
    assert (
        found("qos_payments", **scope, window="28d", cashless="no") == payments["denominator"] - payments["numerator"]
    )
    assert found("qos_ratings", **scope) == last["satisfaction"]["rating"]["n"]
    assert found("qos_satisfaction_mean", **scope) == last["satisfaction"]["rating"]["mean"]
    days = last["processing_time"]["calendar_days"]
    assert found("qos_processing_days_gcount", **scope) == (days["n"] if days else 0)
    assert found("qos_processing_days_bucket", **scope, le="+Inf") == (days["n"] if days else 0)
    assert found("qos_processing_days_gsum", **scope) == pytest.approx(days["n"] * days["mean"] if days else 0)
    for quantile, field in (("0.5", "p50"), ("0.9", "p90"), ("0.95", "p95")):
        assert found("qos_calendar_days", **scope, quantile=quantile) == (days[field] if days else None)


async def test_every_scope_says_what_the_api_says(serve: Serve, migrated: str, simulated: Simulation) -> None:
    async with serve([*simulated.procedures, *simulated.events], now=NOW) as api:
        await set_undeclared(migrated)
        found = await scraped(api)
        priority = set(api.replay.registry) - set(UNDECLARED)
        assert found.ids("qos_results", "procedure") == priority
        for procedure_id in priority:
            await check_scope(api, found, f"/procedures/{procedure_id}", scope="procedure", id=procedure_id)
        await check_scope(api, found, "", scope="all", id="")


async def test_the_error_budget_is_that_of_the_api(serve: Serve, migrated: str, simulated: Simulation) -> None:
    async with serve([*simulated.procedures, *simulated.events], now=NOW) as api:
        await set_undeclared(migrated)
        found = await scraped(api)
        allowed = 0.0
        for procedure_id in api.replay.registry:
            budget = (await indicators(api, f"/procedures/{procedure_id}", "fiscal_year"))["error_budget"]
            allowed += (1 - budget["objective"]) * budget["results"]
            if procedure_id in UNDECLARED:
                continue
            scope = {"scope": "procedure", "id": procedure_id}
            assert found("qos_objective_ratio", **scope) == budget["objective"]
            for state in ("allowed", "used", "left"):
                assert found("qos_error_budget_cases", **scope, state=state) == budget[state]
        assert allowed > 5
        assert found("qos_error_budget_cases", scope="all", id="", state="allowed") == int(allowed + 1e-9)


async def test_procedures_that_are_not_declared_count_with_their_organisation(
    serve: Serve, migrated: str, simulated: Simulation
) -> None:
    async with serve([*simulated.procedures, *simulated.events], now=NOW) as api:
        await set_undeclared(migrated)
        found = await scraped(api)
        owners = {name: api.replay.history(name).versions[-1].organisation_id for name in UNDECLARED}
        assert found.ids("qos_results", "organisation") == set(owners.values())
        for organisation in set(owners.values()):
            own = [name for name, owner in owners.items() if owner == organisation]
            figures = [await indicators(api, f"/procedures/{name}", "28d") for name in own]
            scope = {"scope": "organisation", "id": organisation}
            opened = sum(each["standing"]["open"] for each in figures)
            assert found("qos_cases", **scope, state="open") == opened
            met = sum(each["compliance"]["within_period"]["numerator"] for each in figures)
            assert found("qos_results", **scope, window="28d", result="met") == met
        # Declared again, it is a scope of its own at the next reading.
        connection = await asyncpg.connect(migrated)
        await connection.execute("UPDATE procedures SET priority = true")
        await connection.close()
        again = await scraped(api)
        assert again.ids("qos_results", "procedure") == set(api.replay.registry)
        assert again.ids("qos_results", "organisation") == set()


async def test_ten_thousand_applications_last_year_make_a_priority_procedure(serve: Serve, migrated: str) -> None:
    async with serve([registered(), registered(procedure="quiet")], now=NOW) as api:
        connection = await asyncpg.connect(migrated)
        await connection.execute(
            "INSERT INTO day_buckets SELECT 1, id, 'construction', '2026-03-31', 'mail', false, 'arrived', 0, value"
            " FROM (VALUES ('road-occupation', 10000), ('quiet', 9999)) AS v (id, value)"
        )
        await connection.close()
        assert (await scraped(api)).ids("qos_results", "procedure") == {"road-occupation"}


async def test_the_oldest_open_case_its_names_and_a_period_in_hours(serve: Serve) -> None:
    """A case of 1 June, one of the 4th due at 13:00 of the 5th; it is noon of the 5th, then half past one."""
    events = [
        registered(period=Period(unit="hours", maximum=24), priority=True),
        registered(procedure="berth", organisation="ports"),
        happened("application.submitted", "2026-06-04 13:00", channel="online"),
        happened("application.submitted", "2026-06-01", procedure="berth", application="B-1", channel="mail"),
    ]
    permit, bureau = {"scope": "procedure", "id": "road-occupation"}, {"scope": "organisation", "id": "ports"}
    async with serve(events, now="2026-06-05 12:00") as api:
        found = await scraped(api)
        assert found("qos_cases", **permit, state="due_soon") == 1
        assert found("qos_cases", **permit, state="overdue") == 0
        assert found("qos_oldest_open_days", **permit) == 1
        assert found("qos_oldest_open_days", **bureau) == 4
        assert found("qos_oldest_open_days", scope="all", id="") == 4
        names = {"name_ja": "道路占用許可", "name_en": "Road occupation permit"}
        assert found("qos_scope_info", **permit, organisation="construction", **names) == 1
        assert found("qos_scope_info", **bureau, organisation="ports", name_ja="建設局", name_en="建設局") == 1


async def test_levels_of_priority_procedures(serve: Serve, migrated: str, simulated: Simulation) -> None:
    async with serve([*simulated.procedures, *simulated.events], now=NOW) as api:
        await set_undeclared(migrated)
        found = await scraped(api)
        for procedure_id in set(api.replay.registry) - set(UNDECLARED):
            levels = await api.ask(f"/v1/procedures/{procedure_id}/levels")
            for principle, assessed in levels["live"]["principles"].items():
                for reading in ("declared", "evidenced"):
                    labels = {"id": procedure_id, "principle": principle, "reading": reading}
                    live = assessed[reading]
                    assert found("qos_level", **labels, assessment="live") == live["level"]
                    assert found("qos_level_possible", **labels, assessment="live") == live["possible_level"]
                    settled = levels["settled"]["levels"][principle][reading]["level"]
                    assert found("qos_level", **labels, assessment="settled") == settled
        assert not [labels for name, labels in found.samples if name == "qos_level" and ("id", UNDECLARED[0]) in labels]


async def test_what_waits_to_be_judged_anew(serve: Serve, migrated: str) -> None:
    async with serve([registered()], now=NOW) as api:
        connection = await asyncpg.connect(migrated)
        await connection.execute("INSERT INTO rejudgements VALUES (1, 'road-occupation', 0, '2026-01-01')")
        await connection.close()
        assert (await scraped(api))("qos_rejudgements_pending") == 1
