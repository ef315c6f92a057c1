"""Views for reports and dashboards, in a schema of their own, and a role that reads these and nothing else.

They are a contract (docs/reporting.md is made of the comments): tables may change behind them, a view only gets further
columns at its end. They speak of the live generation, and of no single case.
"""

import logging
from collections.abc import Sequence

import sqlalchemy
from alembic import op

from qos_processing.migrations.views import v0003_figures, v0003_pipeline, v0003_registry

revision = "0003"
down_revision = "0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

log = logging.getLogger("qos_processing.migrate")

_ZONE = "coalesce(nullif(current_setting('qos.time_zone', true), ''), 'Asia/Tokyo')"

_FUNCTIONS = (
    f"""
    CREATE FUNCTION reporting.local_date(moment timestamptz DEFAULT now()) RETURNS date
    LANGUAGE sql STABLE PARALLEL SAFE RETURN (moment AT TIME ZONE {_ZONE})::date
    """,
    "COMMENT ON FUNCTION reporting.local_date IS 'The local date of a moment (of now): all dates here are such.'",
    f"""
    CREATE FUNCTION reporting.day_start(day date) RETURNS timestamptz
    LANGUAGE sql STABLE PARALLEL SAFE RETURN day::timestamp AT TIME ZONE {_ZONE}
    """,
    "COMMENT ON FUNCTION reporting.day_start IS 'The moment at which a local date begins.'",
)

# The registry's come first: others are made of them.
VIEWS = (*v0003_registry.VIEWS, *v0003_figures.VIEWS, *v0003_pipeline.VIEWS)

# Roles belong to the whole server: another database may have made it, or be making it now.
_ROLE = """
    DO $$ BEGIN
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'qos_reader') THEN
            CREATE ROLE qos_reader NOLOGIN;
        END IF;
    EXCEPTION
        WHEN duplicate_object OR unique_violation OR insufficient_privilege THEN NULL;
    END $$
"""
GRANTS = (
    "GRANT USAGE ON SCHEMA reporting TO qos_reader",
    "GRANT SELECT ON ALL TABLES IN SCHEMA reporting TO qos_reader",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA reporting GRANT SELECT ON TABLES TO qos_reader",
)


def upgrade() -> None:
    op.execute("CREATE SCHEMA reporting")
    for statement in (*_FUNCTIONS, *(statement for view in VIEWS for statement in view.statements())):
        op.execute(statement)
    op.execute(_ROLE)
    there = op.get_bind().scalar(sqlalchemy.text("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = 'qos_reader')"))
    if there:
        for statement in GRANTS:
            op.execute(statement)
    else:
        log.warning(
            "This user may not create roles, so nobody but the owner reads the schema `reporting` yet. As one who may:"
            " CREATE ROLE qos_reader NOLOGIN; then as the owner of the schema: %s;",
            "; ".join(GRANTS),
        )
