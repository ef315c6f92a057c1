"""A real permit office: its log goes through intake, Kafka, processing and PostgreSQL, and the metrics API says exactly
what is known of it. Then the same table is imported once more."""

from pathlib import Path

from typer.testing import CliRunner

from qos_local.cli import app
from qos_runtime.settings import RuntimeSettings
from support.real_data import data_file
from support.receipt_log import AS_OF, PROCEDURE_ID, TIME_ZONE, WINDOW, check_receipt_report
from support.system import System, running_system

SOURCE = "import/receipt-log"
# Two for each case that ended, one for each that is open, and the procedure itself.
EVENTS = 1434 + 1329 + 1


def test_the_receipt_log_goes_through_the_whole_system(runtime_settings: RuntimeSettings, tmp_path: Path) -> None:
    table = data_file("receipt_cases.csv.gz")
    settings = runtime_settings.model_copy(update={"time_zone": TIME_ZONE})
    with running_system(settings, tmp_path, sources=[SOURCE], environment={"QOS_TIME_ZONE": TIME_ZONE}) as system:
        import_table(system, table)
        system.wait_until_processed(EVENTS)
        figures = report(system)
        check_receipt_report(figures)

        import_table(system, table)
        system.wait_until_processed(2 * EVENTS)
        assert system.committed_records("repeated") == EVENTS
        assert report(system) == figures


def import_table(system: System, table: Path) -> None:
    result = CliRunner().invoke(
        app,
        ["import", str(table), "--mapping", "receipt-log", "--url", system.intake_url],
        env={"QOS_API_KEY": system.keys[SOURCE]},
    )
    assert result.exit_code == 0, result.output
    assert f"1,434 rows read, {EVENTS:,} events made, {EVENTS:,} sent." in result.stdout


def report(system: System) -> dict[str, object]:
    start, end = WINDOW.split("..")
    answer = system.ask(
        f"/v1/procedures/{PROCEDURE_ID}/indicators", as_of=AS_OF, **{"from": start, "to": end}, by_channel="true"
    )
    return {"total": answer["indicators"], "channels": answer["channels"]}
