"""The statements of the read side, and how conditions become SQL. Values are parameters, always."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from qos_domain.cells import SETTLING_DAYS
from qos_domain.criteria import PRINCIPLES
from qos_domain.periods import Span
from qos_metrics.ports import Everything, ListFilter, OneOrganisation, OneProcedure, Page, Part, Scope

LIVE = "SELECT generation FROM generations WHERE status = 'live'"

PROGRESS = """
    SELECT max(last_appended_at), max(processed_at),
        (SELECT count(*) FROM rejudgements WHERE generation = $1)
    FROM partition_offsets WHERE generation = $1
"""
PROCESSED_OFFSETS = "SELECT topic, partition, next_offset FROM partition_offsets WHERE generation = $1"
HISTORY = """
    SELECT '[' || string_agg(fact, ',') || ']' FROM procedure_facts WHERE generation = $1 AND procedure_id = $2
"""

PROCEDURE_COLUMNS = """
    p.procedure_id, p.name_ja, p.name_en, p.organisation_id, p.organisation_name_ja, p.organisation_name_en,
    p.organisation_kind, p.kind, p.effective_from, p.retired, p.priority
"""
PROCEDURE = f"SELECT {PROCEDURE_COLUMNS}, p.version::text FROM procedures p WHERE generation = $1 AND procedure_id = $2"  # noqa: S608 - our own columns

# What `qos_domain.digitalisation` reads of a version: procedures that say the same of it are counted here.
_DIGITALISATION = ", ".join(
    f"version->'{field}'" for field in ("channels", "online_channels", "digital_since", "within_discretion", "barrier")
)
# The version in force today is that of an earlier day, too, for most procedures.
IN_FORCE_STILL = f"""
    SELECT p.version::text, alike.procedures
    FROM (
        SELECT min(procedure_id) AS procedure_id, count(*) AS procedures FROM procedures
        WHERE generation = $1 AND effective_from <= $2 AND (next_effective_from IS NULL OR next_effective_from > $2)
            AND NOT retired AND ($3::text IS NULL OR organisation_id = $3)
        GROUP BY {_DIGITALISATION}
    ) alike JOIN procedures p ON p.generation = $1 AND p.procedure_id = alike.procedure_id
"""  # noqa: S608 - our own fields
# The others' histories, where a version is of that day or earlier ([source, id, type, time, payload, ...] is a fact).
HISTORIES_OF_OTHERS = """
    SELECT '[' || string_agg(f.fact, ',') || ']'
    FROM procedures p JOIN procedure_facts f USING (generation, procedure_id)
    WHERE generation = $1 AND (p.effective_from > $2 OR p.next_effective_from <= $2)
    GROUP BY procedure_id
    HAVING bool_or((f.fact::json #>> '{4,effective_from}')::date <= $2)
"""

# An organisation's names and kind are those that its procedures give; where they differ, the latest version's.
ORGANISATIONS = """
    SELECT organisation_id,
        (array_agg(organisation_name_ja ORDER BY effective_from DESC, procedure_id))[1],
        (array_agg(organisation_name_en ORDER BY effective_from DESC, procedure_id))[1],
        (array_agg(organisation_kind ORDER BY effective_from DESC, procedure_id))[1],
        count(*)
    FROM procedures
    WHERE generation = $1 AND NOT retired AND ($2::text IS NULL OR organisation_id = $2)
    GROUP BY organisation_id ORDER BY organisation_id
"""
# A breach is dated by the day on which nothing came.
EVENT_DATES = """
    SELECT DISTINCT date FROM day_buckets
    WHERE generation = $1 AND procedure_id = $2 AND date BETWEEN $3 AND $4 AND measure <> 'breached' AND value > 0
"""
LEVELS = "SELECT revision, assessed_at, live::text, settled::text, settled_on FROM levels WHERE procedure_id = $1"
CASE_FACTS = "SELECT facts FROM cases WHERE generation = $1 AND procedure_id = $2 AND application_id = $3"

MAP_COLUMNS = ", ".join(
    ["l.assessed_at"]
    + [
        f"l.{principle}_{column}"
        for principle in PRINCIPLES
        for column in ("declared", "declared_possible", "evidenced", "evidenced_possible")
    ]
    + ["l.contradictions"]
)


def late(*, day: str, moment: str) -> str:
    """Whether a case is overdue: in hours by the instant, any other by the day (placeholders)."""
    return (
        f"coalesce(CASE WHEN due_at IS NOT NULL THEN due_at < {moment}::timestamptz"
        f" ELSE breach_date <= {day}::date END, false)"
    )


def soon(*, day: str, moment: str) -> str:
    """Whether a case has few days or hours left, or none."""
    return (
        f"coalesce(CASE WHEN due_soon_at IS NOT NULL THEN due_soon_at <= {moment}::timestamptz"
        f" ELSE due_soon_date <= {day}::date END, false)"
    )


_LATE, _SOON = late(day="$2", moment="$3"), soon(day="$2", moment="$3")

DUE_CASES = f"""
    SELECT application_id, organisation_id, channel, arrival_date, due_date, breach_date, due_at,
        CASE WHEN late THEN 'overdue' ELSE 'due_soon' END
    FROM (
        SELECT *, {_LATE} AS late, {_SOON} AS soon FROM cases
        WHERE generation = $1 AND status = 'open' AND procedure_id = $4 AND ($5::text IS NULL OR application_id > $5)
    ) c
    WHERE late OR (soon AND NOT suspended @> $2::date)
    ORDER BY application_id LIMIT $6
"""  # noqa: S608 - our own conditions


@dataclass(slots=True)
class Arguments:
    """The parameters of a statement in the making: `add` gives the placeholder of a value."""

    values: list[Any] = field(default_factory=list)

    def add(self, value: object) -> str:
        self.values.append(value)
        return f"${len(self.values)}"


def _buckets(scope: Scope, arguments: Arguments) -> str:
    """The rows (channel, online, measure, bin, date, value) of a scope, all of the live generation.

    Of more than one procedure: what is added up already, and what is still to be added.
    """
    columns = "channel, online, measure, bin, date, value"
    if isinstance(scope, OneProcedure):
        where = scope_condition(scope, arguments)
        return f"(SELECT {columns} FROM day_buckets WHERE generation = $1 AND {where}) b"  # noqa: S608 - placeholders
    where = scope_condition(scope, arguments)
    everything = str(isinstance(scope, Everything)).lower()
    return f"""(
        SELECT {columns} FROM scope_buckets WHERE generation = $1 AND everything = {everything} AND {where}
        UNION ALL
        SELECT {columns} FROM scope_bucket_changes WHERE generation = $1 AND {where}
    ) b"""  # noqa: S608 - placeholders


def scope_condition(scope: Scope, arguments: Arguments) -> str:
    match scope:
        case OneProcedure(procedure_id):
            return f"procedure_id = {arguments.add(procedure_id)}"
        case OneOrganisation(organisation_id):
            return f"organisation_id = {arguments.add(organisation_id)}"
        case Everything():
            return "true"


def retracted(scope: Scope, span: Span) -> tuple[str, list[Any]]:
    """One number: announced breaches that were retracted on the days of the span."""
    arguments = Arguments()
    where = scope_condition(scope, arguments)
    days = f"date BETWEEN {arguments.add(span.start)} AND {arguments.add(span.end)}"
    statement = f"SELECT coalesce(sum(breaches), 0)::bigint FROM retracted_breaches WHERE {where} AND {days}"  # noqa: S608 - placeholders
    return statement, arguments.values


def sums(generation: int, scope: Scope, as_of: date, parts: Sequence[Part]) -> tuple[str, list[Any]]:
    """Rows of (channel, online, measure, bin, the value of each part); a value may be null, and 0 may be left out.

    Parts of some measures are read by one scan of all their days: most of what it costs is walking the index.
    """
    arguments = Arguments([generation])
    buckets = _buckets(scope, arguments)
    whole = [index for index, part in enumerate(parts) if part.measures is None]
    some = [index for index, part in enumerate(parts) if part.measures is not None]
    scans = [[index] for index in whole] + ([some] if some else [])
    return " UNION ALL ".join(_scan(buckets, as_of, parts, scan, arguments) for scan in scans), arguments.values


def _scan(buckets: str, as_of: date, parts: Sequence[Part], scan: list[int], arguments: Arguments) -> str:
    spans = {index: parts[index].span.until(as_of) for index in scan}
    first = arguments.add(min(span.start for span in spans.values()))
    last = arguments.add(max(span.end for span in spans.values()))
    conditions = [f"date BETWEEN {first} AND {last}"]
    measures = {measure for index in scan for measure in parts[index].measures or ()}
    if measures:
        conditions.append(f"measure = ANY ({arguments.add(sorted(measures))}::text[])")
    for measure, days in SETTLING_DAYS.items():
        if not measures or measure in measures:
            conditions.append(f"NOT (measure = '{measure}' AND date > {arguments.add(as_of)}::date - {days})")
    values = []
    for index, part in enumerate(parts):
        if index not in spans:
            values.append("NULL")
            continue
        if len(scan) == 1:
            values.append("sum(value)")
            continue
        wanted = [f"date BETWEEN {arguments.add(spans[index].start)} AND {arguments.add(spans[index].end)}"]
        if part.measures is not None and set(part.measures) != measures:
            wanted.append(f"measure = ANY ({arguments.add(list(part.measures))}::text[])")
        values.append(f"sum(value) FILTER (WHERE {' AND '.join(wanted)})")
    sums_of = ", ".join(f"({value})::bigint" for value in values)
    return (
        f"SELECT channel, online, measure, bin, {sums_of} FROM {buckets}"  # noqa: S608 - placeholders
        f" WHERE {' AND '.join(conditions)} GROUP BY channel, online, measure, bin"
    )


def workloads(generation: int, scope: Scope, *, gone_by: bool) -> tuple[str, list[Any]]:
    """Rows of (is the total, channel, open, suspended, due soon, overdue, forecast).

    Parameters 2 to 4 are as_of, moment and horizon, to be filled in. Cases that ended after as_of count as open, so a
    day `gone_by` has to look at ended cases too.
    """
    arguments = Arguments([generation, None, None, None])
    where = scope_condition(scope, arguments)
    ended = f"""
        UNION ALL SELECT * FROM cases WHERE generation = $1 AND {where} AND status <> 'open' AND end_date > $2::date
    """  # noqa: S608 - placeholders
    statement = f"""
        SELECT grouping(channel) = 1, channel, count(*), count(*) FILTER (WHERE stands_still),
            count(*) FILTER (WHERE soon AND NOT late AND NOT stands_still), count(*) FILTER (WHERE late),
            count(*) FILTER (WHERE breach_date > $2::date AND breach_date <= $4::date)
        FROM (
            SELECT channel, breach_date, suspended @> $2::date AS stands_still, {_LATE} AS late, {_SOON} AS soon
            FROM (
                SELECT * FROM cases WHERE generation = $1 AND {where} AND status = 'open'
                {ended if gone_by else ""}
            ) c
            WHERE arrival_date <= $2::date
        ) d
        GROUP BY GROUPING SETS ((channel), ())
    """  # noqa: S608 - placeholders
    return statement, arguments.values


def list_conditions(wanted: ListFilter, arguments: Arguments) -> str:
    """Conditions on procedures `p` and, for levels, `l`."""
    conditions = ["p.generation = $1"]
    if not wanted.retired:
        conditions.append("NOT p.retired")
    if wanted.text:
        pattern = arguments.add(f"%{_escaped(wanted.text)}%")
        conditions.append(f"(p.name_ja ILIKE {pattern} OR p.name_en ILIKE {pattern} OR p.procedure_id ILIKE {pattern})")
    if wanted.organisation_id is not None:
        conditions.append(f"p.organisation_id = {arguments.add(wanted.organisation_id)}")
    if wanted.priority is not None:
        conditions.append("p.priority IS TRUE" if wanted.priority else "p.priority IS NOT TRUE")
    if wanted.principle is not None and wanted.level is not None:
        conditions.append(f"l.{wanted.principle}_evidenced = {arguments.add(wanted.level)}")
    if wanted.contradicted is not None:
        conditions.append(f"l.contradictions {'>' if wanted.contradicted else '='} 0")
    return " AND ".join(conditions)


def procedures(columns: str, generation: int, wanted: ListFilter, page: Page) -> tuple[str, list[Any]]:
    """A page of procedures, with levels where they are assessed; rows before an id come in descending order."""
    arguments = Arguments([generation])
    conditions = list_conditions(wanted, arguments)
    if page.after is not None:
        conditions += f" AND p.procedure_id > {arguments.add(page.after)}"
    if page.before is not None:
        conditions += f" AND p.procedure_id < {arguments.add(page.before)}"
    order = "DESC" if page.before is not None else "ASC"
    statement = (
        f"SELECT {columns} FROM procedures p LEFT JOIN levels l USING (procedure_id) WHERE {conditions}"  # noqa: S608 - placeholders
        f" ORDER BY p.procedure_id {order} LIMIT {arguments.add(page.limit)}"
    )
    return statement, arguments.values


def map_totals(generation: int, wanted: ListFilter) -> tuple[str, list[Any]]:
    """One row: procedures, assessed, contradicted, then how many are at 0, 1, 2, 3 of each principle."""
    arguments = Arguments([generation])
    conditions = list_conditions(wanted, arguments)
    levels = ", ".join(
        f"count(*) FILTER (WHERE l.{principle}_evidenced = {level})" for principle in PRINCIPLES for level in range(4)
    )
    statement = (
        f"SELECT count(*), count(l.procedure_id), count(*) FILTER (WHERE l.contradictions > 0), {levels}"  # noqa: S608 - placeholders
        f" FROM procedures p LEFT JOIN levels l USING (procedure_id) WHERE {conditions}"
    )
    return statement, arguments.values


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
