"""The commands say by their exit code whether it is done, and what it came to by JSON."""

import json
import os
import subprocess
import sys

import pytest

from support.builders import happened
from support.publishing import Office
from support.stack import environment_of

pytestmark = pytest.mark.real

AT_A_TERMINAL, AS_A_JOB = ("qos_local", "publish"), ("qos_processing.publish",)


def run(office: Office, *command: str) -> tuple[int, str, str]:
    environment = {**os.environ, **environment_of(office.settings)}
    done = subprocess.run(
        [sys.executable, "-m", *command], env=environment, capture_output=True, check=False, text=True, timeout=300
    )
    return done.returncode, done.stdout, done.stderr


async def test_published_restated_and_refused(april: Office) -> None:
    code, said, _ = run(april, *AT_A_TERMINAL, "2025-04", "--format", "json")
    assert code == 0
    published = json.loads(said)
    assert (published["new"], published["publication"]["period"]) == (True, "2025-04")
    code, said, _ = run(april, *AS_A_JOB, "2025-04")
    assert code == 0
    assert f"2025-04 is published already: {published['publication']['publication_id']}" in said
    code, _, complaint = run(april, *AS_A_JOB, "june")
    assert code == 2
    assert "Not published: no window 'june': a month such as 2026-10" in complaint

    code, _, complaint = run(april, "qos_processing.restate", "2025-03")
    assert code == 2
    assert (
        "Not restated: 2025-03 was never published, so there is nothing to restate: published are 2025-04" in complaint
    )
    await april.receive(happened("notification.sent", "2025-04-03", application="A-11", channel="electronic"))
    code, said, _ = run(april, "qos_local", "restate")
    assert code == 0
    assert "2025-04: 3 of 4 scopes differ from what was published; 3 restatements are new." in said
    assert "3 late events" in said
