"""What is said of a log that has lost its tail."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from qos_processing.ports import Record, instant_of, milliseconds
from qos_processing.restore_log.findings import Finding, Stored
from qos_processing.restore_log.report import as_text
from support.builders import happened

AT = datetime(2026, 4, 1, 1, 0, 3, 114_000, tzinfo=UTC)
LOST = Finding(
    topic="applications",
    partition=3,
    stored=Stored(1_000, AT),
    end=830,
    go_on_at=812,
    appended_before=AT - timedelta(hours=1),
    events=[happened("application.withdrawn", "2026-03-31")] * 180,
    refused=3,
    conflicts=2,
    unknown_since=AT + timedelta(minutes=12),
)


def test_what_is_lost_and_what_comes_back() -> None:
    told = as_text([LOST], dry_run=False).splitlines()
    assert told == [
        "applications-3: the log goes on at offset 812, the results stand at 1,000: 188 offsets are lost.",
        "  180 events are known from the results and go back into the log.",
        "  3 records were refused when they came: they stay dead letters, for 30 days.",
        "  5 repeated an event that had come before.",
        "  2 events came with two contents, and only the one that counts is known: results go on marking the conflict,"
        " a rebuild would not.",
        "  What was appended after 2026-04-01T01:00:03.114+00:00 and before 2026-04-01T01:12:03.114+00:00 and not"
        " processed yet is not known: sources must send it again.",
        "Done. Start the workers; when they have caught up, `qos verify --everything --log` shows that log and results"
        " agree.",
    ]


def test_a_log_that_holds_everything_is_whole_though_workers_lag() -> None:
    whole = Finding("reviews", 0, Stored(5, None), 9, 5, AT, [], 0, 0, AT)
    assert whole.whole
    assert "holds all that the results tell of, up to offset 5" in as_text([whole], dry_run=True)
    assert "Nothing was changed" in as_text([LOST, whole], dry_run=True)
    assert "nothing to do" in as_text([], dry_run=False)


@pytest.mark.parametrize("appended_ms", [0, 1, 1_774_974_003_114, 1_774_974_003_999, -1])
def test_an_append_time_is_the_same_after_it_was_stored(appended_ms: int) -> None:
    record = Record(None, None, (), 0, appended_ms)
    assert milliseconds(record.appended_at) == appended_ms
    assert instant_of(appended_ms) == record.appended_at
    assert msgspec.json.decode(msgspec.json.encode(record.appended_at), type=datetime) == record.appended_at
