"""Alerts as they happen: a real Prometheus and Alertmanager watch the running system."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from qos_runtime.kafka import producer
from support.alerting import RUNBOOK
from support.binaries import binary
from support.city import City, running_city
from support.eventually import eventually, eventually_sync
from support.watching import MUTED_BY_A_CLOSED_DAY, MUTED_BY_THE_HOUR

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def city(kafka: str, postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    for program in ("prometheus", "promtool", "prometheus-alertmanager", "amtool"):
        binary(program)
    with running_city(kafka, postgres, tmp_path_factory.mktemp("city")) as running:
        yield running


def test_a_drowning_procedure_is_told_to_its_bureau_when_the_office_opens_and_so_is_its_recovery(city: City) -> None:
    watch, desks = city.watch, city.watch.desks
    watch.close_offices_for_a_holiday()
    city.applied("construction-permit", 30, days=-7)

    def held() -> bool:
        known = watch.known(alertname="QosBudgetBurnsFast", bureau="construction")
        return [alert["receivers"] for alert in known] == [[{"name": "bureau-construction"}]]

    eventually_sync(held)
    watch.wait_for_silence(MUTED_BY_A_CLOSED_DAY, bureau="construction")
    assert desks.told("bureau-construction") == []

    watch.close_offices_for_the_night()
    watch.wait_for_silence(MUTED_BY_THE_HOUR, bureau="construction")
    assert desks.told("bureau-construction") == []

    watch.open_offices()
    told = eventually_sync(lambda: desks.told("bureau-construction", "firing", alertname="QosBudgetBurnsFast"))
    assert told[0]["labels"]["procedure_id"] == "construction-permit"
    assert told[0]["annotations"]["summary_ja"].startswith("道路占用許可：直近7日間の処理結果の 100%")
    assert told[0]["annotations"]["runbook_url"].endswith("#qosbudgetburnsfast")
    assert eventually_sync(lambda: desks.told("bureau-construction", "firing", alertname="QosCasesOverdue"))

    # They were decided in time, and only reported late.
    city.notified("construction-permit", 30, days=-3)
    for alert in ("QosBudgetBurnsFast", "QosCasesOverdue"):
        eventually_sync(lambda alert=alert: desks.told("bureau-construction", "resolved", alertname=alert))
    eventually_sync(lambda: watch.firing(bureau="construction") == set())
    assert "QosBudgetBurnsFast" in watch.firing(bureau="environment")
    assert desks.told("central-office") == []
    assert desks.told("bureau-environment", procedure_id="construction-permit") == []


def test_a_worker_killed_under_traffic_pages_at_night_until_it_is_back_and_nothing_is_lost(city: City) -> None:
    watch, desks = city.watch, city.watch.desks
    (worker,) = city.system.workers
    watch.close_offices_for_the_night()
    with city.traffic("quiet-permit") as accepted:
        eventually_sync(lambda: len(accepted) > 10)
        worker.kill()
        page = eventually_sync(lambda: desks.told("operations-pages", "firing", alertname="QosWorkersAway"))
        assert page[0]["labels"]["job"] == "qos-processing"
        assert page[0]["annotations"]["runbook_url"].endswith("#qosworkersaway")

        # What bureaus would be told rests on figures that stand still.
        def inhibited() -> bool:
            known = watch.known(alertname="QosBudgetBurnsFast", bureau="environment")
            return bool(known) and all(alert["status"]["inhibitedBy"] for alert in known)

        eventually_sync(inhibited)
        killed_after = len(accepted)
        eventually_sync(lambda: len(accepted) > killed_after + 10)

        worker.start_again()
        eventually_sync(lambda: desks.told("operations-pages", "resolved", alertname="QosWorkersAway"), within=120)
        eventually_sync(lambda: "QosWorkersAway" not in watch.firing())

    def counted() -> bool:
        indicators = city.system.ask("/v1/procedures/quiet-permit/indicators")["indicators"]
        return bool(indicators["volume"]["applications"] == len(accepted))

    eventually_sync(counted)
    watch.open_offices()


def test_without_a_metrics_service_one_page_says_so_and_the_target_is_named(city: City) -> None:
    watch, desks = city.watch, city.watch.desks
    assert city.system.metrics.stop() == 0
    eventually_sync(lambda: watch.firing(job="qos-metrics") >= {"QosTargetDown", "QosMetricsAway"})
    eventually_sync(lambda: desks.told("operations-pages", "firing", alertname="QosMetricsAway"))
    (down,) = watch.known(alertname="QosTargetDown", job="qos-metrics")
    assert down["status"]["inhibitedBy"], "the page says it already"

    city.system.metrics.start_again()
    eventually_sync(lambda: desks.told("operations-pages", "resolved", alertname="QosMetricsAway"), within=120)
    eventually_sync(lambda: watch.firing(area="pipeline") == set())
    assert desks.told("operations-tickets", alertname="QosTargetDown", job="qos-metrics") == []


async def test_a_record_that_nobody_can_use_is_a_ticket_for_the_operators(city: City) -> None:
    settings = city.settings
    sender = producer(settings, client_id="somebody-past-intake")
    await sender.start()
    try:
        await sender.send_and_wait(settings.topic("applications"), b"not an event", key=b"quiet-permit")
    finally:
        await sender.stop()
    desks = city.watch.desks
    ticket = await eventually(lambda: desks.told("operations-tickets", "firing", alertname="QosDeadLetters"))
    assert (ticket[0]["labels"]["topic"], ticket[0]["labels"]["reason"]) == ("applications", "malformed_json")
    assert not desks.told("operations-pages", alertname="QosDeadLetters")


def test_every_command_of_the_runbook_runs_as_it_is_pasted(city: City) -> None:
    preamble, *commands = re.findall(
        r"^```sh\n(.*?)^```$", RUNBOOK.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    tools = {str(Path(binary(tool)).parent) for tool in ("promtool", "amtool")}
    environment = {
        "PATH": ":".join([*tools, os.environ["PATH"]]),
        "PROMETHEUS_URL": city.watch.prometheus_url,
        "ALERTMANAGER_URL": city.watch.alertmanager_url,
        "INTAKE_URL": city.system.intake_url,
        "PROCESSING_URL": city.system.worker_urls[0],
        "METRICS_URL": city.system.metrics_url,
        "PROCEDURE": "well-permit",
        "BUREAU": "environment",
    }
    assert len(commands) > 20
    failed = []
    for command in commands:
        script = f"set -euo pipefail\n{preamble}{command}"
        ran = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, check=False)
        if ran.returncode or ran.stderr:
            failed.append(f"{command}{ran.stdout}{ran.stderr}")
    assert not failed, "\n".join(failed)
