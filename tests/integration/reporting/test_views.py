"""The views for reports say what the metrics API says, to the last case, and are documented."""

import re
from pathlib import Path
from typing import Any, TypeAlias

import asyncpg
import pytest

from qos_domain.criteria import PRINCIPLES
from qos_processing.reporting_docs import document, read
from support.metrics import Api

pytestmark = pytest.mark.real

DOCS = Path(__file__).parents[3] / "docs"
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

# Sums of the window, beside the path of the same figure in the API's answer.
FIGURES = {
    "applications": "volume.applications",
    "withdrawn": "volume.withdrawn",
    "met": "compliance.within_period.numerator",
    "breached": "compliance.breached",
    "recovered": "compliance.recovered",
    "withdrawn_overdue": "compliance.withdrawn_overdue",
    "decided": "decisions.corrected.denominator",
    "corrected": "decisions.corrected.numerator",
    "returned": "decisions.returned.numerator",
    "notified": "electronic_notifications.denominator",
    "notified_electronically": "electronic_notifications.numerator",
    "payments": "cashless.payments.denominator",
    "cashless_payments": "cashless.payments.numerator",
    "paid_yen": "cashless.yen.denominator",
    "cashless_yen": "cashless.yen.numerator",
    "ratings": "satisfaction.rating.n",
    "rating_points": "satisfaction.rating.total",
    "satisfied": "satisfaction.satisfied.numerator",
    "inquiries": "inquiries.numerator",
    "starts": "forms.completed.denominator",
    "starts_submitted": "forms.completed.numerator",
    "starts_abandoned": "forms.abandoned.numerator",
    "attachments_stated": "attachments.sent.n",
    "devices_stated FILTER online": "smartphone.denominator",
    "smartphones FILTER online": "smartphone.numerator",
    "with_paper FILTER online": "attachments.online_with_paper.numerator",
    "applications FILTER online": "online.applications.numerator",
}
_OBJECTIVE = "SELECT objective FROM reporting.error_budgets WHERE procedure_id = $1 AND met = 2"


def at(answer: Any, path: str) -> Any:
    for part in path.split("."):
        answer = answer[part]
    return answer


def summed(name: str) -> str:
    column, _, online = name.partition(" FILTER ")
    return f"sum({column}) FILTER (WHERE {online or 'true'})"


async def test_every_view_and_column_is_documented(reader: Connection) -> None:
    columns, functions = await read(reader)
    uncommented = [f"{column.view}.{column.name}" for column in columns if not (column.comment and column.view_comment)]
    assert not uncommented
    assert (DOCS / "reporting.md").read_text("utf-8") == document(columns, functions), (
        "make it anew: python -m qos_processing.reporting_docs, on a migrated database"
    )


async def test_the_examples_of_the_documentation_work(reader: Connection) -> None:
    text = (DOCS / "reporting.md").read_text("utf-8")
    examples = [example for example in re.findall(r"```sql\n(.*?)```", text, re.DOTALL) if "SELECT " in example]
    examples = [example for example in examples if "GRANT" not in example]
    assert len(examples) == 2
    for example in examples:
        rows = await reader.fetch(example.replace("27", "364"))
        assert any(row[-1] is not None for row in rows), example


async def test_daily_figures_add_up_to_those_of_the_api(reader: Connection, api: Api) -> None:
    columns = ", ".join(f'coalesce({summed(name)}, 0) AS "{name}"' for name in FIGURES)
    rows = await reader.fetch(
        f"SELECT procedure_id, {columns} FROM reporting.daily_figures"  # noqa: S608 - our own columns
        " WHERE date BETWEEN reporting.local_date() - 364 AND reporting.local_date() GROUP BY procedure_id"
    )
    assert len(rows) == 11
    for row in rows:
        answer = await api.ask(f"/v1/procedures/{row['procedure_id']}/indicators", window="365d")
        expected = {name: at(answer["indicators"], path) for name, path in FIGURES.items()}
        assert {name: row[name] for name in FIGURES} == expected, row["procedure_id"]


async def test_processing_times_are_those_of_the_api(reader: Connection, api: Api) -> None:
    rows = await reader.fetch(
        "SELECT procedure_id, measure, sum(value) AS n, sum(bin * value) AS total, max(bin) AS most"
        " FROM reporting.day_buckets"
        " WHERE (measure ~ '^(elapsed|stage)_' OR measure IN ('calendar_days', 'form_minutes'))"
        " AND date BETWEEN reporting.local_date() - 364 AND reporting.local_date() GROUP BY procedure_id, measure"
    )
    found = {(row["procedure_id"], row["measure"]): row for row in rows}
    for procedure_id in {procedure_id for procedure_id, _ in found}:
        answer = await api.ask(f"/v1/procedures/{procedure_id}/indicators", window="365d")
        times = answer["indicators"]["processing_time"]
        expected = {
            "calendar_days": times["calendar_days"],
            "stage_waiting_days": times["waiting_days"],
            "stage_review_days": times["review_days"],
            "stage_notification_days": times["notification_days"],
            "form_minutes": answer["indicators"]["forms"]["minutes"],
            **{f"elapsed_{each['counting']}": each["elapsed"] for each in times["elapsed"]},
        }
        for measure, figures in expected.items():
            row = found.pop((procedure_id, measure), None)
            assert (row is None) == (figures is None), (procedure_id, measure)
            if row is not None:
                counted = (row["n"], float(row["total"] / row["n"]), row["most"])
                assert counted == (figures["n"], pytest.approx(figures["mean"]), figures["max"])
    assert not found


async def test_open_cases_and_error_budgets_are_those_of_the_api(reader: Connection, api: Api) -> None:
    rows = await reader.fetch(
        "SELECT * FROM reporting.error_budgets JOIN ("
        " SELECT procedure_id, sum(open) AS open, sum(suspended) AS suspended, sum(due_soon) AS due_soon,"
        " sum(overdue) AS overdue FROM reporting.open_cases GROUP BY procedure_id) c USING (procedure_id)"
    )
    assert sum(row["overdue"] for row in rows) > 0
    assert float(await reader.fetchval(_OBJECTIVE, "small")) == 0.4
    for row in rows:
        answer = (await api.ask(f"/v1/procedures/{row['procedure_id']}/indicators"))["indicators"]
        standing, budget = answer["standing"], answer["error_budget"]
        assert {state: row[state] for state in ("open", "suspended", "due_soon", "overdue")} == {
            state: standing[state] for state in ("open", "suspended", "due_soon", "overdue")
        }
        assert (row["met"] + row["breached"], row["breached"], row["allowed"], row["remaining"]) == (
            budget["results"],
            budget["used"],
            budget["allowed"],
            budget["left"],
        )
        assert float(row["objective"]) == budget["objective"]


async def test_the_registry_and_the_levels_are_those_of_the_api(reader: Connection, api: Api) -> None:
    organisations = await reader.fetch("SELECT * FROM reporting.organisations ORDER BY organisation_id")
    assert [(row["organisation_id"], row["name_ja"], row["name_en"], row["procedures"]) for row in organisations] == [
        (
            each["organisation_id"],
            each["name"]["ja"],
            each["name"]["en"] or each["name"]["ja"],
            each["procedures"],
        )
        for each in (await api.ask("/v1/organisations"))["organisations"]
    ]
    procedures = await reader.fetch("SELECT * FROM reporting.procedures")
    assert len(procedures) == 11
    for row in procedures:
        current = (await api.ask(f"/v1/procedures/{row['procedure_id']}"))["current"]
        assert row["name_en"] == (current["name"].get("en") or current["name"]["ja"])
        for field in ("standard_period", "online_standard_period"):
            period = current.get(field) or {"unit": None, "maximum": None}
            assert (row[f"{field}_unit"], row[field]) == (period["unit"], period["maximum"])
        answer = await api.ask(f"/v1/procedures/{row['procedure_id']}/levels")
        levels = await reader.fetch(
            "SELECT * FROM reporting.levels WHERE procedure_id = $1 AND reading = 'evidenced'", row["procedure_id"]
        )
        assert {level["principle"] for level in levels} == set(PRINCIPLES)
        for level in levels:
            live = answer["live"]["principles"][level["principle"]]
            assert (level["level"], level["possible_level"]) == tuple(live["evidenced"].values())
            assert level["contradictions"] == len(live["contradictions"])
            settled = answer["settled"]["levels"][level["principle"]]["evidenced"]
            assert (level["settled_level"], level["settled_since"].isoformat()) == (settled["level"], settled["since"])
