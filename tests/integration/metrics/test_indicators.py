"""Figures of the API are those of the pure core, to the last case, for every scope, window, channel and day."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import date, datetime, time, timedelta
from functools import cache
from typing import Any

import pytest

from qos_domain.cells import Buckets
from qos_domain.disclosure import public_report
from qos_domain.indicators import Report
from qos_domain.periods import window
from qos_domain.procedures import Period
from qos_domain.replay import Replay
from qos_domain.reporting import report
from qos_domain.rows import CaseRow, Row
from qos_domain.vocabulary import Channel
from qos_domain.workload import Workload, workload
from qos_local.simulation.simulate import Simulation, simulate
from support.builders import happened, registered
from support.metrics import CALENDAR, Serve

TODAY = date(2026, 11, 20)
NOW = "2026-11-20 15:00"


@pytest.fixture(scope="module")
def simulated() -> Simulation:
    return simulate(seed=11, today=TODAY, cases=600, calendar=CALENDAR)


@cache
def cases_and_buckets(replay: Replay) -> tuple[list[tuple[str, CaseRow]], dict[str, dict[Row, int]]]:
    """What the core makes of the events: the case rows with their procedure, and the buckets."""
    return [(key[0], projection.case) for key, projection in replay.projections()], replay.buckets()


def expected(
    replay: Replay, procedures: set[str], as_of: date, name: str, *, one: bool, objective: float | None
) -> Report:
    """The report of the pure core over the same events."""
    wanted = window(name, as_of)
    dated = [
        (date.fromordinal(row.day), (row.channel, row.online, row.measure, row.bin), count)
        for procedure_id, rows in cases_and_buckets(replay)[1].items()
        if procedure_id in procedures
        for row, count in rows.items()
    ]
    moment = datetime.combine(as_of, time(15), tzinfo=CALENDAR.time_zone)
    if as_of < TODAY:
        moment = datetime.combine(as_of + timedelta(1), time(), tzinfo=CALENDAR.time_zone) - timedelta(microseconds=1)
    return report(
        Buckets.gather(dated, wanted, as_of),
        window=wanted,
        as_of=as_of,
        one_procedure=one,
        objective=objective,
        workloads=workloads(replay, procedures, as_of, moment),
        retracted=0,
    )


def workloads(replay: Replay, procedures: set[str], as_of: date, moment: datetime) -> Mapping[Channel | None, Workload]:
    cases = [
        case
        for procedure_id, case in cases_and_buckets(replay)[0]
        if procedure_id in procedures and case.arrival_date is not None
    ]
    horizon = CALENDAR.nth_business_day_after(as_of, 5)
    channels: set[Channel | None] = {None} | {case.channel for case in cases}
    return {
        channel: workload(
            [case for case in cases if channel is None or case.channel == channel],
            as_of=as_of,
            moment=moment,
            horizon=horizon,
        )
        for channel in channels
    }


def plain(value: Any) -> Any:
    """A dataclass as its JSON reads back."""
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, tuple | list):
        return [plain(each) for each in value]
    return value


DAYS = [TODAY, TODAY - timedelta(1), date(2026, 8, 3), date(2026, 3, 31), date(2025, 12, 30)]


async def test_every_procedure_on_several_days(serve: Serve, simulated: Simulation) -> None:
    async with serve([*simulated.procedures, *simulated.events], now=NOW) as api:
        for procedure_id in api.replay.registry:
            objective = api.replay.history(procedure_id).versions[-1].procedure.objective
            for as_of, name in zip(DAYS, ("28d", "fiscal_year", "90d", "2025-Q4", "365d"), strict=True):
                path = f"/v1/procedures/{procedure_id}/indicators"
                answer = await api.ask(path, as_of=as_of.isoformat(), window=name, by_channel="true")
                found = expected(api.replay, {procedure_id}, as_of, name, one=True, objective=objective)
                assert answer["indicators"] == plain(asdict(found.total)), (procedure_id, as_of)
                assert answer["channels"] == {c: plain(asdict(i)) for c, i in found.channels.items()}
                assert answer["window"] == {
                    "name": name,
                    "start": found.window.start.isoformat(),
                    "end": found.window.end.isoformat(),
                }


async def test_organisations_and_all_add_their_procedures(serve: Serve, simulated: Simulation) -> None:
    async with serve([*simulated.procedures, *simulated.events], now=NOW) as api:
        everything = set(api.replay.registry)
        answer = await api.ask("/v1/indicators", window="365d", by_channel="true")
        found = expected(api.replay, everything, TODAY, "365d", one=False, objective=None)
        assert answer["indicators"] == plain(asdict(found.total))
        assert answer["channels"] == {c: plain(asdict(i)) for c, i in found.channels.items()}
        assert (answer["scope"], answer["procedure"], answer["organisation"]) == ("all", None, None)

        for organisation in (await api.ask("/v1/organisations"))["organisations"]:
            name = organisation["organisation_id"]
            own = {
                procedure_id
                for procedure_id in everything
                if api.replay.history(procedure_id).versions[-1].organisation_id == name
            }
            assert organisation["procedures"] == len(own)
            answer = await api.ask(f"/v1/organisations/{name}/indicators", window="90d")
            found = expected(api.replay, own, TODAY, "90d", one=False, objective=None)
            assert answer["indicators"] == plain(asdict(found.total))
            assert answer["organisation"]["organisation_id"] == name


async def test_the_public_form_is_the_cores(serve: Serve, simulated: Simulation) -> None:
    async with serve([*simulated.procedures, *simulated.events], now=NOW) as api:
        for procedure_id in api.replay.registry:
            objective = api.replay.history(procedure_id).versions[-1].procedure.objective
            path = f"/v1/procedures/{procedure_id}/indicators"
            answer = await api.public(path, window="90d", by_channel="true")
            found = public_report(expected(api.replay, {procedure_id}, TODAY, "90d", one=True, objective=objective))
            assert answer["audience"] == "public"
            assert answer["indicators"] == plain(asdict(found.total))
            assert answer["channels"] == {c: plain(asdict(i)) for c, i in found.channels.items()}


async def test_one_channel(serve: Serve, simulated: Simulation) -> None:
    async with serve([*simulated.procedures, *simulated.events], now=NOW) as api:
        procedure_id = next(iter(api.replay.registry))
        path = f"/v1/procedures/{procedure_id}/indicators"
        by_channel = await api.ask(path, window="365d", by_channel="true")
        alone = await api.ask(path, window="365d", channel="online")
        assert alone["indicators"] == by_channel["channels"]["online"]
        assert alone["channels"] is None
        assert alone["channel"] == "online"
        assert (await api.ask(path, channel="other"))["indicators"]["volume"]["applications"] == 0


async def test_a_case_that_changed_hands_counts_where_it_arrived(serve: Serve) -> None:
    """On 1 June the permit moves from construction to ports; what arrived in May stays with construction."""
    events = [
        registered(),
        registered("2026-06-01", organisation="ports", at="2026-05-20", type="procedure.updated"),
        happened("application.submitted", "2026-05-29", application="A-1", channel="online"),
        happened("application.submitted", "2026-06-02", application="A-2", channel="counter"),
        happened("application.submitted", "2026-06-03", application="A-3", channel="counter"),
    ]
    async with serve(events, now="2026-06-05 12:00") as api:
        ports = await api.ask("/v1/organisations/ports/indicators")
        assert ports["indicators"]["volume"]["applications"] == 2
        both = await api.ask("/v1/procedures/road-occupation/indicators")
        assert both["indicators"]["volume"]["applications"] == 3
        assert both["procedure"]["organisation"]["organisation_id"] == "ports"
        assert (await api.http.get("/v1/organisations/construction/indicators")).status_code == 404


async def test_a_period_in_hours_is_overdue_by_the_hour(serve: Serve) -> None:
    """Due at 13:00: at noon nothing is overdue though the day is the breach date; at 13:01 it is."""
    events = [
        registered(period=Period(unit="hours", maximum=24)),
        happened("application.submitted", "2026-06-04 13:00", application="A-1", channel="online"),
    ]
    async with serve(events, now="2026-06-05 12:00") as api:
        standing = (await api.ask("/v1/procedures/road-occupation/indicators"))["indicators"]["standing"]
        assert (standing["open"], standing["overdue"], standing["due_soon"]) == (1, 0, 1)
        cases = (await api.ask("/v1/cases/overdue", procedure="road-occupation"))["cases"]
        assert [(case["application_id"], case["state"]) for case in cases] == [("A-1", "due_soon")]
