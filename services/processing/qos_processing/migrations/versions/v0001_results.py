"""Positions, registry, cases, day buckets, levels, and what goes out.

All that is folded from the log belongs to a generation: changed logic is a new generation beside the live one, never a
mixture (architecture, decisions 3 and 7). What was announced or published is outside generations.
"""

from collections.abc import Sequence

from alembic import op

from qos_domain.contributions import LOGIC_VERSION

revision = "0001"
down_revision = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_LEVEL_COLUMNS = ", ".join(
    f"{principle}_{reading}{suffix} smallint"
    f" GENERATED ALWAYS AS ((live #>> '{{principles,{principle},{reading},{field}}}')::smallint) STORED"
    for principle in ("faster", "simpler", "easier")
    for reading in ("declared", "evidenced")
    for suffix, field in (("", "level"), ("_possible", "possible_level"))
)

# Names are compared byte by byte: it is what Python's order is, and the fastest.
_TABLES = (
    """
    CREATE TABLE generations (
        generation int PRIMARY KEY,
        status text NOT NULL CHECK (status IN ('live', 'building', 'old')),
        logic_version int NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now()
    )
    """,
    "CREATE UNIQUE INDEX generations_one_live ON generations (status) WHERE status = 'live'",
    # The lock of all that concerns a partition number: every transaction that writes its results holds this row.
    # `live` repeats the generation's status where the lock can see it change. `revision` grows with every batch that
    # changed something, `registry_revision` with every batch that changed the registry.
    """
    CREATE TABLE partition_state (
        generation int NOT NULL REFERENCES generations,
        partition int NOT NULL,
        live boolean NOT NULL,
        logic_version int NOT NULL,
        revision bigint NOT NULL DEFAULT 0,
        registry_revision bigint NOT NULL DEFAULT 0,
        outbox_seq bigint NOT NULL DEFAULT 0,
        updated_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (generation, partition)
    ) WITH (fillfactor = 20)
    """,
    """
    CREATE TABLE partition_offsets (
        generation int NOT NULL,
        partition int NOT NULL,
        topic text NOT NULL,
        topic_id uuid,
        next_offset bigint NOT NULL DEFAULT 0,
        last_appended_at timestamptz,
        processed_at timestamptz,
        PRIMARY KEY (generation, partition, topic),
        FOREIGN KEY (generation, partition) REFERENCES partition_state
    ) WITH (fillfactor = 20)
    """,
    """
    CREATE TABLE procedure_facts (
        generation int NOT NULL,
        procedure_id text COLLATE "C" NOT NULL,
        source text COLLATE "C" NOT NULL,
        id text COLLATE "C" NOT NULL,
        fact text NOT NULL,
        PRIMARY KEY (generation, procedure_id, source, id)
    )
    """,
    # The version in force, or the first one before that. `next_effective_from`: when the next one comes into force.
    """
    CREATE TABLE procedures (
        generation int NOT NULL,
        procedure_id text COLLATE "C" NOT NULL,
        partition int NOT NULL,
        organisation_id text COLLATE "C" NOT NULL,
        organisation_name_ja text NOT NULL,
        organisation_name_en text,
        organisation_kind text NOT NULL,
        kind text,
        name_ja text NOT NULL,
        name_en text,
        version jsonb NOT NULL,
        effective_from date NOT NULL,
        next_effective_from date,
        retired boolean NOT NULL,
        priority boolean,
        PRIMARY KEY (generation, procedure_id)
    )
    """,
    "CREATE INDEX procedures_by_organisation ON procedures (generation, organisation_id)",
    # `facts` and `contributions` are JSON text that only the fold reads; `contributions` is what the day buckets hold
    # of this case. `next_announcement_at`: when the sweep has to look at it again; null when there is nothing to say.
    """
    CREATE TABLE cases (
        generation int NOT NULL,
        procedure_id text COLLATE "C" NOT NULL,
        application_id text COLLATE "C" NOT NULL,
        partition int NOT NULL,
        facts text NOT NULL,
        contributions text NOT NULL,
        status text NOT NULL,
        reference_date date,
        organisation_id text COLLATE "C",
        channel text,
        online boolean,
        unit text,
        arrival_at timestamptz,
        arrival_date date,
        stop_date date,
        end_date date,
        due_date date,
        breach_date date,
        due_at timestamptz,
        due_soon_date date,
        due_soon_at timestamptz,
        suspended datemultirange NOT NULL DEFAULT '{}',
        result text,
        announced text,
        announced_breach_date date,
        announcements int NOT NULL DEFAULT 0,
        next_announcement_at timestamptz,
        PRIMARY KEY (generation, procedure_id, application_id)
    ) PARTITION BY LIST (generation)
    """,
    "CREATE INDEX cases_open ON cases (procedure_id, breach_date) WHERE status = 'open'",
    # What was open on an earlier day: cases open now, and those that ended since.
    "CREATE INDEX cases_ended ON cases (end_date) WHERE status <> 'open'",
    "CREATE INDEX cases_to_announce ON cases (partition, next_announcement_at) WHERE next_announcement_at IS NOT NULL",
    # By measure before date: what is open as of a day is a few measures summed over all days.
    """
    CREATE TABLE day_buckets (
        generation int NOT NULL,
        procedure_id text COLLATE "C" NOT NULL,
        organisation_id text COLLATE "C" NOT NULL,
        date date NOT NULL,
        channel text COLLATE "C" NOT NULL,
        online boolean NOT NULL,
        measure text COLLATE "C" NOT NULL,
        bin int NOT NULL,
        value bigint NOT NULL,
        PRIMARY KEY (generation, procedure_id, measure, date, channel, online, bin, organisation_id)
    ) PARTITION BY LIST (generation)
    """,
    # Day buckets added up over the procedures of an organisation, or over all (`everything`, organisation_id ''): what
    # an answer over 28,000 procedures is read from. They lag behind by what is in `scope_bucket_changes`, and a reader
    # adds that: nobody waits for the row of an organisation, and no answer is of two moments.
    """
    CREATE TABLE scope_buckets (
        generation int NOT NULL,
        everything boolean NOT NULL,
        organisation_id text COLLATE "C" NOT NULL,
        date date NOT NULL,
        channel text COLLATE "C" NOT NULL,
        online boolean NOT NULL,
        measure text COLLATE "C" NOT NULL,
        bin int NOT NULL,
        value bigint NOT NULL,
        PRIMARY KEY (generation, everything, organisation_id, measure, date, channel, online, bin)
    ) PARTITION BY LIST (generation)
    """,
    """
    CREATE TABLE scope_bucket_changes (
        generation int NOT NULL,
        organisation_id text COLLATE "C" NOT NULL,
        date date NOT NULL,
        channel text COLLATE "C" NOT NULL,
        online boolean NOT NULL,
        measure text COLLATE "C" NOT NULL,
        bin int NOT NULL,
        value bigint NOT NULL
    ) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000)
    """,
    # Cases that arrived on or after `from_date` are to be judged anew; done up to and with application id `cursor`.
    """
    CREATE TABLE rejudgements (
        generation int NOT NULL,
        procedure_id text COLLATE "C" NOT NULL,
        partition int NOT NULL,
        from_date date NOT NULL,
        cursor text COLLATE "C" NOT NULL DEFAULT '',
        PRIMARY KEY (generation, procedure_id)
    )
    """,
    # Procedures whose figures changed since they were last assessed, at which `revision` of their partition.
    """
    CREATE TABLE touched_procedures (
        generation int NOT NULL,
        procedure_id text COLLATE "C" NOT NULL,
        partition int NOT NULL,
        revision bigint NOT NULL,
        PRIMARY KEY (generation, procedure_id)
    ) WITH (fillfactor = 50)
    """,
    # The quality map lists and counts by these without opening the documents.
    f"""
    CREATE TABLE levels (
        procedure_id text COLLATE "C" PRIMARY KEY,
        partition int NOT NULL,
        revision bigint NOT NULL,
        assessed_at timestamptz NOT NULL,
        as_of date NOT NULL,
        digest bytea NOT NULL,
        live jsonb NOT NULL,
        settled jsonb,
        settled_on date,
        daily_digest bytea,
        {_LEVEL_COLUMNS},
        contradictions int GENERATED ALWAYS AS (
            jsonb_array_length(live #> '{{principles,faster,contradictions}}')
            + jsonb_array_length(live #> '{{principles,simpler,contradictions}}')
            + jsonb_array_length(live #> '{{principles,easier,contradictions}}')
        ) STORED
    ) WITH (fillfactor = 70)
    """,
    # Daily assessments. One that says the same as that of the day before isn't kept again: a row stands until the next.
    """
    CREATE TABLE assessments (
        procedure_id text COLLATE "C" NOT NULL,
        as_of date NOT NULL,
        assessment jsonb NOT NULL,
        assessed_at timestamptz NOT NULL,
        PRIMARY KEY (procedure_id, as_of)
    )
    """,
    # The day that is being (or was last) assessed in a partition, done up to and with procedure id `cursor`.
    """
    CREATE TABLE daily_runs (
        partition int PRIMARY KEY,
        as_of date NOT NULL,
        cursor text COLLATE "C" NOT NULL DEFAULT '',
        finished boolean NOT NULL DEFAULT false
    )
    """,
    """
    CREATE TABLE outbox (
        partition int NOT NULL,
        seq bigint NOT NULL,
        topic text NOT NULL,
        key bytea NOT NULL,
        event_id text NOT NULL,
        value bytea NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (partition, seq)
    ) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000)
    """,
    """
    CREATE TABLE dead_letters (
        topic text NOT NULL,
        partition int NOT NULL,
        "offset" bigint NOT NULL,
        reason text NOT NULL,
        field text NOT NULL,
        rule text NOT NULL,
        key bytea,
        value bytea,
        headers jsonb NOT NULL,
        appended_at timestamptz NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (topic, partition, "offset")
    )
    """,
)

# A generation's own tables. A row that changes stays on its page where there is room (no index is touched), and isn't
# compressed: it is rewritten with every event of the case.
_FIRST_GENERATION = (
    f"INSERT INTO generations (generation, status, logic_version) VALUES (1, 'live', {LOGIC_VERSION})",  # noqa: S608 - our own number
    "CREATE TABLE cases_g1 PARTITION OF cases FOR VALUES IN (1) WITH (fillfactor = 80, toast_tuple_target = 8000)",
    "CREATE TABLE day_buckets_g1 PARTITION OF day_buckets FOR VALUES IN (1) WITH (fillfactor = 70)",
    "CREATE TABLE scope_buckets_g1 PARTITION OF scope_buckets FOR VALUES IN (1) WITH (fillfactor = 70)",
)


def upgrade() -> None:
    for statement in (*_TABLES, *_FIRST_GENERATION):
        op.execute(statement)
