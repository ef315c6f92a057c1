"""A short run of the chaos suite: workers, intake and PostgreSQL are killed under traffic, and nothing tells of it."""

from pathlib import Path

import pytest

from chaos.registry import FAULTS
from chaos.report import differences
from chaos.run import Plan, run
from chaos.schedule import Step


@pytest.mark.real
@pytest.mark.timeout(600)
async def test_kills_under_traffic_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    killed = [FAULTS[name] for name in ("worker-killed", "intake-killed", "postgres-killed")]
    plan = Plan(seed=2026, steps=[Step(1.0, tuple(killed))], cases=250, seconds=8.0, logs=tmp_path)
    outcome = await run(plan)
    assert outcome.exact, differences(outcome, "make test ARGS=tests/e2e/test_chaos.py")
    assert outcome.events > 1_000
    assert {fault for fault, _ in outcome.recovered} == {fault.name for fault in killed}
    for kind in ("events in the log", "events of cases", "cases", "day buckets", "totals", "levels", "announcements"):
        assert outcome.findings.checked[kind] > 0, kind
