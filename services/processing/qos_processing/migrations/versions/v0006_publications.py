"""Monthly publications, and what was restated of them. Outside generations, and never changed: the database refuses.

A publication is one with its row in `publications`, which is written last. What is in `publication_statements` without
that was broken off, and may be deleted.
"""

from collections.abc import Sequence

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# `content` is the event's data in canonical JSON, as it was sent: the digests are made of these bytes.
_TABLES = (
    """
    CREATE TABLE publications (
        publication_id text COLLATE "C" PRIMARY KEY,
        period text COLLATE "C" NOT NULL UNIQUE,
        as_of date NOT NULL,
        issued_at timestamptz NOT NULL,
        content text NOT NULL
    )
    """,
    """
    CREATE TABLE publication_statements (
        publication_id text COLLATE "C" NOT NULL,
        scope text COLLATE "C" NOT NULL CHECK (scope IN ('procedure', 'organisation', 'all')),
        id text COLLATE "C" NOT NULL,
        organisation_id text COLLATE "C",
        digest text NOT NULL,
        content text NOT NULL,
        PRIMARY KEY (publication_id, scope, id)
    )
    """,
    """
    CREATE TABLE publication_restatements (
        publication_id text COLLATE "C" NOT NULL,
        scope text COLLATE "C" NOT NULL,
        id text COLLATE "C" NOT NULL,
        restated_at timestamptz NOT NULL,
        causes text[] NOT NULL,
        content text NOT NULL,
        PRIMARY KEY (publication_id, scope, id, restated_at)
    )
    """,
)
_REFUSE = """
    CREATE FUNCTION refuse_change_of_publication() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'what was published does not change: % of % is refused', lower(TG_OP), TG_TABLE_NAME
            USING ERRCODE = 'restrict_violation', HINT = 'Restate it: qos restate';
    END $$
"""
_REFUSE_IF_COMPLETED = """
    CREATE FUNCTION refuse_change_of_completed_publication() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (SELECT FROM publications WHERE publication_id = coalesce(NEW.publication_id, OLD.publication_id))
        THEN
            RAISE EXCEPTION 'what was published does not change: % of % is refused', lower(TG_OP), TG_TABLE_NAME
                USING ERRCODE = 'restrict_violation', HINT = 'Restate it: qos restate';
        END IF;
        RETURN coalesce(NEW, OLD);
    END $$
"""
_CHANGES = {
    "publications": "UPDATE OR DELETE",
    "publication_statements": "UPDATE",
    "publication_restatements": "UPDATE OR DELETE",
}


def upgrade() -> None:
    for statement in (*_TABLES, _REFUSE, _REFUSE_IF_COMPLETED):
        op.execute(statement)
    for table, changes in _CHANGES.items():
        op.execute(
            f"CREATE TRIGGER {table}_stand BEFORE {changes} ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION refuse_change_of_publication()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_stay BEFORE TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_publication()"
        )
    op.execute(
        "CREATE TRIGGER publication_statements_complete BEFORE INSERT OR DELETE ON publication_statements"
        " FOR EACH ROW EXECUTE FUNCTION refuse_change_of_completed_publication()"
    )
