"""What operators decided about dead letters: those that are settled don't count towards the limit."""

from collections.abc import Sequence

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# A constant default rewrites nothing, and NOT VALID reads nothing: the lock is held for a moment, whatever the size.
_STATEMENTS = (
    """
    ALTER TABLE dead_letters
        ADD COLUMN state text NOT NULL DEFAULT 'open',
        ADD COLUMN decided_by text,
        ADD COLUMN decided_at timestamptz
    """,
    """
    ALTER TABLE dead_letters
        ADD CONSTRAINT dead_letters_state CHECK (state IN ('open', 'redriven', 'discarded')) NOT VALID
    """,
)


def upgrade() -> None:
    for statement in _STATEMENTS:
        op.execute(statement)
