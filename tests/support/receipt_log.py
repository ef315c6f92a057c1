"""What is known of the receipt log of a permit office (1,434 cases, October 2010 to January 2012)."""

from collections.abc import Mapping
from typing import Any

AS_OF = "2012-01-23"
WINDOW = "2010-10-01..2012-01-23"
TIME_ZONE = "Europe/Amsterdam"
PROCEDURE_ID = "WABO-receipt"

# channel -> stopped, p50, p90, p95 (calendar days), within the period. One case came by another channel ("Intern").
CHANNELS: Mapping[str, tuple[int, int, int, int, int]] = {
    "online": (1148, 49, 105, 130, 889),
    "counter": (107, 55, 124, 151, 80),
    "mail": (52, 55, 81, 106, 37),
    "email": (21, 59, 113, 180, 13),
}


def check_receipt_report(report: Mapping[str, Any]) -> None:
    """`report` is the JSON of the procedure's report over WINDOW as of AS_OF. Raises AssertionError."""
    total = report["total"]
    online = total["online"]["applications"]
    assert (online["numerator"], online["denominator"]) == (1271, 1434)
    assert round(online["share"], 6) == 0.886332
    days = total["processing_time"]["calendar_days"]
    assert (days["n"], days["p50"], days["p90"], days["p95"]) == (1329, 50, 105, 132)
    # A result each for 1,329 that stopped and for 37 that are open and overdue.
    results = total["compliance"]["within_period"]
    assert (results["numerator"], results["denominator"]) == (1020, 1329 + 37)
    assert total["compliance"]["recovered"] == 1329 - 1020
    assert (total["standing"]["open"], total["standing"]["overdue"]) == (105, 37)
    assert total["data_quality"] == {"unsubmitted": 0, "unregistered": 0, "inconsistent": 0, "conflicts": 0}
    for channel, (stopped, p50, p90, p95, within) in CHANNELS.items():
        found = report["channels"][channel]
        days = found["processing_time"]["calendar_days"]
        assert (days["n"], days["p50"], days["p90"], days["p95"]) == (stopped, p50, p90, p95), channel
        assert found["compliance"]["within_period"]["numerator"] == within, channel
    assert report["channels"]["other"]["volume"]["applications"] == 1
