"""What restatements came to, for people and for programs."""

from collections.abc import Sequence

import msgspec

from qos_domain.restatement import CAUSES
from qos_processing.restate.restating import RestatedMonth

_NAMES = {
    "unexplained": "unexplained",
    "logic": "other logic",
    "late_events": "late events",
    "registry": "a changed registry",
    "calendar": "another calendar",
    "criteria": "other criteria",
}


def as_json(restated: Sequence[RestatedMonth]) -> str:
    """A JSON array with an object for each month."""
    return msgspec.json.format(msgspec.json.encode(restated), indent=2).decode()


def as_text(restated: Sequence[RestatedMonth]) -> str:
    """A month a line, and below it the causes."""
    lines: list[str] = [] if restated else ["Nothing was published yet, so there is nothing to restate."]
    for month in restated:
        if not month.differing:
            lines.append(f"{month.period}: all {month.scopes:,} scopes stand as they were published.")
        else:
            lines.append(
                f"{month.period}: {month.differing:,} of {month.scopes:,} scopes differ from what was published;"
                f" {month.recorded:,} restatements are new."
            )
            lines += [f"  {month.causes[cause]:>8,} {_NAMES[cause]}" for cause in CAUSES if cause in month.causes]
        if not month.attributable:
            lines.append(
                "  The log isn't the one that it was published from: late events and a changed registry are among what"
                " is unexplained."
            )
    return "\n".join(lines)
