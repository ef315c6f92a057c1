"""Breaches that were announced and that a late fact took back, by procedure and day.

Live knowledge, like the announcements themselves: outside generations, and no rebuild makes it again.
"""

from collections.abc import Sequence

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    # `date` is that of the retraction. The organisation is the case's, or the procedure's where the case has none left.
    op.execute("""
        CREATE TABLE retracted_breaches (
            procedure_id text COLLATE "C" NOT NULL,
            organisation_id text COLLATE "C" NOT NULL,
            date date NOT NULL,
            breaches int NOT NULL,
            PRIMARY KEY (procedure_id, date, organisation_id)
        )
    """)
