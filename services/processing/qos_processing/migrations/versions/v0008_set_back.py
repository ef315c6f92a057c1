"""What a database that was set back (restored from a backup, an older replica) has to find out again.

`published_offsets`: up to where what stands in the outgoing topics is known here; what stands after it was published by
a database that knew more. `early_decisions`: decisions about dead letters that aren't here yet.
"""

from collections.abc import Sequence

from alembic import op

revision = "0008"
down_revision = "0005"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_STATEMENTS = (
    """
    CREATE TABLE published_offsets (
        topic text NOT NULL,
        partition int NOT NULL,
        next_offset bigint NOT NULL,
        PRIMARY KEY (topic, partition)
    ) WITH (fillfactor = 20)
    """,
    """
    CREATE TABLE early_decisions (
        topic text NOT NULL,
        partition int NOT NULL,
        "offset" bigint NOT NULL,
        state text NOT NULL,
        decided_by text NOT NULL,
        decided_at timestamptz NOT NULL,
        reason text,
        field text,
        rule text,
        PRIMARY KEY (topic, partition, "offset")
    )
    """,
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
