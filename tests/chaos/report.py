"""The outcome of all seeds: a table for people, JSON for programs."""

import json
from collections.abc import Sequence
from statistics import median
from typing import Any

from rich.table import Table

from chaos.run import Outcome


def table(outcomes: Sequence[Outcome]) -> Table:
    """A row for each fault, over all seeds in which it was injected, and one over all seeds."""
    shown = Table(title=f"{len(outcomes)} seeds", title_justify="left")
    shown.add_column("fault")
    for column in ("runs", "exact", "events", "lost", "doubled", "to recover: median", "max"):
        shown.add_column(column, justify="right")
    for row in rows(outcomes):
        seconds = [f"{row[name]:.1f} s" if row[name] is not None else "" for name in ("median_seconds", "max_seconds")]
        numbers = [f"{row[name]:,}" for name in ("runs", "exact", "events", "lost", "doubled")]
        shown.add_row(str(row["fault"]), *numbers, *seconds)
    return shown


def rows(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """`runs` counts seeds, `exact` those that were compared and differ in nothing; `events` is what was sent in them.
    Seconds are those of all injections.
    """
    names = dict.fromkeys(sorted(name for outcome in outcomes for name in outcome.faults))
    found = [_row(name, [outcome for outcome in outcomes if name in outcome.faults], {name}) for name in names]
    return [*found, _row("all", outcomes, set(names))]


def _row(name: str, outcomes: Sequence[Outcome], faults: set[str]) -> dict[str, Any]:
    seconds = [took for outcome in outcomes for fault, took in outcome.recovered if fault in faults]
    return {
        "fault": name,
        "runs": len(outcomes),
        "exact": sum(outcome.exact for outcome in outcomes),
        "events": sum(outcome.events for outcome in outcomes),
        "lost": sum(outcome.findings.lost.total() for outcome in outcomes),
        "doubled": sum(outcome.findings.doubled.total() for outcome in outcomes),
        "median_seconds": round(median(seconds), 1) if seconds else None,
        "max_seconds": round(max(seconds), 1) if seconds else None,
    }


def differences(outcome: Outcome, command: str) -> str:
    """What is to be told of a run that was not exact: how to see it again, what was done, what differs."""
    lines = [f"seed {outcome.seed} is not exact. To see it again: {command}", f"  faults: {', '.join(outcome.steps)}"]
    if outcome.failure is not None:
        lines.append(f"  not compared: {outcome.failure}")
    for kind in dict.fromkeys([*outcome.findings.lost, *outcome.findings.doubled]):
        lost, doubled = outcome.findings.lost[kind], outcome.findings.doubled[kind]
        if lost or doubled:
            lines.append(f"  {kind}: {lost:,} lost, {doubled:,} doubled")
    lines += [f"    {text}" for text in outcome.findings.first]
    if outcome.exits:
        lines.append(f"  exit codes of services that were started again: {outcome.exits}")
    return "\n".join(lines)


def document(outcomes: Sequence[Outcome]) -> str:
    """Everything, as JSON."""
    runs = [
        {
            "seed": outcome.seed,
            "faults": outcome.steps,
            "exact": outcome.exact,
            "events": outcome.events,
            "seconds": round(outcome.seconds, 1),
            "recovered": [{"fault": fault, "seconds": round(took, 2)} for fault, took in outcome.recovered],
            "checked": outcome.findings.checked,
            "lost": outcome.findings.lost,
            "doubled": outcome.findings.doubled,
            "differences": outcome.findings.first,
            "exits": outcome.exits,
            "failure": outcome.failure,
        }
        for outcome in outcomes
    ]
    return json.dumps({"faults": rows(outcomes), "runs": runs}, indent=1)
