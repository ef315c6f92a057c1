"""The result of a verification for people and for programs, and what it means as an exit code."""

import msgspec

from qos_processing.verify.findings import WHATS, Verified

EXIT_CLEAN = 0
EXIT_MISMATCHES = 1
EXIT_NOT_VERIFIED = 2

_NAMES = {
    "cases": "cases refolded",
    "buckets": "day buckets summed",
    "totals": "totals summed",
    "log": "cases and procedures compared with the log",
}


def exit_code(verified: Verified) -> int:
    return EXIT_CLEAN if verified.clean else EXIT_MISMATCHES


def as_json(verified: Verified) -> str:
    """One JSON object: all fields of `Verified`."""
    return msgspec.json.format(msgspec.json.encode(verified), indent=2).decode()


def as_text(verified: Verified) -> str:
    """What was compared, then a line for each mismatch (the first thousand)."""
    lines = [f"Generation {verified.generation}, {verified.scope}:"]
    lines += [
        f"  {verified.checked[what]:>12,} {_NAMES[what]}, {verified.mismatch_counts[what]:,} mismatches"
        for what in WHATS
        if what in verified.checked
    ]
    if verified.rejudging:
        lines.append(
            f"  Not refolded: the cases of {verified.rejudging:,} procedures that wait to be judged anew after a"
            " change of the registry."
        )
    lines += map(str, verified.mismatches)
    more = sum(verified.mismatch_counts.values()) - len(verified.mismatches)
    if more:
        lines.append(f"... and {more:,} more.")
    return "\n".join(lines)
