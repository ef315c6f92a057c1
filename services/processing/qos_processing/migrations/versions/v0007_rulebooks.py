"""What calendar and time zone made a generation, every calendar and set of criteria that was in force, and what a
restatement changed.
"""

from collections.abc import Sequence

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# Columns without a default, or with a constant one, rewrite nothing. One transaction each: no lock is held while
# another is waited for, and a migration that was killed in between is run again.
_STATEMENTS = (
    # Without a digest nobody has said yet what is behind the version: the next worker of that version does.
    """
    ALTER TABLE generations ADD COLUMN IF NOT EXISTS calendar text, ADD COLUMN IF NOT EXISTS calendar_digest text,
        ADD COLUMN IF NOT EXISTS time_zone text
    """,
    # Results of a release that kept no calendar: their latest assessment names it.
    """
    UPDATE generations SET calendar = (
        SELECT live #>> '{lineage,calendar}' FROM levels ORDER BY assessed_at DESC LIMIT 1
    ) WHERE status = 'live'
    """,
    """
    CREATE TABLE IF NOT EXISTS rulebooks (
        kind text NOT NULL CHECK (kind IN ('calendar', 'criteria')),
        version text COLLATE "C" NOT NULL,
        digest text NOT NULL,
        content text NOT NULL,
        first_used_at timestamptz NOT NULL,
        published_at timestamptz,
        PRIMARY KEY (kind, version)
    )
    """,
    # Null: an event changed the figures.
    "ALTER TABLE touched_procedures ADD COLUMN IF NOT EXISTS cause text",
    # A restatement changed the assessment since the last daily one.
    "ALTER TABLE levels ADD COLUMN IF NOT EXISTS restated boolean NOT NULL DEFAULT false",
)


def upgrade() -> None:
    with op.get_context().autocommit_block():
        for statement in _STATEMENTS:
            op.execute(statement)
