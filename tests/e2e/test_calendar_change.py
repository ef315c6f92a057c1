"""A calendar is changed as docs/restatement.md says, command by command, while workers run."""

import asyncio
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from qos_domain.procedures import DeclaredAttributes, Period
from qos_processing.migrate import migrate
from qos_runtime.kafka import admin_client
from qos_runtime.postgres import Pool, create_pool
from qos_runtime.settings import RuntimeSettings
from qos_runtime.topics import create_topics
from support.builders import happened, registered
from support.eventually import eventually
from support.live_results import LiveResults, append
from support.services import running_service
from support.stack import environment_of

pytestmark = pytest.mark.real

PAGE = (Path(__file__).parents[2] / "docs" / "restatement.md").read_text(encoding="utf-8")
CASES = 12


def commands() -> Iterator[tuple[dict[str, str], list[str]]]:
    """Those of the page in their order: the variables that each sets, and its arguments."""
    for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL):
        for line in block.strip().splitlines():
            words = shlex.split(line)
            variables = dict(word.split("=", 1) for word in words[: words.index("qos")])
            yield variables, words[words.index("qos") + 1 :]


def words(line: str) -> str:
    return " ".join(line.split())


def documented() -> set[str]:
    """What the page shows of a dry run, but for what depends on today's date and what it leaves out."""
    (shown,) = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)
    today = re.compile(r"no +0 +0 +0 +0$|\.\.\.$")
    return {words(line) for line in shown.strip().splitlines() if not today.search(line)}


def run(environment: dict[str, str], folder: Path, arguments: list[str]) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "qos_local", *arguments],
        env={**os.environ, **environment},
        cwd=folder,
        capture_output=True,
        check=False,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
    return done.stdout + done.stderr


async def assessed_with(pool: Pool) -> str | None:
    """The calendar that the assessment of the permit rests on."""
    found: str | None = await pool.fetchval("SELECT live #>> '{lineage,calendar}' FROM levels")
    return found


@pytest.mark.timeout(900)
async def test_the_page_step_by_step(runtime_settings: RuntimeSettings, tmp_path: Path) -> None:
    """Applied on Friday 26 September 2025 with five business days, answered on 6 October: a working day too late, but
    for a holiday on 1 October."""
    settings = runtime_settings
    online_period = Period(unit="business_days", maximum=5)
    events = [registered(online_period=online_period, attributes=DeclaredAttributes(status_visible=True))]
    for number in range(CASES):
        application = f"A-{number}"
        events.append(happened("application.submitted", "2025-09-26", application=application, channel="online"))
        events.append(happened("notification.sent", "2025-10-06", application=application, channel="electronic"))
    await migrate(settings.database_url)
    async with admin_client(settings) as admin:
        await create_topics(admin, settings)
    await append(settings, events)
    environment = {**environment_of(settings), "QOS_PROCESSING_PORT": "0"}
    with_it = {**environment, "QOS_CALENDAR": str(tmp_path / "calendar-tokyo-2.json")}
    pool = await create_pool(settings.database_url, application_name="test", max_size=2)
    said: list[str] = []
    try:
        live = LiveResults(pool)

        async def processed() -> bool:
            return await live.processed() == len(events) and await assessed_with(pool) is not None

        with running_service("qos_processing", environment) as former:
            await eventually(processed, within=120)
            run(environment, tmp_path, ["publish", "2025-10"])
            for variables, arguments in commands():
                if arguments[0] == "rebuild" and "--calendar" in arguments:
                    with running_service("qos_processing", with_it) as early:
                        assert await asyncio.to_thread(early.wait_for_exit, within=60) == 1
                        assert "the live results were made with calendar jp-tokyo-1" in early.logs()
                    assert former.exit_code is None
                said.append(await asyncio.to_thread(run, {**environment, **variables}, tmp_path, arguments))
            assert await asyncio.to_thread(former.wait_for_exit, within=60) == 1
            assert "this process has calendar jp-tokyo-1: set QOS_CALENDAR" in former.logs()
        with running_service("qos_processing", with_it) as present:

            async def restated() -> bool:
                return await assessed_with(pool) == "jp-tokyo-2"

            await eventually(restated, within=120)
            assert present.stop() == 0
        assert await live.generations() == [(2, "live")]
        assert await pool.fetchval("SELECT count(*) FROM cases WHERE result = 'met'") == CASES
    finally:
        await pool.close()
    dry_run, *_, restated_month, _ = said[1:]
    assert documented() <= {words(line) for line in dry_run.splitlines()}
    assert "3 another calendar" in restated_month
