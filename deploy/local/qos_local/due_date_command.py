"""`qos due-date`: when a case is due, and why: the dates, and the ledger that explains every day."""

import sys
from datetime import timedelta
from functools import partial
from typing import Annotated
from zoneinfo import ZoneInfoNotFoundError

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from qos_domain.calendar import DEFAULT_TIME_ZONE, DEFAULT_VERSION, Calendar, CalendarRange, UnknownCalendar
from qos_domain.clock import ClockFacts, Judgement, judge
from qos_domain.ledger import LedgerDay, ledger
from qos_domain.procedures import ClockRules
from qos_domain.vocabulary import Stop
from qos_local import due_date_options as options
from qos_local.clock_vectors import UnusableVector, expectation, judge_vector, read_vector

_FLAGS = {
    "suspension_leftover": "a suspension or resumption has no counterpart, or comes twice: left over, ignored",
    "extension_ignored": "an extension is dated after the due date it would replace, or replaces none: ignored",
}


def due_date(  # noqa: PLR0913, PLR0917 - one parameter an option
    arrival: Annotated[str | None, typer.Option(help="When the application arrived: a date or a time.")] = None,
    period: Annotated[
        str | None,
        typer.Option(
            help="Standard period: a number or a range (counted by its maximum) and business_days, calendar_days,"
            " weeks, months, years or hours."
        ),
    ] = None,
    suspend: Annotated[
        list[str] | None,
        typer.Option(help="FROM..TO or FROM..TO:reason; nothing after the dots while it is open. Repeat it."),
    ] = None,
    extend: Annotated[
        list[str] | None, typer.Option(help="WHEN=NEW_DUE_DATE: the office extended the case. Repeat it.")
    ] = None,
    own_due_date: Annotated[
        str | None, typer.Option("--due-date", help="The case's own due date, as it was submitted with.")
    ] = None,
    decision: Annotated[list[str] | None, typer.Option(help="When it was decided. Repeat it.")] = None,
    result: Annotated[list[str] | None, typer.Option(help="When the result was notified. Repeat it.")] = None,
    stop: Annotated[Stop, typer.Option(help="What stops the clock.")] = "notification",
    count_arrival_day: Annotated[
        bool, typer.Option("--count-arrival-day", help="The arrival day is day 1 (Tokyo: the day after).")
    ] = False,
    roll: Annotated[
        bool, typer.Option("--roll-to-business-day", help="A due date on a closed day moves on to a business day.")
    ] = False,
    until: Annotated[str | None, typer.Option(help="Last date of the ledger, if not the stop or the breach.")] = None,
    time_zone: Annotated[str, typer.Option(help="The office's time zone.", envvar="QOS_TIME_ZONE")] = DEFAULT_TIME_ZONE,
    calendar: Annotated[
        str, typer.Option(help="A calendar's version, or its file.", envvar="QOS_CALENDAR")
    ] = DEFAULT_VERSION,
    as_json: Annotated[bool, typer.Option("--json", help="Print the judgement and the ledger as JSON.")] = False,
    jsonl: Annotated[
        bool, typer.Option("--jsonl", help="Read cases as JSON lines from standard input; print one answer a line.")
    ] = False,
) -> None:
    """Explain a due date: arrival, period, suspensions ... in, dates and the ledger of every day out.

    Times without an offset are the office's own; a date alone is its midnight.

    Examples:

    * `qos due-date --arrival 2025-05-02T23:50 --period "5 business_days" --result 2025-05-13`

    * `qos due-date --arrival 2025-05-02 --period "5 business_days" --suspend 2025-05-08..2025-05-12:correction`

    * `qos due-date --arrival 2025-01-31 --period "1 month" --extend 2025-02-20=2025-03-14 --json`

    * `zcat clock_vectors.jsonl.gz | qos due-date --jsonl`
    """
    days = _calendar(calendar, time_zone)
    if jsonl:
        raise typer.Exit(_answer_lines(days))
    if arrival is None:
        raise typer.BadParameter("say when the application arrived (or use --jsonl)", param_hint="--arrival")
    zone = days.time_zone
    read_instant = partial(options.instant, zone=zone)
    suspensions = options.read_all("--suspend", partial(options.suspension, zone=zone), suspend)
    extensions = options.read_all("--extend", partial(options.extension, zone=zone), extend)
    facts = ClockFacts(
        arrival=options.read("--arrival", read_instant, arrival),
        suspended=tuple((f"s{n}", begin, reason) for n, (begin, _, reason) in enumerate(suspensions, 1)),
        resumed=tuple((f"s{n}", end) for n, (_, end, _) in enumerate(suspensions, 1) if end is not None),
        decisions=options.read_all("--decision", read_instant, decision),
        results=options.read_all("--result", read_instant, result),
        due_date=None if own_due_date is None else options.read("--due-date", options.day, own_due_date),
        extensions=tuple((when, f"e{n}", due) for n, (when, due) in enumerate(extensions, 1)),
    )
    rules = ClockRules(count_arrival_day=count_arrival_day, roll_to_business_day=roll, stop=stop)
    normal = None if period is None else options.read("--period", options.period, period)
    last = None if until is None else options.read("--until", options.day, until)
    judgement = judge(facts, rules, normal, days)
    try:
        entries = ledger(facts, rules, normal, days, last)
    except CalendarRange as error:
        raise typer.BadParameter(str(error), param_hint="--arrival, --until") from error
    if "outside_calendar" in judgement.flags:
        first, last_year = days.data.first_year, days.data.last_year
        rule = f"the due date is outside calendar {days.version}, which covers the years {first} to {last_year}"
        raise typer.BadParameter(rule, param_hint="--period, --due-date, --extend")
    if as_json:
        answer = {"judgement": judgement, "calendar": days.version, "time_zone": days.time_zone.key, "ledger": entries}
        typer.echo(msgspec.json.encode(answer).decode())
    else:
        _show(judgement, entries, days)


def _calendar(version: str, time_zone: str) -> Calendar:
    try:
        return Calendar.load(version, time_zone)
    except ZoneInfoNotFoundError as error:
        raise typer.BadParameter(
            f"no time zone {time_zone!r}: use a name such as Asia/Tokyo", param_hint="--time-zone"
        ) from error
    except (UnknownCalendar, msgspec.DecodeError) as error:
        raise typer.BadParameter(str(error), param_hint="--calendar") from error


def _answer_lines(calendar: Calendar) -> int:
    """One answer a line, an error for a line that can't be judged; the exit code: 1 if there was one."""
    code = 0
    for number, line in enumerate(sys.stdin.buffer, 1):
        try:
            answer = expectation(judge_vector(read_vector(line), calendar))
        except UnusableVector as error:
            answer, code = {"error": f"line {number}: {error}"}, 1
        typer.echo(msgspec.json.encode(answer).decode())
    return code


def _show(judgement: Judgement, entries: tuple[LedgerDay, ...], calendar: Calendar) -> None:
    console = Console()
    summary = Table.grid(padding=(0, 2))
    for name, value in _summary(judgement, calendar):
        summary.add_row(f"[bold]{name}", value)
    console.print(summary)
    if not entries:
        return
    table = Table(title="Every day", title_justify="left")
    for name in ("date", "day", "counted", "total", "why", "what happened"):
        table.add_column(name, justify="right" if name == "total" else "left")
    for entry in entries:
        style = None if entry.counted else "dim"
        counted = ("yes" if entry.counted else "no") if entry.duration is None else _clock_time(entry.duration)
        joint = ", but for " if entry.counted else ": "
        why = entry.reason.replace("_", " ") + (joint + entry.detail if entry.detail else "")
        row = (entry.date.isoformat(), f"{entry.date:%a}", counted, str(entry.elapsed), why, "\n".join(entry.events))
        table.add_row(*row, style=style)
    console.print(table)


def _summary(judgement: Judgement, calendar: Calendar) -> list[tuple[str, str]]:
    rows = [("arrival", f"{judgement.arrival_date} ({calendar.time_zone.key}, calendar {calendar.version})")]
    if judgement.inconsistent:
        return [*rows, ("stopped", f"{judgement.stop_date}"), ("inconsistent", "stopped before it arrived: no result")]
    not_reached = "not reached while it is suspended" if judgement.suspended and judgement.unit else "none: no period"
    rows.append(("due", str(judgement.due_at or judgement.due_date or not_reached)))
    rows.append(("breach", str(judgement.breach_date or not_reached)))
    rows.append(("due soon from", str(judgement.due_soon_at or judgement.due_soon_date or not_reached)))
    if judgement.stop_date is not None:
        elapsed = "" if judgement.elapsed is None else f", elapsed {judgement.elapsed} {_counted_in(judgement)}"
        rows.append(("stopped", f"{judgement.stop_date}{elapsed}"))
    if judgement.within is not None:
        rows.append(("within", "yes" if judgement.within else "[red]no"))
    for begin, end in judgement.suspended:
        rows.append(("suspended", f"{begin} to {end or '(open)'}"))
    rows += [("note", _FLAGS[flag]) for flag in sorted(judgement.flags & _FLAGS.keys())]
    return rows


def _counted_in(judgement: Judgement) -> str:
    return {"business_days": "business days", "hours": "hours"}.get(judgement.unit or "", "calendar days")


def _clock_time(duration: timedelta) -> str:
    minutes = duration // timedelta(minutes=1)
    return f"{minutes // 60}:{minutes % 60:02}"
