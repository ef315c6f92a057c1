"""The examples of docs/api.md are true: each request is asked, and the answer says what the page shows of it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from qos_domain.events import Attachments, Event
from qos_domain.procedures import DeclaredAttributes, Period
from support.builders import happened, registered
from support.metrics import TOKEN, serving
from support.results import migrate

PAGE = Path(__file__).parents[3] / "docs" / "api.md"
EXAMPLE = re.compile(
    r"```http\nGET (?P<path>\S+)\n(?P<headers>(?:[A-Z][^\n]*\n)*)```\n+```json\n(?P<json>.*?)```", re.DOTALL
)


def story() -> Iterator[Event]:
    """A road occupation permit in November 2026: sixty applications, most of them online and in time."""
    yield registered(
        period=Period(unit="business_days", maximum=10),
        online_period=Period(unit="business_days", maximum=5),
        channels=("online", "counter"),
        within_discretion=True,
        attributes=DeclaredAttributes(status_visible=True, attachments_as_data=True),
    )
    for number in range(60):
        name, day = f"A-2026-{number:06}", f"2026-11-{2 + number % 5:02}"
        online = number % 4 != 0
        yield happened(
            "application.submitted",
            f"{day} 10:00",
            application=name,
            channel="online" if online else "counter",
            attachments=Attachments(digital=2, paper=1 if number % 9 == 0 else 0),
        )
        if number % 20 != 7:
            ended = f"2026-11-{9 + number % 4:02}" if number % 6 else "2026-11-17"
            yield happened("review.decided", f"{ended} 11:00", application=name, outcome="approved")
            yield happened(
                "notification.sent", f"{ended} 15:00", application=name, channel="electronic" if online else "mail"
            )


def examples() -> list[tuple[str, str, str]]:
    """(path, headers, the answer as shown) of each example of the page."""
    return [(found["path"], found["headers"], found["json"]) for found in EXAMPLE.finditer(PAGE.read_text("utf-8"))]


def test_the_page_has_examples() -> None:
    assert len(examples()) >= 8


async def test_the_examples_are_true(database_url: str) -> None:
    migrate(database_url)
    async with serving(database_url, story(), now="2026-11-20 15:00") as api:
        for path, headers, shown in examples():
            sent = dict(line.split(": ", 1) for line in headers.splitlines())
            if "Authorization" in sent:
                sent["Authorization"] = f"Bearer {TOKEN}"
            answer = await api.http.get(path, headers=sent)
            assert_shows(answer.json(), json.loads(shown), path)


def assert_shows(said: Any, shown: Any, where: str) -> None:
    """What is shown is said; a page may leave out fields, and the end of a list."""
    if isinstance(shown, dict):
        assert isinstance(said, dict), where
        for name, value in shown.items():
            assert name in said, f"{where}.{name}"
            assert_shows(said[name], value, f"{where}.{name}")
    elif isinstance(shown, list):
        assert len(said) >= len(shown), where
        for index, value in enumerate(shown):
            assert_shows(said[index], value, f"{where}[{index}]")
    else:
        assert said == shown, where
