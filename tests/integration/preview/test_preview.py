"""What another calendar or other criteria would change is told before it is done, and nothing is written."""

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from qos_domain import criteria as criteria_files
from qos_domain.criteria import Criteria
from qos_domain.periods import Month
from qos_domain.procedures import DeclaredAttributes, Period
from qos_domain.rulebooks import OtherContent
from qos_local.cli import app
from qos_processing.preview.effects import Preview
from qos_processing.preview.previewing import Previewing
from qos_processing.preview.refusals import SameVersion
from qos_processing.publish.refusals import NeverPublished
from qos_runtime.settings import RuntimeSettings
from support.builders import happened, registered
from support.calendars import as_file, with_holiday
from support.processing import replayed
from support.publishing import Office, an_office

pytestmark = pytest.mark.real

APRIL = Month(2025, 4)
NEW_HOLIDAY = "2025-04-10"
FIVE_DAYS = Period(unit="business_days", maximum=5)
CALENDAR_DAYS = Period(unit="calendar_days", maximum=7)
EVENTS = [
    registered(online_period=FIVE_DAYS, attributes=DeclaredAttributes(status_visible=True)),
    registered(procedure="cemetery", organisation="parks"),
    registered(procedure="waste", organisation="environment", period=CALENDAR_DAYS),
]
for _procedure, _cases in (("road-occupation", 12), ("cemetery", 3), ("waste", 2)):
    for _number in range(_cases):
        _case = {"procedure": _procedure, "application": f"A-{_number}"}
        # Due on Monday the 14th after five business days, on the 15th if the 10th is a holiday.
        EVENTS.append(happened("application.submitted", "2025-04-07", channel="online", **_case))
        EVENTS.append(happened("notification.sent", "2025-04-15", channel="electronic", **_case))


@pytest.fixture
async def office(runtime_settings: RuntimeSettings) -> AsyncIterator[Office]:
    """It is 20 May 2025; April is published."""
    async with an_office(runtime_settings, now="2025-05-20 12:00") as made:
        await made.receive(*EVENTS)
        await made.p.assessor.assess_touched()
        await made.p.totals.take_in()
        await made.publish("2025-04")
        yield made


def previewing(office: Office) -> Previewing:
    return Previewing(office.settings, clock=office.p.clock)


def mild() -> Criteria:
    """No compliance is asked for."""

    def milder(criterion: Any) -> Any:
        asked = criterion.id == "faster-2-compliance"
        return msgspec.structs.replace(criterion, threshold=0.0) if asked else criterion

    loaded = criteria_files.load()
    return msgspec.structs.replace(loaded, version="mild-1", criteria=tuple(map(milder, loaded.criteria)))


def levels(preview: Preview) -> list[tuple[str, str, str, str, int, int]]:
    return [
        (str(one.as_of), one.procedure_id, one.principle, one.reading, one.before, one.after) for one in preview.levels
    ]


LEVELS = [
    ("2025-04-30", "road-occupation", "faster", "evidenced", 1, 2),
    ("2025-05-20", "road-occupation", "faster", "evidenced", 1, 2),
]


async def test_another_calendar(office: Office, tmp_path: Path) -> None:
    other = with_holiday(NEW_HOLIDAY)
    before = await office.p.everything()
    preview = await previewing(office).calendar(str(as_file(other, tmp_path)))
    assert await office.p.everything() == before
    assert (preview.kind, preview.before, preview.after) == ("calendar", "jp-tokyo-1", "jp-tokyo-2")
    assert [(str(one.day), one.becomes) for one in preview.days] == [(NEW_HOLIDAY, "closed")]
    cases = preview.cases
    assert cases is not None
    assert (cases.cases, cases.refolded, cases.due_dates, cases.breach_dates) == (17, 17, 15, 15)
    assert [(one.before, one.after, one.cases) for one in cases.results] == [("breached", "met", 15)]
    views = {one.view.name: (one.view.published, one.procedures, one.met, one.breached) for one in preview.views}
    assert views["2025-04"] == (True, 2, 15, -15)
    assert views["28d"] == (False, 2, 0, 0)  # the error budget of the fiscal year is other
    assert list(views) == ["28d", "2025-05", "2025-04"]
    first = preview.figures[0]
    assert (first.view, first.procedure_id, first.size) == ("2025-04", "road-occupation", 12)
    told = {change.field.removeprefix("indicators."): (change.before, change.after) for change in first.changes}
    assert told["compliance.within_period.numerator"] == (0, 12)
    assert told["compliance.breached"] == (12, 0)
    assert told["processing_time.elapsed.business_days.p50"] == (6, 5)
    assert levels(preview) == LEVELS
    only = await previewing(office).calendar(str(as_file(other, tmp_path)), APRIL)
    assert [one.view.name for one in only.views] == ["2025-04"]
    # What was told is what happens.
    after = replayed(EVENTS, other).buckets()["road-occupation"]
    assert sum(count for row, count in after.items() if row.measure == "met") == 12


async def test_other_criteria(office: Office) -> None:
    before = await office.p.everything()
    preview = await previewing(office).criteria(mild())
    assert await office.p.everything() == before
    assert (preview.kind, preview.before, preview.after, preview.cases) == ("criteria", "tokyo-1", "mild-1", None)
    assert levels(preview) == LEVELS
    assert levels(await previewing(office).criteria(mild(), APRIL)) == LEVELS[:1]


async def test_what_can_not_be_told(office: Office, tmp_path: Path) -> None:
    with pytest.raises(SameVersion, match=r"calendar jp-tokyo-1 is in force already.*another version"):
        await previewing(office).calendar("jp-tokyo-1")
    with pytest.raises(SameVersion, match="criteria tokyo-1 is in force already"):
        await previewing(office).criteria(criteria_files.load())
    with pytest.raises(OtherContent, match="give what is new a version of its own"):
        await previewing(office).calendar(str(as_file(with_holiday(NEW_HOLIDAY, version="jp-tokyo-1"), tmp_path)))
    with pytest.raises(NeverPublished, match=r"2025-03 was never published.*published are 2025-04"):
        await previewing(office).criteria(mild(), Month(2025, 3))


async def test_the_command(office: Office, tmp_path: Path) -> None:
    path = str(as_file(with_holiday(NEW_HOLIDAY), tmp_path))
    (tmp_path / "mild.json").write_text(mild().content, encoding="utf-8")
    environment = {"DATABASE_URL": office.settings.database_url, "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}

    async def run(*arguments: str, command: str = "restate") -> tuple[int, str, str]:
        done = await asyncio.to_thread(CliRunner().invoke, app, [command, *arguments], env=environment)
        return done.exit_code, done.stdout, done.stderr

    code, said, _ = await run("--dry-run", "--calendar", path)
    assert code == 0
    assert "15 due dates, 15 breach dates, 15 results would change" in said
    assert "compliance.within_period.numerator" in said
    code, said, _ = await run("--dry-run", "--calendar", path, "--period", "2025-04", "--format", "json")
    assert code == 0
    assert json.loads(said)["views"][0]["met"] == 15
    code, said, _ = await run(
        "--dry-run", "--criteria", str(tmp_path / "mild.json"), "--period", "2025-04", "--format", "csv"
    )
    assert code == 0
    (row,) = csv.DictReader(io.StringIO(said))
    assert (row["what"], row["view"], row["name"]) == ("level", "2025-04-30", "levels.faster.evidenced.level")
    assert (row["before"], row["after"], row["difference"]) == ("1", "2", "1")
    _, said, _ = await run(command="rulebooks")
    assert [line.split()[:2] for line in said.splitlines()] == [["calendar", "jp-tokyo-1"], ["criteria", "tokyo-1"]]
    _, said, _ = await run("criteria", "tokyo-1", command="rulebooks")
    assert criteria_files.parse_json(said) == criteria_files.load()
    code, _, said = await run("criteria", "edo-1", command="rulebooks")
    assert (code, "No criteria 'edo-1' was ever in force" in said) == (2, True)
    (tmp_path / "none.json").write_text("{", encoding="utf-8")
    for arguments, complaint in (
        (("--dry-run",), "name one of them"),
        (("--dry-run", "--calendar", path, "--criteria", "tokyo-1"), "name one of them"),
        (("--dry-run", "--calendar", str(tmp_path / "none.json")), "Not compared"),
        (("--dry-run", "--calendar", "edo-1"), "no calendar 'edo-1'"),
        (("--dry-run", "--criteria", "edo-1"), "one of tokyo-1, or the path of a file"),
        (("--dry-run", "--calendar", path, "--period", "2024-01"), "2024-01 was never published"),
        (("--dry-run", "--calendar", path, "--period", "soon"), "a month such as"),
        (("--dry-run", "--calendar", "jp-tokyo-1"), "is in force already"),
    ):
        code, _, said = await run(*arguments)
        assert (code, complaint in " ".join(said.replace("│", " ").split())) == (2, True), said
