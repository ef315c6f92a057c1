"""Recoveries after a loss: that one has begun, so that it may be run again, and what came of it."""

from collections.abc import Sequence

from alembic import op

revision = "0010"
down_revision = "0006"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    # `finished_at` null: it goes on, or was killed; then no generation is live.
    op.execute("""
        CREATE TABLE recoveries (
            started_at timestamptz PRIMARY KEY DEFAULT now(),
            finished_at timestamptz,
            report jsonb
        )
    """)
