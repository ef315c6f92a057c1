"""The documentation of the views for reports, made of the comments in the database.

`DATABASE_URL=postgresql://... python -m qos_processing.reporting_docs > docs/reporting.md`, on a migrated database.
"""

import asyncio
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import asyncpg

_HEAD = """\
# Views for reports and dashboards

The schema `reporting` is what others may read in the database: dashboards, reports, a spreadsheet. Made of the
comments in the database by `python -m qos_processing.reporting_docs`; a test compares. Tables may change as they like,
these views keep their names, columns and meanings; new columns come at the end.

- They show the live generation of results, and only what was committed.
- They count cases, and never show one: no application id, no fact, no comment. A dashboard is exported, cached and
  photographed, and whoever is given one sees all of it. Single cases are the metrics API's, which asks who wants to
  know.
- Figures are exact, also where they are small. They are for staff; what is public goes through the metrics API, which
  rounds (docs/indicators.md, Small counts). Don't share a dashboard publicly.
- Dates are local ones. The time zone is Asia/Tokyo, or what the database says:
  `ALTER DATABASE qos SET qos.time_zone = 'Europe/Berlin'`; it must be that of the services (`QOS_TIME_ZONE`).

## Who may read them

The role `qos_reader` reads this schema and nothing else: no table, no other schema. It can't log in; whoever reads is
made a member of it. `deploy/grafana/postgres/10-grafana-user.sh` does so for Grafana, in the database's container or
with psql; it comes to

```sql
CREATE ROLE grafana LOGIN PASSWORD '...' IN ROLE qos_reader;
ALTER ROLE grafana SET default_transaction_read_only = on;
ALTER ROLE grafana SET statement_timeout = '30s';
```

The migration makes `qos_reader`. Where its user may not create roles (many managed databases), it goes on without, says
so on standard error, and only the owner reads the views until somebody who may has run
`CREATE ROLE qos_reader NOLOGIN`, and the owner:

```sql
GRANT USAGE ON SCHEMA reporting TO qos_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA reporting TO qos_reader;
ALTER DEFAULT PRIVILEGES IN SCHEMA reporting GRANT SELECT ON TABLES TO qos_reader;
```

## How to count

Add numerators and denominators, then divide; never add or average shares. A share whose denominator is 0 is null.

```sql
-- The online application rate of each procedure, of the last 28 days.
SELECT procedure_id, sum(value) FILTER (WHERE online)::float / nullif(sum(value), 0) AS online_rate
FROM reporting.day_buckets
WHERE measure = 'arrived' AND date BETWEEN reporting.local_date() - 27 AND reporting.local_date()
GROUP BY procedure_id;
```

Percentiles are nearest rank: the least value that so many cases did not exceed.

```sql
-- The 90th percentile of a procedure's processing time in calendar days, of the last 28 days.
SELECT min(bin) AS p90 FROM (
    SELECT bin, sum(cases) OVER (ORDER BY bin) AS upto, sum(cases) OVER () AS n FROM (
        SELECT bin, sum(value) AS cases FROM reporting.day_buckets
        WHERE procedure_id = 'road-occupation-permit' AND measure = 'calendar_days'
            AND date BETWEEN reporting.local_date() - 27 AND reporting.local_date()
        GROUP BY bin
    ) lengths
) ranked
WHERE upto >= 0.9 * n;
```
"""

_COLUMNS = """
    SELECT c.relname, obj_description(c.oid, 'pg_class'), a.attname, format_type(a.atttypid, a.atttypmod),
        col_description(c.oid, a.attnum)
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relnamespace = 'reporting'::regnamespace AND c.relkind = 'v' AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY c.relname, a.attnum
"""
_FUNCTIONS = """
    SELECT p.proname, pg_get_function_arguments(p.oid), format_type(p.prorettype, NULL),
        obj_description(p.oid, 'pg_proc')
    FROM pg_proc p WHERE p.pronamespace = 'reporting'::regnamespace ORDER BY p.proname
"""


@dataclass(frozen=True, slots=True)
class Column:
    """`comment` and `view_comment` are None where the database has none."""

    view: str
    view_comment: str | None
    name: str
    type: str
    comment: str | None


async def read(connection: "asyncpg.Connection[asyncpg.Record]") -> tuple[list[Column], list[tuple[str, ...]]]:
    """The columns of all views, and the functions (name, arguments, result, comment)."""
    columns = [Column(*row) for row in await connection.fetch(_COLUMNS)]
    return columns, [tuple(row) for row in await connection.fetch(_FUNCTIONS)]


def document(columns: Sequence[Column], functions: Sequence[tuple[str, ...]]) -> str:
    """The text of docs/reporting.md."""
    parts = [_HEAD, "\n## Functions\n\n| function | gives | meaning |\n| --- | --- | --- |\n"]
    parts += [f"| `{name}({arguments})` | {result} | {comment} |\n" for name, arguments, result, comment in functions]
    for (view, comment), of_view in groupby(columns, lambda column: (column.view, column.view_comment)):
        parts.append(f"\n## {view}\n\n{comment}\n\n| column | type | meaning |\n| --- | --- | --- |\n")
        parts += [f"| `{column.name}` | {column.type} | {column.comment} |\n" for column in of_view]
    return "".join(parts)


async def _print() -> None:
    connection = await asyncpg.connect(os.environ["DATABASE_URL"])
    try:
        sys.stdout.write(document(*await read(connection)))
    finally:
        await connection.close()


if __name__ == "__main__":
    asyncio.run(_print())
