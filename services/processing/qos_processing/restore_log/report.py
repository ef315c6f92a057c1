"""What was found and done, for people; and what it means as an exit code."""

from collections.abc import Sequence

from qos_processing.restore_log.findings import Finding

EXIT_DONE = 0
EXIT_BROKEN_OFF = 1
EXIT_REFUSED = 2


def as_text(findings: Sequence[Finding], *, dry_run: bool) -> str:
    """A paragraph for each topic partition that was compared, and what to do next."""
    if not findings:
        return (
            "Each partition's log reaches as far as the results, and stands as it was processed: nothing to do. If a"
            " log was cut off all the same, nobody had processed what it lost: sources must send it again."
        )
    lines = [finding.told() for finding in findings]
    if any(not finding.whole for finding in findings):
        lines.append(
            "Nothing was changed (--dry-run)."
            if dry_run
            else "Done. Start the workers; when they have caught up, `qos verify --everything --log` shows that log and"
            " results agree."
        )
    return "\n".join(lines)
