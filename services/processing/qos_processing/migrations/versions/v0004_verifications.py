"""Verifications and what they found, and what a rebuild notes while it builds a generation beside the live one."""

from collections.abc import Sequence

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_TABLES = (
    # One row for each kind of thing that a verification compared (cases, buckets, totals, log).
    """
    CREATE TABLE verifications (
        finished_at timestamptz NOT NULL,
        what text NOT NULL,
        generation int NOT NULL,
        scope text NOT NULL,
        checked bigint NOT NULL,
        mismatches bigint NOT NULL,
        PRIMARY KEY (finished_at, what)
    )
    """,
    # The shares of the log that a rebuild loads, how far each is, and what it came to.
    """
    CREATE TABLE rebuild_shares (
        generation int NOT NULL REFERENCES generations,
        partition int NOT NULL,
        part int NOT NULL,
        records_total bigint NOT NULL,
        records_read bigint NOT NULL DEFAULT 0,
        cases bigint NOT NULL DEFAULT 0,
        bucket_sum numeric NOT NULL DEFAULT 0,
        refused bigint NOT NULL DEFAULT 0,
        loaded boolean NOT NULL DEFAULT false,
        PRIMARY KEY (generation, partition, part)
    ) WITH (fillfactor = 50)
    """,
    # Cases of which the live generation announced something since a rebuild began: the swap carries it over.
    """
    CREATE TABLE announced_during_rebuild (
        procedure_id text COLLATE "C" NOT NULL,
        application_id text COLLATE "C" NOT NULL,
        PRIMARY KEY (procedure_id, application_id)
    )
    """,
)


def upgrade() -> None:
    for statement in _TABLES:
        op.execute(statement)
